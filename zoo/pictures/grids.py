"""Pictures of samples: grids of images with a name beside each row. numpy and Pillow only."""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from zoo.errors import RequestError

GAP = 2  # pixels between tiles
SHORT_SIDE = 56  # tiles smaller than this are enlarged by a whole factor
LONG_SIDE = 1024  # up to which they are enlarged
MOST_PIXELS = 2**27  # of a grid
BACKGROUND = (255, 255, 255)


def to_uint8(images: np.ndarray) -> np.ndarray:
    """Images in [0, 1] to uint8, rounded; values outside are clipped."""
    return np.rint(np.clip(images, 0.0, 1.0) * 255.0).astype(np.uint8)


def to_image(pixels: np.ndarray) -> Image.Image:
    """A `PIL.Image.Image` of uint8 (height, width, 1 or 3)."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def translations(inputs: np.ndarray, outputs: np.ndarray, targets: np.ndarray) -> Image.Image:
    """What a translator is given, what it makes of that and what was wanted, a row of each.

    The images are of one size, grey or RGB: (n, height, width, 1 or 3), uint8 or in [0, 1].
    """
    rows = (inputs, outputs, targets)
    uint8 = [row if row.dtype == np.uint8 else to_uint8(row) for row in rows]
    colour = [np.broadcast_to(row, (*row.shape[:3], 3)) for row in uint8]
    return image_grid(np.concatenate(colour), len(inputs), ("input", "output", "target"))


def image_grid(
    images: np.ndarray, columns: int | None = None, row_names: Sequence[str] = ()
) -> Image.Image:
    """A grid of images, row by row.

    Args:
        images: (n, height, width, channels) in [0, 1] or uint8, channels 1 or 3.
        columns: images per row; by default as square as possible.
        row_names: a name for each row, written at its left.

    Returns:
        A `PIL.Image.Image`, RGB.

    Raises:
        RequestError: the grid would have more than MOST_PIXELS.
    """
    tiles = images if images.dtype == np.uint8 else to_uint8(images)
    count, height, width, channels = tiles.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    enlarged = min(math.ceil(SHORT_SIDE / min(height, width)), LONG_SIDE // max(height, width))
    scale = max(1, enlarged)
    font = ImageFont.load_default(16)
    margin = max((math.ceil(font.getlength(name)) + 12 for name in row_names), default=0)
    tile_height, tile_width = height * scale, width * scale
    size = (margin + columns * (tile_width + GAP) - GAP, rows * (tile_height + GAP) - GAP)
    if math.prod(size) > MOST_PIXELS:
        raise RequestError(
            f"A grid has at most {MOST_PIXELS} pixels; fewer images fit, or a folder of single "
            f"ones. Received: {rows} rows of {columns} images, {size[0]}x{size[1]}"
        )
    tiles = np.broadcast_to(tiles, (count, height, width, 3)) if channels == 1 else tiles
    tiles = tiles.repeat(scale, axis=1).repeat(scale, axis=2)
    height, width = tile_height, tile_width
    picture = Image.new("RGB", size, BACKGROUND)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        corner = (margin + column * (width + GAP), row * (height + GAP))
        picture.paste(Image.fromarray(np.ascontiguousarray(tile)), corner)
    draw = ImageDraw.Draw(picture)
    for row, name in enumerate(row_names):
        middle = row * (height + GAP) + height / 2
        draw.text((margin - 8, middle), name, fill=(0, 0, 0), font=font, anchor="rm")
    return picture


def pairs_grid(upper: np.ndarray, lower: np.ndarray, columns: int) -> Image.Image:
    """Rows of images, each with a row of others below it; what fills no row is left out.

    Args:
        upper, lower: (n, height, width, channels), of one type.
        columns: images per row, at most.
    """
    columns = min(columns, len(upper))
    starts = range(0, len(upper) - len(upper) % columns, columns)
    rows = [images[start : start + columns] for start in starts for images in (upper, lower)]
    return image_grid(np.concatenate(rows), columns)
