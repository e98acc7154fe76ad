"""What a run's own files must hold: a rule for each key, checked whenever a file is read.

A run may have been damaged, edited by hand or copied in part. Whatever is wrong with it is said in
one line that names the key, the rule and the file.
"""

import json
import math
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from zoo import BACKENDS, POLICIES
from zoo.errors import RequestError
from zoo.hyperparameters import Rule

FORMAT = 1  # of the directory; raised when an older reader could not read a newer run
LARGEST = 2**31 - 1
SHOWN = 60  # characters of a wrong value

Record = dict[str, Any]


def integer(low: int) -> Rule:
    """Of an integer from `low` on; true and false are none."""

    def holds(value: Any) -> bool:
        return type(value) is int and low <= value <= LARGEST

    return Rule(f"an integer from {low} to {LARGEST}", holds)


def optional(rule: Rule) -> Rule:
    """Of a value that may be null."""
    return Rule(f"null or {rule.words}", lambda value: value is None or rule.holds(value))


def one_of(*values: str) -> Rule:
    """Of one of some words."""
    return Rule(
        f"one of {', '.join(values)}", lambda value: isinstance(value, str) and value in values
    )


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _is_shape(value: Any) -> bool:
    sides = isinstance(value, list) and all(integer(1).holds(side) for side in value)
    return sides and len(value) in (1, 3)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | bool) or _is_number(value)


def _are_retries(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict)
        and one.keys() == {"step", "from_step", "what"}
        and all(integer(0).holds(one[key]) for key in ("step", "from_step"))
        and isinstance(one["what"], str)
        for one in value
    )


def _is_mapping(of: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(of, value.values()))


TEXT = Rule("a text", lambda value: isinstance(value, str))
BOOLEAN = Rule("true or false", lambda value: isinstance(value, bool))
OBJECT = Rule("a JSON object", lambda value: isinstance(value, dict))
NUMBER = Rule("a finite number", _is_number)
NAMES = Rule(
    "a list of texts", lambda value: isinstance(value, list) and all(map(TEXT.holds, value))
)
SHA256 = Rule(
    "a sha256 of 64 hex digits",
    lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None,
)

SHARE = Rule("a number above 0 and below 1", lambda value: _is_number(value) and 0 < value < 1)

CONFIG = {
    "created": TEXT,
    "model": TEXT,
    "preset": TEXT,
    "hyperparameters": Rule("a JSON object of numbers and texts", _is_mapping(_is_scalar)),
    "total_steps": integer(1),
    "dataset": OBJECT,
    "evaluation": optional(OBJECT),
    "patience": optional(integer(1)),
    "on_nan": optional(one_of("stop", "retry")),
    "retries": optional(Rule("a list of objects with step, from_step and what", _are_retries)),
    "seed": integer(0),
    "backend": one_of(*BACKENDS),
    "precision": one_of(*POLICIES),
    "devices": integer(1),
    "sync_batch_norm": BOOLEAN,
    "command": TEXT,
    "versions": Rule("a JSON object of texts", _is_mapping(TEXT.holds)),
}
REQUIRED = {"created", "model", "dataset", "hyperparameters", "total_steps", "seed", "backend"}
DATASET = {
    "name": TEXT,
    "request": TEXT,
    "data_dir": optional(TEXT),
    "source": TEXT,
    "image_size": optional(integer(1)),
    "stream": optional(BOOLEAN),
    "color": optional(one_of("gray", "rgb")),
    "task": optional(TEXT),
    "direction": optional(one_of("AtoB", "BtoA")),
    "split": optional(one_of("train", "all")),
    "validation": optional(SHARE),
    "input_channels": optional(integer(1)),
    "image_shape": Rule("a list of 1 or 3 positive integers", _is_shape),
    "class_names": NAMES,
    "count": integer(1),
    "fingerprint": SHA256,
}
EVALUATION = {"every": integer(1), "classifier": TEXT, "sha256": SHA256}
CHECKPOINT = {"file": TEXT, "sha256": SHA256, "step": integer(0)}
ROW = {"epoch": integer(1), "step": integer(1)}  # of the history; all else are numbers


def check_config(config: Record, path: Path) -> None:
    """Refuses a config.json, read from `path`, that does not describe a run.

    Raises:
        RequestError: a key is missing, or has a value of another type or out of bounds.
    """
    if config.get("format") != FORMAT or type(config["format"]) is not int:
        if "format" not in config:
            raise RequestError(f"A run's config.json has a format. Received: {path}, without one")
        raise RequestError(
            f"This version reads runs of format {FORMAT}. "
            f"Received: {path} of format {_shown(config['format'])}"
        )
    _check(config, CONFIG, REQUIRED, path)
    _check(config["dataset"], DATASET, {"name", "image_shape", "class_names"}, path, "dataset.")
    if config.get("evaluation") is not None:
        _check(config["evaluation"], EVALUATION, EVALUATION.keys(), path, "evaluation.")


def check_manifest(manifest: Record, path: Path) -> None:
    """Refuses a manifest.json that does not name checkpoints: see `zoo.training.checkpoints`."""
    previous = manifest.get("previous")
    for prefix, entry in (("", manifest), ("previous.", previous)):
        if entry is None:
            continue
        if not isinstance(entry, dict):
            raise _wrong(OBJECT, "previous", entry, path)
        _check(entry, CHECKPOINT, CHECKPOINT.keys(), path, prefix)
        named = Rule(repr(checkpoint_name(entry["step"])), checkpoint_name(entry["step"]).__eq__)
        _check(entry, {"file": named}, (), path, prefix)
    if previous is not None and previous["step"] == manifest["step"]:
        raise _wrong(Rule("of another step", bool), "previous", previous["step"], path)


def checkpoint_name(step: int) -> str:
    """The file name of the checkpoint of a step."""
    return f"step-{step:07d}.safetensors"


def read_object(path: Path, what: str) -> Record:
    """The JSON object in a file. NaN and infinity, which JSON does not have, are refused.

    Args:
        path: of the file.
        what: it is, in words, for the error.

    Raises:
        FileNotFoundError: there is no file.
        RequestError: it holds something else.
    """
    return _parsed(_read(path, what), str(path), what)


def read_rows(path: Path) -> list[Record]:
    """The rows of a history.jsonl, in order; none where there is no file.

    Raises:
        RequestError: a row is no JSON object of finite numbers with an epoch and a step, or its
            step does not follow the step of the row before.
    """
    if not path.exists():
        return []
    rows: list[Record] = []
    for number, line in enumerate(_read(path, "A history").splitlines(), start=1):
        where = f"line {number} of {path}"
        row = _parsed(line, where, "A row of a history")
        _check(row, {**dict.fromkeys(row, NUMBER), **ROW}, ROW.keys(), where)
        if rows and row["step"] <= rows[-1]["step"]:
            above = Rule(f"above {rows[-1]['step']}, the step of the row before", bool)
            raise _wrong(above, "step", row["step"], where)
        rows.append(row)
    return rows


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(f"{what} must be UTF-8 text. Received: {path}") from error


def _parsed(text: str, where: str, what: str) -> Record:
    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no JSON")

    try:
        value = json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise RequestError(f"{what} must be JSON. Received: {where} ({reason})") from error
    if not isinstance(value, dict):
        raise RequestError(f"{what} must be a JSON object. Received: {_shown(value)} in {where}")
    return value


def _check(
    values: Record,
    rules: Mapping[str, Rule],
    required: Collection[str],
    where: Path | str,
    prefix: str = "",
) -> None:
    missing = [f"{prefix}{key}" for key in sorted(required) if key not in values]
    if missing:
        names = ", ".join(f"{prefix}{key}" for key in sorted(required))
        raise RequestError(
            f"The record must have {names}. Received: {where}, without {', '.join(missing)}"
        )
    for key, rule in rules.items():
        if key in values and not rule.holds(values[key]):
            raise _wrong(rule, f"{prefix}{key}", values[key], where)


def _wrong(rule: Rule, key: str, value: Any, where: Path | str) -> RequestError:
    return RequestError(f"{key} must be {rule.words}. Received: {_shown(value)} in {where}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
