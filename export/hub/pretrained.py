"""A published model in Keras: to go on training, to score, to look into.

    model = from_pretrained("owner/name")
    model.compile()
    model.fit(images, labels)

Nothing in a repository is executed: config.json names a registered model and its hyperparameters,
and model.weights.h5 is read, in a process of its own, only if it holds plain numbers, as many as
that model has.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export.hub import bundled
from export.hub.layout import CONFIG, WEIGHTS, read_json
from export.hub.record import LARGEST_SIDE
from export.hub.repository import Repository, open_repository
from export.hub.weights import Arrays, read_arrays, write_arrays
from export.runtime.metadata import MOST_CLASSES
from zoo.errors import RequestError
from zoo.start import chosen_backend
from zoo.training.run import Run
from zoo.training.schema import FORMAT as RUN_FORMAT
from zoo.training.schema import REQUIRED


def from_pretrained(source: str | Path) -> Any:
    """The model in a repository with its weights, uncompiled.

    Args:
        source: "owner/name[@revision]" on the Hugging Face Hub, a repository's folder, or the name
            of a bundled model that has weights for Keras.

    Returns:
        A `zoo.core.model.GenerativeModel`.

    Raises:
        RequestError: there is none, or it is nothing that this project publishes.
        FailedError: the Hub does not answer.
    """
    from zoo.training.loop import trained_model

    return trained_model(PublishedRun(source))


class PublishedRun(Run):
    """A repository as a run that cannot go on training, for all commands that look at a run.

    Its `path` is a folder with the repository's name, or of a bundled model NAME-scores, where
    results are written.

    Args:
        source: see `from_pretrained`.
        backend: to run on, None for the environment's.
        weights: whether weights for Keras are needed; else exported graphs are enough.
    """

    def __init__(self, source: str | Path, backend: str | None = None, weights: bool = True):
        self.repository = open_repository(source)
        self.has_weights = WEIGHTS in self.repository.files
        if weights and not self.has_weights:
            raise RequestError(
                f"{self.repository.origin} holds no Keras weights ({WEIGHTS}), but exported graphs "
                "alone, which generate, translate, reconstruct, evaluate and genzoo.load use"
            )
        config = _checked(self.repository)
        if self.has_weights:
            self._arrays = self._read_weights()
            # What `build_model` may not exceed.
            config["weights"] = sum(array.size for array in self._arrays.values())
        # The weights fit every backend, and the one that trained them may not be here.
        config["backend"] = chosen_backend(backend)
        name = Path(self.repository.origin.split("@")[0]).name
        # A folder here with the name of a bundled model would be taken for that model.
        super().__init__(f"{name}-scores" if bundled.find(source) else name, config)

    @property
    def id(self) -> str:
        return self.repository.origin

    def manifest(self) -> dict[str, Any]:
        file = WEIGHTS if self.has_weights else self.repository.generator_name()
        return {
            "file": file,
            "sha256": self.repository.files[file]["sha256"],
            "step": self.config["step"],
        }

    def load_checkpoint(self, model: Any, groups: Sequence[str] | None = ("weights",)) -> int:
        """Gives `model` the published weights, the only group, and returns their step."""
        count, expected = self.config["weights"], model.count_params()
        if count != expected:
            raise self._unfit(f"{count:,} of them, not {expected:,}")
        try:
            with tempfile.TemporaryDirectory(prefix="genzoo-weights-") as work:
                write_arrays(self._arrays, Path(work, WEIGHTS))
                model.load_weights(Path(work, WEIGHTS))
        except (KeyError, OSError, ValueError) as error:
            raise self._unfit(error) from error
        return self.config["step"]

    def _read_weights(self) -> Arrays:
        path = self.repository.file(WEIGHTS)
        try:
            return read_arrays(path)
        except ValueError as error:
            raise self._unfit(error) from error

    def _unfit(self, why: object) -> RequestError:
        return RequestError(
            f"{WEIGHTS} must be plain arrays that fit the model of {CONFIG}. Received: "
            f"those of {self.repository.origin}, with {str(why).strip().splitlines()[0]}"
        )


def _checked(repository: Repository) -> dict[str, Any]:
    """The config of a repository, its values of the right types and within bounds."""
    path = repository.file(CONFIG)
    try:
        config = read_json(path, RUN_FORMAT)
        if missing := (REQUIRED | {"step"}) - config.keys():
            raise ValueError(f"no {', '.join(sorted(missing))}")
        dataset, names = config["dataset"], config["dataset"]["class_names"]
        shapes = [dataset["image_shape"], [1, 1, dataset.get("input_channels") or 1]]
        for height, width, channels in shapes:
            sides = all(type(n) is int and 1 <= n <= LARGEST_SIDE for n in (height, width))
            if not sides or type(channels) is not int or channels not in (1, 3):
                raise ValueError(f"images of {height}x{width}x{channels}")
        if len(names) > MOST_CLASSES or not all(isinstance(name, str) for name in names):
            raise ValueError("class names that are none, or too many")
        for name in ("seed", "step", "total_steps"):
            if type(config[name]) is not int or not 0 <= config[name] < 2**31:
                raise ValueError(f"{name} {config[name]!r:.40}")
        for name, value in config["hyperparameters"].items():
            if type(value) not in (str, bool, float, int):
                raise ValueError(f"{name} {value!r:.40}")
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise RequestError(
            f"{CONFIG} must describe a model of this project. Received: that of "
            f"{repository.origin}, with {type(error).__name__}: {error}"
        ) from error
    return config
