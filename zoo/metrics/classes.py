"""How often a model names the wrong class of images that it has not seen."""

from typing import Any

import numpy as np

from zoo.core.model import in_batches


def classification_error(model: Any, images: np.ndarray, labels: np.ndarray) -> float:
    """The share of images that `model.classify` puts into another class than the label's.

    Args:
        model: that classifies.
        images: float32 (n, ...) in [0, 1].
        labels: (n,).
    """
    found = in_batches(model.classify, {"image": images}).argmax(axis=-1)
    return float((found != labels).mean())


def category_error(model: Any, images: np.ndarray, labels: np.ndarray) -> float:
    """The error of the categories that a model found without labels, at their best.

    Each category stands for a class of its own, so that as many images as can be are right: the
    matching of Chen et al. (2016), section 7.2, where InfoGAN errs on 5 % of MNIST. Images of a
    category that is left over, where there are more categories than classes, are wrong.

    Args:
        model: with `categorize`.
        images: float32 (n, ...) in [0, 1].
        labels: (n,), which the model has not seen.
    """
    from scipy.optimize import linear_sum_assignment

    probabilities = in_batches(model.categorize, {"image": images})
    counts = np.zeros((probabilities.shape[1], int(labels.max()) + 1), dtype="int64")
    np.add.at(counts, (probabilities.argmax(axis=-1), labels), 1)
    return 1 - float(counts[linear_sum_assignment(counts, maximize=True)].sum() / len(labels))
