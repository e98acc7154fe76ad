"""The variational autoencoder of Kingma and Welling (2014), https://arxiv.org/abs/1312.6114.

Faithful: a Gaussian posterior with diagonal covariance, a standard normal prior, the evidence lower
bound with its Kullback-Leibler term in closed form and the reparameterised gradient, one sample of
z per image (more on request); Bernoulli or Gaussian pixels.
Different: two tanh layers of 200 instead of one of 500, those of Burda et al. (2016), so that the
model is `iwae` with k=1; Adam instead of Adagrad; convolutional networks are those of `dcgan`. The
`paper` preset is not this paper's training but that of Burda et al. (2016) for their variational
autoencoder, k=1: batches of 20 and eight stages of learning rates, 3,280 passes in all. With
`beta` the divergence is weighted as by Higgins et al. (2017), https://openreview.net/forum?id=Sy2fzU9gl.
"""

import keras

from zoo.backend import Batch
from zoo.core.model import Tensor
from zoo.hyperparameters import NonNegativeFloat, NonNegativeInt, PositiveInt
from zoo.latent.base import BEST, DEFAULT, LatentModel
from zoo.networks.gaussian import Activation, Networks, image_networks
from zoo.registry import register


@register(
    "vae",
    paper="Kingma and Welling 2014, Auto-Encoding Variational Bayes, arXiv:1312.6114",
    presets={
        "quick": {"steps": 2_000},
        "default": DEFAULT,
        "best": BEST,
        "paper": {
            "steps": 9_840_000,
            "batch_size": 20,
            "decay": "stages",
            "decay_steps": 9_840_000,
        },
    },
)
@keras.saving.register_keras_serializable("genzoo")
class VAE(LatentModel):
    """Variational autoencoder.

    Args:
        image_shape, num_classes, seed and others: see `LatentModel`.
        networks: "mlp", or "conv" for the convolutional ones of `dcgan`.
        hidden, depth: units and number of the hidden layers ("mlp"); depth 0 is linear.
        activation: of the hidden layers ("mlp"), "tanh" or "relu".
        width: filters of the layer next to the image ("conv").
        samples: of z per image and step.
        beta: weight of the divergence; 1 is the bound.
    """

    networks: Networks = "mlp"
    hidden: PositiveInt = 200
    depth: NonNegativeInt = 2
    activation: Activation = "tanh"
    width: PositiveInt = 32
    samples: PositiveInt = 1
    beta: NonNegativeFloat = 1.0

    def build_networks(self) -> None:
        self.track("loss", "reconstruction_loss", "divergence")
        self.set_networks(**image_networks(self))

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        images, weight = self.binarize(batch.images), self.beta * self.divergence_weight()

        def negative_bound() -> Tensor:
            return self.negative_bound(images, samples=self.samples, weight=weight)

        self.record(loss=self.minimize(negative_bound, "networks"))
        return self.get_metrics_result()
