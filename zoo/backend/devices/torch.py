"""PyTorch's part of `zoo.backend.devices`: a process for each device, as `torchrun` starts them."""

import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Any

import keras
import numpy as np
import torch
import torch.distributed

from zoo.backend import devices
from zoo.backend import torch as backend
from zoo.errors import FailedError
from zoo.start import child_command, child_environment

SCALES_LOSSES = True
PATIENCE = timedelta(minutes=10)  # for a process that says nothing: an epoch's end takes a while


def available() -> tuple[int, str]:
    if torch.cuda.is_available():
        return torch.cuda.device_count(), "gpu"
    return devices.cpu_devices(), "cpu"


def start(wanted: int | None, recorded: int) -> devices.Layout:
    if "RANK" in os.environ and "WORLD_SIZE" in os.environ:
        return _join(wanted)
    count = recorded if wanted is None else wanted
    devices.require(count, *available())
    if count > 1:
        _launch(count)
    return devices.Layout()


def _join(wanted: int | None) -> devices.Layout:
    rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    devices.require_all(wanted, world)
    gpus = torch.cuda.is_available()
    if gpus:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    # What is not a tensor of the device, such as messages, goes over the processor's memory.
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=PATIENCE)
    return devices.Layout(world, world, rank)


def _launch(count: int) -> None:
    """Runs this command in a process for each device of this machine, and ends as they end."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.disable(logging.CRITICAL)  # the processes say themselves what is wrong
    os.environ.update(child_environment())
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=str(os.getpid()),
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        signals_to_handle="SIGTERM,SIGINT",  # which the processes get too, and stop
    )
    try:
        elastic_launch(config, sys.executable)(*child_command("cli", *sys.argv[1:])[1:])
    except SignalException:
        pass
    except ChildFailedError as error:
        codes = {failure.exitcode for failure in error.failures.values()}
        if max(codes) < 0:
            raise FailedError(
                "A process of this training was killed before it could train"
            ) from None
        sys.exit(2 if 2 in codes else 1)
    sys.exit(0)


def finish() -> None:
    if devices.layout.processes > 1:
        torch.distributed.destroy_process_group()


def scope() -> AbstractContextManager:
    return nullcontext()


def alone(function: Callable[[], Any]) -> Any:
    return function()


def share(arrays: tuple[np.ndarray, ...], parts: int) -> tuple[np.ndarray, ...]:
    layout = devices.layout
    return tuple(devices.own_rows(a, parts, [layout.process], layout.devices) for a in arrays)


def feed(stream: Iterator[tuple[np.ndarray, ...]], steps: int) -> Any:
    return backend.fit_data(stream, steps)


def replicas() -> int:
    return devices.layout.devices


def own(tensor: Any, rows: int) -> Any:
    taken = [slice(None)] * rows + [slice(devices.layout.process, None, devices.layout.devices)]
    return tensor[tuple(taken)]


def spread(tensor: Any, rows: int) -> Any:
    return tensor


def mean(tensors: list[Any]) -> list[Any]:
    values = [t.detach() if torch.is_tensor(t) else torch.tensor(float(t)) for t in tensors]
    flat = torch.cat([v.reshape(-1).float() for v in values])
    torch.distributed.all_reduce(flat)
    pieces = (flat / devices.layout.devices).split([v.numel() for v in values])
    return [p.reshape(v.shape).to(v.dtype) for p, v in zip(pieces, values, strict=True)]


share_gradients = mean


def settle(model: keras.Model) -> None:
    state = [v for v in model.non_trainable_weights if "float" in v.dtype]
    if state:
        for variable, value in zip(state, mean([v.value for v in state]), strict=True):
            variable.assign(value)


def prepare(model: keras.Model, sync_batch_norm: bool) -> None:
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization) and sync_batch_norm:
            layer._moments = functools.partial(_moments, layer)
    devices.share_dropout(model)


def _moments(layer: Any, inputs: Any, mask: Any) -> tuple[Any, Any]:
    """Mean and variance over all devices, as Keras takes them, through which gradients flow."""
    axes = layer._reduction_axes
    sums = torch.stack([torch.mean(inputs, axes), torch.mean(torch.square(inputs), axes)])
    mean, squares = _Sum.apply(sums) / devices.layout.devices
    return mean, squares - torch.square(mean)


class _Sum(torch.autograd.Function):
    """The sum over all devices. Each device's part counts in the loss of every device."""

    @staticmethod
    def forward(context: Any, tensor: Any) -> Any:
        tensor = tensor.clone()
        torch.distributed.all_reduce(tensor)
        return tensor

    @staticmethod
    def backward(context: Any, gradient: Any) -> Any:
        return _Sum.apply(gradient.contiguous())


def total(array: np.ndarray) -> np.ndarray:
    tensor = torch.from_numpy(array)
    torch.distributed.all_reduce(tensor)
    return tensor.numpy()


def is_loss(error: Exception) -> bool:
    return isinstance(error, RuntimeError) and any(
        word in str(error) for word in ("gloo", "NCCL", "Connection", "TCPStore")
    )
