"""Pairs made of single images: what is taken away is to be given back.

Each task makes the input A of an image B, the same one each time: the random ones take their
numbers from the image's position.
"""

import numpy as np
from PIL import Image

from zoo.data.images import adjust
from zoo.errors import RequestError, unknown
from zoo.pictures.grids import to_image

REDUCTION = 4  # of "superres"
NOISE = 25.0  # standard deviation of "denoise", in grey levels, as often in that literature
GREY = 128  # of the hole of "inpaint"


def colorize(images: np.ndarray) -> np.ndarray:
    """The luma (ITU-R 601) of colour images."""
    if images.shape[-1] == 1:
        raise RequestError("colorize needs colour images. Received: grey images")
    return adjust(images, None, "gray")


def edges(images: np.ndarray) -> np.ndarray:
    """White Canny edges of the luma, smoothed with sigma 1, on black."""
    from skimage.feature import canny

    gray = adjust(images, None, "gray")[..., 0]
    return np.stack([canny(image, sigma=1.0) for image in gray])[..., None] * np.uint8(255)


def inpaint(images: np.ndarray) -> np.ndarray:
    """A grey hole of half the height and half the width, anywhere."""
    _, height, width, _ = images.shape
    damaged = images.copy()
    for index, image in enumerate(damaged):
        rng = np.random.default_rng([0, index])
        top = rng.integers(height - height // 2 + 1)
        left = rng.integers(width - width // 2 + 1)
        image[top : top + height // 2, left : left + width // 2] = GREY
    return damaged


def superres(images: np.ndarray) -> np.ndarray:
    """Sides reduced to a quarter by averaging, and enlarged again (bicubic)."""
    _, height, width, _ = images.shape
    small = (max(1, width // REDUCTION), max(1, height // REDUCTION))
    blurred = np.empty_like(images)
    for index, pixels in enumerate(images):
        image = to_image(pixels).resize(small, Image.Resampling.BOX)
        image = image.resize((width, height), Image.Resampling.BICUBIC)
        blurred[index] = np.asarray(image).reshape(pixels.shape)
    return blurred


def denoise(images: np.ndarray) -> np.ndarray:
    """Gaussian noise on every pixel, clipped."""
    noisy = np.empty_like(images)
    for index, image in enumerate(images):
        noise = np.random.default_rng([0, index]).standard_normal(image.shape, dtype="float32")
        noisy[index] = np.clip(np.rint(image + NOISE * noise), 0, 255)
    return noisy


TASKS = {task.__name__: task for task in (colorize, edges, inpaint, superres, denoise)}


def derive(images: np.ndarray, task: str) -> np.ndarray:
    """What `task` makes of uint8 images (n, height, width, channels): inputs, of the same sides."""
    if task not in TASKS:
        raise unknown("task", task, TASKS)
    return TASKS[task](images)
