"""What several devices win: `train` on two devices of the processor against one.

    python benchmarks/speed/devices.py [--backend jax ...] [--devices 2] [--rounds 5]
    python benchmarks/tables.py devices             # the table, from the records there are

Whole trainings of `--short` and of `--long` steps of a batch run in turn on one device and on
several, each device on a thread of its own; the difference between the two lengths is what the
steps take, without the start. Efficiency is the speed over that of one device, divided by the
number of devices.
"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from benchmarks.speed import harness  # noqa: E402
from zoo import BACKENDS  # noqa: E402

MODELS = ("dcgan", "vae")
BATCH = 256


def training(model: str, backend: str, devices: int, steps: int, folder: Path) -> None:
    words = [sys.executable, str(ROOT / "cli.py"), "train", model, "--dataset=fashion_mnist_10k"]
    words += [f"--backend={backend}", f"--devices={devices}", f"--steps={steps}"]
    words += [f"--batch-size={BATCH}", f"--runs-dir={folder}"]
    threads = 1 if backend == "torch" else devices  # there each device has a process of its own
    environment = {**harness.environment(backend, threads), "ZOO_CPU_DEVICES": str(devices)}
    subprocess.run(words, env=environment, check=True, capture_output=True)


def measure(model: str, backend: str, devices: int, steps: tuple[int, int], rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ways = {
            f"{count} devices, {length} steps": (
                lambda count=count, length=length: training(
                    model, backend, count, length, Path(folder)
                )
            )
            for count in (1, devices)
            for length in steps
        }
        seconds = harness.measure(ways, rounds)
    took = {}  # by the steps between the two lengths, as JSON has its keys
    for count in (1, devices):
        short, long = (seconds[f"{count} devices, {n} steps"] for n in steps)
        took[str(count)] = [b - a for a, b in zip(short, long, strict=True)]
    record = {
        "model": model, "backend": backend, "devices": devices, "steps": steps, "seconds": seconds,
        "images_per_second": {
            count: BATCH * (steps[1] - steps[0]) / statistics.median(each)
            for count, each in took.items()
        },
        "ratio": harness.ratio(took, str(devices), "1"),
    }  # fmt: skip
    print(harness.keep(f"devices-{model}-{backend}", record).name, record["ratio"], flush=True)


def table() -> str:
    from benchmarks.tables import markdown_table

    rows = []
    for record in harness.records("devices-*").values():
        speeds = [f"{value:,.0f}" for value in record["images_per_second"].values()]
        efficiency = f"{record['ratio']['median'] / record['devices']:.0%}"
        named = [f"`{record['model']}`", record["backend"], str(record["devices"])]
        rows.append([*named, *speeds, harness.told(record["ratio"]), efficiency])
    heads = ["model", "backend", "devices", "images/s on one", "images/s on all"]
    return markdown_table([*heads, "times one", "efficiency"], rows)


def main() -> None:
    parser = harness.parser(__doc__, MODELS, BACKENDS, 3)
    parser.add_argument("--devices", type=int, default=2)
    parser.add_argument("--short", type=int, default=20)
    parser.add_argument("--long", type=int, default=120)
    options = parser.parse_args()
    for model in options.model:
        for backend in options.backend:
            steps = (options.short, options.long)
            measure(model, backend, options.devices, steps, options.rounds)


if __name__ == "__main__":
    main()
