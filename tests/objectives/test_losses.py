"""Losses against numbers worked by hand."""

import numpy as np
import pytest
from keras import ops

from zoo.backend import input_gradient
from zoo.objectives import losses


def tensor(values):
    return ops.convert_to_tensor(np.array(values, "float32"))


REAL = tensor([[0.0], [2.0]])
FAKE = tensor([[-1.0], [3.0]])


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
    large = tensor([[200.0], [-200.0]])
    assert float(losses.discriminator_loss(large, large)) == pytest.approx(200.0)
    assert float(losses.minimax_loss(large)) == pytest.approx(-100.0)


def test_one_sided_label_smoothing():
    """The target of real data is 1 - s; the term of generated data does not change."""
    real = -(0.9 * log_sigmoid(0) + 0.1 * log_sigmoid(-0.0)) / 2
    real -= (0.9 * log_sigmoid(2) + 0.1 * log_sigmoid(-2)) / 2
    fake = -(log_sigmoid(1) + log_sigmoid(-3)) / 2
    received = float(losses.discriminator_loss(REAL, FAKE, smoothing=0.1))
    assert received == pytest.approx(real + fake, rel=1e-6)


@pytest.mark.parametrize(("smoothing", "fake_smoothing"), [(0, 0), (0.1, 0), (0, 0.2), (0.3, 0.1)])
def test_the_optimum_on_distributions_of_three_values(smoothing, fake_smoothing):
    """With D = (a p + b q) / (p + q) the loss is lowest, whichever logit is moved."""
    real, fake = np.repeat([0, 1, 2], [5, 3, 2]), np.repeat([0, 1, 2], [1, 2, 7])
    p, q = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.2, 0.7])
    best = losses.optimal_discriminator(p, q, smoothing, fake_smoothing)
    a, b = 1 - smoothing, fake_smoothing
    np.testing.assert_allclose(best, [(5 * a + b) / 6, (3 * a + 2 * b) / 5, (2 * a + 7 * b) / 9])

    def loss(logits):
        parts = tensor(logits[real]), tensor(logits[fake])
        return float(losses.discriminator_loss(*parts, smoothing, fake_smoothing))

    logits = np.log(best / (1 - best))
    lowest = loss(logits)
    entropy = -(p * a * np.log(best) + p * (1 - a) * np.log(1 - best)).sum()
    entropy -= (q * b * np.log(best) + q * (1 - b) * np.log(1 - best)).sum()
    assert lowest == pytest.approx(entropy, rel=1e-5)
    for index in range(3):
        step = 0.1 * np.eye(3)[index]
        higher, lower = loss(logits + step), loss(logits - step)
        assert higher > lowest < lower
        assert higher - lower == pytest.approx(0, abs=1e-4)  # of central differences


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_optimal_discriminator_minimises_the_loss(smoothing):
    """At densities p and q: among all D, (1 - s) p / (p + q) has the lowest expected loss."""
    p, q = 0.3, 0.5
    d = np.linspace(0.001, 0.999, 99_801)
    loss = -p * ((1 - smoothing) * np.log(d) + smoothing * np.log(1 - d)) - q * np.log(1 - d)
    best = losses.optimal_discriminator(p, q, smoothing)
    assert d[loss.argmin()] == pytest.approx(best, abs=2e-5)
    assert best == pytest.approx((1 - smoothing) * 0.375)


def test_feature_matching_loss():
    real = tensor([[1.0, 2.0], [3.0, 4.0]])  # mean (2, 3)
    fake = tensor([[0.0, 1.0], [1.0, 1.0]])  # mean (0.5, 1)
    assert float(losses.feature_matching_loss(real, fake)) == pytest.approx(1.5**2 + 2**2)
    assert float(losses.feature_matching_loss(real, ops.flip(real, axis=0))) == 0


def test_the_median_of_features_by_hand():
    odd = tensor([[1.0, 9.0], [7.0, 2.0], [3.0, 4.0]])
    even = tensor([[0.0, 0.0], [6.0, 1.0], [5.0, 3.0], [1.0, -8.0]])
    np.testing.assert_array_equal(ops.convert_to_numpy(losses.median(odd)), [3.0, 4.0])
    np.testing.assert_array_equal(ops.convert_to_numpy(losses.median(even)), [3.0, 0.5])
    received = losses.feature_matching_loss(odd, even, "median")
    assert float(received) == pytest.approx(3.5**2)
    gradient = input_gradient(lambda x: losses.feature_matching_loss(odd, x, "median"), even)
    # Half of each middle value: 2 * (0.5 - 4) / 2 where the medians differ.
    expected = [[0, -3.5], [0, -3.5], [0, 0], [0, 0]]
    np.testing.assert_allclose(ops.convert_to_numpy(gradient), expected, rtol=1e-6)


def test_least_squares_loss():
    assert float(losses.least_squares_loss(FAKE, 1.0)) == pytest.approx((4 + 4) / 2 / 2)
    assert float(losses.least_squares_loss(REAL, -1.0)) == pytest.approx((1 + 9) / 2 / 2)


def test_wasserstein_loss():
    assert float(losses.wasserstein_loss(REAL, FAKE)) == pytest.approx(1.0 - 1.0)
    assert float(losses.wasserstein_loss(REAL + 2, FAKE)) == pytest.approx(-2.0)


def test_energy_loss():
    real, fake = tensor([0.5, 1.5]), tensor([0.25, 3.0])
    assert float(losses.energy_loss(real, fake, margin=1.0)) == pytest.approx(1.0 + 0.75 / 2)


def test_pulling_away():
    same = tensor([[3.0, 4.0], [6.0, 8.0], [-3.0, -4.0]])
    assert float(losses.pulling_away(same)) == pytest.approx(1.0, rel=1e-5)
    assert float(losses.pulling_away(ops.eye(4))) == pytest.approx(0.0, abs=1e-6)
    half = tensor([[1.0, 0.0], [1.0, 1.0]])
    assert float(losses.pulling_away(half)) == pytest.approx(0.5, rel=1e-5)


def test_log_likelihood_of_categories():
    logits = ops.log(tensor([[0.2, 0.8], [0.5, 0.5]]))
    received = float(losses.categorical_log_likelihood(logits, np.array([1, 0], "int32")))
    assert received == pytest.approx((np.log(0.8) + np.log(0.5)) / 2, rel=1e-6)


def slope(loss, logits):
    """The sign of d loss / d logit for each example."""
    return np.sign(ops.convert_to_numpy(input_gradient(loss, logits)))


def test_each_player_moves_its_way():
    """Going down its own loss the discriminator lifts D(x) and lowers D(G(z)), G lifts D(G(z))."""
    z, x = tensor([[0.3], [-0.4]]), tensor([[0.3], [-0.4]])
    for loss in (
        lambda real, fake: losses.discriminator_loss(real, fake, 0.1),
        losses.wasserstein_loss,
        lambda real, fake: losses.least_squares_loss(real, 1) + losses.least_squares_loss(fake, 0),
    ):
        assert (slope(lambda real: loss(real, z), x) == -1).all()  # noqa: B023
        assert (slope(lambda fake: loss(z, fake), x + 1) == 1).all()  # noqa: B023
    for loss in (losses.non_saturating_loss, losses.minimax_loss):
        assert (slope(loss, z) == -1).all()
    energy, other = tensor([0.3, 0.4]), tensor([0.3, 0.4])
    assert (slope(lambda real: losses.energy_loss(real, other, 1.0), energy) == 1).all()
    assert (slope(lambda fake: losses.energy_loss(other, fake, 1.0), energy) == -1).all()
    assert (slope(lambda fake: losses.energy_loss(other, fake, 0.1), energy) == 0).all()


def test_gradient_penalty_of_a_linear_critic():
    """f(x) = w x has the gradient w everywhere: the penalty is (||w|| - 1)^2."""
    w = tensor([[3.0], [4.0]])
    x = ops.zeros((5, 2))
    share = tensor(np.linspace(0, 1, 5))
    received = losses.gradient_penalty(lambda x: ops.matmul(x, w), x, x + 1, share)
    assert float(ops.convert_to_numpy(received)) == pytest.approx(16.0, rel=1e-5)


def test_gradient_penalty_looks_between_the_two():
    """f(x) = x^2 / 2 has the gradient x, so the penalty tells where it was asked."""
    real, fake = ops.full((2, 1), 4.0), ops.full((2, 1), 2.0)
    share = tensor([1.0, 0.5])  # at 4 and at 3
    received = losses.gradient_penalty(lambda x: ops.square(x) / 2, real, fake, share)
    assert float(ops.convert_to_numpy(received)) == pytest.approx((3**2 + 2**2) / 2, rel=1e-5)
