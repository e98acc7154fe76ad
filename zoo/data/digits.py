"""The 8x8 handwritten digits that come with scikit-learn: no file, no download.

Source: the test set of the UCI "Optical Recognition of Handwritten Digits" data,
https://archive.ics.uci.edu/dataset/80.
"""

from importlib.util import find_spec

import numpy as np

from zoo.errors import FailedError

IMAGE_SHAPE = (8, 8, 1)
CLASSES = tuple("0123456789")
SOURCE = "sklearn.datasets.load_digits"


def read(split: str) -> tuple[np.ndarray, np.ndarray, str]:
    """uint8 images (n, 8, 8, 1), int32 labels (n,) and the source.

    The data has no split of its own. Every fifth image (index % 5 == 4) is "test", 359 in all; the
    other 1,438 are "train". The values 0-16 become round(value * 255 / 16).
    """
    try:
        from sklearn.datasets import load_digits  # not part of the base install
    except ImportError as error:
        raise FailedError(
            "The digits come with scikit-learn, which is not installed: pip install 'genzoo[train]'"
        ) from error
    digits = load_digits()
    images = np.rint(digits.images * 255 / 16).astype(np.uint8)[..., np.newaxis]
    is_test = np.arange(len(images)) % 5 == 4
    chosen = is_test if split == "test" else ~is_test
    return images[chosen], digits.target[chosen].astype(np.int32), SOURCE


def locate() -> str | None:
    """The source, or None without scikit-learn."""
    return SOURCE if find_spec("sklearn") else None
