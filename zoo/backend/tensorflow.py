"""TensorFlow's part of `zoo.backend`."""

import functools
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.client.device_lib import list_local_devices

# Steps that the graph takes, and batches that cross from Python, at once: the way to and from
# Python costs as much as a small step.
AT_ONCE = 8
HALF_TYPES = ("bfloat16", "float16")


def steps_per_execution() -> int:
    return AT_ONCE


def joined(model: keras.Model, one_by_one: Callable[..., Any]) -> Callable[..., Any]:
    return one_by_one  # Keras' own is a loop in one graph


def value_and_gradients(
    function: Callable[[], Any], variables: list[keras.Variable]
) -> tuple[Any, list[Any]]:
    values = [v.value for v in variables]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(values)
        loss = function()
    gradients = tape.gradient(loss, values, unconnected_gradients="zero")
    # An embedding's gradient arrives sparse, and optimizers update sparse rows differently.
    return loss, [tf.convert_to_tensor(g) for g in gradients]


def input_gradient(function: Callable[[Any], Any], x: Any) -> Any:
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        total = tf.reduce_sum(function(x))
    return tape.gradient(total, x, unconnected_gradients="zero")


def apply(
    optimizer: keras.optimizers.Optimizer, gradients: list[Any], variables: list[keras.Variable]
) -> None:
    optimizer.apply(gradients, variables)


def total(variables: list[keras.Variable]) -> Any:
    return sum(tf.reduce_sum(v.value) for v in variables)


def count_in_place(variable: keras.Variable) -> None:
    pass


def quicken(optimizer: keras.optimizers.Optimizer) -> None:
    optimizer.update_step = functools.partial(_fused_adam, optimizer)


def _fused_adam(optimizer: Any, gradient: Any, variable: Any, learning_rate: Any) -> None:
    """Keras' Adam in one pass over the weight; Keras' own takes ten."""
    place = optimizer._get_variable_index(variable)
    step = tf.cast(optimizer.iterations.value + 1, tf.float32)
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=optimizer._momentums[place].value.handle,
        v=optimizer._velocities[place].value.handle,
        beta1_power=optimizer.beta_1**step,
        beta2_power=optimizer.beta_2**step,
        lr=learning_rate,
        beta1=optimizer.beta_1,
        beta2=optimizer.beta_2,
        epsilon=optimizer.epsilon,
        grad=gradient,
    )


def hold_seeds(model: keras.Model) -> None:
    pass


def accumulate(variable: keras.Variable, value: Any) -> None:
    # Keras' assign_add reads, adds and writes. TensorFlow joins that addition with those that made
    # the value, and takes their terms in an order that depends on which threads come first.
    variable.value.assign_add(tf.stop_gradient(tf.convert_to_tensor(value, variable.dtype)))


def require_count(count: Any, least: int, message: str) -> Any:
    assertion = tf.debugging.assert_greater_equal(count, least, message)
    # XLA leaves assertions out, but checks that a slice lies within its tensor.
    with tf.control_dependencies([assertion]):
        within = tf.slice(tf.zeros([count], count.dtype), [0], [least])
    return count + tf.reduce_sum(within)


def trace(folder: Path) -> Any:
    return tf.profiler.experimental.Profile(str(folder))


def room() -> int:
    limits = [d.memory_limit for d in list_local_devices() if d.device_type == "GPU"]
    return limits[0] if limits else 0


def keep(model: keras.Model, images: Any, values: Any) -> Callable[[np.ndarray], Any]:
    """The images are chosen in the step: what `fit` is fed passes through the processor."""
    with tf.device("GPU:0" if tf.config.list_physical_devices("GPU") else "CPU:0"):
        pixels = tf.identity(images)
        levels = None if values is None else tf.identity(values)

    @tf.function(jit_compile=True)  # without XLA a GPU does not gather uint8
    def look(indices: Any) -> Any:
        chosen = tf.gather(pixels, indices)
        return chosen if levels is None else tf.gather(levels, tf.cast(chosen, "int32"))

    plain = model.train_step
    model.train_step = lambda data: plain((look(data[0]), *data[1:]))
    return lambda indices: indices


def fit_data(stream: Iterator[tuple[np.ndarray, ...]], steps: int) -> tf.data.Dataset:
    def groups() -> Iterator[tuple[np.ndarray, ...]]:
        epoch = itertools.islice(stream, steps)
        while group := list(itertools.islice(epoch, AT_ONCE)):
            yield tuple(map(np.stack, zip(*group, strict=True)))

    # What Keras makes of a generator tunes itself in a thread that sleeps ever longer, up to a
    # minute, and the end of fit() waits until it wakes.
    options = tf.data.Options()
    options.autotune.enabled = False
    first = next(stream)
    stream = itertools.chain([first], stream)
    signature = tuple(tf.TensorSpec((None, *array.shape), array.dtype) for array in first)
    dataset = tf.data.Dataset.from_generator(groups, output_signature=signature).unbatch()
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(steps))
    return dataset.prefetch(2).with_options(options)
