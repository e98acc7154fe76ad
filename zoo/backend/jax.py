"""JAX's part of `zoo.backend`: what a step reads and writes goes through a scope."""

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np
from keras.src.trainers.data_adapters.data_adapter import DataAdapter

from zoo.backend import jax_convolutions

jax_convolutions.install()
HALF_TYPES = ("bfloat16", "float16")


def steps_per_execution() -> int:
    # XLA's loop on a processor saves nothing, and what runs inside takes longer (docs/speed.md).
    return 1 if jax.default_backend() == "cpu" else 8


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
    pure, updated = lifted(lambda x: jnp.sum(function(x)))
    gradient, new_values = jax.grad(pure, argnums=1, has_aux=True)([], x)
    assign(updated, new_values)
    return gradient


def apply(
    optimizer: keras.optimizers.Optimizer, gradients: list[Any], variables: list[keras.Variable]
) -> None:
    if not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        optimizer.apply(gradients, variables)
        return
    # Its own apply would assign to variables inside of lax.cond.
    state = optimizer.variables
    values, new_state = optimizer.stateless_apply(
        [v.value for v in state], gradients, [v.value for v in variables]
    )
    assign(variables, values)
    assign(state, new_state)


def total(variables: list[keras.Variable]) -> Any:
    return sum(jnp.sum(v.value) for v in variables)


def count_in_place(variable: keras.Variable) -> None:
    pass


def quicken(optimizer: keras.optimizers.Optimizer) -> None:
    pass


def hold_seeds(model: keras.Model) -> None:
    pass


def accumulate(variable: keras.Variable, value: Any) -> None:
    variable.assign_add(keras.ops.stop_gradient(value))


class _Epochs(DataAdapter):
    """A stream cut into epochs: of a generator Keras takes more than an epoch's last call needs."""

    batch_size = has_partial_batch = partial_batch_size = None

    def __init__(self, stream: Iterator[tuple[Any, ...]], steps: int) -> None:
        self.stream = stream
        self.steps = steps

    @property
    def num_batches(self) -> int:
        return self.steps

    def get_jax_iterator(self) -> Iterator[tuple[Any, ...]]:
        return itertools.islice(self.stream, self.steps)


def fit_data(stream: Iterator[tuple[Any, ...]], steps: int) -> _Epochs:
    return _Epochs(stream, steps)


def room() -> int:
    if jax.default_backend() == "cpu":
        return 0
    return (jax.devices()[0].memory_stats() or {}).get("bytes_limit", 0)


def keep(model: keras.Model, images: Any, values: Any) -> Callable[[np.ndarray], Any]:
    # Arguments: what a program only refers to is written into it as a constant.
    return functools.partial(_look, *jax.device_put((images, values)))


@jax.jit
def _look(images: Any, values: Any, indices: Any) -> Any:
    chosen = images[indices]
    return chosen if values is None else values[chosen]


def joined(model: keras.Model, one_by_one: Callable[..., Any]) -> Callable[..., Any]:
    """Keras calls a compiled step for each batch. Here one program loops over those of a call.

    A call of fewer batches runs the same program and keeps what it wants: in another one XLA joins
    other operations, and a run that resumes between them would not end with the same bits.
    """
    count = model.steps_per_execution
    if count == 1 or model.run_eagerly or not model.jit_compile:
        return one_by_one

    def loop(state: tuple[Any, ...], batches: list[Any], wanted: Any) -> tuple[Any, Any]:
        def step(state: tuple[Any, ...], given: tuple[Any, Any]) -> tuple[tuple[Any, ...], Any]:
            index, batch = given
            logs, after = model.train_step(state, batch)
            return jax.tree.map(functools.partial(jnp.where, index < wanted), after, state), logs

        stacked = jax.tree.map(lambda *arrays: jnp.stack(arrays), *batches)
        state, logs = jax.lax.scan(step, state, (jnp.arange(count), stacked))
        return jax.tree.map(lambda values: values[wanted - 1], logs), state

    shardings = None
    if keras.distribution.distribution() is not None:
        shardings = (None, model._get_state_sharding_spec())
    compiled = jax.jit(loop, donate_argnums=0, out_shardings=shardings)

    def function(state: tuple[Any, ...], iterator: Iterator[Any]) -> tuple[Any, tuple[Any, ...]]:
        batches = list(itertools.islice(iterator, count))
        shapes = {tuple(array.shape for array in jax.tree.leaves(batch)) for batch in batches}
        if len(shapes) != 1:  # a last batch of fewer examples, or no batch at all
            return one_by_one(state, iter(batches))
        fill = batches[-1:] * (count - len(batches))
        return compiled(state, batches + fill, len(batches))

    return function


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
