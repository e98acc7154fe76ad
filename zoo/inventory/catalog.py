"""What there is, as rows for `list`: models, presets, datasets, classifiers, runs."""

from pathlib import Path
from typing import Any

from zoo import BACKENDS, data, registry
from zoo.errors import RequestError
from zoo.registry import RegisteredModel
from zoo.training.run import Run, list_runs

Row = dict[str, Any]


def models() -> list[Row]:
    """One row per registered model."""
    return [
        {
            "model": entry.name,
            "family": entry.family,
            "conditional": _conditional(entry),
            "paper": entry.paper,
            "backends": list(BACKENDS),
        }
        for entry in registry.entries().values()
    ]


def _conditional(entry: RegisteredModel) -> str:
    if "conditional" not in entry.hyperparameters:
        return "never"
    _, default = entry.hyperparameters["conditional"]
    return "always" if default else "optional"


def presets() -> list[Row]:
    """One row per model and preset: all hyperparameters, with the values they then have."""
    return [
        {"model": entry.name, "preset": preset, **entry.configure(preset)}
        for entry in registry.entries().values()
        for preset in registry.PRESETS
    ]


def datasets(data_dir: Path | None = None) -> list[Row]:
    """One row per named dataset, with where it was found."""
    return [
        {
            "dataset": name,
            "shape": "x".join(map(str, dataset.image_shape)),
            "classes": list(dataset.class_names),
            "found": data.locate(name, data_dir),
            "description": dataset.description,
        }
        for name, dataset in data.DATASETS.items()
    ]


def classifiers(runs_dir: Path) -> list[Row]:
    """One row per classifier of the folder of runs, and of those that come with the project."""
    from zoo.metrics import classifier  # brings Keras with it, which the other lists do without

    return [
        {
            "dataset": about["dataset"],
            "shape": "x".join(map(str, about["image_shape"])),
            "accuracy": f"{100 * about['accuracy']:.2f} %",
            "epochs": about["epochs"],
            "minutes": about["minutes"],
            "file": str(path),
        }
        for folder in (runs_dir / classifier.FOLDER, classifier.SHIPPED)
        for path, about in classifier.classifiers_in(folder)
    ]


def runs(runs_dir: Path) -> list[Row]:
    """One row per run of a folder, oldest first."""
    return [
        {
            "run": str(run.path),
            "model": run.config["model"],
            "dataset": run.config["dataset"]["name"],
            "backend": run.config["backend"],
            "step": _step(run),
            "of": run.config["total_steps"],
            "created": run.config["created"],
        }
        for run in list_runs(runs_dir)
    ]


def _step(run: Run) -> int | None:
    """The step of a run's newest checkpoint; None where there is none, or it is not known."""
    try:
        return run.manifest()["step"]
    except RequestError:
        return None
