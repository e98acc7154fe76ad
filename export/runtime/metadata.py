"""What an exported file says about itself: the one schema of its metadata, with bounds.

A file may be a stranger's, and what it says decides how much is drawn, and how. So the metadata are
checked once, as a whole, and what is kept are the known keys.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from export.runtime.noise import follows_size

PRECISIONS = ("fp32", "fp16", "int8")
LARGEST_EXAMPLE = 2**22  # numbers of one example: in all its inputs together, or in its output
LARGEST_METADATA = 2**22  # bytes of all metadata
LARGEST_SIDE = 4096  # of a drawn image, and the multiple that a translator's sides are extended to
LONGEST_TEXT = 255  # letters of a name; a folder's name, which a class may have, is no longer
MOST_CLASSES = 10_000
MOST_INPUTS = 100


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _is_count(value: Any) -> bool:
    return type(value) is int and 1 <= value < 2**31


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e9  # neither infinite nor NaN


def _are(holds: Callable[[Any], bool], values: Any, most: int) -> bool:
    return isinstance(values, list) and len(values) <= most and all(map(holds, values))


def _are_texts(values: Any) -> bool:
    return isinstance(values, dict) and _are(_is_text, [*values, *values.values()], 2 * MOST_INPUTS)


def _or_none(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or holds(value)


# The keys of the metadata, each with the words for what it must be and a test; others are ignored.
Rule = tuple[str, Callable[[Any], bool]]
METADATA: dict[str, Rule] = {
    "inputs": (
        "specifications by name",
        lambda found: (
            isinstance(found, dict)
            and 1 <= len(found) <= MOST_INPUTS
            and all(_is_text(name) and isinstance(spec, dict) for name, spec in found.items())
        ),
    ),
    "output": ("a name", _is_text),
    "class_names": (
        f"a list of at most {MOST_CLASSES} names",
        lambda names: _are(_is_text, names, MOST_CLASSES),
    ),
    **dict.fromkeys(("model", "dataset", "run"), ("a short text or null", _or_none(_is_text))),
    "precision": (
        f"one of {', '.join(PRECISIONS)}",
        lambda precision: isinstance(precision, str) and precision in PRECISIONS,
    ),
    "image_shape": ("a list of sizes", lambda sizes: _are(_is_count, sizes, 4)),
    "latent_dim": ("an integer from 1 or null", _or_none(_is_count)),
    "prior": ("texts by name", _are_texts),
    "value_range": (
        "two numbers or null",
        _or_none(lambda pair: _are(_is_number, pair, 2) and len(pair) == 2),
    ),
    "step": ("an integer from 0", lambda step: step == 0 and type(step) is int or _is_count(step)),
    "average": ("true or false", lambda value: isinstance(value, bool)),
    "versions": (
        "texts by name, for each part",
        lambda parts: isinstance(parts, dict) and _are(_are_texts, [*parts.values()], MOST_INPUTS),
    ),
}
REQUIRED = ("inputs", "output", "class_names")
# The keys of an input, and for each prior its type, the other keys that it needs, and one it may
# have.
SPEC: dict[str, Rule] = {
    "shape": ("at most 4 integers from 1", lambda shape: _are(_is_count, shape, 4)),
    "dtype": ("float32 or int32", lambda dtype: dtype in ("float32", "int32")),
    "prior": ("a known one", lambda prior: isinstance(prior, str) and prior in PRIORS),
    "classes": (
        f"an integer from 1 to {MOST_CLASSES}",
        lambda classes: _is_count(classes) and classes <= MOST_CLASSES,
    ),
    **dict.fromkeys(
        ("multiple", "divisor"),
        (
            f"an integer from 1 to {LARGEST_SIDE}",
            lambda side: _is_count(side) and side <= LARGEST_SIDE,
        ),
    ),
    "keep": ("from 0.001 to 1", lambda keep: _is_number(keep) and 0.001 <= keep <= 1),
    "std": ("a number above 0", lambda std: _is_number(std) and std > 0),
    "means": (
        f"at most {MOST_CLASSES} points",
        lambda points: _are(lambda p: _are(_is_number, p, MOST_CLASSES), points, MOST_CLASSES),
    ),
}
PRIORS: dict[str, tuple[str, tuple[str, ...], str | None]] = {
    "normal": ("float32", (), None),
    "uniform": ("float32", (), None),
    "image": ("float32", (), "multiple"),
    "mask": ("float32", ("keep",), "divisor"),
    "mixture": ("float32", ("means", "std"), None),
    "category": ("int32", ("classes",), None),
    "class": ("int32", ("classes",), None),
}


def checked_metadata(found: Any) -> dict[str, Any]:
    """The known keys of a file's metadata, which are all of their types and within their bounds.

    Raises:
        ValueError: one is missing, or not what it must be.
    """
    _refuse_missing(found, REQUIRED, "its metadata")
    known = {key: found[key] for key in METADATA if key in found}
    _refuse_unfit(known, METADATA, "")
    classes = len(known["class_names"])
    for name, spec in known["inputs"].items():
        _check_spec(name, spec, classes)
    numbers = sum(math.prod(spec["shape"]) for spec in known["inputs"].values())
    if numbers > LARGEST_EXAMPLE:
        raise ValueError(f"its inputs have {numbers} numbers, of at most {LARGEST_EXAMPLE}")
    return known


def _check_spec(name: str, spec: Any, classes: int) -> None:
    """Refuses an input that could not be drawn, or only by filling the memory."""
    _refuse_missing(spec, ("shape", "dtype", "prior"), name)
    basic = {key: spec[key] for key in ("shape", "dtype", "prior")}
    _refuse_unfit(basic, SPEC, f" of {name}")
    dtype, needed, possible = PRIORS[spec["prior"]]
    _refuse_missing(spec, needed, name)
    if unknown := spec.keys() - {*basic, *needed, possible}:
        raise ValueError(f"{name} has {min(unknown)!r:.40}, which no {spec['prior']} has")
    _refuse_unfit(spec, SPEC, f" of {name}")
    shape = spec["shape"]
    if spec["dtype"] != dtype:
        raise ValueError(f"the dtype of {name} must be {dtype}, not {spec['dtype']}")
    if (spec["prior"] == "class") != (name == "label") or (name == "label" and shape):
        raise ValueError(f"classes are one number named label, not {name} of shape {shape}")
    if name == "label" and spec["classes"] != classes:
        raise ValueError(f"{spec['classes']} classes have {classes} names")
    if follows_size(spec) and len(shape) != 3:
        raise ValueError(f"the shape of {name} must be height, width, channels, not {shape}")
    # Images are what is drawn on canvases; the encoders of points take points.
    if spec["prior"] == "image" and len(shape) != 1 and (len(shape) != 3 or shape[2] not in (1, 3)):
        raise ValueError(f"{name} must be of height, width and 1 or 3 channels, not {shape}")
    if spec["prior"] == "mixture" and not (spec["means"] and len(shape) == 1):
        raise ValueError(f"{name} must be a point around one of some means")
    if any(len(mean) != shape[0] for mean in spec.get("means", ())):
        raise ValueError(f"the means of {name} must be of {shape[0]} numbers")


def _refuse_missing(found: Any, keys: Sequence[str], what: str) -> None:
    if not isinstance(found, dict):
        raise ValueError(f"{what} must be a JSON object, not {found!r:.40}")
    if missing := [key for key in keys if key not in found]:
        raise ValueError(f"{what} must have {', '.join(missing)}")


def _refuse_unfit(found: Mapping[str, Any], rules: Mapping[str, Rule], of: str) -> None:
    for key, value in found.items():
        words, holds = rules[key]
        if not holds(value):
            raise ValueError(f"{key}{of} must be {words}, not {value!r:.40}")


def from_json(text: str | bytes) -> Any:
    """The value of a JSON text that a stranger may have written."""
    if len(text) > LARGEST_METADATA:
        raise ValueError(f"metadata of more than {LARGEST_METADATA} bytes")

    def refuse(word: str) -> None:
        raise ValueError(f"the number {word} in its metadata")

    return json.loads(text, parse_constant=refuse)
