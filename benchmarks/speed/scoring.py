"""Seconds and memory that scores of samples take, beside drawing them.

    python benchmarks/speed/scoring.py [--samples 10000 50000] [--backend tensorflow ...]
    python benchmarks/tables.py scoring             # the table, from the records there are

Each count runs in a process of its own: random images of 28x28 through an untrained classifier of
the usual size into a `Summary`, then the Fréchet distance and, of the 10,000 that are kept,
precision, recall, density and coverage.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from benchmarks.speed import harness  # noqa: E402
from zoo import BACKENDS  # noqa: E402

SHAPE, PART = (28, 28, 1), 500  # images at a time
STAGES = ("features and moments", "Fréchet distance", "neighbourhoods")


def measure(count: int) -> dict[str, float]:
    """Seconds of each stage, and the GiB that the process held at most."""
    import numpy as np

    from zoo.metrics import distances
    from zoo.metrics.classifier import Classifier, build_network
    from zoo.metrics.samples import summarise

    about = {"dataset": "noise", "class_names": list(range(10)), "image_shape": SHAPE}
    classifier = Classifier(build_network(SHAPE, 10), "", about)
    rng = np.random.default_rng(0)

    def batches(count: int) -> Iterator[tuple[np.ndarray, None]]:
        for _ in range(0, count, PART):
            yield rng.integers(0, 256, (PART, *SHAPE), dtype="uint8"), None

    real = summarise(classifier, batches(1_000))  # compiles, too
    ends = [time.perf_counter()]
    drawn = summarise(classifier, batches(count))
    ends.append(time.perf_counter())
    distances.frechet_distance(real.mean, real.covariance, drawn.mean, drawn.covariance)
    ends.append(time.perf_counter())
    distances.Neighbourhoods(drawn.features).scores(drawn.features)
    ends.append(time.perf_counter())
    seconds = [after - before for before, after in zip(ends, ends[1:], strict=False)]
    return {**dict(zip(STAGES, seconds, strict=True)), "peak": harness.peak()}


def table() -> str:
    from benchmarks.tables import markdown_table

    found = harness.records("scoring-*").values()
    rows = [
        [f"{r['count']:,}", r["backend"], *(f"{r[s]:.1f}" for s in STAGES), f"{r['peak']:.2f}"]
        for r in sorted(found, key=lambda r: (BACKENDS.index(r["backend"]), r["count"]))
    ]
    return markdown_table(["images", "backend", *(f"{s}, s" for s in STAGES), "GiB"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, nargs="*", default=[10_000, 50_000])
    parser.add_argument("--backend", nargs="*", choices=BACKENDS, default=["tensorflow"])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.samples[0])))
        return
    for backend in options.backend:
        for count in options.samples:
            words = ["--one", f"--samples={count}"]
            found = harness.apart(__file__, words, backend, options.threads)
            record = {"count": count, "backend": backend, "threads": options.threads, **found}
            print(harness.keep(f"scoring-{count}-{backend}", record).name, found, flush=True)


if __name__ == "__main__":
    main()
