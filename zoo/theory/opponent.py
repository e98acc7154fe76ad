"""The inner problem of a game: one network that learns against samples which do not change."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo import backend
from zoo.objectives.losses import discriminator_loss, gradient_penalty, wasserstein_loss

Tensor = Any
# Draws points (count, d) with a numpy generator.
Draw = Callable[[int, np.random.Generator], np.ndarray]


class Opponent(keras.Model):
    """A discriminator or a critic that learns against a fixed generator.

    `fit` takes pairs (batch, 2, d): a real example and a generated one.

    Args:
        network: model of {"image": (batch, d)} to (batch, 1).
        learning_rate: of Adam, at first; it falls to 0 along a cosine, so that the noise of the
            minibatches does not stay in the answer.
        steps: that the training will take.
    """

    def __init__(self, network: keras.Model, learning_rate: float, steps: int) -> None:
        super().__init__()
        self.network = network
        self.mean_loss = keras.metrics.Mean(name="loss")
        rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
        self.compile(optimizer=keras.optimizers.Adam(rate, beta_1=0.5))
        self.optimizer.build(network.trainable_variables)
        self.built = True

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self.mean_loss]

    def call(self, points: Tensor, training: bool = False) -> Tensor:
        """Logits or scores (batch, 1) of points (batch, d)."""
        return self.network({"image": points}, training=training)

    def objective(self, real: Tensor, fake: Tensor) -> Tensor:
        """What is minimised: a scalar, of points (batch, d) each."""
        raise NotImplementedError

    def constrain(self) -> None:
        """Puts the weights where they are allowed to be, after each step; here everywhere."""

    def train_step(self, batch: backend.Batch) -> dict[str, Tensor]:
        real, fake = ops.unstack(batch.images, 2, axis=1)
        weights = self.network.trainable_variables
        loss = backend.minimize(lambda: self.objective(real, fake), weights, self.optimizer)
        self.constrain()
        self.mean_loss.update_state(loss)
        return self.get_metrics_result()

    train_step = backend.adapt_step(train_step, "train_step")

    def learn(
        self, draw_real: Draw, draw_fake: Draw, steps: int, batch_size: int, seed: int
    ) -> "Opponent":
        """Trains on fresh pairs in every step, and returns itself.

        Args:
            draw_real, draw_fake: functions of (count, numpy generator) to points (count, d).
            steps, batch_size, seed: of the training.
        """

        def stream() -> Iterator[tuple[np.ndarray]]:
            rng = np.random.default_rng(seed)
            while True:
                pairs = np.stack([draw(batch_size, rng) for draw in (draw_real, draw_fake)], axis=1)
                yield (pairs.astype("float32"),)

        pairs = backend.fit_data(stream(), steps)
        self.fit(pairs, steps_per_epoch=steps, shuffle=False, verbose=0)
        return self

    def rate(self, points: np.ndarray) -> np.ndarray:
        """Logits or scores as numpy (n,), of numpy points (n, d)."""
        return ops.convert_to_numpy(self(ops.convert_to_tensor(points, "float32")))[:, 0]


class Discriminator(Opponent):
    """An `Opponent` with the loss of Goodfellow et al. (2014)."""

    def __init__(
        self, network: keras.Model, learning_rate: float, steps: int, smoothing: float = 0.0
    ) -> None:
        super().__init__(network, learning_rate, steps)
        self.smoothing = smoothing

    def objective(self, real: Tensor, fake: Tensor) -> Tensor:
        return discriminator_loss(self(real), self(fake), self.smoothing)


class Critic(Opponent):
    """An `Opponent` with the loss of Gulrajani et al. (2017)."""

    def __init__(
        self, network: keras.Model, learning_rate: float, steps: int, penalty: float, seed: int
    ) -> None:
        super().__init__(network, learning_rate, steps)
        self.penalty = penalty
        self.alpha_seed = keras.random.SeedGenerator(seed)

    def objective(self, real: Tensor, fake: Tensor) -> Tensor:
        alpha = keras.random.uniform((ops.shape(real)[0],), seed=self.alpha_seed)
        penalty = gradient_penalty(self, real, fake, alpha)
        return wasserstein_loss(self(real), self(fake)) + self.penalty * penalty


class ClippedCritic(Opponent):
    """An `Opponent` with the loss of Arjovsky et al. (2017), its weights in [-clip, clip]."""

    def __init__(self, network: keras.Model, learning_rate: float, steps: int, clip: float) -> None:
        super().__init__(network, learning_rate, steps)
        self.clip = clip

    def objective(self, real: Tensor, fake: Tensor) -> Tensor:
        return wasserstein_loss(self(real), self(fake))

    def constrain(self) -> None:
        for weight in self.network.trainable_variables:
            weight.assign(ops.clip(weight, -self.clip, self.clip))
