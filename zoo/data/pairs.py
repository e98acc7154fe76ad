"""Pairs of images: side by side in one file, or in two folders of matching names.

Layouts, in a folder or an archive alike, below one of `train`, `val` and `test` or without them:

    <image>                     A is its left half, B its right one
    A/<image>  and  B/<image>   a pair has one name, whatever the suffix; also trainA/, trainB/, ...

Folders above and below do not matter, as long as both sides have them. The test split is `test`, or
`val` where there is no `test`.
"""

import re
from pathlib import Path

import numpy as np
from PIL import Image

from zoo.data.archive import ImageFiles, open_images
from zoo.data.images import Parts, read_chosen
from zoo.errors import RequestError


def read_pairs(
    path: Path, split: str, image_size: int | None, color: str | None
) -> tuple[np.ndarray, np.ndarray]:
    """(A, B): uint8 images (n, height, width, channels) of both sides, in the order of the names.

    Args:
        path: a folder or an archive.
        split: "train" or "test".
        image_size, color: see `zoo.data.load`; both sides are treated alike.

    Raises:
        RequestError: no images, an unpaired one, a pair of two sizes, an odd width, or what
            `zoo.data.images` refuses. The line names the file.
    """
    with open_images(path) as files:
        sides = _arrange(sorted(files), split, path)
        if len(sides) == 1:
            (chosen,) = sides.values()
            return tuple(
                read_chosen(files, chosen, path, image_size, color, half)
                for half in (_left, _right)
            )
        sizes = {}
        arrays = []
        for side, chosen in sides.items():
            sizes[side], remember = _size_keeper(files, chosen)
            arrays.append(read_chosen(files, chosen, path, image_size, color, remember))
    for a, b in zip(*sides.values(), strict=True):
        if sizes["A"][a] != sizes["B"][b]:
            received = (f"{'/'.join(p)} with {w}x{h}" for p, (w, h) in
                        ((a, sizes["A"][a]), (b, sizes["B"][b])))  # fmt: skip
            raise RequestError(
                f"both images of a pair must have one size. Received: {' and '.join(received)} "
                f"in {path}"
            )
    return tuple(arrays)


def _arrange(found: list[Parts], split: str, path: Path) -> dict[str, list[Parts]]:
    """The split's files by side: {"A": [...], "B": [...]} in one order, or {"AB": [...]}."""
    places = {}  # (split, side) to {name: parts}
    for parts in found:
        part, side, name = _place(parts)
        names = places.setdefault((part, side), {})
        if name in names:
            raise RequestError(
                "images of one side must differ in more than their suffix. "
                f"Received: {'/'.join(names[name])} and {'/'.join(parts)} in {path}"
            )
        names[name] = parts
    splits = {part for part, _ in places}
    wanted = split
    if split == "test" and "test" not in splits and "val" in splits:
        wanted = "val"
    if split == "train" and splits == {""}:
        wanted = ""
    sides = {side: names for (part, side), names in places.items() if part == wanted}
    if not sides:
        raise RequestError(
            f"split {split!r} must be a folder {split}/ of pairs. Received: {path} without one"
        )
    if set(sides) == {"AB"}:
        return {"AB": list(sides["AB"].values())}
    for side in ("A", "B"):
        if side not in sides:
            raise RequestError(
                "pairs in two folders must lie in A/ and B/ (or trainA/ and trainB/). "
                f"Received: {path} without {wanted}{'/' if wanted else ''}{side}"
            )
    if "AB" in sides:
        loose = next(iter(sides["AB"].values()))
        raise RequestError(
            "pairs must all be side by side or all in A/ and B/, not both. "
            f"Received: {'/'.join(loose)} beside A/ and B/ in {path}"
        )
    for side, other in (("A", "B"), ("B", "A")):
        alone = [parts for name, parts in sides[side].items() if name not in sides[other]]
        if alone:
            raise RequestError(
                f"every image of {side} must have its pair in {other}, of the same name; there are "
                f"{len(sides['A'])} and {len(sides['B'])}. Received: {'/'.join(alone[0])} alone, "
                f"in {path}"
            )
    return {side: [sides[side][name] for name in sorted(sides["A"])] for side in ("A", "B")}


def _place(parts: Parts) -> tuple[str, str, Parts]:
    """(split or "", side or "AB", the rest of the path without suffix) of an image's path."""
    split, side, rest = "", "AB", []
    for folder in parts[:-1]:
        match = re.fullmatch("(train|val|test)?([AB])?", folder)
        if match is None:
            rest.append(folder)
        else:
            split, side = match[1] or split, match[2] or side
    return split, side, (*rest, Path(parts[-1]).stem)


def _left(image: Image.Image) -> Image.Image:
    return image.crop((0, 0, _half(image), image.height))


def _right(image: Image.Image) -> Image.Image:
    return image.crop((_half(image), 0, image.width, image.height))


def _half(image: Image.Image) -> int:
    if image.width % 2:
        raise ValueError(
            f"{image.width}x{image.height}, where two images side by side have an even width"
        )
    return image.width // 2


def _size_keeper(files: ImageFiles, chosen: list[Parts]):
    """(dict, hook): as `read_chosen` calls the hook, the dict gets each file's (width, height)."""
    wanted = set(chosen)
    order = iter([parts for parts in files if parts in wanted])  # in which they are read
    sizes = {}

    def remember(image):
        sizes[next(order)] = image.size
        return image

    return sizes, remember
