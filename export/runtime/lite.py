"""What a TFLite file consists of: one flat graph of known operators, and nothing else."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.runtime.anatomy import refuse_operators

LARGEST_TENSOR = 2**28  # numbers
MOST_PARTS = 1_000_000  # tables of a file
# Operators as those of ONNX by their number of inputs, which the interpreter does not check; 0 is
# any.
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
    refuse_operators({*operators}, {*" ".join(LITE_OPERATORS.values()).split()})
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
