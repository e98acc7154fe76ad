"""MNIST and Fashion-MNIST: four IDX files each, in `<data directory>/<name>/`.

Sources: LeCun et al., "Gradient-based learning applied to document recognition" (1998); Xiao et
al., "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms" (2017).
"""

from pathlib import Path

import numpy as np

from zoo.data.download import fetch
from zoo.data.idx import read_idx
from zoo.errors import RequestError

IMAGE_SHAPE = (28, 28, 1)
FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

# split -> (images, labels)
FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
URLS = {
    "mnist": "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "fashion_mnist": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
}
# The sha256 of what is downloaded. Files that are already there are not held to it: a repackaged
# copy of the same images is fine.
SHA256 = {
    "mnist": {
        "train-images-idx3-ubyte.gz": (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"
        ),
        "train-labels-idx1-ubyte.gz": (
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"
        ),
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte.gz": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        "train-labels-idx1-ubyte.gz": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    },
}


def read(name: str, folder: Path, split: str) -> tuple[np.ndarray, np.ndarray, str]:
    """uint8 images (n, 28, 28, 1), int32 labels (n,) and the folder they were read from.

    Files that are not in `folder / name` are downloaded into it first.
    """
    home = folder / name
    paths = []
    for file in FILES[split]:
        path = _find(home, file)
        if path is None:
            path = home / file
            fetch(URLS[name] + file, path, SHA256[name][file], by_hand=list(SHA256[name]))
        paths.append(path)

    images, labels = read_idx(paths[0]), read_idx(paths[1])
    if images.shape[1:] != IMAGE_SHAPE[:2]:
        raise RequestError(
            f"{name} images must have the shape (n, 28, 28). "
            f"Received: {paths[0]} with {images.shape}"
        )
    if labels.shape != images.shape[:1]:
        raise RequestError(
            f"{name} must have one label for each image. Received: {paths[0]} with "
            f"{images.shape} and {paths[1]} with {labels.shape}"
        )
    if labels.max() > 9:
        raise RequestError(
            f"{name} labels must be 0 to 9. Received: {paths[1]} with {labels.max()}"
        )
    return images[..., np.newaxis], labels.astype(np.int32), str(home)


def locate(name: str, folder: Path) -> str | None:
    """The folder of the four files, or None when one of them is missing."""
    home = folder / name
    return str(home) if all(_find(home, file) for file in SHA256[name]) else None


def _find(home: Path, file: str) -> Path | None:
    for path in (home / file, home / file.removesuffix(".gz")):  # also unpacked by hand
        if path.is_file():
            return path
    return None
