"""The optimal discriminator, and the value of the game at its equilibrium.

Goodfellow et al. (2014), "Generative Adversarial Nets", https://arxiv.org/abs/1406.2661,
proposition 1 and theorem 1, on one-dimensional Gaussians, trained for real.
"""

import math
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from zoo import backend
from zoo.adversarial.gan import GAN
from zoo.data.mixtures import Mixture
from zoo.data.toy import MIXTURES
from zoo.networks.mlp import mlp_discriminator
from zoo.objectives.losses import optimal_discriminator
from zoo.theory.opponent import Discriminator, Draw
from zoo.theory.surfaces import judgement

DATA = MIXTURES["gaussian"]
MODEL = Mixture(np.array([[0.0]]), std=1.0)  # the fixed generator's density
EQUILIBRIUM = -math.log(4.0)  # -log 4, the value of the game when p_model is p_data


class LearnedDiscriminator(NamedTuple):
    """D on a line of points: arrays (n,)."""

    points: np.ndarray
    real_density: np.ndarray
    fake_density: np.ndarray
    optimal: np.ndarray  # (1 - s) p / (p + q)
    learned: np.ndarray

    @property
    def seen(self) -> np.ndarray:
        """Where there are examples to learn from: the densities' sum is above 0.05.

        That is so for 97 in 100 generated examples and 99 in 100 real ones.
        """
        return self.real_density + self.fake_density > 0.05

    @property
    def error(self) -> float:
        """The largest distance of the learned D from the optimal one where examples are."""
        return float(np.abs(self.learned - self.optimal)[self.seen].max())

    def value(self, discriminator: np.ndarray) -> float:
        """V(G, D) = E_p[log D] + E_q[log(1 - D)] of a D at the points (n,), equally spaced.

        The optimal D's is -log 4 + 2 JS(p, q) (theorem 1), and no other's is higher.
        """
        # 0 log 0 is 0: where a density vanishes, so does D or 1 - D.
        tiny = np.finfo(np.float64).tiny
        real = self.real_density * np.log(np.maximum(discriminator, tiny))
        fake = self.fake_density * np.log(np.maximum(1.0 - discriminator, tiny))
        return float((real + fake).sum() * (self.points[1] - self.points[0]))


def learn_discriminator(
    smoothing: float = 0.0, steps: int = 600, batch_size: int = 512, seed: int = 0
) -> LearnedDiscriminator:
    """Trains D between two known Gaussians and compares it with what proposition 1 says.

    Args:
        smoothing: s, one-sided (Salimans et al. 2016, section 3.4).
        steps, batch_size, seed: of the training.

    Returns:
        A `LearnedDiscriminator`.
    """
    random.seed(seed)  # Keras draws the seeds of initial weights from it
    network = mlp_discriminator((1,), hidden=16, pieces=3, dropout=0.0, seed=seed)
    model = Discriminator(network, 2e-2, steps, smoothing)
    model.learn(_drawer(DATA), _drawer(MODEL), steps, batch_size, seed)
    points = np.linspace(-4.0, 4.0, 321)
    real, fake = DATA.density(points[:, None]), MODEL.density(points[:, None])
    learned = 1.0 / (1.0 + np.exp(-model.rate(points[:, None])))
    optimal = optimal_discriminator(real, fake, smoothing)
    return LearnedDiscriminator(points, real, fake, optimal, learned)


def _drawer(mixture: Mixture) -> Draw:
    return lambda count, rng: mixture.sample(count, rng)[0]


def small_gan(steps: int, seed: int, latent_dim: int = 4) -> GAN:
    """The zoo's GAN for points of the line, compiled, with rates that fall to 0 in so many steps.

    The discriminator's rate is the higher one.
    """
    random.seed(seed)
    model = GAN(
        image_shape=(1,),
        seed=seed,
        latent_dim=latent_dim,
        generator_hidden=16,
        discriminator_hidden=16,
        maxout_pieces=3,
        dropout=0.0,
    )
    rates = {"generator": 2e-3, "discriminator": 1e-2}
    model.compile(
        {
            name: keras.optimizers.Adam(
                keras.optimizers.schedules.CosineDecay(rate, steps), beta_1=0.0
            )
            for name, rate in rates.items()
        }
    )
    return model


def play(
    model: GAN, steps: int, epochs: int, batch_size: int, rng: np.random.Generator
) -> np.ndarray:
    """Trains a GAN on `DATA` for so many epochs of so many steps, on batches that `rng` draws.

    Returns:
        The discriminator's loss, (epochs,), the mean over each.
    """

    def stream() -> Iterator[tuple[np.ndarray]]:
        while True:
            yield (DATA.sample(batch_size, rng)[0],)

    # Not the model's own fit, which would look at the first batch and so use it up.
    history = keras.Model.fit(
        model,
        backend.fit_data(stream(), steps),
        epochs=epochs,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=0,
    )
    return np.array(history.history["discriminator_loss"])


class PlayedGame(NamedTuple):
    """A GAN trained to its equilibrium on the toy dataset "gaussian"."""

    steps: np.ndarray  # (n,), at which the values were taken
    values: np.ndarray  # (n,), of the game: minus the discriminator's loss, mean since the last
    generated: np.ndarray  # (10,000, 1)
    real: np.ndarray  # (10,000, 1)
    discriminator: Callable[[np.ndarray], np.ndarray]  # function of points (n, 1) to D (n,)


def play_game(
    steps: int = 600, batch_size: int = 256, seed: int = 0, every: int = 20
) -> PlayedGame:
    """Trains the zoo's GAN on a Gaussian, see `small_gan`.

    That the value is near -log 4 alone says little, a D that knows nothing has it at once: what
    tells is that it comes back there while D learns, and that the generated points have the data's
    mean and width.

    Args:
        steps, batch_size, seed: of the training.
        every: steps between two values.

    Returns:
        A `PlayedGame`.
    """
    model = small_gan(steps, seed)
    losses = play(model, every, steps // every, batch_size, np.random.default_rng(seed))
    count = 10_000
    return PlayedGame(
        every * np.arange(1, steps // every + 1),
        -losses,
        ops.convert_to_numpy(model.sample(model.sample_inputs(count, seed=seed))),
        DATA.sample(count, np.random.default_rng(seed))[0],
        judgement(model),
    )
