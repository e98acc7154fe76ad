"""TensorFlow's part of `zoo.backend.devices`: a replica of the step on each device."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from zoo.backend import devices
from zoo.backend import tensorflow as backend

ENDLESS = 2**62
SCALES_LOSSES = False  # each device would look at its own gradients alone, and scale by itself
_strategy: Any = None


def available() -> tuple[int, str]:
    gpus = len(tf.config.list_physical_devices("GPU"))
    return (gpus, "gpu") if gpus else (devices.cpu_devices(), "cpu")


def start(wanted: int | None, recorded: int) -> devices.Layout:
    global _strategy
    config = json.loads(os.environ.get("TF_CONFIG", "{}"))
    workers = config.get("cluster", {}).get("worker", [])
    count, kind = available()
    if len(workers) > 1:
        _divide_processor(count if kind == "cpu" else 1)
        _strategy = tf.distribute.MultiWorkerMirroredStrategy()
        devices.require_all(wanted, _strategy.num_replicas_in_sync)
        index = int(config["task"]["index"])
        return devices.Layout(_strategy.num_replicas_in_sync, len(workers), index)
    used = recorded if wanted is None else wanted
    devices.require(used, count, kind)
    if used > 1:
        _divide_processor(used if kind == "cpu" else 1)
        _strategy = tf.distribute.MirroredStrategy([f"{kind}:{i}" for i in range(used)])
    return devices.Layout(used)


def _divide_processor(count: int) -> None:
    if count > 1:
        (processor,) = tf.config.list_physical_devices("CPU")
        parts = [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
        tf.config.set_logical_device_configuration(processor, parts)


def finish() -> None:
    pass


def scope() -> AbstractContextManager:
    return _strategy.scope() if _strategy else nullcontext()


def alone(function: Callable[[], Any]) -> Any:
    # A strategy's scope is that of a thread, and cannot be left inside.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function).result()


def _local() -> list[int]:
    """The devices of this process, among all."""
    layout = devices.layout
    each = layout.devices // layout.processes
    return list(range(layout.process * each, (layout.process + 1) * each))


def share(arrays: tuple[np.ndarray, ...], parts: int) -> tuple[np.ndarray, ...]:
    return tuple(devices.own_rows(a, parts, _local(), devices.layout.devices) for a in arrays)


def feed(stream: Iterator[tuple[np.ndarray, ...]], steps: int) -> Any:
    if _strategy is None:
        return backend.fit_data(stream, steps)
    each = len(_local())

    def pieces() -> Iterator[tuple[np.ndarray, ...]]:
        for arrays in stream:
            yield from zip(*(np.split(array, each) for array in arrays), strict=True)

    # Of what a strategy divides Keras knows no end, and begins no second epoch behind one.
    dataset = backend.fit_data(pieces(), ENDLESS)
    return _strategy.distribute_datasets_from_function(lambda context: dataset)


def replicas() -> int:
    return devices.layout.devices


def own(tensor: Any, rows: int) -> Any:
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    taken = [slice(None)] * rows + [slice(replica, None, devices.layout.devices)]
    return tensor[tuple(taken)]


def spread(tensor: Any, rows: int) -> Any:
    return tensor


def mean(tensors: list[Any]) -> list[Any]:
    context = tf.distribute.get_replica_context()
    values = [tf.stop_gradient(tf.convert_to_tensor(t, "float32")) for t in tensors]
    return context.all_reduce(tf.distribute.ReduceOp.MEAN, values)


def share_gradients(gradients: list[Any]) -> list[Any]:
    return [g / devices.layout.devices for g in gradients]  # Keras' optimizers add them up


def settle(model: keras.Model) -> None:
    pass  # see `prepare`: an assignment takes the mean


def prepare(model: keras.Model, sync_batch_norm: bool) -> None:
    # The model is built: Keras would use up a batch to see its shape.
    model._maybe_symbolic_build = lambda **batch: None
    model.steps_per_execution = 1  # Keras' loop of several fails with a strategy
    if devices.layout.processes > 1:
        plain = model.train_step
        # Keras takes the mean of the processes' logs over an axis, which scalars have not.
        model.train_step = lambda data: {
            name: tf.reshape(value, (1,)) for name, value in plain(data).items()
        }
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = sync_batch_norm
    devices.share_dropout(model)
    # TensorFlow refuses assignments in a step to variables that do not say how to agree.
    statistics = {id(v) for v in model.non_trainable_weights if "float" in v.dtype}
    for variable in [*model.variables, *model.metrics_variables, *model.optimizer.variables]:
        one = "MEAN" if id(variable) in statistics else "ONLY_FIRST_REPLICA"
        variable.value._aggregation = getattr(tf.VariableAggregation, one)


def total(array: np.ndarray) -> np.ndarray:
    result = _strategy.run(_total, args=(tf.constant(array.reshape(-1)),))
    return np.reshape(_strategy.experimental_local_results(result)[0], array.shape)


@tf.function(input_signature=[tf.TensorSpec((None,), "int32")])
def _total(array: Any) -> Any:
    context = tf.distribute.get_replica_context()
    first = context.replica_id_in_sync_group == _local()[0]  # of this process
    return context.all_reduce(tf.distribute.ReduceOp.SUM, array * tf.cast(first, "int32"))


def is_loss(error: Exception) -> bool:
    return isinstance(error, (tf.errors.UnavailableError, tf.errors.AbortedError))
