"""What a set of images looks like through an extractor, in memory that its size does not change."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

KEPT = 10_000  # feature vectors, of the first images, for scores that need each one

UNSET: Any = None  # until the shape is known


@dataclass
class Summary:
    """Moments of the features in float64, the classes that are seen, and the first features.

    Args:
        dimensions: of a feature vector.
        classes: of the extractor's probabilities.
    """

    dimensions: int
    classes: int
    count: int = 0
    mean: np.ndarray = field(default=UNSET)  # (dimensions,)
    scatter: np.ndarray = field(default=UNSET)  # sum of (x - mean)(x - mean)^T
    probabilities: np.ndarray = field(default=UNSET)  # (classes,), summed
    negative_entropy: float = 0.0  # sum of p log p
    seen: np.ndarray = field(default=UNSET)  # (classes,), how many look like each class
    asked: np.ndarray = field(default=UNSET)  # (classes,), how many were labelled so
    right: np.ndarray = field(default=UNSET)  # (classes,), how many of those look like it
    features: np.ndarray = field(default=UNSET)  # float32 (at most KEPT, dimensions)

    def __post_init__(self) -> None:
        if self.mean is None:
            self.mean = np.zeros(self.dimensions)
            self.scatter = np.zeros((self.dimensions, self.dimensions))
            self.probabilities = np.zeros(self.classes)
            self.seen, self.asked, self.right = np.zeros((3, self.classes), dtype="int64")
            self.features = np.empty((0, self.dimensions), dtype="float32")

    def add(
        self, features: np.ndarray, probabilities: np.ndarray, labels: np.ndarray | None = None
    ) -> None:
        """Counts a batch in: features (n, d), probabilities (n, classes), int labels (n,)."""
        x, p = np.asarray(features, "float64"), np.asarray(probabilities, "float64")
        total = self.count + len(x)
        # Chan et al. (1983): merging keeps the digits that a sum of squares loses.
        mean = x.mean(axis=0)
        centred, apart = x - mean, mean - self.mean
        self.scatter += centred.T @ centred
        self.scatter += np.outer(apart, apart) * (self.count * len(x) / total)
        self.mean = self.mean + apart * (len(x) / total)
        self.count = total

        self.probabilities += p.sum(axis=0)
        self.negative_entropy += float(np.sum(p * np.log(np.maximum(p, 1e-300))))
        likeliest = p.argmax(axis=1)
        self.seen += np.bincount(likeliest, minlength=self.classes)
        if labels is not None:
            self.asked += np.bincount(labels, minlength=self.classes)
            self.right += np.bincount(labels[likeliest == labels], minlength=self.classes)
        room = KEPT - len(self.features)
        if room > 0:
            kept = np.asarray(features[:room], "float32")
            self.features = np.concatenate([self.features, kept])

    @property
    def covariance(self) -> np.ndarray:
        """(dimensions, dimensions), without bias; of at least 2 images."""
        return self.scatter / (self.count - 1)

    @property
    def class_score(self) -> float:
        """The Inception Score of Salimans et al. (2016), through this extractor.

        The exponential of the mean Kullback-Leibler divergence of an image's class probabilities
        from their mean over all images.

        From 1 to the number of classes: high when each image is clearly of one class and all
        classes are as frequent. https://arxiv.org/abs/1606.03498, section 4.
        """
        marginal = self.probabilities / self.count
        entropy = -float(np.sum(marginal * np.log(np.maximum(marginal, 1e-300))))
        return float(np.exp(entropy + self.negative_entropy / self.count))

    def arrays(self) -> dict[str, np.ndarray]:
        """Dict of field name to array, for `np.savez`; `Summary.of` reads it."""
        return {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Summary":
        """The summary that `arrays` was taken of."""
        values: dict[str, Any] = {f.name: arrays[f.name] for f in fields(cls)}
        return cls(**{k: v.item() if v.ndim == 0 else v for k, v in values.items()})
