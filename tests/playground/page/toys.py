"""Tiny ONNX files with the inputs of each kind of model, for the end-to-end tests."""

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RNG = np.random.default_rng(0)


def weights(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype("float32")


def save(
    path: Path, inputs: dict, nodes: list, constants: dict, outputs: dict, names: tuple = ()
) -> dict:
    """Writes a graph; returns its "file" (below the site), "sha256" and "bytes"."""
    graph = helper.make_graph(
        nodes,
        "toy",
        [
            helper.make_tensor_value_info(
                name,
                TensorProto.INT32 if spec["dtype"] == "int32" else TensorProto.FLOAT,
                ["n", *spec["shape"]],
            )
            for name, spec in inputs.items()
        ],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape])
            for name, shape in outputs.items()
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    about = {"inputs": inputs, "class_names": names, "output": next(iter(outputs))}
    helper.set_model_props(model, {key: json.dumps(value) for key, value in about.items()})
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    data = path.read_bytes()
    return {
        "file": f"models/{path.parent.name}/{path.name}",
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
    }


def node(kind: str, inputs: str, output: str) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), [output])


def entry(name: str, **more: object) -> dict:
    """A model of models.json without what is particular."""
    common: dict[str, object] = {
        "id": name, "title": name, "model": name, "dataset": "toys", "kind": "generator",
        "licence": None, "facts": [], "encoder": None, "classifier": None, "steps": None,
        "class_names": [], "output": "image",
        "directions": [], "manifold": False, "codes": [], "palette": None,
        "real": [],
    }  # fmt: skip
    return common | more


def translator(folder: Path) -> dict:
    """The negative of an image."""
    inputs = {
        "image_in": {"shape": [16, 16, 3], "dtype": "float32", "prior": "image", "multiple": 4}
    }
    nodes = [node("Sub", "one image_in", "image")]
    file = save(
        folder / "negative" / "model.onnx",
        inputs, nodes, {"one": np.array([1], "float32")}, {"image": [16, 16, 3]},
    )  # fmt: skip
    colours = {"ground": [0, 0, 0], "wall": [255, 255, 255], "window": [0, 96, 255]}
    palette = [{"name": name, "colour": colour} for name, colour in colours.items()]
    return entry("negative", kind="translator", inputs=inputs, palette=palette, **file)


def autoencoder(folder: Path) -> dict:
    """Codes of two numbers, and the images of them."""
    inputs = {"z": {"shape": [2], "dtype": "float32", "prior": "normal"}}
    nodes = [
        node("MatMul", "z w", "m"), node("Sigmoid", "m", "s"), node("Reshape", "s shape", "image"),
    ]  # fmt: skip
    constants = {"w": weights(2, 784), "shape": np.array([-1, 28, 28, 1])}
    file = save(folder / "plane" / "model.onnx", inputs, nodes, constants, {"image": [28, 28, 1]})
    image = {"image": {"shape": [28, 28, 1], "dtype": "float32", "prior": "image"}}
    encode = [node("Reshape", "image shape", "flat"), node("MatMul", "flat w", "z")]
    constants = {"w": weights(784, 2) / 28, "shape": np.array([-1, 784])}
    encoder = save(folder / "plane" / "encoder.onnx", image, encode, constants, {"z": [2]})
    encoder |= {"inputs": image, "output": "z"}
    return entry("plane", inputs=inputs, manifold=True, encoder=encoder, **file)


def semi_supervised(folder: Path) -> dict:
    """Images of two numbers and a class, and a classifier by how much is drawn."""
    z = {"z": {"shape": [2], "dtype": "float32", "prior": "normal"}}
    label = {"label": {"shape": [], "dtype": "int32", "prior": "class", "classes": 2}}
    image = {"image": {"shape": [28, 28, 1], "dtype": "float32", "prior": "image"}}
    place, names = folder / "semi", ("empty", "full")
    nodes = [
        node("MatMul", "z w", "m"), node("Gather", "table label", "c"), node("Add", "m c", "a"),
        node("Sigmoid", "a", "s"), node("Reshape", "s shape", "image"),
    ]  # fmt: skip
    constants = {"w": weights(2, 784), "shape": np.array([-1, 28, 28, 1])}
    constants["table"] = np.full((2, 784), [[-4], [4]], "float32")  # class 1 is bright
    file = save(place / "model.onnx", z | label, nodes, constants, {"image": [28, 28, 1]}, names)
    flat = {"shape": np.array([-1, 784])}
    encode = [node("Reshape", "image shape", "flat"), node("MatMul", "flat w", "z")]
    constants = flat | {"w": weights(784, 2) / 28}
    encoder = save(place / "encoder.onnx", image, encode, constants, {"z": [2]})
    classify = [
        node("Reshape", "image shape", "flat"), node("MatMul", "flat w", "m"),
        node("Add", "m b", "a"), node("Softmax", "a", "probability"),
    ]  # fmt: skip
    constants = flat | {"w": np.float32([[0, 1]] * 784), "b": np.float32([4, 0])}
    classifier = save(place / "classifier.onnx", image, classify, constants, {"probability": [2]})
    return entry(
        "semi", inputs=z | label, class_names=names, **file,
        encoder=encoder | {"inputs": image, "output": "z"},
        classifier=classifier | {"inputs": image, "output": "probability"},
    )  # fmt: skip


def coded(folder: Path) -> dict:
    """A category, a uniform code and noise; drawn in four steps."""
    inputs = {
        "z": {"shape": [4], "dtype": "float32", "prior": "normal"},
        "category": {"shape": [], "dtype": "int32", "prior": "category", "classes": 3},
        "code": {"shape": [2], "dtype": "float32", "prior": "uniform"},
    }
    nodes = [
        node("Gather", "table category", "a"), node("MatMul", "z w", "b"),
        node("MatMul", "code v", "c"), node("Sum", "a b c", "sum"), node("Sigmoid", "sum", "s"),
        node("Reshape", "s shape", "image"),
    ]  # fmt: skip
    grow = [node("Unsqueeze", "image axis", "still"), node("Mul", "still growth", "images")]
    constants = {
        "table": 2 * weights(3, 64), "w": weights(4, 64), "v": weights(2, 64),
        "shape": np.array([-1, 8, 8, 1]),
    }  # fmt: skip
    growth = np.array([0.25, 0.5, 0.75, 1], "float32").reshape(1, 4, 1, 1, 1)
    longer = constants | {"axis": np.array([1]), "growth": growth}
    place = folder / "coded"
    file = save(place / "model.onnx", inputs, nodes, constants, {"image": [8, 8, 1]})
    steps = save(place / "steps.onnx", inputs, nodes + grow, longer, {"images": [4, 8, 8, 1]})
    directions = [{"input": "z", "vector": [1.0, 0.0, 0.0, 0.0], "deviation": 1.0}]
    return entry(
        "coded", class_names=["not", "an", "input"], inputs=inputs,
        codes=["category", "code"], directions=directions,
        steps=steps | {"inputs": inputs, "output": "images"}, **file,
    ) | {"title": "<img src=x onerror=alert(1)> & <b>coded</b>"}  # fmt: skip
