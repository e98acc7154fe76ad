"""The deep latent Gaussian model of Rezende, Mohamed and Wierstra (2014),
https://arxiv.org/abs/1401.4082.

Faithful: a hierarchy drawn from the top down, h_L = G_L z_L and h_l = T_l(h_{l+1}) + G_l z_l, with
Gaussian noise z_l of standard normal prior in every layer, T_l of rectified linear units, and the
image drawn given T_0(h_1); a recognition network that gives the noise of each layer a Gaussian
whose precision is a diagonal plus a rank-one matrix (the paper's appendix); the bound with its
divergence in closed form; the reparameterised gradient, the paper's stochastic backpropagation.
Different: Adam instead of the paper's optimizer, and no Gaussian prior over the weights (its
section 3). The recognition network shares its hidden layers among the layers of noise.
"""

import keras
from keras import ops

from zoo.backend import Batch
from zoo.core.model import Inputs, Tensor
from zoo.core.priors import Seed, Spec
from zoo.hyperparameters import NonNegativeInt, PositiveInt
from zoo.latent.base import BEST, DEFAULT, LatentModel
from zoo.networks.gaussian import Activation, flat_input, hidden_layers, pixels
from zoo.objectives.likelihoods import LOG_2_PI, gaussian_log_density
from zoo.objectives.precision import full_precision
from zoo.registry import register


@register(
    "dlgm",
    paper="Rezende et al. 2014, Stochastic Backpropagation and Approximate Inference in Deep "
    "Generative Models, arXiv:1401.4082",
    presets={
        "quick": {"steps": 2_000},
        "default": DEFAULT,
        "best": BEST,
        "paper": {"steps": 500_000, "batch_size": 200, "latent_dim": 200, "hidden": 200},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class DLGM(LatentModel):
    """Deep latent Gaussian model.

    `z` holds the noise of all layers, (batch, stochastic_layers * latent_dim), the top one first.

    Args:
        image_shape, num_classes, seed and others: see `LatentModel`.
        stochastic_layers: number of layers of noise.
        latent_dim: units of each stochastic layer.
        hidden, depth: units and number of the hidden layers of each T_l, and of the recognition
            network.
        activation: of all hidden layers, "relu" or "tanh".
    """

    stochastic_layers: PositiveInt = 2
    latent_dim: PositiveInt = 50
    hidden: PositiveInt = 200
    depth: NonNegativeInt = 2
    activation: Activation = "relu"

    def build_networks(self) -> None:
        self.track("loss", "reconstruction_loss", "divergence")
        self.set_networks(
            decoder=self._generative(),
            encoder=self._recognition(),
        )

    def _generative(self) -> keras.Model:
        d = self.latent_dim
        z = keras.Input((self.stochastic_layers * d,), name="z")
        h = None
        for layer in range(self.stochastic_layers):
            noise = keras.layers.Dense(d, name=f"g_{self.stochastic_layers - layer}")(
                z[:, layer * d : (layer + 1) * d]
            )
            if h is not None:
                h = keras.layers.Dense(d)(
                    hidden_layers(h, self.hidden, self.depth, self.activation)
                )
            h = noise if h is None else h + noise
        return keras.Model(
            {"z": z},
            pixels(self, hidden_layers(h, self.hidden, self.depth, self.activation)),
            name="decoder",
        )

    def _recognition(self) -> keras.Model:
        inputs, x = flat_input("image", self.image_shape)
        x = hidden_layers(x, self.hidden, self.depth, self.activation)
        shape = (self.stochastic_layers, self.latent_dim)
        outputs = {
            name: keras.layers.Reshape(shape)(
                keras.layers.Dense(self.stochastic_layers * self.latent_dim, name=name)(x)
            )
            for name in ("mean", "log_variance", "direction")
        }
        return keras.Model(inputs, outputs, name="encoder")

    @property
    def inputs_spec(self) -> dict[str, Spec]:
        length = self.stochastic_layers * self.latent_dim
        return {"z": {"shape": [length], "dtype": "float32", "prior": "normal"}}

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        images, weight = self.binarize(batch.images), self.divergence_weight()

        def negative_bound() -> Tensor:
            return self.negative_bound(images, weight=weight)

        self.record(loss=self.minimize(negative_bound, "networks"))
        return self.get_metrics_result()

    # ---- the posterior of each layer's noise, N(mean, C) with C^-1 = diag(1 / variance) + u u'

    def bound_terms(
        self, images: Tensor, labels: Tensor = None, samples: int = 1
    ) -> tuple[Tensor, Tensor]:
        posterior = full_precision(self.encoder({"image": images}, training=True))
        z, _ = self.draw_posterior(posterior, samples)
        return self.log_likelihood(images, self.decode(z)), rank_one_divergence(**posterior)

    def log_weights(
        self, images: Tensor, labels: Tensor = None, samples: int = 1, seed: Seed = None
    ) -> Tensor:
        posterior = full_precision(self.encoder({"image": images}))
        z, log_posterior = self.draw_posterior(posterior, samples, seed)
        log_prior = gaussian_log_density(z)
        return self.log_likelihood(images, self.decode(z)) + log_prior - log_posterior

    def draw_posterior(
        self, posterior: dict[str, Tensor], samples: int, seed: Seed = None
    ) -> tuple[Tensor, Tensor]:
        """Reparameterised samples of q(z | x).

        Args:
            posterior: the encoder's "mean", "log_variance" and "direction" u, (batch, layers,
                latent_dim) each.
            samples: for each image.
            seed: as in `log_weights`.

        Returns:
            z (samples, batch, layers * latent_dim) and log q(z | x), (samples, batch).
        """
        mean, log_variance, u = (posterior[k] for k in ("mean", "log_variance", "direction"))
        noise = self.noise((samples, ops.shape(mean)[0], *mean.shape[1:]), seed)
        factor = ops.exp(0.5 * log_variance)
        root = ops.sqrt(1.0 + ops.sum(ops.square(u * factor), axis=-1, keepdims=True))
        along = ops.sum(u * factor * noise, axis=-1, keepdims=True)
        # R R' = C for R = F - F F u u' F / (r (r + 1)), with F = diag(factor) and r the root.
        z = mean + factor * noise - ops.square(factor) * u * along / (root * (root + 1.0))
        log_determinant = ops.sum(log_variance, axis=(-2, -1)) - 2.0 * ops.sum(
            ops.log(root), axis=(-2, -1)
        )
        squares = ops.sum(ops.square(noise) + LOG_2_PI, axis=(-2, -1))
        z = ops.reshape(z, (samples, -1, self.stochastic_layers * self.latent_dim))
        return z, -0.5 * (squares + log_determinant)

    def encode_inputs(self, inputs: Inputs) -> Tensor:
        mean = full_precision(self.encoder({"image": inputs["image"]})["mean"])
        return ops.reshape(mean, (-1, self.stochastic_layers * self.latent_dim))


def rank_one_divergence(mean: Tensor, log_variance: Tensor, direction: Tensor) -> Tensor:
    """KL(N(mean, C) || N(0, 1)), (batch,), summed over layers; all are (batch, layers, d).

    C^-1 is diag(exp(-log_variance)) plus the outer product of `direction` with itself.
    """
    variance = ops.exp(log_variance)
    scale = 1.0 + ops.sum(variance * ops.square(direction), axis=-1)
    trace = ops.sum(variance, axis=-1) - ops.sum(ops.square(variance * direction), axis=-1) / scale
    log_determinant = ops.sum(log_variance, axis=-1) - ops.log(scale)
    rest = ops.sum(ops.square(mean) - 1.0, axis=-1)
    return 0.5 * ops.sum(trace + rest - log_determinant, axis=-1)
