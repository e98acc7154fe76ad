"""Toy distributions whose density is known, so that a generator of points can be scored exactly.

All of them are mixtures of equally weighted Gaussians of one standard deviation, the same in every
direction: one Gaussian, a ring, a grid, and a spiral made of pieces so near each other that they
run together.

The usual protocol: draw 2,500 points from the generator. A point is good when it lies within three
standard deviations of the nearest mean; a mode is covered when at least one good point is nearest
to it. Reported are the number of modes covered and the share of good points. The data itself does
not score 1 there: three standard deviations hold 99.7% of a Gaussian on the line and 98.9% of one
in the plane.

Sources: the ring, Metz et al., "Unrolled Generative Adversarial Networks" (2017),
https://arxiv.org/abs/1611.02163; the grid and the protocol, Srivastava et al., "VEEGAN: Reducing
Mode Collapse in GANs using Implicit Variational Learning" (2017),
https://arxiv.org/abs/1705.07761.
"""

import math
from dataclasses import dataclass

import numpy as np

from zoo.errors import RequestError

GOOD = 3  # standard deviations from the nearest mean


@dataclass(frozen=True, eq=False)
class Mixture:
    """Equally weighted Gaussians N(means[i], std^2 I).

    Args:
        means: float (k, d).
        std: of every Gaussian along every axis.
    """

    means: np.ndarray
    std: float

    def __post_init__(self) -> None:
        if np.ndim(self.means) != 2:
            raise RequestError(f"means must have the shape (k, d). Received: {self.means!r}")
        if not self.std > 0:
            raise RequestError(f"std must be positive. Received: {self.std!r}")

    def sample(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """float32 points (count, d), and int32 (count,), which Gaussian each was drawn from."""
        component = rng.integers(len(self.means), size=count, dtype=np.int32)
        noise = rng.standard_normal((count, self.means.shape[1]))
        return (self.means[component] + self.std * noise).astype(np.float32), component

    def density(self, points: np.ndarray) -> np.ndarray:
        """float64 (n,): the density at points (n, d)."""
        points = self._check(points)
        total = np.zeros(len(points))
        # A mean at a time, here and below: all distances at once would be n * k numbers.
        for mean in self.means:
            total += np.exp(-((points - mean) ** 2).sum(axis=1) / (2 * self.std**2))
        dimensions = self.means.shape[1]
        return total / len(self.means) / (math.sqrt(2 * math.pi) * self.std) ** dimensions

    def modes_covered(self, points: np.ndarray) -> int:
        """How many of the k means are nearest to at least one good point of points (n, d)."""
        nearest, distance = self._nearest(points)
        return len(np.unique(nearest[distance <= GOOD * self.std]))

    def good_share(self, points: np.ndarray) -> float:
        """The share, 0 to 1, of points (n, d) within three standard deviations of a mean.

        A point that is not finite is not good.
        """
        _, distance = self._nearest(points)
        return float((distance <= GOOD * self.std).mean())

    def _nearest(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The index of the nearest mean, the first of several, and the distance to it, (n,) each.

        The distance is infinite where a point is not finite.
        """
        points = self._check(points)
        nearest = np.zeros(len(points), np.int32)
        distance = np.full(len(points), np.inf)
        for i, mean in enumerate(self.means):
            here = np.linalg.norm(points - mean, axis=1)
            closer = here < distance  # never so for a NaN
            nearest[closer], distance[closer] = i, here[closer]
        return nearest, distance

    def _check(self, points: np.ndarray) -> np.ndarray:
        points = np.asarray(points, np.float64)
        dimensions = self.means.shape[1]
        if points.ndim != 2 or points.shape[1] != dimensions or not len(points):
            raise RequestError(
                f"points must have the shape (n, {dimensions}), n at least 1. "
                f"Received: {points.shape}"
            )
        return points


def gaussian() -> Mixture:
    """N(1.5, 0.5^2) on the line: neither the mean nor the width of the usual noise."""
    return Mixture(np.array([[1.5]]), std=0.5)


def ring(count: int = 8, radius: float = 2.0, std: float = 0.02) -> Mixture:
    """`count` Gaussians on a circle, counterclockwise from (radius, 0)."""
    return Mixture(_polar(radius, 2 * np.pi * np.arange(count) / count), std)


def grid(side: int = 5, spacing: float = 2.0, std: float = 0.05) -> Mixture:
    """`side` x `side` Gaussians around the origin, row by row from the lower left."""
    along = spacing * (np.arange(side) - (side - 1) / 2)
    y, x = np.meshgrid(along, along, indexing="ij")
    return Mixture(np.stack([x.ravel(), y.ravel()], axis=1), std)


def swiss_roll(count: int = 200, radius: float = 2.0, std: float = 0.05) -> Mixture:
    """A spiral of one and a half turns, from a third of `radius` out to `radius`.

    Its curve is scikit-learn's `make_swiss_roll` seen from the side, r proportional to the angle
    from 1.5 pi to 4.5 pi. The `count` means are equally spaced along it, by 1.3 standard deviations
    as things stand, so that the density has no ripple to speak of: 1e-5 of itself. `modes_covered`
    counts the pieces of the spiral.
    """
    start, end = 1.5 * np.pi, 4.5 * np.pi
    angles = np.linspace(start, end, 10_001)
    length = (angles * np.sqrt(1 + angles**2) + np.arcsinh(angles)) / 2  # of r = angle, from 0
    angles = np.interp(np.linspace(length[0], length[-1], count), length, angles)
    return Mixture(_polar(radius * angles / end, angles), std)


def _polar(radius: float | np.ndarray, angles: np.ndarray) -> np.ndarray:
    means = np.stack([radius * np.cos(angles), radius * np.sin(angles)], axis=1)
    # Machines differ in the last bit of a cosine; the points drawn are to be the same everywhere.
    return np.round(means, 9)
