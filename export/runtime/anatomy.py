"""What an exported file consists of: one flat graph of known operators, and nothing else.

A file may be a stranger's. It is looked at before a runtime opens it: a runtime would also open
other files that it names, compute without bounds, or end the process at a wrong index.
"""

import math
import mmap
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

LARGEST_TENSOR = 2**28  # numbers of a tensor in a TFLite file
MOST_PARTS = 1_000_000  # fields of an ONNX file, or tables of a TFLite file

# Each kind of message in an ONNX file with its fields: another kind, or how the value is written.
# What exports do not have is not there: functions, graphs in nodes, sparse tensors, training.
ONNX: dict[str, dict[int, str]] = {
    "model": {1: "int", 2: "text", 3: "text", 4: "text", 5: "int", 6: "text", 7: "graph",
              8: "opset", 14: "property"},
    "opset": {1: "text", 2: "int"},
    "property": {1: "text", 2: "text"},
    "graph": {1: "node", 2: "text", 5: "tensor", 10: "text", 11: "value", 12: "value", 13: "value"},
    "node": {1: "text", 2: "text", 3: "text", 4: "text", 5: "attribute", 6: "text", 7: "text"},
    "attribute": {1: "text", 2: "float", 3: "int", 4: "bytes", 5: "tensor", 7: "floats", 8: "ints",
                  9: "bytes", 13: "text", 20: "int"},
    # "zero" says where the numbers are: 0 is here, 1 in another file.
    "tensor": {1: "ints", 2: "int", 4: "floats", 5: "ints", 7: "ints", 8: "text", 9: "bytes",
               12: "text", 14: "zero"},
    "value": {1: "text", 2: "type", 3: "text"},
    "type": {1: "tensor type", 6: "text"},
    "tensor type": {1: "int", 2: "shape"},
    "shape": {1: "dimension"},
    "dimension": {1: "int", 2: "text", 3: "text"},
}  # fmt: skip
# What a value's bytes are preceded by: 0 a number of 7 bits a byte, 2 a length, 5 four bytes.
WIRES = {"int": (0,), "zero": (0,), "ints": (0, 2), "float": (5,), "floats": (5, 2)}
# Operators that compute numbers from numbers, by one pass, and draw none. There is no loop, no
# sequence, no text, and nothing whose result's size depends on the numbers alone.
OPERATORS = """
    Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat ConstantOfShape
    Conv ConvTranspose Cos DepthToSpace DequantizeLinear Div Elu Equal Erf Exp Expand Flatten Floor
    Gather Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual HardSigmoid HardSwish
    Identity InstanceNormalization LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax
    MatMul Max MaxPool Mean Min Mul Neg Not OneHot Or PRelu Pad Pow QuantizeLinear Reciprocal
    ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize
    Round Selu Shape Sigmoid Sign Sin Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt
    Squeeze Sub Sum Tan Tanh Tile Transpose Unsqueeze Where
"""
# Of constants alone a runtime computes a result when it opens the file, before any bound on it.
OF_CONSTANTS = {"Cast", "DequantizeLinear", "Identity", "Reshape", "Squeeze", "Unsqueeze"}
# The same by their number of inputs, which the interpreter does not check; 0 is any.
LITE_OPERATORS = {
    0: "CONCATENATION PACK",
    1: """
        ABS AVERAGE_POOL_2D CAST CEIL COS DEPTH_TO_SPACE DEQUANTIZE ELU EXP FLOOR GELU HARD_SWISH
        LEAKY_RELU LOG LOGICAL_NOT LOGISTIC LOG_SOFTMAX MAX_POOL_2D NEG QUANTIZE RELU RELU6
        RELU_0_TO_1 RELU_N1_TO_1 ROUND RSQRT SHAPE SIGN SIN SOFTMAX SPACE_TO_DEPTH SQRT SQUARE
        SQUEEZE TANH ZEROS_LIKE
    """,
    2: """
        ADD BATCH_MATMUL BROADCAST_TO DIV EQUAL EXPAND_DIMS GATHER GREATER GREATER_EQUAL LESS
        LESS_EQUAL LOGICAL_AND LOGICAL_OR MAXIMUM MEAN MINIMUM MUL NOT_EQUAL PAD POW PRELU
        REDUCE_MAX REDUCE_MIN REDUCE_PROD RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR SPLIT
        SQUARED_DIFFERENCE SUB SUM TILE TRANSPOSE
    """,
    3: """
        CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED PADV2 SELECT SELECT_V2 SLICE TRANSPOSE_CONV
    """,
    4: "ONE_HOT STRIDED_SLICE TRANSPOSE_CONV",
}
LITE_TYPES = ("FLOAT32", "FLOAT16", "INT32", "INT64", "INT8", "UINT8", "BOOL")


def check_onnx(path: str | Path) -> None:
    """Refuses an ONNX file that is more than one flat graph of known operators.

    It is looked at before a runtime opens it, which would also open other files that it names.

    Raises:
        ValueError: it holds what exports do not, or is damaged.
    """
    operators: set[str] = set()
    nodes: list[tuple[list[str], list[str], str]] = []
    constants: set[str] = set()
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        waiting = [("model", 0, len(data))]
        left = MOST_PARTS
        while waiting:
            kind, start, end = waiting.pop()
            texts: dict[int, list[str]] = {}
            for number, rule, low, high in _fields(data, kind, start, end):
                left -= 1
                if left < 0:
                    raise ValueError(f"more than {MOST_PARTS} parts")
                if rule in ONNX:
                    waiting.append((rule, low, high))
                elif rule == "zero" and data[low:high] != b"\0":
                    raise ValueError("weights in another file")
                elif rule == "text":
                    texts.setdefault(number, []).append(data[low:high].decode())
            if kind == "node":
                operators |= {*texts.get(4, [""])}
                nodes.append((texts.get(1, []), texts.get(2, []), texts.get(4, [""])[-1]))
            if kind == "tensor":
                constants |= {*texts.get(8, [])}
            domains = texts.get({"node": 7, "opset": 1}.get(kind, 0), [])
            if {*domains} - {"", "ai.onnx"}:
                raise ValueError(f"operators of {domains[-1]!r:.80}")
    _refuse_operators(operators, OPERATORS)
    for inputs, outputs, operator in reversed(nodes):  # the last field was the first to be taken
        if constants.issuperset(inputs):
            if operator not in OF_CONSTANTS:
                raise ValueError(f"{operator} of constants alone")
            constants.update(outputs)


def _refuse_operators(found: set[str], known: str) -> None:
    if unknown := sorted(found - {*known.split()}):
        raise ValueError(f"operators that exports do not have, {', '.join(unknown)[:80]}")


def _fields(
    data: mmap.mmap, kind: str, position: int, end: int
) -> Iterator[tuple[int, str, int, int]]:
    """Yields (number, rule of ONNX, start, end) of each field of a protobuf message.

    A number of protobuf that is too long is cut by some readers, and refused here.
    """

    def varint(longest: int) -> int:
        nonlocal position
        value = 0
        for index in range(longest):
            byte = data[position]
            position += 1
            value |= (byte & 127) << 7 * index
            if byte < 128:
                return value
        raise ValueError("a number that is too long")

    while position < end:
        key = varint(5)
        number, wire = key >> 3, key & 7
        rule = ONNX[kind].get(number, "")
        if not rule or wire not in WIRES.get(rule, (2,)):
            elsewhere = kind == "tensor" and number == 13
            what = "weights in another file"
            raise ValueError(what if elsewhere else f"field {number} of type {wire} in a {kind}")
        start = position
        if wire == 0:
            varint(10)
        elif wire == 5:
            position += 4
        else:
            size = varint(5)
            start, position = position, position + size
        if position > end:
            raise ValueError("less than its parts say")
        yield number, rule, start, position


def check_tflite(path: str | Path) -> None:
    """Refuses a TFLite file that is more than one flat graph of known operators.

    The interpreter checks little of what a file says: a wrong index ends the process.

    Raises:
        ValueError: it holds what exports do not, or is damaged.
    """
    from ai_edge_litert import schema_py_generated as schema

    data = Path(path).read_bytes()
    if data[4:8] != b"TFL3":
        raise ValueError("no TFLite file")
    model = schema.Model.GetRootAs(data)
    if model.SubgraphsLength() != 1 or model.SignatureDefsLength() != 1:
        raise ValueError("other than one graph with one signature")
    if model.ExternalBuffersLength() or model.ExternalBufferGroupsLength():
        raise ValueError("weights in another file")
    known = {code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper()}
    operators = []
    for index in _bounded(model.OperatorCodesLength()):
        code = model.OperatorCodes(index)
        # Codes below 127 are also, in files of older converters only, in the field of one byte.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        custom = code.CustomCode() or b""
        operators.append(custom.decode() or known.get(number, str(number)))
    _refuse_operators({*operators}, " ".join(LITE_OPERATORS.values()))
    full = set()
    for index in _bounded(model.BuffersLength()):
        buffer = model.Buffers(index)
        if buffer.Offset() or buffer.Size():
            raise ValueError("weights outside its graph")
        if buffer.DataLength():
            full.add(index)
    graph = model.Subgraphs(0)
    types = {code: name for name, code in vars(schema.TensorType).items() if name.isupper()}
    constants = set()
    for index in _bounded(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        shape = [tensor.Shape(axis) for axis in _bounded(tensor.ShapeLength())]
        if types.get(tensor.Type()) not in LITE_TYPES or tensor.Sparsity() or tensor.IsVariable():
            raise ValueError(f"a type that exports do not have, of tensor {index}")
        if len(shape) > 8 or min(shape, default=0) < 0 or math.prod(shape) > LARGEST_TENSOR:
            raise ValueError(f"tensor {index} of shape {shape!s:.80}")
        if tensor.Buffer() in full:
            constants.add(index)
    _check_order(graph, operators, model.SignatureDefs(0), constants)
    for index in range(graph.OperatorsLength()):
        operator, split = graph.Operators(index), schema.SplitOptions()
        if operators[operator.OpcodeIndex()] == "SPLIT":
            split.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
            if split.NumSplits() != operator.OutputsLength():  # it divides by their number
                raise ValueError(f"operator {index} of {split.NumSplits()} parts")


def _check_order(graph: Any, operators: Sequence[str], signature: Any, constants: set[int]) -> None:
    """Refuses a TFLite graph that reads what was not made before, or makes what is there."""
    given = {graph.Inputs(index) for index in _bounded(graph.InputsLength())}
    made = {graph.Outputs(index) for index in _bounded(graph.OutputsLength())}
    inputs = {signature.Inputs(i).TensorIndex() for i in _bounded(signature.InputsLength())}
    outputs = {signature.Outputs(i).TensorIndex() for i in _bounded(signature.OutputsLength())}
    if signature.SubgraphIndex() or inputs != given or outputs != made:
        raise ValueError("a signature of another graph")
    there = constants | given
    if constants & given or not all(0 <= index < graph.TensorsLength() for index in there):
        raise ValueError("inputs that are constants, or none")
    for index in _bounded(graph.OperatorsLength()):
        operator = graph.Operators(index)
        if operator.CustomOptionsLength() or operator.LargeCustomOptionsSize():
            raise ValueError(f"operator {index} with options of its own")
        if operator.OpcodeIndex() >= len(operators):
            raise ValueError(f"operator {index} of no kind")
        needed = [operator.Inputs(i) for i in _bounded(operator.InputsLength())]
        kind = operators[operator.OpcodeIndex()]
        if kind not in f"{LITE_OPERATORS[0]} {LITE_OPERATORS.get(len(needed), '')}".split():
            raise ValueError(f"{kind} of {len(needed)} inputs")
        if kind == "FULLY_CONNECTED" and needed[2:] == [-1]:
            needed = needed[:2]  # without a bias
        if not there.issuperset(needed):
            raise ValueError(f"operator {index} of what is not there")
        results = [operator.Outputs(i) for i in _bounded(operator.OutputsLength())]
        if there & {*results} or not all(0 <= i < graph.TensorsLength() for i in results):
            raise ValueError(f"operator {index} that makes what is there")
        there.update(results)
    if not there.issuperset(made):
        raise ValueError("outputs that no operator makes")


def _bounded(count: int) -> range:
    """The indices of a table, which is not absurdly long."""
    if count > MOST_PARTS:
        raise ValueError(f"more than {MOST_PARTS} parts")
    return range(count)
