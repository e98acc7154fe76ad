"""NaN and infinity, wherever they come from, are found within a step; and what is done then."""

import json

import keras
import numpy as np
import pytest

from tests.endurance.small import STEPS, run_of, train
from tests.helpers import MODELS, small_arrays, small_hyperparameters, small_model
from tests.test_cli import genzoo, small_settings
from tests.test_cli_errors import refused
from tests.training.configs import config_of
from zoo import backend
from zoo.data.batches import Batches
from zoo.errors import FailedError
from zoo.training import health, loop
from zoo.training.run import Run

pytestmark = pytest.mark.once

BAD = 8  # the step that goes wrong, inside the second epoch


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# ---- found within one step


def step_logs(model):
    """What one step records of a model."""
    images, labels = small_arrays(
        8 * model.step_parts, value_range=model.value_range, pairs=model.translates
    )
    model.compile()
    return model.fit(images, labels, batch_size=len(images), verbose=0).history


def is_finite(logs):
    return all(np.isfinite(values).all() for values in logs.values())


@pytest.mark.parametrize("name", MODELS)
def test_a_weight_that_is_not_finite_shows_in_the_next_step(name):
    """One number of each network, NaN or infinite; also where a squashed output hides it."""
    assert is_finite(step_logs(small_model(name)))
    for network in small_model(name).named_networks:
        for bad in (np.nan, np.inf):
            model = small_model(name)
            weight = model.named_networks[network].trainable_variables[-1]
            values = np.array(keras.ops.convert_to_numpy(weight))
            values.flat[0] = bad
            weight.assign(values)
            assert not is_finite(step_logs(model)), (network, bad)


def poisoned_data(patch, times):
    """The batch of step BAD is NaN."""
    batch, left = Batches.batch, [times]

    def poisoned(self, step, order):
        images, labels = batch(self, step, order)
        if step == BAD - 1 and left[0]:
            left[0] -= 1
            images = np.full_like(images, np.nan)
        return images, labels

    patch.setattr(Batches, "batch", poisoned)


def poisoned_step(patch, times, change):
    """Changes (loss, gradients) of the generator's update in step BAD."""
    real, left = backend._running.value_and_gradients, [times]
    calls = [0]

    def changed(loss_fn, variables):
        loss, gradients = real(loss_fn, variables)
        calls[0] += 1  # two networks take turns
        if calls[0] % (2 * STEPS) == 2 * BAD and left[0]:
            left[0] -= 1
            return change(loss, gradients)
        return loss, gradients

    patch.setattr(backend._running, "value_and_gradients", changed)


def nan_gradient(loss, gradients):
    return loss, [gradients[0] * np.nan, *gradients[1:]]


def infinite_gradient(loss, gradients):
    return loss, [*gradients[:-1], gradients[-1] + np.inf]


def infinite_loss(loss, gradients):
    return loss + np.inf, gradients


CAUSES = {
    "data": poisoned_data,
    "loss": lambda patch, times: poisoned_step(patch, times, infinite_loss),
    "NaN gradient": lambda patch, times: poisoned_step(patch, times, nan_gradient),
    "infinite gradient": lambda patch, times: poisoned_step(patch, times, infinite_gradient),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_it_ends_the_training_at_that_step(monkeypatch, cause):
    run = run_of("runs", "gan")
    CAUSES[cause](monkeypatch, times=1)
    with pytest.raises(FailedError) as caught:
        train(run)
    (line,) = str(caught.value).splitlines()
    assert "stopped being finite at step 8; the checkpoint of step 5 is kept. A lower" in line
    assert line.endswith("or: train --resume runs/gan --on-nan retry")
    assert run.usable_checkpoint()["step"] == 5 and len(run.history()) == 1


def test_a_state_that_no_loss_shows_is_not_saved(monkeypatch):
    """A gradient of 1e30 makes a second moment infinite, which holds its weight for good."""
    run = run_of("runs", "gan")
    poisoned_step(
        monkeypatch, 1, lambda loss, gradients: (loss, [gradients[0] * 0 + 1e30, *gradients[1:]])
    )
    with pytest.raises(FailedError, match=r"^optimizer stopped being finite at step 10; .* step 5"):
        train(run)
    assert run.usable_checkpoint()["step"] == 5


def test_a_state_that_is_not_finite_is_no_checkpoint():
    good = {"weights/0000": np.ones(3, "float32"), "seeds/0000": np.array([1, 2], "uint32")}
    health.check_state(good, 1)
    for bad in (np.nan, np.inf, -np.inf):
        spoilt = {**good, "optimizer/0003": np.array([1.0, bad], "float32")}
        with pytest.raises(health.NotFinite, match="^optimizer stopped being finite at step 4$"):
            health.check_state(spoilt, 4)
    # Large numbers whose sum overflows as float32, but not as float64, are finite.
    health.check_state({"weights/0000": np.full(4, 2e38, "float32")}, 1)


# ---- tried again


def test_a_retry_goes_on_at_half_the_rate(monkeypatch):
    run = run_of("runs", on_nan="retry")
    poisoned_data(monkeypatch, times=1)
    said = train(run)
    assert "at step 8. Going on from the checkpoint of step 5 at half the learning rate." in said
    (retry,) = Run.open(run.path).config["retries"]
    assert (retry["step"], retry["from_step"]) == (8, 5)
    assert "loss" in retry["what"]
    assert [row["step"] for row in run.history()] == [5, 10, 15]
    whole = run.manifest()["sha256"]

    # The same as a run that was stopped at step 5 and told so: half the rate, and nothing else.
    other = run_of("runs", "other", on_nan="retry")
    other.config["total_steps"] = 5
    train(other)
    other.config |= {"total_steps": STEPS, "retries": [retry]}
    train(other)
    assert other.manifest()["sha256"] == whole
    # And a run without the fault ends elsewhere.
    plain = run_of("runs", "plain", on_nan="retry")
    train(plain)
    assert plain.manifest()["sha256"] != whole and "retries" not in plain.config


@pytest.mark.parametrize("decay", ["none", "linear"])
def test_the_rates_after_a_retry(decay):
    """Of a rate that is a number, and of one that falls: half of what they were."""
    rates = []
    for retries in ([], [{"step": 2, "from_step": 0, "what": "loss"}]):
        values = small_hyperparameters("gan", decay=decay, decay_steps=20)
        config = config_of(hyperparameters=values, retries=retries)
        model = loop.build_model(loop._tempered(config))
        model.compile()
        rates.append([float(o.learning_rate) for o in model.optimizer.optimizers])
    np.testing.assert_allclose(np.array(rates[1]), np.array(rates[0]) / 2, rtol=1e-6)


def test_it_is_tried_a_few_times_only(monkeypatch):
    run = run_of("runs", on_nan="retry")
    poisoned_data(monkeypatch, times=100)
    with pytest.raises(FailedError, match="step 5 is kept. It was tried 3 times before, each at"):
        train(run)
    assert [retry["step"] for retry in run.config["retries"]] == [8, 8, 8]
    assert run.usable_checkpoint()["step"] == 5


def test_the_command_line_says_it():
    options = ["--dataset=digits", "--name=mine", "--set=learning_rate=1e9", *small_settings("gan")]
    code, out, err = genzoo("train", "gan", *options, "--steps=60")
    assert (code, out) == (1, "") and "half the learning rate" not in err
    code, out, err = genzoo("train", "--resume", "runs/mine", "--on-nan=retry")
    assert (code, out) == (1, "")
    assert err.count("at half the learning rate.\n") == 3
    assert err.splitlines()[-1].startswith("Error: ") and "tried 3 times before" in err
    config = json.loads((Run.open("runs/mine").path / "config.json").read_text())
    assert config["on_nan"] == "retry" and len(config["retries"]) == 3
    assert config["hyperparameters"]["learning_rate"] == 1e9  # what was asked for
    refused("train gan --dataset digits --on-nan no", "on-nan")
    config["retries"] = [{"step": 1}]
    (Run.open("runs/mine").path / "config.json").write_text(json.dumps(config))
    refused("train --resume runs/mine", "retries must be null or a list of objects with step")
