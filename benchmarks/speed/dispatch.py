"""Several steps of `fit` in one call, against single steps.

    python benchmarks/speed/dispatch.py [--model gan ...] [--backend jax ...] [--threads 1]
    python benchmarks/tables.py dispatch             # the table, from the records there are

The same model is built twice, and both train in turn. On TensorFlow and on a GPU with JAX `train`
takes eight steps of a small model in a call; on a processor with JAX it takes one.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from benchmarks.speed import harness, training  # noqa: E402

MODELS = ("gan", "vae", "dcgan")
BACKENDS = ("tensorflow", "jax")  # PyTorch takes one step at a time
AT_ONCE = 8


def measure(name: str, backend: str, rounds: int) -> dict[str, Any]:
    """Seconds of so many steps, in calls of several and in calls of one."""
    entry, batches, values = training.batches_of(name, training.SETTINGS[name], 28)
    several, single = (
        training.fitting(training.build(entry, batches, values), batches, at_once)
        for at_once in (AT_ONCE, 1)
    )
    steps = AT_ONCE
    ways = {"several": lambda: several(steps), "single": lambda: single(steps)}
    short = harness.measure(ways, 2)
    steps = AT_ONCE * max(1, round(training.SECONDS / min(short["single"])))
    return {"steps": steps, "seconds": harness.measure(ways, rounds)}


def table() -> str:
    from benchmarks.tables import markdown_table

    records = harness.records("dispatch-*")
    rows = []
    for name in MODELS:
        for backend in BACKENDS:
            record = records.get(f"dispatch-{name}-{backend}")
            if record:
                single = statistics.median(record["seconds"]["single"]) / record["steps"]
                told = harness.told(record["ratio"])
                rows.append([f"`{name}`", backend, f"{1000 * single:.2f}", told])
    return markdown_table(["model", "backend", "ms a single step", "speed of eight at once"], rows)


def main() -> None:
    parser = harness.parser(__doc__, MODELS, BACKENDS, 7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--part", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(measure(options.model[0], options.backend[0], options.rounds)))
        return
    for name in options.model:
        for backend in options.backend:  # a process each: Keras cannot switch
            part = ["--part", f"--rounds={options.rounds}", "--model", name, "--backend", backend]
            record = harness.apart(__file__, part, backend, options.threads)
            record["ratio"] = harness.ratio(record["seconds"], "several", "single")
            record["threads"] = options.threads
            print(harness.keep(f"dispatch-{name}-{backend}", record).name, record["ratio"])


if __name__ == "__main__":
    main()
