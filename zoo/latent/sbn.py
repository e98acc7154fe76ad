"""Sigmoid belief networks (Neal 1992), trained with a recognition network by "nvil", neural
variational inference and learning (Mnih and Gregor 2014), https://arxiv.org/abs/1402.0030, or by
"rws", reweighted wake-sleep (Bornschein and Bengio 2015), https://arxiv.org/abs/1406.2751.

Faithful: layers of 200 binary units, each a logistic regression on the layer above, and a
recognition network of logistic regressions on the layer below. "nvil" has the score-function
gradient of the bound from one sample, with the paper's variance reductions: a learning signal of
each layer that keeps only the terms of the bound which that layer and those above change; baselines
that see the layer below, with 100 tanh units, and learn by squared error; a running mean taken off
the signal, which is then divided by its running standard deviation where that is above 1, both with
decay 0.8. "rws" weights k samples by their importance for the generative networks and for the wake
phase of the recognition network, and adds its sleep phase, on as many dreams as the batch has
images.
Different: Adam with one rate for all networks. In "nvil" mean and deviation are those from before
the step, which leaves the estimate unbiased, and the mean starts at what fair coins give; images
and units are seen as they are, not less their mean. Rate and length of the `paper` preset are
chosen here.
"""

import math
from typing import Any, Literal

import keras
from keras import ops

from zoo.backend import Batch, noise
from zoo.core.model import Inputs, Tensor
from zoo.core.priors import Seed, Spec
from zoo.hyperparameters import PositiveInt
from zoo.latent.base import LatentModel
from zoo.networks.gaussian import flat_input, pixels
from zoo.networks.layers import update_moments
from zoo.objectives.likelihoods import bernoulli_log_density, importance_bound
from zoo.objectives.precision import full_precision
from zoo.registry import register

DECAY = 0.8  # of the running mean and variance of the learning signal
MIN_PROBABILITY = 1e-7  # of a unit: noise of -1 turns it on even where a sigmoid is 0


@register(
    "sbn",
    paper="Mnih and Gregor 2014, Neural Variational Inference and Learning in Belief Networks, "
    "arXiv:1402.0030",
    presets={
        "quick": {"steps": 10_000, "batch_size": 20, "learning_rate": 3e-3},
        "default": {
            "steps": 150_000,
            "batch_size": 100,
            "learning_rate": 3e-3,
            "decay": "cosine",
        },
        "paper": {"steps": 1_500_000, "batch_size": 20, "learning_rate": 3e-4},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class SBN(LatentModel):
    """Sigmoid belief network.

    `z` is uniform noise of all units, (batch, stochastic_layers * latent_dim), the top layer's
    first: a unit is on where (z + 1) / 2 is below its probability. So the noise 1 - 2 h draws the
    units h.

    Args:
        image_shape, num_classes, seed and others: see `LatentModel`.
        stochastic_layers: 1 to 3.
        latent_dim: units of each stochastic layer.
        estimator: "nvil" or "rws".
        k: importance samples ("rws").
        baseline_hidden: hidden units of each baseline ("nvil").
    """

    unsupported = {
        **LatentModel.unsupported,
        **dict.fromkeys(("likelihood", "pixel_std", "learn_std"), "its pixels are binary"),
        "warm_up": "its learning signal is that of the whole bound",
    }

    stochastic_layers: Literal[1, 2, 3] = 1
    latent_dim: PositiveInt = 200
    estimator: Literal["nvil", "rws"] = "nvil"
    k: PositiveInt = 5
    baseline_hidden: PositiveInt = 100

    def build_networks(self) -> None:
        self.units = self.stochastic_layers * self.latent_dim
        self.visible = math.prod(self.image_shape)
        self.track("loss")
        networks = {"decoder": self._generative(), "encoder": self._recognition()}
        if self.estimator == "nvil":
            self.track("baseline_loss")
            networks["baseline"] = self._baselines()
            start = [-math.log(2.0) * self.latent_dim] * (self.stochastic_layers - 1) + [
                -math.log(2.0) * self.visible
            ]
            self.signal_mean = self.add_weight(
                shape=(self.stochastic_layers,),
                initializer=lambda shape, dtype: ops.convert_to_tensor(start, dtype),
                trainable=False,
                name="signal_mean",
            )
            self.signal_variance = self.add_weight(
                shape=(self.stochastic_layers,),
                initializer="zeros",
                trainable=False,
                name="signal_variance",
            )
        self.set_networks(**networks)

    # ---- networks; the top layer comes first in whatever holds all layers

    def _generative(self) -> keras.Model:
        """The image's and the units' logits, and the units, that noise draws from the top down."""
        z = keras.Input((self.units,), name="z")
        prior = keras.layers.Dense(
            self.latent_dim, use_bias=False, kernel_initializer="zeros", name="prior"
        )
        logits: list[Tensor] = [prior(ops.ones_like(z[:, :1]))]
        units: list[Tensor] = []
        for index in range(self.stochastic_layers):
            if units:
                logits.append(self._layer(index)(units[-1]))
            units.append(draw_units(logits[-1], self._part(z, index)))
        outputs = {"logits": ops.concatenate(logits, -1), "units": ops.concatenate(units, -1)}
        outputs["image"] = pixels(self, units[-1])
        return keras.Model({"z": z}, outputs, name="decoder")

    def _recognition(self) -> keras.Model:
        """The units' logits and the units, (samples, batch, n), that noise draws upwards."""
        inputs, below = flat_input("image", self.image_shape)
        z = keras.Input((None, self.units), name="z")
        logits: list[Tensor] = []
        units: list[Tensor] = []
        for index in reversed(range(self.stochastic_layers)):
            noise = self._part(z, index)
            # One image meets all samples. The zeros come first: what Keras adds to a matrix on
            # TensorFlow it takes for a bias, whatever its rank, if it has one row.
            logits.insert(0, ops.zeros_like(noise) + self._layer(index)(below))
            units.insert(0, draw_units(logits[0], noise))
            below = units[0]
        outputs = {"logits": ops.concatenate(logits, -1), "units": ops.concatenate(units, -1)}
        return keras.Model({**inputs, "z": z}, outputs, name="encoder")

    def _baselines(self) -> keras.Model:
        """The learning signal of each layer, (batch, layers), predicted from the layer below."""
        inputs, below = flat_input("image", self.image_shape)
        inputs["units"] = keras.Input((self.units,), name="units")
        signals: list[Tensor] = []
        for index in reversed(range(self.stochastic_layers)):
            x = keras.layers.Dense(self.baseline_hidden, activation="tanh")(below)
            signals.insert(0, keras.layers.Dense(1)(x))
            below = self._part(inputs["units"], index)
        return keras.Model(inputs, ops.concatenate(signals, -1), name="baseline")

    def _layer(self, index: int) -> keras.layers.Layer:
        return keras.layers.Dense(self.latent_dim, name=f"h_{self.stochastic_layers - index}")

    def _part(self, units: Tensor, index: int) -> Tensor:
        return units[..., index * self.latent_dim : (index + 1) * self.latent_dim]

    # ---- training

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        images = self.binarize(batch.images)
        loss_fn = self.nvil_loss if self.estimator == "nvil" else self.rws_loss
        self.minimize(lambda: loss_fn(images), "networks")
        return self.get_metrics_result()

    def nvil_loss(self, images: Tensor) -> Tensor:
        """A scalar whose gradient is that of every network, from one sample per image."""
        z = self.noise((1, ops.shape(images)[0], self.units))
        surrogate, bound, residual = self.nvil_terms(images, z)
        squared_error = ops.mean(ops.sum(ops.square(residual - self.signal_mean), axis=-1))
        self.record(loss=-ops.mean(bound), baseline_loss=squared_error)
        self.update_signal(ops.stop_gradient(residual))
        return squared_error - ops.mean(surrogate)

    def nvil_terms(self, images: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What images (batch, ...) and noise z (1, batch, units) contribute to the step.

        Returns:
            surrogate: (batch,); its gradient estimates that of the bound, but for the encoder it is
                divided by the running deviation of each layer's signal.
            bound: (batch,), log p(x, h) - log q(h | x).
            residual: (batch, layers), the learning signals less their baselines.
        """
        units, likelihood, log_p, log_q = (value[0] for value in self.log_densities(images, z))
        joint = likelihood + ops.sum(log_p, axis=-1)
        signals = ops.stop_gradient(local_signals(likelihood, log_p, log_q))
        baseline = full_precision(self.baseline({"image": images, "units": units}))
        residual = signals - baseline
        deviation = ops.maximum(1.0, ops.sqrt(self.signal_variance))
        centred = ops.stop_gradient((residual - self.signal_mean) / deviation)
        surrogate = joint + ops.sum(centred * log_q, axis=-1)
        return surrogate, joint - ops.sum(log_q, axis=-1), residual

    def update_signal(self, residual: Tensor) -> None:
        """Updates the running mean and variance by those of `residual` (batch, layers)."""
        update_moments(self.signal_mean, self.signal_variance, residual, DECAY)

    def rws_loss(self, images: Tensor) -> Tensor:
        """A scalar whose gradient is that of both networks, awake and asleep."""
        rows = ops.shape(images)[0]
        z = self.noise((self.k, rows, self.units))
        generative, wake, log_weights = self.wake_losses(images, z)
        self.record(loss=-ops.mean(importance_bound(log_weights)))
        dreams = self.noise((1, rows, self.units)), self.noise((1, rows, self.visible))
        return ops.mean(generative + wake + self.sleep_loss(*dreams))

    def wake_losses(self, images: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The losses of both networks in the wake phase, for images and noise z (k, batch, units).

        Returns:
            -sum_k w log p(x, h) and -sum_k w log q(h | x), (batch,) each, with normalised weights
            w; and log w, (k, batch), before it is normalised.
        """
        _, likelihood, log_p, log_q = self.log_densities(images, z)
        joint = likelihood + ops.sum(log_p, axis=-1)
        posterior = ops.sum(log_q, axis=-1)
        log_weights = ops.stop_gradient(joint - posterior)
        weights = ops.softmax(log_weights, axis=0)
        generative, wake = (-ops.sum(weights * value, axis=0) for value in (joint, posterior))
        return generative, wake, log_weights

    def sleep_loss(self, z: Tensor, noise: Tensor) -> Tensor:
        """-log q(h | x), (batch,), of dreams x, h that the model draws.

        Args:
            z: noise of the units, (1, batch, units).
            noise: of the image, (1, batch, pixels).
        """
        dream = self.decode(z)
        logits = ops.reshape(dream["image"], (-1, self.visible))
        images = ops.reshape(draw_units(logits, noise[0]), (-1, *self.image_shape))
        units = dream["units"][None]
        recognised = full_precision(self.encoder({"image": images, "z": 1.0 - 2.0 * units}))
        return -ops.sum(self.by_layer(units, recognised["logits"]), axis=-1)[0]

    # ---- distributions

    def noise(self, shape: tuple[Any, ...], seed: Seed = None) -> Tensor:
        """Noise uniform on [-1, 1]; None draws it from the training's stream."""
        coins = noise.uniform(shape, seed=self.noise_seed if seed is None else seed, rows=1)
        return 2.0 * coins - 1.0

    def log_densities(self, images: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Units that noise z (samples, batch, units) draws from q(h | x), and their densities.

        Returns:
            The units, of the shape of `z`; log p(x | h_1), (samples, batch); and, (samples, batch,
            layers) each, log p of each layer given the one above and log q given the one below.
        """
        recognised = full_precision(self.encoder({"image": ops.convert_to_tensor(images), "z": z}))
        units = recognised["units"]
        output = self.decode(1.0 - 2.0 * units)
        return (
            units,
            self.log_likelihood(images, output["image"]),
            self.by_layer(units, output["logits"]),
            self.by_layer(units, recognised["logits"]),
        )

    def by_layer(self, units: Tensor, logits: Tensor) -> Tensor:
        """Log probability of each layer, (samples, batch, layers), of units under their logits."""
        shape = (units.shape[0], -1, self.stochastic_layers, self.latent_dim)
        return bernoulli_log_density(ops.reshape(units, shape), ops.reshape(logits, shape))

    def log_weights(
        self, images: Tensor, labels: Tensor = None, samples: int = 1, seed: Seed = None
    ) -> Tensor:
        z = self.noise((samples, ops.shape(images)[0], self.units), seed)
        _, likelihood, log_p, log_q = self.log_densities(images, z)
        return likelihood + ops.sum(log_p - log_q, axis=-1)

    # ---- drawing

    @property
    def inputs_spec(self) -> dict[str, Spec]:
        return {"z": {"shape": [self.units], "dtype": "float32", "prior": "uniform"}}

    def call(self, inputs: Inputs, training: bool = False) -> Tensor:
        return self.pixel_means(self.decoder(inputs)["image"])

    def encode_inputs(self, inputs: Inputs) -> Tensor:
        """Noise that draws the units likelier on than off under q, from the image upwards."""
        # Made of the image, so that it is a part of the graph that is exported.
        images = ops.convert_to_tensor(inputs["image"])
        first = ops.reshape(images, (1, -1, self.visible))[..., :1]
        middle = ops.tile(ops.zeros_like(first), (1, 1, self.units))
        units = full_precision(self.encoder({"image": images, "z": middle})["units"])
        return 1.0 - 2.0 * units[0]


def draw_units(logits: Tensor, noise: Tensor) -> Tensor:
    """Units: 1 where (noise + 1) / 2, of noise in [-1, 1], is below their probability, else 0."""
    probability = ops.maximum(ops.sigmoid(logits), MIN_PROBABILITY)
    return ops.cast(0.5 * (noise + 1.0) < probability, logits.dtype)


def local_signals(likelihood: Tensor, log_p: Tensor, log_q: Tensor) -> Tensor:
    """The part of log p(x, h) - log q(h | x) that each layer changes, (batch, layers).

    Layer l's is log p(h_{l-1} | h_l) and all terms of the layers from l up (Mnih and Gregor,
    section 2.4).

    Args:
        likelihood: log p(x | h_1), (batch,).
        log_p, log_q: of each layer, (batch, layers), the top one first.
    """
    below = ops.concatenate([log_p[:, 1:], likelihood[:, None]], axis=-1)
    return below + ops.cumsum(log_p - log_q, axis=-1)
