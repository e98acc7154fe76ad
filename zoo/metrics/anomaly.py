"""How well a model tells images of its data from other images, by how unusual it finds them."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from zoo.core.model import in_batches
from zoo.metrics.likelihood import image_bounds

BOUND, RECONSTRUCTION = "bound", "reconstruction error"
BOUND_SAMPLES = 50  # importance samples of an image


def anomaly_kind(model: Any) -> str | None:
    """What says how unusual a model finds an image, in words; None where nothing does.

    That is the negative bound on the image's log likelihood, or the error of its reconstruction
    where the model has no likelihood (the energy of `ebgan`). Models that need the label of an
    image have neither: images of other data have none of their labels.
    """
    if model.conditional and not model.classifies:
        return None
    if model.has_likelihood:
        return BOUND
    return RECONSTRUCTION if hasattr(model, "reconstruction_errors") else None


def anomaly_scores(
    model: Any,
    images: np.ndarray,
    seed: int = 0,
    progress: Callable[[Any], Iterable[int]] = iter,
) -> np.ndarray:
    """How unusual a model finds each image: (n,), the higher the more.

    Args:
        model: of an `anomaly_kind`.
        images: float32 (n, ...) in [0, 1], as the likelihood sees them.
        seed: of the importance samples.
        progress: wraps the range of batches.
    """
    if anomaly_kind(model) == BOUND:
        bounds, _ = image_bounds(model, images, None, BOUND_SAMPLES, seed, progress)
        return -bounds
    return in_batches(model.reconstruction_errors, {"image": images})


def auroc(usual: np.ndarray, unusual: np.ndarray) -> float:
    """The area under the ROC curve: how often an unusual image has the higher score of two.

    Equal scores count as half. 1 tells all apart, 0.5 is chance.

    Args:
        usual, unusual: scores (n,) and (m,) of images of the model's data and of other images.
    """
    ordered = np.sort(usual)
    below = np.searchsorted(ordered, unusual, side="left")
    up_to = np.searchsorted(ordered, unusual, side="right")
    return float((below + up_to).mean() / (2 * len(usual)))
