"""Images of a folder that are decoded as they are asked for, for folders larger than memory."""

import hashlib
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, cached_property
from itertools import compress
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import numpy as np

from zoo.data.images import decode, empty
from zoo.errors import RequestError

AHEAD = 3  # batches that are made before they are asked for
Item = TypeVar("Item")


class StreamedImages:
    """Stands for the array of a folder's images, uint8 (n, side, side, channels).

    An integer, a slice or an array of integers as an index decodes these images. A mask chooses
    images without decoding them.

    Args:
        folder: of the images.
        names: their paths below it, in order.
        side: what they are cropped and resized to, in pixels.
        color: "gray" or "rgb".
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, folder: Path, names: Sequence[str], side: int, color: str) -> None:
        self.folder = folder
        self.names = names
        self.side = side
        self.color = color

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.names), self.side, self.side, 1 if self.color == "gray" else 3)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, chosen: Any) -> Any:
        if isinstance(chosen, int | np.integer):
            return self._decode(self.names[int(chosen)])
        if isinstance(chosen, np.ndarray) and chosen.dtype == bool:
            names = list(compress(self.names, chosen.tolist()))
            return StreamedImages(self.folder, names, self.side, self.color)
        indices = np.arange(len(self))[chosen]
        images = empty(len(indices), *self.shape[1:])
        decoded = _decoders().map(self._decode, [self.names[i] for i in indices])
        for place, pixels in enumerate(decoded):
            images[place] = pixels
        return images

    def _decode(self, name: str) -> np.ndarray:
        path = self.folder / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise RequestError(
                f"A streamed folder must keep its images. Received: {path} ({error.strerror})"
            ) from error
        return decode(data, str(path), self.side, self.color)

    @cached_property
    def fingerprint(self) -> str:
        """The sha256, as hex, over the shape and each image's name and size in bytes.

        What is in the files is not read, since that takes as long as an epoch.
        """
        digest = hashlib.sha256(repr(self.shape).encode())
        for name in self.names:
            size = os.stat(self.folder / name).st_size
            digest.update(f"{name}\0{size}\0{self.color}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NoReturn:
        self._refuse()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise RequestError(
            "This needs all images in memory, and those of --stream are not. "
            f"Received: {self.folder}"
        )


@cache
def _decoders() -> ThreadPoolExecutor:
    """The threads that decode: Pillow does so without Python's lock."""
    return ThreadPoolExecutor(os.cpu_count())


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The items of an endless iterator, some of them made in a thread before they are needed."""
    with ThreadPoolExecutor(1) as pool:
        waiting = deque(pool.submit(next, items) for _ in range(AHEAD))
        while True:
            yield waiting.popleft().result()
            waiting.append(pool.submit(next, items))
