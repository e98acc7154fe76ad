"""Hyperparameters: the annotated attributes of a model's class.

    class DCGAN(AdversarialModel):
        width: PositiveInt = 32
        upsampling: Upsampling = "transposed"

declares two hyperparameters beside those of the base classes. They are the keywords of the
constructor, `DCGAN(image_shape=(28, 28, 1), width=64)`; each value is checked against its
annotation and becomes an attribute. Editors and type checkers read the declarations as they read a
dataclass (PEP 681). A model that cannot use an inherited one names it in `unsupported`, with the
reason.
"""

import inspect
import math
import numbers
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from zoo.errors import RequestError, nearest

# What the data decide, not the person: no hyperparameters.
DATA_FIELDS = ("image_shape", "num_classes", "seed", "input_channels")


@dataclass(frozen=True)
class Rule:
    """A bound on a number: the words "must be ..." and the test."""

    words: str
    holds: Callable[[Any], bool]


_POSITIVE = Rule("above 0", lambda value: 0 < value < 2**31)
_NOT_NEGATIVE = Rule("at least 0", lambda value: 0 <= value < 2**31)
PositiveInt = Annotated[int, Rule("a positive integer", _POSITIVE.holds)]
PositiveFloat = Annotated[float, Rule("a positive number", _POSITIVE.holds)]
NonNegativeInt = Annotated[int, _NOT_NEGATIVE]
NonNegativeFloat = Annotated[float, _NOT_NEGATIVE]
Fraction = Annotated[float, Rule("at least 0 and below 1", lambda value: 0 <= value < 1)]


class Field(typing.NamedTuple):
    """A declared attribute: its annotation, and its default (`inspect.Parameter.empty`: none)."""

    annotation: Any
    default: Any


def fields(cls: type) -> dict[str, Field]:
    """Every declared attribute of a model's class that it supports, its own first."""
    found: dict[str, Field] = {}
    for parent in cls.__mro__:
        if hasattr(parent, "unsupported"):  # `GenerativeModel` and what derives from it
            for name, annotation in inspect.get_annotations(parent).items():
                if typing.get_origin(annotation) is typing.ClassVar:
                    continue
                default = getattr(cls, name, inspect.Parameter.empty)
                found.setdefault(name, Field(annotation, default))
    unsupported = getattr(cls, "unsupported", {})
    return {name: field for name, field in found.items() if name not in unsupported}


def hyperparameters(cls: type) -> dict[str, Field]:
    """The declared attributes that a person chooses."""
    return {name: field for name, field in fields(cls).items() if name not in DATA_FIELDS}


def signature(cls: type) -> inspect.Signature:
    """The complete signature of a model's constructor."""
    known = fields(cls)
    order = [name for name in DATA_FIELDS if name in known]
    order += [name for name in known if name not in DATA_FIELDS]
    return inspect.Signature(
        [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=known[name].default,
                annotation=known[name].annotation,
            )
            for name in order
        ]
    )


def complete(cls: type, given: Mapping[str, Any]) -> dict[str, Any]:
    """All values of a model: those given, checked, over the defaults.

    Raises:
        RequestError: an unknown name, one that the model does not support, a missing one, or a
            value of another type or out of bounds.
    """
    known = fields(cls)
    for name in given:
        check_known(cls, name, known)
    values = {}
    for name, field in known.items():
        value = given.get(name, field.default)
        if value is inspect.Parameter.empty:
            raise RequestError(f"{cls.__name__} needs {name}: pass {name}=...")
        values[name] = check(name, value, field.annotation)
    return values


def check_known(cls: type, name: str, known: Iterable[str]) -> None:
    """Refuses a name that is not among `known`, with the reason where there is one."""
    unsupported = getattr(cls, "unsupported", {})
    if name in unsupported:
        raise RequestError(
            f"{cls.__name__} does not support {name}: {unsupported[name]}. Received: {name}"
        )
    if name not in known:
        names = sorted(set(known) - set(DATA_FIELDS))
        raise RequestError(
            f"{cls.__name__} has the hyperparameters {', '.join(names)}.{nearest(name, names)} "
            f"Received: {name!r}"
        )


def check(name: str, value: Any, annotation: Any) -> Any:
    """The value as the plain Python type of its annotation, or a `RequestError`."""
    kind, rules = _parts(annotation)
    options = typing.get_args(kind)
    plain: Any = value
    if kind is bool:
        fits = isinstance(value, bool)
    elif typing.get_origin(kind) is typing.Literal:
        fits = any(value == option and type(value) is type(option) for option in options)
    elif kind is int:
        fits = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        plain = int(value) if fits else value
    elif kind is float:
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        fits = number and math.isfinite(value)
        plain = float(value) if fits else value
    else:
        return value  # of the data: `GenerativeModel` checks it
    if not fits or not all(rule.holds(plain) for rule in rules):
        raise RequestError(f"{name} must be {spell(annotation)}. Received: {value!r}")
    return plain


def parse(name: str, text: str, annotation: Any) -> Any:
    """The value that a text spells, checked as `check` does."""
    kind, _ = _parts(annotation)
    values: dict[str, Any] = {"true": True, "false": False} if kind is bool else {}
    values.update({str(option): option for option in typing.get_args(kind)})
    try:
        value = kind(text) if kind in (int, float) else values.get(text, values.get(text.lower()))
    except ValueError:
        value = text
    return check(name, text if value is None else value, annotation)


def spell(annotation: Any) -> str:
    """An annotation in words, after "must be"."""
    kind, rules = _parts(annotation)
    if rules:
        return " and ".join(rule.words for rule in rules)
    if typing.get_origin(kind) is typing.Literal:
        return "one of " + ", ".join(map(str, typing.get_args(kind)))
    return {int: "an integer", float: "a number", bool: "true or false"}[kind]


def _parts(annotation: Any) -> tuple[Any, tuple[Rule, ...]]:
    if typing.get_origin(annotation) is Annotated:
        kind, *rules = typing.get_args(annotation)
        return kind, tuple(rules)
    return annotation, ()
