"""Drawing any number of pictures to one file, of which a batch is in memory at a time.

    .npz      images uint8 (n, height, width, channels), labels int64 (n,) where there are classes
    .tar      a WebDataset: 000000000.png and, where there are classes, 000000000.cls
    .parquet  columns image and label, as the `datasets` library reads images; needs pyarrow

The pictures are those of `generate`, by their numbers: part 2/8 of a series holds the second eighth
of them, whether the others are drawn here, elsewhere or never.
"""

import io
import json
import math
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.inference.generate import parse_fixed
from export.runtime import Sampler
from export.runtime.sampler import BATCH
from zoo import files
from zoo.errors import RequestError, as_request
from zoo.pictures import grids

Batch = tuple[np.ndarray, np.ndarray | None]  # uint8 images, and their labels
ROWS = 4096  # of a row group in Parquet


@dataclass(frozen=True)
class Series:
    """What goes into a file: `count` pictures of `shape`, numbered from `first`, in batches."""

    batches: Iterable[Batch]
    count: int
    shape: tuple[int, ...]
    first: int
    class_names: Sequence[str]


def draw_series(
    sampler: Sampler,
    out: Path,
    count: int,
    wanted: str | None = None,
    seed: int = 0,
    fixed: Iterable[str] = (),
    part: str = "1/1",
    progress: Callable[..., Iterable[Any]] = lambda batches, total: batches,
) -> int:
    """Draws pictures to a file, whole or not at all.

    Args:
        sampler, seed, fixed: as for `draw`.
        out: a path that ends in one of `WRITERS`.
        count: pictures of the whole series.
        wanted: a class name or number; None or "all" takes the classes in turn.
        part: "K/N", which of N parts of the series to draw, from 1.
        progress: wraps the loop over the batches, of which there are `total`.

    Returns:
        How many pictures the file holds.

    Raises:
        RequestError: a value that this generator does not take, or pyarrow is missing.
    """
    first, end = part_of(count, part)
    classes = None if wanted == "all" and sampler.class_names else wanted
    shared = dict(map(parse_fixed, fixed))
    with as_request():  # one picture first: checks every value before the file is begun
        shape = sampler.generate(min(count, 1), classes, seed, shared).shape[1:]
    if len(shape) != 3:
        raise RequestError(f"generate writes images, and this generator draws points: {shape}")
    write = WRITERS[out.suffix.lower()]
    with as_request(), files.atomic_path(out) as temporary:
        batches = sampler.stream(end, classes, seed, shared, first)
        drawn = progress(batches, total=math.ceil((end - first) / BATCH))
        pictures = ((grids.to_uint8(images), labels) for images, labels in drawn)
        write(temporary, Series(pictures, end - first, shape, first, sampler.class_names))
    return end - first


def part_of(count: int, part: str) -> tuple[int, int]:
    """(first, end) of the pictures in part "K/N" of a series, parts of nearly the same size."""
    number, _, parts = part.partition("/")
    if not (number.isdecimal() and parts.isdecimal() and 1 <= int(number) <= int(parts)):
        raise RequestError(f"--part must be K/N with K from 1 to N. Received: {part}")
    if 0 < count < int(parts):
        raise RequestError(
            f"The images must be at least as many as the parts. Received: {count} for {part}"
        )
    return (int(number) - 1) * count // int(parts), int(number) * count // int(parts)


def write_npz(path: Path, series: Series) -> None:
    """An archive as `numpy.savez` makes it, its images written as they come."""
    every: list[np.ndarray] = []
    with zipfile.ZipFile(path, "w") as archive:
        # A ZipInfo has no time of its own: the same drawings give the same file.
        with archive.open(zipfile.ZipInfo("images.npy"), "w", force_zip64=True) as file:
            _write_header(file, (series.count, *series.shape), np.uint8)
            for images, labels in series.batches:
                file.write(images.tobytes())
                every += [] if labels is None else [labels]
        if every:
            with archive.open(zipfile.ZipInfo("labels.npy"), "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.concatenate(every))


def _write_header(file: Any, shape: tuple[int, ...], dtype: type) -> None:
    about = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, about)


def write_tar(path: Path, series: Series) -> None:
    """A WebDataset, whose keys are the pictures' numbers in the whole series."""
    number = series.first
    with tarfile.open(path, "w") as archive:
        for images, labels in series.batches:
            for i, image in enumerate(images):
                key = f"{number:09d}"
                _add(archive, f"{key}.png", _png(image))
                if labels is not None:
                    _add(archive, f"{key}.cls", str(labels[i]).encode())
                number += 1


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    about = tarfile.TarInfo(name)  # without a time, as above
    about.size = len(content)
    archive.addfile(about, io.BytesIO(content))
    # It keeps what it knows of each member, which of a million pictures fills the memory.
    archive.members.clear()  # type: ignore[attr-defined]


def write_parquet(path: Path, series: Series) -> None:
    """A table of PNG images, with the features by which the `datasets` library decodes them."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise RequestError(
            "A .parquet file needs pyarrow, which is not installed: pip install 'genzoo[parquet]'"
        ) from error
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    columns = [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))]
    if series.class_names:
        features["label"] = {"_type": "ClassLabel", "names": list(series.class_names)}
        columns.append(("label", pa.int64()))
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    schema = pa.schema(columns, metadata=about)
    with pq.ParquetWriter(path, schema) as writer:
        rows: list[dict[str, Any]] = []
        for images, labels in series.batches:
            for i, image in enumerate(images):
                label = {} if labels is None else {"label": int(labels[i])}
                rows.append({"image": {"bytes": _png(image), "path": None}, **label})
            if len(rows) >= ROWS:
                writer.write_table(pa.Table.from_pylist(rows, schema))
                rows = []
        writer.write_table(pa.Table.from_pylist(rows, schema))


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    grids.to_image(image).save(buffer, "png")
    return buffer.getvalue()


WRITERS = {".npz": write_npz, ".tar": write_tar, ".parquet": write_parquet}
