"""What the latent-variable models share: a likelihood of pixels, a posterior, and their bounds.

Images are in [0, 1]. Under a Bernoulli likelihood a pixel is a coin whose logit the decoder gives,
and the data are binarized: "dynamic", drawn anew with the grey level as probability each time an
image is seen (Burda et al. 2016; those of docs/results.md); "static", drawn once
for the whole dataset (Salakhutdinov and Murray 2008), which costs about two nats; "none", grey
levels in place of coins, which is no likelihood but often done. Under a Gaussian one the decoder
gives the mean, and all pixels share one standard deviation, fixed or learned (Rybkin et al. 2021).
So it is under a Laplace one, whose log density falls with the absolute error: the decoder gives the
median, which is the mean too.

Every latent variable is drawn from noise of a fixed prior, the input `z` of what is exported;
`encode` goes back to it, so that `reconstruct` works for all of these models. Samples come first:
tensors are (samples, batch, ...).

A model of Gaussian latents has the networks `encoder`, `decoder` and, where its prior is not
standard normal, `prior`; others override what is built on these: `log_weights`, `encode_inputs`,
`call`.
"""

import math
from typing import Any, ClassVar, Literal

import keras
from keras import ops

from zoo.backend import Batch, noise
from zoo.core.model import Encoder, Inputs, Tensor
from zoo.core.optimizers import decayed_rate, require_decay_steps
from zoo.core.priors import Seed
from zoo.data.batches import Batches
from zoo.data.dataset import Dataset
from zoo.errors import RequestError
from zoo.hyperparameters import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from zoo.objectives import likelihoods
from zoo.objectives.precision import full_precision

STATIC_SEED = 0  # of the one static binarization, so that all models see the same

# Presets of the models of Gaussian latents, found on the last 6,000 training images of MNIST: twice
# the papers' hidden units are worth 2.5 nats there, and the warm-up 0.4. `default` takes 20 minutes
# on two cores, `best` hours.
RECIPE = {"batch_size": 100, "learning_rate": 2e-3, "decay": "cosine", "hidden": 400}
DEFAULT = {"steps": 90_000, "warm_up": 18_000, **RECIPE}
BEST = {"steps": 600_000, "warm_up": 60_000, **RECIPE}

NORMAL_PRIOR = "its bound needs the prior that it is worked out for"
NO_LABELS = "it has no label input; cvae and ssvae are conditional"


class LatentModel(Encoder):
    """A `GenerativeModel` of observed pixels x and latent variables z.

    Args:
        image_shape, num_classes, seed, latent_dim: see `GenerativeModel`.
        learning_rate: of Adam, which moves all networks together.
        decay: of the learning rate over `decay_steps`: "cosine" to a hundredth, or the eight
            "stages" of Burda et al. (2016) to a tenth.
        decay_steps: steps of the decay, when there is one.
        weight_decay: see `AdversarialModel`.
        warm_up: steps over which the weight of the divergence in the bound rises to 1 (Sønderby et
            al. 2016, https://arxiv.org/abs/1602.02282), so that latent units are in use before
            they have to pay for it; 0 for none.
        likelihood: of a pixel, "bernoulli", "gaussian" or "laplace".
        binarization: of the data under a Bernoulli likelihood: "dynamic", "static" or "none", see
            the top of the file.
        pixel_std: standard deviation of a pixel under the Gaussian or the Laplace likelihood, for
            pixels in [0, 1]; that of a Laplace distribution is sqrt(2) times its scale.
        learn_std: the standard deviation is trained, starting from `pixel_std`.
    """

    latent_dim: PositiveInt = 50
    learning_rate: PositiveFloat = 1e-3
    decay: Literal["none", "cosine", "stages"] = "none"
    decay_steps: NonNegativeInt = 0
    weight_decay: NonNegativeFloat = 0.0
    warm_up: NonNegativeInt = 0
    likelihood: Literal["bernoulli", "gaussian", "laplace"] = "bernoulli"
    binarization: Literal["dynamic", "static", "none"] = "dynamic"
    pixel_std: PositiveFloat = 0.1
    learn_std: bool = False

    family: ClassVar[str] = "latent"
    value_range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    drawing_network: ClassVar[str] = "decoder"
    has_likelihood: ClassVar[bool] = True
    unsupported: ClassVar[dict[str, str]] = {
        "conditional": NO_LABELS,
        "ema": "its bound needs an encoder and a decoder of the same training step",
        "prior": NORMAL_PRIOR,
    }

    def validate(self) -> None:
        super().validate()
        require_decay_steps(self.decay, self.decay_steps)
        if self.likelihood == "bernoulli" and len(self.image_shape) == 1:
            raise RequestError(
                "A Bernoulli likelihood needs data in [0, 1]; for points set likelihood=gaussian "
                f"or laplace. Received: points of {self.image_shape[0]} dimensions"
            )

    @property
    def binarized(self) -> str:
        """How images are binarized: `binarization`, or "none" where pixels are not coins."""
        return self.binarization if self.likelihood == "bernoulli" else "none"

    @property
    def trained_variables(self) -> dict[str, list[keras.Variable]]:
        """One optimizer, "networks", moves the weights of all networks: they share one bound."""
        return {
            "networks": [v for n in self.named_networks.values() for v in n.trainable_variables]
        }

    def default_optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {"networks": self.adam()}

    def adam(self, **options: Any) -> keras.optimizers.Optimizer:
        """Adam at the model's rate and weight decay, with further options of Keras'."""
        return keras.optimizers.Adam(self.rate(), weight_decay=self.weight_decay or None, **options)

    def rate(self) -> Any:
        """The learning rate, a number or a `keras.optimizers.schedules.LearningRateSchedule`."""
        return decayed_rate(self.learning_rate, self.decay, self.decay_steps)

    # ---- data

    @classmethod
    def batches(cls, dataset: Dataset, settings: dict[str, Any], seed: int) -> Batches:
        static = settings.get("binarization") == "static"
        if static and settings.get("likelihood", "bernoulli") == "bernoulli":
            dataset = dataset.binarized(STATIC_SEED)
        return super().batches(dataset, settings, seed)

    def binarize(self, images: Tensor) -> Tensor:
        """Images (batch, ...) as the likelihood sees them: drawn anew where that is dynamic."""
        if self.binarized != "dynamic":
            return images
        coins = noise.uniform(ops.shape(images), seed=self.noise_seed)
        return ops.cast(coins < images, images.dtype)

    def divergence_weight(self) -> Any:
        """The weight of the divergence at this step of the warm-up, above 0 and at most 1."""
        if not self.warm_up:
            return 1.0
        step = ops.cast(self.optimizer.iterations, keras.config.floatx())
        return ops.minimum(1.0, (1.0 + step) / self.warm_up)

    def test_step(self, batch: Batch) -> dict[str, Tensor]:
        """The validation loss: the negative evidence lower bound, in nats per image."""
        self.record(loss=self.validation_loss(self.binarize(batch.images), batch.labels))
        return {"loss": self.recorders["loss"].result()}

    def validation_loss(self, images: Tensor, labels: Tensor = None) -> Tensor:
        """The loss of a batch in validation, a scalar, of images that are already binarized."""
        return -ops.mean(self.log_weights(images, labels))

    # ---- the model's distributions

    def noise(self, shape: tuple[Any, ...], seed: Seed = None) -> Tensor:
        """Standard normal noise (samples, batch, ...); None draws it from the training's stream."""
        return noise.normal(shape, self.noise_seed if seed is None else seed, rows=1)

    def reparameterize(
        self, mean: Tensor, log_variance: Tensor, samples: int = 1, seed: Seed = None
    ) -> Tensor:
        """Reparameterised draws (samples, batch, d) of Gaussians (batch, d)."""
        noise = self.noise((samples, ops.shape(mean)[0], mean.shape[-1]), seed)
        return mean + ops.exp(0.5 * log_variance) * noise

    def gaussian_of(
        self, network: keras.Model, inputs: Inputs, training: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Mean and log variance (batch, d) that a network gives, float32."""
        outputs = full_precision(network(inputs, training=training))
        return outputs["mean"], outputs["log_variance"]

    def posterior(
        self, images: Tensor, labels: Tensor = None, training: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Mean and log variance (batch, d) of q(z | x)."""
        return self.gaussian_of(self.encoder, self.inputs_of(images, labels), training)

    def prior_of(self, labels: Tensor = None) -> tuple[Tensor, ...]:
        """Mean and log variance (batch, d) of p(z | label); nothing where p is standard normal."""
        return ()

    def decode(self, z: Tensor, labels: Tensor = None, training: bool = False) -> Any:
        """The decoder's output (samples * batch, *image_shape) for z (samples, batch, ...)."""
        inputs = {"z": ops.reshape(z, (-1, *z.shape[2:]))}
        if self.conditional:
            inputs["label"] = ops.tile(labels, (z.shape[0],))
        return full_precision(self.decoder(inputs, training=training))

    def log_likelihood(self, images: Tensor, output: Tensor) -> Tensor:
        """log p(x | z) in nats, summed over the pixels.

        Args:
            images: (batch, *image_shape), as the likelihood sees them.
            output: the decoder's, (samples * batch, *image_shape).

        Returns:
            (samples, batch), float32.
        """
        pixels = math.prod(self.image_shape)
        x = ops.reshape(images, (-1, pixels))
        output = ops.reshape(full_precision(output), (-1, ops.shape(images)[0], pixels))
        if self.likelihood == "bernoulli":
            return likelihoods.bernoulli_log_density(x, output)
        log_std = self.decoder.get_layer("pixels").log_std
        if self.likelihood == "laplace":
            return likelihoods.laplace_log_density(x, output, log_std)
        log_variance = 2.0 * log_std
        return likelihoods.gaussian_log_density(x, output, log_variance)

    def bound_terms(
        self, images: Tensor, labels: Tensor = None, samples: int = 1
    ) -> tuple[Tensor, Tensor]:
        """E_q log p(x | z) by samples, (samples, batch), and KL(q || p), (batch,), exactly."""
        mean, log_variance = self.posterior(images, labels, training=True)
        z = self.reparameterize(mean, log_variance, samples)
        likelihood = self.log_likelihood(images, self.decode(z, labels, training=True))
        divergence = likelihoods.gaussian_divergence(mean, log_variance, *self.prior_of(labels))
        return likelihood, divergence

    def negative_bound(
        self, images: Tensor, labels: Tensor = None, samples: int = 1, weight: Any = 1.0
    ) -> Tensor:
        """weight * KL - log p(x | z), a scalar to be minimised; records its two terms."""
        likelihood, divergence = self.bound_terms(images, labels, samples)
        reconstruction_loss, divergence = -ops.mean(likelihood), ops.mean(divergence)
        self.record(reconstruction_loss=reconstruction_loss, divergence=divergence)
        return reconstruction_loss + weight * divergence

    def log_weights(
        self, images: Tensor, labels: Tensor = None, samples: int = 1, seed: Seed = None
    ) -> Tensor:
        """log p(x, z) - log q(z | x) of samples z from q(z | x).

        Their mean is the evidence lower bound, and the log of the mean weight approaches log p(x);
        see `likelihoods.importance_bound`.

        Args:
            images: (batch, *image_shape), as the likelihood sees them.
            labels: (batch,), of conditional models.
            samples: of z for each image.
            seed: an integer or a `SeedGenerator`; None draws from the training's stream.

        Returns:
            (samples, batch) in nats.
        """
        mean, log_variance = self.posterior(images, labels)
        z = self.reparameterize(mean, log_variance, samples, seed)
        return (
            self.log_likelihood(images, self.decode(z, labels))
            + likelihoods.gaussian_log_density(z, *self.prior_of(labels))
            - likelihoods.gaussian_log_density(z, mean, log_variance)
        )

    # ---- drawing

    def pixel_means(self, output: Tensor) -> Tensor:
        """The expected images, in [0, 1], of the decoder's output (..., *image_shape)."""
        output = full_precision(output)
        if self.likelihood == "bernoulli":
            return ops.sigmoid(output)
        return output if len(self.image_shape) == 1 else ops.clip(output, 0.0, 1.0)

    def call(self, inputs: Inputs, training: bool = False) -> Tensor:
        """Expected images (batch, *image_shape) of a dict of noise `z` and, if any, labels."""
        return self.pixel_means(self.decoder(inputs, training=training))

    def encode_inputs(self, inputs: Inputs) -> Tensor:
        mean, _ = self.posterior(inputs["image"], inputs.get("label"))
        return mean
