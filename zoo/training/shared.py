"""A run that several processes train: the first one writes it, the others follow.

All processes do the same, each on its part of every batch, and read the run's folder, which they
share. In a training of one process nothing here does anything.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from zoo.backend import devices
from zoo.data.batches import Batches
from zoo.training import setup
from zoo.training.checkpoints import Entry
from zoo.training.run import Run, checked_state
from zoo.training.schema import Record

OWN = ("data_dir", "request", "source")  # of the data, which may lie elsewhere on each machine


class Follower(Run):
    """A run as the other processes see it: what they would write, the first one writes."""

    @contextmanager
    def lock(self) -> Iterator[None]:
        yield

    def fall_back(self, say: Callable[[str], Any]) -> None:
        pass

    def save_config(self) -> None:
        pass

    def save_checkpoint(self, model: Any, step: int) -> Entry:
        checked_state(model, step)
        return {}

    def save_best(self, model: Any, step: int, history: Sequence[Record]) -> None:
        pass

    def save_picture(self, file: str, picture: Image.Image) -> None:
        pass

    def write_history(self, rows: Sequence[Record]) -> None:
        pass


def new_run(model: str, *, name: str | None, runs_dir: Path, **options: Any) -> tuple[Run, Batches]:
    """As `setup.new_run`, in every process of a training.

    Raises:
        RequestError: also where the processes disagree about the config or the data.
    """
    prepare = partial(setup.new_config, model, runs_dir=runs_dir, **options)
    config, batches = devices.together(prepare)
    _require_agreement(config)
    create = partial(Run.create, runs_dir, config, name)
    run = devices.together(lambda: create() if devices.is_first() else None)
    path = devices.gather(str(run.path).encode() if run else b"")[0].decode()
    return run or Follower(path, config), batches


def resumed_run(run: Run, **options: Any) -> tuple[Run, Batches]:
    """As `setup.resumed_run`, in every process of a training."""
    run, batches = devices.together(partial(setup.resumed_run, run, **options))
    _require_agreement(run.config)
    return run if devices.is_first() else Follower(run.path, run.config), batches


def _require_agreement(config: Record) -> None:
    dataset = {key: value for key, value in config["dataset"].items() if key not in OWN}
    devices.require_same("data", dataset)
    others = ("dataset", "command", "versions", "created", "evaluation")
    devices.require_same("config", {k: v for k, v in config.items() if k not in others})
