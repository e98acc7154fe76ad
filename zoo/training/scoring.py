"""Scores of what a run draws, while it trains: for curves, and for keeping the best checkpoint."""

from zoo.metrics import samples
from zoo.metrics.classifier import FOLDER, load_classifier
from zoo.training.setup import dataset_of

SAMPLES = 2_000
SCORES = ("fcd", "cs", "precision", "recall", "coverage")
BEST_BY = "fcd"  # the lower the better


class EpochScores:
    """Scores of 2,000 drawings, always of the same noise, at every so many epochs.

    Few drawings make a Fréchet distance larger: for a figure to report use `evaluate`.

    Args:
        run: `zoo.training.run.Run` whose config has an "evaluation".
        train: the training split.
    """

    def __init__(self, run, train):
        said = run.config["evaluation"]
        self.every = said["every"]
        self.train = train
        classifier, folder = load_classifier(said["classifier"]), run.path.parent / FOLDER
        self.reference = samples.Reference(classifier, train, dataset_of(run, "test"), folder)

    def due(self, epoch):
        """Whether the epoch, counted from 0, ends with scores."""
        return (epoch + 1) % self.every == 0

    def take(self, model):
        """(dict of scores, list of warnings)."""
        batches = samples.drawn(model, SAMPLES, dataset=self.train)
        comparison = samples.Comparison(self.reference, batches)
        numbers = {name: comparison.score(name)[name] for name in SCORES}
        balance = comparison.score("balance")
        covered, classes = balance["covered"], balance["classes"]
        numbers["covered"] = covered
        if 2 * covered > classes:
            return numbers, []
        return numbers, [f"mode collapse: {covered} of {classes} classes are drawn"]
