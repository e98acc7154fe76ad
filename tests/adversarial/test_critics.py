"""The critic's head start: which steps of a training the generator waits in."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import small_arrays, small_model
from zoo.adversarial import critics
from zoo.errors import RequestError


@pytest.mark.parametrize("name", ["wgan", "wgan_gp"])
def test_the_generator_waits_for_the_head_start(name, monkeypatch):
    """Five critic steps before the generator's first two and every fourth: three steps of two."""
    monkeypatch.setattr(critics, "FIRST", 2)
    monkeypatch.setattr(critics, "EVERY", 4)
    model = small_model(name, networks="mlp", n_critic=2, critic_head_start=5, ema=0.9)
    model.compile()
    weights = model._state_of("generator")
    arrays = small_arrays(8)
    moves = []
    for _ in range(12):
        before = [np.array(ops.convert_to_numpy(weight)) for weight in weights]
        keras.Model.fit(model, *arrays, batch_size=8, shuffle=False, verbose=0)
        same = [
            np.array_equal(old, ops.convert_to_numpy(weight))
            for old, weight in zip(before, weights, strict=True)
        ]
        assert all(same) or not any(same[: len(model.generator.trainable_variables)])
        moves.append(not all(same))
    # Its steps 0 and 1 and 4 are the third in which it could move, 2, 3 and 5 the first.
    assert "".join(".M"[moved] for moved in moves) == "..M..MMM..MM"
    assert int(model.optimizer["generator"].iterations) == 6
    assert int(model.optimizer["critic"].iterations) == 24


def test_the_head_start_of_the_authors():
    """100 critic steps are 20 steps of five, and 25 generator steps with it are 500 of them."""
    model = small_model("wgan", n_critic=5, critic_head_start=100)
    model.compile()
    iterations = model.optimizer["generator"].iterations
    steps = 0
    while int(iterations) < 27:
        iterations.assign_add(1)
        if bool(model.waits("generator")):
            iterations.assign(iterations - 1)
        steps += 1
    assert steps == 25 * 20 + 2
    assert not model.may_wait("critic")


def test_a_head_start_is_more_than_usual():
    with pytest.raises(RequestError, match="above n_critic, or 0 .*Received: 5 with n_critic=5"):
        small_model("wgan", n_critic=5, critic_head_start=5)
