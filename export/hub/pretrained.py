"""A published model in Keras: to go on training, to score, to look into.

    model = from_pretrained("owner/name")
    model.compile()
    model.fit(images, labels)

Nothing in a repository is executed: config.json names a registered model and its hyperparameters,
and model.weights.h5 is read only if it holds plain numbers, as many as that model has. Against
faults of the HDF5 library itself in reading a crafted file there is no guard: from strangers,
prefer the exported graph.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from export import runtime
from export.hub.layout import CONFIG, WEIGHTS, read_json
from export.hub.record import LARGEST_SIDE
from export.hub.repository import Repository, open_repository
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

    Its `path` is a folder with the repository's name, where results are written.
    """

    def __init__(self, source: str | Path, backend: str | None = None):
        self.repository = open_repository(source)
        if WEIGHTS not in self.repository.files:
            raise RequestError(
                f"{self.repository.origin} holds no Keras weights ({WEIGHTS}), but exported graphs "
                "alone, which generate, translate and genzoo.load use"
            )
        config = _checked(self.repository)
        config["weights"] = self._count_weights()  # what `build_model` may not exceed
        # The weights fit every backend, and the one that trained them may not be here.
        config["backend"] = chosen_backend(backend)
        super().__init__(Path(self.repository.origin.split("@")[0]).name, config)

    @property
    def id(self) -> str:
        return self.repository.origin

    def manifest(self) -> dict[str, Any]:
        return {
            "file": WEIGHTS,
            "sha256": self.repository.files[WEIGHTS]["sha256"],
            "step": self.config["step"],
        }

    def load_checkpoint(self, model: Any, groups: Sequence[str] | None = ("weights",)) -> int:
        """Gives `model` the published weights, the only group, and returns their step."""
        count, expected = self.config["weights"], model.count_params()
        if count != expected:
            raise self._unfit(f"{count:,} of them, not {expected:,}")
        try:
            model.load_weights(self.repository.file(WEIGHTS))
        except (KeyError, OSError, ValueError) as error:
            raise self._unfit(error) from error
        return self.config["step"]

    def _count_weights(self) -> int:
        try:
            return count_numbers(self.repository.file(WEIGHTS))
        except RequestError:
            raise
        except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise self._unfit(error) from error

    def _unfit(self, why: object) -> RequestError:
        return RequestError(
            f"{WEIGHTS} must be plain arrays that fit the model of {CONFIG}. Received: "
            f"those of {self.repository.origin}, with {str(why).strip().splitlines()[0]}"
        )


def count_numbers(path: Path) -> int:
    """How many numbers an HDF5 file of weights holds.

    Raises:
        ValueError: it holds anything but arrays of numbers as Keras writes them, each complete and
            in the file itself: a link, a reference to another file, compressed data.
        OSError: it is not an HDF5 file.
    """
    import h5py

    total, seen = 0, set()
    with h5py.File(path, "r") as file:
        waiting: list[Any] = [file]
        while waiting:
            group = waiting.pop()
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise ValueError(f"a link, {name!r}")
                item = group[name]
                address = h5py.h5o.get_info(item.id).addr
                if address in seen:
                    raise ValueError(f"{name!r} twice")
                seen.add(address)
                if isinstance(item, h5py.Group):
                    waiting.append(item)
                    continue
                plain = isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu"
                if not plain or item.is_virtual or item.external or item.chunks:
                    raise ValueError(f"{name!r}, which is no plain array")
                # What is not in the file is filled in when it is read.
                if item.id.get_storage_size() != item.nbytes:
                    raise ValueError(f"{name!r}, of which not all is there")
                total += item.size
    return total


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
        if len(names) > runtime.MOST_CLASSES or not all(isinstance(name, str) for name in names):
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
