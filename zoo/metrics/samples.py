"""Scores of generated images beside the training images, through an extractor.

The protocol: uint8 images, as a file holds them, against the whole training split; what needs each
feature vector takes the first 10,000 of both. Every score comes with its floor, the same score of
as many real test images: no model is expected to be below it (above it, where more is better).
"""

import hashlib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from zoo import files
from zoo.data import Dataset
from zoo.errors import RequestError
from zoo.metrics import distances
from zoo.metrics.summary import Summary
from zoo.pictures import grids

LOOKED_AT = 500  # images at a time
COMPARED = 1_000  # generated images whose nearest training images are looked for
DUE = 0.1  # of its share in the data, from which a class counts as generated

Batch = tuple[np.ndarray, np.ndarray | None]  # uint8 images (n, h, w, c), and labels (n,)
Score = dict[str, Any]


class Extractor(Protocol):
    """What images are looked at through: a `Classifier` of the data, or `Inception`."""

    name: str
    sha256: str
    dataset: str  # that it was trained on
    classes: int
    dimensions: int
    preprocessing: str

    def look(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features (n, dimensions) and probabilities (n, classes) of uint8 images."""


def generated_batches(
    model: Any,
    count: int,
    seed: int = 0,
    dataset: Dataset | None = None,
    batch: int = LOOKED_AT,
) -> Iterator[Batch]:
    """Yields (images, labels or None) of `count` samples, labels as frequent as the data's.

    Args:
        model: of the registry, that draws from noise.
        count: how many.
        seed: of noise and labels, from 0.
        dataset: the training split, for a conditional model.
        batch: how many at a time.
    """
    rng = np.random.default_rng(seed)
    labels = None
    if model.conditional and dataset is not None and dataset.labels is not None:
        labels = rng.choice(dataset.labels, count)
    for start in range(0, count, batch):
        rows = slice(start, min(start + batch, count))
        asked = None if labels is None else labels[rows]
        inputs = model.sample_inputs(rows.stop - start, asked, seed=int(rng.integers(2**30)))
        yield grids.to_uint8(model.generate(inputs)), asked


def parts(
    images: np.ndarray, labels: np.ndarray | None = None, order: np.ndarray | None = None
) -> Iterator[Batch]:
    """Yields (images, labels or None), some at a time: all, or those of the indices `order`."""
    for start in range(0, len(images) if order is None else len(order), LOOKED_AT):
        rows: Any = slice(start, start + LOOKED_AT)
        rows = rows if order is None else order[rows]
        yield images[rows], None if labels is None else labels[rows]


def summarise(extractor: Extractor, batches: Iterable[Batch]) -> Summary:
    """The `Summary` of (images, labels or None) batches."""
    summary = Summary(extractor.dimensions, extractor.classes)
    of_the_data = extractor.name == "classifier"
    for images, labels in batches:
        summary.add(*extractor.look(images), labels if of_the_data else None)
    return summary


class Reference:
    """The real images that generated ones are measured against: a training and a test split.

    Args:
        extractor: what they are looked at through.
        train, test: splits of one dataset.
        folder: where what the extractor sees of them is kept for the next time.
    """

    def __init__(self, extractor: Extractor, train: Dataset, test: Dataset, folder: Path) -> None:
        self.extractor, self.train, self.test, self.folder = extractor, train, test, folder
        self._floors: dict[int, Summary] = {}

    @cached_property
    def real(self) -> Summary:
        """The `Summary` of the training split."""
        return self._kept(self.train, len(self.train.images))

    @cached_property
    def neighbourhoods(self) -> distances.Neighbourhoods:
        """The `Neighbourhoods` of the training split."""
        return distances.Neighbourhoods(self.real.features)

    def floor(self, count: int) -> Summary:
        """The `Summary` of `count` test images, or of all where there are fewer."""
        if count not in self._floors:
            self._floors[count] = self._kept(self.test, min(count, len(self.test.images)))
        return self._floors[count]

    def _kept(self, dataset: Dataset, count: int) -> Summary:
        # In another order: a folder's images lie class by class, and some scores take the first.
        order = np.random.default_rng(0).permutation(len(dataset.images))[:count]
        said = f"{self.extractor.sha256} {dataset.fingerprint} {count}"
        key = hashlib.sha256(said.encode()).hexdigest()
        path = self.folder / f"{dataset.name}-{key[:16]}.npz"
        try:
            with open(path, "rb") as file, np.load(file) as arrays:
                return Summary.of(arrays)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            pass  # not there yet, or damaged: it can be made again
        summary = summarise(self.extractor, parts(dataset.images, dataset.labels, order))
        with files.atomic_path(path) as temporary:
            arrays_of: dict[str, Any] = summary.arrays()
            np.savez(temporary, **arrays_of)
        return summary


class Comparison:
    """Generated images beside a `Reference`.

    Args:
        reference: of real images.
        batches: yields (uint8 images, labels or None) of the generated ones.
        seed: of their noise, for the receipt.
    """

    def __init__(
        self, reference: Reference, batches: Iterable[Batch], seed: int | None = None
    ) -> None:
        self.reference, self.seed = reference, seed
        self.pictures = np.empty((0, *reference.train.image_shape), dtype="uint8")
        self.generated = summarise(reference.extractor, self._watched(batches))
        fewest = min(self.generated.count, len(reference.train.images), len(reference.test.images))
        if fewest < 2:  # one has no covariance
            raise RequestError(
                "Scores of samples need at least 2 generated, 2 training and 2 test images. "
                f"Received: {fewest}"
            )

    def _watched(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        shape = self.reference.train.image_shape
        for images, labels in batches:
            if images.shape[1:] != shape:
                raise RequestError(
                    f"The images of {self.reference.train.name} have the shape {shape}, and so "
                    f"must those compared with them. Received: {images.shape[1:]}"
                )
            room = COMPARED - len(self.pictures)
            self.pictures = np.concatenate([self.pictures, images[: max(0, room)]])
            yield images, labels

    def score(self, name: str) -> Score:
        """Dict of a score of `SAMPLE_SCORES`, under its name, and its "floor"."""
        return SAMPLE_SCORES[name](self)

    @cached_property
    def floor(self) -> Summary:
        """The `Summary` of as many test images."""
        return self.reference.floor(self.generated.count)

    @cached_property
    def neighbourhoods(self) -> list[dict[str, float]]:
        """Scores by `Neighbourhoods`, of the generated and of the test images."""
        fewest = min(self.reference.real.count, self.generated.count, self.floor.count)
        if fewest <= distances.NEIGHBOURS:
            raise RequestError(
                f"precision, recall, density and coverage need more than {distances.NEIGHBOURS} "
                f"images of each kind. Received: {fewest}"
            )
        return [
            self.reference.neighbourhoods.scores(summary.features)
            for summary in (self.generated, self.floor)
        ]

    def receipt(self) -> Score:
        """What a score says of how it was taken, beside what is said of the model."""
        reference, extractor = self.reference, self.reference.extractor
        receipt: Score = {
            "dataset": reference.train.name,
            "split": "train",
            "images": len(reference.train.images),
            "fingerprint": reference.train.fingerprint,
            "samples": self.generated.count,
            "seed": self.seed,
            "extractor": extractor.name,
            "extractor_sha256": extractor.sha256,
            "extractor_dataset": extractor.dataset,
            "preprocessing": extractor.preprocessing,
        }
        fewest = min(self.generated.count, reference.real.count)
        warnings = []
        if fewest <= extractor.dimensions:
            warnings.append(
                f"{fewest} images are too few for {extractor.dimensions} features: the covariance "
                "has not full rank, and the Fréchet distance comes out too large"
            )
        if extractor.dataset == reference.test.part_of:
            warnings.append(
                f"the classifier was trained on all of {extractor.dataset}, these test images "
                "included: compare these scores only with each other"
            )
        if warnings:
            receipt["warning"] = "; ".join(warnings)
        return receipt


def _both(
    name: str, function: Callable[[Summary, Summary], float]
) -> Callable[[Comparison], Score]:
    """The score `name` of the generated images and, as its floor, of the test images."""

    def score(comparison: Comparison) -> Score:
        real = comparison.reference.real
        values = (function(s, real) for s in (comparison.generated, comparison.floor))
        return dict(zip((name, "floor"), values, strict=True))

    return score


def _frechet(summary: Summary, real: Summary) -> float:
    return distances.frechet_distance(summary.mean, summary.covariance, real.mean, real.covariance)


def _kernel(comparison: Comparison) -> Score:
    real = comparison.reference.real.features
    value, error = distances.kernel_distance(comparison.generated.features, real)
    floor, _ = distances.kernel_distance(comparison.floor.features, real)
    return {"kid": value, "standard_error": error, "floor": floor}


def _neighbourhood(name: str) -> Callable[[Comparison], Score]:
    def score(comparison: Comparison) -> Score:
        generated, floor = comparison.neighbourhoods
        return {name: generated[name], "floor": floor[name]}

    return score


def _balance(comparison: Comparison) -> Score:
    """How far the generated classes' shares are from the training images': half of sum |p - q|."""
    shares, due, test = (
        summary.seen / summary.count
        for summary in (comparison.generated, comparison.reference.real, comparison.floor)
    )
    return {
        "balance": float(np.abs(shares - due).sum() / 2),
        "floor": float(np.abs(test - due).sum() / 2),
        "covered": int((shares[due > 0] >= DUE * due[due > 0]).sum()),
        "classes": int((due > 0).sum()),
        "shares": [round(float(share), 4) for share in shares],
    }


def _class_accuracy(comparison: Comparison) -> Score:
    """The share of images that look like the class they were asked to be."""
    generated, floor = comparison.generated, comparison.floor
    if not generated.asked.sum() or not floor.asked.sum():
        raise RequestError(
            "class_accuracy needs images with classes: of a conditional model, or in one folder a "
            "class. Received: unlabeled images"
        )
    of_class = generated.right / np.maximum(generated.asked, 1)
    return {
        "class_accuracy": float(generated.right.sum() / generated.asked.sum()),
        "floor": float(floor.right.sum() / floor.asked.sum()),
        "of_class": [round(float(share), 4) for share in of_class],
    }


def _neighbours(comparison: Comparison) -> Score:
    """How near generated images are to training images, pixel by pixel: copies are very near."""
    train, test = comparison.reference.train.images, comparison.reference.test.images

    generated, floor = (
        distances.nearest(images, train)[0] / 255.0
        for images in (comparison.pictures, test[:COMPARED])
    )
    return {
        "neighbours": float(generated.mean()),
        "floor": float(floor.mean()),
        # One in a hundred of real images; many more of a model that copies, or blurs.
        "nearer_than_real": float((generated < np.quantile(floor, 0.01)).mean()),
        "pictures": len(generated),
    }


SAMPLE_SCORES: dict[str, Callable[[Comparison], Score]] = {
    "cs": _both("cs", lambda summary, real: summary.class_score),
    "fcd": _both("fcd", _frechet),
    "kid": _kernel,
    **{name: _neighbourhood(name) for name in ("precision", "recall", "density", "coverage")},
    "balance": _balance,
    "class_accuracy": _class_accuracy,
    "neighbours": _neighbours,
    "is": _both("is", lambda summary, real: summary.class_score),
    "fid": _both("fid", _frechet),
}
OF_INCEPTION = ("is", "fid")
