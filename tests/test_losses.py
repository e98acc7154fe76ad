"""Losses against numbers worked by hand."""

import numpy as np
import pytest

from zoo import losses

REAL = np.array([[0.0], [2.0]], "float32")
FAKE = np.array([[-1.0], [3.0]], "float32")


def log_sigmoid(x):
    return -np.log1p(np.exp(-np.float64(x)))


def test_discriminator_loss():
    expected = -(log_sigmoid(0) + log_sigmoid(2)) / 2 - (log_sigmoid(1) + log_sigmoid(-3)) / 2
    assert float(losses.discriminator_loss(REAL, FAKE)) == pytest.approx(expected, rel=1e-6)
    assert float(losses.discriminator_loss(REAL * 0, FAKE * 0)) == pytest.approx(2 * np.log(2))


def test_non_saturating_loss():
    expected = -(log_sigmoid(-1) + log_sigmoid(3)) / 2
    assert float(losses.non_saturating_loss(FAKE)) == pytest.approx(expected, rel=1e-6)


def test_minimax_loss():
    expected = (log_sigmoid(1) + log_sigmoid(-3)) / 2
    assert float(losses.minimax_loss(FAKE)) == pytest.approx(expected, rel=1e-6)


def test_large_logits_stay_finite():
    large = np.array([[200.0], [-200.0]], "float32")
    assert float(losses.discriminator_loss(large, large)) == pytest.approx(200.0)
    assert float(losses.minimax_loss(large)) == pytest.approx(-100.0)
