"""What a critic makes of two distributions that do not change.

- `answer`: beside the best discriminator, which saturates where one density is much the larger,
  the critic is nearly linear, so that its gradient leads from one to the other. Arjovsky et al.
  (2017), "Wasserstein GAN", https://arxiv.org/abs/1701.07875, figure 2.
- `value_surfaces`: a critic whose weights are clipped becomes a simple function, one under a
  gradient penalty follows the data. Gulrajani et al. (2017), "Improved Training of Wasserstein
  GANs", https://arxiv.org/abs/1704.00028, figure 1a.
"""

import random
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from zoo.data.mixtures import Mixture
from zoo.data.toy import MIXTURES
from zoo.networks.mlp import mlp_critic, mlp_discriminator
from zoo.theory.opponent import ClippedCritic, Critic, Discriminator, Draw, Opponent

REAL, FAKE = Mixture(np.array([[2.0]]), std=0.5), Mixture(np.array([[-2.0]]), std=0.5)
DATASETS = {"8 Gaussians": "ring", "25 Gaussians": "grid", "swiss roll": "swiss_roll"}


class Answer(NamedTuple):
    """The two opponents' answers to the same two densities: arrays over points (n,) of a line."""

    points: np.ndarray
    real_density: np.ndarray
    fake_density: np.ndarray
    discriminator: np.ndarray  # D, in [0, 1]
    critic: np.ndarray  # f, 0 in the middle
    exact: float  # the Wasserstein-1 distance of samples
    estimated: float  # the critic's estimate of it


def answer(steps: int = 600, batch_size: int = 256, seed: int = 0) -> Answer:
    """Trains a discriminator and a critic between N(2, 0.5^2), real, and N(-2, 0.5^2).

    The distance of the two is 4. The critic's penalty is 100, at which its bias is small, see
    `zoo.theory.lines.estimate_wasserstein`.
    """
    random.seed(seed)
    real, fake = (_points(mixture) for mixture in (REAL, FAKE))
    network = mlp_discriminator((1,), hidden=16, pieces=3, dropout=0.0, seed=seed)
    discriminator = Discriminator(network, 2e-2, steps).learn(real, fake, steps, batch_size, seed)
    critic = Critic(mlp_critic((1,), hidden=32), 1e-2, steps, 100.0, seed)
    critic.learn(real, fake, steps, batch_size, seed)
    points = np.linspace(-4.0, 4.0, 321)
    scores = critic.rate(points[:, None])
    rng = np.random.default_rng(seed)
    samples = real(2_000, rng), fake(2_000, rng)
    rated = [critic.rate(drawn).mean() for drawn in samples]
    return Answer(
        points,
        REAL.density(points[:, None]),
        FAKE.density(points[:, None]),
        1.0 / (1.0 + np.exp(-discriminator.rate(points[:, None]))),
        scores - scores[len(scores) // 2],
        exact_wasserstein(*samples),
        float(rated[0] - rated[1]),
    )


def exact_wasserstein(real: np.ndarray, fake: np.ndarray) -> float:
    """The Wasserstein-1 distance of two samples of one size, points (n, d).

    The mean distance of the pairs of the best assignment of one sample to the other; on the line
    that pairs them in order.
    """
    from scipy.optimize import linear_sum_assignment
    from scipy.spatial.distance import cdist
    from scipy.stats import wasserstein_distance

    if real.shape[1] == 1:
        return float(wasserstein_distance(real[:, 0], fake[:, 0]))
    distances = cdist(real, fake)
    return float(distances[linear_sum_assignment(distances)].mean())


class ValueSurface(NamedTuple):
    """A critic's values over the plane."""

    title: str
    real: np.ndarray  # (500, 2)
    values: Callable[[np.ndarray], np.ndarray]  # function of points (n, 2) to (n,)


def value_surfaces(
    steps: int = 1_000, batch_size: int = 256, hidden: int = 64, clip: float = 0.1, seed: int = 0
) -> list[ValueSurface]:
    """Trains critics of three toy distributions, clipped ones first, then penalised ones.

    The generator is held fixed: its points are the data plus standard normal noise.

    Args:
        steps, batch_size, seed: of the training, by Adam.
        hidden: units of each of the three hidden layers (512 in the paper).
        clip: of the weights; the penalty's weight is 0.1, as in the authors' code for points.
    """
    random.seed(seed)
    found = []
    for how in ("clipped", "penalty"):
        for title, name in DATASETS.items():
            network = mlp_critic((2,), hidden)
            critic: Opponent = (
                ClippedCritic(network, 2e-3, steps, clip)
                if how == "clipped"
                else Critic(network, 2e-3, steps, 0.1, seed)
            )
            real = _points(MIXTURES[name])
            critic.learn(real, _noisy(real), steps, batch_size, seed)
            points = real(500, np.random.default_rng(seed))
            found.append(ValueSurface(f"{title}, {how}", points, critic.rate))
    return found


def _points(mixture: Mixture) -> Draw:
    return lambda count, rng: mixture.sample(count, rng)[0]


def _noisy(draw: Draw) -> Draw:
    def noisy(count: int, rng: np.random.Generator) -> np.ndarray:
        points = draw(count, rng)
        return points + rng.standard_normal(points.shape)

    return noisy
