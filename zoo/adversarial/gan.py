"""The generative adversarial network of Goodfellow et al. (2014), https://arxiv.org/abs/1406.2661.

Faithful: two fully connected networks with two hidden layers each, rectifiers in the generator,
maxout with dropout in the discriminator; k discriminator steps per generator step; the minimax
loss and the non-saturating one that the paper trains with. The `paper` preset takes the sizes and
the momentum SGD of the authors' MNIST configuration.
Different: images in [-1, 1] with tanh instead of [0, 1] with sigmoid; the prior is a standard
normal instead of uniform; the authors' learning-rate decay and momentum ramp are left out. The
`default` preset trains with Adam, which does not collapse as momentum SGD does.
"""

from typing import Literal

import keras
from keras import ops

from zoo.losses import discriminator_loss, minimax_loss, non_saturating_loss
from zoo.networks.mlp import mlp_discriminator, mlp_generator
from zoo.registry import register
from zoo.training.adversarial import AdversarialModel
from zoo.training.model import check_fraction, check_positive


@register(
    "gan",
    paper="Goodfellow et al. 2014, Generative Adversarial Nets, arXiv:1406.2661",
    presets={
        "quick": {"steps": 4_000},
        "default": {"steps": 40_000},
        "paper": {
            "steps": 120_000,
            "batch_size": 100,
            "latent_dim": 100,
            "generator_hidden": 1200,
            "optimizer": "sgd",
            "learning_rate": 0.1,
            "beta_1": 0.7,
        },
    },
)
@keras.saving.register_keras_serializable("genzoo")
class GAN(AdversarialModel):
    """Fully connected GAN.

    Args:
        image_shape, num_classes, seed: see `GenerativeModel`; labels are ignored.
        latent_dim: length of `z`.
        generator_hidden: units of each of the generator's two hidden layers.
        discriminator_hidden: maxout units of each of the discriminator's two hidden layers.
        maxout_pieces: linear pieces behind a maxout unit.
        dropout: rate on the discriminator's hidden layers.
        loss: the generator's loss.
        discriminator_steps: k, discriminator steps per generator step.
        optimizer: "adam", or "sgd" with momentum.
        learning_rate: of both players.
        beta_1: Adam's beta_1, or SGD's momentum.
        ema: decay of the generator's moving average, 0 for none.
    """

    def __init__(
        self,
        image_shape,
        num_classes=0,
        seed=0,
        latent_dim: int = 64,
        generator_hidden: int = 512,
        discriminator_hidden: int = 240,
        maxout_pieces: int = 5,
        dropout: float = 0.5,
        loss: Literal["non_saturating", "minimax"] = "non_saturating",
        discriminator_steps: int = 1,
        optimizer: Literal["adam", "sgd"] = "adam",
        learning_rate: float = 2e-4,
        beta_1: float = 0.5,
        ema: float = 0.0,
    ):
        check_positive(
            latent_dim=latent_dim,
            generator_hidden=generator_hidden,
            discriminator_hidden=discriminator_hidden,
            maxout_pieces=maxout_pieces,
            discriminator_steps=discriminator_steps,
            learning_rate=learning_rate,
        )
        check_fraction(dropout=dropout, beta_1=beta_1, ema=ema)
        super().__init__(image_shape, latent_dim, num_classes, seed, learning_rate, beta_1)
        self.generator = mlp_generator(image_shape, latent_dim, generator_hidden)
        self.discriminator = mlp_discriminator(
            image_shape, discriminator_hidden, maxout_pieces, dropout, seed
        )
        self.generator_loss = {
            "non_saturating": non_saturating_loss,
            "minimax": minimax_loss,
        }[loss]
        self.discriminator_steps = discriminator_steps
        self.optimizer_name = optimizer
        self.keep_average("generator", ema)

    def default_optimizers(self):
        if self.optimizer_name == "adam":
            return super().default_optimizers()
        return {
            player: keras.optimizers.SGD(self.learning_rate, momentum=self.beta_1)
            for player in self.players
        }

    def train_step(self, batch):
        count = ops.shape(batch.images)[0]
        for _ in range(self.discriminator_steps):
            fakes = self.generator({"z": self.sample_prior(count)}, training=True)
            fakes = ops.stop_gradient(fakes)

            def discriminate(fakes=fakes):
                real_logits = self.discriminator({"image": batch.images}, training=True)
                fake_logits = self.discriminator({"image": fakes}, training=True)
                self.record_accuracy(real_logits, fake_logits)
                return discriminator_loss(real_logits, fake_logits)

            self.record(discriminator_loss=self.minimize(discriminate, "discriminator"))

        def deceive():
            images = self.generator({"z": self.sample_prior(count)}, training=True)
            return self.generator_loss(self.discriminator({"image": images}, training=True))

        self.record(generator_loss=self.minimize(deceive, "generator"))
        return self.get_metrics_result()
