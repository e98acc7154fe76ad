"""The stages of a GAN on the line: data, generated density and D as the game goes on.

Goodfellow et al. (2014), figure 1, which is a drawing; here it is a GAN that is trained.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from keras import ops
from scipy.stats import norm

from zoo.objectives.losses import optimal_discriminator
from zoo.theory.equilibrium import DATA, play, small_gan
from zoo.theory.surfaces import judgement

STEPS = (0, 40, 100, 600)
ARROWS = 15  # from z to G(z)


class Stage(NamedTuple):
    """A GAN after so many steps: arrays over the points (n,) of a line."""

    step: int
    points: np.ndarray
    real_density: np.ndarray
    fake_density: np.ndarray  # of G(z), by quantiles of z
    discriminator: np.ndarray
    optimal: np.ndarray  # p / (p + q)
    z: np.ndarray  # (ARROWS,), at equal steps of the normal distribution function
    mapped: np.ndarray  # (ARROWS,), G(z)


def play_stages(at: Sequence[int] = STEPS, batch_size: int = 256, seed: int = 0) -> list[Stage]:
    """Trains the zoo's GAN with one number of noise on a Gaussian, and looks at it on the way.

    Args:
        at: steps, rising, after which it is looked at.
        batch_size, seed: of the training.
    """
    model = small_gan(at[-1], seed, latent_dim=1)
    rng = np.random.default_rng(seed)
    stages, step = [], 0
    for wanted in at:
        if wanted > step:
            play(model, wanted - step, 1, batch_size, rng)
            step = wanted

        def generated(z: np.ndarray) -> np.ndarray:
            inputs = {"z": ops.convert_to_tensor(z[:, None], "float32")}
            return ops.convert_to_numpy(model.sample(inputs))[:, 0]

        points = np.linspace(-2.0, 4.0, 301)
        drawn = generated(norm.ppf((np.arange(20_000) + 0.5) / 20_000))
        fake = density(drawn, points)
        real = DATA.density(points[:, None])
        z = norm.ppf((np.arange(ARROWS) + 0.5) / ARROWS)
        stages.append(
            Stage(
                step,
                points,
                real,
                fake,
                judgement(model)(points[:, None]),
                optimal_discriminator(real, np.maximum(fake, 1e-12)),
                z,
                generated(z),
            )
        )
    return stages


def density(drawn: np.ndarray, points: np.ndarray, width: float = 0.05) -> np.ndarray:
    """The density (n,) of drawn numbers, smoothed by a normal of that width, at equal points."""
    spacing = points[1] - points[0]
    edges = np.append(points - spacing / 2, points[-1] + spacing / 2)
    share = np.histogram(drawn, edges)[0] / len(drawn)
    kernel = norm.pdf(np.arange(-4 * width, 4 * width + spacing / 2, spacing), scale=width)
    return np.convolve(share, kernel / kernel.sum(), mode="same") / spacing
