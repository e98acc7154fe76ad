"""The report of an export, `verification.json`: its one schema, and the files that it names.

The report may come from a stranger, and other commands act on it: `export` deletes what it names,
`push` publishes it. So it is checked whenever it is read, and what is returned holds the known keys
alone. It names files as the exporter makes them, in the folder of the report itself.
"""

import json
import math
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from zoo.errors import RequestError

REPORT = "verification.json"
# The least peak signal-to-noise ratio of the smaller precisions, in dB.
FLOORS = {"fp16": 50.0, "int8": 30.0}
FILE = re.compile(r"[a-z][a-z0-9_]{0,40}\.(onnx|tflite)", re.ASCII)
CASE = re.compile(r"\d{1,6}( of \d{1,6}x\d{1,6})?", re.ASCII)
LARGEST = 2**20  # bytes
LONGEST = 300  # characters of a text
Report = dict[str, Any]
OF_FILES = ("sha256", "errors", "forced", "bytes", "milliseconds", "fcd")  # keys by file name


def file_name(graph: str, precision: str, suffix: str) -> str:
    """The name of an exported file: model_int8.onnx of ("model", "int8", ".onnx")."""
    return f"{graph}{suffix}" if precision == "fp32" else f"{graph}_{precision}{suffix}"


def parts(name: str) -> tuple[str, str]:
    """(graph, precision) of the name of an exported file."""
    graph, _, precision = Path(name).stem.rpartition("_")
    return (graph, precision) if precision in FLOORS else (Path(name).stem, "fp32")


def read(folder: Path) -> Report | None:
    """The report in a folder, checked, or None where there is none.

    Returns:
        Dict of "tolerance", "floors", "errors" (file to case to "max", "mean" and "psnr"),
        "sha256", "forced" and "versions", and of "bytes", "milliseconds" (file to batch to
        number) and "fcd" where the file has them. "sha256" has every file of the others.

    Raises:
        RequestError: it is not what `export` writes.
    """
    path = Path(folder) / REPORT
    if not path.exists() and not path.is_symlink():
        return None
    require_regular(path.parent, [path.name])
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError(f"more than {LARGEST} bytes")
        return _checked(json.loads(path.read_bytes()))
    except (ValueError, RecursionError) as error:
        reason = str(error) or type(error).__name__
        raise RequestError(
            f"{REPORT} must be a report that `export` wrote. Received: {path} ({reason})"
        ) from error


def only(report: Report, names: Iterable[str]) -> Report:
    """The report of some of its files."""
    kept = set(names)
    return {
        key: {name: one for name, one in value.items() if name in kept}
        if key in OF_FILES
        else value
        for key, value in report.items()
    }


def require_regular(folder: Path, names: Iterable[str]) -> None:
    """Refuses names in a folder that lead elsewhere: only regular files are deleted or copied."""
    for name in names:
        path = Path(folder) / name
        if path.is_symlink() or not path.is_file():
            raise RequestError(f"{name} must be a regular file, not a link. Received: {path}")


def _checked(found: Any) -> Report:
    """The known keys of a report, or a ValueError that names the first wrong one."""
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    report: Report = {}
    for key, (required, check) in SCHEMA.items():
        if key in found:
            report[key] = check(key, found[key])
        elif required:
            raise ValueError(f"no {key}")
    for key in OF_FILES:
        if unknown := report.get(key, {}).keys() - report["sha256"].keys():
            raise ValueError(f"{key} of {min(unknown)}, which has no sha256")
    return report


Check = Callable[[str, Any], Any]


def _number(key: str, value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError(f"{key} has {value!r:.40}, which is not a finite number")
    return value


def _count(key: str, value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{key} has {value!r:.40}, which is not an integer from 0")
    return value


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST or not value.isprintable():
        raise ValueError(f"{key} has {value!r:.40}, which is not a line of text")
    return value


def _error(key: str, value: Any) -> dict[str, float]:
    error: dict[str, float] = _table("max|mean|psnr", _number)(key, value)
    if len(error) != 3:
        raise ValueError(f"{key} has a case without max, mean or psnr")
    return error


def _digest(key: str, value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}", value):
        raise ValueError(f"{key} has {value!r:.40}, which is not a sha256")
    return value


def _table(pattern: str | re.Pattern[str], check: Check) -> Check:
    """The check of a dict whose keys match a pattern and whose values pass another check."""

    def check_table(key: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict) or len(value) > 1000:
            raise ValueError(f"{key} is not a short JSON object")
        for name in value:
            if not re.fullmatch(pattern, name):
                raise ValueError(f"{key} has the name {name!r:.80}")
        return {name: check(key, one) for name, one in value.items()}

    return check_table


# Of each key whether a report must have it, and the check of its value.
SCHEMA: dict[str, tuple[bool, Check]] = {
    "tolerance": (True, _number),
    "floors": (True, _table("fp16|int8", _number)),
    "errors": (True, _table(FILE, _table(CASE, _error))),
    "sha256": (True, _table(FILE, _digest)),
    "forced": (True, _table(FILE, _text)),
    "versions": (True, _table(r"[a-z][a-z0-9-]{0,40}", _text)),
    "bytes": (False, _table(FILE, _count)),
    "milliseconds": (False, _table(FILE, _table(CASE, _number))),
    "fcd": (False, _table(FILE, _number)),
}
