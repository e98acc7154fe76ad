"""The autoencoder, with a bottleneck, sparse or denoising.

Bottleneck: Hinton and Salakhutdinov (2006), "Reducing the Dimensionality of Data with Neural
Networks"; a linear one with squared error (`linear=true`, `likelihood=gaussian`) spans the subspace
of the first principal components (Baldi and Hornik 1989). Sparse: a code that may be longer than
the image and is mostly off, held there by its L1 norm or by the divergence of each unit's mean
activity from a target (Ng 2011, CS294A lecture notes). Denoising: the image from a copy of it that
Gaussian noise or masking corrupted (Vincent et al. 2008).
Faithful: the costs. Different: rectified linear hidden layers and Adam, without layerwise
pretraining.

An autoencoder has no prior. So that one can draw from its decoder, a running mean and variance of
the codes are kept while it trains: `z` is the standardised code, and a drawing takes it from a
standard normal, which codes of a trained model need not look like.
"""

from typing import Annotated, Any, Literal

import keras
from keras import ops

from zoo.backend import Batch, noise
from zoo.core.model import Inputs, Tensor
from zoo.errors import RequestError
from zoo.hyperparameters import NonNegativeFloat, NonNegativeInt, PositiveInt, Rule
from zoo.latent.base import LatentModel
from zoo.networks.gaussian import flat_input, hidden_layers, mlp_decoder
from zoo.networks.layers import update_moments
from zoo.objectives.precision import full_precision
from zoo.registry import register

MOMENTUM = 0.99  # of the codes' mean and variance
CODE_ACTIVATIONS = {"l1": "relu", "kl": "sigmoid"}


@register(
    "autoencoder",
    paper="Hinton and Salakhutdinov 2006; Ng 2011; Vincent et al. 2008, Extracting and Composing "
    "Robust Features with Denoising Autoencoders",
    presets={
        "quick": {"steps": 2_000},
        "default": {"steps": 30_000, "batch_size": 100, "decay": "cosine", "hidden": 400},
        "paper": {"steps": 120_000, "batch_size": 100, "hidden": 1_000, "latent_dim": 30},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class Autoencoder(LatentModel):
    """Autoencoder.

    Args:
        image_shape, num_classes, seed and others: see `LatentModel`.
        kind: "bottleneck", "sparse" or "denoising".
        latent_dim: length of the code; a sparse one is overcomplete above the number of pixels.
        linear: no hidden layers and no activations.
        hidden, depth: units and number of hidden layers of encoder and decoder, each.
        sparsity: cost of a sparse code, "l1" of rectified units or "kl" of sigmoid ones.
        sparsity_weight: weight of that cost.
        activity: target of each unit's mean activity ("kl").
        corruption: "gaussian" noise or "masking" of pixels with 0 ("denoising").
        corruption_level: standard deviation of the noise, or share of masked pixels.
    """

    has_likelihood = False  # it has no prior
    binarization = "none"
    unsupported = {
        **LatentModel.unsupported,
        "binarization": "it reconstructs the grey levels themselves",
        "warm_up": "it has no divergence",
    }

    kind: Literal["bottleneck", "sparse", "denoising"] = "bottleneck"
    latent_dim: PositiveInt = 32
    linear: bool = False
    hidden: PositiveInt = 500
    depth: NonNegativeInt = 2
    sparsity: Literal["l1", "kl"] = "l1"
    sparsity_weight: NonNegativeFloat = 0.1
    activity: Annotated[float, Rule("above 0 and below 1", lambda value: 0 < value < 1)] = 0.05
    corruption: Literal["gaussian", "masking"] = "masking"
    corruption_level: NonNegativeFloat = 0.3

    def validate(self) -> None:
        super().validate()
        if self.corruption == "masking" and self.corruption_level >= 1:
            raise RequestError(
                "With corruption=masking, corruption_level is the share of masked pixels and must "
                f"be below 1. Received: {self.corruption_level}"
            )
        if self.linear and self.kind == "sparse":
            raise RequestError(
                "A sparse code needs an activation, so linear must be false with kind=sparse. "
                "Received: linear=True"
            )

    def build_networks(self) -> None:
        self.track("loss", "reconstruction_loss")
        if self.kind == "sparse":
            self.track("sparsity_cost")
        depth = 0 if self.linear else self.depth
        inputs, x = flat_input("image", self.image_shape)
        code = keras.layers.Dense(
            self.latent_dim,
            activation=CODE_ACTIVATIONS[self.sparsity] if self.kind == "sparse" else None,
            name="code",
        )(hidden_layers(x, self.hidden, depth, "relu"))
        self.set_networks(
            decoder=mlp_decoder(self, self.latent_dim, self.hidden, depth, "relu"),
            encoder=keras.Model(inputs, code, name="encoder"),
        )
        self.standard = StandardCode(name="standard_code", dtype=keras.config.floatx())
        self.standard.build((None, self.latent_dim))

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        images = batch.images

        def reconstruct() -> Tensor:
            codes = full_precision(self.encoder({"image": self.corrupt(images)}, training=True))
            error = -ops.mean(self.log_likelihood(images, self.decoder({"z": codes})))
            self.standard.update(ops.stop_gradient(codes))
            self.record(reconstruction_loss=error)
            if self.kind != "sparse":
                return error
            cost = sparsity_cost(codes, self.sparsity, self.activity)
            self.record(sparsity_cost=cost)
            return error + self.sparsity_weight * cost

        self.record(loss=self.minimize(reconstruct, "networks"))
        return self.get_metrics_result()

    def validation_loss(self, images: Tensor, labels: Tensor = None) -> Tensor:
        return ops.mean(self.reconstruction_errors({"image": images}))

    def reconstruction_errors(self, inputs: Inputs) -> Tensor:
        """-log p(x | code) in nats, (batch,), of the images in {"image": (batch, *image_shape)}."""
        images = inputs["image"]
        codes = self.encoder({"image": images})
        return -self.log_likelihood(images, self.decoder({"z": codes}))[0]

    def corrupt(self, images: Tensor) -> Tensor:
        """What the encoder sees of images (batch, ...) in training: corrupted, if denoising."""
        if self.kind != "denoising":
            return images
        if self.corruption == "gaussian":
            return images + self.corruption_level * noise.normal(ops.shape(images), self.noise_seed)
        coins = noise.uniform(ops.shape(images), seed=self.noise_seed)
        return ops.where(coins < self.corruption_level, 0.0, images)

    def call(self, inputs: Inputs, training: bool = False) -> Tensor:
        return self.pixel_means(self.decoder({"z": self.standard(inputs["z"])}))

    def encode_inputs(self, inputs: Inputs) -> Tensor:
        codes = full_precision(self.encoder({"image": inputs["image"]}))
        return self.standard(codes, inverse=True)


@keras.saving.register_keras_serializable("genzoo")
class StandardCode(keras.layers.Layer):
    """Standardised codes to codes, or the `inverse`, by a running mean and variance.

    Input and output (batch, latent_dim).
    """

    def build(self, input_shape: Any) -> None:
        shape = input_shape[1:]
        self.mean = self.add_weight(
            shape=shape, initializer="zeros", trainable=False, name="code_mean"
        )
        self.variance = self.add_weight(
            shape=shape, initializer="ones", trainable=False, name="code_variance"
        )

    def call(self, z: Tensor, inverse: bool = False) -> Tensor:
        deviation = ops.sqrt(self.variance + 1e-6)
        return (z - self.mean) / deviation if inverse else z * deviation + self.mean

    def update(self, codes: Tensor) -> None:
        """Updates the running mean and variance by those of codes (batch, latent_dim)."""
        update_moments(self.mean, self.variance, codes, MOMENTUM)


def sparsity_cost(codes: Tensor, sparsity: str, activity: float) -> Tensor:
    """How far codes are from sparse, summed over the units.

    Args:
        codes: (batch, n), in (0, 1) with "kl".
        sparsity: "l1" for the mean absolute value, or "kl" for the divergence of a coin of the
            batch's mean activity from one of bias `activity`.
        activity: the target of each unit's mean activity ("kl").

    Returns:
        A scalar.
    """
    if sparsity == "l1":
        return ops.mean(ops.sum(ops.abs(codes), axis=-1))
    mean = ops.clip(ops.mean(codes, axis=0), 1e-6, 1.0 - 1e-6)
    on = activity * (ops.log(activity) - ops.log(mean))
    off = (1.0 - activity) * (ops.log(1.0 - activity) - ops.log(1.0 - mean))
    return ops.sum(on + off)
