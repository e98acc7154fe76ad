"""The conditional GAN of Mirza and Osindero (2014), https://arxiv.org/abs/1411.1784.

Faithful: generator and discriminator both receive the class label beside their input and play the
original game. `networks=mlp` is the paper's network for MNIST (section 4.1): the generator has
ReLU layers of 200 units for the noise and 1,000 for the one-hot label, joined by one of 1,200; the
discriminator has maxout layers of 240 units of 5 pieces for the image and 50 of 5 for the label,
joined by 240 of 4; dropout of 0.5 on the hidden layers of both. The `paper` preset trains it as the
paper does, by SGD with momentum at a rate of 0.1, in batches of 100 with 100 noise dimensions.
Different: images in [-1, 1] with tanh instead of [0, 1] with sigmoid; the prior is a standard
normal instead of uniform; the generator's loss is the non-saturating one. In `paper` the rate and
the momentum, 0.5, are constant: the decay by 1.00004 a step and the ramp from 0.5 to 0.7 are left
out, and the number of steps is chosen here. Otherwise the networks are convolutional (those of
`dcgan`) and trained with Adam. Their label is a one-hot vector beside the noise where the generator
has a hidden layer (`generator_dense`, as in the presets), and else one more channel of its base;
the discriminator has it by projection in the presets, and else as one more channel of the image
(`label_input`).
"""

import functools
from typing import Literal

import keras
from keras import ops

from zoo.adversarial.base import BEST, DEFAULT, QUICK
from zoo.adversarial.networks import DENSE, ChosenNetworks
from zoo.backend import Batch
from zoo.core.model import Tensor
from zoo.errors import RequestError
from zoo.hyperparameters import Fraction, PositiveInt
from zoo.networks.mlp import Activation, conditional_discriminator, conditional_generator
from zoo.networks.players import players
from zoo.registry import register


@register(
    "cgan",
    paper="Mirza and Osindero 2014, Conditional Generative Adversarial Nets, arXiv:1411.1784",
    presets={
        "quick": {**QUICK, **DENSE, "label_input": "projection"},
        "default": {**DEFAULT, **DENSE, "label_input": "projection"},
        "best": {**BEST, **DENSE, "label_input": "projection"},
        "paper": {
            "steps": 60_000,
            "batch_size": 100,
            "latent_dim": 100,
            "networks": "mlp",
            "optimizer_name": "sgd",
            "learning_rate": 0.1,
            "beta_1": 0.5,
        },
    },
)
@keras.saving.register_keras_serializable("genzoo")
class CGAN(ChosenNetworks):
    """Conditional GAN, convolutional or fully connected.

    Args:
        image_shape, num_classes, seed and others: see `ChosenNetworks`; always `conditional`.
        networks: "dcgan", or "mlp" for the paper's, which also take points.
        generator_hidden: units of the generator's joint hidden layer; a sixth as many see the
            noise and five sixths the label ("mlp").
        discriminator_hidden: units for the image, and of the joint hidden layer ("mlp").
        dropout: rate on the hidden layers of both networks ("mlp").
        depth: joint hidden layers of each network ("mlp").
        activation: of the discriminator's hidden layers, "maxout" or "relu" ("mlp").
    """

    unsupported = {"hidden": "it has generator_hidden and discriminator_hidden"}

    networks: Literal["dcgan", "mlp"] = "dcgan"
    generator_hidden: PositiveInt = 1200
    discriminator_hidden: PositiveInt = 240
    dropout: Fraction = 0.5
    depth: PositiveInt = 1
    activation: Activation = "maxout"
    conditional: bool = True

    def validate(self) -> None:
        if not self.conditional:
            raise RequestError("cgan is always conditional. Received: conditional=False")
        super().validate()

    def build_networks(self) -> None:
        self.track("discriminator_loss", "generator_loss", "real_accuracy", "fake_accuracy")
        if self.networks == "dcgan":
            self.set_networks(**players(self))
            return
        self.set_networks(
            generator=conditional_generator(
                self.image_shape,
                self.latent_dim,
                self.generator_hidden,
                self.dropout,
                self.seed,
                self.num_classes,
                self.depth,
            ),
            discriminator=conditional_discriminator(
                self.image_shape,
                self.discriminator_hidden,
                self.dropout,
                self.seed,
                self.num_classes,
                self.minibatch_discrimination,
                self.depth,
                self.activation,
                self.label_input,
            ),
        )

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        for part in self.parts(batch):
            fakes = ops.stop_gradient(self.fakes_for(part))
            objective = functools.partial(self.discriminator_objective, part, fakes)
            self.record(discriminator_loss=self.minimize(objective, "discriminator"))

        loss = self.minimize(lambda: self.generator_loss(part, self.fooling_loss), "generator")
        self.record(generator_loss=loss)
        return self.get_metrics_result()
