"""`evaluate`: scores of a run on its dataset's test images, each with a receipt."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from zoo import files
from zoo.data import PAIRS, Dataset
from zoo.data.facades import NAME
from zoo.errors import RequestError, unknown
from zoo.hyperparameters import check_positive
from zoo.metrics.likelihood import classification_error, estimate_nll
from zoo.plots import to_uint8
from zoo.training.latent import STATIC_SEED
from zoo.training.loop import build_model, trained_model
from zoo.training.run import versions
from zoo.training.setup import dataset_of

SCORES = "scores.json"
TRANSLATED = 16  # images at a time


def evaluate(
    run,
    metrics=(),
    samples=5_000,
    images=None,
    seed=0,
    data_dir=None,
    judge=None,
    progress=iter,
):
    """Scores a run on test images and adds the scores to its scores.json.

    Args:
        run: `zoo.training.run.Run` with a checkpoint, of this process' backend.
        metrics: names of `METRICS`; none for all that the model has.
        samples: importance samples per image of "nll".
        images: how many test images, from the first; None for all.
        seed: of binarization and samples, from 0.
        data_dir: where the dataset lies now, when it moved.
        judge: a run that draws label maps of photographs, for one that draws photographs of label
            maps: "parts" compares its maps of what was drawn with those that it was drawn from.
        progress: wraps the loop over batches.

    Returns:
        Dict of metric to its receipt: what was measured, on what, how.
    """
    check_positive(importance_samples=samples)
    if seed < 0:
        raise RequestError(f"The seed must be an integer from 0. Received: {seed}")
    model = build_model(run.config)
    check_judge(run, judge)
    possible = [name for name, metric in METRICS.items() if metric.fits(model, run, judge)]
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
    test = TestSet(model, run, dataset, count, samples, seed, progress, judge)
    found = {name: {**METRICS[name].score(test), **receipt} for name in metrics or possible}
    path = run.path / SCORES
    earlier = json.loads(path.read_text()) if path.is_file() else {}
    files.write_json(path, {**earlier, **found})
    return found


def in_words(name, receipt):
    """A score as lines of text."""
    if name == "nll":
        return [
            f"nll {receipt['nll']:.2f} nats per image (standard error "
            f"{receipt['standard_error']:.2f}), {receipt['importance_samples']} importance "
            f"samples; ELBO {receipt['elbo']:.2f}; {receipt['likelihood']} likelihood, "
            f"{receipt['binarization']} binarization"
        ]
    if name == "error":
        return [f"error {100 * receipt['error']:.2f} % with {receipt['labels']} labels"]
    if name != "parts":
        return [f"{name} {receipt[name]:.4g} (standard error {receipt['standard_error']:.2g})"]
    real = {"parts of real photographs": receipt["of_real"]} if "of_real" in receipt else {}
    return [
        f"{title}: {100 * scores['pixel_accuracy']:.1f} % of pixels right, "
        f"{100 * scores['class_accuracy']:.1f} % in the mean over parts, "
        f"intersection over union {100 * scores['iou']:.1f} %"
        for title, scores in {"parts": receipt, **real}.items()
    ]


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
    judge: object = None

    @property
    def labels(self):
        return None if self.dataset.labels is None else self.dataset.labels[: self.count]

    @cached_property
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
        inputs = self.dataset.inputs[: self.count]
        return translate_all(self.model, inputs, self.seed, self.progress)


def _unit(dataset):
    return dataset.images if dataset.points else dataset.images.astype(np.float32) / 255.0


def translate_all(model, inputs, seed=0, progress=iter):
    """What a translator makes of uint8 images (n, h, w, c), a few at a time: float32 in [0, 1]."""
    starts = progress(range(0, len(inputs), TRANSLATED))
    return np.concatenate(
        [model.translate(inputs[start : start + TRANSLATED], seed + start) for start in starts]
    )


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

    if test.judge is None:
        return part_scores(test.translations, test.images)
    judge = trained_model(test.judge)
    maps = test.dataset.inputs[: test.count].astype(np.float32) / 255.0
    ours, real = (
        part_scores(translate_all(judge, photographs, test.seed, test.progress), maps)
        for photographs in (to_uint8(test.translations), test.dataset.images[: test.count])
    )
    manifest = test.judge.manifest()
    return {**ours, "of_real": real, "judge": {"run": test.judge.id, **manifest}}


@dataclass(frozen=True)
class Metric:
    """A score: function of a `TestSet` to a dict, and what it needs, as a test and in words."""

    score: Callable
    fits: Callable  # of (model, run, judge)
    needs: str


def _translates(model, run, judge):
    return model.translates


def _has_parts(model, run, judge):
    return draws_parts(run) or judge is not None


def draws_parts(run):
    """Whether a run's pictures are label maps of facades."""
    dataset = run.config["dataset"]
    pairs = dataset["name"] == NAME and dataset.get("task") == PAIRS
    return pairs and dataset["direction"] != "BtoA"


def check_judge(run, judge):
    """Refuses a judge that does not translate back what the run draws."""
    if judge is None:
        return
    shapes = [r.config["dataset"]["image_shape"] for r in (run, judge)]
    dataset = run.config["dataset"]
    photographs = (dataset["name"], dataset.get("task"), dataset.get("direction"))
    fits = photographs == (NAME, PAIRS, "BtoA") and draws_parts(judge)
    if not fits or shapes[0] != shapes[1]:
        raise RequestError(
            "A judge draws label maps of facades, and the run photographs of them, of one size. "
            f"Received: {judge.path} for {run.path}"
        )


METRICS = {
    "nll": Metric(
        _nll,
        lambda model, run, judge: getattr(model, "log_weights", None) is not None,
        "a model with a likelihood, as vae",
    ),
    "error": Metric(
        _error,
        lambda model, run, judge: getattr(model, "classify", None) is not None,
        "a model that classifies, as ssvae",
    ),
    **{
        name: Metric(partial(_similarity, name), _translates, "a model that translates, as pix2pix")
        for name in ("l1", "psnr", "ssim")
    },
    "parts": Metric(
        _parts, _has_parts, "a model that draws the label maps of facades, or one and a --judge"
    ),
}
