"""The part of Fashion-MNIST that comes with the package: no download.

10,000 images of the TRAINING split, 1,000 of each class; `benchmarks/embed_fashion_mnist.py` makes
the file and says which. Fashion-MNIST is Copyright 2017 Zalando SE, under the MIT licence, which
lies beside the file.

Source: Xiao et al., "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms" (2017), https://github.com/zalandoresearch/fashion-mnist.
"""

from pathlib import Path

import numpy as np

from zoo import files
from zoo.data.idx import read_idx
from zoo.errors import FailedError

NAME = "fashion_mnist_10k"
PATH = Path(__file__).parent / NAME / "images-idx3-ubyte.gz"
SHA256 = "d3ecf2aa042ca00c543b109b5669653199d6f2658ca869f2edb3072647fccc9f"
SOURCE = f"zoo.data.{NAME}"  # for the run's record: the same on every machine
TRAIN = 9_000


def read(split: str) -> tuple[np.ndarray, np.ndarray, str]:
    """uint8 images (n, 28, 28, 1), int32 labels (n,) and the source.

    Image i of the file is of class i % 10. The last 100 images of each class, which are the file's
    last 1,000, are "test"; the other 9,000 are "train".

    Raises:
        FailedError: the file is missing or damaged.
    """
    if not PATH.is_file() or files.sha256(PATH) != SHA256:
        raise FailedError(
            f"The images of {NAME} are missing or damaged; install genzoo again. Received: {PATH}"
        )
    images = read_idx(PATH)[..., np.newaxis]
    labels = np.arange(len(images), dtype=np.int32) % 10
    chosen = slice(TRAIN, None) if split == "test" else slice(TRAIN)
    return images[chosen], labels[chosen], SOURCE


def locate() -> str | None:
    """The source, or None without the file."""
    return SOURCE if PATH.is_file() else None
