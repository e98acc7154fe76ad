"""The models by name. The registry fills itself: a new model is one new file.

Every module of the family packages is imported once; what `@register` decorates there is known
from then on by `entries`, `entry` and the command line.
"""

import importlib
import pkgutil
from dataclasses import dataclass, field

from zoo.errors import RequestError, unknown
from zoo.hyperparameters import check_known, declared, parse_value

FAMILIES = ("adversarial", "latent", "translation")
PRESETS = ("quick", "default", "paper")
# In steps, not epochs: what a network needs to learn does not shrink with the dataset.
TRAINING = {"steps": 6_000, "batch_size": 64}

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
        training = {key: (int, value) for key, value in TRAINING.items()}
        return {**training, **declared(self.cls)}

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
            check_known(self.cls, key, known)
            values[key] = parse_value(key, text.strip(), known[key][0])
        return values

    def build(
        self, dataset_shape, num_classes, hyperparameters, seed, input_channels=None, largest=None
    ):
        """The model, uncompiled, for data of this shape. `hyperparameters` as `configure` gives.

        `input_channels` are those of the images that a model which translates begins with.
        `largest` is how many weights it may have, None for `limits.WEIGHTS`.
        """
        from zoo.core import limits  # imports Keras, which the rest here can do without

        own = {key: value for key, value in hyperparameters.items() if key not in TRAINING}
        if self.cls.translates:
            own["input_channels"] = input_channels
        with limits.bounded(largest or limits.WEIGHTS):
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
