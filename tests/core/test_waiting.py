"""On PyTorch a step reads no number of a tensor on the host: on a GPU that would wait for it.

Nor does it copy a number to the device, which waits too: Keras' operations on numbers fill them in.
"""

import sys

import keras
import numpy as np
import pytest

from tests.helpers import MODELS, own_options, small_arrays, small_model
from zoo import registry

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="elsewhere a step is compiled"
)
# A seed is read for each noise, but lies on the host. What a graph has as an array goes to a GPU
# from memory that it can read by itself. On a processor alone, PyTorch's one_hot looks whether all
# its indices are in range.
HARMLESS = {"torch_seed_generator", "_on_host"}
ON_A_PROCESSOR = {"one_hot"}


def callers():
    frame, names = sys._getframe(), []
    while frame := frame.f_back:
        names.append(frame.f_code.co_name)
    return names


@pytest.mark.parametrize("with_options", [False, True], ids=["plain", "options"])
@pytest.mark.parametrize("name", MODELS)
def test_a_step_waits_for_no_number(name, with_options, monkeypatch):
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    from zoo.backend import torch as running

    for module in running.converting():  # as on a GPU
        monkeypatch.setattr(module, "convert_to_tensor", running.without_waiting)
    read = []

    def note(harmless=HARMLESS):
        names = callers()
        if not harmless & set(names):
            read.append(names[:8])

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if "local_scalar_dense" in str(function):
                note(HARMLESS | ON_A_PROCESSOR)
            return function(*args, **kwargs or {})

    translates = registry.entry(name).cls.translates
    model = small_model(name, **(own_options(name) if with_options else {}), ema=0.9)
    model.compile()
    arrays = small_arrays(8 * model.step_parts, value_range=model.value_range, pairs=translates)
    batch = tuple(map(torch.from_numpy, arrays))
    for method in ("__array__", "numpy", "cpu", "tolist"):
        plain = getattr(torch.Tensor, method)

        def noted(self, *args, plain=plain, **options):
            note()
            return plain(self, *args, **options)

        monkeypatch.setattr(torch.Tensor, method, noted)
    for method in ("as_tensor", "tensor"):
        plain = getattr(torch, method)

        def copied(value, *args, plain=plain, **options):
            if not torch.is_tensor(value):
                note()
            return plain(value, *args, **options)

        monkeypatch.setattr(torch, method, copied)
    with Watch():
        model.train_step(batch)
        model.train_step(batch)
    assert not read


@pytest.mark.parametrize("dtype", [None, "float16", "int64"])
@pytest.mark.parametrize(
    "value",
    [True, 3, -(2**31) - 1, 0.25, np.float64(0.5), np.arange(6, dtype="uint8").reshape(2, 3)],
)
def test_tensors_that_are_made_without_waiting_are_those_of_keras(value, dtype):
    from keras.src.backend.torch.core import convert_to_tensor

    from zoo.backend.torch import without_waiting

    ours, keras_own = without_waiting(value, dtype), convert_to_tensor(value, dtype)
    assert (ours.dtype, ours.shape) == (keras_own.dtype, keras_own.shape)
    assert ours.equal(keras_own)
