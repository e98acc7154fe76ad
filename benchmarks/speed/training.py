"""Images per second of `fit` against hand-written loops: the table in docs/speed.md.

    python benchmarks/speed/training.py [--model dcgan ...] [--backend jax ...] [--threads 1]
    python benchmarks/tables.py training             # the table, from the records there are

Three ways train the same networks at the same settings, in turn: `fit` as `train` calls it; an
expert's loop, in the backend's own terms from the first line (`expert_*.py`); and a plain loop over
Keras networks (`plain.py`). All three also make their batches. "Share of the peak" is the step's
floating-point operations, as XLA counts them in the expert's loop for JAX, over the time `fit`
takes, relative to numpy's matrix product on as many threads.
"""

import argparse
import importlib
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from benchmarks.speed import harness  # noqa: E402
from zoo import BACKENDS  # noqa: E402

# Away from the default preset: what the papers take.
SETTINGS = {
    "gan": (), "dcgan": (), "wgan_gp": ("n_critic=5",), "vae": (),
    "iwae": ("k=50", "gradient=plain"), "draw": (), "pix2pix": (),
}  # fmt: skip
SIDES = {"pix2pix": 128}
SECONDS = 1.5  # of a round


def batches_of(
    name: str, settings: Iterable[str], side: int, different: int = 20
) -> tuple[Any, Any, dict[str, Any]]:
    """The registered model, so many batches of square images of noise, and its hyperparameters."""
    import numpy as np

    from zoo import registry
    from zoo.data import Dataset

    entry = registry.entry(name)
    plain = harness.without_dense(entry.hyperparameters)
    # The expert's loops, and the figures that there are, have dropout in `gan` and no penalty.
    plain += ["batch_size=64", "dropout=0.5", "r1=0"] if name == "gan" else []
    values = entry.configure("default", [*plain, *settings])
    channels = 3 if entry.cls.translates else 1
    count = values["batch_size"] * values.get("n_critic", 1) * different
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (count, side, side, channels), dtype=np.uint8)
    labels = None if entry.cls.translates else rng.integers(0, 10, count, dtype=np.int32)
    inputs = images[::-1] if entry.cls.translates else None
    names = () if entry.cls.translates else tuple("0123456789")
    data = Dataset("noise", images, labels, names, "", inputs=inputs)
    return entry, entry.cls.batches(data, values, 0), values


def build(entry: Any, batches: Any, values: dict[str, Any]) -> Any:
    data = batches.dataset
    channels = None if data.inputs is None else data.inputs.shape[-1]
    return entry.build(
        values,
        image_shape=data.image_shape,
        num_classes=data.num_classes,
        input_channels=channels,
    )


def fitting(model: Any, batches: Any, at_once: int) -> Callable[[int], None]:
    """A function that trains for so many steps with Keras' `fit`, so many of them in a call."""
    import keras

    from zoo.backend import fit_data
    from zoo.training.loop import fed

    model.compile(steps_per_execution=at_once)
    stream_from = fed(model, batches)

    def train(steps: int) -> None:
        stream = fit_data(stream_from(0), steps)
        keras.Model.fit(model, stream, steps_per_epoch=steps, shuffle=False, verbose=0)

    return train


def measure(name: str, backend: str, rounds: int, threads: int) -> None:
    from zoo.backend import steps_per_execution

    entry, batches, values = batches_of(name, SETTINGS[name], SIDES.get(name, 28))
    steps = steps_per_execution()
    train = fitting(build(entry, batches, values), batches, steps)

    def fit() -> None:
        train(steps)

    def loop(run: Callable[[list[Any]], None], with_labels: bool) -> Callable[[], None]:
        def way() -> None:
            stream = batches.from_step(0)
            made = [next(stream) for _ in range(steps)]
            run(made if with_labels else [batch[0] for batch in made])

        return way

    expert = importlib.import_module(f"benchmarks.speed.expert_{backend}")
    plain = importlib.import_module("benchmarks.speed.plain")
    ways = {
        "fit": fit,
        "expert": loop(expert.run(name), entry.cls.translates),
        "plain": loop(plain.run(build(entry, batches, values), backend), True),
    }
    short = harness.measure(ways, 2)
    step_seconds = min(min(times) for times in short.values()) / steps
    steps = max(1, round(SECONDS / step_seconds / steps)) * steps
    seconds = harness.measure(ways, rounds)
    record = {
        "model": name,
        "backend": backend,
        "settings": list(SETTINGS[name]),
        "threads": threads,
        "batch_size": batches.batch_size,
        "steps": steps,
        "seconds": seconds,
        "matrix_rate": harness.matrix_rate(),
        "operations": operations(name, batches),
        "ratios": {way: harness.ratio(seconds, "fit", way) for way in ways if way != "fit"},
    }
    path = harness.keep(f"training-{name}-{backend}", record)
    print(path.name, speed(record), record["ratios"], flush=True)


def operations(name: str, batches: Any) -> float:
    """Floating-point operations of a step."""
    from benchmarks.speed import expert_jax

    batch = next(batches.from_step(0))
    return expert_jax.operations(name, batch if name == "pix2pix" else batch[0])


def speed(record: dict[str, Any]) -> float:
    """Images a second of `fit`, the median of the rounds."""
    count = record["steps"] * record["batch_size"]
    return count / statistics.median(record["seconds"]["fit"])


def table() -> str:
    """The records as a table, and a line on where they come from."""
    from benchmarks.tables import markdown_table

    records = harness.records("training-*")
    rows = []
    for name in SETTINGS:
        for backend in BACKENDS:
            record = records.get(f"training-{name}-{backend}")
            if record is None:
                continue
            cells = [f"`{name}`" + "".join(f", {s}" for s in record["settings"]), backend]
            cells.append(f"{speed(record):,.0f}")
            for way in ("expert", "plain"):
                each = record["ratios"].get(way)
                cells.append(harness.told(each) if each else "")
            count = record["operations"]
            if count is None:
                cells += ["", ""]
            else:
                rate = count * speed(record) / record["batch_size"]
                cells += [f"{count / record['batch_size'] / 1e6:,.0f}"]
                cells += [f"{rate / record['matrix_rate']:.0%}"]
            rows.append(cells)
    heads = ["model", "backend", "images/s", "times the expert's loop", "times a plain loop"]
    return markdown_table([*heads, "MFLOP an image", "share of the peak"], rows)


def main() -> None:
    parser = harness.parser(__doc__, SETTINGS, BACKENDS, 7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options.model[0], options.backend[0], options.rounds, options.threads)
        return
    for name in options.model:
        for backend in options.backend:  # a process each: Keras cannot switch
            command = [sys.executable, __file__, "--one", f"--rounds={options.rounds}"]
            command += [f"--threads={options.threads}", "--model", name, "--backend", backend]
            environment = harness.environment(backend, options.threads)
            done = subprocess.run(command, env=environment, check=False)
            if done.returncode:
                print(f"{name} on {backend} failed", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
