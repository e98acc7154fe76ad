"""The generative adversarial network of Goodfellow et al. (2014), https://arxiv.org/abs/1406.2661.

Faithful: two fully connected networks with two hidden layers each, rectifiers in the generator,
maxout with dropout in the discriminator; k discriminator steps per generator step; the minimax
loss and the non-saturating one that the paper trains with. The `paper` preset takes the sizes, the
learning rate and the momentum SGD of the authors' MNIST configuration.
Different: images in [-1, 1] with tanh instead of [0, 1] with sigmoid; the prior is a standard
normal instead of uniform; the authors' initial weights, dropout of the discriminator's inputs,
learning-rate decay and momentum ramp are left out. The `paper` preset does not train here: on MNIST
its losses stop being finite at step 40 (in one try from the authors' range of initial weights, at
step 62). The `default` preset trains with Adam, in larger batches, and in place of dropout it has
the R1 penalty: docs/which-model.md says what that is worth. Momentum SGD trains too, at a rate of
its own: in benchmarks/study, `gan_optimizer`, it draws all ten digits at 0.03, Adam better ones at
0.001; at 0.001 and below it draws one blot.
"""

import functools

import keras
from keras import ops

from zoo.adversarial.base import DEFAULT, NO_BATCH_NORM, QUICK, AdversarialModel
from zoo.backend import Batch
from zoo.core.model import Tensor
from zoo.hyperparameters import Fraction, PositiveInt
from zoo.networks.mlp import Activation, mlp_discriminator, mlp_generator
from zoo.registry import register


@register(
    "gan",
    paper="Goodfellow et al. 2014, Generative Adversarial Nets, arXiv:1406.2661",
    presets={
        "quick": {**QUICK, "steps": 4_000},
        "default": {**DEFAULT, "steps": 30_000, "batch_size": 256, "dropout": 0.0, "r1": 10.0},
        "paper": {
            "steps": 120_000,
            "batch_size": 100,
            "latent_dim": 100,
            "generator_hidden": 1200,
            "optimizer_name": "sgd",
            "learning_rate": 0.1,
            "beta_1": 0.7,
        },
    },
)
@keras.saving.register_keras_serializable("genzoo")
class GAN(AdversarialModel):
    """Fully connected GAN, of images or points.

    Args:
        image_shape, num_classes, seed and others: see `AdversarialModel`.
        generator_hidden: units of each of the generator's hidden layers.
        discriminator_hidden: units of each of the discriminator's hidden layers.
        maxout_pieces: linear pieces behind a maxout unit.
        dropout: rate on the discriminator's hidden layers.
        depth: hidden layers of each network.
        activation: of the discriminator's hidden layers, "maxout" or "relu".
    """

    unsupported = {
        **NO_BATCH_NORM,
        "label_input": "its fully connected discriminator takes the label as a vector",
    }

    generator_hidden: PositiveInt = 512
    discriminator_hidden: PositiveInt = 240
    maxout_pieces: PositiveInt = 5
    dropout: Fraction = 0.5
    depth: PositiveInt = 2
    activation: Activation = "maxout"

    def build_networks(self) -> None:
        self.track("discriminator_loss", "generator_loss", "real_accuracy", "fake_accuracy")
        self.set_networks(
            generator=mlp_generator(
                self.image_shape,
                self.latent_dim,
                self.generator_hidden,
                self.label_classes,
                self.depth,
            ),
            discriminator=mlp_discriminator(
                self.image_shape,
                self.discriminator_hidden,
                self.maxout_pieces,
                self.dropout,
                self.seed,
                self.label_classes,
                self.minibatch_discrimination,
                self.depth,
                self.activation,
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
