"""The shapes that the operators of an ONNX graph make of shapes, and how much each computes.

These are the rules of operator sets 13 to 17. A shape that does not fit raises a ValueError, or
whatever Python raises for a rank or a name that is not there.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

Shape = tuple[int, ...]

MOST_KNOWN = 64  # numbers of a tensor that may decide on a shape


class Value(NamedTuple):
    """A tensor: its shape, and its numbers where shapes may depend on them."""

    shape: Shape
    known: np.ndarray | None = None


@dataclass(frozen=True)
class Node:
    """An operator with the names of what it takes, "" for none, and makes."""

    operator: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    options: Mapping[str, Any]


# Each rule takes a node and its inputs, and gives (what it makes, multiply-adds).
Made = tuple[list[Value], int]


def _like(node: Node, x: Value, *rest: Value | None) -> Made:
    return [Value(x.shape)], 0


def _kept(node: Node, x: Value) -> Made:
    """Identity, or a cast."""
    whole = node.operator == "Identity" or node.options.get("to") in (6, 7)
    known = x.known if whole and x.known is not None and x.known.dtype.kind == "i" else None
    if known is not None and node.options.get("to") == 6:
        known = known.astype("int32")
    return [Value(x.shape, known)], 0


def _broadcast(node: Node, *given: Value) -> Made:
    shape = np.broadcast_shapes(*(x.shape for x in given))
    if node.operator == "Max":
        known = [x.known for x in given if x.known is not None and x.known.dtype.kind == "i"]
        if len(known) == len(given) and math.prod(shape) <= MOST_KNOWN:
            return [Value(shape, np.maximum.reduce(np.broadcast_arrays(*known)))], 0
    return [Value(shape)], 0


def _reduced(node: Node, x: Value, axes: Value | None = None) -> Made:
    chosen = _numbers(axes) if axes else node.options.get("axes")
    if not chosen and not node.options.get("noop_with_empty_axes"):
        chosen = range(len(x.shape))
    if node.operator.startswith("Arg"):
        chosen = [node.options.get("axis", 0)]
    gone = {_axis(axis, len(x.shape)) for axis in chosen or ()}
    kept = node.options.get("keepdims", 1)
    sizes = [1 if axis in gone else size for axis, size in enumerate(x.shape)]
    return [Value(tuple(n for axis, n in enumerate(sizes) if kept or axis not in gone))], 0


def _matmul(node: Node, a: Value, b: Value) -> Made:
    left = a.shape if len(a.shape) > 1 else (1, *a.shape)
    right = b.shape if len(b.shape) > 1 else (*b.shape, 1)
    if left[-1] != right[-2]:
        raise ValueError(f"MatMul of {a.shape} and {b.shape}")
    many = np.broadcast_shapes(left[:-2], right[:-2])
    shape = many + left[-2:-1] * (len(a.shape) > 1) + right[-1:] * (len(b.shape) > 1)
    return [Value(shape)], math.prod(many) * left[-2] * left[-1] * right[-1]


def _gemm(node: Node, a: Value, b: Value, c: Value | None = None) -> Made:
    rows, inner = a.shape[::-1] if node.options.get("transA") else a.shape
    again, columns = b.shape[::-1] if node.options.get("transB") else b.shape
    if inner != again:
        raise ValueError(f"Gemm of {a.shape} and {b.shape}")
    return [Value((rows, columns))], rows * inner * columns


def _windows(node: Node, kernel: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
    """(strides, padding of both sides together, spans of the kernel) of each axis."""
    many = len(kernel)
    strides, dilations, pads = (
        list(node.options.get(key) or default * many)
        for key, default in (("strides", [1]), ("dilations", [1]), ("pads", [0, 0]))
    )
    spans = [1 + (size - 1) * step for size, step in zip(kernel, dilations, strict=True)]
    if min([*strides, *dilations, *kernel], default=1) < 1 or len(pads) != 2 * many:
        raise ValueError(f"{node.operator} with {strides}, {dilations} or {pads}"[:200])
    return strides, [a + b for a, b in zip(pads[:many], pads[many:], strict=True)], spans


def _slid(node: Node, sides: Sequence[int], kernel: Sequence[int]) -> Shape:
    """The sides of what a window makes that slides over an image."""
    strides, pads, spans = _windows(node, kernel)
    padding = node.options.get("auto_pad", "NOTSET")
    if node.options.get("ceil_mode"):
        raise ValueError(f"{node.operator} of parts of a window")
    made = []
    for side, stride, pad, span in zip(sides, strides, pads, spans, strict=True):
        if padding.startswith("SAME"):
            made.append(-(-side // stride))
        else:
            free = side - span + (pad if padding == "NOTSET" else 0)
            made.append(free // stride + 1)
    return tuple(made)


def _conv(node: Node, x: Value, kernel: Value, bias: Value | None = None) -> Made:
    shape = (x.shape[0], kernel.shape[0], *_slid(node, x.shape[2:], kernel.shape[2:]))
    return [Value(shape)], math.prod(shape) * math.prod(kernel.shape[1:])


def _conv_transpose(node: Node, x: Value, kernel: Value, bias: Value | None = None) -> Made:
    sides, sizes = x.shape[2:], kernel.shape[2:]
    strides, pads, spans = _windows(node, sizes)
    more = node.options.get("output_padding") or [0] * len(sizes)
    steps = zip(sides, strides, more, spans, pads, strict=True)
    if node.options.get("auto_pad", "NOTSET").startswith("SAME"):
        made = [
            min(stride * n, stride * (n - 1) + extra + span) for n, stride, extra, span, _ in steps
        ]
    else:
        made = [stride * (n - 1) + extra + span - pad for n, stride, extra, span, pad in steps]
    made = node.options.get("output_shape") or made
    if len(made) < len(sides):
        raise ValueError(f"ConvTranspose to {made}"[:200])
    channels = kernel.shape[1] * node.options.get("group", 1)
    shape = (x.shape[0], channels, *made[len(made) - len(sides) :])
    return [Value(shape)], math.prod(x.shape) * math.prod(kernel.shape[1:])


def _pool(node: Node, x: Value) -> Made:
    kernel = node.options["kernel_shape"]
    shape = (*x.shape[:2], *_slid(node, x.shape[2:], kernel))
    return [Value(shape)], math.prod(shape) * math.prod(kernel)


def _whole_pool(node: Node, x: Value) -> Made:
    return [Value(x.shape[:2] + (1,) * len(x.shape[2:]))], 0


def _concat(node: Node, *given: Value) -> Made:
    axis = _axis(node.options["axis"], len(given[0].shape))
    shapes = {x.shape[:axis] + x.shape[axis + 1 :] for x in given}
    if len(shapes) > 1:
        raise ValueError(f"Concat of {shapes}"[:200])
    size = sum(x.shape[axis] for x in given)
    shape = (*given[0].shape[:axis], size, *given[0].shape[axis + 1 :])
    known = [x.known for x in given if x.known is not None]
    if len(known) == len(given) and math.prod(shape) <= MOST_KNOWN:
        return [Value(shape, np.concatenate(known, axis))], 0
    return [Value(shape)], 0


def _split(node: Node, x: Value, sizes: Value | None = None) -> Made:
    axis, many = _axis(node.options.get("axis", 0), len(x.shape)), len(node.outputs)
    parts = _numbers(sizes) if sizes else [x.shape[axis] // many] * many
    if sum(parts) != x.shape[axis] or min(parts) < 0:
        raise ValueError(f"Split of {x.shape[axis]} into {parts}"[:200])
    return [Value((*x.shape[:axis], part, *x.shape[axis + 1 :])) for part in parts], 0


def _slice(
    node: Node, x: Value, starts: Value, ends: Value, axes: Value | None = None,
    steps: Value | None = None,
) -> Made:  # fmt: skip
    begins, stops = _numbers(starts), _numbers(ends)
    along = _numbers(axes) if axes else range(len(begins))
    strides = _numbers(steps) if steps else [1] * len(begins)
    cut = [slice(None)] * len(x.shape)
    for start, stop, axis, stride in zip(begins, stops, along, strides, strict=True):
        cut[_axis(axis, len(x.shape))] = slice(start, stop, stride)
    sizes = [len(range(*s.indices(n))) for s, n in zip(cut, x.shape, strict=True)]
    return [Value(tuple(sizes), None if x.known is None else x.known[tuple(cut)])], 0


def _gather(node: Node, x: Value, indices: Value) -> Made:
    axis = _axis(node.options.get("axis", 0), len(x.shape))
    shape = x.shape[:axis] + indices.shape + x.shape[axis + 1 :]
    if x.known is None or indices.known is None or math.prod(shape) > MOST_KNOWN:
        return [Value(shape)], 0
    return [Value(shape, np.asarray(np.take(x.known, indices.known, axis)))], 0


def _reshape(node: Node, x: Value, to: Value) -> Made:
    sizes = _numbers(to)
    if not node.options.get("allowzero"):
        sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    if -1 in sizes:
        rest = -math.prod(sizes)
        sizes[sizes.index(-1)] = math.prod(x.shape) // rest if rest > 0 else 0
    return _with_shape(x, sizes)


def _with_shape(x: Value, sizes: Iterable[int]) -> Made:
    """The same numbers in another shape."""
    shape = tuple(sizes)
    if min(shape, default=0) < 0 or math.prod(shape) != math.prod(x.shape):
        raise ValueError(f"{x.shape} is not {shape}"[:200])
    return [Value(shape, None if x.known is None else x.known.reshape(shape))], 0


def _flatten(node: Node, x: Value) -> Made:
    axis = node.options.get("axis", 1)
    axis += len(x.shape) if axis < 0 else 0
    return _with_shape(x, (math.prod(x.shape[:axis]), math.prod(x.shape[axis:])))


def _squeeze(node: Node, x: Value, axes: Value | None = None) -> Made:
    ones = [axis for axis, size in enumerate(x.shape) if size == 1]
    gone = {_axis(axis, len(x.shape)) for axis in (_numbers(axes) if axes else ones)}
    return _with_shape(x, [size for axis, size in enumerate(x.shape) if axis not in gone])


def _unsqueeze(node: Node, x: Value, axes: Value) -> Made:
    chosen = _numbers(axes)
    new = {_axis(axis, len(x.shape) + len(chosen)) for axis in chosen}
    sizes, many = iter(x.shape), len(x.shape) + len(new)
    return _with_shape(x, [1 if axis in new else next(sizes) for axis in range(many)])


def _transpose(node: Node, x: Value) -> Made:
    order = node.options.get("perm") or range(len(x.shape))[::-1]
    if sorted(order) != list(range(len(x.shape))):
        raise ValueError(f"Transpose by {order}"[:200])
    return [Value(tuple(x.shape[axis] for axis in order))], 0


def _expand(node: Node, x: Value, to: Value) -> Made:
    return [Value(np.broadcast_shapes(x.shape, tuple(_numbers(to))))], 0


def _tile(node: Node, x: Value, times: Value) -> Made:
    pairs = zip(x.shape, _numbers(times), strict=True)
    return [Value(tuple(size * many for size, many in pairs))], 0


def _pad(node: Node, x: Value, pads: Value, value: Value | None = None) -> Made:
    rank, more = len(x.shape), _numbers(pads)
    if len(more) != 2 * rank:
        raise ValueError(f"Pad by {more}"[:200])
    return [Value(tuple(n + more[i] + more[i + rank] for i, n in enumerate(x.shape)))], 0


def _resize(
    node: Node, x: Value, roi: Value | None = None, scales: Value | None = None,
    sizes: Value | None = None,
) -> Made:  # fmt: skip
    if node.options.get("coordinate_transformation_mode") == "tf_crop_and_resize":
        raise ValueError("Resize of a part")
    if sizes:
        shape = tuple(_numbers(sizes))
    elif scales and scales.known is not None and scales.known.dtype.kind == "f":
        factors = scales.known.ravel().tolist()
        shape = tuple(math.floor(n * by) for n, by in zip(x.shape, factors, strict=True))
    else:
        raise ValueError("Resize by what is not known before")
    return [Value(shape)], 16 * math.prod(shape)  # numbers that a cubic one takes for each


def _one_hot(node: Node, indices: Value, depth: Value, values: Value) -> Made:
    (many,) = _numbers(depth)
    axis = _axis(node.options.get("axis", -1), len(indices.shape) + 1)
    return [Value((*indices.shape[:axis], many, *indices.shape[axis:]))], 0


def _constant_of_shape(node: Node, shape: Value) -> Made:
    return [Value(tuple(_numbers(shape)))], 0


def _shape(node: Node, x: Value) -> Made:
    sizes = np.array(x.shape[node.options.get("start", 0) : node.options.get("end")], "int64")
    return [Value(sizes.shape, sizes)], 0


def _blocks(node: Node, x: Value) -> Made:
    """DepthToSpace, or back."""
    count, channels, *sides = x.shape
    size = node.options["blocksize"]
    if node.operator == "DepthToSpace":
        return _with_shape(x, (count, channels // size**2, *(side * size for side in sides)))
    return _with_shape(x, (count, channels * size**2, *(side // size for side in sides)))


def _numbers(value: Value) -> list[int]:
    """The integers of what decides on a shape."""
    if value.known is None or value.known.dtype.kind != "i":
        raise ValueError("a shape that is not known before")
    return [int(number) for number in value.known.ravel()]


def _axis(axis: int, rank: int) -> int:
    """An axis that may be counted from the end."""
    if not -rank <= axis < rank:
        raise ValueError(f"axis {axis} of {rank}")
    return axis % rank


# Operators that compute numbers from numbers, by one pass, and draw none, with their rules. There
# is no loop, no sequence, no text, and nothing whose result's size depends on the numbers alone.
RULES: dict[str, Callable[..., Made]] = {
    name: rule
    for rule, names in (
        (
            _like,
            """
            Abs BatchNormalization Ceil Clip Cos DequantizeLinear Elu Erf Exp Floor HardSigmoid
            HardSwish InstanceNormalization LayerNormalization LeakyRelu Log LogSoftmax Neg Not
            PRelu QuantizeLinear Reciprocal Relu Round Selu Sigmoid Sign Sin Softmax Softplus
            Softsign Sqrt Tan Tanh
            """,
        ),
        (
            _broadcast,
            """
            Add And Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mul Or Pow Sub
            Sum Where
            """,
        ),
        (
            _reduced,
            """
            ArgMax ArgMin ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
            ReduceSumSquare
            """,
        ),
        (_blocks, "DepthToSpace SpaceToDepth"),
        (_concat, "Concat"),
        (_constant_of_shape, "ConstantOfShape"),
        (_conv, "Conv"),
        (_conv_transpose, "ConvTranspose"),
        (_expand, "Expand"),
        (_flatten, "Flatten"),
        (_gather, "Gather"),
        (_gemm, "Gemm"),
        (_kept, "Cast Identity"),
        (_matmul, "MatMul"),
        (_one_hot, "OneHot"),
        (_pad, "Pad"),
        (_pool, "AveragePool MaxPool"),
        (_reshape, "Reshape"),
        (_resize, "Resize"),
        (_shape, "Shape"),
        (_slice, "Slice"),
        (_split, "Split"),
        (_squeeze, "Squeeze"),
        (_tile, "Tile"),
        (_transpose, "Transpose"),
        (_unsqueeze, "Unsqueeze"),
        (_whole_pool, "GlobalAveragePool GlobalMaxPool"),
    )
    for name in names.split()
}
