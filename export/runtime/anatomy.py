"""What an ONNX file consists of: one flat graph of known operators, and nothing else.

A file may be a stranger's. It is looked at before a runtime opens it: a runtime would also open
other files that it names, compute without bounds, or end the process at a wrong index.
"""

import math
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from export.runtime.shapes import MOST_KNOWN, RULES, Node, Value
from export.runtime.work import Plan

Message = dict[int, list[Any]]  # of protobuf

MOST_PARTS = 1_000_000  # fields of an ONNX file
MOST_NODES = 20_000  # operators of an ONNX file; the largest export has a few hundred
OPSETS = range(13, 18)  # whose operators have the rules of work.py; exports are of the last

# Each kind of message in an ONNX file with its fields: another kind, or how the value is written.
# What exports do not have is not there: functions, graphs in nodes, sparse tensors, training.
ONNX: dict[str, dict[int, str]] = {
    "model": {1: "int", 2: "text", 3: "text", 4: "text", 5: "int", 6: "text", 7: "graph",
              8: "opset", 14: "property"},
    "opset": {1: "text", 2: "int"},
    "property": {1: "text", 2: "text"},
    "graph": {1: "node", 2: "text", 5: "tensor", 10: "text", 11: "value", 12: "value", 13: "value"},
    "node": {1: "text", 2: "text", 3: "text", 4: "text", 5: "attribute", 6: "text", 7: "text"},
    "attribute": {1: "text", 2: "float", 3: "int", 4: "text", 5: "tensor", 7: "floats", 8: "ints",
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
# Kinds of attributes: float, int, text, tensor, floats, ints, texts. Each with the field of its
# value, and what it is without one; None of a list.
ATTRIBUTES: dict[int, tuple[int, Any]] = {
    1: (2, 0), 2: (3, 0), 3: (4, ""), 4: (5, {}), 6: (7, None), 7: (8, None), 8: (9, None),
}  # fmt: skip
# Types of weights that may decide on a shape, with the field of their numbers.
TENSORS = {1: ("<f4", 4), 6: ("<i4", 5), 7: ("<i8", 7)}
# Of constants alone a runtime computes a result when it opens the file, before any bound on it.
OF_CONSTANTS = {"Cast", "DequantizeLinear", "Identity", "Reshape", "Squeeze", "Unsqueeze"}


def check_onnx(path: str | Path) -> tuple[Plan, dict[str, str]]:
    """Refuses an ONNX file that is more than one flat graph of known operators.

    It is looked at before a runtime opens it, which would also open other files that it names.

    Returns:
        (the graph without its weights, the metadata as texts by name).

    Raises:
        ValueError: it holds what exports do not, or is damaged.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        model = _message(data, "model", 0, len(data), [MOST_PARTS])
        # A field that comes twice is one message, as the format has it.
        graph: Message = {number: [] for number in ONNX["graph"]}
        for part in model.get(7, []):
            for number, found in part.items():
                graph[number] += found
        nodes = [_node(found) for found in graph[1]]
        constants = dict(_constant(data, found) for found in graph[5])
    versions = {_last(opset, 2, 0) for opset in model.get(8, [{}])}
    if versions - {*OPSETS}:
        raise ValueError(f"operators of other sets than {OPSETS[0]} to {OPSETS[-1]}")
    if len(nodes) > MOST_NODES or len(constants) < len(graph[5]):
        raise ValueError(f"more than {MOST_NODES} operators, or weights of one name")
    refuse_operators({node.operator for node in nodes}, {*RULES})
    fixed = {*constants}
    for node in nodes:
        if fixed.issuperset(node.inputs):
            if node.operator not in OF_CONSTANTS:
                raise ValueError(f"{node.operator} of constants alone")
            fixed.update(node.outputs)
    declared = [_declared(found) for number in (11, 12, 13) for found in graph[number]]
    properties = {_last(found, 1, ""): _last(found, 2, "") for found in model.get(14, [])}
    names = [[_last(found, 1, "") for found in graph[number]] for number in (11, 12)]
    inputs, outputs = [name for name in names[0] if name not in constants], names[1]
    known = [about for about in declared if about]
    return Plan(inputs, outputs, nodes, constants, known), properties


def refuse_operators(found: set[str], known: set[str]) -> None:
    if unknown := sorted(found - known):
        raise ValueError(f"operators that exports do not have, {', '.join(unknown)[:80]}")


def _last(message: Message, number: int, default: Any) -> Any:
    """The value of a field, of which the last one counts."""
    return message.get(number, [default])[-1]


def _node(found: Message) -> Node:
    options = {}
    for attribute in found.get(5, []):
        kind, name = _last(attribute, 20, 0), _last(attribute, 1, "")
        if kind not in ATTRIBUTES or name in options:
            raise ValueError(f"the attribute {name!r:.80} of kind {kind}, or given twice")
        number, default = ATTRIBUTES[kind]
        options[name] = (
            attribute.get(number, []) if default is None else _last(attribute, number, default)
        )
    return Node(_last(found, 4, ""), found.get(1, []), found.get(2, []), options)


def _constant(data: mmap.mmap, found: Message) -> tuple[str, Value]:
    """The name of weights with their shape, and their numbers where they may decide on a shape."""
    shape, kind = tuple(found.get(1, [])), TENSORS.get(_last(found, 2, 0))
    if min(shape, default=0) < 0:
        raise ValueError(f"weights of shape {shape!s:.80}")
    known = None
    if kind and math.prod(shape) <= MOST_KNOWN:
        dtype, field = kind
        if raw := found.get(9):
            known = np.frombuffer(data[slice(*raw[-1])], dtype)
        elif field == 4:
            known = np.frombuffer(b"".join(data[low:high] for low, high in found.get(4, [])), dtype)
        else:
            known = np.array(found.get(field, []), "int64").astype(dtype)
        known = known.reshape(shape)
    return _last(found, 8, ""), Value(shape, known)


def _declared(found: Message) -> tuple[str, list[int | None]] | None:
    """The name and the sizes that the file says of a tensor; None where it says no sizes."""
    tensors = [tensor for type_ in found.get(2, []) for tensor in type_.get(1, [])]
    shapes = [shape for tensor in tensors for shape in tensor.get(2, [])]
    sizes = [_last(size, 1, None) for shape in shapes for size in shape.get(1, [])]
    return (_last(found, 1, ""), sizes) if shapes else None


def _message(data: mmap.mmap, kind: str, start: int, end: int, left: list[int]) -> Message:
    """The values of a protobuf message by the numbers of their fields.

    A message is a dict again, a text is a str, and what is neither number is where it lies, (start,
    end). `left` holds how many more parts there may be.
    """
    found: Message = {}
    for number, rule, value in _fields(data, kind, start, end):
        left[0] -= len(value) if rule == "ints" else 1
        if left[0] < 0:
            raise ValueError(f"more than {MOST_PARTS} parts")
        values = found.setdefault(number, [])
        if rule in ONNX:
            values.append(_message(data, rule, value[0], value[1], left))
        elif rule == "zero" and value:
            raise ValueError("weights in another file")
        elif rule == "text":
            values.append(data[slice(*value)].decode())
        elif rule == "ints":
            values.extend(value)
        else:
            values.append(value)
    domain = _last(found, {"node": 7, "opset": 1}.get(kind, 0), "")
    if domain not in ("", "ai.onnx"):
        raise ValueError(f"operators of {domain!r:.80}")
    return found


def _fields(data: mmap.mmap, kind: str, position: int, end: int) -> Iterator[tuple[int, str, Any]]:
    """Yields (number, rule of ONNX, value) of each field of a protobuf message.

    The value of a number is the number, of "ints" a list, and else (start, end). A number of
    protobuf that is too long is cut by some readers, and refused here.
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

    def signed() -> int:
        value = varint(10) & (1 << 64) - 1
        return value - (value >> 63 << 64)

    while position < end:
        key = varint(5)
        number, wire = key >> 3, key & 7
        rule = ONNX[kind].get(number, "")
        if not rule or wire not in WIRES.get(rule, (2,)):
            elsewhere = kind == "tensor" and number == 13
            what = "weights in another file"
            raise ValueError(what if elsewhere else f"field {number} of type {wire} in a {kind}")
        value: Any
        if wire == 0:
            value = signed()
            value = [value] if rule == "ints" else value
        else:
            size = 4 if wire == 5 else varint(5)
            start, last = position, position + size
            if last > end:
                raise ValueError("less than its parts say")
            value = (start, last)
            if rule == "ints":
                value = []
                while position < last:
                    value.append(signed())
                if len(value) > MOST_PARTS:
                    raise ValueError(f"more than {MOST_PARTS} parts")
                if position > last:
                    raise ValueError("less than its parts say")
            position = last
        if position > end:
            raise ValueError("less than its parts say")
        yield number, rule, value
