"""Two parallel lines, of which only the Wasserstein distance tells how far apart they are.

Arjovsky et al. (2017), "Wasserstein GAN", https://arxiv.org/abs/1701.07875, example 1.
"""

import random

import numpy as np

from zoo.networks.mlp import mlp_critic
from zoo.theory.opponent import Critic, Draw


def line_kl(theta: float | np.ndarray) -> np.ndarray:
    """KL(data, model) of (0, u) and (theta, u), u uniform on [0, 1]: no overlap, no bound.

    Like the next three it takes an array or a number, and returns an array of its shape.
    """
    return np.where(np.equal(theta, 0), 0.0, np.inf)


def line_js(theta: float | np.ndarray) -> np.ndarray:
    """The Jensen-Shannon divergence of the two: log 2 however near they are, 0 when they meet."""
    return np.where(np.equal(theta, 0), 0.0, np.log(2.0))


def line_total_variation(theta: float | np.ndarray) -> np.ndarray:
    """The total variation of the two, the largest difference of the probabilities of one set: 1."""
    return np.where(np.equal(theta, 0), 0.0, 1.0)


def line_wasserstein(theta: float | np.ndarray) -> np.ndarray:
    """The Wasserstein-1 distance of the two, |theta|."""
    return np.abs(np.asarray(theta, np.float64))


def estimate_wasserstein(
    theta: float, penalty: float = 100.0, steps: int = 400, batch_size: int = 128, seed: int = 0
) -> float:
    """What a critic with gradient penalty makes of the two lines' distance |theta|.

    The estimate is biased. Along the way from one line to the other a critic of slope s has the
    loss -s |theta| + lambda (s - 1)^2, whose minimum is at s = 1 + |theta| / (2 lambda): the
    distance comes out too large by the factor s. The usual lambda of 10 makes that 5 % at
    theta 1; 100 makes it 0.5 %.

    Args:
        theta: where the generated line is; the real one is at 0.
        penalty: lambda.
        steps, batch_size, seed: of the training.

    Returns:
        The mean score of the real line minus that of the generated one.
    """
    random.seed(seed)
    network = mlp_critic((2,), hidden=32)
    critic = Critic(network, 1e-2, steps, penalty, seed)
    critic.learn(line(0.0), line(theta), steps, batch_size, seed)
    along = np.linspace(0.0, 1.0, 201)
    real, fake = (critic.rate(np.stack([np.full(201, x), along], axis=1)) for x in (0.0, theta))
    return float(real.mean() - fake.mean())


def line(x: float) -> Draw:
    """Draws points (count, 2) of the line at x: (x, u), u uniform on [0, 1]."""
    return lambda count, rng: np.stack([np.full(count, x), rng.random(count)], axis=1)
