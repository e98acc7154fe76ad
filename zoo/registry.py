"""The models by name. The registry fills itself: a new model is one new file.

Every module of the family packages is imported once; what `@register` decorates there is known
from then on by `entries`, `entry` and the command line.
"""

import importlib
import inspect
import pkgutil
import typing
from dataclasses import dataclass, field

from zoo.errors import RequestError, nearest, unknown

FAMILIES = ("adversarial",)
PRESETS = ("quick", "default", "paper")
DATA_ARGUMENTS = ("image_shape", "num_classes", "seed")
# In steps, not epochs: what a network needs to learn does not shrink with the dataset.
TRAINING = {"steps": 14_000, "batch_size": 64}

_entries: dict[str, "Entry"] = {}


@dataclass(frozen=True)
class Entry:
    """A registered model.

    name: the word on the command line. cls: the `GenerativeModel`. family: its package.
    paper: reference and link. presets: what each preset changes of the defaults, for
    hyperparameters of the model and for `steps` and `batch_size`.
    """

    name: str
    cls: type
    family: str
    paper: str
    presets: dict[str, dict] = field(default_factory=dict)

    @property
    def hyperparameters(self):
        """Dict of hyperparameter name to (type annotation, default), training's included."""
        parameters = inspect.signature(self.cls.__init__).parameters.values()
        own = {
            p.name: (p.annotation, p.default)
            for p in parameters
            if p.name not in ("self", *DATA_ARGUMENTS)
        }
        return {**{key: (int, value) for key, value in TRAINING.items()}, **own}

    def configure(self, preset="default", settings=()):
        """All hyperparameters: defaults, changed by the preset, changed by KEY=VALUE settings.

        Args:
            preset: one of `PRESETS`.
            settings: strings "key=value".

        Returns:
            Dict of name to value, training's included.
        """
        if preset not in PRESETS:
            raise unknown("preset", preset, PRESETS)
        values = {key: default for key, (_, default) in self.hyperparameters.items()}
        values.update(self.presets.get(preset, {}))
        values.update(self.parse(settings))
        for key in TRAINING:
            if values[key] < 1:
                raise RequestError(f"{key} must be at least 1. Received: {values[key]}")
        return values

    def parse(self, settings):
        """Dict of the values that KEY=VALUE settings spell; unknown keys are refused."""
        known = self.hyperparameters
        values = {}
        for setting in settings:
            key, separator, text = setting.partition("=")
            key = key.strip().replace("-", "_")
            if not separator:
                raise RequestError(f"--set takes KEY=VALUE. Received: {setting!r}")
            if key not in known:
                valid = ", ".join(f"{k} ({_spell(t)})" for k, (t, _) in known.items())
                raise RequestError(
                    f"{self.name} has the hyperparameters {valid}.{nearest(key, known)} "
                    f"Received: {key!r}"
                )
            values[key] = _parse(key, text.strip(), known[key][0])
        return values

    def build(self, dataset_shape, num_classes, hyperparameters, seed):
        """The model, uncompiled, for data of this shape. `hyperparameters` as `configure` gives."""
        if self.cls.conditional and not num_classes:
            raise RequestError(
                f"{self.name} is conditional and needs a dataset with class labels. "
                "Received: unlabeled images"
            )
        own = {key: value for key, value in hyperparameters.items() if key not in TRAINING}
        strangers = sorted(own.keys() - self.hyperparameters.keys())
        if strangers:
            raise RequestError(
                f"{self.name} has the hyperparameters {', '.join(self.hyperparameters)}. "
                f"Received: {', '.join(strangers)}"
            )
        return self.cls(dataset_shape, num_classes=num_classes, seed=seed, **own)


def register(name, *, paper, presets=None):
    """Class decorator: makes a `GenerativeModel` known as `name`."""

    def decorate(cls):
        family = cls.__module__.split(".")[-2]
        _entries[name] = Entry(name, cls, family, paper, presets or {})
        return cls

    return decorate


def entries():
    """All registered models by name, in alphabetical order."""
    for family in FAMILIES:
        package = importlib.import_module(f"zoo.{family}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"zoo.{family}.{module.name}")
    return dict(sorted(_entries.items()))


def entry(name):
    """The registered model `name`, or a `RequestError` with the nearest names."""
    known = entries()
    if name not in known:
        raise unknown("model", name, known)
    return known[name]


def _spell(annotation):
    if typing.get_origin(annotation) is typing.Literal:
        return "one of " + ", ".join(map(str, typing.get_args(annotation)))
    return {int: "a whole number", float: "a number", bool: "true or false"}[annotation]


def _parse(key, text, annotation):
    """The value `text` spells for a parameter annotated int, float, bool or Literal."""
    options = typing.get_args(annotation)
    words = {"true": True, "false": False}
    try:
        if annotation is bool:
            return words[text.lower()]
        if options:
            return next(option for option in options if str(option) == text)
        return annotation(text)
    except (ValueError, KeyError, StopIteration):
        raise RequestError(f"{key} must be {_spell(annotation)}. Received: {text!r}") from None
