"""TensorFlow with oneDNN's kernels, as `train` starts it, against TensorFlow without them.

    python benchmarks/speed/kernels.py [--model gan ...]
    python benchmarks/tables.py kernels              # the table, from the records there are

TensorFlow takes these kernels of itself on some processors only, and decides when it is imported:
so each round is two processes, on one thread.
"""

import argparse
import json
import os
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from benchmarks.speed import harness, training  # noqa: E402

STEPS = 8
WAYS = {"with": "1", "without": "0"}


def seconds_of_a_step(name: str) -> float:
    """The median of some calls of `fit`, of this process' TensorFlow."""
    side = training.SIDES.get(name, 28)
    entry, batches, values = training.batches_of(name, training.SETTINGS[name], side)
    fit = training.fitting(training.build(entry, batches, values), batches, STEPS)
    calls = harness.measure({"fit": lambda: fit(STEPS)}, 5)["fit"]
    return statistics.median(calls) / STEPS


def table() -> str:
    from benchmarks.tables import markdown_table

    rows = []
    for record in harness.records("kernels-*").values():
        milliseconds = 1000 * statistics.median(record["seconds"]["without"])
        processor = record["machine"]["processor"]
        told = harness.told(record["ratio"])
        rows.append([f"`{record['model']}`", processor, f"{milliseconds:.1f}", told])
    return markdown_table(["model", "processor", "ms a step without", "speed with them"], rows)


def main() -> None:
    parser = harness.parser(__doc__, training.SETTINGS, ["tensorflow"], 3)
    parser.add_argument("--part", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(seconds_of_a_step(options.model[0])))
        return
    for name in options.model:
        seconds: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(options.rounds):
            for way, value in WAYS.items():
                os.environ["TF_ENABLE_ONEDNN_OPTS"] = value
                part = harness.apart(__file__, ["--part", "--model", name], "tensorflow")
                seconds[way].append(part)
        record = {"model": name, "seconds": seconds}
        record["ratio"] = harness.ratio(seconds, "with", "without")
        print(harness.keep(f"kernels-{name}", record).name, record["ratio"])


if __name__ == "__main__":
    main()
