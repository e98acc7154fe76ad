"""Pairs of images: side by side in one file, or in two folders of matching names.

Layouts, in a folder or an archive alike, below one of `train`, `val` and `test` or without them:

    <image>                     A is its left half, B its right one
    A/<image>  and  B/<image>   a pair has one name, whatever the suffix; also trainA/, trainB/, ...

The splits and sides may have any of the names in `zoo.data.layouts`, as input/ and target/. Folders
above and below do not matter, as long as both sides have them. The test split is `test`, or `val`
where there is no `test`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from zoo.data import layouts
from zoo.data.archive import ImageFiles, Parts, open_images
from zoo.data.images import left_out, read_chosen
from zoo.errors import RequestError


class Pairs(NamedTuple):
    """Both sides of pairs: uint8 images (n, height, width, channels), in the order of the names."""

    a: np.ndarray
    b: np.ndarray
    notes: tuple[str, ...]  # as in `Dataset`


def read_pairs(path: Path, split: str, image_size: int | None, color: str | None) -> Pairs:
    """The pairs of one split.

    Args:
        path: a folder or an archive.
        split: "train" or "test".
        image_size, color: see `zoo.data.load`; both sides are treated alike.

    Raises:
        RequestError: no images, an unpaired one, a pair of two sizes, an odd width, folders that
            are unclear, or what `zoo.data.images` refuses. The line names the file.
    """
    with open_images(path) as files:
        sides = _arrange(sorted(files), split, path)
        notes = tuple(left_out(files))
        if "AB" in sides:
            a, b = (
                read_chosen(files, sides["AB"], path, image_size, color, half)
                for half in (_left, _right)
            )
            return Pairs(a, b, notes)
        sizes, arrays = {}, {}
        for side, chosen in sides.items():
            sizes[side], remember = _size_keeper(files, chosen)
            arrays[side] = read_chosen(files, chosen, path, image_size, color, remember)
    for pair in zip(sides["A"], sides["B"], strict=True):
        of_a, of_b = (sizes[side][parts] for side, parts in zip("AB", pair, strict=True))
        if of_a != of_b:
            received = (f"{'/'.join(parts)} with {w}x{h}" for parts, (w, h) in
                        zip(pair, (of_a, of_b), strict=True))  # fmt: skip
            raise RequestError(
                f"Both images of a pair must have one size. Received: {' and '.join(received)} "
                f"in {path}"
            )
    return Pairs(arrays["A"], arrays["B"], notes)


def _arrange(found: list[Parts], split: str, path: Path) -> dict[str, list[Parts]]:
    """The split's files by side: {"A": [...], "B": [...]} in one order, or {"AB": [...]}."""
    layouts.check_distinct({name.lower() for parts in found for name in parts[:-1]}, path)
    places: dict[tuple[str, str], dict[Parts, Parts]] = {}  # (split, side) to {name: parts}
    for parts in found:
        part, side, name = _place(parts)
        names = places.setdefault((part, side), {})
        if name in names:
            raise RequestError(
                "Images of one side must differ in more than their suffix. "
                f"Received: {'/'.join(names[name])} and {'/'.join(parts)} in {path}"
            )
        names[name] = parts
    splits = {part for part, _ in places}
    wanted = "" if split == "train" and splits == {""} else layouts.read_as(split, splits)
    sides = {side: names for (part, side), names in places.items() if part == wanted}
    if not sides:
        raise RequestError(
            f"The {split} split of pairs must be a folder {split}/. Received: {path} without one"
        )
    if set(sides) == {"AB"}:
        _refuse_unnamed_sides(sides["AB"], path)
        return {"AB": list(sides["AB"].values())}
    for side in ("A", "B"):
        if side not in sides:
            raise RequestError(
                "Pairs in two folders must lie in A/ and B/ (or trainA/ and trainB/). "
                f"Received: {path} without {wanted}{'/' if wanted else ''}{side}"
            )
    if "AB" in sides:
        loose = next(iter(sides["AB"].values()))
        raise RequestError(
            "Pairs must all be side by side or all in A/ and B/, not both. "
            f"Received: {'/'.join(loose)} beside A/ and B/ in {path}"
        )
    for side, other in (("A", "B"), ("B", "A")):
        alone = [parts for name, parts in sides[side].items() if name not in sides[other]]
        if alone:
            raise RequestError(
                f"Every image of {side} must have its pair in {other}, of the same name; there are "
                f"{len(sides['A'])} and {len(sides['B'])}. Received: {'/'.join(alone[0])} in "
                f"{path}, which has none"
            )
    return {side: [sides[side][name] for name in sorted(sides["A"])] for side in ("A", "B")}


def _place(parts: Parts) -> tuple[str, str, Parts]:
    """(split or "", side or "AB", the rest of the path without suffix) of an image's path."""
    split, side, rest = "", "AB", []
    for folder in parts[:-1]:
        match = layouts.place(folder)
        if any(match):
            split, side = match[0] or split, match[1] or side
        else:
            rest.append(folder)
    return split, side, (*rest, Path(parts[-1]).stem)


def _refuse_unnamed_sides(names: dict[Parts, Parts], path: Path) -> None:
    """Refuses two folders with images of the same names: each would be cut in two halves."""
    folders: dict[Parts, set[str]] = {}
    for *folder, name in names:
        folders.setdefault(tuple(folder), set()).add(name)
    if len(folders) == 2:
        (one, of_one), (other, of_other) = folders.items()
        if of_one == of_other:
            raise RequestError(
                f"{'/'.join(one)}/ and {'/'.join(other)}/ in {path} hold images of the same names: "
                "call them A/ and B/ if they are the two sides of pairs, and put the images in one "
                "folder if each holds both sides"
            )


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


def _size_keeper(
    files: ImageFiles, chosen: list[Parts]
) -> tuple[dict[Parts, tuple[int, int]], Callable[[Image.Image], Image.Image]]:
    """(dict, hook): as `read_chosen` calls the hook, the dict gets each file's (width, height)."""
    wanted = set(chosen)
    order = iter([parts for parts in files if parts in wanted])  # in which they are read
    sizes: dict[Parts, tuple[int, int]] = {}

    def remember(image: Image.Image) -> Image.Image:
        sizes[next(order)] = image.size
        return image

    return sizes, remember
