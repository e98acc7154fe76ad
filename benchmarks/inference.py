"""A generator's pictures, five ways, in turn in one process: what does the exported file win?

    python benchmarks/inference.py [--model cgan] [--rounds 60] [--threads 1]

Keras `predict`, `tf.function`, the exported ONNX by onnxruntime, the exported TFLite by LiteRT, and
the same network written by hand for onnxruntime, node by node as its paper has it. Weights are
random: they cost no time. For each batch size the least milliseconds of each, and the ratio to the
exported ONNX as the median over rounds.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np  # noqa: E402
import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

BATCHES = (1, 16, 64)
EPSILON = 1e-5  # of the generator's batch norms
CLASSES = 10


def by_hand(model: Any) -> bytes:
    """A DCGAN generator of 28x28, with labels or without, as ONNX: the bytes of a file."""
    named = {weight.path: weight.numpy() for weight in model.generator.weights}
    dense, *convolutions = (
        w for k, w in named.items() if k.endswith("kernel") and "label" not in k
    )
    norms = [
        [v for k, v in named.items() if k.endswith(part)]
        for part in ("gamma", "beta", "moving_mean", "moving_variance")
    ]
    scales = [(g / np.sqrt(v + EPSILON), b, m) for g, b, m, v in zip(*norms, strict=True)]
    (bias,) = (w for k, w in named.items() if "transpose" in k and k.endswith("bias"))
    tensors: list[Any] = []
    nodes: list[Any] = []

    def constant(name: str, array: Any) -> str:
        array = np.asarray(array)
        array = array if array.dtype == "int64" else array.astype("float32")
        tensors.append(numpy_helper.from_array(array, name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    # Dense with its norm folded in; its units in the order channels, height, width.
    scale, beta, mean = scales[0]
    kernel, shift = dense * scale, beta - mean * scale
    side, filters = 7, dense.shape[1] // 49
    kernel = kernel.reshape(-1, side, side, filters).transpose(0, 3, 1, 2).reshape(len(dense), -1)
    shift = shift.reshape(side, side, filters).transpose(2, 0, 1).reshape(-1)
    x = node("Gemm", ["z", constant("w0", kernel), constant("b0", shift)], "h0")
    x = node("Relu", [x], "r0")
    shape = constant("base", np.array([-1, filters, side, side]))
    x = node("Reshape", [x, shape], "map")
    inputs = [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", model.latent_dim])]
    if model.conditional:
        embeddings, kernel, shift = (w for k, w in named.items() if "label" in k)
        planes = (embeddings @ kernel + shift).reshape(-1, 1, side, side)
        channel = node("Gather", [constant("planes", planes), "label"], "channel")
        x = node("Concat", [x, channel], "joined", axis=1)
        inputs.append(helper.make_tensor_value_info("label", TensorProto.INT32, ["batch"]))
    for level, kernel in enumerate(convolutions, start=1):
        last = level == len(convolutions)
        scale, beta, mean = (1.0, bias, 0.0) if last else scales[level]
        weights = kernel.transpose(3, 2, 0, 1) * np.reshape(scale, (-1, 1, 1))  # to (in, out, h, w)
        names = [constant(f"w{level}", weights), constant(f"b{level}", beta - mean * scale)]
        options = {"kernel_shape": [4, 4], "strides": [2, 2], "pads": [1, 1, 1, 1]}
        x = node("ConvTranspose", [x, *names], f"h{level}", **options)
        x = node("Tanh" if last else "Relu", [x], f"r{level}")
    x = node("Mul", [x, constant("half", np.float32(0.5))], "scaled")
    x = node("Add", [x, constant("middle", np.float32(0.5))], "unit")
    node("Transpose", [x], "image", perm=[0, 2, 3, 1])
    output = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 28, 28, 1])
    graph = helper.make_graph(nodes, "generator", inputs, [output], tensors)
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def ways_of(name: str, threads: int, folder: Path) -> tuple[Any, dict[str, Callable]]:
    """Dict of a way's name to a function of a dict of inputs, all of one new model."""
    import keras
    import tensorflow as tf

    from export.convert.graphs import convert
    from export.runtime import open_graph
    from zoo import registry
    from zoo.training.loop import build_model
    from zoo.training.run import Run

    config = {
        "model": name,
        "hyperparameters": registry.entry(name).configure(),
        "total_steps": 1,
        "dataset": {
            "name": "noise",
            "image_shape": [28, 28, 1],
            "class_names": [str(i) for i in range(CLASSES)],
        },
        "seed": 0,
        "backend": "tensorflow",
    }
    run = Run.create(folder, config, "benchmark")
    model = build_model(run.config)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if "moving" in weight.path or "gamma" in weight.path or "beta" in weight.path:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    model.compile()
    run.save_checkpoint(model, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx's
        convert(run, folder, ["onnx", "tflite"])
    graphs = [open_graph(folder / f"model.{suffix}", threads) for suffix in ("onnx", "tflite")]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    hand = onnxruntime.InferenceSession(by_hand(model), options, ["CPUExecutionProvider"])
    drawn = tf.function(model.sample)
    return model, {
        "Keras predict": lambda x: model.to_unit(model.predict(x, verbose=0)),
        "tf.function": lambda x: drawn(keras.tree.map_structure(tf.constant, x)).numpy(),
        "exported ONNX": graphs[0].run,
        "exported TFLite": graphs[1].run,
        "ONNX by hand": lambda x: hand.run(None, x)[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="cgan", choices=("dcgan", "cgan"))
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1, help="of onnxruntime and LiteRT")
    options = parser.parse_args()
    from export.runtime import Sampler

    with tempfile.TemporaryDirectory() as folder:
        model, ways = ways_of(options.model, options.threads, Path(folder) / "runs")
        for batch in BATCHES:
            names = [str(i) for i in range(CLASSES)]
            inputs = Sampler(model.inputs_spec, names).noise(batch, np.arange(batch) % CLASSES)
            expected = ways["Keras predict"](inputs)
            times: dict[str, list[float]] = {name: [] for name in ways}
            order = np.random.default_rng(0)
            for round_ in range(options.rounds + 2):
                for name in order.permutation(list(ways)):  # none has always the same before it
                    start = time.perf_counter()
                    images = ways[name](inputs)
                    seconds = time.perf_counter() - start
                    np.testing.assert_allclose(images, expected, atol=1e-5)
                    if round_ > 1:
                        times[name].append(1000 * seconds)
            for name, each in times.items():
                ratios = [a / b for a, b in zip(each, times["exported ONNX"], strict=True)]
                print(
                    f"{options.model} batch {batch:2}  {name:16} {min(each):8.2f} ms   "
                    f"{statistics.median(ratios):7.2f} times exported ONNX",
                    flush=True,
                )


if __name__ == "__main__":
    main()
