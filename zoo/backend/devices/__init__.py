"""Training on several devices, and in several processes on one machine or more.

A step's batch is divided among the devices, and what they find is put together again, so that the
weights after a step are those that one device would have. JAX compiles one program for all devices
and divides it itself; on TensorFlow and PyTorch every device runs the step on its rows of each
batch (every n-th row), and

- noise is drawn for the whole batch from the seed that all share, and a device takes its rows;
- gradients, metrics and the moments of batch norm are means over the devices;
- other state that a step changes is replaced by its mean after the step.

Each backend has a module with the same functions, of which this one imports the running backend's:

- `available()`: how many devices there are, and what they are called;
- `start(wanted)`: begins the processes' conversation, and returns the `Layout`;
- `scope()`: around making the model and training it; `alone(function)`: what a function gives that
  each process calls inside for itself;
- `share(arrays, parts)`: what a process feeds of a batch; `feed(stream, steps)`;
- `own(tensor, axis)`: a device's rows of a tensor that each has whole; `spread(tensor, axis)`;
- `mean(tensors)`: over the devices; `share_gradients(gradients)`: as the optimizer takes them;
- `prepare(model, sync_batch_norm)`: its layers and variables;
- `settle(model)`: its state after a step;
- `total(array)`: an int32 array, summed over the processes;
- `finish()`: ends the conversation;
- `is_loss(error)`: whether an error says that another process is gone;
- `SCALES_LOSSES`: whether several devices agree about the scale of a loss.
"""

import functools
import hashlib
import importlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple, TypeVar

import keras
import numpy as np

from zoo.errors import FailedError, RequestError

CPU_DEVICES = "ZOO_CPU_DEVICES"
NOISE = ("rate", "stddev", "dropout", "recurrent_dropout")  # of Keras' layers, how much they add
Result = TypeVar("Result")


class Layout(NamedTuple):
    """Where a training runs: all its devices and processes, and which process this is."""

    devices: int = 1
    processes: int = 1
    process: int = 0


layout = Layout()
_running = importlib.import_module(f"zoo.backend.devices.{keras.backend.backend()}")
_step = threading.local()  # TensorFlow runs each device's step in a thread


# ---- starting


def cpu_devices() -> int:
    """How many devices the processor stands for where there is no GPU."""
    given = os.environ.get(CPU_DEVICES, "1")
    if not given.isdecimal() or int(given) < 1:
        raise RequestError(f"{CPU_DEVICES} must be an integer from 1. Received: {given!r}")
    return int(given)


def start(wanted: int | None, recorded: int = 1) -> Layout:
    """Begins a training on several devices; must be called before anything is computed.

    Args:
        wanted: devices in all processes together. None takes all where a launcher has started
            several processes, and else `recorded`.
        recorded: those that a run was trained on before.

    Raises:
        RequestError: there are fewer devices.
        SystemExit: the training ran in processes that were started here; with their exit code.
    """
    global layout
    if wanted is not None and wanted < 1:
        raise RequestError(f"devices must be at least 1. Received: {wanted}")
    layout = _running.start(wanted, recorded)
    return layout


def require(wanted: int, count: int, kind: str) -> None:
    """Refuses more devices than there are."""
    if wanted > count:
        more = "" if kind != "cpu" else f" ({CPU_DEVICES}=N divides a processor into N, to try out)"
        raise RequestError(
            f"devices must be at most the {count} of this machine, of kind {kind}{more}. "
            f"Received: {wanted}"
        )


def require_all(wanted: int | None, count: int) -> None:
    """Refuses another number of devices than the processes of a launcher have together."""
    if wanted not in (None, count):
        raise RequestError(
            f"Processes that a launcher starts train on all their devices, here {count}: leave out "
            f"--devices. Received: {wanted}"
        )


def finish() -> None:
    """Ends the processes' conversation when all are done."""
    wait()
    _running.finish()


def scope() -> Any:
    """A context in which a model is made and trained on the devices of the `layout`."""
    return _running.scope()


def alone(function: Callable[[], Result]) -> Result:
    """function(), which each process computes for itself inside the `scope`, as on one device.

    Such as scores at an epoch's end, and the networks that they are computed with: in the scope
    they would be spread over the devices, and wait for processes that do not need them.
    """
    return function() if layout.devices == 1 else _running.alone(function)


def prepare(model: keras.Model, sync_batch_norm: bool) -> None:
    """Makes a compiled model ready for the devices of the `layout`.

    Args:
        model: a `GenerativeModel`, made in the `scope`.
        sync_batch_norm: whether batch norm takes its moments over the whole batch, or on each
            device over its part.
    """
    if layout.devices > 1:
        _running.prepare(model, sync_batch_norm)


def feed(stream: Iterator[tuple[Any, ...]], parts: int, steps: int) -> Any:
    """As `zoo.backend.fit_data`, with what this process feeds of each batch.

    Args:
        stream, steps: see there.
        parts: batches that a step makes of one.
    """
    if layout.devices > 1:
        stream = (_running.share(arrays, parts) for arrays in stream)
    return _running.feed(stream, steps)


def require_whole(batch_size: int) -> None:
    """Refuses a batch that the devices cannot share equally."""
    if batch_size % layout.devices:
        raise RequestError(
            f"batch_size must be a multiple of the {layout.devices} devices. Received: {batch_size}"
        )


def require_precision(policy: str) -> None:
    """Refuses float16, which needs its losses scaled, where several devices cannot do that."""
    if policy == "mixed_float16" and layout.devices > 1 and not _running.SCALES_LOSSES:
        raise RequestError(
            "precision must be float32 or mixed_bfloat16 on several devices with TensorFlow. "
            f"Received: {policy}"
        )


# ---- inside a step


@contextmanager
def step() -> Iterator[None]:
    """The block is a training step, of which each device does its share."""
    before = getattr(_step, "shared", False)
    _step.shared = layout.devices > 1
    try:
        yield
    finally:
        _step.shared = before


def _shared() -> bool:
    return getattr(_step, "shared", False)


def draw(noise: Callable[[tuple[Any, ...]], Any], shape: tuple[Any, ...], rows: int = 0) -> Any:
    """Noise of a shape; in a step on several devices a device's rows of the whole batch's noise.

    Args:
        noise: draws a shape from a seed that is the same on all devices.
        shape: of a device's part.
        rows: the axis of the examples.
    """
    if not _shared():
        return noise(shape)
    rows %= len(shape)
    whole = (*shape[:rows], shape[rows] * _running.replicas(), *shape[rows + 1 :])
    return _running.own(noise(whole), rows)


def spread(tensor: Any, rows: int = 0) -> Any:
    """A tensor of a step, its examples divided among the devices where one program has them all."""
    return _running.spread(tensor, rows) if _shared() else tensor


def mean(tensors: list[Any]) -> list[Any]:
    """Tensors of a step, each as the mean over the devices, without gradients."""
    return _running.mean(tensors) if _shared() and tensors else tensors


def share_gradients(gradients: list[Any]) -> list[Any]:
    """The gradients of a step as the optimizer takes them: their means over the devices."""
    return _running.share_gradients(gradients) if _shared() else gradients


def settle(model: keras.Model) -> None:
    """Gives all devices the same state at the end of a step."""
    if _shared():
        _running.settle(model)


def share_dropout(model: keras.Model) -> None:
    """Makes Keras' dropout layers drop what they would of the whole batch, on a device its rows."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Dropout):
            layer.call = functools.partial(_dropout, layer, layer.call)
        elif hasattr(layer, "seed_generator") and any(getattr(layer, n, 0) for n in NOISE):
            raise RequestError(
                "Of Keras' layers with noise of their own, only Dropout works on several devices "
                f"with this backend. Received: {type(layer).__name__}"
            )


def _dropout(layer: Any, plain: Callable[..., Any], inputs: Any, training: bool = False) -> Any:
    if not (training and layer.rate and _shared()):
        return plain(inputs, training=training)

    def scales(shape: tuple[Any, ...]) -> Any:
        ones = keras.ops.ones(shape, inputs.dtype)
        return keras.random.dropout(ones, layer.rate, seed=layer.seed_generator)

    return inputs * draw(scales, tuple(keras.ops.shape(inputs)))


def own_rows(array: np.ndarray, parts: int, devices: list[int], count: int) -> np.ndarray:
    """The rows of some of `count` devices, device by device, of each of a batch's `parts`.

    A device has every `count`-th row of a part: what is sorted in a batch is not sorted by device.
    """
    shares = array.reshape(parts, -1, count, *array.shape[1:])
    rows = [shares[:, :, device].reshape(-1, *array.shape[1:]) for device in devices]
    return np.concatenate(rows)


# ---- between processes


def is_first() -> bool:
    """Whether this is the process that writes and speaks."""
    return layout.process == 0


def gather(data: bytes) -> list[bytes]:
    """What each process gives, in the order of the processes."""
    if layout.processes == 1:
        return [data]
    lengths = np.zeros(layout.processes, "int32")
    lengths[layout.process] = len(data)
    lengths = _running.total(lengths)
    letters = np.zeros((layout.processes, max(1, *lengths)), "int32")
    letters[layout.process, : len(data)] = np.frombuffer(data, "uint8")
    letters = _running.total(letters)
    return [
        bytes(row[:n].astype("uint8")) for row, n in zip(letters, lengths.tolist(), strict=True)
    ]


def wait() -> None:
    """Returns when all processes are here."""
    gather(b"")


def any_of(flag: bool) -> bool:
    """Whether the flag is set in any process."""
    return flag if layout.processes == 1 else b"1" in gather(b"1" if flag else b"0")


def together(function: Callable[[], Result]) -> Result:
    """function() in each process, which all return, or all refuse what one of them refuses.

    Raises:
        RequestError: the only process refuses it.
        SystemExit: one of several refuses it, and the first has said so.
    """
    result, said = [], ""
    try:
        result.append(function())
    except RequestError as error:
        if layout.processes == 1:
            raise
        said = str(error)
    heard = [one.decode() for one in gather(said.encode())]
    if any(heard):
        place = next(index for index, one in enumerate(heard) if one)
        alike = len(set(heard)) == 1
        refuse(heard[place] if alike else f"Process {place} of {len(heard)}: {heard[place]}")
    return result[0]


def refuse(message: str) -> None:
    """Ends a training whose processes agree that it cannot be; the first one says why."""
    if is_first():
        print(f"Error: {message}", file=sys.stderr, flush=True)
    # None leaves before the first has spoken: a launcher stops all processes when one has left.
    with suppress(Exception):
        finish()
    sys.exit(2)


def require_same(what: str, value: Any) -> None:
    """Refuses processes that disagree about a value that JSON can hold."""
    text = json.dumps(value, sort_keys=True, default=str)
    digests = gather(hashlib.sha256(text.encode()).digest())
    others = [str(i) for i, digest in enumerate(digests) if digest != digests[0]]
    if others:
        refuse(
            f"All processes of a training must have the same {what}. Received: another one in "
            f"process {' and '.join(others)}, counted from 0"
        )


@contextmanager
def watching(advice: str) -> Iterator[None]:
    """Says in words that another process is gone, where that ends what the block does.

    Args:
        advice: what to do then.
    """
    try:
        yield
    except Exception as error:
        if layout.processes == 1 or not _running.is_loss(error):
            raise
        message = f"Another process of this training is gone, or cannot be reached; {advice}"
        leave(FailedError(message))


def leave(error: FailedError) -> None:
    """Ends this process at once: an orderly end would wait for the one that is gone."""
    print(f"Error: {error}", file=sys.stderr, flush=True)
    os._exit(1)
