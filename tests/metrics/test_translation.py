"""L1, PSNR, SSIM and the parts of facades, against numbers worked by hand."""

import numpy as np
import pytest

from zoo.errors import RequestError
from zoo.metrics import translation

pytestmark = pytest.mark.once


def constant(*values, side=12):
    return np.array(values, "float32")[:, None, None, None] * np.ones((1, side, side, 3), "float32")


def test_of_constant_images():
    outputs, targets = constant(0.5, 0.2, 0.7), constant(0.4, 0.2, 0.2)
    np.testing.assert_allclose(translation.l1(outputs, targets), [0.1, 0, 0.5], atol=1e-6)
    # 10 log10(1 / mse): 20 dB at 0.1, 6.02 at 0.5, without end where equal
    np.testing.assert_allclose(translation.psnr(outputs, targets), [20, 100, 6.0206], atol=1e-3)
    # Without variance only the first factor is left: (2ab + c1) / (a^2 + b^2 + c1), c1 = 0.01^2
    expected = [(2 * a * b + 1e-4) / (a * a + b * b + 1e-4) for a, b in ((0.5, 0.4), (0.7, 0.2))]
    similar = translation.ssim(outputs, targets)
    np.testing.assert_allclose(similar, [expected[0], 1.0, expected[1]], atol=1e-5)


def test_similarity_falls_with_noise_and_needs_a_window():
    rng = np.random.default_rng(0)
    image = rng.random((1, 32, 32, 1), dtype="float32")
    values = [
        translation.ssim(np.clip(image + s * rng.standard_normal(image.shape), 0, 1), image)[0]
        for s in (0.0, 0.1, 0.5)
    ]
    assert values[0] == pytest.approx(1) and values[0] > values[1] > values[2] > -1
    with pytest.raises(RequestError, match="11x11 pixels. Received: images of 8x12"):
        translation.ssim(np.zeros((1, 12, 8, 1)), np.zeros((1, 12, 8, 1)))


def test_parts_by_hand():
    """Four pixels of two parts: three right, one of the second taken for the first."""
    window, door = (np.array(translation.FACADE_PARTS[part]) / 255 for part in ("window", "door"))
    targets = np.array([[[window, window], [door, door]]], "float32")
    outputs = np.array([[[window, window], [door, window]]], "float32") + np.float32(0.03)
    scores = translation.part_scores(outputs, targets)
    assert scores["pixel_accuracy"] == 3 / 4
    assert scores["class_accuracy"] == pytest.approx((2 / 2 + 1 / 2) / 2)
    assert scores["iou"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    np.testing.assert_array_equal(translation.parts_of(targets), [[[2, 2], [3, 3]]])
