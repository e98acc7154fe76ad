"""A network as an ONNX file, by Keras' export and tf2onnx, in some precisions.

- fp32.
- fp16: weights are stored in half precision and become float32 when the file is opened, so that
  arithmetic, inputs and outputs stay float32 and no runtime is slower for it.
- int8: layers compute with integers, whose ranges are taken from given inputs (static
  quantization, QDQ).
"""

import collections
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
FEW = 64  # a constant of at most so many numbers stays float32
INTEGER = ["Conv", "ConvTranspose", "Gemm", "MatMul"]  # what int8 quantizes


def write(
    network: Any,
    signature: Mapping[str, Any],
    metadata: Mapping[str, Any],
    paths: Mapping[str, Path],
    examples: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Writes a `keras.Model` in one or several precisions.

    Args:
        network: a model from a dict of inputs to a dict of one output, under TensorFlow.
        signature: dict of input name to `keras.InputSpec`.
        metadata: dict of JSON values, with "inputs" and "output", which is stored in the files.
        paths: dict of precision, "fp32", "fp16" or "int8", to the path of its file.
        examples: dict of input name to array, from which int8 takes the ranges.
    """
    converted = _converted(network, signature, metadata, next(iter(paths.values())))
    for precision, path in paths.items():
        proto = onnx.ModelProto()
        proto.CopyFrom(converted)
        if precision == "fp16":
            _halve(proto.graph)
        elif precision == "int8":
            proto = _quantized(proto, path, examples)
        about = {**metadata, "precision": precision}
        helper.set_model_props(proto, {key: json.dumps(value) for key, value in about.items()})
        onnx.checker.check_model(proto, full_check=True)
        onnx.save(proto, path)


def _converted(
    network: Any, signature: Mapping[str, Any], metadata: Mapping[str, Any], path: Path
) -> onnx.ModelProto:
    """The network as a model in fp32, without metadata. A file at `path` is a by-product."""
    network.export(
        str(path), format="onnx", opset_version=OPSET, input_signature=[signature], verbose=False
    )
    proto = onnx.load(path)
    _name_output(proto.graph, metadata["output"])
    for value in (*proto.graph.input, *proto.graph.output):
        shape = value.type.tensor_type.shape
        shape.dim[0].dim_param = "batch"
        spec = metadata["inputs"].get(value.name, {})
        if len(shape.dim) == 4 and any(d.dim_value == 0 for d in shape.dim[1:3]):
            divisor = f"/{spec['divisor']}" if "divisor" in spec else ""
            shape.dim[1].dim_param, shape.dim[2].dim_param = f"height{divisor}", f"width{divisor}"
    for entry in [entry for entry in proto.opset_import if entry.domain]:
        # tf2onnx declares a domain that it might use; if it did, the checker would fail.
        proto.opset_import.remove(entry)
    _cut_by_pads(proto.graph)
    _join_biases(proto)
    _prune(proto.graph)
    return proto


def _name_output(graph: onnx.GraphProto, name: str) -> None:
    (output,) = graph.output
    for node in graph.node:
        node.output[:] = [name if edge == output.name else edge for edge in node.output]
    output.name = name


def _cut_by_pads(graph: onnx.GraphProto) -> None:
    """Has transposed convolutions on images of any size leave out their borders themselves.

    tf2onnx computes the whole result and then cuts or pads it to the size that TensorFlow computes
    from the input's; with padding "same" that is the input's size times the strides.
    """
    readers: dict[str, list[onnx.NodeProto]] = collections.defaultdict(list)
    for node in graph.node:
        readers[node.input[0]].append(node)
    for node in [node for node in graph.node if node.op_type == "ConvTranspose"]:
        cut = [after for after in readers[node.output[0]] if after.op_type == "Slice"]
        pad = [after for c in cut for after in readers[c.output[0]] if after.op_type == "Pad"]
        if len(cut) != 1 or len(pad) != 1:
            continue
        of = {entry.name: list(entry.ints) for entry in node.attribute}
        borders = [k - s for k, s in zip(of["kernel_shape"], of["strides"], strict=True)]
        pads = [border // 2 for border in borders] + [border - border // 2 for border in borders]
        node.attribute.append(helper.make_attribute("pads", pads))
        node.output[0] = pad[0].output[0]
        # Whatever else reads the uncut map asks only for its size, and is no longer needed.
        graph.node.remove(cut[0])
        graph.node.remove(pad[0])


def _join_biases(proto: onnx.ModelProto) -> None:
    """Joins a matrix product or a convolution and the constant added to it into one operation."""
    inferred = onnx.shape_inference.infer_shapes(proto).graph
    ranks = {
        value.name: len(value.type.tensor_type.shape.dim)
        for value in (*inferred.value_info, *inferred.input)
        if value.type.tensor_type.HasField("shape")
    }
    graph = proto.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    makers = {edge: node for node in graph.node for edge in node.output}
    uses = collections.Counter(edge for node in graph.node for edge in node.input)
    for add in [node for node in graph.node if node.op_type == "Add"]:
        node, bias = makers.get(add.input[0]), constants.get(add.input[1])
        if node is None or bias is None or uses[add.input[0]] != 1 or len(node.input) != 2:
            continue
        weight = constants.get(node.input[1])
        if weight is None:
            continue
        # The axis of the weight with one entry per output.
        axis = {"MatMul": 1, "Conv": 0, "ConvTranspose": 1}.get(node.op_type)
        per_output = [1, -1, 1, 1] if len(weight.dims) == 4 else [-1]
        if axis is None or ranks.get(node.input[0]) != len(weight.dims):
            continue
        size = weight.dims[axis]
        if list(bias.dims) != [size if d == -1 else d for d in per_output]:
            continue
        flat = numpy_helper.from_array(numpy_helper.to_array(bias).reshape(-1), f"{bias.name}/bias")
        if flat.name not in constants:
            constants[flat.name] = flat
            graph.initializer.append(flat)
        node.op_type = "Gemm" if node.op_type == "MatMul" else node.op_type
        node.input.append(flat.name)
        node.output[0] = add.output[0]
        graph.node.remove(add)


def _prune(graph: onnx.GraphProto) -> None:
    """Removes what no output needs."""
    needed = {value.name for value in graph.output}
    for node in reversed(graph.node):  # in the order of the computation
        if needed.intersection(node.output):
            needed.update(node.input)
    both: Iterable[Any] = (graph.node, graph.initializer)
    for items in both:
        kept = [x for x in items if needed.intersection(getattr(x, "output", None) or [x.name])]
        del items[:]
        items.extend(kept)


def _halve(graph: onnx.GraphProto) -> None:
    """Stores weights as float16, each with a cast that runtimes do once, when opening the file."""
    casts = []
    for tensor in graph.initializer:
        weight = numpy_helper.to_array(tensor)
        limit = np.finfo("float16").max
        if tensor.data_type == TensorProto.FLOAT and weight.size > FEW:
            name, half = tensor.name, np.clip(weight, -limit, limit).astype("float16")
            tensor.CopyFrom(numpy_helper.from_array(half, f"{name}/half"))
            casts.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _quantized(
    proto: onnx.ModelProto, path: Path, examples: Mapping[str, np.ndarray] | None
) -> onnx.ModelProto:
    """The graph with integer weights and activations in its linear layers."""
    from onnxruntime import quantization

    class Examples(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.waiting = [examples]

        def get_next(self) -> Any:
            return self.waiting.pop() if self.waiting else None

    quantization.quantize_static(
        proto,
        path,
        Examples(),
        per_channel=True,
        op_types_to_quantize=INTEGER,
        activation_type=quantization.QuantType.QUInt8,  # of 255 steps, ReLU's outputs use all
        # Unsigned, around 128: signed ones overflow on processors that have AVX2 alone.
        weight_type=quantization.QuantType.QUInt8,
        extra_options={
            "WeightSymmetric": True,
            "OpTypesToExcludeOutputQuantization": ["Gemm", "MatMul"],  # codes need more than 8 bits
        },
    )
    return onnx.load(path)
