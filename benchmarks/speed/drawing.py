"""A trained model's pictures, several ways, in turn: what does the exported file win?

    python benchmarks/speed/drawing.py [--model cgan ...] [--rounds 40] [--threads 1]
    python benchmarks/tables.py drawing             # the table, from the records there are

Keras `predict`, `tf.function`, the exported ONNX by onnxruntime, the exported TFLite by LiteRT,
and, of the two generators of 28x28, the same network written by hand for onnxruntime, node by node
as its paper has it. pix2pix translates one image of 256x256. Random weights cost no other time.
"""

import argparse
import functools
import os
import statistics
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np  # noqa: E402
import onnx  # noqa: E402
import onnxruntime  # noqa: E402
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from benchmarks.speed import harness  # noqa: E402
from zoo.start import TENSORFLOW  # noqa: E402

BATCHES = {"dcgan": (1, 16, 64), "cgan": (1, 16, 64), "pix2pix": (1,)}
WAYS = ("Keras predict", "tf.function", "exported ONNX", "exported TFLite", "ONNX by hand")
EPSILON = 1e-5  # of the generator's batch norms
CLASSES = 10


def by_hand(model: Any) -> bytes:
    """A DCGAN generator of 28x28, with labels or without, as ONNX: the bytes of a file."""
    named = {weight.path: weight.numpy() for weight in model.sampler.weights}
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
    """A new model, and a dict of a way's name to a function of a dict of inputs."""
    import keras
    import tensorflow as tf

    from export.convert.graphs import convert
    from export.runtime import open_graph
    from zoo import registry
    from zoo.training.loop import build_model
    from zoo.training.run import Run

    entry = registry.entry(name)
    translates = entry.cls.translates
    about: dict[str, Any] = {"image_shape": [256, 256, 3], "class_names": [], "input_channels": 3}
    if not translates:
        about = {"image_shape": [28, 28, 1], "class_names": [str(i) for i in range(CLASSES)]}
    config = {
        "model": name,
        "hyperparameters": entry.configure("default", harness.without_dense(entry.hyperparameters)),
        "total_steps": 1,
        "dataset": {"name": "noise", **about},
        "seed": 0,
        "backend": "tensorflow",
    }
    run = Run.create(folder, config, name)
    model = build_model(run.config)
    rng = np.random.default_rng(0)
    for weight in model.sampler.weights:
        if "moving" in weight.path or "gamma" in weight.path or "beta" in weight.path:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    model.compile()
    run.save_checkpoint(model, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tf2onnx's
        convert(run, folder, ["onnx", "tflite"])
    graphs = [open_graph(folder / f"model.{suffix}", threads) for suffix in ("onnx", "tflite")]
    drawn = tf.function(model.graphs["model"].function)
    ways: dict[str, Callable] = {
        "Keras predict": lambda x: model.to_unit(model.predict(x, verbose=0)),
        "tf.function": lambda x: drawn(keras.tree.map_structure(tf.constant, x)).numpy(),
        "exported ONNX": graphs[0].run,
        "exported TFLite": graphs[1].run,
    }
    if not translates:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        hand = onnxruntime.InferenceSession(by_hand(model), options, ["CPUExecutionProvider"])
        ways["ONNX by hand"] = lambda x: hand.run(None, x)[0]
    return model, ways


def inputs_of(model: Any, batch: int) -> dict[str, np.ndarray]:
    from export.runtime import Sampler

    if model.translates:
        return {"input": np.random.default_rng(0).random((batch, 256, 256, 3), dtype="float32")}
    names = [str(i) for i in range(CLASSES)]
    return Sampler(model.inputs_spec, names).noise(batch, np.arange(batch) % CLASSES)


def measure(name: str, rounds: int, threads: int, folder: Path) -> None:
    model, ways = ways_of(name, threads, folder)
    for batch in BATCHES[name]:
        inputs = inputs_of(model, batch)
        expected = ways["Keras predict"](inputs)
        for way in ways.values():
            np.testing.assert_allclose(way(inputs), expected, atol=1e-5)
        bound = {kind: functools.partial(way, inputs) for kind, way in ways.items()}
        seconds = harness.measure(bound, rounds)
        ratios = {kind: harness.ratio(seconds, "exported ONNX", kind) for kind in ways}
        record = {"batch": batch, "threads": threads, "seconds": seconds, "ratios": ratios}
        print(harness.keep(f"drawing-{name}-{batch}", record).name, flush=True)


def table() -> str:
    from benchmarks.tables import markdown_table

    rows = []
    for name, batches in BATCHES.items():
        for batch in batches:
            for record in harness.records(f"drawing-{name}-{batch}").values():
                milliseconds = 1000 * statistics.median(record["seconds"]["exported ONNX"])
                cells = [harness.told(r) if (r := record["ratios"].get(w)) else "" for w in WAYS]
                cells[WAYS.index("exported ONNX")] = f"{milliseconds:,.2f} ms"
                rows.append([f"`{name}`, {batch}", *cells])
    return markdown_table(["model, images at a time", *WAYS], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", nargs="*", choices=BATCHES, default=list(BATCHES))
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--threads", type=int, default=1, help="of onnxruntime and LiteRT")
    options = parser.parse_args()
    # Before TensorFlow is there.
    os.environ |= {**TENSORFLOW, **os.environ, "KERAS_BACKEND": "tensorflow"}
    with tempfile.TemporaryDirectory() as folder:
        for name in options.model:
            measure(name, options.rounds, options.threads, Path(folder) / "runs")


if __name__ == "__main__":
    main()
