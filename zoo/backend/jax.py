"""JAX's part of `zoo.backend`: what a step reads and writes goes through a scope."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import keras
import numpy as np

STEPS_PER_EXECUTION = 1  # each would be compiled anew
HAS_BFLOAT16 = True


class Scope(keras.StatelessScope):
    """A scope that nests: it starts from the values of the scope around it.

    Keras' own scope hides the one outside, so code inside a gradient would read the weights
    of the last synchronisation instead of this step's. `updated` lists what was assigned.
    """

    state_mapping: dict[int, Any]

    def __init__(self, state_mapping: Sequence[tuple[Any, Any]] = ()) -> None:
        super().__init__(state_mapping)
        self.updated: dict[int, keras.Variable] = {}

    def __enter__(self) -> "Scope":
        super().__enter__()
        if self.original_scope is not None:
            self.state_mapping = {**self.original_scope.state_mapping, **self.state_mapping}
        return self

    def add_update(self, update: tuple[keras.Variable, Any]) -> None:
        super().add_update(update)
        self.updated[id(update[0])] = update[0]


def lifted(
    function: Callable, variables: Sequence[keras.Variable] = ()
) -> tuple[Callable, list[keras.Variable]]:
    """`function` as a pure `(values, *args) -> (result, new values)`.

    `values` stand in for `variables`; the new values belong to the variables that the second
    return value lists once the function has run.
    """
    updated: list[keras.Variable] = []

    def pure(values: list[Any], *args: Any) -> tuple[Any, list[Any]]:
        with Scope(list(zip(variables, values, strict=True))) as scope:
            result = function(*args)
        updated[:] = scope.updated.values()
        return result, [scope.get_current_value(v) for v in updated]

    return pure, updated


def assign(variables: list[keras.Variable], values: list[Any]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def value_and_gradients(
    function: Callable[[], Any], variables: list[keras.Variable]
) -> tuple[Any, list[Any]]:
    pure, updated = lifted(function, variables)
    values = [v.value for v in variables]
    (loss, new_values), gradients = jax.value_and_grad(pure, has_aux=True)(values)
    assign(updated, new_values)
    return loss, gradients


def input_gradient(function: Callable[[Any], Any], x: Any) -> Any:
    pure, updated = lifted(lambda x: jax.numpy.sum(function(x)))
    gradient, new_values = jax.grad(pure, argnums=1, has_aux=True)([], x)
    assign(updated, new_values)
    return gradient


def total(variables: list[keras.Variable]) -> Any:
    return sum(jax.numpy.sum(v.value) for v in variables)


def quicken(optimizer: keras.optimizers.Optimizer) -> None:
    pass


def accumulate(variable: keras.Variable, value: Any) -> None:
    variable.assign_add(keras.ops.stop_gradient(value))


def fit_data(
    stream: Iterator[tuple[np.ndarray, ...]], steps: int
) -> Iterator[tuple[np.ndarray, ...]]:
    return stream


def trace(folder: Path) -> Any:
    return jax.profiler.trace(folder, create_perfetto_trace=True)


def with_state(
    model: keras.Model, kind: str, state: tuple[Any, ...], step: Callable[[], Any]
) -> tuple[Any, tuple[list[Any], ...]]:
    """A step on the values in `state`: its logs, and the values after it."""
    groups = [model.trainable_variables, model.non_trainable_variables]
    if kind == "train_step":
        groups.append(model.optimizer.variables)
    groups.append(model.metrics_variables)
    mapping = [
        pair
        for variables, values in zip(groups, state, strict=True)
        for pair in zip(variables, values, strict=True)
    ]
    with Scope(mapping) as scope:
        logs = step()
    return logs, tuple([scope.get_current_value(v) for v in group] for group in groups)
