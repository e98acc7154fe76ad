"""The run directory: everything about one training run, and nothing half-written.

    runs/<model>-<dataset>-<id>/
        config.json                     all that is needed to repeat the run
        checkpoints/step-0000937.safetensors
        checkpoints/manifest.json       which checkpoint counts, and its sha256; written last
        history.jsonl                   one row per epoch
        samples/epoch-0001.png          a grid from fixed noise per epoch
        best/                           with --evaluate-every: the run at its best scores
        scores.json                     what `evaluate` found, with receipts
        export/                         what `export` made of it

A checkpoint holds the whole state: weights and moving averages, random seeds, every optimizer's
variables and the running metrics. Its bytes depend on nothing else, so two runs that agree bit
for bit have checkpoints with the same sha256.
"""

import datetime
import importlib.metadata
import json
import platform
import re
import secrets
from pathlib import Path

import numpy as np

from zoo import BACKENDS, files
from zoo.errors import RequestError

REQUIRED = {"created", "model", "dataset", "hyperparameters", "total_steps", "seed", "backend"}
FORMAT = 1  # of the directory; raised when an older reader could not read a newer run
BEST = "best"
PACKAGES = ("genzoo", "keras", *BACKENDS, "numpy")


class Run:
    """A run directory that exists. Make one with `Run.create`, find one with `Run.open`."""

    def __init__(self, path, config):
        self.path = Path(path)
        self.config = config

    @classmethod
    def create(cls, runs_dir, config, name=None):
        """Makes the directory and writes config.json.

        Args:
            runs_dir: folder of runs, made when it is missing.
            config: dict with the keys of `REQUIRED` but "created", which is added with the format
                and the versions.
            name: directory name; by default <model>-<dataset>-<six hex digits>.
        """
        if name is None:
            name = f"{config['model']}-{config['dataset']['name']}-{secrets.token_hex(3)}"
        elif not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
            raise RequestError(
                "A run's name must be letters, digits, '.', '_' and '-', a letter or digit first. "
                f"Received: {name!r}"
            )
        path = Path(runs_dir) / name
        if path.exists():
            raise RequestError(
                f"A new run needs a name that is free; `train --resume {path}` goes on with this "
                f"one. Received: {name!r}"
            )
        created = datetime.datetime.now(datetime.UTC).isoformat()
        config = {"format": FORMAT, "created": created, **config, "versions": versions()}
        files.write_json(path / "config.json", config)
        return cls(path, config)

    @classmethod
    def open(cls, path):
        """The run at `path`, or a `RequestError` that says why it is none."""
        path = Path(path)
        if not path.is_dir():
            raise RequestError(f"A run is a directory with a config.json. Received: {path}")
        try:
            config = json.loads((path / "config.json").read_text())
            version = config["format"]
            missing = REQUIRED - config.keys() if version == FORMAT else ()
            if missing:
                raise KeyError(", ".join(sorted(missing)))
        except FileNotFoundError:
            raise RequestError(
                f"A run is a directory with a config.json. Received: {path}, which has none"
            ) from None
        except (ValueError, KeyError, TypeError) as error:
            raise RequestError(
                f"A run's config.json must be JSON with a format number. Received: "
                f"{path / 'config.json'} ({type(error).__name__}: {error})"
            ) from error
        if version != FORMAT:
            raise RequestError(
                f"This version reads runs of format {FORMAT}. Received: {path} of format {version}"
            )
        return cls(path, config)

    @property
    def id(self):
        """The directory's name; that of a best checkpoint says of which run."""
        parent = f"{self.path.parent.name}/" if self.path.name == BEST else ""
        return parent + self.path.name

    # ---- checkpoints

    @property
    def _checkpoints(self):
        return self.path / "checkpoints"

    @property
    def has_checkpoint(self):
        return (self._checkpoints / "manifest.json").exists()

    def manifest(self):
        """Dict of "file", "sha256" and "step" of the checkpoint that counts."""
        path = self._checkpoints / "manifest.json"
        try:
            manifest = json.loads(path.read_text())
            return {key: manifest[key] for key in ("file", "sha256", "step")}
        except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
            raise RequestError(
                f"A run needs a checkpoint and its manifest.json. Received: {self.path} "
                f"({type(error).__name__})"
            ) from error

    def save_checkpoint(self, model, step):
        """Writes the state of `model` after `step` steps; the one before it goes away last."""
        import safetensors.numpy

        tensors = {
            f"{group}/{index:04d}": _to_numpy(variable)
            for group, variables in _state(model).items()
            for index, variable in enumerate(variables)
        }
        file = self._checkpoints / f"step-{step:07d}.safetensors"
        files.write_bytes(file, safetensors.numpy.save(tensors, {"step": str(step)}))
        manifest = {"file": file.name, "sha256": files.sha256(file), "step": step}
        files.write_json(self._checkpoints / "manifest.json", manifest)
        for other in self._checkpoints.glob("step-*.safetensors"):
            if other != file:
                other.unlink()
        return manifest

    def load_checkpoint(self, model, groups=None):
        """Gives `model` the state of the checkpoint and returns its step.

        Args:
            model: built and, for the whole state, compiled as the run's was.
            groups: names of the parts to load; None for all. ("weights",) works on any backend.
        """
        import safetensors.numpy

        manifest = self.manifest()
        file = self._checkpoints / manifest["file"]
        if not file.is_file() or files.sha256(file) != manifest["sha256"]:
            raise RequestError(
                f"A checkpoint must be whole: its sha256 is in manifest.json. Received: {file}, "
                "which is missing or was changed"
            )
        tensors = safetensors.numpy.load_file(file)
        for group, variables in _state(model).items():
            if groups is not None and group not in groups:
                continue
            saved = sorted(name for name in tensors if name.startswith(f"{group}/"))
            shapes = [tuple(tensors[name].shape) for name in saved]
            if shapes != [tuple(variable.shape) for variable in variables]:
                raise RequestError(
                    f"The checkpoint's {group} must fit the model that config.json describes. "
                    f"Received: {file}"
                )
            for name, variable in zip(saved, variables, strict=True):
                variable.assign(tensors[name])
        return manifest["step"]

    def save_best(self, model, step, history):
        """Writes the run as it now is to best/: a run of its own, to draw from or to go on with."""
        best = Run(self.path / BEST, self.config)
        files.write_json(best.path / "config.json", self.config)
        best.write_history(history)
        best.save_checkpoint(model, step)

    # ---- samples and history

    def save_picture(self, file, picture):
        """Writes a `PIL.Image.Image` to samples/`file`."""
        with files.atomic_path(self.path / "samples" / file) as temporary:
            picture.save(temporary)

    def history(self):
        """The rows of history.jsonl: a list of dicts, one per finished epoch."""
        path = self.path / "history.jsonl"
        if not path.exists():
            return []
        try:
            return [json.loads(line) for line in path.read_text().splitlines()]
        except ValueError as error:
            raise RequestError(f"A history is one JSON row a line. Received: {path}") from error

    def write_history(self, rows):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        files.write_bytes(self.path / "history.jsonl", lines.encode())


def newest(runs_dir):
    """The run of `runs_dir` that was created last."""
    runs = list_runs(runs_dir)
    if not runs:
        raise RequestError(
            f"There must be a run to take: `train` makes one. Received: {runs_dir}, with none"
        )
    return runs[-1]


def list_runs(runs_dir):
    """All runs of a folder, oldest first; directories that are none are passed over."""
    found = []
    for config in Path(runs_dir).glob("*/config.json"):
        try:
            found.append(Run.open(config.parent))
        except RequestError:
            continue
    return sorted(found, key=lambda run: run.config["created"])


def versions(packages=PACKAGES):
    """Dict of package to version for those that are installed, and Python's."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _state(model):
    """Every variable of a model by group, each in an order that its architecture fixes."""
    weights = model.weights
    known = {id(variable) for variable in weights}
    return {
        "weights": weights,
        "seeds": [v for v in model.variables if id(v) not in known],
        "optimizer": model.optimizer.variables if model.compiled else [],
        "metrics": model.metrics_variables,
    }


def _to_numpy(variable):
    import keras

    # A copy: safetensors wants contiguous memory, and a view would follow the next step.
    return np.array(keras.ops.convert_to_numpy(variable.value), order="C")
