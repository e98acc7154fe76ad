"""The deep convolutional GAN of Radford, Metz and Chintala (2016), https://arxiv.org/abs/1511.06434.

Faithful: strided convolutions and fractionally strided ones, no pooling and no hidden dense
layers, batch norm everywhere except at the generator's output and the discriminator's input, ReLU
and tanh in the generator, LeakyReLU(0.2) in the discriminator, weights from N(0, 0.02), Adam at
2e-4 with beta_1 0.5.
Different: the depth follows the image size and kernels are 4x4 (see `zoo/networks/dcgan.py`);
`width` is 64 by default, the paper's 128 in the `paper` preset; the prior is a standard normal.
"""

import keras
from keras import ops

from zoo.losses import discriminator_loss, non_saturating_loss
from zoo.networks.dcgan import dcgan_discriminator, dcgan_generator
from zoo.registry import register
from zoo.training.adversarial import AdversarialModel
from zoo.training.model import check_fraction, check_positive


@register(
    "dcgan",
    paper="Radford et al. 2016, Unsupervised Representation Learning with Deep Convolutional "
    "Generative Adversarial Networks, arXiv:1511.06434",
    presets={
        "quick": {"steps": 2_000, "width": 32},
        "paper": {"steps": 50_000, "batch_size": 128, "width": 128, "latent_dim": 100},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class DCGAN(AdversarialModel):
    """Deep convolutional GAN.

    Args:
        image_shape, num_classes, seed: see `GenerativeModel`; labels are ignored.
        latent_dim: length of `z`.
        width: filters of the layer next to the image, doubled at each halving.
        learning_rate, beta_1: of both players' Adam.
        ema: decay of the generator's moving average, 0 for none.
    """

    def __init__(
        self,
        image_shape,
        num_classes=0,
        seed=0,
        latent_dim: int = 64,
        width: int = 64,
        learning_rate: float = 2e-4,
        beta_1: float = 0.5,
        ema: float = 0.0,
    ):
        check_positive(latent_dim=latent_dim, width=width, learning_rate=learning_rate)
        check_fraction(beta_1=beta_1, ema=ema)
        super().__init__(image_shape, latent_dim, num_classes, seed, learning_rate, beta_1)
        self.generator = dcgan_generator(image_shape, latent_dim, width)
        self.discriminator = dcgan_discriminator(image_shape, width)
        self.keep_average("generator", ema)

    def train_step(self, batch):
        count = ops.shape(batch.images)[0]
        fakes = self.generator({"z": self.sample_prior(count)}, training=True)
        fakes = ops.stop_gradient(fakes)

        def discriminate():
            real_logits = self.discriminator({"image": batch.images}, training=True)
            fake_logits = self.discriminator({"image": fakes}, training=True)
            self.record_accuracy(real_logits, fake_logits)
            return discriminator_loss(real_logits, fake_logits)

        def deceive():
            images = self.generator({"z": self.sample_prior(count)}, training=True)
            return non_saturating_loss(self.discriminator({"image": images}, training=True))

        self.record(discriminator_loss=self.minimize(discriminate, "discriminator"))
        self.record(generator_loss=self.minimize(deceive, "generator"))
        return self.get_metrics_result()
