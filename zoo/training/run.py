"""The run directory: everything about one training run, and nothing half-written.

    runs/<model>-<dataset>-<id>/
        config.json                     all that is needed to repeat the run
        checkpoints/                    the newest and the one before, see `checkpoints.py`
        history.jsonl                   one row per epoch
        samples/epoch-0001.png          a grid from fixed noise per epoch
        best/                           with --evaluate-every, or --validation where the model
                                        has a validation loss: the run at its best epoch
        scores.json                     what `evaluate` found, with receipts
        export/                         what `export` made of it
        .lock                           held by the process that trains the run

A checkpoint holds the whole state: weights and moving averages, random seeds, every optimizer's
variables and the running metrics. Its bytes depend on nothing else, so two runs that agree bit
for bit have checkpoints with the same sha256.
"""

import datetime
import json
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from zoo import data, files
from zoo.data import Dataset
from zoo.data.splits import hold_out
from zoo.errors import RequestError
from zoo.training import schema
from zoo.training.checkpoints import Checkpoints, Entry
from zoo.training.health import check_state
from zoo.training.schema import FORMAT, Record
from zoo.versions import versions

BEST = "best"
BEST_BY = "fcd"  # the score that tells the best epoch, the lower the better
VALIDATION_LOSS = "val_loss"
LOCK = ".lock"
DATA_OPTIONS = ("image_size", "color", "task", "direction", "stream")


class Run:
    """A run directory that exists. Make one with `Run.create`, find one with `Run.open`.

    Attributes:
        path: of the directory.
        config: what config.json holds.
    """

    def __init__(self, path: str | Path, config: Record) -> None:
        self.path = Path(path)
        self.config = config

    @classmethod
    def create(cls, runs_dir: str | Path, config: Record, name: str | None = None) -> "Run":
        """Makes the directory and writes config.json.

        Args:
            runs_dir: folder of runs, made when it is missing.
            config: dict with the keys of `schema.REQUIRED` but "created", which is added with the
                format and the versions.
            name: directory name; by default <model>-<dataset>-<six hex digits>.

        Raises:
            RequestError: the name is taken, or is none for a directory.
        """
        if name is None:
            name = f"{config['model']}-{config['dataset']['name']}-{secrets.token_hex(3)}"
        elif not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise RequestError(
                "A run's name must be letters, digits, '.', '_' and '-', a letter or digit first. "
                f"Received: {name!r}"
            )
        path = Path(runs_dir) / name
        taken = (
            f"A new run needs a name that is free; `train --resume {path}` goes on with this one. "
            f"Received: {name!r}"
        )
        created = datetime.datetime.now(datetime.UTC).isoformat()
        config = {"format": FORMAT, "created": created, **config, "versions": versions()}
        try:
            with files.locked(path / LOCK, taken):  # of two processes that ask, one gets it
                if not is_vacant(path):
                    raise RequestError(taken)
                files.remove_temporaries(path, ("config.json",))
                files.write_json(path / "config.json", config)
        except OSError:
            if is_vacant(path):
                shutil.rmtree(path, ignore_errors=True)
            raise
        return cls(path, config)

    @classmethod
    def open(cls, path: str | Path) -> "Run":
        """The run at `path`, or a `RequestError` that says why it is none."""
        path = Path(path)
        if not path.is_dir():
            raise RequestError(f"A run is a directory with a config.json. Received: {path}")
        file = path / "config.json"
        try:
            config = schema.read_object(file, "A run's config.json")
        except FileNotFoundError:
            raise RequestError(
                f"A run is a directory with a config.json. Received: {path}, which has none"
            ) from None
        schema.check_config(config, file)
        return cls(path, config)

    @property
    def id(self) -> str:
        """The directory's name; that of a best checkpoint says of which run."""
        parent = f"{self.path.parent.name}/" if self.path.name == BEST else ""
        return parent + self.path.name

    def dataset(self, split: str = "train", data_dir: str | Path | None = None) -> Dataset:
        """Images of the dataset that the config names.

        Args:
            split: "train" for what the run is trained on, "validation" for what `--validation`
                held out of that, or "test".
            data_dir: where the dataset lies now, when it moved.

        Raises:
            RequestError: the run has no such split.
        """
        recorded = self.config["dataset"]
        if "request" not in recorded:
            raise RequestError(
                "The dataset of a run must be named in its config.json. "
                f"Received: {self.path}, without dataset.request"
            )
        trained_on, share = recorded.get("split") or "train", recorded.get("validation")
        if split == "test" and trained_on == "all":
            raise RequestError(
                f"{self.path} was trained on all images, the test images too (--split all), so "
                "there is no test split left"
            )
        if split == "validation" and share is None:
            raise RequestError(
                f"{self.path} has no validation images: they are held out by train --validation"
            )
        loaded = data.load(
            recorded["request"],
            split="test" if split == "test" else trained_on,
            data_dir=data_dir or recorded.get("data_dir"),
            **{key: recorded.get(key) for key in DATA_OPTIONS},
        )
        if split == "test" or share is None:
            return loaded
        return hold_out(loaded, share)[split == "validation"]

    @property
    def scored_split(self) -> str:
        """The split that scores are taken of: "validation" where no test split is left."""
        recorded = self.config["dataset"]
        left = recorded.get("split") != "all" or recorded.get("validation") is None
        return "test" if left else "validation"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps other processes from training the run, or removing it, while the block runs.

        What killed writes left behind is removed first.

        Raises:
            RequestError: another process trains the run.
        """
        busy = f"{self.path} is being trained by another process: wait for it, or stop it first."
        with files.locked(self.path / LOCK, busy):
            for folder in (self.path, self.path / BEST):
                files.remove_temporaries(folder, ("config.json", "history.jsonl"))
                files.remove_temporaries(folder / "checkpoints", ("*",))
                files.remove_temporaries(folder / "samples", ("*",))
            yield

    # ---- checkpoints

    @property
    def _checkpoints(self) -> Checkpoints:
        return Checkpoints(self.path / "checkpoints")

    @property
    def has_checkpoint(self) -> bool:
        """Whether anything was trained that can be gone on with."""
        return self._checkpoints.exist

    def manifest(self) -> Entry:
        """Dict of "file", "sha256" and "step" of the newest checkpoint."""
        return self._checkpoints.entries()[0]

    def usable_checkpoint(self) -> Entry:
        """As `manifest`, of the newest checkpoint that is as it was written."""
        return self._checkpoints.usable()

    def fall_back(self, say: Callable[[str], Any]) -> None:
        """Where the newest checkpoint is damaged, makes the one before it the newest.

        The history is cut to the checkpoint that the run then has. Only under the `lock`.

        Args:
            say: takes a sentence about what was done.
        """
        newest, usable = self.manifest(), self.usable_checkpoint()
        self._cut_history(usable["step"])
        if usable != newest:
            fault = self._checkpoints.fault(newest)
            self._checkpoints.fall_back(usable)
            say(
                f"{newest['file']} {fault}. Going on from the checkpoint before it, of step "
                f"{usable['step']}."
            )

    def save_checkpoint(self, model: Any, step: int) -> Entry:
        """Writes the state of a compiled `model` after `step` steps; returns its manifest.

        Raises:
            NotFinite: a number of the state is not finite; what was saved before stays.
        """
        return self._checkpoints.save(checked_state(model, step), step)

    def load_checkpoint(self, model: Any, groups: Sequence[str] | None = None) -> int:
        """Gives `model` the state of the newest checkpoint and returns its step.

        Args:
            model: built and, for the whole state, compiled as the run's was.
            groups: names of the parts to load; None for all. ("weights",) works on any backend.

        Raises:
            RequestError: the checkpoint is damaged, or does not fit the model.
        """
        entry = self.manifest()
        path = self.path / "checkpoints" / entry["file"]
        usable = self.usable_checkpoint()
        if usable != entry:
            raise RequestError(
                f"A checkpoint must be as it was written; `train --resume {self.path}` goes on "
                f"from the one before it, of step {usable['step']}. Received: {path}, which "
                f"{self._checkpoints.fault(entry)}"
            )
        tensors, state = self._checkpoints.load(entry), _state(model)
        for name in groups or state:
            variables = state[name]
            saved = sorted(key for key in tensors if key.startswith(f"{name}/"))
            if [_kind(tensors[key]) for key in saved] != [_kind(v) for v in variables]:
                raise RequestError(
                    f"The checkpoint's {name} must fit the model that config.json describes. "
                    f"Received: {path}"
                )
            for key, variable in zip(saved, variables, strict=True):
                variable.assign(tensors[key])
        return entry["step"]

    def save_config(self) -> None:
        """Writes the config as it now is."""
        files.write_json(self.path / "config.json", self.config)

    def save_best(self, model: Any, step: int, history: Sequence[Record]) -> None:
        """Writes the run as it now is to best/: a run of its own, to draw from or to go on with."""
        best = Run(self.path / BEST, self.config)
        files.write_json(best.path / "config.json", self.config)
        best.write_history(history)
        best.save_checkpoint(model, step)

    # ---- its best epoch

    @property
    def watched(self) -> str | None:
        """The number of the history that tells the best epoch, the lower the better, if any."""
        if self.config.get("evaluation"):
            return BEST_BY
        return VALIDATION_LOSS if self.config["dataset"].get("validation") else None

    def best_row(self) -> Record | None:
        """The row of the history with the best watched number, the first of equals."""
        watched = self.watched
        if watched is None:
            return None
        rows = [row for row in self.history() if watched in row]
        return min(rows, key=lambda row: float(row[watched]), default=None)

    def early_end(self) -> str:
        """Why the run has ended before its last step, as a sentence; "" where it has not."""
        patience, watched = self.config.get("patience"), self.watched
        if patience is None or watched is None or not self.has_checkpoint:
            return ""
        rows, best = self.history(), self.best_row()
        if best is None:
            return ""
        last = rows[-1]
        if last["epoch"] - best["epoch"] < patience or self.manifest()["step"] != last["step"]:
            return ""
        return (
            f"Ended after epoch {last['epoch']}: {watched} is at its best after epoch "
            f"{best['epoch']}, with {best[watched]:.4g}, and has not improved in {patience} "
            f"epochs. {self.path / BEST} holds that epoch."
        )

    @property
    def finished(self) -> bool:
        """Whether all steps are trained, or the run has ended early."""
        return self.manifest()["step"] >= self.config["total_steps"] or bool(self.early_end())

    # ---- samples and history

    def save_picture(self, file: str, picture: Image.Image) -> None:
        """Writes a picture to samples/`file`."""
        with files.atomic_path(self.path / "samples" / file) as temporary:
            picture.save(temporary)

    def history(self) -> list[Record]:
        """The rows of history.jsonl, one per finished epoch, oldest first."""
        return schema.read_rows(self.path / "history.jsonl")

    def write_history(self, rows: Sequence[Record]) -> None:
        """Replaces the rows of history.jsonl; their numbers must be finite."""
        lines = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
        files.write_bytes(self.path / "history.jsonl", lines.encode())

    def _cut_history(self, step: int) -> None:
        rows = self.history()
        kept = [row for row in rows if row["step"] <= step]
        if kept != rows:
            self.write_history(kept)


def is_vacant(path: Path) -> bool:
    """Whether a new run can be made at a path: nothing is there, or what a killed `create` left."""
    return not path.exists() or (
        path.is_dir()
        and all(
            file.name == LOCK or file.name.startswith(".config.json.") for file in path.iterdir()
        )
    )


def newest(runs_dir: str | Path) -> Run:
    """The run of `runs_dir` that was created last."""
    runs = list_runs(runs_dir)
    if not runs:
        raise RequestError(f"No runs in '{runs_dir}'. Start one with `genzoo train MODEL`")
    return runs[-1]


def list_runs(runs_dir: str | Path) -> list[Run]:
    """All runs of a folder, oldest first; directories that are none are passed over."""
    found = []
    for config in Path(runs_dir).glob("*/config.json"):
        try:
            found.append(Run.open(config.parent))
        except RequestError:
            continue
    return sorted(found, key=lambda run: run.config["created"])


def checked_state(model: Any, step: int) -> dict[str, np.ndarray]:
    """What a checkpoint of a compiled model holds, its numbers all finite (else `NotFinite`)."""
    tensors = {
        f"{group}/{index:04d}": to_numpy(variable)
        for group, variables in _state(model).items()
        for index, variable in enumerate(variables)
    }
    check_state(tensors, step)
    return tensors


def _state(model: Any) -> Mapping[str, list[Any]]:
    """Every variable of a model by group, each in an order that its architecture fixes."""
    weights = model.weights
    known = {id(variable) for variable in weights}
    return {
        "weights": weights,
        "seeds": [v for v in model.variables if id(v) not in known],
        "optimizer": model.optimizer.variables if model.compiled else [],
        "metrics": model.metrics_variables,
    }


def _kind(array: Any) -> tuple[tuple[int, ...], bool]:
    """What of a tensor must be that of the variable it goes to: the shape, and if it is floats."""
    return tuple(array.shape), "float" in str(array.dtype)


def to_numpy(variable: Any) -> np.ndarray:
    """A copy of a Keras variable's value."""
    from keras import ops

    # A copy: safetensors wants contiguous memory, and a view would follow the next step. And not of
    # the variable itself: one that TensorFlow keeps on several devices is no array.
    return np.array(ops.convert_to_numpy(ops.copy(variable.value)), order="C")
