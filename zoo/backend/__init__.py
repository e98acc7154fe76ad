"""The one package that knows Keras' backend: gradients, and the form of the steps Keras calls.

A model writes one imperative `train_step(self, batch)`. TensorFlow and PyTorch run it as it
stands; JAX needs it pure, so there every variable's value is threaded through a `StatelessScope`.
Each backend has a module with the same functions, of which this one imports the running backend's:

- `value_and_gradients(loss_fn, variables)`: a scalar loss and its gradients;
- `input_gradient(function, x)`: a gradient that can be differentiated again (gradient penalties);
- `with_state(model, kind, state, step)`: a step on given values of all variables (JAX alone);
- `fit_data(stream, steps)`: an endless stream of batches as `fit` takes it;
- `room()`: bytes of the GPU's memory, 0 without one;
- `keep(model, images, values)`: as `kept`, where there is room;
- `apply(optimizer, gradients, variables)`, `quicken(optimizer)`, `count_in_place(variable)`;
- `accumulate(variable, value)`, `hold_seeds(model)`;
- `total(variables)`: a scalar that is finite where all of them are;
- `trace(folder)`: what runs inside is traced, for TensorBoard or Perfetto;
- `require_count(count, least, message)`: a count that the graph checks (TensorFlow alone);
- `steps_per_execution()`: steps that are worth taking in one call;
- `joined(model, one_by_one)`: Keras' train function, its calls of several steps as one program;
- `HALF_TYPES`: which of bfloat16 and float16 this machine can train in.

Two properties hold on every backend: a weight the loss does not reach gets a zero gradient, and
state that a loss updates on the way (batch-norm statistics, random seeds, metrics) is kept.
"""

import functools
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras.src.utils import module_utils

from zoo.backend import devices
from zoo.errors import RequestError

_running = importlib.import_module(f"zoo.backend.{keras.backend.backend()}")
HALF_TYPES: tuple[str, ...] = _running.HALF_TYPES
KEPT = 2 * 2**30  # bytes of images at most, that a GPU keeps


class Batch(NamedTuple):
    """What a `train_step` receives.

    images: tensor (batch, height, width, channels), in the model's value range, or points
        (batch, dimensions).
    labels: int32 tensor (batch,) of class indices, or None when the data has none. For a model
        that translates, `images` are what it is given and these the images that it should draw.
    """

    images: Any
    labels: Any = None

    def split(self, parts: int, smallest: int = 1) -> "list[Batch]":
        """The batch as `parts` equal ones, in order, of at least `smallest` examples each."""
        count = keras.ops.shape(self.images)[0]
        message = (
            f"A step here takes at least {parts * smallest} examples: {parts} of its batches, "
            f"of {smallest} or more"
        )
        if not isinstance(count, int):
            count = _running.require_count(count, parts * smallest, message)
        elif count < parts * smallest:
            raise RequestError(f"{message}. Received: a batch of {count}")
        size = count // parts
        slices = [slice(i * size, (i + 1) * size) for i in range(parts)]
        fields = [self.images] if self.labels is None else [self.images, self.labels]
        return [Batch(*(devices.spread(field[s]) for field in fields)) for s in slices]


def as_batch(data: Any) -> Batch:
    """The data Keras hands to a step as a `Batch`; sample weights are refused, not ignored."""
    if isinstance(data, Batch):
        return data
    images, labels, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    if sample_weight is not None:
        raise RequestError(
            "fit takes images and labels, no sample or class weights. "
            f"Received: weights of shape {tuple(sample_weight.shape)}"
        )
    images = keras.ops.convert_to_tensor(images)
    if labels is not None:
        labels = keras.ops.convert_to_tensor(labels)
        if len(labels.shape) not in (1, 4):  # (n, 1) would be broadcast against (n,)
            raise RequestError(
                "Labels must be class indices of shape (n,), or images to draw. "
                f"Received: shape {tuple(labels.shape)}"
            )
    return Batch(images, labels)


def minimize(
    loss_fn: Callable[[], Any],
    variables: list[keras.Variable],
    optimizer: keras.optimizers.Optimizer,
) -> Any:
    """One optimizer step: d loss_fn() / d variables, applied by `optimizer`.

    Args:
        loss_fn: function of no arguments that returns a scalar tensor.
        variables: the variables to update, all of them known to `optimizer`.
        optimizer: a built optimizer. A `LossScaleOptimizer` scales the loss for its gradients, and
            takes no step where one of them is not finite.

    Returns:
        The loss before the step, a scalar tensor without gradient; NaN where the step left a
        weight that is not finite, which the loss alone may not show for long.
    """
    scale = optimizer.scale_loss(1.0)  # other than 1 where networks compute in float16
    loss, gradients = _running.value_and_gradients(
        lambda: optimizer.scale_loss(loss_fn()), variables
    )
    _running.apply(optimizer, devices.share_gradients(gradients), variables)
    return loss / scale + 0.0 * _running.total(variables)


def input_gradient(function: Callable[[Any], Any], x: Any) -> Any:
    """The gradient of `function` at each example of `x`, itself differentiable.

    Args:
        function: maps a batch (batch, ...) to one value per example, (batch,) or (batch, 1).
            Examples must not depend on each other (no batch norm in training mode).
        x: float tensor (batch, ...).

    Returns:
        A tensor of the shape of `x`: d function(x)[i] / d x[i].
    """
    return _running.input_gradient(function, keras.ops.convert_to_tensor(x))


def quicken(optimizer: keras.optimizers.Optimizer) -> None:
    """Lets the backend do in one pass what a built optimizer does in several, an Adam above all."""
    _running.count_in_place(optimizer.iterations)
    plain = (
        type(optimizer).__name__ == "Adam"
        and not optimizer.amsgrad
        and not optimizer.gradient_accumulation_steps
    )
    if plain and all(v.dtype == "float32" for v in optimizer._momentums):
        _running.quicken(optimizer)


def hold_seeds(model: keras.Model) -> None:
    """Keeps the seeds of a model's noise where drawing it does not wait for the device."""
    _running.hold_seeds(model)


def clone(network: keras.Model) -> keras.Model:
    """A network of the same layers, with new weights.

    Keras asks whether what it copies is TensorFlow's and imports TensorFlow to find out, which
    takes seconds on the other backends. While it is not imported nothing can be TensorFlow's.
    """
    tensorflow = module_utils.tensorflow
    known = tensorflow._available
    if "tensorflow" not in sys.modules:
        tensorflow._available = False
    try:
        return keras.models.clone_model(network)
    finally:
        tensorflow._available = known


def accumulate(variable: keras.Variable, value: Any) -> None:
    """Adds a scalar, without its gradient, to a variable of the same type that has none."""
    _running.accumulate(variable, value)


def fit_data(stream: Iterator[tuple[Any, ...]], steps: int) -> Any:
    """What `fit` takes, with `steps_per_epoch`, for batches that go on without end.

    Args:
        stream: iterator of tuples of arrays, all of the same shapes, or with what `kept` gives for
            the first; each epoch takes the next.
        steps: batches of an epoch.
    """
    return _running.fit_data(stream, steps)


def kept(
    model: keras.Model, images: np.ndarray, values: np.ndarray | None
) -> Callable[[np.ndarray], Any] | None:
    """Keeps the images that a model is trained on in a GPU's memory, where they have room there.

    Args:
        model: compiled.
        images: all of them: uint8 (n, ...), or points (n, d).
        values: float32 (256,), what each level of uint8 becomes; None for points.

    Returns:
        A function from the indices of a batch's images to what `fit` is to be fed for them; None
        where the images are not kept.
    """
    if devices.layout.devices > 1 or images.nbytes > min(KEPT, _running.room() // 4):
        return None
    return _running.keep(model, images, values)


def steps_per_execution() -> int:
    """Steps that are worth taking in one call, on the device that is there."""
    return _running.steps_per_execution()


def joined(model: keras.Model, one_by_one: Callable[..., Any]) -> Callable[..., Any]:
    """The train function that Keras made for a compiled model, its several steps one program."""
    return _running.joined(model, one_by_one)


def trace(folder: Path) -> AbstractContextManager[Any]:
    """Traces what runs inside, into a folder: as TensorBoard's profiler or Perfetto reads it."""
    return _running.trace(folder)


def adapt_step(step: Callable, kind: str) -> Callable:
    """A step `(self, batch)` as Keras' trainer of the running backend calls it.

    Called with a batch alone, the step runs eagerly on every backend.

    Args:
        step: the method.
        kind: its name, "train_step" or "test_step".
    """

    def whole(self: keras.Model, data: Any) -> Any:
        if kind != "train_step":
            return step(self, as_batch(data))
        with devices.step():
            logs = step(self, as_batch(data))
            devices.settle(self)
        return logs

    @functools.wraps(step)
    def adapted(self: keras.Model, *args: Any) -> Any:
        if len(args) == 1:
            return whole(self, args[0])
        state, data = args
        return _running.with_state(self, kind, state, lambda: whole(self, data))

    return adapted
