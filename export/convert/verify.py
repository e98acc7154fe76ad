"""Does the exported file draw what the trained model drew? Checked with the runtime alone.

Every exported graph is run on the inputs in `reference.npz`, for several batch sizes, and compared
with what the training backend made of them. `python -m export.convert.verify FOLDER [--force]`
runs the check in a process that has imported nothing but numpy and the runtimes, times each file
and writes the report, `verification.json`.
"""

import math
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from export import runtime
from export.convert import report as reports
from export.convert.reference import (
    REFERENCE,
    Cases,
    Reference,
    cases,
    difference,
    largest_case,
)
from export.convert.report import FLOORS, REPORT, Report, file_name, parts
from zoo import files
from zoo.errors import FailedError, RequestError, as_request

TOLERANCE = 1e-5  # the largest `difference` of a graph in fp32
# Where many numbers almost cancel, as in the codes of `aae`, or a little noise decides much, as in
# `dcgan`, the trained model itself is not that exact: it differs from itself by batches of another
# size and by the last digit of its inputs. This many times that is then allowed, up to a bound that
# no rounding reaches.
ROUNDINGS, MOST_ROUNDING = 3, 1e-4
# How many times the milliseconds of fp32 a smaller precision may take.
SLOWER = 1.2
UNSEEN = 0.1  # milliseconds, by which a file may be slower in any case
TIMED = (1, 16)  # batches
SECONDS = 1.0  # for the timing of one batch, of all files together
Errors = dict[str, dict[str, float]]  # by case: "max", "mean" and "psnr"
Times = dict[str, dict[str, float]]  # by file and batch: milliseconds


def verify(folder: Path, force: bool = False) -> Report:
    """Runs every exported graph on the reference's inputs.

    Args:
        folder: one that `export` wrote, with `model.onnx`, `model.tflite` or both, the other
            graphs and `reference.npz`; or the path of a model in it.
        force: whether a smaller precision below its floor passes. One that an earlier report lists
            as forced passes in any case.

    Returns:
        The report: the tolerance and the floors, the errors of each file and case, the files'
        sha256, the versions, and for each file that was forced why it would be refused.

    Raises:
        FailedError: a batch differs by more than `TOLERANCE`, and by more than rounding explains, a
            precision is below its floor, or a file was changed since the export.
        RequestError: the folder is not an export, or is damaged.
    """
    folder, reference, earlier, names = _exported(Path(folder))
    digests = {name: files.sha256(folder / name) for name in names}
    for name, digest in digests.items():
        if earlier["sha256"].get(name, digest) != digest:
            raise FailedError(
                f"{name} was changed after the export: its sha256 is not the one in {REPORT}. "
                f"Received: {digest}"
            )
    errors: dict[str, Errors] = {}
    versions, below = {}, {}
    tried = cases(_open(folder / next(n for n in names if n in runtime.FILES)).inputs)
    for name in names:
        graph, (stem, precision) = _open(folder / name), parts(name)
        errors[name] = _compare(graph, reference, stem, tried)
        versions[graph.runtime] = f"{graph.version} ({graph.provider})"
        worst = max(error["max"] for error in errors[name].values())
        rounding = min(ROUNDINGS * reference.rounding(stem, tried), MOST_ROUNDING)
        limit = max(TOLERANCE, rounding)
        if precision == "fp32" and not worst <= limit:
            raise FailedError(
                f"The exported graph must match the trained model within {limit:.3g}. "
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


def _exported(path: Path) -> tuple[Path, Reference, Report, list[str]]:
    """(folder, reference, earlier report, names of the files) of an export, or of a model in it."""
    folder = path if path.is_dir() else path.parent
    models = [name for name in runtime.FILES if (folder / name).is_file()]
    known = (folder, *(p for m in models for p in folder.glob(f"model*{Path(m).suffix}")))
    if path not in known or not models or not (folder / REFERENCE).is_file():
        raise RequestError(
            f"An exported folder holds {' or '.join(runtime.FILES)}, and {REFERENCE}. "
            f"Received: {path}"
        )
    earlier = reports.read(folder) or {"sha256": {}, "forced": {}}
    reports.require_regular(folder, [REFERENCE])
    reference = Reference(folder)
    names = [
        file_name(graph, precision, Path(model).suffix)
        for model in models
        for precision in ("fp32", *FLOORS)
        if (folder / file_name("model", precision, Path(model).suffix)).is_file()
        for graph in reference.graphs
    ]
    names += [name for name in earlier["sha256"] if name not in names]
    reports.require_regular(folder, names)
    return folder, reference, earlier, names


def refuse(reasons: Mapping[str, str]) -> None:
    """Refuses files of smaller precisions, for reasons given as a dict of file name to words."""
    if reasons:
        told = "; ".join(f"{name}, {why}" for name, why in reasons.items())
        raise FailedError(f"Reduced-precision export rejected (--force keeps it): {told}")


def measured(folder: Path, names: Sequence[str]) -> tuple[dict[str, int], Times]:
    """(bytes, milliseconds) of files: dicts of file name to its size, and to {batch: milliseconds}.

    The files take turns and the shortest time of each counts, because longer ones come from
    whatever else the machine is doing.
    """
    opened = {name: _open(folder / name) for name in names}
    reference = Reference(folder)
    times: Times = {name: {} for name in names}
    case, (largest, size) = largest_case(
        opened[next(name for name in names if name in runtime.FILES)].inputs
    )
    examples = {
        name: reference.inputs(parts(name)[0], graph.inputs, case, largest, size)
        for name, graph in opened.items()
    }
    for batch in TIMED:
        runs = {name: {k: v[:batch] for k, v in examples[name].items()} for name in names}
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


def slower(milliseconds: Times) -> dict[str, str]:
    """Reasons to refuse the files that take longer than the same graph in fp32, by file name."""
    longest = {name: list(times.values())[-1] for name, times in milliseconds.items()}
    found = {}
    for name, taken in longest.items():
        full = longest[file_name(parts(name)[0], "fp32", Path(name).suffix)]
        if taken > SLOWER * full and taken > full + UNSEEN:
            found[name] = f"{taken / full:.1f} times the milliseconds of fp32"
    return found


def _open(path: Path) -> runtime.Graph:
    with as_request():
        return runtime.open_graph(path)


def _compare(graph: runtime.Graph, reference: Reference, name: str, tried: Cases) -> Errors:
    """The largest and the mean difference of a graph's output, and the PSNR in dB, per case."""
    errors: Errors = {}
    for case, (batch, size) in tried.items():
        inputs = reference.inputs(name, graph.inputs, case, batch, size)
        expected = reference.output(name, case, [batch, *graph.output_shape[1:]])
        with as_request():
            drawn = graph.run(inputs)
        if drawn.shape != expected.shape:
            raise RequestError(
                f"{REFERENCE} must be of the same shapes as the graph. Received: {drawn.shape} "
                f"from {name}, {expected.shape} in {reference.path}"
            )
        apart = difference(drawn, expected)
        noise = max(float(np.square(apart).mean()), 1e-20)
        errors[case] = {
            "max": float(apart.max()),
            "mean": float(apart.mean()),
            "psnr": round(-10 * math.log10(noise), 2),
        }
    return errors


def main(folder: Path, force: bool = False) -> None:
    """Checks and times a new export, and writes its report."""
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
        main(Path(sys.argv[1]), "--force" in sys.argv)
    except (FailedError, RequestError) as failure:
        sys.exit(str(failure))
