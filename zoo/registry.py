"""The models by name. The registry fills itself: a new model is one new file.

Every module of the family packages is imported once; what `@register` decorates there is known
from then on by `entries`, `entry` and the command line. A model in a package of one's own is found
too, where that package has an entry point in the group "genzoo.models"; one in a script is known
once the script has defined it.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any, Literal, TypeVar, get_args

from zoo import hyperparameters
from zoo.errors import RequestError, unknown
from zoo.hyperparameters import Field, PositiveInt

FAMILIES = ("adversarial", "latent", "translation")
Preset = Literal["quick", "default", "best", "paper"]
PRESETS: tuple[str, ...] = get_args(Preset)
PLUGINS = "genzoo.models"
# In steps, not epochs: what a network needs to learn does not shrink with the dataset.
TRAINING = {"steps": 6_000, "batch_size": 64}

Model = TypeVar("Model", bound=type)
_models: dict[str, "RegisteredModel"] = {}


@dataclass(frozen=True)
class RegisteredModel:
    """A model that is known by name.

    name: the word on the command line. cls: the `GenerativeModel`. paper: reference and link.
    presets: what each preset changes of the defaults, for hyperparameters of the model and for
    `steps` and `batch_size`.
    """

    name: str
    cls: Any
    paper: str
    presets: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """What kind of model it is: one of `FAMILIES`, or "other"."""
        return self.cls.family

    @property
    def hyperparameters(self) -> dict[str, Field]:
        """Every hyperparameter by name, training's `steps` and `batch_size` included."""
        training = {key: Field(PositiveInt, value) for key, value in TRAINING.items()}
        return {**training, **hyperparameters.hyperparameters(self.cls)}

    def configure(self, preset: str = "default", settings: Iterable[str] = ()) -> dict[str, Any]:
        """All hyperparameters: defaults, changed by the preset, changed by KEY=VALUE settings.

        Of the preset counts what is of use beside the settings: `GenerativeModel.usable_preset`.
        A rate that decays over no `decay_steps` does so over the whole training, `steps`.

        Args:
            preset: one of `PRESETS`.
            settings: strings "key=value".

        Raises:
            RequestError: an unknown preset or key, or a value that is out of bounds.
        """
        if preset not in PRESETS:
            raise unknown("preset", preset, PRESETS)
        values = {key: field.default for key, field in self.hyperparameters.items()}
        if preset == "best" and preset not in self.presets:
            preset = "default"
        chosen = self.parse(settings)
        values |= {**self.cls.usable_preset(self.presets.get(preset, {}), chosen), **chosen}
        if values.get("decay", "none") != "none" and not values["decay_steps"]:
            values["decay_steps"] = values["steps"]
        return values

    def parse(self, settings: Iterable[str]) -> dict[str, Any]:
        """The values that KEY=VALUE settings spell, by name."""
        known = self.hyperparameters
        values = {}
        for setting in settings:
            key, separator, text = setting.partition("=")
            key = key.strip().replace("-", "_")
            if not separator:
                raise RequestError(f"--set takes KEY=VALUE. Received: {setting!r}")
            hyperparameters.check_known(self.cls, key, known)
            values[key] = hyperparameters.parse(key, text.strip(), known[key].annotation)
        return values

    def build(self, settings: Mapping[str, Any], **data: Any) -> Any:
        """The model, uncompiled.

        Args:
            settings: hyperparameters as `configure` gives them; training's are passed over.
            data: `image_shape`, `num_classes`, `seed` and, for a model that translates,
                `input_channels`.
        """
        own = {key: value for key, value in settings.items() if key not in TRAINING}
        if not self.cls.translates:
            data.pop("input_channels", None)
        return self.cls(**data, **own)


def register(
    name: str, *, paper: str, presets: Mapping[str, dict[str, Any]] | None = None
) -> Callable[[Model], Model]:
    """Class decorator: makes a `GenerativeModel` known as `name`.

    Args:
        name: the word on the command line.
        paper: reference and link.
        presets: hyperparameters by preset ("quick", "default", "best", "paper"); best is default
            where it is not given.
    """

    def decorate(cls: Model) -> Model:
        known = _models.get(name)
        if known and (known.cls.__module__, known.cls.__name__) != (cls.__module__, cls.__name__):
            raise RequestError(
                f"A model's name must be free; {name} is {known.cls.__module__}."
                f"{known.cls.__name__}. Received: {name!r}"
            )
        _models[name] = RegisteredModel(name, cls, paper, presets or {})
        return cls

    return decorate


def entries() -> dict[str, RegisteredModel]:
    """All registered models by name, in alphabetical order."""
    for family in FAMILIES:
        package = importlib.import_module(f"zoo.{family}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"zoo.{family}.{module.name}")
    for plugin in metadata.entry_points(group=PLUGINS):
        plugin.load()
    return dict(sorted(_models.items()))


def entry(name: str) -> RegisteredModel:
    """The registered model `name`, or a `RequestError` with the nearest names."""
    if name in _models:
        return _models[name]
    known = entries()
    if name not in known:
        raise unknown("model", name, known)
    return known[name]
