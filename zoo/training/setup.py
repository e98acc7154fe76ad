"""From what a person asks for to a run that can be trained: a new one, or one to go on with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo import DEFAULT_DATASET, data, files, hyperparameters, registry
from zoo.backend import devices
from zoo.data import Dataset
from zoo.data.batches import Batches
from zoo.data.splits import hold_out
from zoo.errors import RequestError
from zoo.metrics.classifier import find_classifier, load_classifier
from zoo.metrics.distances import NEIGHBOURS
from zoo.registry import RegisteredModel
from zoo.training.health import RATE
from zoo.training.run import DATA_OPTIONS, Run
from zoo.training.schema import Record


def new_run(
    model: str, *, name: str | None = None, runs_dir: Path, **options: Any
) -> tuple[Run, Batches]:
    """Checks a request, loads its data and makes the run's directory.

    Args:
        name, runs_dir: see `Run.create`.
        model, options: see `new_config`.

    Returns:
        (run, batches): a `Run` without checkpoint, and the `Batches` to train it on.
    """
    config, batches = new_config(model, runs_dir=runs_dir, **options)
    return Run.create(runs_dir, config, name), batches


def new_config(
    model: str,
    *,
    runs_dir: Path,
    backend: str,
    dataset: str | None = None,
    data_dir: Path | None = None,
    image_size: int | None = None,
    color: str | None = None,
    task: str | None = None,
    direction: str | None = None,
    stream: bool | None = None,
    split: str | None = None,
    validation: float | None = None,
    preset: str | None = None,
    settings: Sequence[str] = (),
    epochs: int | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    evaluate_every: int | None = None,
    patience: int | None = None,
    classifier: Path | None = None,
    precision: str | None = None,
    on_nan: str | None = None,
    sync_batch_norm: bool | None = None,
    command: str = "",
) -> tuple[Record, Batches]:
    """Checks a request, and loads its data.

    Args:
        model: a registered name.
        runs_dir: folder of runs, where classifiers are looked for.
        backend: name of the running Keras backend.
        dataset, data_dir, image_size, color, task, direction, stream: see `zoo.data.load`;
            `DEFAULT_DATASET` by default, and pairs of facades or a path for a model that
            translates.
        split: "train" for the training images (the default), "all" for the test images too.
        validation: share of those images that is held out of the training, see
            `zoo.data.splits.hold_out`; None for no images.
        preset, settings: see `RegisteredModel.configure`; "default" by default.
        epochs, steps: how long to train, at most one of them; by default the preset's steps.
        batch_size, seed: numbers; the seed is 0 by default.
        evaluate_every: epochs between scores of generated images, None for none.
        patience: epochs without a better score, or else validation loss, after which the training
            ends; None to train all steps.
        classifier: path of the classifier for the scores, None for `find_classifier`'s.
        precision: of the training, one of `zoo.POLICIES`; "float32" by default.
        on_nan: what to do where a number stops being finite: "stop" (the default), or "retry" from
            the newest checkpoint at half the learning rate, a few times.
        sync_batch_norm: whether batch norm takes its moments over all devices (the default), or
            on each device over its own part of a batch.
        command: what was typed, for the record.

    Returns:
        (config, batches): a run's config as `Run.create` takes it, and the `Batches` to train on.
    """
    _check_length(epochs, steps)
    entry = registry.entry(model)
    _check_on_nan(on_nan, entry)
    preset = preset or "default"
    shorthand = {"steps": steps, "batch_size": batch_size}
    settings = [*settings, *(f"{k}={v}" for k, v in shorthand.items() if v is not None)]
    values = entry.configure(preset, settings)
    seed = 0 if seed is None else seed
    if not 0 <= seed < 2**31:
        raise RequestError(f"seed must be from 0 to {2**31 - 1}. Received: {seed}")

    dataset = dataset or DEFAULT_DATASET
    if entry.cls.translates:
        task = task or (data.PAIRS if data.lies_in_pairs(dataset) else None)
    elif task or direction:
        raise RequestError(
            "--task and --direction are only for image-to-image models such as pix2pix. "
            f"Received: {task or direction} for {model}"
        )
    options: dict[str, Any] = {
        "image_size": image_size,
        "color": color,
        "task": task,
        "direction": direction,
        "stream": stream,
    }
    split = split or "train"
    precision = precision or "float32"
    loaded = data.load(dataset, split=split, data_dir=data_dir, **options)
    if entry.cls.translates and loaded.inputs is None:
        raise RequestError(
            f"{model} trains on pairs: facades, a folder of pairs, or images of which a --task "
            f"makes some ({', '.join(data.TASKS)}). Received: single images of {loaded.name}"
        )
    held_out: Dataset | None = None
    if validation is not None:
        loaded, held_out = hold_out(loaded, validation)
    input_channels = None if loaded.inputs is None else loaded.inputs.shape[-1]
    # Both refuse what cannot work before there is a directory.
    entry.build(
        values,
        image_shape=loaded.image_shape,
        num_classes=loaded.num_classes,
        seed=seed,
        input_channels=input_channels,
        dtype=precision,
    )
    batches = entry.cls.batches(loaded, values, seed)
    devices.require_whole(values["batch_size"])
    devices.require_precision(precision)
    total_steps = _total_steps(batches, epochs, values["steps"])
    # A decay lasts as long as the training.
    values = entry.configure(preset, [*settings, f"steps={total_steps}"])
    values.pop("steps")
    if evaluate_every is not None and held_out is None:
        if split == "all":
            raise RequestError(
                "--split all leaves no test images to score with; hold some images out with "
                "--validation, or leave out --evaluate-every"
            )
        held_out = data.load(dataset, split="test", data_dir=data_dir, **options)
    evaluation = _evaluation(evaluate_every, classifier, entry, loaded, held_out, runs_dir)
    _check_patience(
        patience, entry.cls.has_validation_loss() and validation is not None, evaluation
    )
    config = {
        "model": model,
        "preset": preset,
        "hyperparameters": values,
        "total_steps": total_steps,
        "dataset": {
            "name": loaded.name,
            "request": dataset if dataset in data.DATASETS else str(Path(dataset).resolve()),
            "data_dir": None if data_dir is None else str(Path(data_dir).resolve()),
            "source": loaded.source,
            **options,
            "split": split,
            "validation": validation,
            "input_channels": input_channels,
            "image_shape": list(loaded.image_shape),
            "class_names": list(loaded.class_names),
            "count": len(loaded.images),
            "fingerprint": loaded.fingerprint,
        },
        "evaluation": evaluation,
        "patience": patience,
        "on_nan": on_nan or "stop",
        "seed": seed,
        "backend": backend,
        "precision": precision,
        "devices": devices.layout.devices,
        "sync_batch_norm": sync_batch_norm is not False,
        "command": command,
    }
    return config, batches


def resumed_run(
    run: Run,
    *,
    data_dir: Path | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    patience: int | None = None,
    on_nan: str | None = None,
    **changes: Any,
) -> tuple[Run, Batches]:
    """Checks that a stopped run can go on, and loads its data.

    Args:
        run: stopped; one that was killed before its first checkpoint begins.
        data_dir: where its dataset lies now, when it moved.
        epochs, steps: a new end, further than the old one.
        patience, on_nan: in place of the run's own.
        changes: the other options of `new_run` that were given; each must say what the run has.

    Returns:
        (run, batches) as `new_run` does.

    Raises:
        RequestError: an option differs from the run's, the data do, or there is nothing to do.
    """
    _check_length(epochs, steps)
    config = run.config
    entry = registry.entry(config["model"])
    values = recorded_values(entry, config)
    _refuse_changes(config, entry, values, changes)
    step = run.usable_checkpoint()["step"] if run.has_checkpoint else 0
    loaded = run.dataset(data_dir=data_dir)
    recorded = config["dataset"]
    if loaded.fingerprint != recorded.get("fingerprint"):
        raise RequestError(
            f"A resumed run needs the data it began with: {recorded.get('count')} images of "
            f"{recorded.get('source')}. Received: other images or labels from {loaded.source}"
        )
    batches = entry.cls.batches(loaded, values, config["seed"])
    devices.require_whole(values["batch_size"])
    devices.require_precision(config.get("precision", "float32"))
    run.config = {**run.config, "devices": devices.layout.devices}
    if epochs is not None or steps is not None:
        run.config = {**run.config, "total_steps": _total_steps(batches, epochs, steps or 0)}
    if patience is not None:
        has_loss = entry.cls.has_validation_loss() and recorded.get("validation") is not None
        _check_patience(patience, has_loss, config.get("evaluation"))
        run.config = {**run.config, "patience": patience}
    if on_nan is not None:
        _check_on_nan(on_nan, entry)
        run.config = {**run.config, "on_nan": on_nan}
    total_steps = run.config["total_steps"]
    if step >= total_steps:
        raise RequestError(
            f"This run is already at step {step}; pass --steps greater than {step}, or --epochs. "
            f"Received: {total_steps} steps"
        )
    ended = run.early_end()
    if ended and step == run.manifest()["step"]:  # a damaged last epoch is trained again
        raise RequestError(f"{ended} Pass a longer --patience to go on with the run at {run.path}")
    return run, batches


def recorded_values(entry: RegisteredModel, config: Record) -> dict[str, Any]:
    """The checked hyperparameters of a run; those that its config lacks have their defaults.

    A config may be older than a hyperparameter, whose default then says what it was made with.
    """
    known, recorded = entry.hyperparameters, config["hyperparameters"]
    for name in recorded:
        hyperparameters.check_known(entry.cls, name, known)
    return {
        name: hyperparameters.check(name, recorded.get(name, field.default), field.annotation)
        for name, field in known.items()
    }


def _refuse_changes(
    config: Record, entry: RegisteredModel, values: dict[str, Any], changes: dict[str, Any]
) -> None:
    given = {**changes, **entry.parse(changes.get("settings") or ())}
    given.pop("settings", None)
    if given.get("dataset") and given["dataset"] not in data.DATASETS:
        given["dataset"] = str(Path(given["dataset"]).resolve())
    if given.get("classifier"):
        given["classifier"] = str(Path(given["classifier"]).resolve())
    evaluation = config.get("evaluation") or {}
    recorded = {
        # Of a run that is older than the options.
        "precision": "float32",
        "sync_batch_norm": True,
        **config,
        **values,
        "steps": config["total_steps"],
        **{key: config["dataset"].get(key) for key in DATA_OPTIONS},
        "split": config["dataset"].get("split") or "train",
        "validation": config["dataset"].get("validation"),
        "dataset": config["dataset"].get("request"),
        "evaluate_every": evaluation.get("every"),
        "classifier": evaluation.get("classifier"),
    }
    for key, value in given.items():
        if value is not None and value != recorded.get(key):
            raise RequestError(
                f"A resumed run keeps its {key}, {recorded.get(key)!r}; only epochs, steps, "
                f"patience and on_nan may change. Received: {value!r}"
            )


def _evaluation(
    every: int | None,
    classifier: Path | None,
    entry: RegisteredModel,
    train: Dataset,
    other: Dataset | None,
    runs_dir: Path,
) -> Record | None:
    """What a run's config says of scores while it trains: how often, and by which classifier.

    Args:
        every, classifier: see `new_run`.
        entry: of the model.
        train: what the run is trained on.
        other: its validation images, or else its test images; None without `every`.
        runs_dir: where classifiers are looked for.
    """
    if every is None:
        if classifier is not None:
            raise RequestError(f"--classifier needs --evaluate-every. Received: {classifier}")
        return None
    if every < 1:
        raise RequestError(f"evaluate_every must be at least 1 epoch. Received: {every}")
    if train.points:
        raise RequestError(
            "--evaluate-every needs a dataset of images; this one holds points. "
            f"Received: {train.name}"
        )
    if entry.cls.translates:
        raise RequestError(
            "--evaluate-every needs a model that draws images from noise, such as dcgan. "
            f"Received: {entry.name}"
        )
    path = Path(classifier or find_classifier(train, runs_dir)).resolve()
    load_classifier(path)  # refuses what is none
    assert other is not None  # there are scores
    fewest = min(len(train.images), len(other.images))
    if fewest <= NEIGHBOURS:
        raise RequestError(
            f"--evaluate-every needs more than {NEIGHBOURS} training images and as many test "
            f"images (with --validation, validation images). Received: {fewest}"
        )
    return {"every": every, "classifier": str(path), "sha256": files.sha256(path)}


def _check_patience(patience: int | None, has_loss: bool, evaluation: Record | None) -> None:
    """Refuses a patience below one epoch, or without a number that it can wait for."""
    if patience is None:
        return
    if patience < 1:
        raise RequestError(f"patience must be at least 1 epoch. Received: {patience}")
    if not has_loss and evaluation is None:
        raise RequestError(
            "--patience waits for a better score or validation loss: add --evaluate-every or, for "
            "a latent-variable model, --validation"
        )


def _check_on_nan(on_nan: str | None, entry: RegisteredModel) -> None:
    """Refuses to try again at half a rate what has none."""
    if on_nan == "retry" and not any(name.endswith(RATE) for name in entry.hyperparameters):
        raise RequestError(
            f"--on-nan retry needs a model with a {RATE}. Received: {entry.name}, which has none"
        )


def _check_length(epochs: int | None, steps: int | None) -> None:
    if epochs is not None and steps is not None:
        raise RequestError(
            f"Training ends after epochs or after steps. Received: {epochs} epochs, {steps} steps"
        )
    for name, value in (("epochs", epochs), ("steps", steps)):
        if value is not None and value < 1:
            raise RequestError(f"{name} must be at least 1. Received: {value}")


def _total_steps(batches: Batches, epochs: int | None, steps: int) -> int:
    return steps if epochs is None else epochs * batches.steps_per_epoch
