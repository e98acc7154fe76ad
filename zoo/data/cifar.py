"""CIFAR-10, from the binary form of the official archive or from class folders.

The official archive also exists as Python pickles. Opening a pickle runs whatever is in it, so that
form is never opened: only the binary one is.

Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images" (2009),
https://www.cs.toronto.edu/~kriz/cifar.html.
"""

import tarfile
from pathlib import Path

import numpy as np

from zoo.data import archive
from zoo.data.download import fetch, verify
from zoo.data.images import read_images
from zoo.errors import RequestError

IMAGE_SHAPE = (32, 32, 3)
# The official order of the labels, which is also the sorted order of the class folders.
CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

OFFICIAL = "cifar-10-binary.tar.gz"
URL = f"https://www.cs.toronto.edu/~kriz/{OFFICIAL}"
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
PICKLED = ("cifar-10-python.tar.gz", "cifar-10-batches-py")

BATCHES = {
    "train": [f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)],
    "test": ["cifar-10-batches-bin/test_batch.bin"],
}
RECORD = 1 + 3 * 32 * 32  # bytes: the label, then 32x32 red, 32x32 green, 32x32 blue


def read(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray, str]:
    """uint8 images (n, 32, 32, 3), int32 labels (n,) and the archive or folder they came from.

    Read from `folder`: the official binary archive, or class folders in `cifar10/` or in an archive
    `cifar10.zip`, `.tar`, ... . With none of them there, the official archive is downloaded.
    """
    found = _find(folder)
    if found is None:
        found = folder / OFFICIAL
        pickled = [name for name in PICKLED if (folder / name).exists()]
        note = f" ({pickled[0]} is there but is pickled, and never opened)" if pickled else ""
        fetch(URL, found, SHA256, by_hand=[OFFICIAL], note=note)
    read_found = _read_official if found.name == OFFICIAL else _read_class_folders
    return *read_found(found, split), str(found)


def locate(folder: Path) -> str | None:
    """The archive or folder that `read` would use, or None when it would download."""
    found = _find(folder)
    return str(found) if found else None


def _find(folder: Path) -> Path | None:
    # The official archive first: class folders are often JPEG copies.
    for name in (OFFICIAL, "cifar10", *(f"cifar10{suffix}" for suffix in archive.SUFFIXES)):
        path = folder / name
        if path.is_dir() or path.is_file():  # not a pipe, which would block whoever opens it
            return path
    return None


def _read_official(path: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    verify(path, SHA256)
    with tarfile.open(path) as tar:
        files = [tar.extractfile(name) for name in BATCHES[split]]
        data = b"".join(file.read() for file in files if file is not None)
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    planes = records[:, 1:].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), records[:, 0].astype(np.int32)


def _read_class_folders(path: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels, class_names, _ = read_images(path, split, None, "rgb")
    if class_names != CLASSES or labels is None:
        raise RequestError(
            f"cifar10 class folders must be {', '.join(CLASSES)}. "
            f"Received: {path} with {', '.join(class_names) or 'none'}"
        )
    if images.shape[1:] != IMAGE_SHAPE:
        height, width = images.shape[1:3]
        raise RequestError(f"cifar10 images must be 32x32. Received: {path} with {width}x{height}")
    return images, labels
