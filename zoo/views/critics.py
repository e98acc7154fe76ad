"""Pictures of the critics of wgan and wgan_gp runs: what clipping does to one.

Gulrajani et al. (2017), "Improved Training of Wasserstein GANs", https://arxiv.org/abs/1704.00028,
figure 1b: under clipping the gradient grows or shrinks from layer to layer, and the weights are
driven to the two bounds.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from PIL.Image import Image

from zoo import backend
from zoo.pictures import learned
from zoo.views.view import View

Tensor = Any

EXAMPLES = 128  # real ones, and as many that are generated
AT_THE_BOUND = 0.99  # of the clip, from which a weight counts as being there


def gradient_norms(views: Sequence[View]) -> Image:
    """How long the gradient of the critic's score is at the output of each of its layers.

    Layer 0 is the example itself, where a penalised critic has a gradient of about 1; the last
    layer, whose output is the score, is left out. Means over test examples and generated ones.
    """
    lines = [(_title(view), norms_of(view)) for view in views]
    return learned.gradient_norms(lines)


def norms_of(view: View) -> np.ndarray:
    """The norms of the gradient of the score, at the example and at all layers but the last."""
    critic = _critic(view)
    model = view.model
    view.require(not model.conditional, "a critic without labels")
    real = view.dataset().floats(*model.value_range)[:EXAMPLES]
    generated = model.from_unit(model.generate(EXAMPLES, seed=0))
    examples = ops.convert_to_tensor(np.concatenate([real, generated]), "float32")
    norms = [_norm(lambda x: critic({"image": x}, training=False), examples)]
    for layer in [layer for layer in critic.layers if layer.weights][:-1]:
        before = keras.Model(critic.input, layer.output)
        after = keras.Model(layer.output, critic.output)
        outputs = before({"image": examples}, training=False)
        norms.append(_norm(functools.partial(after, training=False), outputs))
    return np.array(norms)


def _norm(function: Callable[[Tensor], Tensor], x: Tensor) -> float:
    gradient = ops.convert_to_numpy(backend.input_gradient(function, x))
    return float(np.linalg.norm(gradient.reshape(len(gradient), -1), axis=1).mean())


def weight_histogram(views: Sequence[View]) -> Image:
    """The weights of the critic, biases left out, with the bounds that they are clipped to."""
    found = []
    for view in views:
        kernels = [w for w in _critic(view).get_weights() if w.ndim > 1]
        weights = np.concatenate([kernel.ravel() for kernel in kernels])
        clip = view.run.config["hyperparameters"].get("clip")
        title = _title(view)
        if clip is not None:
            title += f"\n{100 * share_at_the_bound(weights, clip):.0f} % of the weights at a bound"
        found.append((title, weights, clip))
    return learned.weight_histograms(found)


def share_at_the_bound(weights: np.ndarray, clip: float) -> float:
    """The share, 0 to 1, of weights (n,) that lie at one of the bounds -clip and clip."""
    return float((np.abs(weights) >= AT_THE_BOUND * clip).mean())


def _critic(view: View) -> keras.Model:
    """The model's critic, or a `RequestError` where it has none."""
    is_critic = getattr(view.model, "opponent", "") == "critic"
    view.require(is_critic, "a model with a critic: wgan or wgan_gp")
    return view.model.critic


def _title(view: View) -> str:
    hyperparameters = view.run.config["hyperparameters"]
    said = [
        f"{name} {hyperparameters[name]:g}"
        for name in ("clip", "penalty")
        if name in hyperparameters
    ]
    return ", ".join([view.run.config["model"], *said])
