"""On PyTorch a step reads no number of a tensor on the host: on a GPU that would wait for it.

Nor does it copy numbers to the device, which waits too, but for what some models have Keras do.
"""

import sys

import keras
import pytest

from tests.helpers import MODELS, own_options, small_arrays, small_model
from zoo import registry

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "torch", reason="elsewhere a step is compiled"
)
# A seed is read for each noise, but lies on the host. On a processor alone, PyTorch's one_hot looks
# whether all its indices are in range.
HARMLESS = {"torch_seed_generator", "one_hot"}
# They have Keras operate on tensors and numbers, which it copies to the device.
COPYING = {"autoencoder", "cvae", "draw", "ebgan", "infogan", "iwae", "sbn", "ssvae"}


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

    read = []

    def note():
        names = callers()
        if not HARMLESS & set(names):
            read.append(names[:8])

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if "local_scalar_dense" in str(function):
                note()
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
    as_tensor = torch.as_tensor

    def copied(value, *args, **options):
        if not torch.is_tensor(value) and name not in COPYING and not with_options:
            note()
        return as_tensor(value, *args, **options)

    monkeypatch.setattr(torch, "as_tensor", copied)
    with Watch():
        model.train_step(batch)
        model.train_step(batch)
    assert not read
