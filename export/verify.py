"""Does the exported file draw what the trained model drew? Checked with the runtime alone.

`reference.npz` beside the files holds inputs and the training backend's output of every exported
graph, for several batch sizes. `python -m export.verify FOLDER` runs the check in a process that
has imported nothing but numpy and the runtimes.
"""

import json
import platform
import sys
import zipfile
from pathlib import Path

import numpy as np

from export import runtime
from zoo import files
from zoo.errors import FailedError, RequestError

BATCHES = (1, 5, 64)
# Largest absolute difference of a pixel in [0, 1], fp32. Codes and points have no such range: their
# differences are taken relative to the largest value of the output, where that is above 1.
TOLERANCE = 1e-5
REFERENCE = "reference.npz"
REPORT = "verification.json"


def cases(inputs):
    """What a model of these inputs is tried on: dict of a name to (batch, size).

    The size is None, but for models that translate: then (height, width), of the training and more.
    """
    name = runtime.image_input(inputs)
    if name is None:
        return {str(batch): (batch, None) for batch in BATCHES}
    height, width, _ = inputs[name]["shape"]
    wider, both = width + inputs[name]["multiple"], (height, width)
    sizes = [(1, both), (5, both), (2, (height, wider))]
    return {f"{batch} of {w}x{h}": (batch, (h, w)) for batch, (h, w) in sizes}


def write_reference(path, sampler):
    """Stores inputs and outputs of each of a `RunSampler`'s graphs, for all `cases`."""
    arrays = {}
    for case, (batch, size) in cases(sampler.inputs).items():
        labels = np.arange(batch) % max(1, len(sampler.class_names))
        inputs = sampler.noise(batch, labels, batch, size)
        images = sampler.draw(inputs)
        for graph in sampler.graphs:
            # An encoder is tried on what the generator drew, of the same labels.
            known = {**inputs, "image": images}
            given = {name: known[name] for name in sampler.inputs_of(graph)}
            arrays.update({f"{graph}/{case}/in/{name}": value for name, value in given.items()})
            arrays[f"{graph}/{case}/out"] = sampler.run(graph, given)
    np.savez_compressed(path, **arrays)


def verify(folder):
    """Runs every exported graph on the reference's inputs.

    Args:
        folder: of `model.onnx` or `model.tflite`, or both, `reference.npz` and what else was
            exported.

    Returns:
        Dict with the tolerance, the errors per file and case, the files' sha256 and versions.

    Raises:
        FailedError: a batch differs by more than `TOLERANCE`, or a file was changed since.
    """
    path = Path(folder)
    folder = path if path.is_dir() else path.parent
    models = [name for name in runtime.FILES if (folder / name).is_file()]
    known = (folder, *(folder / name for name in models))
    if path not in known or not models or not (folder / REFERENCE).is_file():
        raise RequestError(
            f"An exported folder holds {' or '.join(runtime.FILES)} and {REFERENCE}. "
            f"Received: {path}"
        )
    reference = _read_reference(folder / REFERENCE)
    expected = reported(folder)
    names = [f"{graph}{Path(model).suffix}" for model in models for graph in sorted(reference)]
    missing = [name for name in (*names, *expected) if not (folder / name).is_file()]
    if missing:
        raise RequestError(f"An exported folder holds {missing[0]}. Received: {path}")
    digests = {name: files.sha256(folder / name) for name in names}
    for name, digest in digests.items():
        if expected.get(name, digest) != digest:
            raise FailedError(
                f"{name} must have the sha256 that {REPORT} names. Received: {digest}"
            )
    errors, versions = {}, {}
    tried = _open(folder / models[0]).inputs
    for name in names:
        graph = _open(folder / name)
        arrays = reference[Path(name).stem]
        errors[name] = _compare(graph, arrays, cases(tried), folder / REFERENCE)
        versions[graph.runtime] = f"{graph.version} ({graph.provider})"
    worst = max(error["max"] for each in errors.values() for error in each.values())
    if not worst <= TOLERANCE:
        raise FailedError(
            f"The exported graph must match the trained model within {TOLERANCE:g}. "
            f"Received: a difference of {worst:.3g}"
        )
    return {
        "tolerance": TOLERANCE,
        "errors": errors,
        "sha256": digests,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            **versions,
        },
    }


def _open(path):
    try:
        return runtime.open_graph(path)
    except ValueError as error:
        raise RequestError(str(error)) from error


def _read_reference(path):
    """Dict of graph name to {array name: array}."""
    arrays = {}
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as reference:
            for key in reference:
                graph, rest = key.split("/", 1)
                arrays.setdefault(graph, {})[rest] = reference[key]
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _no_reference(path, error) from error
    return arrays


def _compare(graph, reference, tried, path):
    """The largest and the mean difference of a graph's output, per case: see `TOLERANCE`."""
    errors = {}
    try:
        for case in tried:
            inputs = {name: reference[f"{case}/in/{name}"] for name in graph.inputs}
            expected = reference[f"{case}/out"]
            difference = np.abs(graph.run(inputs) - expected) / max(1.0, np.abs(expected).max())
            errors[case] = {"max": float(difference.max()), "mean": float(difference.mean())}
    except (ValueError, KeyError) as error:
        raise _no_reference(path, error) from error
    return errors


def _no_reference(path, error):
    return RequestError(f"{REFERENCE} must be what `export` wrote. Received: {path} ({error})")


def reported(folder):
    """Dict of file name to sha256, of what an earlier report in a folder names."""
    report = Path(folder) / REPORT
    if not report.is_file():
        return {}
    try:
        return dict(json.loads(report.read_text())["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f"{REPORT} must be what `export` wrote. Received: {report} ({error})"
        ) from error


if __name__ == "__main__":
    try:
        files.write_json(Path(sys.argv[1]) / REPORT, verify(sys.argv[1]))
    except (FailedError, RequestError) as failure:
        sys.exit(str(failure))
