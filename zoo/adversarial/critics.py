"""What the games with a critic share: how many steps it takes for each of the generator's.

With `critic_head_start` it takes more at the beginning and now and then later, so that the
generator has a good critic to learn from. The code of the authors of the Wasserstein GAN
(https://github.com/martinarjovsky/WassersteinGAN) takes 100 steps before each of the generator's
first 25, and before every 500th. Here a step of `fit` is compiled for `n_critic` batches, and the
generator waits in as many such steps as the head start needs.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.adversarial.base import NO_DISCRIMINATOR
from zoo.adversarial.networks import ChosenNetworks
from zoo.core.model import Tensor
from zoo.errors import RequestError
from zoo.hyperparameters import NonNegativeInt, PositiveInt

DENSE = {"generator_dense": 64, "critic_dense": 256}  # of the presets, see `networks.py`
FIRST, EVERY = 25, 500  # the generator's steps before which the critic has its head start


class CriticGame(ChosenNetworks):
    """An `AdversarialModel` whose opponent rates images without bound.

    Args:
        image_shape, num_classes, seed and others: see `ChosenNetworks`.
        n_critic: critic steps per generator step: `fit` takes batches of n_critic times the size.
        critic_head_start: critic steps before each of the generator's first 25 steps and before
            every 500th, rounded up to a multiple of n_critic; 0 for n_critic there too. A step in
            which the generator waits counts as a step of the training.
        critic_dense: see `discriminator_dense`, of the critic.
    """

    unsupported = {
        **NO_DISCRIMINATOR,
        "discriminator_norm": "its critic has critic_norm",
        "discriminator_dense": "its critic has critic_dense",
    }
    batches_per_step = "n_critic"
    opponent = "critic"
    judges_probability = False

    n_critic: PositiveInt = 5
    critic_head_start: NonNegativeInt = 0
    critic_dense: NonNegativeInt = 0

    def validate(self) -> None:
        super().validate()
        if 0 < self.critic_head_start <= self.n_critic:
            raise RequestError(
                "critic_head_start must be above n_critic, or 0 for none. "
                f"Received: {self.critic_head_start} with n_critic={self.n_critic}"
            )

    def set_networks(self, **networks: keras.Model) -> None:
        super().set_networks(**networks)
        if self.critic_head_start:
            none = np.array(0, "int32")
            self.waited = keras.Variable(none, trainable=False, dtype="int32", name="waited")

    def may_wait(self, name: str) -> bool:
        return bool(self.critic_head_start) and name == self.drawing_network

    def waits(self, name: str) -> Tensor:
        taken: Any = self.optimizer[name].iterations - 1  # without the step that may be undone
        early = ops.logical_or(taken < FIRST, taken % EVERY == 0)
        needed = -(-self.critic_head_start // self.n_critic)
        waits = ops.logical_and(early, self.waited + 1 < needed)
        self.waited.assign(ops.cast(waits, "int32") * (self.waited + 1))
        return waits
