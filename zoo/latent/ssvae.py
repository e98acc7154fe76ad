"""The semi-supervised models M2 and M1+M2 of Kingma et al. (2014), https://arxiv.org/abs/1406.5298.

Faithful: M2 draws an image from a class and a Gaussian z that is independent of it; the bound of a
labelled image, the bound of an unlabelled one with its class marginalised exactly under the
classifier q(y | x), and the classifier's own log loss on the labelled, weighted by alpha times the
number of all images; as many labelled images of each class. M1+M2 is M2 over the latent variable z1
of a variational autoencoder, sampled anew for each use. One hidden layer of 500 and 50 latents in
each network.
Different: one image in ten of a batch is a labelled one, drawn from the few, so that they count for
more in the bound than their share of the data; M1 learns beside M2, which sees its codes without
a gradient back, and not before it; rectified linear units and Adam instead of softplus and AdaGrad.
The `default` preset is M1+M2, and has alpha=1 for the paper's 0.1: in so few passes the images
without a label else settle the classes of M2 before the few with one have named them. M2 by itself
needs alpha=10 here.
"""

import math
from typing import Any, Literal

import keras
from keras import ops

from zoo.backend import Batch
from zoo.core.model import Graph, Inputs, Tensor
from zoo.core.priors import Seed, Spec
from zoo.data.batches import Batches, SemiSupervisedBatches
from zoo.data.dataset import Dataset
from zoo.errors import RequestError
from zoo.hyperparameters import NonNegativeFloat, NonNegativeInt, PositiveInt
from zoo.latent.base import LatentModel
from zoo.networks.gaussian import (
    flat_input,
    gaussian_mlp,
    hidden_layers,
    mlp_decoder,
    mlp_encoder,
)
from zoo.objectives.likelihoods import gaussian_divergence, gaussian_log_density
from zoo.objectives.losses import mean_of
from zoo.objectives.precision import full_precision
from zoo.registry import register


@register(
    "ssvae",
    paper="Kingma et al. 2014, Semi-supervised Learning with Deep Generative Models, "
    "arXiv:1406.5298",
    presets={
        "quick": {"steps": 2_000},
        "default": {
            "steps": 40_000,
            "batch_size": 100,
            "decay": "cosine",
            "decay_steps": 40_000,
            "alpha": 1.0,
            "stack": "m1_m2",
        },
        "paper": {"steps": 500_000, "batch_size": 200, "learning_rate": 3e-4},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class SSVAE(LatentModel):
    """Semi-supervised variational autoencoder: draws images of a class, classifies, and encodes.

    With `stack="m1_m2"` the input `z` holds the noise of M2's z, (batch, latent_dim), then that of
    z1 given it.

    A labelled image has a label from 0, an unlabelled one -1; `genzoo train` hides all but `labels`
    of the labels (see `SemiSupervisedBatches`).

    Args:
        image_shape, num_classes, seed and others: see `LatentModel`.
        stack: "m2", or "m1_m2".
        labels: how many images keep their label, as many of each class; at least one per class.
        alpha: weight of the classifier's log loss beside the bound of one image.
        latent_dim: length of M2's z, and of z1.
        hidden, depth: units and number of the hidden layers of each network.
    """

    classifies = True
    lowest_label = -1
    unsupported = {
        "ema": LatentModel.unsupported["ema"],
        "prior": LatentModel.unsupported["prior"],
        "warm_up": "it tells classes apart by their whole bounds",
    }

    stack: Literal["m2", "m1_m2"] = "m2"
    labels: PositiveInt = 100
    alpha: NonNegativeFloat = 0.1
    latent_dim: PositiveInt = 50
    hidden: PositiveInt = 500
    depth: NonNegativeInt = 1
    conditional: bool = True

    def validate(self) -> None:
        super().validate()
        if not self.conditional:
            raise RequestError("ssvae is always conditional. Received: conditional=False")
        if self.labels < self.num_classes:
            raise RequestError(
                f"labels must be at least one per class, {self.num_classes}. "
                f"Received: {self.labels}"
            )

    def build_networks(self) -> None:
        self.log_prior = -math.log(self.num_classes)  # of any class
        self.track("loss", "labelled_loss", "unlabelled_loss", "class_loss")
        d, relu = self.latent_dim, "relu"
        mlp: dict[str, Any] = {"hidden": self.hidden, "depth": self.depth, "activation": relu}
        if self.stack == "m2":
            inputs, x = flat_input("image", self.image_shape)
            networks = {
                "decoder": mlp_decoder(self, d, **mlp, num_classes=self.num_classes),
                "encoder": mlp_encoder(self.image_shape, d, **mlp, num_classes=self.num_classes),
            }
        else:
            inputs, x = flat_input("z", (d,))
            networks = {
                "decoder": mlp_decoder(self, d, **mlp),
                "encoder": mlp_encoder(self.image_shape, d, **mlp),
                "prior": gaussian_mlp(d, d, **mlp, num_classes=self.num_classes, name="prior"),
                "upper_encoder": gaussian_mlp(
                    d, d, **mlp, num_classes=self.num_classes, name="upper_encoder"
                ),
            }
        logits = keras.layers.Dense(self.num_classes)(
            hidden_layers(x, self.hidden, self.depth, relu)
        )
        self.set_networks(**networks, classifier=keras.Model(inputs, logits, name="classifier"))

    @classmethod
    def batches(cls, dataset: Dataset, settings: dict[str, Any], seed: int) -> Batches:
        plain = super().batches(dataset, settings, seed)
        return SemiSupervisedBatches(plain, settings["labels"])

    @property
    def inputs_spec(self) -> dict[str, Spec]:
        length = self.latent_dim * (2 if self.stack == "m1_m2" else 1)
        z = {"shape": [length], "dtype": "float32", "prior": "normal"}
        return {"z": z, **self.label_spec}

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        images = self.binarize(batch.images)
        known = ops.cast(batch.labels >= 0, images.dtype)
        targets = ops.one_hot(ops.maximum(batch.labels, 0), self.num_classes, dtype=images.dtype)

        def loss() -> Tensor:
            if self.stack == "m2":
                below, seen = 0.0, images
            else:
                mean, log_variance = self.posterior_of(images)
                z1 = self.reparameterize(mean, log_variance)
                below = -ops.mean(self.log_likelihood(images, self.decoder({"z": z1[0]})))
                below += ops.mean(gaussian_divergence(mean, log_variance))
                seen = ops.stop_gradient(z1[0])
            bounds = self.class_bounds(seen)
            log_q = ops.log_softmax(self.class_logits(seen))
            labelled = -ops.sum(targets * bounds, axis=-1)
            unlabelled = unlabelled_loss(bounds, log_q)
            class_loss = mean_of(-ops.sum(targets * log_q, axis=-1), known)
            self.record(
                labelled_loss=mean_of(labelled, known),
                unlabelled_loss=mean_of(unlabelled, 1.0 - known),
                class_loss=class_loss,
            )
            upper = ops.mean(known * labelled + (1.0 - known) * unlabelled)
            return below + upper + self.alpha * class_loss

        self.record(loss=self.minimize(loss, "networks"))
        return self.get_metrics_result()

    # ---- M2, of images or of z1: what it sees is (batch, ...), classes come first

    def as_inputs(self, seen: Tensor) -> dict[str, Tensor]:
        """What M2 sees, as the inputs of a network."""
        return {"image" if self.stack == "m2" else "z": seen}

    def class_logits(self, seen: Tensor) -> Tensor:
        """The classifier's logits (batch, classes)."""
        return full_precision(self.classifier(self.as_inputs(seen)))

    def with_every_class(self, seen: Tensor) -> dict[str, Tensor]:
        """Inputs of a network that hold each example once with each label, class by class."""
        classes = ops.reshape(ops.arange(self.num_classes, dtype="int32"), (-1, 1))
        rows = ops.zeros((1, ops.shape(seen)[0]), dtype="int32")
        tiled = ops.tile(seen, (self.num_classes, *(1,) * (len(seen.shape) - 1)))
        return {**self.as_inputs(tiled), "label": ops.reshape(classes + rows, (-1,))}

    def posterior_of_class(self, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and log variance of q(z | x, y), and the labels y: classes * batch rows."""
        inputs = self.with_every_class(seen)
        encoder = self.encoder if self.stack == "m2" else self.upper_encoder
        return *self.gaussian_of(encoder, inputs), inputs["label"]

    def log_density_of_seen(self, seen: Tensor, z: Tensor, labels: Tensor) -> Tensor:
        """log p(x | y, z), (rows / batch, batch), for z and labels of rows that repeat `seen`."""
        inputs = {"z": z, "label": labels}
        if self.stack == "m2":
            return self.log_likelihood(seen, self.decoder(inputs))
        shape = (-1, ops.shape(seen)[0], self.latent_dim)
        mean, log_variance = (
            ops.reshape(value, shape) for value in self.gaussian_of(self.prior, inputs)
        )
        return gaussian_log_density(seen, mean, log_variance)

    def class_bounds(self, seen: Tensor) -> Tensor:
        """Lower bounds of log p(x, y) for each y, (batch, classes), from one sample of z each."""
        mean, log_variance, labels = self.posterior_of_class(seen)
        z = self.reparameterize(mean, log_variance)[0]
        divergence = ops.reshape(gaussian_divergence(mean, log_variance), (self.num_classes, -1))
        likelihood = self.log_density_of_seen(seen, z, labels)
        return ops.transpose(likelihood - divergence + self.log_prior)

    def marginal_weights(self, seen: Tensor, samples: int, seed: Seed) -> Tensor:
        """log sum_y p(y) p(x | y, z_y) p(z_y) / q(z_y | x, y), (samples, batch), z_y from q."""
        mean, log_variance, labels = self.posterior_of_class(seen)
        z = self.reparameterize(mean, log_variance, samples, seed)
        rows = ops.reshape(z, (-1, self.latent_dim))
        likelihood = self.log_density_of_seen(seen, rows, ops.tile(labels, (samples,)))
        ratio = gaussian_log_density(z) - gaussian_log_density(z, mean, log_variance)
        shape = (samples, self.num_classes, -1)
        weights = ops.reshape(likelihood, shape) + ops.reshape(ratio, shape)
        return ops.logsumexp(weights + self.log_prior, axis=1)

    def posterior_of(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of M1's q(z1 | x)."""
        return self.gaussian_of(self.encoder, {"image": images})

    def log_weights(
        self, images: Tensor, labels: Tensor = None, samples: int = 1, seed: Seed = None
    ) -> Tensor:
        if self.stack == "m2":
            return self.marginal_weights(images, samples, seed)
        mean, log_variance = self.posterior_of(images)
        z1 = self.reparameterize(mean, log_variance, samples, seed)
        rows = ops.reshape(z1, (-1, self.latent_dim))
        upper = ops.reshape(self.marginal_weights(rows, 1, seed), (samples, -1))
        likelihood = self.log_likelihood(images, self.decoder({"z": rows}))
        return likelihood + upper - gaussian_log_density(z1, mean, log_variance)

    # ---- drawing, encoding, classifying

    def call(self, inputs: Inputs, training: bool = False) -> Tensor:
        z, label = inputs["z"], inputs["label"]
        if self.stack == "m2":
            return self.pixel_means(self.decoder({"z": z, "label": label}))
        inputs = {"z": z[:, : self.latent_dim], "label": label}
        mean, log_variance = self.gaussian_of(self.prior, inputs)
        z1 = mean + ops.exp(0.5 * log_variance) * z[:, self.latent_dim :]
        return self.pixel_means(self.decoder({"z": z1}))

    def encode_inputs(self, inputs: Inputs) -> Tensor:
        if self.stack == "m2":
            return super().encode_inputs(inputs)
        z1, _ = self.posterior_of(inputs["image"])
        label = inputs["label"]
        upper, _ = self.gaussian_of(self.upper_encoder, {"z": z1, "label": label})
        mean, log_variance = self.gaussian_of(self.prior, {"z": upper, "label": label})
        noise = (z1 - mean) * ops.exp(-0.5 * log_variance)
        return ops.concatenate([upper, noise], axis=-1)

    def classify(self, inputs: Inputs) -> Tensor:
        """Probabilities (batch, classes) of the images in {"image": (batch, *image_shape)}."""
        seen = inputs["image"]
        if self.stack == "m1_m2":
            seen, _ = self.posterior_of(seen)
        return ops.softmax(self.class_logits(seen))

    @property
    def graphs(self) -> dict[str, Graph]:
        image = {"image": self.image_spec}
        return {**super().graphs, "classifier": Graph(image, self.classify, "probability")}


def unlabelled_loss(bounds: Tensor, log_q: Tensor) -> Tensor:
    """The negative bound of an image without a label: -sum_y q(y | x) (bound_y - log q(y | x)).

    Args:
        bounds: of log p(x, y) for each class y, (batch, classes).
        log_q: log q(y | x), (batch, classes).

    Returns:
        (batch,).
    """
    return -ops.sum(ops.exp(log_q) * (bounds - log_q), axis=-1)
