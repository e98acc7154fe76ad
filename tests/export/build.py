"""A small exported ONNX file, made by hand for tests."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SPEC = {
    "z": {"shape": [3], "dtype": "float32", "prior": "normal"},
    "label": {"shape": [], "dtype": "int32", "prior": "class", "classes": 2},
}
METADATA = {"inputs": SPEC, "output": "image", "class_names": ["zero", "one"]}
WEIGHTS = np.arange(12, dtype="float32").reshape(3, 4) / 10


def generator(path, metadata=None, domain="", **save):
    """A file that draws 2x2 images: sigmoid(z W + label)."""
    nodes = [
        helper.make_node("MatMul", ["z", "w"], ["h"]),
        helper.make_node("Cast", ["label"], ["l"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["l", "one"], ["column"]),
        helper.make_node("Add", ["h", "column"], ["a"]),
        helper.make_node("Sigmoid", ["a"], ["s"], domain=domain),
        helper.make_node("Reshape", ["s", "shape"], ["image"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "graph",
        [
            value("z", TensorProto.FLOAT, ["batch", 3]),
            value("label", TensorProto.INT32, ["batch"]),
        ],
        [value("image", TensorProto.FLOAT, ["batch", 2, 2, 1])],
        [
            numpy_helper.from_array(WEIGHTS, "w"),
            numpy_helper.from_array(np.array([1]), "one"),
            numpy_helper.from_array(np.array([-1, 2, 2, 1]), "shape"),
        ],
    )
    opsets = [helper.make_opsetid("", 17)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    metadata = METADATA if metadata is None else metadata
    helper.set_model_props(model, {key: json.dumps(value) for key, value in metadata.items()})
    onnx.save(model, path, **save)
    return path
