"""PyTorch's part of `zoo.backend`."""

import functools
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import torch

STEPS_PER_EXECUTION = 1  # Keras has no more here
# Without oneDNN's kernels PyTorch convolves in bfloat16 slowly, and not at all for some gradients.
HAS_BFLOAT16 = torch.cuda.is_available() or torch.ops.mkldnn._is_mkldnn_bf16_supported()


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


def total(variables: list[keras.Variable]) -> Any:
    if not variables:
        return 0.0
    # The Euclidean norms, one call for all, take a sixth of the time that norms of order 1 do.
    return torch.stack(torch._foreach_norm([v.value.detach() for v in variables], 2)).sum()


def quicken(optimizer: keras.optimizers.Optimizer) -> None:
    optimizer._parallel_update_step = functools.partial(_fused_adam, optimizer)


def _fused_adam(
    optimizer: Any, gradients: list[Any], variables: list[Any], learning_rate: Any
) -> None:
    """Keras' Adam in one pass over the weights; Keras' own takes ten, a third of a small step.

    PyTorch adds epsilon once the second moment is corrected for its bias, Keras before.
    """
    step = int(optimizer.iterations.value) + 1
    places = [optimizer._get_variable_index(v) for v in variables]
    count = torch.tensor(float(step), device=gradients[0].device)
    torch._fused_adam_(
        [v.value for v in variables],
        [g.contiguous() for g in gradients],  # else it takes them for what they are not
        [optimizer._momentums[i].value for i in places],
        [optimizer._velocities[i].value for i in places],
        [],
        [count] * len(places),
        lr=float(learning_rate),
        beta1=optimizer.beta_1,
        beta2=optimizer.beta_2,
        weight_decay=0.0,
        eps=optimizer.epsilon / math.sqrt(1.0 - optimizer.beta_2**step),
        amsgrad=False,
        maximize=False,
    )


def trace(folder: Path) -> Any:
    return torch.profiler.profile(
        on_trace_ready=torch.profiler.tensorboard_trace_handler(str(folder))
    )


class _Stream(torch.utils.data.DataLoader):
    """The batches as they come: Keras puts a generator behind a loader of several layers."""

    def __init__(self, stream: Iterator[tuple[np.ndarray, ...]]) -> None:
        super().__init__((), batch_size=None)
        self.stream = stream

    def __iter__(self) -> Any:
        return (tuple(map(torch.from_numpy, batch)) for batch in self.stream)


def fit_data(stream: Iterator[tuple[np.ndarray, ...]], steps: int) -> _Stream:
    return _Stream(stream)
