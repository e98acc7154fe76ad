"""Makes the file of `fashion_mnist_10k`, the dataset that comes with the package.

    python benchmarks/embed_fashion_mnist.py [--data-dir DIR] [--out FILE]

From Fashion-MNIST's training split it takes, of each class, the 1,000 images whose pixels have the
smallest sha256, in that order. So the same images are chosen in the same order whichever way a copy
of the training split is ordered. The file holds the first image of every class, from class 0 to 9,
then the second of every class, and so on: the label of image i is i % 10, and any piece of the file
shows all classes equally often. It is an IDX file of images, packed by gzip without a time or name.
"""

import argparse
import gzip
import hashlib
import io
import struct
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from zoo import data, files  # noqa: E402
from zoo.data import fashion_10k  # noqa: E402

PER_CLASS = 1_000
MAGIC = 0x00000803  # of an IDX file of images


def choose(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The chosen images, uint8 (10,000, height, width), of all of the training split.

    Args:
        images: uint8 (n, height, width, 1).
        labels: integers (n,), 0 to 9.
    """
    chosen = []
    for label in range(10):
        of_class = images[labels == label, ..., 0]
        hashes = [hashlib.sha256(image.tobytes()).digest() for image in of_class]
        first = sorted(range(len(of_class)), key=hashes.__getitem__)[:PER_CLASS]
        chosen.append(of_class[first])
    return np.stack(chosen, axis=1).reshape(-1, *images.shape[1:3])


def pack(images: np.ndarray) -> bytes:
    """The bytes of the .gz file of uint8 images (n, height, width)."""
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", compresslevel=9, fileobj=packed, mtime=0) as file:
        file.write(struct.pack(">4I", MAGIC, *images.shape) + images.tobytes())
    return packed.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, help="folder that holds the datasets")
    parser.add_argument("--out", type=Path, default=fashion_10k.PATH)
    given = parser.parse_args()
    train = data.load("fashion_mnist", data_dir=given.data_dir)
    content = pack(choose(train.images, train.labels))
    files.write_bytes(given.out, content)
    print(f"{given.out}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
