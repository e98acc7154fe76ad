"""The toy distributions as datasets: points, not images."""

import numpy as np
import pytest

from zoo import data
from zoo.data import toy
from zoo.errors import RequestError

pytestmark = pytest.mark.once

NAMES = list(toy.MIXTURES)


@pytest.mark.parametrize("name", NAMES)
def test_shapes_and_labels(name):
    named = data.DATASETS[name]
    for split, n in (("train", 50_000), ("test", 10_000)):
        dataset = data.load(name, split=split)
        assert dataset.images.shape == (n, *named.image_shape)
        assert dataset.images.dtype == np.float32 and dataset.points
        assert dataset.image_shape == ((1,) if name == "gaussian" else (2,))
        assert dataset.mixture is named.mixture is toy.MIXTURES[name]
        assert dataset.source == data.locate(name) == "made on the fly"
        assert (dataset.labels is None) == (dataset.num_classes == 0)
    assert named.class_names == {
        "ring": tuple("01234567"),
        "grid": tuple(str(i) for i in range(25)),
    }.get(name, ())


@pytest.mark.parametrize("name", ["ring", "grid"])
def test_labels_are_the_nearest_means(name):
    dataset = data.load(name, split="test")
    means = dataset.mixture.means
    distances = np.linalg.norm(dataset.images[:, np.newaxis] - means, axis=2)
    np.testing.assert_array_equal(dataset.labels, distances.argmin(axis=1))
    assert dataset.labels.dtype == np.int32
    assert len(np.bincount(dataset.labels)) == dataset.num_classes == len(means)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_points_every_time_and_others_in_test(name):
    train, again = data.load(name), data.load(name)
    test = data.load(name, split="test")
    assert train.fingerprint == again.fingerprint != test.fingerprint
    np.testing.assert_array_equal(train.images, again.images)
    assert not np.isin(test.images[:, 0], train.images[:, 0]).all()


def test_points_worked_by_hand():
    """Whatever changes the points breaks the runs that were trained on them."""
    rng = np.random.default_rng(0)
    component = rng.integers(1, size=50_000, dtype=np.int32)
    expected = 1.5 + 0.5 * rng.standard_normal((50_000, 1))
    assert not component.any()
    np.testing.assert_array_equal(data.load("gaussian").images, expected.astype(np.float32))


@pytest.mark.parametrize("name", NAMES)
def test_points_take_neither_a_size_nor_a_color(name):
    with pytest.raises(RequestError) as caught:
        data.load(name, image_size=32)
    assert str(caught.value) == (
        f"{name} holds points, not images; image_size and color must be left out. "
        "Received: image_size 32"
    )
    with pytest.raises(RequestError, match="holds points.* Received: color gray"):
        data.load(name, color="gray")
