"""The conditional GAN of Mirza and Osindero (2014), https://arxiv.org/abs/1411.1784.

Faithful: generator and discriminator both receive the class label beside their input and play the
original game. With `networks=mlp` the label is a one-hot vector with a hidden layer of its own,
which meets the other input in the second one, and the discriminator is the paper's: maxout layers
of 240 and 50 units, joined by 240 (here of 5 pieces all), with dropout.
Different: by default the networks are convolutional (those of `dcgan`), and the label is an
embedding, which a dense layer maps to one extra channel, of the base in the generator and of the
image in the discriminator; Adam instead of SGD with momentum. `paper` keeps the paper's networks,
batch of 100 and 100 noise dimensions.
"""

from typing import Literal

import keras
from keras import ops

from zoo.adversarial.base import AdversarialModel
from zoo.errors import RequestError
from zoo.hyperparameters import Fraction, PositiveInt
from zoo.networks.dcgan import Upsampling, dcgan_networks
from zoo.networks.mlp import mlp_discriminator, mlp_generator, refuse_norms
from zoo.objectives.losses import discriminator_loss, non_saturating_loss
from zoo.registry import register

MAXOUT_PIECES = 5


@register(
    "cgan",
    paper="Mirza and Osindero 2014, Conditional Generative Adversarial Nets, arXiv:1411.1784",
    presets={
        "quick": {"steps": 2_000},
        "paper": {
            "steps": 60_000,
            "batch_size": 100,
            "latent_dim": 100,
            "networks": "mlp",
            "generator_hidden": 1200,
        },
    },
)
@keras.saving.register_keras_serializable("genzoo")
class CGAN(AdversarialModel):
    """Conditional GAN, convolutional or fully connected.

    Args:
        image_shape, num_classes, seed and others: see `AdversarialModel`; always `conditional`.
        networks: "dcgan", or "mlp" with one-hot labels, which also takes points.
        width: filters of the layer next to the image, doubled at each halving ("dcgan").
        upsampling: fractionally strided convolutions, or resize-convolutions ("dcgan").
        generator_hidden: units of each of the generator's hidden layers ("mlp").
        discriminator_hidden: maxout units of each of the discriminator's ("mlp").
        dropout: rate on the discriminator's hidden layers ("mlp").
    """

    networks: Literal["dcgan", "mlp"] = "dcgan"
    width: PositiveInt = 32
    upsampling: Upsampling = "transposed"
    generator_hidden: PositiveInt = 512
    discriminator_hidden: PositiveInt = 240
    dropout: Fraction = 0.5
    conditional: bool = True

    def validate(self):
        super().validate()
        if not self.conditional:
            raise RequestError("cgan is always conditional. Received: conditional=False")
        if self.networks == "mlp":
            refuse_norms(virtual_batch_norm=self.virtual_batch_norm)

    def build_networks(self) -> None:
        self.track("discriminator_loss", "generator_loss", "real_accuracy", "fake_accuracy")
        if self.networks == "dcgan":
            self.set_networks(**dcgan_networks(self))
            return
        self.set_networks(
            generator=mlp_generator(
                self.image_shape, self.latent_dim, self.generator_hidden, self.num_classes
            ),
            discriminator=mlp_discriminator(
                self.image_shape,
                self.discriminator_hidden,
                MAXOUT_PIECES,
                self.dropout,
                self.seed,
                self.num_classes,
                self.minibatch_discrimination,
            ),
        )

    def train_step(self, batch):
        fakes = ops.stop_gradient(self.fakes_for(batch))

        def discriminator_objective():
            real_logits = self.discriminate(batch.images, batch.labels)
            fake_logits = self.discriminate(fakes, batch.labels)
            self.record_accuracy(real_logits, fake_logits)
            return discriminator_loss(real_logits, fake_logits, self.label_smoothing)

        def generator_objective():
            return self.generator_loss(batch, non_saturating_loss)

        self.record(discriminator_loss=self.minimize(discriminator_objective, "discriminator"))
        self.record(generator_loss=self.minimize(generator_objective, "generator"))
        return self.get_metrics_result()
