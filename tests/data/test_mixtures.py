"""The toy distributions: their samples, their densities and the scores."""

import numpy as np
import pytest

from zoo.data import mixtures
from zoo.data.mixtures import Mixture
from zoo.errors import RequestError

pytestmark = pytest.mark.once

ALL = {
    "gaussian": mixtures.gaussian(),
    "ring": mixtures.ring(),
    "grid": mixtures.grid(),
    "swiss_roll": mixtures.swiss_roll(),
}


def test_the_means():
    assert ALL["gaussian"].means.tolist() == [[1.5]] and ALL["gaussian"].std == 0.5
    half = np.sqrt(2)
    ring = [[2, 0], [half, half], [0, 2], [-half, half], [-2, 0], [-half, -half], [0, -2]]
    np.testing.assert_allclose(ALL["ring"].means, [*ring, [half, -half]], atol=1e-9)
    grid = [[x, y] for y in (-4, -2, 0, 2, 4) for x in (-4, -2, 0, 2, 4)]
    assert ALL["grid"].means.tolist() == grid
    assert mixtures.grid(side=2, spacing=3.0).means.tolist() == [
        [-1.5, -1.5],
        [1.5, -1.5],
        [-1.5, 1.5],
        [1.5, 1.5],
    ]
    assert mixtures.ring(count=3, radius=5.0, std=0.1).means[0].tolist() == [5, 0]


def test_the_swiss_roll():
    roll = ALL["swiss_roll"]
    np.testing.assert_allclose(roll.means[[0, -1]], [[0, -2 / 3], [0, 2]], atol=1e-9)
    angle = np.unwrap(np.arctan2(roll.means[:, 1], roll.means[:, 0]))
    radius = np.linalg.norm(roll.means, axis=1)
    np.testing.assert_allclose(np.ptp(angle), 3 * np.pi)
    np.testing.assert_allclose(radius, 2 / 3 + (angle - angle[0]) * 4 / (9 * np.pi), atol=1e-8)
    steps = np.linalg.norm(np.diff(roll.means, axis=0), axis=1)
    # Equal along the curve; a chord is shorter by (step / radius)^2 / 24.
    np.testing.assert_allclose(steps, steps[-1], rtol=5e-4)
    assert 1.25 < steps[-1] / roll.std < 1.35
    # No ripple: along the curve the density between two means is that at the means.
    middle = (roll.means[120:160] + roll.means[121:161]) / 2
    between, at = roll.density(middle), roll.density(roll.means[120:160])
    np.testing.assert_allclose(between, at, rtol=1e-3)


@pytest.mark.parametrize("name", ALL)
def test_samples_have_the_means_and_the_std(name):
    mixture = ALL[name]
    k, d = mixture.means.shape
    n = 1000 * k
    points, component = mixture.sample(n, np.random.default_rng(3))
    assert points.shape == (n, d) and points.dtype == np.float32
    assert component.shape == (n,) and component.dtype == np.int32
    counts = np.bincount(component, minlength=k)
    assert len(counts) == k and (abs(counts - 1000) < 5 * np.sqrt(1000)).all()
    for i in (0, k // 2, k - 1):
        own = points[component == i]
        error = mixture.std / np.sqrt(len(own))
        np.testing.assert_allclose(own.mean(axis=0), mixture.means[i], atol=5 * error)
        np.testing.assert_allclose(own.std(axis=0), mixture.std, atol=5 * error)


def test_samples_depend_on_the_generator_alone():
    first, again, other = (
        ALL["ring"].sample(100, np.random.default_rng(seed))[0] for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_density_worked_by_hand():
    peak = 1 / (0.5 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(
        ALL["gaussian"].density(np.array([[1.5], [2.0], [0.5]])),
        [peak, peak * np.exp(-0.5), peak * np.exp(-2)],
    )
    two = Mixture(np.array([[0.0, 0.0], [3.0, 4.0]]), std=5.0)
    value = (1 + np.exp(-0.5)) / 2 / (2 * np.pi * 25)
    np.testing.assert_allclose(two.density(np.array([[0.0, 0.0], [3.0, 4.0]])), [value, value])


@pytest.mark.parametrize(
    ("mixture", "reach", "step"),
    [
        (ALL["gaussian"], 6, 0.01),
        (mixtures.ring(std=0.1), 3, 0.05),
        (mixtures.grid(side=3, std=0.2), 4, 0.1),
        (ALL["swiss_roll"], 2.5, 0.025),
    ],
)
def test_density_integrates_to_one(mixture, reach, step):
    along = np.arange(-reach, reach, step)
    d = mixture.means.shape[1]
    points = np.stack(np.meshgrid(*[along] * d), axis=-1).reshape(-1, d)
    assert abs(mixture.density(points).sum() * step**d - 1) < 1e-6


@pytest.mark.parametrize("name", ALL)
def test_the_data_scores_as_the_normal_distribution_says(name):
    mixture = ALL[name]
    points, _ = mixture.sample(20_000, np.random.default_rng(0))
    assert mixture.modes_covered(points) == len(mixture.means)
    # Within three standard deviations: 99.73% on the line, 1 - exp(-4.5) in the plane.
    share = 0.9973 if name == "gaussian" else 1 - np.exp(-4.5)
    if name == "swiss_roll":  # a point far from its own mean is often near a neighbour's
        assert share < mixture.good_share(points) < 1
    else:
        assert abs(mixture.good_share(points) - share) < 0.003


def test_scores_worked_by_hand():
    mixture = Mixture(np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]]), std=1.0)
    points = np.array(
        [
            [0.0, 0.0],
            [2.0, 2.0],  # 2.83 away
            [2.2, 2.2],  # 3.11 away: within 3 along each axis, yet not good
            [10.0, 3.0],  # 3 away, just good
            [0.0, 6.9],  # 3.1 away: the third mode stays uncovered
        ]
    )
    assert mixture.modes_covered(points) == 2
    assert mixture.good_share(points) == 0.6
    assert mixture.modes_covered(points[2:3]) == 0 and mixture.good_share(points[2:3]) == 0
    line = Mixture(np.array([[0.0], [1.0]]), std=0.1)
    assert line.good_share(np.array([[0.29], [0.31], [0.69], [0.71]], np.float32)) == 0.5
    assert line.modes_covered(np.array([[0.29], [0.31], [0.69]])) == 1


def test_points_that_are_not_finite_are_not_good():
    points = np.array([[2.0, 0.0], [np.nan, 0.0], [np.inf, 0.0], [3e38, -3e38]], np.float32)
    assert ALL["ring"].good_share(points) == 0.25
    assert ALL["ring"].modes_covered(points) == 1


@pytest.mark.parametrize("shape", [(0, 2), (5, 1), (5,), (5, 2, 1)])
@pytest.mark.parametrize("method", ["density", "modes_covered", "good_share"])
def test_points_of_another_shape(shape, method):
    with pytest.raises(RequestError, match=r"must have the shape \(n, 2\), n at least 1. Received"):
        getattr(ALL["ring"], method)(np.zeros(shape))


@pytest.mark.parametrize(
    ("means", "std", "rule"),
    [
        (np.zeros(2), 1.0, r"means must have the shape \(k, d\)"),
        (np.zeros((1, 2)), 0.0, "std must be positive. Received: 0.0"),
        (np.zeros((1, 2)), float("nan"), "std must be positive. Received: nan"),
    ],
)
def test_mixtures_that_are_none(means, std, rule):
    with pytest.raises(RequestError, match=rule):
        Mixture(means, std)
