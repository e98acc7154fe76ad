"""From what a person asks for to a run that can be trained: a new one, or one to go on with."""

from pathlib import Path

from zoo import data, files, registry
from zoo.errors import RequestError
from zoo.metrics.classifier import find_classifier, load_classifier
from zoo.training.run import Run

DATA_OPTIONS = ("image_size", "color", "task", "direction")


def new_run(
    model,
    *,
    runs_dir,
    backend,
    dataset=None,
    data_dir=None,
    image_size=None,
    color=None,
    task=None,
    direction=None,
    preset=None,
    settings=(),
    epochs=None,
    steps=None,
    batch_size=None,
    seed=None,
    evaluate_every=None,
    classifier=None,
    name=None,
    command="",
):
    """Checks a request, loads its data and makes the run's directory.

    Args:
        model: a registered name.
        runs_dir, name: see `Run.create`.
        backend: name of the running Keras backend.
        dataset, data_dir, image_size, color, task, direction: see `zoo.data.load`; "digits" by
            default, and pairs of facades or a path for a model that translates.
        preset, settings: see `Entry.configure`; "default" by default.
        epochs, steps: how long to train, at most one of them; by default the preset's steps.
        batch_size, seed: numbers; the seed is 0 by default.
        evaluate_every: epochs between scores of what is drawn, None for none.
        classifier: path of the one that they look through, None for `find_classifier`'s.
        command: what was typed, for the record.

    Returns:
        (run, batches): a `Run` without checkpoint, and the `Batches` to train it on.
    """
    _check_length(epochs, steps)
    entry = registry.entry(model)
    preset = preset or "default"
    shorthand = {"steps": steps, "batch_size": batch_size}
    settings = [*settings, *(f"{k}={v}" for k, v in shorthand.items() if v is not None)]
    hyperparameters = entry.configure(preset, settings)
    seed = 0 if seed is None else seed
    if not 0 <= seed < 2**31:
        raise RequestError(f"seed must be from 0 to {2**31 - 1}. Received: {seed}")

    dataset = dataset or "digits"
    if entry.cls.translates:
        task = task or (data.PAIRS if data.lies_in_pairs(dataset) else None)
    elif task or direction:
        raise RequestError(
            f"Only models that translate take pairs, as pix2pix. Received: {task or direction} "
            f"for {model}"
        )
    options = {"image_size": image_size, "color": color, "task": task, "direction": direction}
    loaded = data.load(dataset, data_dir=data_dir, **options)
    if entry.cls.translates and loaded.inputs is None:
        raise RequestError(
            f"{model} trains on pairs: facades, a folder of pairs, or images of which a --task "
            f"makes some ({', '.join(data.TASKS)}). Received: single images of {loaded.name}"
        )
    input_channels = None if loaded.inputs is None else loaded.inputs.shape[-1]
    # Both refuse what cannot work before there is a directory.
    entry.build(
        hyperparameters,
        image_shape=loaded.image_shape,
        num_classes=loaded.num_classes,
        seed=seed,
        input_channels=input_channels,
    )
    batches = entry.cls.batches(loaded, hyperparameters, seed)
    evaluation = _evaluation(evaluate_every, classifier, entry, loaded, runs_dir)
    config = {
        "model": model,
        "preset": preset,
        "hyperparameters": hyperparameters,
        "total_steps": _total_steps(batches, epochs, hyperparameters.pop("steps")),
        "dataset": {
            "name": loaded.name,
            "request": dataset if dataset in data.DATASETS else str(Path(dataset).resolve()),
            "data_dir": None if data_dir is None else str(Path(data_dir).resolve()),
            "source": loaded.source,
            **options,
            "input_channels": input_channels,
            "image_shape": list(loaded.image_shape),
            "class_names": list(loaded.class_names),
            "count": len(loaded.images),
            "fingerprint": loaded.fingerprint,
        },
        "evaluation": evaluation,
        "seed": seed,
        "backend": backend,
        "command": command,
    }
    return Run.create(runs_dir, config, name), batches


def resumed_run(run, *, data_dir=None, epochs=None, steps=None, **changes):
    """Checks that a stopped run can go on, and loads its data.

    Args:
        run: `Run` with a checkpoint.
        data_dir: where its dataset lies now, when it moved.
        epochs, steps: a new end, further than the old one.
        changes: the other options of `new_run` that were given; each must say what the run has.

    Returns:
        (run, batches) as `new_run` does.
    """
    _check_length(epochs, steps)
    config = run.config
    _refuse_changes(config, changes)
    recorded = config["dataset"]
    loaded = dataset_of(run, data_dir=data_dir)
    if loaded.fingerprint != recorded["fingerprint"]:
        raise RequestError(
            f"A resumed run needs the data it began with: {recorded['count']} images of "
            f"{recorded['source']}. Received: other images or labels from {loaded.source}"
        )
    entry = registry.entry(config["model"])
    batches = entry.cls.batches(loaded, config["hyperparameters"], config["seed"])
    if epochs is not None or steps is not None:
        run.config = {**config, "total_steps": _total_steps(batches, epochs, steps)}
    step, total_steps = run.manifest()["step"], run.config["total_steps"]
    if step >= total_steps:
        raise RequestError(
            f"A run goes on past the steps it has; this one has {step}, give more epochs or steps. "
            f"Received: {total_steps} steps"
        )
    return run, batches


def dataset_of(run, split="train", data_dir=None):
    """A split of the dataset that a run's config names; `data_dir` when it moved."""
    recorded = run.config["dataset"]
    return data.load(
        recorded["request"],
        split=split,
        data_dir=data_dir or recorded["data_dir"],
        **{key: recorded.get(key) for key in DATA_OPTIONS},
    )


def _refuse_changes(config, changes):
    dataset = changes.pop("dataset", None)
    if dataset and dataset not in data.DATASETS:
        dataset = str(Path(dataset).resolve())
    if changes.get("classifier"):
        changes["classifier"] = str(Path(changes["classifier"]).resolve())
    evaluation = config.get("evaluation") or {}
    recorded = {
        **config,
        **config["hyperparameters"],
        "steps": config["total_steps"],
        **{key: config["dataset"].get(key) for key in DATA_OPTIONS},
        "dataset": config["dataset"]["request"],
        "evaluate_every": evaluation.get("every"),
        "classifier": evaluation.get("classifier"),
    }
    given = {**changes, "dataset": dataset}
    given.update(registry.entry(config["model"]).parse(given.pop("settings", None) or ()))
    for key, value in given.items():
        if value is not None and value != recorded[key]:
            raise RequestError(
                f"A resumed run keeps its {key}, {recorded[key]!r}; only epochs and steps may "
                f"change. Received: {value!r}"
            )


def _evaluation(every, classifier, entry, dataset, runs_dir):
    """What a run's config says of scores while it trains: how often, and by which classifier."""
    if every is None:
        if classifier is not None:
            raise RequestError(
                f"A classifier goes with evaluate_every. Received: {classifier} alone"
            )
        return None
    if every < 1:
        raise RequestError(f"evaluate_every must be at least 1 epoch. Received: {every}")
    if dataset.points or entry.cls.translates:
        what = "points" if dataset.points else "a translator"
        raise RequestError(f"Only images drawn from noise are scored so. Received: {what}")
    path = Path(classifier or find_classifier(dataset, runs_dir)).resolve()
    load_classifier(path)  # refuses what is none
    return {"every": every, "classifier": str(path), "sha256": files.sha256(path)}


def _check_length(epochs, steps):
    if epochs is not None and steps is not None:
        raise RequestError(
            f"Training ends after epochs or after steps. Received: {epochs} epochs, {steps} steps"
        )
    for name, value in (("epochs", epochs), ("steps", steps)):
        if value is not None and value < 1:
            raise RequestError(f"{name} must be at least 1. Received: {value}")


def _total_steps(batches, epochs, steps):
    return steps if epochs is None else epochs * batches.steps_per_epoch
