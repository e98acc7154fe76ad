"""Scores of what a run generates, while it trains: for curves, and to keep the best checkpoint."""

from typing import Any

from zoo.data import Dataset
from zoo.metrics import samples
from zoo.metrics.classifier import FOLDER, load_classifier
from zoo.training.run import Run

SAMPLES = 2_000
EPOCH_SCORES = ("fcd", "cs", "precision", "recall", "coverage")
BEST_BY = "fcd"  # the lower the better


class EpochScores:
    """Scores of 2,000 generated images, always of the same noise, at every so many epochs.

    Few images make a Fréchet distance larger: for a figure to report use `evaluate`.

    Args:
        run: whose config has an "evaluation".
        train: the training split.
    """

    def __init__(self, run: Run, train: Dataset) -> None:
        said = run.config["evaluation"]
        self.every: int = said["every"]
        self.train = train
        classifier, folder = load_classifier(said["classifier"]), run.path.parent / FOLDER
        self.reference = samples.Reference(classifier, train, run.dataset("test"), folder)

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
