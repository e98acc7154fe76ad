"""What is kept of a set of images: moments, opinions, and nothing that grows."""

import numpy as np
import pytest

from zoo.metrics import summary
from zoo.metrics.summary import Summary

pytestmark = pytest.mark.once


def filled(features, probabilities, labels=None, step=7):
    found = Summary(features.shape[1], probabilities.shape[1])
    for start in range(0, len(features), step):
        rows = slice(start, start + step)
        found.add(features[rows], probabilities[rows], None if labels is None else labels[rows])
    return found


def some(count=60, dimensions=4, classes=3, seed=0):
    rng = np.random.default_rng(seed)
    # Far from 0, where a sum of squares in float32 has no digits left.
    features = (1e3 + rng.normal(size=(count, dimensions))).astype("float32")
    return features, rng.dirichlet(np.ones(classes), size=count), rng.integers(classes, size=count)


def test_moments_are_those_of_all_at_once():
    features, probabilities, _ = some()
    found = filled(features, probabilities)
    exact = features.astype("float64")
    np.testing.assert_allclose(found.mean, exact.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(exact, rowvar=False), rtol=1e-9)
    assert found.count == 60


def test_class_score_by_hand():
    features = np.zeros((4, 2), "float32")
    sure = np.eye(2)[[0, 1, 0, 1]]
    assert filled(features, sure).class_score == pytest.approx(2.0)
    assert filled(features, np.full((4, 2), 0.5)).class_score == pytest.approx(1.0)
    assert filled(features, np.eye(2)[[0, 0, 0, 0]]).class_score == pytest.approx(1.0)
    mixed = np.array([[0.8, 0.2], [0.4, 0.6]])
    divergence = np.mean([np.sum(p * np.log(p / mixed.mean(axis=0))) for p in mixed])
    assert filled(features[:2], mixed).class_score == pytest.approx(np.exp(divergence))


def test_classes_are_counted():
    features, probabilities, labels = some()
    found = filled(features, probabilities, labels)
    likeliest = probabilities.argmax(axis=1)
    np.testing.assert_array_equal(found.seen, np.bincount(likeliest, minlength=3))
    np.testing.assert_array_equal(found.asked, np.bincount(labels, minlength=3))
    assert found.right.sum() == (likeliest == labels).sum()


def test_memory_does_not_grow_with_the_count(monkeypatch):
    monkeypatch.setattr(summary, "KEPT", 10)
    features, probabilities, _ = some()
    found = filled(features, probabilities)
    np.testing.assert_array_equal(found.features, features[:10])


def test_what_is_kept_on_disk_is_the_same(tmp_path):
    found = filled(*some())
    np.savez(tmp_path / "a.npz", **found.arrays())
    with np.load(tmp_path / "a.npz") as arrays:
        again = Summary.of(arrays)
    assert again.count == found.count and isinstance(again.count, int)
    for name, array in found.arrays().items():
        np.testing.assert_array_equal(array, again.arrays()[name])
