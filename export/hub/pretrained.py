"""A published model in Keras: to go on training, to score, to look into.

    model = from_pretrained("owner/name")
    model.compile()
    model.fit(images, labels)

Nothing of a repository is executed: config.json names a registered model and its hyperparameters,
and model.weights.h5 is read only when it holds plain numbers, as many as that model has. What the
HDF5 library itself may have wrong with a crafted file is not guarded against: from strangers take
the exported graph.
"""

from pathlib import Path

from export import runtime
from export.hub import repository as hub
from zoo.errors import RequestError
from zoo.start import chosen_backend
from zoo.training.run import FORMAT as RUN_FORMAT
from zoo.training.run import REQUIRED, Run

LARGEST_SIDE = 4096  # pixels


def from_pretrained(source):
    """The model of a repository with its weights, uncompiled.

    Args:
        source: "owner/name[@revision]" on the Hugging Face Hub, or a repository's folder.

    Returns:
        A `zoo.core.model.GenerativeModel`.

    Raises:
        RequestError: there is none, or it is not what this project publishes.
        FailedError: the Hub does not answer.
    """
    from zoo.training.loop import trained_model

    return trained_model(PublishedRun(source))


class PublishedRun(Run):
    """A repository as a run that cannot go on: what looks at a run can look at it.

    Its `path` is a folder of the repository's name, where results are written.
    """

    def __init__(self, source, backend=None):
        self.repository = hub.open_repository(source)
        config = _checked(self.repository)
        config["weights"] = self._count_weights()  # what `build_model` may not exceed
        # The weights fit every backend, and the one that trained them may not be here.
        config["backend"] = chosen_backend(backend)
        super().__init__(Path(self.repository.origin.split("@")[0]).name, config)

    @property
    def id(self):
        return self.repository.origin

    def manifest(self):
        return {
            "file": hub.WEIGHTS,
            "sha256": self.repository.files[hub.WEIGHTS]["sha256"],
            "step": self.config["step"],
        }

    def load_checkpoint(self, model, groups=("weights",)):
        """Gives `model` the published weights and returns their step. There is no other group."""
        count, expected = self.config["weights"], model.count_params()
        if count != expected:
            raise self._unfit(f"{count:,} of them, not {expected:,}")
        try:
            model.load_weights(self.repository.file(hub.WEIGHTS))
        except (KeyError, OSError, ValueError) as error:
            raise self._unfit(error) from error
        return self.config["step"]

    def _count_weights(self):
        try:
            return count_numbers(self.repository.file(hub.WEIGHTS))
        except RequestError:
            raise
        except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise self._unfit(error) from error

    def _unfit(self, why):
        return RequestError(
            f"{hub.WEIGHTS} must be plain arrays that fit the model of {hub.CONFIG}. Received: "
            f"those of {self.repository.origin}, with {str(why).strip().splitlines()[0]}"
        )


def count_numbers(path):
    """How many numbers an HDF5 file of weights holds.

    Raises:
        ValueError: it holds something else than arrays of numbers as Keras writes them, each in
            the file itself and at its full length: a link, a reference to another file, a filter
            that makes much of little.
        OSError: it is no HDF5 file.
    """
    import h5py

    total, seen = 0, set()
    with h5py.File(path, "r") as file:
        waiting = [file]
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


def _checked(repository):
    """The config of a repository, its values of the right kinds and no larger than sensible."""
    path = repository.file(hub.CONFIG)
    try:
        config = hub.read_json(path, RUN_FORMAT)
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
            f"{hub.CONFIG} must describe a model of this project. Received: that of "
            f"{repository.origin}, with {type(error).__name__}: {error}"
        ) from error
    return config
