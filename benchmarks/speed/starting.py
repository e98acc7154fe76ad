"""Commands from their start to their end, as whole processes.

    python benchmarks/speed/starting.py [--rounds 10]
    python benchmarks/tables.py starting            # the table, from the record there is

`generate` from a bundled file, against the least script that does the same: it loads the file with
onnxruntime, draws 16 images of noise from numpy and writes one PNG with Pillow. `train` for one
step on each backend, against a process that only imports the backend and Keras; on JAX also with
what it compiled before. The commands of a kind run in turn, each once before it is measured; the
memory is the most that a process held.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from benchmarks.speed import harness  # noqa: E402
from zoo import BACKENDS  # noqa: E402
from zoo.start import TENSORFLOW  # noqa: E402

FILE = ROOT / "model_cards" / "dcgan-fashion_mnist" / "onnx" / "model_fp16.onnx"
BARE = """
import sys
import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
rng = np.random.default_rng(0)
inputs = {}
for value in session.get_inputs():
    if value.name == "label":
        inputs["label"] = np.arange(16, dtype="int32") % 10
    else:
        inputs[value.name] = rng.standard_normal((16, *value.shape[1:]), dtype="float32")
images = session.run(None, inputs)[0]
tiles = np.rint(images * 255).astype("uint8").squeeze()
grid = np.concatenate([np.concatenate(list(tiles[i : i + 4]), axis=1) for i in range(0, 16, 4)])
Image.fromarray(grid).save(sys.argv[2])
"""
IMPORTS = "import keras; keras.backend.backend(); keras.ops.zeros(1)"


class Command:
    """A command, called to run it; `mebibytes` has the peak of each time."""

    def __init__(self, words: list[object], backend: str = "tensorflow", **changes: str) -> None:
        self.words = list(map(str, words))
        self.environment = {**TENSORFLOW, **os.environ, "KERAS_BACKEND": backend, **changes}
        self.mebibytes: list[float] = []

    def __call__(self) -> None:
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(self.words, stdout=quiet, stderr=quiet, env=self.environment)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit(f"failed: {' '.join(self.words)}")
        self.mebibytes.append(usage.ru_maxrss / 1024)


def commands(folder: Path) -> dict[str, tuple[Command, Command]]:
    """Dict of what is measured to (the command, what it is compared with)."""
    python, cli, out = sys.executable, ROOT / "cli.py", folder / "out.png"
    found = {
        "`generate -n 16` from a file, against a bare script": (
            Command([python, cli, "generate", FILE, "-n", "16", "--out", out]),
            Command([python, "-c", BARE, FILE, out]),
        )
    }
    cache = {
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    cases: list[tuple[str, str, dict[str, str]]] = [(backend, backend, {}) for backend in BACKENDS]
    for case, backend, changes in [*cases, ("jax with its cache", "jax", cache)]:
        train: list[object] = [python, cli, "train", "dcgan", "--dataset=digits", "--steps=1"]
        train += [f"--backend={backend}", f"--runs-dir={folder / backend}"]
        found[f"`train dcgan --steps 1`, {case}, against its imports"] = (
            Command(train, backend, **changes),
            Command([python, "-c", IMPORTS], backend),
        )
    return found


def table() -> str:
    from benchmarks.tables import markdown_table

    rows = []
    for record in harness.records("starting").values():
        for name, found in record["commands"].items():
            seconds = [statistics.median(each) for each in found["seconds"].values()]
            cells = [f"{value:.2f}" for value in seconds]
            cells += [harness.told(found["ratio"]), *(f"{m:,.0f}" for m in found["mebibytes"])]
            rows.append([name, *cells])
    heads = ["what", "seconds", "seconds of the other", "times the other"]
    return markdown_table([*heads, "MiB", "MiB of the other"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, pair in commands(Path(folder)).items():
            seconds = harness.measure(
                dict(zip(("ours", "other"), pair, strict=True)), options.rounds
            )
            measured[name] = {
                "seconds": seconds,
                "ratio": harness.ratio(seconds, "other", "ours"),
                "mebibytes": [max(command.mebibytes) for command in pair],
            }
            print(name, measured[name]["ratio"], flush=True)
    harness.keep("starting", {"commands": measured})


if __name__ == "__main__":
    main()
