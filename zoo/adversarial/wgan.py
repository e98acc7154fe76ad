"""The Wasserstein GAN of Arjovsky, Chintala and Bottou (2017), https://arxiv.org/abs/1701.07875.

Faithful: a critic without sigmoid whose every weight is clipped to [-c, c] after each of its
`n_critic` steps, each on a batch of its own; RMSprop at 5e-5 with decay 0.99 in both players (the
authors' framework's), c = 0.01; batch norm in the critic.
Different: `default` clips at 0.1, steps at 5e-4 and takes one critic step, with which garments
appear in minutes on two cores; later comparisons found clips above 0.01 and one step better too.
`paper` has the paper's numbers. The initial weights are clipped too.
`critic_head_start=100` is what the authors' code does besides (see `critics.py`).
"""

from typing import Literal

import keras
from keras import ops

from zoo.adversarial.base import BEST, DEFAULT, QUICK
from zoo.adversarial.critics import DENSE, CriticGame
from zoo.backend import Batch
from zoo.core.model import Tensor
from zoo.hyperparameters import PositiveFloat
from zoo.networks.players import players
from zoo.objectives.losses import wasserstein_loss
from zoo.registry import register

OWN = {"clip": 0.1, "learning_rate": 5e-4, "n_critic": 1}


@register(
    "wgan",
    paper="Arjovsky et al. 2017, Wasserstein GAN, arXiv:1701.07875",
    presets={
        "quick": {**QUICK, **DENSE, **OWN, "ema": 0.99},
        "default": {**DEFAULT, **DENSE, **OWN},
        "best": {**BEST, **DENSE, **OWN},
        "paper": {"steps": 200_000, "width": 64, "latent_dim": 100},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class WGAN(CriticGame):
    """Wasserstein GAN with weight clipping.

    Args:
        image_shape, num_classes, seed and others: see `CriticGame`; the paper found
            training unstable with momentum, and with Adam for it.
        clip: c, the largest absolute value of a critic weight.
        critic_norm: norm in the convolutional critic. With batch norm the score of an example
            depends on its batch, but without it `default` draws worse.
    """

    learning_rate: PositiveFloat = 5e-5
    optimizer_name: Literal["adam", "rmsprop", "sgd"] = "rmsprop"
    clip: PositiveFloat = 0.01
    critic_norm: Literal["none", "layer", "batch"] = "batch"

    def build_networks(self) -> None:
        self.track("critic_loss", "generator_loss")
        self.set_networks(**players(self))
        self.clip_critic()

    def clip_critic(self) -> None:
        """Puts every critic weight into [-clip, clip]."""
        limit = ops.ones(()) * self.clip  # Keras would copy a number to the device for each weight
        for weight in self.critic.trainable_variables:
            weight.assign(ops.clip(weight, -limit, limit))

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        for part in self.parts(batch):
            fakes = ops.stop_gradient(self.fakes_for(part))

            def critic_objective(part: Batch = part, fakes: Tensor = fakes) -> Tensor:
                real_scores = self.discriminate(part.images, part.labels)
                return wasserstein_loss(real_scores, self.discriminate(fakes, part.labels))

            self.record(critic_loss=self.minimize(critic_objective, "critic"))
            self.clip_critic()

        def generator_objective() -> Tensor:
            return -ops.mean(self.discriminate(self.fakes_for(part), part.labels))

        self.record(generator_loss=self.minimize(generator_objective, "generator"))
        return self.get_metrics_result()
