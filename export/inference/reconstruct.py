"""Images beside what a model makes of their codes, as one picture."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from export.inference.translate import image_paths
from export.runtime import Sampler
from export.runtime.sampler import BATCH
from zoo import files
from zoo.data.images import decode
from zoo.errors import RequestError, as_request
from zoo.pictures import grids

PAIRS = 4  # in a row of the picture


def reconstruct(
    sampler: Sampler, wanted: Iterable[str], out: Path, class_name: str | None = None
) -> Path:
    """Encodes and decodes images, and writes each with its reconstruction at its right.

    Args:
        sampler: of a model with an encoder.
        wanted: paths of images, folders (searched with their subfolders) and globs. Images are
            converted to the model's grey or colour, cropped at the centre and resized.
        out: a .png file.
        class_name: name or number of the class of all images, where the model takes classes.

    Returns:
        `out`.

    Raises:
        RequestError: the model has no encoder, or an image cannot be read; nothing is written.
    """
    if out.suffix.lower() != ".png" or out.is_dir():
        raise RequestError(f"--out must be a .png file. Received: {out}")
    with as_request():  # the encoder's file may be damaged
        shape = sampler.encoded_shape
    if shape is None:
        raise RequestError(
            "reconstruct needs a model with an encoder, such as vae or aae, and an export has it "
            "beside the generator's file. This source has none"
        )
    if len(shape) != 3:
        raise RequestError(
            f"reconstruct writes images, but this model encodes points of {shape[0]} dimensions"
        )
    if class_name is None and sampler.class_names:
        raise RequestError(
            f"This model reconstructs images of a class: give --class, one of "
            f"{', '.join(sampler.class_names)}"
        )
    height, width, channels = shape
    images = np.stack([_read(path, height, width, channels) for path in image_paths(wanted)])
    with as_request():
        label = None if class_name is None else sampler.class_index(class_name)
        parts = []
        for start in range(0, len(images), BATCH):
            part = images[start : start + BATCH]
            labels = None if label is None else [label] * len(part)
            parts.append(sampler.decode(sampler.encode(part, labels), labels))
    pairs = np.stack([images, np.concatenate(parts)], axis=1)
    columns = 2 * min(PAIRS, len(images))
    with files.atomic_path(out) as temporary:
        grids.image_grid(pairs.reshape(-1, height, width, channels), columns).save(temporary)
    return out


def _read(path: Path, height: int, width: int, channels: int) -> np.ndarray:
    """float32 (height, width, channels) in [0, 1] of an image file, fitted as for training."""
    pixels = decode(path.read_bytes(), str(path), color="gray" if channels == 1 else "rgb")
    if pixels.shape[:2] != (height, width):
        scale = min(pixels.shape[0] / height, pixels.shape[1] / width)
        rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
        top, left = (pixels.shape[0] - rows) // 2, (pixels.shape[1] - columns) // 2
        image = grids.to_image(pixels[top : top + rows, left : left + columns])
        image = image.resize((width, height), Image.Resampling.LANCZOS)
        pixels = np.asarray(image).reshape(height, width, channels)
    return pixels / np.float32(255)
