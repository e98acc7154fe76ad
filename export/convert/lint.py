"""The export linter: what an exported file must not contain, looked for at every export.

A file has to draw the same pictures wherever it is opened, from its inputs alone, and to be no
larger than a careful engineer would make it by hand. So it is a single file of default operators,
none of them random, without anything that training or a converter leaves behind.
"""

import math
from collections import Counter
from pathlib import Path

import onnx

from export.runtime.anatomy import check_onnx
from export.runtime.lite import check_tflite

LINEAR = {"Conv", "ConvTranspose", "Gemm", "MatMul"}
SHAPING = {"Cast", "Reshape", "Transpose", "Squeeze", "Unsqueeze"}  # these change no number


def lint(path: Path) -> list[str]:
    """What is wrong with an exported .onnx or .tflite file, in words; empty if nothing is."""
    check, look = {".onnx": (check_onnx, _lint_onnx), ".tflite": (check_tflite, None)}[path.suffix]
    try:
        check(path)
    except ValueError as error:
        return [str(error)]
    return look(path) if look else []


def _lint_onnx(path: Path) -> list[str]:
    graph = onnx.load(path, load_external_data=False).graph
    found = []
    constants = {tensor.name: tensor for tensor in graph.initializer}
    makers = {edge: node for node in graph.node for edge in node.output}
    uses = Counter(edge for node in graph.node for edge in node.input)

    def source(node: onnx.NodeProto, index: int = 0) -> onnx.NodeProto | None:
        """The node that computes an input's numbers, past those that only reshape them."""
        before = makers.get(node.input[index]) if len(node.input) > index else None
        while before is not None and before.op_type in SHAPING:
            before = makers.get(before.input[0])
        return before

    def kind(node: onnx.NodeProto | None) -> str | None:
        return None if node is None else node.op_type

    def is_linear(node: onnx.NodeProto | None) -> bool:
        if node is not None and kind(node) == "Add" and node.input[1] in constants:
            node = source(node)  # a bias
        return kind(node) in LINEAR

    def alone(node: onnx.NodeProto) -> bool:
        """Whether nothing else takes the numbers of a node's first input: else no fold is right."""
        edge = node.input[0]
        while uses[edge] == 1 and edge in makers and makers[edge].op_type in SHAPING:
            edge = makers[edge].input[0]
        return uses[edge] == 1

    def per_channel(edge: str) -> bool:
        return edge in constants and math.prod(constants[edge].dims) > 1

    for node in graph.node:
        what, before = node.op_type, source(node)
        if what == "BatchNormalization" and is_linear(before):
            found.append("a batch norm that could be folded into the linear layer before it")
        elif what == "Mul" and per_channel(node.input[1]) and alone(node) and is_linear(before):
            found.append("a scale that could be folded into the linear layer before it")
        elif what == "Gather" and node.input[0] in constants:
            if kind(source(node, 1)) in ("Add", "Where"):
                found.append("a check of an embedding's index")
        elif what in ("Conv", "ConvTranspose") and kind(before) == "Tile":
            found.append("upsampling by tiles")
    return sorted(set(found))
