"""What a training step takes, and what memory: against batch, image size and width.

    python benchmarks/speed/scaling.py [--line dcgan-batch ...] [--backend tensorflow ...]
    python benchmarks/tables.py scaling             # the tables, from the records there are
    python benchmarks/tables.py memory

The points of a line are timed in turn in one process, and each trains once more in a process of its
own, whose peak of memory is read: of the GPU where there is one, else of the process, with all that
it imports. Memory grows with the batch as a straight line, and from two batches follows the largest
that fits; for the smallest of `SIZES` that batch is trained, and the peak noted.
"""

import argparse
import json
import math
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from benchmarks.speed import harness  # noqa: E402
from zoo import BACKENDS  # noqa: E402

# A model, what is varied, its values, and the side of the images where that is not varied.
LINES: dict[str, tuple[str, str, tuple[int, ...], int]] = {
    "dcgan-batch": ("dcgan", "batch_size", (16, 64, 256, 1024), 32),
    "dcgan-side": ("dcgan", "side", (32, 64, 128), 0),
    "dcgan-width": ("dcgan", "width", (16, 32, 64, 128), 32),
    "vae-batch": ("vae", "batch_size", (100, 1_000, 10_000), 28),
    "draw-batch": ("draw", "batch_size", (32, 128), 28),
    "pix2pix-side": ("pix2pix", "side", (64, 128, 256), 0),
    "pix2pix-width": ("pix2pix", "width", (16, 32, 64), 128),
}
# A model, the side of its images, and two batches from which others are calculated.
FITS: dict[str, tuple[str, int, tuple[int, int]]] = {
    "dcgan-32": ("dcgan", 32, (256, 1024)),
    "dcgan-64": ("dcgan", 64, (128, 256)),
    "dcgan-128": ("dcgan", 128, (32, 64)),
    "vae-28": ("vae", 28, (4_000, 10_000)),
    "draw-28": ("draw", 28, (64, 256)),
    "pix2pix-256": ("pix2pix", 256, (1, 3)),
}
SIZES = (2, 8, 24)  # GiB
STEPS, ROUNDS = 2, 5
NAMES = {"batch_size": "batch", "side": "image side", "width": "width"}


def point(model: str, key: str, value: int, side: int) -> tuple[str, list[str], int]:
    """(model, settings, side) of a value of a line."""
    if key == "side":
        return model, [], value
    return model, [f"{key}={value}"], side


def trained(model: str, settings: list[str], side: int) -> Any:
    """A function that trains for so many steps."""
    from benchmarks.speed.training import batches_of, build, fitting
    from zoo.backend import steps_per_execution

    entry, batches, values = batches_of(model, settings, side, different=2)
    return fitting(build(entry, batches, values), batches, steps_per_execution())


def peak(point: tuple[str, list[str], int], backend: str) -> float:
    """GiB that the training of a point takes, from a process of its own."""
    return float(harness.apart(__file__, ["--part", json.dumps({"point": point})], backend))


def times(points: list[tuple[str, list[str], int]]) -> dict[str, Any]:
    """Seconds of a step of each point, timed in turn, and what the machine was."""
    from zoo.backend import steps_per_execution

    steps = math.ceil(STEPS / steps_per_execution()) * steps_per_execution()
    each = [trained(*one) for one in points]
    ways = {str(i): lambda train=train: train(steps) for i, train in enumerate(each)}
    seconds = harness.measure(ways, ROUNDS)
    return {
        "seconds": {i: [t / steps for t in found] for i, found in seconds.items()},
        "ratios": {i: harness.ratio(seconds, "0", i) for i in seconds},
    }


def measure_line(name: str, backend: str, threads: int) -> None:
    model, key, values, side = LINES[name]
    points = [point(model, key, value, side) for value in values]
    part = ["--part", json.dumps({"points": points})]
    record = harness.apart(__file__, part, backend, threads)
    record |= {"peaks": [peak(one, backend) for one in points], "threads": threads}
    print(harness.keep(f"scaling-{name}-{backend}", record).name, record["peaks"], flush=True)


def measure_fit(name: str, backend: str) -> None:
    model, side, batches = FITS[name]
    low, high = (peak(point(model, "batch_size", b, side), backend) for b in batches)
    each = (high - low) / (batches[1] - batches[0])
    fixed = low - each * batches[0]
    largest = [max(0, math.floor((size - fixed) / each)) for size in SIZES]
    record: dict[str, Any] = {"peaks": [low, high], "fixed": fixed, "each": each}
    record["largest"] = largest
    if largest[0]:
        record["checked"] = peak(point(model, "batch_size", largest[0], side), backend)
    print(harness.keep(f"memory-{name}-{backend}", record).name, record, flush=True)


def table() -> str:
    from benchmarks.tables import markdown_table

    records = harness.records("scaling-*")
    rows = []
    for name, (model, key, values, side) in LINES.items():
        for backend in BACKENDS:
            record = records.get(f"scaling-{name}-{backend}")
            for i, value in enumerate(values if record else ()):
                assert record is not None
                milliseconds = 1000 * sorted(record["seconds"][str(i)])[ROUNDS // 2]
                cells = [f"`{model}`" + (f" of {side} pixels" if side else ""), backend]
                cells += [f"{NAMES[key]} {value:,}", f"{milliseconds:,.1f}"]
                cells += ["1" if i == 0 else harness.told(record["ratios"][str(i)])]
                rows.append([*cells, f"{record['peaks'][i]:.2f}"])
    heads = ["model", "backend", "with", "ms a step", "times the first", "GiB"]
    return markdown_table(heads, rows)


def memory_table() -> str:
    from benchmarks.tables import markdown_table

    records = harness.records("memory-*")
    rows = []
    for name, (model, side, _) in FITS.items():
        for backend in BACKENDS:
            record = records.get(f"memory-{name}-{backend}")
            if record is None:
                continue
            cells = [f"{count:,}" if count else "none" for count in record["largest"]]
            checked = f"{record['checked']:.2f}" if "checked" in record else ""
            each = f"{1024 * record['each']:.2f}"
            rows.append(
                [f"`{model}` of {side} pixels", backend, f"{record['fixed']:.2f}", each, *cells]
                + [checked]
            )
    heads = ["model", "backend", "GiB without images", "MiB an image"]
    heads += [f"largest batch in {size} GiB" for size in SIZES]
    return markdown_table([*heads, f"GiB measured with that of {SIZES[0]} GiB"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--line", nargs="*", choices=[*LINES, *FITS], default=[*LINES, *FITS])
    parser.add_argument("--backend", nargs="*", choices=BACKENDS, default=list(BACKENDS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--part", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part and "points" in options.part:
        print(json.dumps(times(options.part["points"])))
    elif options.part:
        trained(*options.part["point"])(STEPS)
        print(harness.peak())
    else:
        for name in options.line:
            for backend in options.backend:
                if name in LINES:
                    measure_line(name, backend, options.threads)
                else:
                    measure_fit(name, backend)


if __name__ == "__main__":
    main()
