"""pix2pix at the paper's size: what training takes, and one 256x256 image by each runtime.

    python benchmarks/translation.py [--side 256] [--width 64] [--steps 5] [--rounds 15]

Training: batches of one image on each backend, images per second after the step
that compiles, and the whole process' peak of memory. One image: Keras' `predict`, the exported ONNX
by onnxruntime and the TFLite by LiteRT, in turn in one process under TensorFlow; medians.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from zoo import BACKENDS  # noqa: E402


def train(side: int, width: int, steps: int) -> None:
    import numpy as np

    from zoo.backend import fit_data
    from zoo.data import Dataset
    from zoo.data.batches import PairedBatches
    from zoo.translation.pix2pix import Pix2Pix

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (8, side, side, 3), dtype=np.uint8)
    dataset = Dataset("noise", pixels, None, (), "", inputs=pixels[::-1])
    batches = PairedBatches(dataset, 1, (-1, 1), seed=0, jitter=30)
    model = Pix2Pix(image_shape=(side, side, 3), width=width, discriminator_width=width)
    model.compile()
    for count in (1, steps):
        data = fit_data(batches.from_step(0), count)
        start = time.perf_counter()
        model.fit(data, steps_per_epoch=count, shuffle=False, verbose=0)
        seconds = (time.perf_counter() - start) / count
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    backend = os.environ["KERAS_BACKEND"]
    print(f"training, {backend}: {1 / seconds:.2f} images/s, peak {peak:.2f} GiB", flush=True)


def infer(side: int, width: int, rounds: int) -> None:
    import numpy as np

    from export.convert.graphs import convert
    from export.runtime import open_graph
    from zoo.training.loop import build_model
    from zoo.training.run import Run

    config = {
        "model": "pix2pix",
        "hyperparameters": {"width": width, "discriminator_width": 8},
        "total_steps": 1,
        "dataset": {
            "name": "noise",
            "image_shape": [side, side, 3],
            "class_names": [],
            "input_channels": 3,
        },
        "seed": 0,
        "backend": "tensorflow",
    }
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(folder, config, "run")
        model = build_model(config)
        run.save_checkpoint(model, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            convert(run, Path(folder), ["onnx", "tflite"])
        graphs = {
            kind: open_graph(Path(folder) / f"model.{suffix}")
            for kind, suffix in (("onnxruntime", "onnx"), ("LiteRT", "tflite"))
        }
    image = np.random.default_rng(0).random((1, side, side, 3), dtype="float32")
    ways: dict[str, Callable] = {
        "Keras predict": lambda: model.predict({"input": image}, verbose=0)
    }
    for kind, graph in graphs.items():
        ways[kind] = lambda graph=graph: graph.run({"input": image})
    times: dict[str, list[float]] = {kind: [] for kind in ways}
    for round_ in range(rounds + 2):
        for kind, way in ways.items():
            start = time.perf_counter()
            way()
            if round_ > 1:
                times[kind].append(1000 * (time.perf_counter() - start))
    for kind, each in times.items():
        print(f"{kind}: {statistics.median(each):.0f} ms ({min(each):.0f} to {max(each):.0f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--steps", type=int, default=5, help="that are timed in training")
    parser.add_argument("--rounds", type=int, default=15, help="of inference")
    parser.add_argument("--part", choices=[*BACKENDS, "infer"], help="one of them alone")
    options = parser.parse_args()
    if options.part is None:  # a process each: the peak is the process'
        for part in (*BACKENDS, "infer"):
            command = [sys.executable, *sys.argv, "--part", part]
            subprocess.run(command, check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
        return
    os.environ["KERAS_BACKEND"] = "tensorflow" if options.part == "infer" else options.part
    if options.part == "infer":
        infer(options.side, options.width, options.rounds)
    else:
        train(options.side, options.width, options.steps)


if __name__ == "__main__":
    main()
