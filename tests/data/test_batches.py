from itertools import islice

import numpy as np
import pytest

from tests.helpers import small_dataset
from zoo.data import Dataset
from zoo.data.batches import Batches, SemiSupervisedBatches
from zoo.errors import RequestError

pytestmark = pytest.mark.once


def test_any_step_can_be_the_first():
    batches = Batches(small_dataset(20), 6, (-1, 1), seed=4)
    assert batches.steps_per_epoch == 3
    whole = list(islice(batches.from_step(0), 10))
    for start in (1, 3, 5, 9):
        for expected, received in zip(whole[start:], batches.from_step(start), strict=False):
            np.testing.assert_array_equal(expected[0], received[0])
            np.testing.assert_array_equal(expected[1], received[1])


def test_an_epoch_visits_every_image_once_in_an_order_of_its_own():
    images = np.arange(12, dtype=np.uint8).reshape(12, 1, 1, 1)
    data = Dataset("count", images, np.arange(12, dtype=np.int32), tuple("abcdefghijkl"), "")
    batches = Batches(data, 4, (0, 255), seed=0)
    epochs = [
        np.concatenate([labels for _, labels in islice(batches.from_step(start), 3)])
        for start in (0, 3)
    ]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(12))
    assert list(epochs[0]) != list(epochs[1])
    for pixels, labels in islice(batches.from_step(0), 3):
        np.testing.assert_array_equal(pixels.ravel(), labels)


def test_values_reach_both_ends_of_the_range():
    images = np.array([0, 51, 255], np.uint8).reshape(3, 1, 1, 1)
    batches = Batches(Dataset("ends", images, None, (), ""), 3, (-1, 1), seed=0)
    (pixels,) = next(batches.from_step(0))
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(np.sort(pixels.ravel()), [-1, 51 / 127.5 - 1, 1], rtol=1e-6)


def test_few_labels_of_points():
    """Points stay as they are; one in ten has its label, all others -1."""
    points = np.arange(40, dtype=np.float32).reshape(20, 2)
    labels = np.arange(20, dtype=np.int32) % 2
    data = Dataset("line", points, labels, ("even", "odd"), "")
    batches = SemiSupervisedBatches(Batches(data, 20, (0, 1), seed=0), labels=4)
    images, shown = next(batches.from_step(0))
    assert (shown[:2] >= 0).all() and (shown[2:] == -1).all()
    assert {tuple(point) for point in images} <= {tuple(point) for point in points}
    of_points = (images[:2, 0] / 2).astype(int)
    np.testing.assert_array_equal(shown[:2], labels[of_points])
    assert set(of_points) <= set(batches.labelled) and len(batches.labelled) == 4


@pytest.mark.parametrize("size", [0, -1, 45])
def test_batch_size_must_fit_the_data(size):
    with pytest.raises(RequestError, match=f"from 1 to the 44 images.*Received: {size}"):
        Batches(small_dataset(44), size, (-1, 1), seed=0)
