"""`generate` from an exported file, whole process, against the least script that does the same.

    python benchmarks/cold_start.py path/to/model.onnx [--rounds 15]

The bare script loads the file with onnxruntime, draws 16 images of noise from numpy and writes one
PNG with Pillow. The two run in turn; the ratio is the median over rounds of generate / bare. The
memory is the most that a whole process held.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

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


def seconds_and_mebibytes(command: list[Any]) -> tuple[float, float]:
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{command[1]} failed")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    cli = Path(__file__).parents[1] / "cli.py"
    with tempfile.TemporaryDirectory() as folder:
        out = f"{folder}/out.png"
        ours = [sys.executable, cli, "generate", options.model, "-n", "16", "--out", out]
        ours += ["--class", "0"] if b'"label"' in options.model.read_bytes() else []
        bare = [sys.executable, "-c", BARE, options.model, out]
        rounds = [
            [seconds_and_mebibytes(command) for command in (ours, bare)]
            for _ in range(options.rounds + 1)
        ][1:]
    for name, each in zip(("generate", "bare"), zip(*rounds, strict=True), strict=True):
        times, memory = zip(*each, strict=True)
        print(f"{name:8} {statistics.median(times):.3f} s, {max(memory):.0f} MiB")
    ratios = [a / b for (a, _), (b, _) in rounds]
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
