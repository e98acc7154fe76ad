"""How much an ONNX graph computes, found from its operators' shapes before a runtime has it.

A file may be a stranger's. Every shape follows from those of the inputs, so what one call takes is
known before it: a graph whose shapes depend on the numbers that it computes is refused.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from export.runtime.metadata import LARGEST_EXAMPLE
from export.runtime.shapes import RULES, Node, Shape, Value

# Multiply-adds of a call for each number that it takes and makes, and how many numbers an example
# counts as at least, which gives a small image 2^32.
LARGEST_EFFORT = 2**19
SMALLEST_EXAMPLE = 2**13
ELEMENT = 8  # multiply-adds that reading or writing a number counts as
NODE = 2**12  # and an operator, whatever it does
LARGEST_TENSOR = 2**40  # numbers, far more than a call may take, so that sizes stay small integers


@dataclass(frozen=True)
class Plan:
    """A graph without its weights.

    Attributes:
        inputs, outputs: names.
        nodes: its operators in order.
        constants: its weights by name.
        declared: pairs of a tensor's name and the shape that the file says, None for what varies.
    """

    inputs: Sequence[str]
    outputs: Sequence[str]
    nodes: Sequence[Node]
    constants: Mapping[str, Value]
    declared: Sequence[tuple[str, Sequence[int | None]]]


def check_work(plan: Plan, output: str, inputs: Mapping[str, Shape]) -> None:
    """Refuses a call that would compute far more than what it is for.

    Args:
        plan: of the graph.
        output: name of what is made.
        inputs: the shapes of what is given, by name; the first size is the number of examples.

    Raises:
        ValueError: it does, or a shape could not be known, is not as declared, or does not fit.
    """
    values = {**plan.constants, **{name: Value(shape) for name, shape in inputs.items()}}
    _refuse_other_shapes(plan, values)
    effort = sum(compute(node, values) for node in plan.nodes)
    _refuse_other_shapes(plan, values)
    examples = max(shape[0] for shape in inputs.values())
    taken = sum(math.prod(shape) for shape in inputs.values())
    made = min(math.prod(values[output].shape), LARGEST_EXAMPLE * examples)
    numbers = max(taken + made, SMALLEST_EXAMPLE * examples)
    if effort > LARGEST_EFFORT * numbers:
        raise ValueError(
            f"a call may take at most {LARGEST_EFFORT * numbers:.1e} multiply-adds, and this one "
            f"takes {effort:.1e}"
        )


def _refuse_other_shapes(plan: Plan, values: Mapping[str, Value]) -> None:
    """Refuses shapes other than those that the file says, by which a runtime may go."""
    for name, sizes in plan.declared:
        shape = values[name].shape if name in values else None
        if shape is not None and (
            len(shape) != len(sizes)
            or any(size not in (None, side) for size, side in zip(sizes, shape, strict=True))
        ):
            raise ValueError(f"{name} is declared as {list(sizes)!s:.80}, and is {shape!s:.80}")


def compute(node: Node, values: dict[str, Value]) -> int:
    """Adds what an operator makes to `values`; returns its effort."""
    if missing := [name for name in node.inputs if name and name not in values]:
        raise ValueError(f"{node.operator} of {missing[0]!r:.80}, which is not there")
    given = [values[name] if name else None for name in node.inputs]
    made, effort = RULES[node.operator](node, *given)
    if len(node.outputs) > len(made):
        raise ValueError(f"{node.operator} with {len(node.outputs)} results")
    there = [value for value in given if value] + made
    for name, value in zip(node.outputs, made, strict=False):
        if not name:
            continue
        if name in values:
            raise ValueError(f"{name!r:.80} is made twice")
        if min(value.shape, default=0) < 0 or math.prod(value.shape) > LARGEST_TENSOR:
            raise ValueError(f"{node.operator} that makes {value.shape!s:.80}")
        values[name] = value
    return effort + NODE + ELEMENT * sum(math.prod(value.shape) for value in there)
