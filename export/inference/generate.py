"""Drawing pictures to files: one grid, or a folder of single images."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from export.runtime import Sampler
from zoo import files
from zoo.errors import RequestError, as_request
from zoo.pictures import grids

PER_CLASS = 8
UNCONDITIONAL = 16


def draw(
    sampler: Sampler,
    out: Path,
    count: int | None = None,
    wanted: str | None = None,
    seed: int = 0,
    fixed: Iterable[str] = (),
) -> Path:
    """Draws from a sampler to a file or folder.

    Args:
        sampler: what draws.
        out: a .png path for one grid, else a folder for single images.
        count: how many images, or images per class if `wanted` is "all". By default 16, or 8 per
            class.
        wanted: a class name or number, or "all" (the default of a conditional generator), which
            draws a row per class.
        seed: of the noise, an integer from 0.
        fixed: texts "INPUT=NUMBER" or "INPUT=NUMBER,NUMBER", inputs that all pictures share.

    Returns:
        `out`.

    Raises:
        RequestError: a value that this generator does not take.
    """
    out = Path(out)
    if out.suffix.lower() not in ("", ".png"):
        raise RequestError(
            f"--out must be a .png, .npz, .tar or .parquet file, or a folder. Received: {out}"
        )
    if count is not None and count < 1:
        raise RequestError(f"The number of images must be at least 1. Received: {count}")
    classes: str | np.ndarray | None = wanted
    columns: int | None = None
    row_names: tuple[str, ...] = ()
    if wanted is None and sampler.class_names:
        wanted = "all"
    if wanted == "all":
        if not sampler.class_names:
            raise RequestError("Only a conditional generator has classes. Received: --class all")
        columns, row_names = count or PER_CLASS, sampler.class_names
        classes = np.repeat(np.arange(len(row_names)), columns)
        count = len(classes)
    count = count or UNCONDITIONAL
    with as_request():
        images = sampler.generate(count, classes, seed, dict(map(parse_fixed, fixed)))

    if images.ndim == 2:
        raise RequestError(
            f"generate writes images, but this generator draws points of {images.shape[1]} "
            "dimensions: see them with `plot theory-surface RUN`"
        )
    if out.suffix:
        with files.atomic_path(out) as temporary:
            grids.image_grid(images, columns, row_names).save(temporary)
    else:
        for index, image in enumerate(grids.to_uint8(images)):
            name = ""
            if classes is not None:
                label = sampler.class_index(classes if isinstance(classes, str) else classes[index])
                name = "-" + re.sub(r"[^\w.-]+", "_", sampler.class_names[label])
            with files.atomic_path(out / f"{index:04d}{name}.png") as temporary:
                grids.to_image(image).save(temporary)
    return out


def parse_fixed(text: str) -> tuple[str, float | list[float]]:
    """("code", [0.5, -1.0]) of "code=0.5,-1", and ("category", 3.0) of "category=3"."""
    name, _, numbers = text.partition("=")
    try:
        values = [float(number) for number in numbers.split(",")]
    except ValueError:
        raise RequestError(f"--fix takes INPUT=NUMBER[,NUMBER]. Received: {text!r}") from None
    return name.strip(), values if len(values) > 1 else values[0]
