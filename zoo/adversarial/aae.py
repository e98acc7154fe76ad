"""The adversarial autoencoder of Makhzani et al. (2016), https://arxiv.org/abs/1511.05644.

Faithful: each step first lowers the reconstruction error of encoder and decoder, then lets a
discriminator tell codes of images from samples of a prior, then lets the encoder deceive it; the
prior may be any distribution that can be sampled: a normal one, ten Gaussians on a circle, a swiss
roll (the paper's figures 2 to 4); with `conditional` the decoder also takes the label, so that the
code is left with the style (figure 5). The encoder is deterministic; the discriminator has two
hidden layers.
Different: encoder and decoder are convolutional (trunk and generator of `dcgan`) instead of two
layers of 1,000 units; Adam instead of SGD with momentum. Left out: labels that tie a class to one
part of the prior (section 2.3) and semi-supervised training (section 5).
"""

from typing import Literal

import keras
from keras import ops

from zoo.adversarial.base import AdversarialModel
from zoo.backend import Batch
from zoo.core.model import Encoder, Inputs, Tensor
from zoo.core.priors import Spec
from zoo.data import mixtures
from zoo.errors import RequestError
from zoo.hyperparameters import PositiveInt
from zoo.networks.dcgan import Upsampling, convolutions, dcgan_generator
from zoo.objectives.precision import full_precision
from zoo.registry import register

MIXTURES = {
    "mixture": mixtures.ring(count=10, radius=4.0, std=0.5),
    "swiss_roll": mixtures.swiss_roll(radius=4.0, std=0.1),
}
CodePrior = Literal["normal", "uniform", "mixture", "swiss_roll"]
CODES = "its discriminator sees codes, not images"


@register(
    "aae",
    paper="Makhzani et al. 2016, Adversarial Autoencoders, arXiv:1511.05644",
    presets={
        "quick": {"steps": 2_000},
        "paper": {"steps": 100_000, "batch_size": 100, "width": 64},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class AAE(Encoder, AdversarialModel):
    """Adversarial autoencoder.

    Args:
        image_shape, num_classes, seed and others: see `AdversarialModel`.
        latent_dim: length of the code `z`; 2 for the priors in the plane.
        prior: of the code: "normal", "uniform" on [-1, 1], "mixture" (ten Gaussians on a circle) or
            "swiss_roll".
        width: filters of the layer next to the image, doubled at each halving.
        upsampling: fractionally strided convolutions, or resize-convolutions.
        hidden: units of the discriminator's two hidden layers.
    """

    drawing_network = "autoencoder"
    unsupported = {
        "feature_matching": CODES,
        "matched_statistic": CODES,
        "minibatch_discrimination": CODES,
        "r1": CODES,
        "label_input": "its discriminator sees no labels",
        "augment": CODES,
        "virtual_batch_norm": "its decoder learns by reconstruction, not in the game",
        "discriminator_steps": "all of its networks take their step on the same batch",
        "freeze_above": "its encoder must keep learning for the reconstruction",
    }

    latent_dim: PositiveInt = 8
    prior: CodePrior = "normal"  # type: ignore[assignment]  # more of them
    width: PositiveInt = 32
    upsampling: Upsampling = "transposed"
    hidden: PositiveInt = 512

    def validate(self) -> None:
        super().validate()
        if self.prior in MIXTURES and self.latent_dim != 2:
            raise RequestError(
                f"With prior={self.prior}, which is a distribution in the plane, latent_dim must "
                f"be 2. Received: {self.latent_dim}"
            )

    def build_networks(self) -> None:
        self.track("reconstruction_loss", "discriminator_loss", "encoder_loss")
        self.track("real_accuracy", "fake_accuracy")
        image, x = convolutions(self.image_shape, self.width)
        code = keras.layers.Dense(self.latent_dim, name="z")(keras.layers.Flatten()(x))
        encoder = keras.Model(image, code, name="encoder")
        decoder = dcgan_generator(
            self.image_shape,
            {"z": self.latent_dim},
            self.width,
            self.label_classes,
            self.upsampling,
            name="decoder",
        )
        inputs = {"image": keras.Input(self.image_shape, name="image")}
        label = {}
        if self.conditional:
            label["label"] = keras.Input((), dtype="int32", name="label")
        autoencoder = keras.Model(
            {**inputs, **label}, decoder({"z": encoder(inputs), **label}), name="autoencoder"
        )
        self.set_networks(
            autoencoder=autoencoder,
            encoder=encoder,
            discriminator=keras.Sequential(
                [
                    keras.Input((self.latent_dim,)),
                    keras.layers.Dense(self.hidden, activation="relu"),
                    keras.layers.Dense(self.hidden, activation="relu"),
                    keras.layers.Dense(1),
                ],
                name="discriminator",
            ),
        )

    @property
    def inputs_spec(self) -> dict[str, Spec]:
        prior: Spec = {"prior": self.prior}
        if self.prior in MIXTURES:
            mixture = MIXTURES[self.prior]
            prior = {"prior": "mixture", "means": mixture.means.tolist(), "std": mixture.std}
        code = {"z": {"shape": [self.latent_dim], "dtype": "float32", **prior}}
        return {**code, **self.label_spec}

    @property
    def sampler(self) -> keras.Model:
        """The decoder, or its average."""
        return self._drawing_autoencoder.get_layer("decoder")

    @property
    def _drawing_autoencoder(self) -> keras.Model:
        return self.averages.get("autoencoder", self.autoencoder)

    @property
    def encoder_labels(self) -> dict[str, Spec]:
        return {}  # it sees the image alone

    def encode_inputs(self, inputs: Inputs) -> Tensor:
        low, high = self.value_range
        images = inputs["image"] * (high - low) + low
        encoder = self._drawing_autoencoder.get_layer("encoder")
        return full_precision(encoder({"image": images}, training=False))

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        images, labels = batch

        def reconstruct() -> Tensor:
            outputs = self.autoencoder(self.inputs_of(images, labels), training=True)
            return ops.mean(ops.square(full_precision(outputs) - images))

        self.record(reconstruction_loss=self.minimize(reconstruct, "autoencoder"))

        prior = self.sample_inputs(ops.shape(images)[0])["z"]
        codes = ops.stop_gradient(self.encoder({"image": images}, training=True))

        def discriminate_codes(codes: Tensor) -> Tensor:
            return full_precision(self.discriminator(codes, training=True))

        def discriminator_objective() -> Tensor:
            real_logits = discriminate_codes(prior)
            fake_logits = discriminate_codes(codes)
            self.record_accuracy(real_logits, fake_logits)
            return self.smoothed_loss(real_logits, fake_logits)

        def generator_objective() -> Tensor:
            codes = self.encoder({"image": images}, training=True)
            return self.fooling_loss(discriminate_codes(codes))

        self.record(discriminator_loss=self.minimize(discriminator_objective, "discriminator"))
        self.record(encoder_loss=self.minimize(generator_objective, "encoder"))
        return self.get_metrics_result()
