"""Seconds and memory that scores of samples take, beside drawing them.

    python benchmarks/metrics.py [--samples 10000 50000] [--size 28] [--backend tensorflow]

Each count runs in a process of its own: random images through an untrained classifier of the usual
size into a `Summary`, then the Fréchet distance and, of the 10,000 that are kept, precision,
recall, density and coverage. Memory is the process' largest, less what it had before.
"""

import argparse
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def measure(count: int, size: int) -> None:
    sys.path.insert(0, str(ROOT))
    import numpy as np

    from zoo.metrics import distances
    from zoo.metrics.classifier import Classifier, build_network
    from zoo.metrics.samples import summarise

    shape = (size, size, 1 if size == 28 else 3)
    about = {"dataset": "noise", "class_names": list(range(10)), "image_shape": shape}
    classifier = Classifier(build_network(shape, 10), "", about)
    rng = np.random.default_rng(0)

    def batches(count: int) -> Iterator[tuple[np.ndarray, None]]:
        for start in range(0, count, 500):
            shown = (min(500, count - start), *shape)
            yield rng.integers(0, 256, shown, dtype="uint8"), None

    real = summarise(classifier, batches(1_000))  # compiles, too
    before, started = peak(), time.perf_counter()
    generated = summarise(classifier, batches(count))
    looked = time.perf_counter()
    distances.frechet_distance(real.mean, real.covariance, generated.mean, generated.covariance)
    frechet = time.perf_counter()
    distances.Neighbourhoods(generated.features).scores(generated.features)
    ended = time.perf_counter()
    print(
        f"{count:>7} of {size}x{size}: features and moments {looked - started:.1f} s, "
        f"Fréchet distance {frechet - looked:.2f} s, neighbourhoods {ended - frechet:.1f} s, "
        f"{peak() - before:.0f} MiB"
    )


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--samples", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--size", type=int, default=28)
    parser.add_argument("--backend", default="tensorflow")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.samples[0], options.size)
    else:
        environment = {**os.environ, "KERAS_BACKEND": options.backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
        for count in options.samples:
            command = [sys.executable, __file__, "--one", f"--samples={count}"]
            subprocess.run([*command, f"--size={options.size}"], env=environment, check=True)
