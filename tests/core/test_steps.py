"""Several steps in one call of the backend: the same weights and logs as of steps one by one."""

import random

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import FEW, small_dataset, small_model
from zoo import backend
from zoo.data.batches import Batches

STEPS = 7  # of an epoch: two calls of three, and a shorter one

pytestmark = pytest.mark.skipif(
    keras.backend.backend() == "torch", reason="Keras takes one step in a call there"
)


class Calls(keras.callbacks.Callback):
    """The logs of each call, by the last step that it took."""

    def __init__(self):
        super().__init__()
        self.logs = {}

    def on_train_batch_end(self, batch, logs=None):
        step = min(batch + 1, self.params["steps"])
        self.logs[step] = {name: float(value) for name, value in logs.items()}


def trained(name, at_once, epochs=2):
    """The logs of each epoch's calls, and all state after it."""
    random.seed(0)  # of the initial weights
    model = small_model(name, ema=0.9)
    model.compile(steps_per_execution=at_once)
    batches = Batches(small_dataset(8 * STEPS * model.step_parts), 8, (-1, 1), 0, model.step_parts)
    data = backend.fit_data(batches.from_step(0), STEPS)
    told = []
    for _ in range(epochs):
        calls = Calls()
        keras.Model.fit(
            model, data, steps_per_epoch=STEPS, shuffle=False, verbose=0, callbacks=[calls]
        )
        told.append(calls.logs)
    variables = [*model.variables, *model.optimizer.variables]
    return told, [np.array(ops.convert_to_numpy(v)) for v in variables]


@pytest.mark.parametrize("name", ["gan", *FEW])
def test_several_steps_in_a_call_are_those_one_by_one(name):
    """To rounding: inside its loop XLA joins other operations."""
    single, state = trained(name, 1)
    joined, joined_state = trained(name, 3)
    for plain, several in zip(single, joined, strict=True):
        assert list(several) == [3, 6, 7]
        for step, logs in several.items():
            assert logs == pytest.approx(plain[step], rel=1e-4, abs=1e-6), step
    for one, other in zip(state, joined_state, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-3, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="TensorFlow's loop is Keras' own")
def test_one_program_takes_the_steps_of_every_call():
    """Whatever the steps of a call: also of an epoch's last one, and of an epoch begun anew."""
    model = small_model("gan")
    model.compile(steps_per_execution=3)
    step, traced = model.train_step, []
    model.train_step = lambda *args: traced.append(1) or step(*args)
    stream = Batches(small_dataset(), 8, (-1, 1), 0).from_step(0)
    for steps in (STEPS, 2, 1, 6):
        data = backend.fit_data(stream, steps)
        keras.Model.fit(model, data, steps_per_epoch=steps, shuffle=False, verbose=0)
    assert len(traced) == 1
    assert int(model.optimizer.iterations) == STEPS + 2 + 1 + 6
