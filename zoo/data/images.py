"""Folders and archives of images as arrays.

Layouts, in a folder or an archive alike:

    <image>                     flat: unlabeled
    <class>/<image>             one folder a class: the class names are the folder names, sorted
    train/...  and  test/...    either of the above in each; a val/ beside them is not read

One folder that wraps everything is looked through, so a single class is as good as flat. Images
come sorted by path.
"""

import io
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from zoo.data.archive import IMAGE_SUFFIXES, ImageFiles, open_images
from zoo.errors import RequestError
from zoo.pictures.grids import to_image

MAX_SIDE = 8000
MAX_PIXELS = MAX_SIDE * MAX_SIDE  # 64 megapixels, refused by an image's header before decoding

# Pillow's names of the formats behind IMAGE_SUFFIXES: no other decoder is let near the bytes.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")

Parts = tuple[str, ...]  # of a path: ("train", "cat", "1.png")


def read_images(
    path: Path, split: str, image_size: int | None, color: str | None
) -> tuple[np.ndarray, np.ndarray | None, tuple[str, ...]]:
    """uint8 images (n, height, width, channels), int32 labels (n,) or None, and the class names.

    `image_size` and `color` are those of `zoo.data.load`.

    Raises:
        RequestError: no images, a layout that is none of the above, an image that cannot be
            decoded, mixed sizes without `image_size`, or more images than memory.
    """
    with open_images(path) as files:
        chosen, labels, class_names = _arrange(sorted(files), split, path)
        images = read_chosen(files, chosen, path, image_size, color)
    return images, labels, class_names


def read_chosen(
    files: ImageFiles,
    chosen: list[Parts],
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
            "a data set must hold every image that it lists. "
            f"Received: {path} without {'/'.join(missing)}"
        )
    position = {parts: i for i, parts in enumerate(chosen)}
    images = first = None
    # In the archive's order, as going back and forth in a compressed tar decompresses it anew.
    for parts, read in files.items():
        if parts not in position:
            continue
        name = "/".join(parts)
        pixels = decode(read(), f"{name} in {path}", image_size, color, crop)
        if images is None:
            first, images = name, _empty(len(chosen), *pixels.shape)
        if pixels.shape[:2] != images.shape[1:3]:
            (height, width), (h, w) = images.shape[1:3], pixels.shape[:2]
            raise RequestError(
                "images must share one size unless --image-size is given. Received: "
                f"{first} with {width}x{height} and {name} with {w}x{h} in {path}"
            )
        if pixels.shape[2] > images.shape[3]:  # all gray so far, and now a coloured one
            images = np.repeat(images, 3, axis=3)
        images[position[parts]] = pixels  # a gray image spreads over the three channels
    return images


def adjust(images: np.ndarray, image_size: int | None, color: str | None) -> np.ndarray:
    """uint8 images (n, h, w, c) in another size or color, by the rules of `read_images`."""
    n, height, width, channels = images.shape
    shape = (
        image_size or height,
        image_size or width,
        {"gray": 1, "rgb": 3, None: channels}[color],
    )
    if shape == images.shape[1:]:
        return images
    adjusted = _empty(n, *shape)
    for i, pixels in enumerate(images):
        adjusted[i] = _to_array(to_image(pixels), image_size, color)
    return adjusted


def _arrange(
    found: list[Parts], split: str, path: Path
) -> tuple[list[Parts], np.ndarray | None, tuple[str, ...]]:
    """The split's files, in the sorted order of `found`, their labels and the class names."""
    if not found:
        raise RequestError(
            f"a data set must hold images ({', '.join(IMAGE_SUFFIXES)}). "
            f"Received: {path}, which holds none"
        )
    splits, depth = ("train", "test"), 0  # depth: how many parts of a path are above the classes
    top = {parts[0] for parts in found}
    if len(top) == 1 and not top & set(splits) and all(len(parts) > 1 for parts in found):
        depth = 1
        top = {parts[1] for parts in found}

    # A class of vehicles may be called "train", so one such name among others is no split.
    if top <= {"train", "test", "val"} or top >= set(splits):
        loose = [parts for parts in found if len(parts) == depth + 1]
        if loose:
            _refuse_mix(loose[0], next(parts for parts in found if len(parts) > depth + 1), path)
        used = [parts for parts in found if parts[depth] in splits]
        chosen = [parts for parts in used if parts[depth] == split]
        depth += 1
    else:
        used = found
        chosen = found if split == "train" else []
    if not chosen:
        raise RequestError(
            f"split {split!r} must be a folder {split}/ of images. Received: {path} without one"
        )

    # The layout and the class names are those of both splits together, so that the labels agree.
    loose = [parts for parts in used if len(parts) == depth + 1]
    in_classes = [parts for parts in used if len(parts) == depth + 2]
    deeper = [parts for parts in used if len(parts) > depth + 2]
    if deeper:
        raise RequestError(
            "images must lie loose or in class folders one level deep. "
            f"Received: {'/'.join(deeper[0])} in {path}"
        )
    if loose and in_classes:
        _refuse_mix(loose[0], in_classes[0], path)
    if loose:
        return chosen, None, ()
    class_names = tuple(sorted({parts[depth] for parts in used}))
    index = {name: i for i, name in enumerate(class_names)}
    labels = np.array([index[parts[depth]] for parts in chosen], np.int32)
    return chosen, labels, class_names


def _refuse_mix(loose: Parts, inside: Parts, path: Path):
    raise RequestError(
        "images must all lie loose or all in class folders, not both. "
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
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
                if width * height <= MAX_PIXELS:
                    upright = _gray_or_rgb(image)
                    return _to_array(crop(upright) if crop else upright, image_size, color)
    except Image.DecompressionBombError as error:
        raise _too_large(name, str(error)) from error
    except Exception as error:  # Pillow's decoders raise nearly anything on a damaged image
        known = not isinstance(error, Image.UnidentifiedImageError)  # it names a BytesIO object
        reason = " ".join(str(error).split()) if known else f"not one of {', '.join(FORMATS)}"
        raise RequestError(f"an image must be readable. Received: {name} ({reason})") from error
    raise _too_large(name, f"{width}x{height}")


def _too_large(name: str, received: str) -> RequestError:
    return RequestError(
        f"an image must not exceed {MAX_PIXELS // 10**6} megapixels. Received: {name} ({received})"
    )


def _gray_or_rgb(image: Image.Image) -> Image.Image:
    """The image upright, in mode L if it has a single channel and in mode RGB otherwise."""
    image.load()
    ImageOps.exif_transpose(image, in_place=True)  # photographs are stored as the sensor lay
    if image.mode.startswith("I"):  # 16 bits, also the 32-bit mode that some of them open in
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError("a gray image must have 8 or 16 bits")
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode == "F":
        raise ValueError("a gray image must have 8 or 16 bits")
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


def _empty(*shape: int) -> np.ndarray:
    try:
        return np.empty(shape, np.uint8)
    except MemoryError as error:
        raise RequestError(
            "images must fit in memory together; a smaller --image-size helps. "
            f"Received: {shape[0]} images of {shape[2]}x{shape[1]}"
        ) from error
