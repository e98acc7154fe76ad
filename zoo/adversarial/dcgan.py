"""The deep convolutional GAN of Radford, Metz and Chintala (2016), https://arxiv.org/abs/1511.06434.

Faithful: strided convolutions and fractionally strided ones, no pooling and no hidden dense
layers, batch norm everywhere except at the generator's output and the discriminator's input, ReLU
and tanh in the generator, LeakyReLU(0.2) in the discriminator, weights from N(0, 0.02), Adam at
2e-4 with beta_1 0.5.
Different: the depth follows the image size and kernels are 4x4 (see `zoo/networks/dcgan.py`);
`width` is 64 by default, the paper's 128 in the `paper` preset; the prior is a standard normal.
"""

import functools

import keras
from keras import ops

from zoo.adversarial.base import BEST, DEFAULT, QUICK
from zoo.adversarial.networks import DENSE, ChosenNetworks
from zoo.backend import Batch
from zoo.core.model import Tensor
from zoo.networks.players import players
from zoo.registry import register


@register(
    "dcgan",
    paper="Radford et al. 2016, Unsupervised Representation Learning with Deep Convolutional "
    "Generative Adversarial Networks, arXiv:1511.06434",
    presets={
        "quick": {**QUICK, **DENSE},
        "default": {**DEFAULT, **DENSE},
        "best": {**BEST, **DENSE},
        "paper": {"steps": 50_000, "batch_size": 128, "width": 128, "latent_dim": 100},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class DCGAN(ChosenNetworks):
    """Deep convolutional GAN.

    Args:
        image_shape, num_classes, seed and others: see `ChosenNetworks`.
    """

    def build_networks(self) -> None:
        self.track("discriminator_loss", "generator_loss", "real_accuracy", "fake_accuracy")
        self.set_networks(**players(self))

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        for part in self.parts(batch):
            fakes = ops.stop_gradient(self.fakes_for(part))
            objective = functools.partial(self.discriminator_objective, part, fakes)
            self.record(discriminator_loss=self.minimize(objective, "discriminator"))

        loss = self.minimize(lambda: self.generator_loss(part, self.fooling_loss), "generator")
        self.record(generator_loss=loss)
        return self.get_metrics_result()
