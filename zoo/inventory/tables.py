"""The rows of `list` as a table: a line each on a terminal of 80 columns, and readable on less."""

import os
import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zoo import registry
from zoo.inventory.catalog import Row

GAP = "  "
SMALLEST = 20  # columns, below which nothing would be readable
HIDDEN = ("backends", "description", "created", "minutes")  # without --long


def lines_of(rows: Sequence[Row], long: bool = False, width: int | None = None) -> list[str]:
    """The lines that show the rows of one list of `zoo.inventory.catalog`.

    Where the table does not fit the width, each row is a paragraph.

    Args:
        rows: dicts of one list.
        long: with every column, and nothing shortened.
        width: columns that a line may have, None for any number.
    """
    if not rows:
        return ["none"]
    cells = [
        {key: _cell(value) for key, value in row.items()}
        for row in (_with_changes(rows, long) if "preset" in rows[0] else _shown(rows, long))
    ]
    columns = {key: max(len(key), *(len(row[key]) for row in cells)) for key in cells[0]}
    if width is None or sum(columns.values()) + len(GAP) * (len(columns) - 1) <= width:
        header = {key: key for key in columns}
        return [_line(row, columns) for row in (header, *cells)]
    # The last column may be folded where it still has room to be read in.
    *others, last = columns
    left = sum(columns[key] + len(GAP) for key in others)
    if width - left >= 2 * SMALLEST:
        folded = {**columns, last: width - left}
        return [line for row in ({k: k for k in columns}, *cells) for line in _folded(row, folded)]
    return [line for row in cells for line in _paragraph(row, max(width, SMALLEST))]


def terminal_width() -> int | None:
    """The columns of the terminal; None where there is none and COLUMNS does not say.

    What goes to a file or another program is not cut to a width.
    """
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS"):
        return None
    return shutil.get_terminal_size().columns


def _shown(rows: Sequence[Row], long: bool) -> list[Row]:
    if long:
        return list(rows)
    shorter: Mapping[str, Callable[[Any], Any]] = {"paper": _citation, "classes": len}
    return [
        {key: shorter.get(key, _same)(value) for key, value in row.items() if key not in HIDDEN}
        for row in rows
    ]


def _same(value: Any) -> Any:
    return value


def _with_changes(rows: Sequence[Row], long: bool) -> list[Row]:
    """Rows of models and presets: what a preset changes of the model's own values, or all values.

    Models differ in their hyperparameters, which are no columns of one table.
    """
    shown = []
    for row in rows:
        own = registry.entry(row["model"]).hyperparameters
        changes = {
            key: value
            for key, value in row.items()
            if key in own and (long or value != own[key].default)
        }
        if not long and changes.get("decay_steps") == changes.get("steps"):
            changes.pop("decay_steps", None)  # over the whole training
        words = " ".join(f"{key}={_value(value)}" for key, value in changes.items())
        name = "values" if long else "changes"
        shown.append({"model": row["model"], "preset": row["preset"], name: words or None})
    return shown


def _citation(paper: str) -> str:
    """ "Makhzani et al. 2016" of a reference that goes on with a title and a link."""
    return paper.partition(",")[0].partition(";")[0]


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _line(row: Mapping[str, str], columns: Mapping[str, int]) -> str:
    return GAP.join(row[key].ljust(width) for key, width in columns.items()).rstrip()


def _folded(row: Mapping[str, str], columns: Mapping[str, int]) -> list[str]:
    *_, last = columns
    first, *rest = textwrap.wrap(row[last], columns[last], break_on_hyphens=False) or [""]
    blank = dict.fromkeys(columns, "")
    return [_line({**row, last: first}, columns)] + [
        _line({**blank, last: part}, columns) for part in rest
    ]


def _paragraph(row: Mapping[str, str], width: int) -> list[str]:
    """A row as lines: its first cell, and below it the others with their names."""
    (_, title), *others = row.items()
    lines = [title]
    for key, text in others:
        lines += textwrap.wrap(
            f"{key}: {text}",
            width,
            initial_indent=GAP,
            subsequent_indent=2 * GAP,
            break_on_hyphens=False,
        )
    return lines
