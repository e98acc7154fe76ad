"""Systematic damage: values of every wrong type for a key of JSON, and damaged bytes of a file."""

import copy
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

REMOVED = object()
# What no key can have all of: each is of the wrong type, or out of bounds, for most keys.
WRONG: tuple[Any, ...] = (
    REMOVED,
    None,
    True,
    -1,
    0,
    10**30,
    1.5,
    1e300,
    "",
    "a",
    "../../outside/secret.txt",
    "\u202eevil\x1b[2J",
    "a" * 300_000,
    [],
    [0],
    ["a", None],
    [[[[]]]],
    [1] * 100_000,
    {},
    {"a": {"b": 1}},
    {"class_name": "Lambda", "config": {"function": "os.system"}},
)


def with_value(value: Any, keys: Sequence[str], new: Any) -> Any:
    """A copy of nested JSON objects with another value at a place; `REMOVED` takes it away."""
    changed = copy.deepcopy(value)
    place = changed
    for key in keys[:-1]:
        place = place[key]
    if new is REMOVED:
        place.pop(keys[-1], None)
    else:
        place[keys[-1]] = new
    return changed


def damaged(make: Callable[[Path], Path], index: int, folder: Path) -> Path:
    """The path of a good file that was damaged in one of many ways, the same for one index."""
    path = make(folder)
    path.write_bytes(damage(path.read_bytes(), index))
    return path


def damage(content: bytes, index: int) -> bytes:
    """A file's bytes cut short, with bits flipped, or with parts removed, repeated or exchanged."""
    rng = random.Random(index)
    data = bytearray(content)
    start = rng.randrange(len(data))
    end = min(len(data), start + rng.choice((1, 4, 16, 256)))
    kind = index % 8
    if kind == 0:
        del data[start:]
    elif kind < 4:  # most of them: each may turn a length, a type or an offset
        for _ in range(rng.choice((1, 1, 2, 8))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 4:
        del data[start:end]
    elif kind == 5:
        data[start:start] = data[start:end] * rng.choice((1, 3, 100))
    elif kind == 6:
        data[start:end] = rng.choice((b"\xff", b"\0", b"\x7f", b"\x80")) * (end - start)
    else:
        data[start:end] = rng.randbytes(end - start)
    return bytes(data)
