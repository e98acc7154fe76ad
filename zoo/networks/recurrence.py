"""A recurrence over time that is compiled once, however many steps it has."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops


def recur(step: Callable[[Any, Any], Any], state: Any, inputs: Any) -> tuple[Any, Any]:
    """Goes through `inputs` step by step.

    In an export the inputs are symbolic, and the steps become one after the other: an exported
    graph has no loops.

    Args:
        step: gives the next state of (state, inputs of this step), with the structure, shapes and
            types of the state.
        state: the first one, a structure of tensors (batch, ...).
        inputs: (batch, steps, ...).

    Returns:
        The last state, and the states after each step, (batch, steps, ...), both in the structure
        of `state`.
    """
    if not isinstance(inputs, keras.KerasTensor):
        # On TensorFlow a scan gives what has the shapes of the state and nothing else.
        state, states = ops.scan(lambda *now: (step(*now),) * 2, state, ops.swapaxes(inputs, 0, 1))
        return state, keras.tree.map_structure(lambda x: ops.swapaxes(x, 0, 1), states)
    states = []
    for t in range(inputs.shape[1]):
        state = step(state, inputs[:, t])
        states.append(state)
    stacked = keras.tree.map_structure(lambda *steps: ops.stack(steps, axis=1), *states)
    return state, stacked
