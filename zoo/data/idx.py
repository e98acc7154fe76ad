"""The IDX format of MNIST and its relatives (http://yann.lecun.com/exdb/mnist/).

Big-endian: a magic number 0x000008NN (08 for unsigned bytes, NN for the number of dimensions),
one uint32 for each dimension, then the values.
"""

import gzip
import math
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np

from zoo.errors import RequestError

DIMENSIONS = {0x00000801: 1, 0x00000803: 3}  # labels (n,), images (n, height, width)
CHUNK = 1 << 20
MAX_BYTES = 1 << 30  # of values, 1.4 million images of 28x28; gzip makes a megabyte of a kilobyte


def read_idx(path: Path) -> np.ndarray:
    """The uint8 array of an IDX file: labels (n,) or images (n, height, width).

    A name that ends in .gz is read through gzip.

    Raises:
        RequestError: the file cannot be read, is not IDX, or is not exactly as long as its header
            says.
    """
    path = Path(path)
    opened: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rb") as file:
            return _read(file, path)
    except (OSError, EOFError, zlib.error) as error:
        raise RequestError(
            f"An IDX file must be readable to its end. Received: {path} ({error})"
        ) from error


def _read(file: IO[bytes], path: Path) -> np.ndarray:
    magic = int.from_bytes(_exactly(file, 4, path), "big")
    if magic not in DIMENSIONS:
        raise RequestError(
            "An IDX file must start with 0x00000803 (images) or 0x00000801 (labels). "
            f"Received: {path}, which starts with 0x{magic:08x}"
        )
    count = DIMENSIONS[magic]
    shape = struct.unpack(f">{count}I", _exactly(file, 4 * count, path))
    if 0 in shape:
        raise RequestError(f"IDX dimensions must be positive. Received: {path} with {shape}")
    if math.prod(shape) > MAX_BYTES:
        raise RequestError(
            f"An IDX file must not hold more than {MAX_BYTES >> 20} MiB. "
            f"Received: {path} with {shape}"
        )
    values = _exactly(file, math.prod(shape), path)
    if file.read(1):
        raise RequestError(
            f"An IDX file must end where its header {shape} says. Received: {path}, "
            "with trailing bytes"
        )
    return np.frombuffer(values, np.uint8).reshape(shape)


def _exactly(file: IO[bytes], size: int, path: Path) -> bytearray:
    """`size` bytes, read in chunks: a header that lies never decides how much is allocated."""
    data = bytearray()
    while len(data) < size:
        chunk = file.read(min(CHUNK, size - len(data)))
        if not chunk:
            raise RequestError(
                f"An IDX file must be as long as its header says. Received: {path}, "
                f"truncated: {len(data)} bytes where {size} were due"
            )
        data += chunk
    return data
