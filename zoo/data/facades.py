"""CMP Facades: 606 photographs of house fronts, each beside a map of its parts.

The photograph A is the left half of an image of 512x256, the labels B the right one; 400 pairs to
train on, 100 to validate and 106 to test. The one archive is that of Isola et al. (2017); it is put
into the data directory by hand, since no checksum of it is published.

Source: Tylecek and Sara, "Spatial Pattern Templates for Recognition of Objects with Regular
Structure" (2013), https://cmp.felk.cvut.cz/~tylecr1/facade/.
"""

from pathlib import Path

import numpy as np

from zoo.data.archive import SUFFIXES
from zoo.data.pairs import read_pairs
from zoo.errors import FailedError

NAME = "facades"
IMAGE_SHAPE = (256, 256, 3)
URL = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets/facades.tar.gz"


def find(folder: Path) -> Path:
    """The folder or archive in the data directory."""
    for suffix in ("", *SUFFIXES):
        path = folder / f"{NAME}{suffix}"
        if path.exists():
            return path
    raise FailedError(
        f"{NAME} is not in {folder}: put facades.tar.gz, or its unpacked folder, there by hand; "
        f"it is offered at {URL}"
    )


def read(folder: Path, split: str, image_size: int | None) -> tuple[np.ndarray, None, str]:
    """uint8 photographs (n, side, side, 3), None for the labels, and where they were found."""
    path = find(folder)
    return read_pairs(path, split, image_size, "rgb").a, None, str(path)


def locate(folder: Path) -> str | None:
    """Where `find` finds it, or None."""
    try:
        return str(find(folder))
    except FailedError:
        return None
