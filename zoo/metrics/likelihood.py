"""How likely a model finds images it has not seen, in nats per image."""

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np

IMAGES = 20  # at a time; with ROWS it fixes the random stream, and so the number
ROWS = 5_000  # images times samples that are decoded at once, which bounds the memory


def estimate_nll(
    model: Any,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    samples: int = 5_000,
    seed: int = 0,
    progress: Callable[[Any], Iterable[int]] = iter,
) -> dict[str, float]:
    """The means over images of what `image_bounds` gives, whose arguments these are.

    Returns:
        Dict of "nll", an upper bound of -log p(x) that falls with k, "elbo", the lower bound of
        log p(x) that one sample gives, and "standard_error" of the first over the images.
    """
    bounds, elbos = image_bounds(model, images, labels, samples, seed, progress)
    return {
        "nll": float(-bounds.mean()),
        "elbo": float(elbos.mean()),
        "standard_error": float(bounds.std() / np.sqrt(len(bounds))),
    }


def image_bounds(
    model: Any,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    samples: int = 5_000,
    seed: int = 0,
    progress: Callable[[Any], Iterable[int]] = iter,
) -> tuple[np.ndarray, np.ndarray]:
    """The importance-weighted bound on log p(x) of Burda et al. (2016), and the ELBO.

    Args:
        model: with `log_weights`, as every `LatentModel` with a prior.
        images: float32 (n, ...) as the likelihood sees them, so binarized for a Bernoulli one.
        labels: int32 (n,), for a conditional model.
        samples: k, importance samples per image.
        seed: of the samples.
        progress: wraps the range of batches, as `rich.progress.track`.

    Returns:
        (bounds, elbos) in nats, (n,) each.
    """
    chunk = min(samples, ROWS // IMAGES)
    log_weights_of = LogWeights(model, chunk, seed)
    all_bounds, elbos = [], []
    for start in progress(range(0, len(images), IMAGES)):
        rows = slice(start, start + IMAGES)
        batch = {"image": images[rows]}
        if labels is not None:
            batch["label"] = labels[rows]
        total: Any = 0.0
        log_sum: Any = -np.inf
        for first in range(0, samples, chunk):
            log_weights = log_weights_of.predict_on_batch(batch)[: samples - first].astype(
                "float64"
            )
            total = total + log_weights.sum(axis=0)
            log_sum = np.logaddexp(log_sum, np.logaddexp.reduce(log_weights, axis=0))
        all_bounds.append(log_sum - np.log(samples))
        elbos.append(total / samples)
    return np.concatenate(all_bounds), np.concatenate(elbos)


class LogWeights(keras.Model):
    """A model's `log_weights` of so many samples, as Keras compiles what it predicts with."""

    def __init__(self, model: Any, samples: int, seed: int) -> None:
        super().__init__()
        self.model = model
        self.samples = samples
        self.stream = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs: dict[str, Any]) -> Any:
        return self.model.log_weights(
            inputs["image"], inputs.get("label"), self.samples, self.stream
        )
