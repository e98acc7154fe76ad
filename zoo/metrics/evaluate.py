"""`evaluate`: scores of a run on its dataset's test images, each with a receipt."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from zoo import files
from zoo.data import Dataset
from zoo.data.facades import NAME
from zoo.errors import RequestError, unknown
from zoo.hyperparameters import check_positive
from zoo.metrics.likelihood import classification_error, estimate_nll
from zoo.training.latent import STATIC_SEED
from zoo.training.loop import build_model
from zoo.training.run import versions
from zoo.training.setup import dataset_of

SCORES = "scores.json"
TRANSLATED = 16  # images at a time


def evaluate(run, metrics=(), samples=5_000, images=None, seed=0, data_dir=None, progress=iter):
    """Scores a run on test images and adds the scores to its scores.json.

    Args:
        run: `zoo.training.run.Run` with a checkpoint, of this process' backend.
        metrics: names of `METRICS`; none for all that the model has.
        samples: importance samples per image of "nll".
        images: how many test images, from the first; None for all.
        seed: of binarization and samples, from 0.
        data_dir: where the dataset lies now, when it moved.
        progress: wraps the loop over batches.

    Returns:
        Dict of metric to its receipt: what was measured, on what, how.
    """
    check_positive(importance_samples=samples)
    if seed < 0:
        raise RequestError(f"The seed must be an integer from 0. Received: {seed}")
    model = build_model(run.config)
    possible = [name for name, metric in METRICS.items() if metric.fits(model, run)]
    for name in metrics:
        if name not in METRICS:
            raise unknown("metric", name, METRICS)
        if name not in possible:
            words = METRICS[name].needs
            raise RequestError(f"{name} needs {words}. Received: {run.config['model']}")
    if not possible:
        wanted = "; ".join(f"{name} for {metric.needs}" for name, metric in METRICS.items())
        raise RequestError(f"There are {wanted}. Received: {run.config['model']}")
    step = run.load_checkpoint(model, groups=("weights",))
    dataset = dataset_of(run, "test", data_dir)
    count = len(dataset.images) if images is None else images
    if not 1 <= count <= len(dataset.images):
        raise RequestError(
            f"images must be from 1 to the {len(dataset.images)} of the test set. "
            f"Received: {images}"
        )
    receipt = {
        "dataset": dataset.name,
        "split": "test",
        "images": count,
        "fingerprint": dataset.fingerprint,
        "seed": seed,
        "run": run.id,
        "step": step,
        "checkpoint": run.manifest()["sha256"],
        "backend": run.config["backend"],
        "versions": versions(),
    }
    test = TestSet(model, run, dataset, count, samples, seed, progress)
    found = {name: {**METRICS[name].score(test), **receipt} for name in metrics or possible}
    path = run.path / SCORES
    earlier = json.loads(path.read_text()) if path.is_file() else {}
    files.write_json(path, {**earlier, **found})
    return found


@dataclass(frozen=True)
class TestSet:
    """What a score is taken of: the first `count` test images, and how."""

    model: object
    run: object
    dataset: Dataset
    count: int
    samples: int
    seed: int
    progress: Callable

    @property
    def labels(self):
        return None if self.dataset.labels is None else self.dataset.labels[: self.count]

    @property
    def images(self):
        """In [0, 1], or points as they are, float32."""
        return _unit(self.dataset)[: self.count]

    @property
    def seen(self):
        """The images as the model's likelihood sees them, binarized once."""
        dataset = self.dataset
        if self.model.binarization != "none":
            static = self.model.binarization == "static"
            dataset = dataset.binarized(STATIC_SEED if static else self.seed)
        return _unit(dataset)[: self.count]

    @cached_property
    def translations(self):
        """What a translator makes of the pairs' inputs, in [0, 1]."""
        images = []
        for start in self.progress(range(0, self.count, TRANSLATED)):
            rows = slice(start, min(start + TRANSLATED, self.count))
            images.append(translate(self.model, self.dataset.inputs[rows], self.seed))
        return np.concatenate(images)


def _unit(dataset):
    return dataset.images if dataset.points else dataset.images.astype(np.float32) / 255.0


def translate(model, inputs, seed=0):
    """What a translator makes of uint8 images (n, h, w, c): float32 in [0, 1]."""
    given = model.sample_inputs(len(inputs), seed=seed)
    return model.generate({**given, "input": inputs.astype(np.float32) / 255.0})


def _nll(test):
    scores = estimate_nll(
        test.model, test.seen, test.labels, test.samples, test.seed, test.progress
    )
    how = {"likelihood": test.model.likelihood, "binarization": test.model.binarization}
    return {**scores, **how, "importance_samples": test.samples}


def _error(test):
    error = classification_error(test.model, test.images, test.labels)
    return {"error": error, "labels": test.run.config["hyperparameters"]["labels"]}


def _similarity(name, test):
    from zoo.metrics import translation

    values = translation.SCORES[name](test.translations, test.images)
    error = float(values.std() / np.sqrt(len(values)))
    return {name: float(values.mean()), "standard_error": error}


def _parts(test):
    from zoo.metrics.translation import part_scores

    return part_scores(test.translations, test.images)


@dataclass(frozen=True)
class Metric:
    """A score: function of a `TestSet` to a dict, and what it needs, as a test and in words."""

    score: Callable
    fits: Callable  # of (model, run)
    needs: str


def _translates(model, run):
    return model.translates


def _draws_labels(model, run):
    dataset = run.config["dataset"]
    return model.translates and dataset["name"] == NAME and dataset["direction"] != "BtoA"


METRICS = {
    "nll": Metric(
        _nll,
        lambda model, run: getattr(model, "log_weights", None) is not None,
        "a model with a likelihood, as vae",
    ),
    "error": Metric(
        _error,
        lambda model, run: getattr(model, "classify", None) is not None,
        "a model that classifies, as ssvae",
    ),
    **{
        name: Metric(partial(_similarity, name), _translates, "a model that translates, as pix2pix")
        for name in ("l1", "psnr", "ssim")
    },
    "parts": Metric(_parts, _draws_labels, "a model that draws the label maps of facades"),
}
