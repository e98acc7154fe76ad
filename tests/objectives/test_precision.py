import keras
import numpy as np
from keras import ops

from tests.helpers import small_model
from zoo.objectives.precision import full_precision


def type_of(tensor):
    return keras.backend.standardize_dtype(tensor.dtype)


def test_outputs_become_float32_with_their_structure():
    single = ops.convert_to_tensor(np.array([1.5, -2.0], "float32"))
    half = ops.cast(single, "bfloat16")
    outputs = full_precision({"mean": half, "others": [half, single]})
    assert list(map(type_of, (outputs["mean"], *outputs["others"]))) == ["float32"] * 3
    np.testing.assert_array_equal(ops.convert_to_numpy(outputs["mean"]), [1.5, -2.0])
    assert full_precision(single) is single


def test_pixels_are_summed_in_float32_under_bfloat16():
    """784 pixels of log 2 nats each: in bfloat16 the sum has steps of 4."""
    model = small_model("vae", (28, 28, 1), binarization="none")
    images = ops.full((2, 28, 28, 1), 0.5)
    logits = ops.cast(ops.zeros((2, 28, 28, 1)), "bfloat16")
    received = ops.convert_to_numpy(model.log_likelihood(images, logits))
    np.testing.assert_allclose(received, -784 * np.log(2), rtol=1e-6)
