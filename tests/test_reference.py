"""The same weights and batch give the same losses and the same updated weights everywhere.

`tests/reference/<model>.npz` holds losses and weights after each of three steps in float64, made by

    KERAS_BACKEND=torch python -m tests.test_reference

Every backend, in float32 and through the compiled `fit`, must come within rtol 1e-4, atol 2e-6.
"""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import MODELS, small_arrays, small_model

FOLDER = Path(__file__).parent / "reference"
STEPS = 3
BATCH = 8


def trajectory(name, dtype):
    """Dict of history and final weights, from weights, noise and data that numpy draws."""
    model = small_model(name, dropout=0.0, ema=0.9)
    rng = np.random.default_rng(11)
    for weight in model.weights:
        value = rng.standard_normal(weight.shape) * 0.2
        weight.assign(np.abs(value) + 0.5 if "variance" in weight.path else value)
    noise = rng.standard_normal((BATCH, model.latent_dim)).astype(dtype)
    object.__setattr__(model, "sample_prior", lambda count, seed=None: ops.convert_to_tensor(noise))
    model.compile()
    images, labels = small_arrays(BATCH * STEPS)
    results = {}
    for step in range(STEPS):
        rows = slice(step * BATCH, (step + 1) * BATCH)
        history = model.fit(
            images[rows].astype(dtype), labels[rows], batch_size=BATCH, shuffle=False, verbose=0
        ).history
        results.update({f"{step}/{key}": np.float64(value[0]) for key, value in history.items()})
    for index, weight in enumerate(model.weights):
        results[f"weight/{index:02d}"] = np.array(ops.convert_to_numpy(weight.value))
    return results


@pytest.mark.parametrize("name", MODELS)
def test_matches_the_reference(name):
    received = trajectory(name, "float32")
    with np.load(FOLDER / f"{name}.npz") as reference:
        assert set(received) == set(reference)
        for key in reference:
            np.testing.assert_allclose(
                received[key], reference[key], rtol=1e-4, atol=2e-6, err_msg=key
            )


if __name__ == "__main__":
    keras.config.set_floatx("float64")
    for model_name in MODELS:
        np.savez_compressed(FOLDER / f"{model_name}.npz", **trajectory(model_name, "float64"))
