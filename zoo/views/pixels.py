"""The pixels of a dataset: what each is like on its own, and what is lost without the others."""

import numpy as np
from PIL.Image import Image

from zoo.data import Dataset
from zoo.errors import RequestError
from zoo.pictures import grids, learned

SHOWN, COLUMNS = 40, 10  # images of each kind
AT_ONCE = 5_000  # images as floats in memory


def pixels(dataset: Dataset) -> Image:
    """Mean and variance of each pixel, the grey levels, and images beside independent pixels.

    The lower right images have each pixel of an image of its own: every pixel is as often of each
    grey level as in the data, and none knows of another. A model that draws no better has learned
    nothing but that.
    """
    if dataset.points:
        raise RequestError(f"This picture needs images, not points. Received: {dataset.name}")
    mean, variance = moments(dataset.images)
    levels = np.bincount(dataset.images.reshape(-1), minlength=256) / dataset.images.size
    rng = np.random.default_rng(0)
    real = dataset.images[rng.permutation(len(dataset.images))[:SHOWN]]
    drawn = independent_pixels(dataset.images, len(real), rng)
    squares = [np.asarray(grids.image_grid(images, COLUMNS)) for images in (real, drawn)]
    return learned.pixels(dataset.name, mean, variance, levels, *squares)


def moments(images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and variance of each pixel, float64 (height, width, channels), of uint8 in [0, 1]."""
    total, squares = 0.0, 0.0
    for start in range(0, len(images), AT_ONCE):
        part = images[start : start + AT_ONCE] / 255.0
        total, squares = total + part.sum(axis=0), squares + np.square(part).sum(axis=0)
    mean = np.asarray(total / len(images))
    return mean, np.maximum(squares / len(images) - np.square(mean), 0.0)


def independent_pixels(images: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Images whose every pixel, with its colours, is that of an image chosen for it alone.

    Args:
        images: uint8 (n, height, width, channels).
        count: how many to draw.
        rng: that chooses.

    Returns:
        uint8 (count, height, width, channels).
    """
    height, width = images.shape[1:3]
    chosen = rng.integers(len(images), size=(count, height, width))
    return images[chosen, np.arange(height)[:, None], np.arange(width)]


def independent_nll(train: np.ndarray, test: np.ndarray) -> float:
    """-log p of test images in nats per image, under coins for the pixels, each on its own.

    The mean over the dynamic binarization of the images: a pixel of grey level x is 1 with
    probability x. Its coin's probability is the mean over the training images, of which two, one
    white and one black, are added: a pixel that is always black gives no infinite value.

    Args:
        train, test: uint8 (n, height, width, channels).
    """
    mean, _ = moments(train)
    probability = (mean * len(train) + 1.0) / (len(train) + 2.0)
    grey, _ = moments(test)
    bits = grey * np.log(probability) + (1.0 - grey) * np.log(1.0 - probability)
    return float(-bits.sum())
