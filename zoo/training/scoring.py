"""How good a run is while it trains, for curves and to keep the best checkpoint.

Scores of what it generates, and the loss of the validation images.
"""

from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.data import Dataset
from zoo.data.splits import subset
from zoo.latent.base import STATIC_SEED
from zoo.metrics import samples
from zoo.metrics.classifier import FOLDER, load_classifier
from zoo.training.run import Run

SAMPLES = 2_000
EPOCH_SCORES = ("fcd", "cs", "precision", "recall", "coverage")
VALIDATED = 100  # images at a time


class EpochScores:
    """Scores of 2,000 generated images, always of the same noise, at every so many epochs.

    Few images make a Fréchet distance larger: for a figure to report use `evaluate`. They are
    compared with the images that the run is trained on or, where it has validation images, with
    those: a model that copies what it was trained on gains nothing by it.

    Args:
        run: whose config has an "evaluation".
        train: the training split.
    """

    def __init__(self, run: Run, train: Dataset) -> None:
        said = run.config["evaluation"]
        self.every: int = said["every"]
        self.train = train
        classifier, folder = load_classifier(said["classifier"]), run.path.parent / FOLDER
        if run.config["dataset"].get("validation"):
            real, other = run.dataset("validation"), train
        else:
            real, other = train, run.dataset("test")
        self.reference = samples.Reference(classifier, real, other, folder)

    def due(self, epoch: int) -> bool:
        """Whether the epoch, counted from 0, ends with scores."""
        return (epoch + 1) % self.every == 0

    def take(self, model: Any) -> tuple[dict[str, float], list[str]]:
        """(scores by name, warnings)."""
        batches = samples.generated_batches(model, SAMPLES, dataset=self.train)
        comparison = samples.Comparison(self.reference, batches)
        numbers = {name: comparison.score(name)[name] for name in EPOCH_SCORES}
        balance = comparison.score("balance")
        covered, classes = balance["covered"], balance["classes"]
        numbers["covered"] = covered
        if 2 * covered > classes:
            return numbers, []
        return numbers, [f"mode collapse: {covered} of {classes} classes are generated"]


class ValidationLoss:
    """The mean loss of a model over validation images, always of the same noise.

    The noise stream of the training is left where it was, so that a training does not depend on
    how often it is validated.

    Args:
        model: with a `validation_loss`, as every `LatentModel` has.
        dataset: the validation images.
    """

    def __init__(self, model: Any, dataset: Dataset) -> None:
        self.model = model
        self.dataset = dataset.binarized(STATIC_SEED) if model.binarized == "static" else dataset
        self._losses = BatchLoss(model)

    def take(self) -> float:
        """The mean loss of an image."""
        images, labels = self.dataset.images, self.dataset.labels
        stream = self.model.noise_seed.state
        before = np.array(ops.convert_to_numpy(stream))
        stream.assign(np.array([self.model.seed, 0]))
        total = 0.0
        for start in range(0, len(images), VALIDATED):
            rows = slice(start, start + VALIDATED)
            batch = {"image": subset(self.dataset, rows).floats(*self.model.value_range)}
            if self.model.conditional and labels is not None:
                batch["label"] = labels[rows]
            # One number for the whole batch, of which the last may be smaller.
            total += float(self._losses.predict_on_batch(batch)[0]) * len(batch["image"])
        stream.assign(before)
        return total / len(images)


class BatchLoss(keras.Model):
    """A model's validation loss of a batch, (1,), as Keras compiles what it predicts with."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.built = True

    def call(self, inputs: dict[str, Any]) -> Any:
        images = self.model.binarize(inputs["image"])
        return ops.reshape(self.model.validation_loss(images, inputs.get("label")), (1,))
