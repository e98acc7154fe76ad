"""The published config.json: a run's record, built from known keys of known types.

A run's own config.json may hold anything, put there by a person or a newer version, and names
folders of the machine it ran on. So nothing of it is published but what is checked here, and of
every path only the last part.
"""

import re
import shlex
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

from export.runtime.metadata import MOST_CLASSES
from zoo import BACKENDS, POLICIES, registry
from zoo.errors import RequestError
from zoo.hyperparameters import check
from zoo.training.run import Run
from zoo.training.schema import FORMAT

LARGEST_SIDE = 4096  # pixels
LONGEST = 10_000  # characters of a text
Check = Callable[[Any], Any]


def public_config(run: Run) -> dict[str, Any]:
    """A run's config with its step, without what names the machine it ran on.

    Raises:
        RequestError: a key is missing or has a value that no run of this project has.
    """
    config, path = run.config, run.path / "config.json"
    entry = registry.entry(_read(config, "model", _text, path))
    found = {key: _read(config, key, check_one, path) for key, check_one in CONFIG.items()}
    known = {name: field for name, field in entry.hyperparameters.items() if name != "steps"}
    # A run may be older than a hyperparameter, whose default then says what it was made with.
    defaults = {name: field.default for name, field in known.items()}
    given = defaults | _read(config, "hyperparameters", _dict, path)
    found["hyperparameters"] = {
        name: check(name, _read(given, name, _value, path), field.annotation)
        for name, field in known.items()
    }
    dataset = _read(config, "dataset", _dict, path)
    found["dataset"] = {
        key: _read(dataset, key, check_one, path) for key, check_one in DATASET.items()
    }
    found["dataset"]["data_dir"] = None
    evaluation = config.get("evaluation")
    if evaluation is not None:
        values = _read(config, "evaluation", _dict, path)
        evaluation = {key: _read(values, key, one, path) for key, one in EVALUATION.items()}
    return {**found, "evaluation": evaluation, "step": run.manifest()["step"]}


def public_scores(value: Any) -> Any:
    """Scores with their receipts, where every text that is a path is cut to its last part."""
    if isinstance(value, dict):
        return {key: public_scores(one) for key, one in value.items()}
    if isinstance(value, list):
        return [public_scores(one) for one in value]
    is_path = isinstance(value, str) and re.match(r"[/~.]|file:|[A-Za-z]:[/\\]|\\", value)
    return last_part(value) if is_path else value


def public_command(command: Any) -> str:
    """A command in which every path is replaced by its last part.

    Raises:
        ValueError: it is not a text, or not a command: a quote is left open.
    """
    lexer = shlex.shlex(_line(command), posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = lexer.escape = ""  # a backslash is a part of a Windows path
    words = []
    for word in lexer:
        option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
        words.append(last_part(word) if not equals else f"{last_part(option)}={last_part(value)}")
    return shlex.join(words)


def last_part(text: str) -> str:
    """The last part of a path of any system or of a file: address; other texts as they are."""
    if re.search(r"(^|=)file:", text):
        text = urllib.parse.unquote(text)
    text = re.sub(r"(^|=)(file|[A-Za-z]):(?=.)", r"\1/", text)
    text = re.sub(r"(^|=)~[^/\\]*$", r"\1~", text)  # the name of a user
    return re.split(r"[/\\]", text.rstrip("/\\"))[-1] if re.search(r"[/\\]", text) else text


def _read(values: Mapping[str, Any], key: str, check_one: Check, path: Any) -> Any:
    """A value of a config, checked, or a `RequestError` that names the key."""
    try:
        return check_one(values.get(key))
    except ValueError as error:
        raise RequestError(
            f"A run is published with its whole record: {key} must be {error}. "
            f"Received: {values.get(key)!r:.80} in {path}"
        ) from None


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > LONGEST:
        raise ValueError("a text")
    return value


def _line(value: Any) -> str:
    """A command: a text that is not empty."""
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST:
        raise ValueError("the command of the training")
    return value


def _name(value: Any) -> str:
    return last_part(_text(value))


def _command(value: Any) -> str:
    try:
        return public_command(value)
    except ValueError as error:
        raise ValueError(f"a whole command line ({error})") from None


def _integer(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError("an integer from 0")
    return value


def _value(value: Any) -> Any:
    """A hyperparameter, whose annotation says more."""
    if type(value) not in (str, bool, int, float):
        raise ValueError("a text, a number, true or false")
    return value


def _dict(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("an object")
    return value


def _one_of(*known: Any) -> Check:
    def check_one(value: Any) -> Any:
        if value not in known or type(value) is bool:
            raise ValueError("one of " + ", ".join(map(str, known)))
        return value

    return check_one


def _optional(check_one: Check) -> Check:
    return lambda value: None if value is None else check_one(value)


def _matching(pattern: str, words: str) -> Check:
    def check_one(value: Any) -> str:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(words)
        return value

    return check_one


def _shape(value: Any) -> list[int]:
    three = isinstance(value, list) and len(value) == 3
    if not three or not all(type(side) is int and 1 <= side <= LARGEST_SIDE for side in value):
        raise ValueError("the height, width and channels of the images")
    return list(value)


def _names(value: Any) -> list[str]:
    short = isinstance(value, list) and len(value) <= MOST_CLASSES
    if not short or not all(isinstance(name, str) and len(name) <= 1000 for name in value):
        raise ValueError("a list of names")
    return list(value)


def _versions(value: Any) -> dict[str, str]:
    version = _matching(r"[0-9A-Za-z][\w.+!-]{0,63}", "versions by package")
    if not isinstance(value, dict) or len(value) > 50:
        raise ValueError("versions by package")
    return {version(name): version(number) for name, number in value.items()}


def _share(value: Any) -> float:
    if type(value) is not float or not 0 < value < 1:
        raise ValueError("a share above 0 and below 1")
    return value


def _retries(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise ValueError("a list of objects")
    known = {"step": _integer, "from_step": _integer, "what": _text}
    return [{key: check_one(one.get(key)) for key, check_one in known.items()} for one in value]


_word = _matching(r"[A-Za-z][\w-]{0,63}", "a word")
_digest = _matching(r"[0-9a-f]{4,128}", "a hexadecimal digest")
CONFIG: dict[str, Check] = {
    "format": _one_of(FORMAT),
    "created": _matching(r"[\dT:.+Z-]{10,40}", "a date and time"),
    "model": _text,
    "preset": _one_of(*registry.PRESETS),
    "total_steps": _integer,
    "seed": _integer,
    "backend": _one_of(*BACKENDS),
    "precision": _optional(_one_of(*POLICIES)),
    "patience": _optional(_integer),
    "retries": _optional(_retries),
    "command": _command,
    "versions": _versions,
}
DATASET: dict[str, Check] = {
    "name": _name,
    "request": _name,
    "image_size": _optional(_integer),
    "stream": _optional(lambda value: isinstance(value, bool)),
    "color": _optional(_word),
    "task": _optional(_word),
    "direction": _optional(_word),
    "split": _optional(_one_of("train", "all")),
    "validation": _optional(_share),
    "input_channels": _optional(_integer),
    "image_shape": _shape,
    "class_names": _names,
    "count": _integer,
    "fingerprint": _digest,
}
EVALUATION: dict[str, Check] = {"every": _integer, "classifier": _name, "sha256": _digest}
