"""Which images of a dataset are trained on: a validation part held out, or test images too."""

from dataclasses import replace
from typing import Any

import numpy as np

from zoo.data.dataset import Dataset
from zoo.errors import RequestError

# Not the run's seed: runs that differ in their seed are compared on the same images.
VALIDATION_SEED = 0


def hold_out(dataset: Dataset, share: float) -> tuple[Dataset, Dataset]:
    """A dataset as (training, validation), each in the order of the dataset.

    The validation images are drawn by a fixed seed, so that one share of one dataset is always the
    same images. Where there are labels, each class gives this share of its images, rounded.

    Args:
        dataset: what is split.
        share: of the images that are held out, above 0 and below 1.

    Raises:
        RequestError: the share is out of bounds, or leaves one of the parts without images.
    """
    check_share(share)
    count = len(dataset.images)
    labels = np.zeros(count, "int32") if dataset.labels is None else dataset.labels
    order = np.random.default_rng(VALIDATION_SEED).permutation(count)
    held = np.zeros(count, bool)
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        held[of_class[: int(share * len(of_class) + 0.5)]] = True
    if not 0 < held.sum() < count:
        raise RequestError(
            "--validation must leave images to train on and images to validate with. "
            f"Received: {share:g} of {count} images"
        )
    return subset(dataset, ~held), subset(dataset, held)


def check_share(share: float) -> None:
    """Refuses a share of the training images that cannot be held out."""
    if not 0 < share < 1:
        raise RequestError(
            "--validation must be a share of the training images, above 0 and below 1. "
            f"Received: {share:g}"
        )


def subset(dataset: Dataset, chosen: np.ndarray | slice) -> Dataset:
    """The images of a dataset, with labels and inputs, that a mask, indices or a slice choose."""
    parts: dict[str, Any] = {
        key: None if value is None else value[chosen]
        for key, value in vars(dataset).items()
        if key in ("images", "labels", "inputs")
    }
    return replace(dataset, **parts)
