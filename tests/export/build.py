"""Small exported files, ONNX and TFLite, made by hand for tests."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def results_of(path: Path, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All that the nodes of an ONNX file make of some inputs, by name."""
    import onnxruntime

    model = onnx.load(path)
    names = [name for node in model.graph.node for name in node.output if name]
    del model.graph.output[:]
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return dict(zip(names, session.run(names, inputs), strict=True))


def lite(
    path: Path, metadata: Any = None, change: Callable[[Any], Any] = lambda model: None
) -> Path:
    """A TFLite file that draws 2x2 images: sigmoid(W z), after a change to its `ModelT`."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    def filled(kind: Any, **values: Any) -> Any:
        made = kind()
        for name, value in values.items():
            setattr(made, name, value)
        return made

    def tensor(name: str, shape: list[int], buffer: int = 0, type_: int = 0) -> Any:
        signature = [-1, *shape[1:]] if not buffer else None
        return filled(schema.TensorT, name=name.encode(), shape=shape, shapeSignature=signature,
                      buffer=buffer, type=type_, quantization=None)  # fmt: skip

    def operator(code: int, inputs: list[int], outputs: list[int], **options: Any) -> Any:
        return filled(schema.OperatorT, opcodeIndex=code, inputs=inputs, outputs=outputs, **options)

    kinds = schema.BuiltinOperator
    codes = [
        filled(schema.OperatorCodeT, builtinCode=code, deprecatedBuiltinCode=code, version=1)
        for code in (kinds.FULLY_CONNECTED, kinds.LOGISTIC, kinds.RESHAPE)
    ]
    dense = {"builtinOptionsType": schema.BuiltinOptions.FullyConnectedOptions,
             "builtinOptions": schema.FullyConnectedOptionsT()}  # fmt: skip
    graph = filled(
        schema.SubGraphT,
        name=b"main",
        inputs=[0],
        outputs=[4],
        tensors=[
            tensor("z", [1, 3]),
            tensor("w", [4, 3], buffer=1),
            tensor("dense", [1, 4]),
            tensor("sigmoid", [1, 4]),
            tensor("image", [1, 2, 2, 1]),
            tensor("shape", [4], buffer=2, type_=schema.TensorType.INT32),
        ],
        operators=[
            operator(0, [0, 1, -1], [2], **dense),
            operator(1, [2], [3]),
            operator(2, [3, 5], [4]),
        ],
    )
    shape = np.array([-1, 2, 2, 1], "int32")
    numbers = [b"", WEIGHTS.T.tobytes(), shape.tobytes()]
    signature = filled(
        schema.SignatureDefT,
        signatureKey=b"serving_default",
        subgraphIndex=0,
        inputs=[filled(schema.TensorMapT, name=b"z", tensorIndex=0)],
        outputs=[filled(schema.TensorMapT, name=b"image", tensorIndex=4)],
    )
    model = filled(
        schema.ModelT,
        version=3,
        operatorCodes=codes,
        subgraphs=[graph],
        buffers=[filled(schema.BufferT, data=list(data) or None) for data in numbers],
        signatureDefs=[signature],
    )
    change(model)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    known = {"inputs": {"z": SPEC["z"]}, "output": "image", "class_names": []}
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("genzoo.json", json.dumps(known if metadata is None else metadata))
    return path
