"""Distances between sets against closed forms, scipy, scikit-learn and brute force."""

import numpy as np
import pytest
import scipy.linalg
from sklearn.metrics.pairwise import polynomial_kernel

from zoo.metrics.distances import (
    Neighbourhoods,
    frechet_distance,
    kernel_distance,
    nearest,
)

pytestmark = pytest.mark.once


def moments(x):
    return x.mean(axis=0), np.cov(x, rowvar=False)


def sets(count=200, dimensions=6, seed=0):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(dimensions, dimensions))
    return rng.normal(size=(count, dimensions)), 0.4 + rng.normal(size=(150, dimensions)) @ mixing


def test_frechet_distance_of_shifted_and_of_scaled_gaussians():
    identity = np.eye(3)
    shift = np.array([1.0, -2.0, 2.0])
    assert frechet_distance(np.zeros(3), identity, shift, identity) == pytest.approx(9.0)
    # of commuting covariances: the sum of (sigma - tau)^2
    a, b = np.diag([1.0, 4.0, 9.0]), np.diag([4.0, 4.0, 1.0])
    assert frechet_distance(shift, a, shift, b) == pytest.approx(1.0 + 0.0 + 4.0)


@pytest.mark.parametrize("count", [200, 4], ids=["full rank", "too few for the rank"])
def test_frechet_distance_against_the_matrix_square_root(count):
    a, b = sets()
    (m, c), (n, d) = moments(a), moments(b[:count])
    root = scipy.linalg.sqrtm(c @ d).real
    expected = np.sum((m - n) ** 2) + np.trace(c + d - 2 * root)
    assert frechet_distance(m, c, n, d) == pytest.approx(expected, rel=1e-6)


def test_identical_sets_have_distance_0():
    a, _ = sets()
    assert frechet_distance(*moments(a), *moments(a)) == pytest.approx(0.0, abs=1e-9)
    scores = Neighbourhoods(a).scores(a)
    assert scores["precision"] == scores["recall"] == scores["coverage"] == 1.0
    distances, index = nearest(a, a)
    np.testing.assert_array_equal(distances, 0.0)
    np.testing.assert_array_equal(index, np.arange(len(a)))


def test_kernel_distance_against_scikit_learn():
    a, b = sets()
    within = [polynomial_kernel(x, degree=3, gamma=1 / 6, coef0=1) for x in (a, b)]
    pairs = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in within]
    between = polynomial_kernel(a[:150], b, degree=3, gamma=1 / 6, coef0=1)
    # One subset of all: 150 of each, in any order.
    all_of_them, error = kernel_distance(a[:150], b, subsets=1)
    first = polynomial_kernel(a[:150], degree=3, gamma=1 / 6, coef0=1)
    pairs[0] = (first.sum() - np.trace(first)) / (150 * 149)
    assert all_of_them == pytest.approx(sum(pairs) - 2 * between.mean(), rel=1e-9)
    assert error == 0.0


def test_kernel_distance_has_no_bias():
    rng = np.random.default_rng(1)
    values = [
        kernel_distance(rng.normal(size=(20, 3)), rng.normal(size=(20, 3)), subsets=1)[0]
        for _ in range(400)
    ]
    assert abs(np.mean(values)) < 4 * np.std(values) / 20
    assert min(values) < 0 < max(values)


def test_neighbourhood_scores_against_brute_force():
    real, generated = sets(60)
    k = 3

    def apart(x, y):
        return np.array([[np.linalg.norm(p - q) for q in y] for p in x])

    reach_real, reach_generated = (np.sort(apart(x, x), axis=1)[:, k] for x in (real, generated))
    cross = apart(real, generated)
    inside = cross <= reach_real[:, None]
    expected = {
        "precision": np.mean([inside[:, j].any() for j in range(len(generated))]),
        "recall": np.mean([(cross[i] <= reach_generated).any() for i in range(60)]),
        "density": inside.sum() / (k * len(generated)),
        "coverage": np.mean([inside[i].any() for i in range(60)]),
    }
    assert Neighbourhoods(real, k).scores(generated) == pytest.approx(expected, abs=1e-12)
    assert 0.0 < expected["precision"] < 1.0 and 0.0 < expected["coverage"] < 1.0


def test_points_far_away_score_0():
    real, _ = sets()
    assert set(Neighbourhoods(real).scores(real + 1e3).values()) == {0.0}


def test_the_nearest_image_is_found_in_any_part():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 4, 4, 1), dtype="uint8")
    wanted = images[[31, 3]].astype("int64") + 1
    distances, index = nearest(wanted, images, rows=7)
    np.testing.assert_array_equal(index, [31, 3])
    np.testing.assert_array_equal(distances, 4.0)  # 16 pixels, 1 each


def test_copies_of_large_colour_images_are_at_distance_0():
    """Their squares add up to numbers that float32 cannot tell from their neighbours."""
    rng = np.random.default_rng(0)
    images = rng.integers(128, 256, (30, 48, 48, 3), dtype="uint8")
    one_off = images[:1].copy()
    one_off[0, 0, 0, 0] -= 1
    distances, index = nearest(np.concatenate([images[10:], one_off]), images, rows=7)
    np.testing.assert_array_equal(index, [*range(10, 30), 0])
    np.testing.assert_array_equal(distances, [0.0] * 20 + [1.0])
