"""The same weights and batch give the same losses and the same updated weights everywhere.

`tests/reference/<model>[-options].npz` holds losses and weights after each of three steps in
float64, made by

    KERAS_BACKEND=tensorflow python -m tests.test_reference [MODEL ...]

Every backend, in float32 and through the compiled `fit`, must come within rtol 1e-4, atol 2e-6.
Each model is run as it is, and with all its options away from their defaults (on JAX a few are).
"""

import math
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import (
    LATENT,
    MODELS,
    WITH_OPTIONS,
    own_options,
    repeats,
    small_arrays,
    small_model,
)

FOLDER = Path(__file__).parent / "reference"
STEPS = 3
BATCH = 8
VARIANTS = [(name, "") for name in MODELS] + [(name, "-options") for name in WITH_OPTIONS]


def prepared_model(name, options, dtype):
    """A compiled model with weights and noise that numpy draws."""
    changes = own_options(name) if options else {}
    model = small_model(name, dropout=0.0, ema=0.9, **changes)
    rng = np.random.default_rng(11)
    scale = 0.1 if name in LATENT else 0.2  # variances are exponentials of what the weights give
    for weight in model.weights:
        if weight.path.endswith("accuracy"):
            continue
        value = rng.standard_normal(weight.shape) * scale
        weight.assign(np.abs(value) + 0.5 if "variance" in weight.path else value)
    noise = {}
    for key, spec in model.inputs_spec.items():
        shape = (BATCH, *spec["shape"])
        if spec["dtype"] == "int32":
            noise[key] = np.arange(BATCH, dtype="int32") % spec["classes"]
        else:
            noise[key] = rng.standard_normal(shape).astype(dtype) * 0.5

    def sample_inputs(count, labels=None, seed=None):
        inputs = {key: ops.convert_to_tensor(value) for key, value in noise.items()}
        return inputs if labels is None or "label" not in inputs else {**inputs, "label": labels}

    object.__setattr__(model, "sample_inputs", sample_inputs)
    model.compile()
    return model


def trajectory(name, options, dtype):
    """Dict of history and final weights."""
    model = prepared_model(name, options, dtype)
    rows = BATCH * repeats(model)
    images, labels = small_arrays(
        rows * STEPS, value_range=model.value_range, pairs=model.translates
    )
    if name == "ssvae":
        labels[::2] = -1
    before = [np.array(ops.convert_to_numpy(w.value)) for w in model.weights]
    results = {}
    for step in range(STEPS):
        chosen = slice(step * rows, (step + 1) * rows)
        wanted = labels[chosen].astype(dtype) if model.translates else labels[chosen]
        history = model.fit(
            images[chosen].astype(dtype), wanted, batch_size=rows, shuffle=False, verbose=0
        ).history
        results.update({f"{step}/{key}": np.float64(value[0]) for key, value in history.items()})
    for index, weight in enumerate(model.weights):
        results[f"weight/{index:02d}"] = np.array(ops.convert_to_numpy(weight.value))
    if not options:
        check_that_all_trains(model, before)
    return results


def check_that_all_trains(model, before):
    """Every weight has moved, and every optimizer has counted its own steps."""
    for weight, old in zip(model.weights, before, strict=True):
        # A critic's last bias cancels in the difference of two scores.
        if not (weight.path.endswith("logit/bias") and "critic" in model.network_names):
            assert not np.array_equal(old, ops.convert_to_numpy(weight.value)), weight.path
    for player, optimizer in model.optimizer.members.items():
        per_step = repeats(model) if player in ("discriminator", "critic") else 1
        assert int(optimizer.iterations) == STEPS * per_step, player


@pytest.fixture
def fixed_noise(monkeypatch):
    fix_noise(monkeypatch.setattr)


def fix_noise(setattr):
    """Noise drawn inside a step that is the same on every backend, and in every step."""

    def ramp(shape):
        count = math.prod(shape)  # of numbers, or on TensorFlow of tensors
        return ops.arange(count, dtype=keras.config.floatx()), ops.cast(
            count, keras.config.floatx()
        )

    def uniform(shape, *args, **kwargs):
        index, count = ramp(shape)
        return ops.reshape(0.1 + 0.8 * index / (count - 1.0), shape)

    def normal(shape, *args, **kwargs):
        index, _ = ramp(shape)
        return ops.reshape(1.5 * ops.sin(index + 1.0), shape)

    setattr(keras.random, "uniform", uniform)
    setattr(keras.random, "normal", normal)


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids="".join)
def test_matches_the_reference(name, options, fixed_noise):
    received = trajectory(name, options, "float32")
    with np.load(FOLDER / f"{name}{options}.npz") as reference:
        assert set(received) == set(reference)
        for key in reference:
            np.testing.assert_allclose(
                received[key], reference[key], rtol=1e-4, atol=2e-6, err_msg=key
            )


if __name__ == "__main__":
    keras.config.set_floatx("float64")
    fix_noise(setattr)
    for model_name, variant in VARIANTS:
        if len(sys.argv) > 1 and model_name not in sys.argv:
            continue
        results = trajectory(model_name, variant, "float64")
        np.savez_compressed(FOLDER / f"{model_name}{variant}.npz", **results)
