"""The energy-based GAN of Zhao, Mathieu and LeCun (2017), https://arxiv.org/abs/1609.03126.

Faithful: the discriminator is an autoencoder whose reconstruction error is the energy of an image;
it lowers the energy of real images and lifts that of generated ones up to a margin m; the generator
lowers the energy of its images, with the pulling-away term on the encoder's codes of a batch
(EBGAN-PT, weight 0.1) or without; Adam with beta_1 0.5.
Different: the energy is the mean squared error per pixel of images in [-1, 1], not the norm, so
that one margin serves every image size; the networks are those of `dcgan`, the decoder its
generator. The paper's margins (10 for MNIST) are on another scale.
"""

import keras
from keras import ops

from zoo.adversarial.base import AdversarialModel
from zoo.hyperparameters import check_not_negative, check_positive
from zoo.networks.dcgan import Upsampling, convolutions, dcgan_generator
from zoo.objectives.losses import energy_loss, pulling_away
from zoo.registry import register

ENERGY = "an energy is no probability"


@register(
    "ebgan",
    paper="Zhao et al. 2017, Energy-based Generative Adversarial Network, arXiv:1609.03126",
    presets={
        "quick": {"steps": 1_500},
        "paper": {"steps": 100_000, "width": 64, "latent_dim": 100, "learning_rate": 1e-3},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class EBGAN(AdversarialModel):
    """Energy-based GAN.

    Args:
        image_shape, num_classes, seed and others: see `AdversarialModel`.
        margin: m, the energy up to which generated images are lifted, above 0.
        pulling_away_weight: of the pulling-away term, 0 for none.
        code_dim: length of the autoencoder's code.
        width: filters of the layer next to the image, doubled at each halving.
        upsampling: fractionally strided convolutions, or resize-convolutions.
    """

    unfit = {
        "label_smoothing": f"{ENERGY}, it has no labels to smooth",
        "feature_matching": "its generator follows the energy; pulling_away_weight uses the codes",
        "minibatch_discrimination": "an autoencoder reconstructs each example by itself",
        "freeze_above": f"{ENERGY}, it has no accuracy",
    }

    def __init__(
        self,
        image_shape,
        num_classes=0,
        seed=0,
        margin: float = 0.25,
        pulling_away_weight: float = 0.1,
        code_dim: int = 64,
        width: int = 32,
        upsampling: Upsampling = "transposed",
        **options,
    ):
        super().__init__(image_shape, num_classes, seed, **options)
        check_positive(margin=margin, code_dim=code_dim, width=width)
        check_not_negative(pulling_away_weight=pulling_away_weight)
        self.margin = margin
        self.pulling_away_weight = pulling_away_weight
        self.track("discriminator_loss", "generator_loss", "real_energy", "fake_energy")
        self.track("pulling_away")
        self.set_players(
            generator=dcgan_generator(
                image_shape,
                {"z": self.latent_dim},
                width,
                self.label_classes,
                upsampling,
                self.virtual_batch_norm,
                seed,
            ),
            discriminator=self._autoencoder(code_dim, width, upsampling),
        )

    def _autoencoder(self, code_dim, width, upsampling):
        """A model of the image (and label) to its "code" and its "reconstruction"."""
        classes = self.label_classes
        inputs, x = convolutions(self.image_shape, width, classes)
        code = keras.layers.Dense(code_dim, name="code")(keras.layers.Flatten()(x))
        decoder = dcgan_generator(self.image_shape, {"code": code_dim}, width, classes, upsampling)
        label = {"label": inputs["label"]} if classes else {}
        reconstruction = decoder({"code": code, **label})
        return keras.Model(
            inputs, {"code": code, "reconstruction": reconstruction}, name="discriminator"
        )

    def energy(self, images, outputs):
        """The mean squared reconstruction error of each image, (batch,)."""
        return ops.mean(ops.square(outputs["reconstruction"] - images), axis=(1, 2, 3))

    def train_step(self, batch):
        images, labels = batch
        fakes = ops.stop_gradient(self.imagine(batch))

        def discriminate():
            real = self.energy(images, self.judge(images, labels))
            fake = self.energy(fakes, self.judge(fakes, labels))
            self.record(real_energy=ops.mean(real), fake_energy=ops.mean(fake))
            return energy_loss(real, fake, self.margin)

        def please():
            drawn = self.imagine(batch)
            outputs = self.judge(drawn, labels)
            alike = pulling_away(outputs["code"])
            self.record(pulling_away=alike)
            return ops.mean(self.energy(drawn, outputs)) + self.pulling_away_weight * alike

        self.record(discriminator_loss=self.minimize(discriminate, "discriminator"))
        self.record(generator_loss=self.minimize(please, "generator"))
        return self.get_metrics_result()
