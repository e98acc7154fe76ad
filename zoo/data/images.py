"""Folders and archives of images as arrays.

Layouts, in a folder or an archive alike:

    <image>                     flat: unlabeled
    <class>/<image>             one folder a class: the class names are the folder names, sorted
    train/...  and  test/...    either of the above in each; a val/ is read where there is no test/

The splits may have any of the names in `zoo.data.layouts`, as Training/ and valid/. One folder that
wraps everything is looked through, so a single class is as good as flat. Images come sorted by
path.
"""

import io
import math
import os
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
from PIL import Image, ImageOps

from zoo.data import layouts
from zoo.data.archive import FORMATS, IMAGE_SUFFIXES, ImageFiles, Parts, open_images
from zoo.errors import RequestError
from zoo.pictures.grids import to_image

MAX_SIDE = 8000
MAX_PIXELS = MAX_SIDE * MAX_SIDE  # 64 megapixels, refused by an image's header before decoding


class FolderImages(NamedTuple):
    """What a folder or an archive holds of one split; the fields are those of `Dataset`."""

    images: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    notes: tuple[str, ...]


def read_images(path: Path, split: str, image_size: int | None, color: str | None) -> FolderImages:
    """The images of one split of a folder or an archive.

    `image_size` and `color` are those of `zoo.data.load`.

    Raises:
        RequestError: no images, a layout that is none of the above, an image that cannot be
            decoded, mixed sizes without `image_size`, or more images than memory.
    """
    with open_images(path) as files:
        chosen, labels, class_names, notes = arrange(sorted(files), split, path)
        images = read_chosen(files, chosen, path, image_size, color)
    return FolderImages(images, labels, class_names, (*left_out(files), *notes))


def left_out(files: ImageFiles) -> list[str]:
    """A line on the files that are not images, where there are any."""
    if not files.left_out:
        return []
    ordered = sorted(files.left_out.items(), key=lambda item: (-item[1], item[0]))
    kinds = ", ".join(f"{n} {suffix or 'without a suffix'}" for suffix, n in ordered[:5])
    more = ", ..." if len(files.left_out) > 5 else ""
    return [
        "Files left out, as their names are not those of images of a supported format: "
        f"{files.left_out.total()} ({kinds}{more})"
    ]


def read_chosen(
    files: ImageFiles,
    chosen: Sequence[Parts],
    path: Path,
    image_size: int | None,
    color: str | None,
    crop: Callable[[Image.Image], Image.Image] | None = None,
) -> np.ndarray:
    """uint8 images (n, height, width, channels) of the files `chosen` of `path`, in that order.

    Each goes straight to its place in one array, so that no more is in memory than the result.

    Args:
        crop: applied to the decoded image, before `image_size`; a ValueError of its says what is
            wrong with the image.
    """
    missing = next((parts for parts in chosen if parts not in files), None)
    if missing is not None:
        raise RequestError(
            "A dataset must hold every image that it lists. "
            f"Received: {path} without {'/'.join(missing)}"
        )
    position = {parts: i for i, parts in enumerate(chosen)}
    images: np.ndarray | None = None
    first = ""
    # In the archive's order, as going back and forth in a compressed tar decompresses it anew.
    for parts, read in files.items():
        if parts not in position:
            continue
        name = "/".join(parts)
        pixels = decode(read(), f"{name} in {path}", image_size, color, crop)
        if images is None:
            first, images = name, empty(len(chosen), *pixels.shape)
        if pixels.shape[:2] != images.shape[1:3]:
            (height, width), (h, w) = images.shape[1:3], pixels.shape[:2]
            raise RequestError(
                "Images must share one size unless --image-size is given. Received: "
                f"{first} with {width}x{height} and {name} with {w}x{h} in {path}"
            )
        if pixels.shape[2] > images.shape[3]:  # all gray so far, and now a coloured one
            wider = empty(*images.shape[:3], 3)
            wider[:] = images
            images = wider
        images[position[parts]] = pixels  # a gray image spreads over the three channels
    assert images is not None, "at least one image is asked for"
    return images


def adjust(images: np.ndarray, image_size: int | None, color: str | None) -> np.ndarray:
    """uint8 images (n, h, w, c) in another size or colour, by the rules of `zoo.data.load`."""
    n, height, width, channels = images.shape
    shape = (
        image_size or height,
        image_size or width,
        {"gray": 1, "rgb": 3, None: channels}[color],
    )
    if shape == images.shape[1:]:
        return images
    adjusted = empty(n, *shape)
    for i, pixels in enumerate(images):
        adjusted[i] = _to_array(to_image(pixels), image_size, color)
    return adjusted


def arrange(
    found: list[Parts], split: str, path: Path
) -> tuple[list[Parts], np.ndarray | None, tuple[str, ...], list[str]]:
    """The split's files in the sorted order of `found`, their labels, the class names, notes."""
    if not found:
        raise RequestError(
            f"A dataset must hold images ({', '.join(IMAGE_SUFFIXES)}). "
            f"Received: {path}, which holds none"
        )
    depth = 0  # how many parts of a path are above the classes
    top = {parts[0] for parts in found}
    if len(top) == 1 and not layouts.split_of(*top) and all(len(parts) > 1 for parts in found):
        depth = 1
        top = {parts[1] for parts in found}
    _refuse_sides(top, path)

    roles = {name: layouts.split_of(name) for name in top}
    known = set(roles.values()) - {""}
    notes = []
    # A class of vehicles may be called "train", so one such name among others is no split.
    if all(roles.values()) or len(known) > 1:
        layouts.check_distinct((name for name in top if roles[name]), path)
        loose = [parts for parts in found if len(parts) == depth + 1]
        if loose:
            _refuse_mix(loose[0], next(parts for parts in found if len(parts) > depth + 1), path)
        read = {each: layouts.read_as(each, known) for each in ("train", "test")}
        used = [parts for parts in found if roles[parts[depth]] in read.values()]
        chosen = [parts for parts in used if roles[parts[depth]] == read[split]]
        unread = Counter(
            parts[depth] for parts in found if roles[parts[depth]] not in read.values()
        )
        notes = [f"{name}/ is not read (images: {count})" for name, count in sorted(unread.items())]
        depth += 1
    else:
        used = found
        chosen = found if split == "train" else []
    if not chosen:
        raise RequestError(
            f"The {split} split of a dataset must be a folder {split}/ of images. "
            f"Received: {path} without one"
        )

    # The layout and the class names are those of both splits together, so that the labels agree.
    loose = [parts for parts in used if len(parts) == depth + 1]
    in_classes = [parts for parts in used if len(parts) == depth + 2]
    deeper = [parts for parts in used if len(parts) > depth + 2]
    if deeper:
        raise RequestError(
            "Images must lie loose or in class folders one level deep. "
            f"Received: {'/'.join(deeper[0])} in {path}"
        )
    if loose and in_classes:
        _refuse_mix(loose[0], in_classes[0], path)
    if loose:
        return chosen, None, (), notes
    class_names = tuple(sorted({parts[depth] for parts in used}))
    _refuse_sides(class_names, path)
    index = {name: i for i, name in enumerate(class_names)}
    labels = np.array([index[parts[depth]] for parts in chosen], np.int32)
    return chosen, labels, class_names, notes


def _refuse_sides(folders: Sequence[str] | set[str], path: Path) -> None:
    if layouts.are_sides(folders):
        names = " and ".join(f"{name}/" for name in sorted(folders))
        raise RequestError(
            f"{names} in {path} look like the two sides of pairs: ask for pairs with --task pairs, "
            "or give the folders other names if they are classes"
        )


def _refuse_mix(loose: Parts, inside: Parts, path: Path) -> NoReturn:
    raise RequestError(
        "Images must all lie loose or all in class folders, not both. "
        f"Received: {'/'.join(loose)} and {'/'.join(inside)} in {path}"
    )


def decode(
    data: bytes,
    name: str,
    image_size: int | None = None,
    color: str | None = None,
    crop: Callable[[Image.Image], Image.Image] | None = None,
) -> np.ndarray:
    """uint8 (height, width, channels) of an encoded image, the first frame of an animated one.

    `name` is what an error calls it; the others as in `read_chosen`.
    """
    try:
        with warnings.catch_warnings():
            # Damaged metadata warns, and so does Pillow's own limit, which lies above ours.
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=tuple(FORMATS)) as image:
                width, height = image.size
                if width * height <= MAX_PIXELS:
                    upright = _gray_or_rgb(image)
                    return _to_array(crop(upright) if crop else upright, image_size, color)
    except Image.DecompressionBombError as error:
        raise _too_large(name, str(error)) from error
    except Exception as error:  # Pillow's decoders raise nearly anything on a damaged image
        known = not isinstance(error, Image.UnidentifiedImageError)  # it names a BytesIO object
        reason = " ".join(str(error).split()) if known else f"not one of {', '.join(FORMATS)}"
        raise RequestError(f"An image must be readable. Received: {name} ({reason})") from error
    raise _too_large(name, f"{width}x{height}")


def _too_large(name: str, received: str) -> RequestError:
    return RequestError(
        f"An image must not exceed {MAX_PIXELS // 10**6} megapixels. Received: {name} ({received})"
    )


def _gray_or_rgb(image: Image.Image) -> Image.Image:
    """The image upright, in mode L if it has a single channel and in mode RGB otherwise."""
    image.load()
    ImageOps.exif_transpose(image, in_place=True)  # photographs are stored as the sensor lay
    if image.mode.startswith("I"):  # 16 bits, also the 32-bit mode that some of them open in
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("a grey image must have 8 or 16 bits")
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("a grey image must have 8 or 16 bits")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def _to_array(image: Image.Image, image_size: int | None, color: str | None) -> np.ndarray:
    """uint8 (height, width, channels) of an image in mode L or RGB.

    `color` converts with Pillow's luma (ITU-R 601). `image_size` crops the centre to the short side
    and resizes it with Pillow's Lanczos filter, which averages when it reduces.
    """
    if color is not None:
        image = image.convert("L" if color == "gray" else "RGB")
    if image_size is not None:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        if image.width != image.height:
            image = image.crop((left, top, left + side, top + side))
        if side != image_size:
            image = image.resize((image_size, image_size), Image.Resampling.LANCZOS)
    pixels = np.asarray(image)
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def empty(*shape: int) -> np.ndarray:
    """A uint8 array that fits in memory.

    Memory is handed out as it is filled, so that the system would end the process, with all that
    it does, rather than refuse; a file of kilobytes can ask for that.
    """
    try:
        if math.prod(shape) > 0.75 * _memory():
            raise MemoryError
        return np.empty(shape, np.uint8)
    except MemoryError as error:
        raise RequestError(
            "Images must fit in memory together; a smaller --image-size helps. "
            f"Received: {shape[0]} images of {shape[2]}x{shape[1]}"
        ) from error


def _memory() -> float:
    """Bytes of this machine's memory; infinite where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return math.inf
