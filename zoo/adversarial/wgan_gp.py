"""The Wasserstein GAN with gradient penalty of Gulrajani et al. (2017), https://arxiv.org/abs/1704.00028.

Faithful: the critic's loss gains lambda (||grad f|| - 1)^2 at points drawn uniformly between a real
and a generated example, one share per example; lambda 10; `n_critic` 5, each step on a batch of its
own; Adam at 1e-4 with beta_1 0 and beta_2 0.9; no batch norm in the critic, `critic_norm=layer`
for the layer norm that the paper recommends instead (written so that its second derivative is
right on every backend, see `ExampleNorm`).
Different: the networks are those of `dcgan` at the image's own size. Of the other architectures of
the paper's section 5.1, `networks=resnet` has fewer layers (see `zoo/networks/resnet.py`); the rest
are `filters=constant_generator` with `generator_norm=none`, `networks=mlp_generator` with
`depth=4`, `generator_norm=none`, `nonlinearity=gated` and `nonlinearity=tanh`. A small epsilon
keeps the norm's gradient finite at 0.
"""

import functools
from typing import Literal

import keras
from keras import ops

from zoo.adversarial.base import BEST, DEFAULT, QUICK
from zoo.adversarial.critics import DENSE, CriticGame
from zoo.backend import Batch, noise
from zoo.core.model import Tensor
from zoo.hyperparameters import Fraction, PositiveFloat
from zoo.networks.players import players
from zoo.objectives.losses import gradient_penalty, wasserstein_loss
from zoo.registry import register


@register(
    "wgan_gp",
    paper="Gulrajani et al. 2017, Improved Training of Wasserstein GANs, arXiv:1704.00028",
    presets={
        "quick": {**QUICK, **DENSE, "n_critic": 1},
        "default": {**DEFAULT, **DENSE, "n_critic": 1},
        "best": {**BEST, **DENSE, "n_critic": 1},
        "paper": {"steps": 200_000, "width": 64, "latent_dim": 128},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class WGANGP(CriticGame):
    """Wasserstein GAN with gradient penalty.

    Args:
        image_shape, num_classes, seed and others: see `CriticGame`.
        penalty: lambda, the weight of the gradient penalty; on points in the plane, whose distances
            are small, 0.1 learns where 10 does not.
        critic_norm: norm in the convolutional critic; batch norm has no gradient per example.
    """

    learning_rate: PositiveFloat = 1e-4
    beta_1: Fraction = 0.0
    beta_2: Fraction = 0.9
    penalty: PositiveFloat = 10.0
    critic_norm: Literal["none", "layer"] = "none"

    def build_networks(self) -> None:
        self.track("critic_loss", "generator_loss", "gradient_penalty")
        self.set_networks(**players(self))

    def critic_objective(self, part: Batch, fakes: Tensor, share: Tensor) -> Tensor:
        """The critic's loss, a scalar, with its gradient penalty, which is recorded.

        Args:
            part: real images and their labels.
            fakes: as many generated images.
            share: (batch,) in [0, 1], the real image's share of each point of the penalty.
        """
        distance = wasserstein_loss(
            self.discriminate(part.images, part.labels), self.discriminate(fakes, part.labels)
        )
        penalty = gradient_penalty(
            lambda x: self.opponent_outputs(x, part.labels),
            self.augmented(part.images),
            self.augmented(fakes),
            share,
        )
        self.record(gradient_penalty=penalty)
        return distance + self.penalty * penalty

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        for part in self.parts(batch):
            fakes = ops.stop_gradient(self.fakes_for(part))
            share = noise.uniform((ops.shape(part.images)[0],), seed=self.noise_seed)
            objective = functools.partial(self.critic_objective, part, fakes, share)
            self.record(critic_loss=self.minimize(objective, "critic"))

        def generator_objective() -> Tensor:
            return -ops.mean(self.discriminate(self.fakes_for(part), part.labels))

        self.record(generator_loss=self.minimize(generator_objective, "generator"))
        return self.get_metrics_result()
