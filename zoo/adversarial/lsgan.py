"""The least-squares GAN of Mao et al. (2017), https://arxiv.org/abs/1611.04076.

Faithful: both players minimise squared distances from targets, a for generated and b for real data
in the discriminator, c in the generator; the paper's two choices (0, 1, 1) and (-1, 1, 0), the
latter minimising a Pearson chi-squared divergence; Adam with beta_1 0.5.
Different: the networks are those of `dcgan` at the image's own size instead of the paper's 112x112;
for conditional training the label is an extra channel, not the paper's one-hot vector through a
linear map. Both sides carry the paper's factor 1/2.
"""

from typing import Literal

import keras
from keras import ops

from zoo.adversarial.base import BEST, DEFAULT, QUICK
from zoo.adversarial.networks import DENSE, ChosenNetworks
from zoo.backend import Batch
from zoo.core.model import Tensor
from zoo.networks.players import players
from zoo.objectives.losses import least_squares_loss
from zoo.registry import register

TARGETS = {"binary": (0.0, 1.0, 1.0), "pearson": (-1.0, 1.0, 0.0)}  # (a, b, c)


@register(
    "lsgan",
    paper="Mao et al. 2017, Least Squares Generative Adversarial Networks, arXiv:1611.04076",
    presets={
        "quick": {**QUICK, **DENSE},
        "default": {**DEFAULT, **DENSE},
        "best": {**BEST, **DENSE},
        "paper": {"steps": 100_000, "width": 64, "latent_dim": 1024, "learning_rate": 1e-3},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class LSGAN(ChosenNetworks):
    """Least-squares GAN.

    Args:
        image_shape, num_classes, seed and others: see `ChosenNetworks`. `label_smoothing` s
            moves the target of real data from b to b - s, `fake_label_smoothing` that of generated
            data from a to a plus it.
        targets: "binary" for (a, b, c) = (0, 1, 1), "pearson" for (-1, 1, 0).
    """

    unsupported = {"objective": "its losses are squared distances from targets"}
    judges_probability = False
    targets: Literal["binary", "pearson"] = "binary"

    def build_networks(self) -> None:
        self.fake_target, self.real_target, self.generator_target = TARGETS[self.targets]
        self.track("discriminator_loss", "generator_loss", "real_accuracy", "fake_accuracy")
        self.set_networks(**players(self))

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        middle = (self.fake_target + self.real_target) / 2

        for part in self.parts(batch):
            fakes = ops.stop_gradient(self.fakes_for(part))

            def discriminator_objective(part: Batch = part, fakes: Tensor = fakes) -> Tensor:
                real = self.discriminate(part.images, part.labels)
                fake = self.discriminate(fakes, part.labels)
                self.record_accuracy(real, fake, threshold=middle)
                real_loss = least_squares_loss(real, self.real_target - self.label_smoothing)
                fake_loss = least_squares_loss(fake, self.fake_target + self.fake_label_smoothing)
                return real_loss + fake_loss + self.penalty_at(part)

            self.record(discriminator_loss=self.minimize(discriminator_objective, "discriminator"))

        def generator_objective() -> Tensor:
            return self.generator_loss(
                part, lambda outputs: least_squares_loss(outputs, self.generator_target)
            )

        self.record(generator_loss=self.minimize(generator_objective, "generator"))
        return self.get_metrics_result()
