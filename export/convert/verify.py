"""Does the exported file draw what the trained model drew? Checked with the runtime alone.

`reference.npz` beside the files holds inputs and the training backend's output of every exported
graph, for several batch sizes. `python -m export.convert.verify FOLDER [--force]` runs the check
in a process that has imported nothing but numpy and the runtimes, takes the time of each file and
writes the report.
"""

import json
import math
import platform
import sys
import time
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
# The least peak signal-to-noise ratio of the smaller precisions, in dB, and how many times the
# milliseconds of fp32 they may take: more is no gain to anybody.
FLOORS = {"fp16": 50.0, "int8": 30.0}
SLOWER = 1.2
UNSEEN = 0.1  # milliseconds, by which a file may be slower in any case
TIMED = (1, 16)  # batches
SECONDS = 1.0  # for the timing of one batch, of all files together
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


def examples(folder):
    """Dict of graph name to the inputs of the reference's largest batch, that int8 learns from."""
    found = {}
    for graph, arrays in _read_reference(Path(folder) / REFERENCE).items():
        cases = {key.split("/")[0]: len(value) for key, value in arrays.items()}
        inputs = f"{max(cases, key=cases.get)}/in/"
        found[graph] = {
            k.removeprefix(inputs): v for k, v in arrays.items() if k.startswith(inputs)
        }
    return found


def file_name(graph, precision, suffix):
    """The name of an exported file: model_int8.onnx of ("model", "int8", ".onnx")."""
    return f"{graph}{suffix}" if precision == "fp32" else f"{graph}_{precision}{suffix}"


def parts(name):
    """(graph, precision) of the name of an exported file."""
    graph, _, precision = Path(name).stem.rpartition("_")
    return (graph, precision) if precision in FLOORS else (Path(name).stem, "fp32")


def verify(folder, force=False):
    """Runs every exported graph on the reference's inputs.

    Args:
        folder: of `model.onnx` or `model.tflite`, or both, `reference.npz` and what else was
            exported.
        force: whether a smaller precision below its floor passes, as one does that an earlier
            report lists as forced.

    Returns:
        Dict with the tolerance and floors, the errors per file and case, the files' sha256 and
        versions, and of the files that were forced why they would be refused.

    Raises:
        FailedError: a batch differs by more than `TOLERANCE`, a precision is below its floor, or a
            file was changed since.
    """
    folder, reference, names = _exported(Path(folder))
    earlier = _report(folder)
    digests = {name: files.sha256(folder / name) for name in names}
    for name, digest in digests.items():
        if earlier["sha256"].get(name, digest) != digest:
            raise FailedError(
                f"{name} must have the sha256 that {REPORT} names. Received: {digest}"
            )
    errors, versions, below = {}, {}, {}
    tried = cases(_open(folder / next(n for n in names if n in runtime.FILES)).inputs)
    for name in names:
        graph, (stem, precision) = _open(folder / name), parts(name)
        errors[name] = _compare(graph, reference[stem], tried, folder / REFERENCE)
        versions[graph.runtime] = f"{graph.version} ({graph.provider})"
        worst = max(error["max"] for error in errors[name].values())
        if precision == "fp32" and not worst <= TOLERANCE:
            raise FailedError(
                f"The exported graph must match the trained model within {TOLERANCE:g}. "
                f"Received: a difference of {worst:.3g} of {name}"
            )
        psnr = min(error["psnr"] for error in errors[name].values())
        if precision != "fp32" and not psnr >= FLOORS[precision]:
            below[name] = f"{psnr:.1f} dB, and the floor is {FLOORS[precision]:g}"
    if not force:
        refuse({name: why for name, why in below.items() if name not in earlier["forced"]})
    return {
        "tolerance": TOLERANCE,
        "floors": FLOORS,
        "errors": errors,
        "sha256": digests,
        "forced": below,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            **versions,
        },
    }


def _exported(path):
    """(folder, reference, names of the files) of an exported folder, or of one by a model in it."""
    folder = path if path.is_dir() else path.parent
    models = [name for name in runtime.FILES if (folder / name).is_file()]
    known = (folder, *(p for m in models for p in folder.glob(f"model*{Path(m).suffix}")))
    if path not in known or not models or not (folder / REFERENCE).is_file():
        raise RequestError(
            f"An exported folder holds {' or '.join(runtime.FILES)} and {REFERENCE}. "
            f"Received: {path}"
        )
    reference = _read_reference(folder / REFERENCE)
    names = [
        file_name(graph, precision, Path(model).suffix)
        for model in models
        for precision in ("fp32", *FLOORS)
        if (folder / file_name("model", precision, Path(model).suffix)).is_file()
        for graph in sorted(reference)
    ]
    missing = [name for name in (*names, *reported(folder)) if not (folder / name).is_file()]
    if missing:
        raise RequestError(f"An exported folder holds {missing[0]}. Received: {path}")
    return folder, reference, names


def refuse(reasons):
    """Refuses files of smaller precisions, for reasons given as a dict of name to words."""
    if reasons:
        told = "; ".join(f"{name}, {why}" for name, why in reasons.items())
        raise FailedError(
            "A smaller precision draws nearly the same, and no slower, or is --forced. "
            f"Received: {told}"
        )


def measured(folder, names):
    """(bytes, milliseconds): dicts of file name to its size, and to {batch: milliseconds}.

    The files take turns, and the least time of each counts: the others come from what else the
    machine does.
    """
    inputs_of, times = examples(folder), {name: {} for name in names}
    opened = {name: _open(folder / name) for name in names}
    for batch in TIMED:
        runs = {
            name: {k: v[:batch] for k, v in inputs_of[parts(name)[0]].items()} for name in names
        }
        best, end = dict.fromkeys(names, np.inf), time.perf_counter() + SECONDS
        for turn in range(100):
            for name in names:
                start = time.perf_counter()
                opened[name].run(runs[name])
                best[name] = min(best[name], time.perf_counter() - start)
            if turn > 1 and time.perf_counter() > end:
                break
        for name in names:
            times[name][str(len(next(iter(runs[name].values()))))] = round(best[name] * 1e3, 3)
    return {name: (folder / name).stat().st_size for name in names}, times


def slower(milliseconds):
    """Reasons to refuse the files that take longer than the same graph in fp32."""
    longest = {name: list(times.values())[-1] for name, times in milliseconds.items()}
    found = {}
    for name, taken in longest.items():
        full = longest[file_name(parts(name)[0], "fp32", Path(name).suffix)]
        if taken > SLOWER * full and taken > full + UNSEEN:
            found[name] = f"{taken / full:.1f} times the milliseconds of fp32"
    return found


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
    """The largest and the mean difference of a graph's output, and the PSNR in dB, per case."""
    errors = {}
    try:
        for case in tried:
            inputs = {name: reference[f"{case}/in/{name}"] for name in graph.inputs}
            expected = reference[f"{case}/out"]
            difference = np.abs(graph.run(inputs) - expected) / max(1.0, np.abs(expected).max())
            noise = max(float(np.square(difference).mean()), 1e-20)
            errors[case] = {
                "max": float(difference.max()),
                "mean": float(difference.mean()),
                "psnr": round(-10 * math.log10(noise), 2),
            }
    except (ValueError, KeyError) as error:
        raise _no_reference(path, error) from error
    return errors


def _no_reference(path, error):
    return RequestError(f"{REFERENCE} must be what `export` wrote. Received: {path} ({error})")


def reported(folder):
    """Dict of file name to sha256, of what an earlier report in a folder names."""
    return _report(folder)["sha256"]


def _report(folder):
    """An earlier report's "sha256" and "forced", dicts by file name, empty where there is none."""
    report = Path(folder) / REPORT
    if not report.is_file():
        return {"sha256": {}, "forced": {}}
    try:
        found = json.loads(report.read_text())
        return {"sha256": dict(found["sha256"]), "forced": dict(found.get("forced", {}))}
    except (ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f"{REPORT} must be what `export` wrote. Received: {report} ({error})"
        ) from error


def main(folder, force=False):
    """Checks and times a new export, and writes its report."""
    folder = Path(folder)
    report = verify(folder, force)
    report["bytes"], report["milliseconds"] = measured(folder, list(report["sha256"]))
    slow = slower(report["milliseconds"])
    if not force:
        refuse(slow)
    report["forced"] = {
        name: ", ".join(each[name] for each in (report["forced"], slow) if name in each)
        for name in {**report["forced"], **slow}
    }
    files.write_json(folder / REPORT, report)


if __name__ == "__main__":
    try:
        main(sys.argv[1], "--force" in sys.argv)
    except (FailedError, RequestError) as failure:
        sys.exit(str(failure))
