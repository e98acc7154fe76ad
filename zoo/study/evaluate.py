"""`evaluate`: scores of a run, or of a folder of images, each with a receipt."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo import data, files
from zoo.errors import RequestError, unknown
from zoo.hyperparameters import PositiveInt, check
from zoo.metrics import samples
from zoo.metrics.classifier import find_classifier
from zoo.study.scores import METRICS, Protocol, TestSet, check_judge
from zoo.training.loop import build_model
from zoo.training.run import Run
from zoo.training.schema import NUMBER, Record, read_object
from zoo.versions import versions

SCORES_FILE = "scores.json"


def evaluate(
    run: Run,
    metrics: Sequence[str] = (),
    protocol: Protocol | None = None,
    model: Any = None,
) -> dict[str, Record]:
    """Scores a run and adds the scores to its scores.json.

    Args:
        run: with a checkpoint, of this process' backend.
        metrics: names of `METRICS`; none for all that the model has, but those through Inception,
            and those through a classifier where there is none of the data.
        protocol: a `Protocol`; None for its defaults.
        model: what draws; None for the run's own model.

    Returns:
        Dict of metric to its receipt: what was measured, on what, how.
    """
    protocol = _checked(protocol)
    own = model is None
    model = build_model(run.config) if own else model
    check_judge(run, protocol.judge)
    possible = [name for name, m in METRICS.items() if m.fits(model, run, protocol.judge)]
    if "anomaly" in possible and protocol.against is None:
        if "anomaly" in metrics:
            raise RequestError(
                "anomaly tells the images of a run from those of another dataset: say which with "
                "--against"
            )
        possible.remove("anomaly")
    for name in metrics:
        if name not in METRICS:
            raise unknown("metric", name, METRICS)
        if name not in possible:
            words = METRICS[name].needs
            raise RequestError(f"{name} needs {words}. Received: {run.config['model']}")
    if own:
        run.load_checkpoint(model, groups=("weights",))
    split = protocol.split or run.scored_split
    dataset = run.dataset(split, protocol.data_dir)
    count = len(dataset.images) if protocol.images is None else protocol.images
    if not 1 <= count <= len(dataset.images):
        raise RequestError(
            f"images must be from 1 to the {len(dataset.images)} of the {split} split. "
            f"Received: {protocol.images}"
        )
    metrics = metrics or _at_hand(possible, dataset, protocol)
    if protocol.against is not None and "anomaly" not in metrics:
        raise RequestError(
            f"--against is for the metric anomaly, which needs {METRICS['anomaly'].needs}. "
            f"Received: {protocol.against}"
        )
    if not metrics:
        wanted = "; ".join(f"{name} for {metric.needs}" for name, metric in METRICS.items())
        raise RequestError(f"No metric applies to {run.config['model']}. Available: {wanted}")
    receipt = {
        "dataset": dataset.name,
        "split": split,
        "images": count,
        "fingerprint": dataset.fingerprint,
        "seed": protocol.seed,
        "run": run.id,
        "step": run.manifest()["step"],
        "checkpoint": run.manifest()["sha256"],
        "parameters": sum(network.count_params() for network in model.named_networks.values()),
        "backend": run.config["backend"] if own else run.manifest()["file"],
        "versions": versions(),
    }
    kinds = {METRICS[name].extractor for name in metrics}
    extractors = {kind: protocol.extractor(kind, dataset) for kind in kinds if kind}
    test = TestSet(model, run, split, dataset, count, protocol, extractors)
    found = {name: {**receipt, **METRICS[name].score(test)} for name in metrics}
    path = run.path / SCORES_FILE
    files.write_json(path, {**read_scores(run.path), **found})
    return found


def evaluate_folder(
    path: str | Path,
    request: str,
    metrics: Sequence[str] = (),
    protocol: Protocol | None = None,
    **options: Any,
) -> dict[str, Record]:
    """Scores the images of a folder or an archive against a dataset's.

    Args:
        path: of the images; in one folder a class, where classes are to be compared.
        request, options: the dataset, and `image_size` and `color`, as `zoo.data.load` takes them.
        metrics: names of `samples.SAMPLE_SCORES`; none for all that a classifier gives.
        protocol: a `Protocol`; None for its defaults.

    Returns:
        Dict of metric to its receipt.
    """
    protocol = _checked(protocol)
    if protocol.split == "validation" or protocol.against is not None:
        raise RequestError("--split validation and --against are for a run, not for a folder")
    for name in metrics:
        if name not in samples.SAMPLE_SCORES:
            raise unknown("metric of images", name, samples.SAMPLE_SCORES)
    options["data_dir"] = protocol.data_dir
    train, test = (data.load(request, split=split, **options) for split in ("train", "test"))
    if train.points:
        raise RequestError(
            f"--dataset must be a dataset of images; this one holds points. Received: {train.name}"
        )
    # As many channels as the data, so that only the sides can differ.
    color = "gray" if train.image_shape[2] == 1 else "rgb"
    given = data.load(path, color=color)
    # Names tell which class is meant: a folder may lack some.
    known = set(given.class_names) <= set(train.class_names)
    classes = [train.class_names.index(name) for name in given.class_names] if known else []
    labels = np.asarray(classes)[given.labels] if classes else None
    count = min(len(given.images), protocol.samples or len(given.images))
    if not metrics:
        metrics = [name for name in samples.SAMPLE_SCORES if name not in samples.OF_INCEPTION]
        metrics = [name for name in metrics if labels is not None or name != "class_accuracy"]
    receipt = {"folder": str(path), "given": given.fingerprint, "versions": versions()}
    found: dict[str, Record] = {}
    comparisons: dict[str, samples.Comparison] = {}
    for name in metrics:
        kind = METRICS[name].extractor or "classifier"
        if kind not in comparisons:
            reference = samples.Reference(
                protocol.extractor(kind, train), train, test, protocol.folder
            )
            batches = samples.parts(given.images[:count], labels)
            comparisons[kind] = samples.Comparison(reference, batches)
        found[name] = {**receipt, **comparisons[kind].score(name), **comparisons[kind].receipt()}
    return found


def read_scores(path: Path) -> dict[str, Record]:
    """The receipts of a run directory's scores.json, {} when there is none."""
    path = path / SCORES_FILE
    scores = read_object(path, "scores.json") if path.is_file() else {}
    for name, receipt in scores.items():
        if not isinstance(receipt, dict) or not NUMBER.holds(receipt.get(name, 0)):
            raise RequestError(
                f"scores.json must hold a receipt with a number for each score. Received: {path} "
                f"with another {name}"
            )
    return scores


def _checked(protocol: Protocol | None) -> Protocol:
    protocol = protocol or Protocol()
    check("importance_samples", protocol.importance_samples, PositiveInt)
    if protocol.seed < 0:
        raise RequestError(f"The seed must be an integer from 0. Received: {protocol.seed}")
    if protocol.samples is not None and protocol.samples < 2:
        raise RequestError(f"Scores of samples need at least 2. Received: {protocol.samples}")
    return protocol


def _at_hand(possible: list[str], dataset: data.Dataset, protocol: Protocol) -> list[str]:
    """Those of the possible metrics that nothing is missing for, without those of Inception."""
    chosen = [name for name in possible if METRICS[name].extractor is None]
    through = [name for name in possible if METRICS[name].extractor == "classifier"]
    if not through:
        return chosen
    try:
        protocol.classifier or find_classifier(dataset, protocol.runs_dir)
    except RequestError as missing:
        if not chosen:
            raise
        protocol.say(f"Left out {', '.join(through)}. {missing}")
        return chosen
    return chosen + through
