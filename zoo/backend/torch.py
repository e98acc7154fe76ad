"""PyTorch's part of `zoo.backend`."""

import functools
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import torch
from keras.src.backend.torch.core import convert_to_tensor, get_device, to_torch_dtype

ON_GPU = torch.cuda.is_available()
CONSTANT = 2**16  # bytes: a larger array is data
# Without oneDNN's kernels PyTorch convolves in 16 bits slowly, and not at all for some gradients.
HALF_TYPES = tuple(
    name
    for name, supported in {
        "bfloat16": torch.ops.mkldnn._is_mkldnn_bf16_supported,
        "float16": torch.ops.mkldnn._is_mkldnn_fp16_supported,
    }.items()
    if ON_GPU or supported()
)


def steps_per_execution() -> int:
    return 1  # Keras has no more here


def joined(model: keras.Model, one_by_one: Callable[..., Any]) -> Callable[..., Any]:
    return one_by_one


def value_and_gradients(
    function: Callable[[], Any], variables: list[keras.Variable]
) -> tuple[Any, list[Any]]:
    loss = function()
    return loss.detach(), _gradients(loss, [v.value for v in variables])


def input_gradient(function: Callable[[Any], Any], x: Any) -> Any:
    x = x if x.requires_grad else x.detach().requires_grad_()
    (gradient,) = _gradients(torch.sum(function(x)), [x], create_graph=True)
    return gradient


def _gradients(total: Any, inputs: list[Any], create_graph: bool = False) -> list[Any]:
    if not total.requires_grad:  # autograd refuses a total that depends on nothing
        return [torch.zeros_like(x) for x in inputs]
    # Not backward(): nothing may accumulate in the weights of the other networks.
    return list(
        torch.autograd.grad(
            total, inputs, create_graph=create_graph, allow_unused=True, materialize_grads=True
        )
    )


def accumulate(variable: keras.Variable, value: Any) -> None:
    # Keras' assign costs as much as five such additions.
    variable.value.add_(value.detach() if torch.is_tensor(value) else value)


def apply(
    optimizer: keras.optimizers.Optimizer, gradients: list[Any], variables: list[keras.Variable]
) -> None:
    optimizer.apply(gradients, variables)


def total(variables: list[keras.Variable]) -> Any:
    if not variables:
        return 0.0
    # The Euclidean norms, one call for all, take a sixth of the time that norms of order 1 do.
    return torch.stack(torch._foreach_norm([v.value.detach() for v in variables], 2)).sum()


def count_in_place(variable: keras.Variable) -> None:
    # Keras' own copies the 1 that it adds to the device, and waits for that.
    variable.assign_add = functools.partial(accumulate, variable)


def quicken(optimizer: keras.optimizers.Optimizer) -> None:
    for group in (optimizer._trainable_variables, optimizer._momentums, optimizer._velocities):
        for variable in group:
            variable.value.data = _laid_out(variable.value.data)
    past = torch.full((), math.inf, device=optimizer.iterations.value.device)
    optimizer._parallel_update_step = functools.partial(_fused_adam, optimizer, past)


def _fused_adam(
    optimizer: Any, past: Any, gradients: list[Any], variables: list[Any], learning_rate: Any
) -> None:
    """Keras' Adam in one pass over the weights; Keras' own takes ten, a third of a small step.

    PyTorch adds epsilon once the second moment is corrected for its bias, Keras before. So here
    the rate corrects for both biases, which are none at a step infinitely far in the `past`; as a
    tensor, for to read the number of steps would wait for the device.
    """
    places = [optimizer._get_variable_index(v) for v in variables]
    step = optimizer.iterations.value.double() + 1.0
    correction = torch.sqrt(1.0 - optimizer.beta_2**step) / (1.0 - optimizer.beta_1**step)
    torch._fused_adam_(
        [_in_memory(v.value) for v in variables],
        # It goes through memory, and takes what lies in another order for what it is not.
        [_in_memory(g).contiguous() for g in gradients],
        [_in_memory(optimizer._momentums[i].value) for i in places],
        [_in_memory(optimizer._velocities[i].value) for i in places],
        [],
        [past] * len(places),
        lr=(correction * keras.ops.convert_to_tensor(learning_rate)).float(),
        beta1=optimizer.beta_1,
        beta2=optimizer.beta_2,
        weight_decay=0.0,
        eps=optimizer.epsilon,
        amsgrad=False,
        maximize=False,
    )


def _laid_out(tensor: Any) -> Any:
    """The same tensor, one of a convolution's kernel in the order in which PyTorch convolves.

    Keras' kernels are (height, width, in, out); PyTorch would copy them for each convolution, and
    their gradients for each step, a third of a step of pix2pix.
    """
    return (
        tensor.permute(3, 0, 1, 2).contiguous().permute(1, 2, 3, 0) if tensor.dim() == 4 else tensor
    )


def _in_memory(tensor: Any) -> Any:
    """A tensor that is `_laid_out`, its axes in the order of memory."""
    return tensor.permute(3, 0, 1, 2) if tensor.dim() == 4 else tensor


def _channels_second(images: Any) -> Any:
    """The same memory as (batch, channels, height, width), the order of PyTorch's indices.

    Keras' own copies it for each convolution, and then back to the order in which PyTorch convolves
    fastest, which is the one that it was in: an eighth of a step of pix2pix.
    """
    return images.movedim(-1, 1)


keras.src.backend.torch.nn._transpose_spatial_inputs = _channels_second


def hold_seeds(model: keras.Model) -> None:
    """Keeps the seeds of a model's noise in the host's memory.

    Keras reads the seed of each noise that it draws, and would wait for a GPU to tell it.
    """
    for layer in model._flatten_layers():
        for generator in layer._seed_generators:
            state = generator.state
            state._value = state._value.cpu()
            generator.next = functools.partial(_next_seed, type(generator).next, generator)


def _next_seed(plain: Callable[..., Any], generator: Any, ordered: bool = True) -> Any:
    with keras.device("cpu"):
        return plain(generator, ordered)


def without_waiting(x: Any, dtype: Any = None, sparse: Any = None, ragged: Any = None) -> Any:
    """As Keras' `convert_to_tensor`, which copies a number to the device and waits for that."""
    if isinstance(x, (bool, int, float)):
        if dtype is None:
            whole = "int32" if -(2**31) <= x < 2**31 else "int64"
            dtype = {bool: "bool", int: whole}.get(type(x), keras.config.floatx())
        return torch.full((), x, dtype=to_torch_dtype(dtype), device=get_device())
    if isinstance(x, np.ndarray) and x.nbytes <= CONSTANT and get_device() != "meta":
        return _on_device(_on_host(x, dtype))
    return convert_to_tensor(x, dtype, sparse, ragged)


def _on_host(array: np.ndarray, dtype: Any) -> Any:
    with keras.device("cpu"):
        return convert_to_tensor(array, dtype)


def converting() -> list[ModuleType]:
    """Keras' modules that make tensors, each with a `convert_to_tensor` of its own."""
    return [
        module
        for name, module in sys.modules.items()
        if name.startswith("keras.src.backend")
        and vars(module).get("convert_to_tensor") is convert_to_tensor
    ]


if ON_GPU:
    for module in converting():
        vars(module)["convert_to_tensor"] = without_waiting


def trace(folder: Path) -> Any:
    return torch.profiler.profile(
        on_trace_ready=torch.profiler.tensorboard_trace_handler(str(folder))
    )


class _Stream(torch.utils.data.DataLoader):
    """The batches as they come: Keras puts a generator behind a loader of several layers."""

    def __init__(self, stream: Iterator[tuple[Any, ...]]) -> None:
        super().__init__((), batch_size=None)
        self.stream = stream

    def __iter__(self) -> Any:
        return (tuple(map(_on_device, batch)) for batch in self.stream)


def _on_device(array: Any) -> Any:
    """An array or tensor as a tensor of the device, which takes it while the host goes on."""
    tensor = torch.as_tensor(array)
    if not ON_GPU or tensor.is_cuda:
        return tensor
    return tensor.pin_memory().to(get_device(), non_blocking=True)


def room() -> int:
    return torch.cuda.mem_get_info()[1] if ON_GPU else 0


def keep(model: keras.Model, images: Any, values: Any) -> Callable[[np.ndarray], Any]:
    pixels = torch.from_numpy(np.ascontiguousarray(images)).to(get_device())
    levels = None if values is None else torch.from_numpy(values).to(get_device())

    def look(indices: np.ndarray) -> Any:
        chosen = pixels[_on_device(indices)]
        return chosen if levels is None else levels[chosen.int()]

    return look


def fit_data(stream: Iterator[tuple[Any, ...]], steps: int) -> _Stream:
    return _Stream(stream)
