"""What the names of folders say: a split, or the side of a pair; in any case of letters."""

import re
from collections.abc import Iterable

from zoo.errors import RequestError

# "val" stands for a split that is read only where there is no "test".
SPLITS = {
    **dict.fromkeys(("train", "training", "trainval"), "train"),
    **dict.fromkeys(("test", "testing"), "test"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
}
SIDES = {
    **dict.fromkeys(("a", "input", "inputs", "source"), "A"),
    **dict.fromkeys(("b", "target", "targets", "output", "outputs"), "B"),
}
# "train", "A", "trainA", "train_input", ...
_FOLDER = re.compile(
    f"(?:({'|'.join(SPLITS)})[ _-]?)?({'|'.join(SIDES)})?",
    re.IGNORECASE,
)


def place(folder: str) -> tuple[str, str]:
    """(split, side) that a folder's name stands for, each "" where it says nothing."""
    match = _FOLDER.fullmatch(folder)
    if match is None or not folder:
        return "", ""
    split, side = (group.lower() if group else "" for group in match.groups())
    return SPLITS.get(split, ""), SIDES.get(side, "")


def split_of(folder: str) -> str:
    """The split, "train", "test" or "val", that a folder's name stands for, or ""."""
    return SPLITS.get(folder.lower(), "")


def are_sides(folders: Iterable[str]) -> bool:
    """Whether folders have the names of the two sides of pairs, as input/ and target/, only."""
    return {place(folder)[1] for folder in folders} == {"A", "B"}


def read_as(split: str, there: Iterable[str]) -> str:
    """Which of the splits that are `there` is read for "train" or "test"."""
    there = set(there)
    return "val" if split == "test" and "test" not in there and "val" in there else split


def check_distinct(folders: Iterable[str], path: object) -> None:
    """Refuses two folders that stand for one split or side, as Train/ and training/."""
    names: dict[tuple[str, str], str] = {}
    for folder in sorted(folders):
        known = names.setdefault(place(folder), folder)
        if known != folder and any(place(folder)):
            raise RequestError(
                "Two folders must not stand for the same part of a dataset; rename or move one. "
                f"Received: {known}/ and {folder}/ in {path}"
            )
