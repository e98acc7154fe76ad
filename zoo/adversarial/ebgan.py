"""The energy-based GAN of Zhao, Mathieu and LeCun (2017), https://arxiv.org/abs/1609.03126.

Faithful: the discriminator is an autoencoder whose reconstruction error is the energy of an image;
it lowers the energy of real images and lifts that of generated ones up to a margin m; the generator
lowers the energy of its images, with the pulling-away term on the encoder's codes of a batch
(EBGAN-PT, weight 0.1) or without; Adam with beta_1 0.5.
Different: by default the energy is the mean squared error per pixel of images in [-1, 1], at most
4, so that one margin serves every image size; the networks are those of `dcgan`, the decoder its
generator. `energy=norm` is the paper's ||Dec(Enc(x)) - x||, the root of the sum of squared errors
over pixels and channels, on whose scale the paper's margins are (10 for MNIST): a mean of e is a
norm of sqrt(e * pixels), so that the margin of 0.25 there is one of 14 here for 28x28 pixels.
"""

from typing import Literal

import keras
from keras import ops

from zoo.adversarial.base import DEFAULT, QUICK
from zoo.adversarial.networks import DENSE, ChosenNetworks
from zoo.backend import Batch
from zoo.core.model import Inputs, Tensor
from zoo.hyperparameters import NonNegativeFloat, PositiveFloat, PositiveInt
from zoo.networks.players import decoder_of, generator_of, trunk_of
from zoo.objectives.losses import energy_loss, pulling_away
from zoo.objectives.precision import full_precision
from zoo.registry import register

ENERGY = "an energy is not a probability"
NO_LABELS = f"{ENERGY}, so it has no labels to smooth"
NO_FEATURES = "its generator follows the energy; pulling_away_weight uses the codes"


@register(
    "ebgan",
    paper="Zhao et al. 2017, Energy-based Generative Adversarial Network, arXiv:1609.03126",
    presets={
        "quick": {**QUICK, **DENSE, "steps": 1_500},
        "default": {**DEFAULT, **DENSE, "steps": 12_000},
        "paper": {"steps": 100_000, "width": 64, "latent_dim": 100, "learning_rate": 1e-3},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class EBGAN(ChosenNetworks):
    """Energy-based GAN.

    Args:
        image_shape, num_classes, seed and others: see `ChosenNetworks`.
        energy: of an image: its squared error's "mean" over pixels, or the error's "norm".
        margin: m, the energy up to which generated images are lifted, above 0; in units of
            `energy`.
        pulling_away_weight: of the pulling-away term, 0 for none.
        code_dim: length of the autoencoder's code.
        discriminator_norm: norm in the autoencoder's convolutional encoder and decoder.
        discriminator_dense: units of a hidden layer in each of the two.
    """

    unsupported = {
        "label_smoothing": NO_LABELS,
        "fake_label_smoothing": NO_LABELS,
        "feature_matching": NO_FEATURES,
        "matched_statistic": NO_FEATURES,
        "objective": f"{ENERGY}: its generator lowers it as it is",
        "minibatch_discrimination": "an autoencoder reconstructs each example by itself",
        "r1": f"{ENERGY}, so it has no logit with a slope",
        "label_input": f"{ENERGY}, and has no logit for a label to join",
        "freeze_above": f"{ENERGY}, so it has no accuracy",
    }
    judges_probability = False
    smallest_batch = 2  # the pulling-away term compares codes

    energy: Literal["mean", "norm"] = "mean"
    margin: PositiveFloat = 0.25
    pulling_away_weight: NonNegativeFloat = 0.1
    code_dim: PositiveInt = 64

    def build_networks(self) -> None:
        self.track("discriminator_loss", "generator_loss", "real_energy", "fake_energy")
        self.track("pulling_away")
        self.set_networks(
            generator=generator_of(self, {"z": self.latent_dim}),
            discriminator=self._autoencoder(),
        )

    def _autoencoder(self) -> keras.Model:
        """A model of the image (and label) to its "code" and its "reconstruction"."""
        inputs, features = trunk_of(self)
        code = keras.layers.Dense(self.code_dim, name="code")(features)
        decoder = decoder_of(self, {"code": self.code_dim})
        label = {"label": inputs["label"]} if self.conditional else {}
        reconstruction = decoder({"code": code, **label})
        return keras.Model(
            inputs, {"code": code, "reconstruction": reconstruction}, name="discriminator"
        )

    def opponent_outputs(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The network's outputs, and the "energy" (batch,) of each image."""
        outputs = super().opponent_outputs(images, labels)
        error = ops.square(outputs["reconstruction"] - images)
        axes = tuple(range(1, len(error.shape)))
        if self.energy == "mean":
            return {**outputs, "energy": ops.mean(error, axis=axes)}
        # sqrt has no gradient at 0
        return {**outputs, "energy": ops.sqrt(ops.sum(error, axis=axes) + 1e-12)}

    def reconstruction_errors(self, inputs: Inputs) -> Tensor:
        """The energies (batch,) of the images in {"image": (batch, *image_shape)}, in [0, 1].

        Batch norm takes its moving statistics, so that each depends on its image alone.
        """
        images = self.from_unit(inputs["image"])
        outputs = full_precision(self.discriminator({"image": images}, training=False))
        return ops.mean(ops.square(outputs["reconstruction"] - images), axis=(1, 2, 3))

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        for part in self.parts(batch):  # refuses ones too small for the pulling-away term
            fakes = ops.stop_gradient(self.fakes_for(part))

            def discriminator_objective(part: Batch = part, fakes: Tensor = fakes) -> Tensor:
                real = self.discriminate(part.images, part.labels)["energy"]
                fake = self.discriminate(fakes, part.labels)["energy"]
                self.record(real_energy=ops.mean(real), fake_energy=ops.mean(fake))
                return energy_loss(real, fake, self.margin)

            self.record(discriminator_loss=self.minimize(discriminator_objective, "discriminator"))

        def generator_objective() -> Tensor:
            outputs = self.discriminate(self.fakes_for(part), part.labels)
            similarity = pulling_away(outputs["code"])
            self.record(pulling_away=similarity)
            return ops.mean(outputs["energy"]) + self.pulling_away_weight * similarity

        self.record(generator_loss=self.minimize(generator_objective, "generator"))
        return self.get_metrics_result()
