"""What a variational autoencoder's `beta` trades: the rate of its codes against the distortion.

Higgins et al. (2017), "beta-VAE", https://openreview.net/forum?id=Sy2fzU9gl; the two axes are those
of Alemi et al. (2018), "Fixing a Broken ELBO", https://arxiv.org/abs/1711.00464.
"""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops
from PIL.Image import Image

from zoo.latent.base import STATIC_SEED
from zoo.pictures import learned
from zoo.pictures.learned import TradeOff
from zoo.views.view import View

IMAGES = 1_000  # test images at most
AT_ONCE = 250


def rate_distortion(views: Sequence[View]) -> Image:
    """A point for each run: KL(q || p) of its codes against -E log p(x | z), in nats per image.

    Their sum is the bound on -log p(x), which is best where beta is 1 if the training found it; the
    dotted lines join what has the same bound.
    """
    return learned.rate_distortion([_point(view) for view in views])


def _point(view: View) -> TradeOff:
    hyperparameters = view.run.config["hyperparameters"]
    view.require("beta" in hyperparameters, "runs of a model with beta: vae")
    rate, distortion = measure(view)
    return TradeOff(hyperparameters["beta"], rate, distortion)


def measure(view: View) -> tuple[float, float]:
    """Rate and distortion of test images, means in nats, with one sample of each code.

    The images are binarized as for training, by a fixed seed.
    """
    model = view.model
    dataset = view.dataset()
    if model.binarized != "none":
        dataset = dataset.binarized(STATIC_SEED)
    images = dataset.floats(*model.value_range)[:IMAGES]
    model.noise_seed.state.assign(keras.random.SeedGenerator(0).state)
    rates, distortions = [], []
    for start in range(0, len(images), AT_ONCE):
        batch = ops.convert_to_tensor(images[start : start + AT_ONCE])
        likelihood, divergence = model.bound_terms(batch)
        distortions.append(-ops.convert_to_numpy(likelihood)[0])
        rates.append(ops.convert_to_numpy(divergence))
    return float(np.concatenate(rates).mean()), float(np.concatenate(distortions).mean())
