"""What the latent-variable models share: a likelihood of pixels, a posterior, and their bounds.

Images are in [0, 1]. Under a Bernoulli likelihood a pixel is a coin whose logit the decoder gives,
and the data are binarized: "dynamic", drawn anew with the grey level as probability each time an
image is seen (Burda et al. 2016; those of docs/results.md); "static", drawn once
for the whole dataset (Salakhutdinov and Murray 2008), which costs about two nats; "none", grey
levels in place of coins, which is no likelihood but often done. Under a Gaussian one the decoder
gives the mean, and all pixels share one standard deviation, fixed or learned (Rybkin et al. 2021).

Every latent variable is drawn from noise of a fixed prior, the input `z` of what is exported;
`encode` goes back to it, so `call(encode(x))` is the reconstruction of any of these models. Samples
come first: tensors are (samples, batch, ...).

A model of Gaussian latents gives `encoder`, `decoder` and, where it is not standard normal,
`prior`; others override what is built on these: `log_weights`, `encode`, `call`.
"""

import math
from typing import ClassVar, Literal

import keras
from keras import ops

from zoo.core.model import Encoder
from zoo.core.optimizers import stage_schedule
from zoo.errors import RequestError
from zoo.hyperparameters import NonNegativeInt, PositiveFloat, PositiveInt
from zoo.objectives import likelihoods

STATIC_SEED = 0  # of the one static binarization, so that all models see the same

NO_LABELS = "its equations have no label; cvae and ssvae have"


class LatentModel(Encoder):
    """A `GenerativeModel` of observed pixels x and latent variables z.

    Args:
        image_shape, num_classes, seed, latent_dim: see `GenerativeModel`.
        learning_rate: of Adam, which moves all networks together.
        decay: of the learning rate over `decay_steps`: "cosine" to a hundredth, or the eight
            "stages" of Burda et al. (2016) to a tenth.
        decay_steps: steps of the decay, when there is one.
        warm_up: steps over which the weight of the divergence in the bound rises to 1 (Sønderby et
            al. 2016, https://arxiv.org/abs/1602.02282), so that latent units are in use before
            they have to pay for it; 0 for none.
        likelihood, binarization: see the top of the file.
        pixel_std: standard deviation of a pixel under the Gaussian likelihood, in [0, 1] units.
        learn_std: it is only where the learning starts.
    """

    latent_dim: PositiveInt = 50
    learning_rate: PositiveFloat = 1e-3
    decay: Literal["none", "cosine", "stages"] = "none"
    decay_steps: NonNegativeInt = 0
    warm_up: NonNegativeInt = 0
    likelihood: Literal["bernoulli", "gaussian"] = "bernoulli"
    binarization: Literal["dynamic", "static", "none"] = "dynamic"
    pixel_std: PositiveFloat = 0.1
    learn_std: bool = False

    family: ClassVar[str] = "latent"
    value_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    drawing_network: ClassVar[str] = "decoder"
    has_likelihood: ClassVar[bool] = True
    unsupported: ClassVar[dict[str, str]] = {
        "conditional": NO_LABELS,
        "ema": "a bound needs its encoder and its decoder from one moment",
    }

    def validate(self):
        super().validate()
        if self.decay != "none" and not self.decay_steps:
            raise RequestError(
                f"decay_steps must be a positive integer with decay={self.decay}. Received: 0"
            )
        if self.likelihood == "bernoulli" and len(self.image_shape) == 1:
            raise RequestError(
                "A Bernoulli likelihood needs data in [0, 1]; points take likelihood=gaussian. "
                f"Received: points of {self.image_shape[0]} dimensions"
            )

    @property
    def binarized(self):
        """How images are binarized: `binarization`, of which a Gaussian likelihood does nothing."""
        return self.binarization if self.likelihood == "bernoulli" else "none"

    @property
    def trained_variables(self):
        """One optimizer, "networks", moves all of them: they share one bound."""
        return {
            "networks": [v for n in self.named_networks.values() for v in n.trainable_variables]
        }

    def default_optimizers(self):
        return {"networks": keras.optimizers.Adam(self.rate())}

    def rate(self):
        """The learning rate, or its schedule."""
        if self.decay == "cosine":
            return keras.optimizers.schedules.CosineDecay(
                self.learning_rate, self.decay_steps, alpha=0.01
            )
        if self.decay == "stages":
            return stage_schedule(self.learning_rate, self.decay_steps)
        return self.learning_rate

    # ---- data

    @classmethod
    def batches(cls, dataset, hyperparameters, seed):
        static = hyperparameters.get("binarization") == "static"
        if static and hyperparameters.get("likelihood", "bernoulli") == "bernoulli":
            dataset = dataset.binarized(STATIC_SEED)
        return super().batches(dataset, hyperparameters, seed)

    def binarize(self, images):
        """The images as the likelihood sees them: binarized anew where that is dynamic."""
        if self.binarized != "dynamic":
            return images
        coins = keras.random.uniform(ops.shape(images), seed=self.noise_seed)
        return ops.cast(coins < images, images.dtype)

    def divergence_weight(self):
        """The weight of the divergence at this step, above 0 and at most 1."""
        if not self.warm_up:
            return 1.0
        step = ops.cast(self.optimizer.iterations, keras.config.floatx())
        return ops.minimum(1.0, (1.0 + step) / self.warm_up)

    def test_step(self, batch):
        """The validation loss: the negative evidence lower bound, in nats per image."""
        self.record(loss=self.validation_loss(self.binarize(batch.images), batch.labels))
        return {"loss": self.recorders["loss"].result()}

    def validation_loss(self, images, labels=None):
        """A scalar for images as the likelihood sees them."""
        return -ops.mean(self.log_weights(images, labels))

    # ---- the model's distributions

    def noise(self, shape, seed=None):
        """Standard normal noise from the training's stream, or from `seed`, a `SeedGenerator`."""
        return keras.random.normal(shape, seed=self.noise_seed if seed is None else seed)

    def reparameterize(self, mean, log_variance, samples=1, seed=None):
        """Reparameterised draws (samples, batch, d) of Gaussians (batch, d)."""
        noise = self.noise((samples, ops.shape(mean)[0], mean.shape[-1]), seed)
        return mean + ops.exp(0.5 * log_variance) * noise

    def posterior(self, images, labels=None, training=False):
        """Mean and log variance (batch, d) of q(z | x)."""
        outputs = self.encoder(self.inputs_of(images, labels), training=training)
        return outputs["mean"], outputs["log_variance"]

    def prior_of(self, labels=None):
        """Mean and log variance (batch, d) of p(z | label); nothing where p is standard normal."""
        return ()

    def decode(self, z, labels=None, training=False):
        """The decoder's output (samples * batch, *image_shape) for z (samples, batch, ...)."""
        inputs = {"z": ops.reshape(z, (-1, *z.shape[2:]))}
        if self.conditional:
            inputs["label"] = ops.tile(labels, (z.shape[0],))
        return self.decoder(inputs, training=training)

    def log_likelihood(self, images, output):
        """log p(x | z), (samples, batch), for images (batch, ...) and the decoder's output."""
        pixels = math.prod(self.image_shape)
        x = ops.reshape(images, (-1, pixels))
        output = ops.reshape(output, (-1, ops.shape(images)[0], pixels))
        if self.likelihood == "bernoulli":
            return likelihoods.bernoulli_log_density(x, output)
        log_variance = 2.0 * self.decoder.get_layer("pixels").log_std
        return likelihoods.gaussian_log_density(x, output, log_variance)

    def bound_terms(self, images, labels=None, samples=1):
        """E_q log p(x | z) by samples, (samples, batch), and KL(q || p), (batch,), exactly."""
        mean, log_variance = self.posterior(images, labels, training=True)
        z = self.reparameterize(mean, log_variance, samples)
        likelihood = self.log_likelihood(images, self.decode(z, labels, training=True))
        divergence = likelihoods.gaussian_divergence(mean, log_variance, *self.prior_of(labels))
        return likelihood, divergence

    def negative_bound(self, images, labels=None, samples=1, weight=1.0):
        """weight * KL - log p(x | z), a scalar to be minimised; records its two terms."""
        likelihood, divergence = self.bound_terms(images, labels, samples)
        reconstruction_loss, divergence = -ops.mean(likelihood), ops.mean(divergence)
        self.record(reconstruction_loss=reconstruction_loss, divergence=divergence)
        return reconstruction_loss + weight * divergence

    def log_weights(self, images, labels=None, samples=1, seed=None):
        """log p(x, z) - log q(z | x) of samples z from q(z | x), (samples, batch).

        Their mean is the evidence lower bound, the log of the mean weight approaches log p(x);
        see `likelihoods.importance_bound`.
        """
        mean, log_variance = self.posterior(images, labels)
        z = self.reparameterize(mean, log_variance, samples, seed)
        return (
            self.log_likelihood(images, self.decode(z, labels))
            + likelihoods.gaussian_log_density(z, *self.prior_of(labels))
            - likelihoods.gaussian_log_density(z, mean, log_variance)
        )

    # ---- drawing

    def pixel_means(self, output):
        """The expected image, in [0, 1], of the decoder's output."""
        if self.likelihood == "bernoulli":
            return ops.sigmoid(output)
        return output if len(self.image_shape) == 1 else ops.clip(output, 0.0, 1.0)

    def call(self, inputs, training=False):
        """Expected images (batch, *image_shape) of a dict of noise `z` and, if any, labels."""
        return self.pixel_means(self.decoder(inputs, training=training))

    def encode_inputs(self, inputs):
        mean, log_variance = self.posterior(inputs["image"], inputs.get("label"))
        return mean
