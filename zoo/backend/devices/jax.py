"""JAX's part of `zoo.backend.devices`: one program for all devices, divided by Keras' DataParallel.

In a program that computes on the whole batch nothing has to be put together: noise, moments and
losses are those of one device. What is said here is how examples are spread over the devices.
"""

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import keras
import numpy as np
from jax.experimental import multihost_utils

from zoo.backend import devices
from zoo.backend import jax as backend

SCALES_LOSSES = True
SILENCE = 30  # seconds, after which a process that says nothing is taken for gone


def available() -> tuple[int, str]:
    return jax.device_count(), jax.default_backend()


def start(wanted: int | None, recorded: int) -> devices.Layout:
    if devices.CPU_DEVICES in os.environ:
        jax.config.update("jax_num_cpu_devices", devices.cpu_devices())
    processes = int(os.environ.get("KERAS_DISTRIBUTION_NUM_PROCESSES", "1"))
    if processes > 1:
        # Not keras.distribution.initialize, which would also set the seed of all that is random.
        jax.distributed.initialize(
            os.environ.get("KERAS_DISTRIBUTION_JOB_ADDRESSES", "").split(",")[0],
            processes,
            int(os.environ.get("KERAS_DISTRIBUTION_PROCESS_ID", "0")),
            heartbeat_timeout_seconds=SILENCE,
            shutdown_timeout_seconds=SILENCE,
        )
        devices.require_all(wanted, jax.device_count())
        return devices.Layout(jax.device_count(), processes, jax.process_index())
    count = recorded if wanted is None else wanted
    if count > 1:
        devices.require(count, *available())
    return devices.Layout(count)


def finish() -> None:
    pass


def scope() -> AbstractContextManager:
    count = devices.layout.devices
    if count == 1:
        return nullcontext()
    names = keras.distribution.list_devices()[:count]
    return keras.distribution.DataParallel(devices=names, auto_shard_dataset=False).scope()


def alone(function: Callable[[], Any]) -> Any:
    before = keras.distribution.distribution()
    keras.distribution.set_distribution(None)
    try:
        return function()
    finally:
        keras.distribution.set_distribution(before)


def share(arrays: tuple[np.ndarray, ...], parts: int) -> tuple[np.ndarray, ...]:
    layout = devices.layout
    return tuple(np.split(a, layout.processes)[layout.process] for a in arrays)


def feed(stream: Iterator[tuple[np.ndarray, ...]], steps: int) -> Any:
    return backend.fit_data(stream, steps)


def replicas() -> int:
    return 1


def spread(tensor: Any, rows: int) -> Any:
    distribution = keras.distribution.distribution()
    axes = [None] * len(tensor.shape)
    axes[rows] = distribution.batch_dim_name
    layout = keras.distribution.TensorLayout(axes, distribution.device_mesh)
    return keras.distribution.distribute_tensor(tensor, layout)


own = spread


def mean(tensors: list[Any]) -> list[Any]:
    return tensors


share_gradients = mean


def settle(model: keras.Model) -> None:
    pass


def prepare(model: keras.Model, sync_batch_norm: bool) -> None:
    if sync_batch_norm:
        return
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.call = functools.partial(_by_device, layer.call)


def _by_device(plain: Any, inputs: Any, training: Any = None, mask: Any = None) -> Any:
    """Batch norm of each device's rows; the running moments are the means over the devices."""
    if not training:
        return plain(inputs, training=training, mask=mask)
    pure, updated = backend.lifted(lambda x: plain(x, training=True))
    count = devices.layout.devices
    rows = spread(inputs.reshape(count, -1, *inputs.shape[1:]), 0)
    outputs, new_values = jax.vmap(pure, in_axes=(None, 0))([], rows)
    backend.assign(updated, [value.mean(axis=0) for value in new_values])
    return outputs.reshape(inputs.shape)


def total(array: np.ndarray) -> np.ndarray:
    return np.asarray(multihost_utils.process_allgather(array)).sum(axis=0)


def is_loss(error: Exception) -> bool:
    return isinstance(error, jax.errors.JaxRuntimeError)
