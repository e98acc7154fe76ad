"""Hyperparameters: the keywords of a model's constructors, gathered from its class up.

A class declares its own as annotated keywords with defaults and hands the rest on as `**options`,
so those that a family shares are declared and documented once, in the family's base class. A model
that an inherited one does not fit names it in `unfit`, with the reason.
"""

import inspect
import typing

from zoo.errors import RequestError, nearest

DATA_ARGUMENTS = ("image_shape", "num_classes", "seed", "input_channels")


def declared(cls):
    """Dict of hyperparameter name to (type annotation, default), the class's own first."""
    found = {}
    for parent in cls.__mro__:
        if "__init__" not in parent.__dict__:
            continue
        parameters = inspect.signature(parent.__init__).parameters.values()
        for p in parameters:
            if p.kind is not p.VAR_KEYWORD and p.name not in ("self", *DATA_ARGUMENTS):
                found.setdefault(p.name, (p.annotation, p.default))
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return {name: value for name, value in found.items() if name not in cls.unfit}


def complete(cls, given):
    """All hyperparameters of a model: `given`, checked, over the defaults.

    Raises:
        RequestError: an unknown name, one that does not fit the model, or a word that is none of
            the options.
    """
    known = declared(cls)
    for name, value in given.items():
        check_known(cls, name, known)
        options = typing.get_args(known[name][0])
        if options and value not in options:
            raise RequestError(f"{name} must be {spell(known[name][0])}. Received: {value!r}")
    return {**{name: default for name, (_, default) in known.items()}, **given}


def check_known(cls, name, known):
    """Refuses a hyperparameter that is not among `known`, with the reason where there is one."""
    if name in cls.unfit:
        raise RequestError(
            f"{name} does not fit {cls.__name__}: {cls.unfit[name]}. Received: {name}"
        )
    if name not in known:
        valid = ", ".join(f"{key} ({spell(kind)})" for key, (kind, _) in known.items())
        raise RequestError(
            f"{cls.__name__} has the hyperparameters {valid}.{nearest(name, known)} "
            f"Received: {name!r}"
        )


def spell(annotation):
    """An annotation in words."""
    if typing.get_origin(annotation) is typing.Literal:
        return "one of " + ", ".join(map(str, typing.get_args(annotation)))
    return {int: "a whole number", float: "a number", bool: "true or false"}[annotation]


def parse_value(name, text, annotation):
    """The value `text` spells for a hyperparameter annotated int, float, bool or Literal."""
    options = typing.get_args(annotation)
    words = {"true": True, "false": False}
    try:
        if annotation is bool:
            return words[text.lower()]
        if options:
            return next(option for option in options if str(option) == text)
        return annotation(text)
    except (ValueError, KeyError, StopIteration):
        raise RequestError(f"{name} must be {spell(annotation)}. Received: {text!r}") from None


def check_positive(**values):
    """Refuses numbers that are not above zero, by name."""
    for name, value in values.items():
        if not 0 < value < 2**31:
            kind = "integer" if isinstance(value, int) else "number"
            raise RequestError(f"{name} must be a positive {kind}. Received: {value}")


def check_not_negative(**values):
    """Refuses numbers below zero, by name."""
    for name, value in values.items():
        if not 0 <= value < 2**31:
            raise RequestError(f"{name} must be at least 0. Received: {value}")


def check_fraction(**values):
    """Refuses numbers outside [0, 1), by name."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise RequestError(f"{name} must be at least 0 and below 1. Received: {value}")
