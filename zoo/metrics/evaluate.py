"""`evaluate`: scores of a run on its dataset's test images, each with a receipt."""

import json

import numpy as np

from zoo import files
from zoo.errors import RequestError, unknown
from zoo.hyperparameters import check_positive
from zoo.metrics.likelihood import classification_error, estimate_nll
from zoo.training.latent import STATIC_SEED
from zoo.training.loop import build_model
from zoo.training.run import versions
from zoo.training.setup import dataset_of

SCORES = "scores.json"
# Metric to what a model must have for it, and to what that is in words.
NEEDS = {
    "nll": ("log_weights", "a model with a likelihood, as vae"),
    "error": ("classify", "a model that classifies, as ssvae"),
}


def evaluate(run, metrics=(), samples=5_000, images=None, seed=0, data_dir=None, progress=iter):
    """Scores a run on test images and adds the scores to its scores.json.

    Args:
        run: `zoo.training.run.Run` with a checkpoint, of this process' backend.
        metrics: names of `NEEDS`; none for all that the model has.
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
    possible = [name for name, (need, _) in NEEDS.items() if getattr(model, need, None)]
    for name in metrics:
        if name not in NEEDS:
            raise unknown("metric", name, NEEDS)
        if name not in possible:
            raise RequestError(f"{name} needs {NEEDS[name][1]}. Received: {run.config['model']}")
    if not possible:
        wanted = "; ".join(f"{name} for {words}" for name, (_, words) in NEEDS.items())
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
    seen = as_seen(model, dataset, seed)[:count]
    labels = None if dataset.labels is None else dataset.labels[:count]
    found = {}
    for name in metrics or possible:
        if name == "nll":
            scores = estimate_nll(model, seen, labels, samples, seed, progress)
            how = {
                "likelihood": model.likelihood,
                "binarization": model.binarization,
                "importance_samples": samples,
            }
        else:
            scores = {"error": classification_error(model, unit(dataset)[:count], labels)}
            how = {"labels": run.config["hyperparameters"]["labels"]}
        found[name] = {**scores, **how, **receipt}
    path = run.path / SCORES
    earlier = json.loads(path.read_text()) if path.is_file() else {}
    files.write_json(path, {**earlier, **found})
    return found


def unit(dataset):
    """The images in [0, 1], or points as they are, float32."""
    return dataset.images if dataset.points else dataset.images.astype(np.float32) / 255.0


def as_seen(model, dataset, seed):
    """The images as the model's likelihood sees them, binarized once."""
    if model.binarization != "none":
        dataset = dataset.binarized(STATIC_SEED if model.binarization == "static" else seed)
    return unit(dataset)
