"""How a training goes, in numbers and, where it goes badly, in words.

- "mode collapse": generated images that hardly differ (or, in `scoring.py`, leave classes out).
- "discriminator saturated": it tells all generated images from all real ones, and then teaches
  nothing.
- a number that is not finite, which ends the training or has it tried again: `NotFinite`.
- "posterior collapse": latent units that the images do not move (Bowman et al. 2016,
  https://arxiv.org/abs/1511.06349), counted as Burda et al. (2016) count the active ones:
  the variance of the unit's posterior mean over the images is above 0.01.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from zoo.data import Dataset
from zoo.errors import FailedError

RETRIES = 3  # of a training, each at half the learning rate, after a number that is not finite
RATE = "learning_rate"  # what the names of the hyperparameters that are halved end with
LOOKED_AT = 256  # training images
ALIKE = 0.4  # of the real images' diversity, below which generated ones are too much alike
SATURATED = 0.99  # accuracy on real and on generated images
ACTIVE = 0.01  # variance
FEW_ACTIVE = 0.1  # of all units


class NotFinite(FailedError):
    """A number of a training became NaN or infinite.

    Attributes:
        step: after which it was found.
        what: was not finite, in words.
    """

    def __init__(self, step: int, what: str) -> None:
        super().__init__(f"{what} stopped being finite at step {step}")
        self.step = step
        self.what = what


def check_state(tensors: Mapping[str, np.ndarray], step: int) -> None:
    """Refuses to keep a state, tensors by name, with a number that is not finite.

    Raises:
        NotFinite: it has one.
    """
    # A sum is finite only where all its terms are, and takes no memory. One that overflows is of
    # numbers as far gone.
    with np.errstate(over="ignore", invalid="ignore"):
        groups = {
            name.split("/")[0]
            for name, tensor in tensors.items()
            if tensor.dtype.kind not in "iub" and not np.isfinite(np.sum(tensor, dtype="float64"))
        }
    if groups:
        raise NotFinite(step, " and ".join(sorted(groups)))


def examine(
    model: Any,
    dataset: Dataset,
    samples: np.ndarray,
    logs: Mapping[str, float],
    labels: np.ndarray | None = None,
) -> tuple[dict[str, float], list[str]]:
    """Numbers for a row of the history, at an epoch's end.

    Args:
        model: a `GenerativeModel`.
        dataset: it trains on.
        samples: generated just now, (n, h, w, c) in [0, 1] or points.
        logs: the epoch's running means.
        labels: the classes that were asked for, (n,), where the model takes any.

    Returns:
        (numbers, warnings): a dict, and a list of sentences. A number that a set of one image, or
        of equal ones, does not have is left out.
    """
    real = dataset.images[:LOOKED_AT]
    images = real if dataset.points else real.astype("float32") / 255.0
    numbers: dict[str, float] = {}
    warnings = []
    several = min(len(samples), len(images)) > 1
    spread = diversity(images[: len(samples)]) if several else 0.0
    if spread > 0.0:
        alike = diversity(samples) / spread
        numbers["diversity"] = round(alike, 3)
        if alike < ALIKE:
            warnings.append(
                f"mode collapse: generated images differ by {alike:.2f} of what real ones do"
            )
    if labels is not None and dataset.labels is not None:
        # A model that draws one image for each class has differing images all the same.
        within = diversity(images, dataset.labels[: len(images)])
        drawn = diversity(samples, labels)
        if within > 0.0 and drawn < ALIKE * within:
            warnings.append(
                f"mode collapse: generated images of a class differ by {drawn / within:.2f} of "
                "what real ones do"
            )
    warnings += [
        f"discriminator saturated: {which} is right about {real:.1%} of real and {fake:.1%} of "
        "generated images, and leaves the generator hardly a gradient"
        for which, real, fake in discriminators(logs)
        if min(real, fake) > SATURATED
    ]
    if model.has_likelihood and spread > 0.0:
        active = active_units(model, images, dataset.labels)
        numbers["active_units"] = int(active.sum())
        if active.mean() < FEW_ACTIVE:
            warnings.append(
                f"posterior collapse: {active.sum()} of {active.size} latent units follow the image"
            )
    return numbers, warnings


def discriminators(logs: Mapping[str, float]) -> Iterator[tuple[str, float, float]]:
    """Yields (name, accuracy on real, and on generated images) of each discriminator, if any."""
    for name, real in logs.items():
        if name.startswith("real_accuracy"):
            which = name.removeprefix("real_accuracy")  # "_1" of a model with several
            yield f"discriminator{which}" if which else "it", real, logs[f"fake_accuracy{which}"]


def diversity(images: np.ndarray, labels: np.ndarray | None = None) -> float:
    """The root mean squared distance between two of a set (n, ...), n at least 2.

    With labels (n,), between two of one class: 0 where no class has two.
    """
    flat = np.asarray(images, "float64").reshape(len(images), -1)
    classes = [flat] if labels is None else [flat[labels == label] for label in np.unique(labels)]
    squares = sum(np.square(one - one.mean(axis=0)).sum() for one in classes)
    return float(np.sqrt(2.0 * squares / max(1, len(flat) - len(classes))))


def active_units(model: Any, images: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
    """Which latent units follow the images: bool (units,) of images (n, h, w, c) in [0, 1]."""
    labels = labels[: len(images)] if model.encoder_labels and labels is not None else None
    return model.encode(images, labels).var(axis=0) > ACTIVE
