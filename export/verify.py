"""Does the exported file draw what the trained model drew? Checked with the runtime alone.

`reference.npz` beside the files holds inputs and the training backend's output of every exported
graph, for several batch sizes. `python -m export.verify FOLDER` runs the check in a process that
has imported nothing but numpy and onnxruntime.
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


def write_reference(path, sampler):
    """Stores inputs and outputs of each of a `RunSampler`'s graphs, for the sizes of `BATCHES`."""
    arrays = {}
    for batch in BATCHES:
        labels = np.arange(batch) % max(1, len(sampler.class_names))
        inputs = sampler.noise(batch, labels, seed=batch)
        images = sampler.draw(inputs)
        for graph in sampler.graphs:
            # An encoder is tried on what the generator drew, of the same labels.
            known = {**inputs, "image": images}
            given = {name: known[name] for name in sampler.inputs_of(graph)}
            arrays.update({f"{graph}/{batch}/in/{name}": value for name, value in given.items()})
            arrays[f"{graph}/{batch}/out"] = sampler.run(graph, given)
    np.savez_compressed(path, **arrays)


def verify(folder):
    """Runs every exported graph on the reference's inputs.

    Args:
        folder: of `model.onnx`, `reference.npz` and what else was exported.

    Returns:
        Dict with the tolerance, the errors per file and batch, the files' sha256 and versions.

    Raises:
        FailedError: a batch differs by more than `TOLERANCE`, or a file was changed since.
    """
    path = Path(folder)
    folder = path if path.is_dir() else path.parent
    if path not in (folder, folder / runtime.FILE) or not (folder / REFERENCE).is_file():
        raise RequestError(
            f"An exported folder holds {runtime.FILE} and {REFERENCE}. Received: {path}"
        )
    reference = _read_reference(folder / REFERENCE)
    names = [runtime.FILE, *(n for n in sorted(reference) if n != runtime.FILE)]
    expected = _expected(folder / REPORT)
    errors, digests = {}, {}
    for name in names:
        if not (folder / name).is_file():
            raise RequestError(f"An exported folder holds {name}. Received: {path}")
        digests[name] = files.sha256(folder / name)
        if expected.get(name, digests[name]) != digests[name]:
            raise FailedError(
                f"{name} must have the sha256 that {REPORT} names. Received: {digests[name]}"
            )
        try:
            graph = runtime.OnnxGraph(folder / name)
        except ValueError as error:
            raise RequestError(str(error)) from error
        errors[name] = _compare(graph, reference.get(name, {}), folder / REFERENCE)
    worst = max(error["max"] for batches in errors.values() for error in batches.values())
    if not worst <= TOLERANCE:
        raise FailedError(
            f"The exported graph must match the trained model within {TOLERANCE:g}. "
            f"Received: a difference of {worst:.3g}"
        )
    return {
        "tolerance": TOLERANCE,
        "errors": errors,
        "sha256": digests,
        "provider": graph.session.get_providers()[0],
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "onnxruntime": graph.version,
        },
    }


def _read_reference(path):
    """Dict of file name to {array name: array}."""
    arrays = {}
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as reference:
            for key in reference:
                graph, rest = key.split("/", 1)
                arrays.setdefault(f"{graph}.onnx", {})[rest] = reference[key]
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _no_reference(path, error) from error
    return arrays


def _compare(graph, reference, path):
    """The largest and the mean difference of a graph's output, per batch size: see `TOLERANCE`."""
    errors = {}
    try:
        for batch in BATCHES:
            inputs = {name: reference[f"{batch}/in/{name}"] for name in graph.inputs}
            expected = reference[f"{batch}/out"]
            difference = np.abs(graph.run(inputs) - expected) / max(1.0, np.abs(expected).max())
            errors[str(batch)] = {"max": float(difference.max()), "mean": float(difference.mean())}
    except (ValueError, KeyError) as error:
        raise _no_reference(path, error) from error
    return errors


def _no_reference(path, error):
    return RequestError(f"{REFERENCE} must be what `export` wrote. Received: {path} ({error})")


def _expected(report):
    """The sha256 of each file that an earlier report names."""
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
