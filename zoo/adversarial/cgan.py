"""The conditional GAN of Mirza and Osindero (2014), https://arxiv.org/abs/1411.1784.

Faithful: generator and discriminator both receive the class label beside their input and play the
original game.
Different: the networks are convolutional (those of `dcgan`), not maxout layers; the label is not a
one-hot vector but an embedding, which a dense layer maps to one extra channel, of the base in the
generator and of the image in the discriminator; Adam instead of SGD with momentum. `paper` keeps
the paper's batch of 100 and 100 noise dimensions.
"""

import keras
from keras import ops

from zoo.losses import discriminator_loss, non_saturating_loss
from zoo.networks.dcgan import dcgan_discriminator, dcgan_generator
from zoo.registry import register
from zoo.training.adversarial import AdversarialModel
from zoo.training.model import check_fraction, check_positive


@register(
    "cgan",
    paper="Mirza and Osindero 2014, Conditional Generative Adversarial Nets, arXiv:1411.1784",
    presets={
        "quick": {"steps": 2_000, "width": 32},
        "paper": {"steps": 60_000, "batch_size": 100, "latent_dim": 100},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class CGAN(AdversarialModel):
    """Conditional deep convolutional GAN.

    Args:
        image_shape, num_classes, seed: see `GenerativeModel`.
        latent_dim: length of `z`.
        width: filters of the layer next to the image, doubled at each halving.
        learning_rate, beta_1: of both players' Adam.
        ema: decay of the generator's moving average, 0 for none.
    """

    conditional = True

    def __init__(
        self,
        image_shape,
        num_classes,
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
        self.generator = dcgan_generator(image_shape, latent_dim, width, num_classes)
        self.discriminator = dcgan_discriminator(image_shape, width, num_classes)
        self.keep_average("generator", ema)

    def train_step(self, batch):
        images, labels = batch
        count = ops.shape(images)[0]
        fakes = self.generator({"z": self.sample_prior(count), "label": labels}, training=True)
        fakes = ops.stop_gradient(fakes)

        def judge(images):
            return self.discriminator({"image": images, "label": labels}, training=True)

        def discriminate():
            real_logits, fake_logits = judge(images), judge(fakes)
            self.record_accuracy(real_logits, fake_logits)
            return discriminator_loss(real_logits, fake_logits)

        def deceive():
            inputs = {"z": self.sample_prior(count), "label": labels}
            return non_saturating_loss(judge(self.generator(inputs, training=True)))

        self.record(discriminator_loss=self.minimize(discriminate, "discriminator"))
        self.record(generator_loss=self.minimize(deceive, "generator"))
        return self.get_metrics_result()
