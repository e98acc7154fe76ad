"""Translating any number of image files; those that cannot be read do not stop the others."""

import glob
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from export.runtime import Sampler
from zoo import files
from zoo.data.archive import IMAGE_SUFFIXES
from zoo.data.images import decode
from zoo.errors import RequestError
from zoo.pictures import grids

Target = tuple[Path, str]  # an image, and the file name of its result


def translate(
    translator: Sampler,
    wanted: Iterable[str],
    out: Path,
    seed: int = 0,
    progress: Callable[[list[Target]], Iterable[Target]] = iter,
) -> tuple[list[Path], list[str]]:
    """Translates images to PNG files in a folder.

    Args:
        translator: a sampler of an image-to-image model.
        wanted: paths of images, folders (searched with their subfolders) and globs.
        out: folder of the results, which have the names of the images.
        seed: of the dropout masks, where the model has some.
        progress: wraps the list of files.

    Returns:
        (written, failed): paths of the results, and what was wrong with the other images.
    """
    if translator.image_input is None:
        raise RequestError("translate needs an image-to-image model such as pix2pix")
    if seed < 0:
        raise RequestError(f"The seed must be an integer from 0. Received: {seed}")
    color = {1: "gray", 3: "rgb"}[translator.inputs[translator.image_input]["shape"][-1]]
    out = Path(out)
    written: list[Path] = []
    failed: list[str] = []
    for path, name in progress(_targets(wanted)):
        try:
            image = decode(path.read_bytes(), str(path), color=color)
            drawn = translator.translate(image[np.newaxis] / np.float32(255), seed)
        except (ValueError, OSError) as error:
            failed.append(str(error))
            continue
        pixels = grids.to_uint8(drawn[0])
        with files.atomic_path(out / name) as temporary:
            grids.to_image(pixels).save(temporary)
        written.append(out / name)
    return written, failed


def _targets(wanted: Iterable[str]) -> list[Target]:
    """Each image with the unique name of its result, in the order asked for."""
    targets: list[Target] = []
    taken: set[str] = set()
    for path in image_paths(wanted):
        name, count = f"{path.stem}.png", 1
        while name in taken:
            count += 1
            name = f"{path.stem}-{count}.png"
        taken.add(name)
        targets.append((path, name))
    return targets


def image_paths(wanted: Iterable[str]) -> list[Path]:
    """The image files that paths, folders and globs name, in the order asked for."""
    paths: list[Path] = []
    for pattern in wanted:
        if Path(pattern).is_dir():
            inside = sorted(Path(pattern).rglob("*"))
            found = [path for path in inside if path.suffix.lower() in IMAGE_SUFFIXES]
        elif Path(pattern).exists():
            found = [Path(pattern)]
        else:
            found = [Path(path) for path in sorted(glob.glob(pattern, recursive=True))]
        if not found:
            raise RequestError(
                "An image must be a file, a folder with images or a glob pattern. "
                f"Received: {pattern}"
            )
        paths += found
    return paths
