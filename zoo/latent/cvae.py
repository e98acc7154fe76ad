"""The conditional variational autoencoder of Sohn, Lee and Yan (2015),
https://papers.nips.cc/paper/5775.

Faithful: encoder, decoder and prior all see the condition; the prior of z is a Gaussian that the
condition determines, learned with the rest; the bound is that of the conditional likelihood, with
its divergence in closed form.
Different: the condition is a class label, where the paper completes images from a part of them; the
prior is one Gaussian per class. The paper's hybrid objective (its equation 6) is left out. Networks
are those of `vae`.
"""

import keras
from keras import ops

from zoo.backend import Batch
from zoo.core.model import Inputs, Tensor
from zoo.errors import RequestError
from zoo.hyperparameters import NonNegativeInt, PositiveInt
from zoo.latent.base import BEST, DEFAULT, LatentModel
from zoo.networks.gaussian import Activation, Networks, gaussian, image_networks
from zoo.networks.mlp import one_hot_label
from zoo.registry import register


@register(
    "cvae",
    paper="Sohn et al. 2015, Learning Structured Output Representation using Deep Conditional "
    "Generative Models, NeurIPS 2015",
    presets={
        "quick": {"steps": 2_000},
        "default": DEFAULT,
        "best": BEST,
        "paper": {"steps": 500_000, "batch_size": 100, "hidden": 1_000, "latent_dim": 200},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class CVAE(LatentModel):
    """Conditional variational autoencoder.

    Args:
        image_shape, num_classes, seed and others: see `LatentModel`; always `conditional`.
        networks: "mlp", or "conv" for the convolutional ones of `dcgan`.
        hidden, depth: units and number of the hidden layers ("mlp"); depth 0 is linear.
        activation: of the hidden layers ("mlp"), "tanh" or "relu".
        width: filters of the layer next to the image ("conv").
    """

    unsupported = {key: LatentModel.unsupported[key] for key in ("ema", "prior")}

    networks: Networks = "mlp"
    hidden: PositiveInt = 200
    depth: NonNegativeInt = 2
    activation: Activation = "tanh"
    width: PositiveInt = 32
    conditional: bool = True

    def validate(self) -> None:
        super().validate()
        if not self.conditional:
            raise RequestError("cvae is always conditional. Received: conditional=False")

    def build_networks(self) -> None:
        self.track("loss", "reconstruction_loss", "divergence")
        inputs: dict[str, Tensor] = {}
        label = one_hot_label(inputs, self.num_classes)
        self.set_networks(
            **image_networks(self),
            prior=gaussian(inputs, label, self.latent_dim, "prior"),
        )

    def prior_of(self, labels: Tensor = None) -> tuple[Tensor, ...]:
        return self.gaussian_of(self.prior, {"label": labels})

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        images, weight = self.binarize(batch.images), self.divergence_weight()

        def negative_bound() -> Tensor:
            return self.negative_bound(images, batch.labels, weight=weight)

        self.record(loss=self.minimize(negative_bound, "networks"))
        return self.get_metrics_result()

    def call(self, inputs: Inputs, training: bool = False) -> Tensor:
        mean, log_variance = self.prior_of(inputs["label"])
        z = mean + ops.exp(0.5 * log_variance) * inputs["z"]
        return super().call({**inputs, "z": z}, training)

    def encode_inputs(self, inputs: Inputs) -> Tensor:
        mean, log_variance = self.prior_of(inputs["label"])
        return (super().encode_inputs(inputs) - mean) * ops.exp(-0.5 * log_variance)
