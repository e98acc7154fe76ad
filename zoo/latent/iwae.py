"""The importance weighted autoencoder of Burda, Grosse and Salakhutdinov (2016),
https://arxiv.org/abs/1509.00519.

Faithful: the bound log mean_k p(x, z) / q(z | x) over k samples and its gradient; one stochastic
layer of 50 units behind two tanh layers of 200, or two of 100 and 50 with 100 tanh units between
them; Adam with epsilon 1e-4; the `paper` preset has the batches of 20 and the eight stages of
learning rates, 3,280 passes in all. With k=1 it is the variational autoencoder.
Different: initial weights are Keras' own, output biases start at 0 instead of at the mean pixel,
and the `default` preset warms up (see `LatentModel`): in its 20 passes the upper of two layers is
else given up before it is of use.
`gradient=dreg` is the doubly reparameterised estimator of Tucker et al. (2019),
https://arxiv.org/abs/1810.04152: unbiased too, without the score of q whose noise grows with k.
"""

from typing import Any, Literal

import keras
from keras import ops

from zoo.backend import Batch, input_gradient
from zoo.core.model import Inputs, Tensor
from zoo.core.priors import Seed, Spec
from zoo.hyperparameters import PositiveInt
from zoo.latent.base import BEST, DEFAULT, LatentModel
from zoo.networks.gaussian import Activation, gaussian_mlp, mlp_decoder, mlp_encoder
from zoo.objectives.likelihoods import gaussian_log_density, importance_bound
from zoo.registry import register


@register(
    "iwae",
    paper="Burda et al. 2016, Importance Weighted Autoencoders, arXiv:1509.00519",
    presets={
        "quick": {"steps": 2_000, "k": 5},
        "default": {**DEFAULT, "gradient": "dreg"},
        "best": {**BEST, "gradient": "dreg"},
        "paper": {
            "steps": 9_840_000,
            "batch_size": 20,
            "k": 50,
            "decay": "stages",
            "decay_steps": 9_840_000,
        },
    },
)
@keras.saving.register_keras_serializable("genzoo")
class IWAE(LatentModel):
    """Importance weighted autoencoder.

    With two layers, `z` holds the noise of both: first that of the upper one, (batch, latent_dim),
    then that of the lower one given the upper, (batch, lower_dim).

    Args:
        image_shape, num_classes, seed and others: see `LatentModel`.
        stochastic_layers: 1 or 2; with two, `latent_dim` is that of the upper one.
        k: importance samples.
        gradient: "plain", or "dreg" for the doubly reparameterised one.
        hidden: units of the two hidden layers next to the image.
        lower_dim: units of the lower stochastic layer, of two.
        upper_hidden: units of the two hidden layers between the stochastic ones.
        activation: of all hidden layers, "tanh" or "relu".
    """

    stochastic_layers: Literal[1, 2] = 1
    k: PositiveInt = 5
    gradient: Literal["plain", "dreg"] = "plain"
    hidden: PositiveInt = 200
    lower_dim: PositiveInt = 100
    upper_hidden: PositiveInt = 100
    activation: Activation = "tanh"

    def build_networks(self) -> None:
        self.track("loss")
        top = self.latent_dim
        bottom = self.lower_dim if self.stochastic_layers == 2 else self.latent_dim
        self.lengths = (top, bottom)[: self.stochastic_layers]
        networks = {
            "decoder": mlp_decoder(self, bottom, self.hidden, 2, self.activation),
            "encoder": mlp_encoder(self.image_shape, bottom, self.hidden, 2, self.activation),
        }
        if self.stochastic_layers == 2:
            form = (self.upper_hidden, 2, self.activation)
            networks["prior"] = gaussian_mlp(top, bottom, *form, name="prior")
            networks["upper_encoder"] = gaussian_mlp(bottom, top, *form, name="upper_encoder")
        self.set_networks(**networks)

    @property
    def inputs_spec(self) -> dict[str, Spec]:
        return {"z": {"shape": [sum(self.lengths)], "dtype": "float32", "prior": "normal"}}

    def default_optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {"networks": self.adam(epsilon=1e-4)}

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        images, weight = self.binarize(batch.images), self.divergence_weight()

        def negative_bound() -> Tensor:
            if self.gradient == "dreg":
                return self.dreg_loss(images, weight)
            z = self.sample_posterior(images, self.k)
            log_weights = self.log_joint(images, z, weight) - weight * self.log_posterior(images, z)
            bound = ops.mean(importance_bound(log_weights))
            self.record(loss=-bound)
            return -bound

        self.minimize(negative_bound, "networks")
        return self.get_metrics_result()

    def dreg_loss(self, images: Tensor, weight: Any = 1.0) -> Tensor:
        """A scalar whose gradient is the doubly reparameterised one of the negative bound.

        With normalised weights w: sum w d log p(x, z) for the generative networks, and for the
        others sum w^2 (d log (p / q) / dz) dz, where z alone varies (Tucker et al., equation 8).
        """
        z = self.sample_posterior(images, self.k)
        fixed = ops.stop_gradient(z)
        log_joint = self.log_joint(images, fixed, weight)
        log_weights = log_joint - weight * self.log_posterior(images, fixed)
        log_weights = ops.stop_gradient(log_weights)
        self.record(loss=-ops.mean(importance_bound(log_weights)))
        weights = ops.exp(log_weights - ops.logsumexp(log_weights, axis=0, keepdims=True))

        def log_weight(rows: Tensor) -> Tensor:
            z = ops.reshape(rows, (self.k, -1, sum(self.lengths)))
            log_posterior = weight * self.log_posterior(images, z)
            return ops.reshape(self.log_joint(images, z, weight) - log_posterior, (-1,))

        slope = input_gradient(log_weight, ops.reshape(fixed, (-1, sum(self.lengths))))
        slope = ops.stop_gradient(ops.reshape(slope, (self.k, -1, sum(self.lengths))))
        path = ops.sum(slope * z, axis=-1)
        return -ops.mean(ops.sum(weights * log_joint + ops.square(weights) * path, axis=0))

    def validation_loss(self, images: Tensor, labels: Tensor = None) -> Tensor:
        return -ops.mean(importance_bound(self.log_weights(images, samples=self.k)))

    # ---- distributions; z is (samples, batch, upper + lower), or the one layer's

    def log_weights(
        self, images: Tensor, labels: Tensor = None, samples: int = 1, seed: Seed = None
    ) -> Tensor:
        z = self.sample_posterior(images, samples, seed)
        return self.log_joint(images, z) - self.log_posterior(images, z)

    def sample_posterior(self, images: Tensor, samples: int, seed: Seed = None) -> Tensor:
        """Reparameterised samples z of all layers, from the image upwards."""
        z = self.reparameterize(*self.posterior(images), samples, seed)
        if self.stochastic_layers == 1:
            return z
        mean, log_variance = self.conditional_of(self.upper_encoder, z)
        upper = mean + ops.exp(0.5 * log_variance) * self.noise(ops.shape(mean), seed)
        return ops.concatenate([upper, z], axis=-1)

    def log_posterior(self, images: Tensor, z: Tensor) -> Tensor:
        """log q(z | x), (samples, batch)."""
        mean, log_variance = self.posterior(images)
        if self.stochastic_layers == 1:
            return gaussian_log_density(z, mean, log_variance)
        upper, lower = self.split(z)
        above = gaussian_log_density(upper, *self.conditional_of(self.upper_encoder, lower))
        return above + gaussian_log_density(lower, mean, log_variance)

    def log_joint(self, images: Tensor, z: Tensor, weight: Any = 1.0) -> Tensor:
        """log p(x | z) + weight * log p(z), (samples, batch)."""
        if self.stochastic_layers == 1:
            prior, bottom = gaussian_log_density(z), z
        else:
            upper, bottom = self.split(z)
            prior = gaussian_log_density(upper)
            prior += gaussian_log_density(bottom, *self.conditional_of(self.prior, upper))
        return self.log_likelihood(images, self.decode(bottom)) + weight * prior

    def split(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The upper and the lower layer's part of z (..., upper + lower)."""
        return z[..., : self.lengths[0]], z[..., self.lengths[0] :]

    def conditional_of(self, network: keras.Model, z: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance (samples, batch, n) that a network gives for z."""
        mean, log_variance = self.gaussian_of(network, {"z": ops.reshape(z, (-1, z.shape[-1]))})
        shape = (z.shape[0], -1, mean.shape[-1])
        return ops.reshape(mean, shape), ops.reshape(log_variance, shape)

    # ---- drawing

    def call(self, inputs: Inputs, training: bool = False) -> Tensor:
        z = inputs["z"]
        if self.stochastic_layers == 2:
            upper, noise = self.split(z)
            mean, log_variance = self.gaussian_of(self.prior, {"z": upper})
            z = mean + ops.exp(0.5 * log_variance) * noise
        return self.pixel_means(self.decoder({"z": z}))

    def encode_inputs(self, inputs: Inputs) -> Tensor:
        lower, _ = self.posterior(inputs["image"])
        if self.stochastic_layers == 1:
            return lower
        upper, _ = self.gaussian_of(self.upper_encoder, {"z": lower})
        mean, log_variance = self.gaussian_of(self.prior, {"z": upper})
        noise = (lower - mean) * ops.exp(-0.5 * log_variance)
        return ops.concatenate([upper, noise], axis=-1)
