"""CelebA: aligned photographs of 202,599 faces, from the official archive or its unpacked folder.

The split is the official one, 162,770 to train on and 19,962 to test; the 19,867 to validate are
not read. Every image is 178 wide and 218 high, the face in its middle: what is kept are columns 41
to 136 and rows 85 to 180.

The official host is a Google Drive with a quota on downloads, so the files are put in the data
directory by hand.

Source: Liu et al., "Deep Learning Face Attributes in the Wild" (2015),
https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data.archive import Parts, open_images
from zoo.data.download import verify
from zoo.data.images import read_chosen
from zoo.errors import FailedError

IMAGE_SHAPE = (48, 48, 3)  # unless another size is asked for; 96 keeps the crop as it is
NAME = "celeba"  # a folder in the data directory, though the files may also lie loose in it
FACES = "img_align_celeba"  # a folder, in the archive too
IMAGES, PARTITION = f"{FACES}.zip", "list_eval_partition.txt"
URL = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
SHA256 = {
    IMAGES: "46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74",
    PARTITION: "fc955bcb3ef8fbdf7d5640d9a8693a8431b5f2ee291a5c1449a1549e7e073fe7",
}
SPLITS = {"train": "0", "test": "2"}  # as the partition says, and 1 for validation

SIZE = (178, 218)  # width, height
FACE = (41, 85, 137, 181)  # left, top, right, bottom


def read(folder: Path, split: str, image_size: int | None) -> tuple[np.ndarray, None, str]:
    """uint8 images (n, size, size, 3), None for the labels, and the archive or folder they are in.

    Found in `folder` or in `folder / NAME`: the partition, and the archive or else the folder of
    images. The archive and the partition are held to their sha256; of a folder only the size of
    the images can be checked.
    """
    images, partition = _find(folder, IMAGES, FACES), _find(folder, PARTITION)
    if images is None or partition is None:
        missing = IMAGES if images is None else PARTITION
        raise FailedError(
            f"celeba lacks {missing} in {folder / NAME}: put {IMAGES}, or its unpacked folder "
            f"{FACES}/, and {PARTITION} there by hand, both offered at {URL}"
        )
    verify(partition, SHA256[PARTITION])
    inside: Parts = ()
    if images.name == IMAGES:
        verify(images, SHA256[IMAGES])
        inside = (FACES,)
    lines = (line.split() for line in partition.read_text().splitlines())
    chosen = [(*inside, name) for name, part in lines if part == SPLITS[split]]
    size = image_size or IMAGE_SHAPE[0]
    with open_images(images) as files:
        return read_chosen(files, chosen, images, size, "rgb", crop=_face), None, str(images)


def locate(folder: Path) -> str | None:
    """The archive or folder of images, or None when it or the partition is missing."""
    images = _find(folder, IMAGES, FACES)
    return str(images) if images and _find(folder, PARTITION) else None


def _find(folder: Path, *names: str) -> Path | None:
    for name in names:
        for path in (folder / NAME / name, folder / name):
            if path.is_dir() or path.is_file():  # not a pipe, which would block whoever opens it
                return path
    return None


def _face(image: Image.Image) -> Image.Image:
    if image.size != SIZE:  # Pillow would fill what lies outside with black
        width, height = image.size
        raise ValueError(f"{width}x{height}, where celeba has {SIZE[0]}x{SIZE[1]}")
    return image.crop(FACE)
