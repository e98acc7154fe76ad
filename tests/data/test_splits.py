"""The validation part of a dataset, and all of its images as one."""

from dataclasses import replace

import numpy as np
import pytest

from tests.data.build import png, write_folder
from tests.helpers import small_dataset
from zoo import data
from zoo.data.splits import hold_out, subset
from zoo.errors import RequestError

pytestmark = pytest.mark.once


def numbered(labels, classes=("a", "b")):
    """A dataset whose image i has i in each pixel, of these labels."""
    labels = None if labels is None else np.array(labels, "int32")
    images = np.arange(10, dtype="uint8")[:, None, None, None] * np.ones((1, 2, 2, 1), "uint8")
    return data.Dataset("numbered", images, labels, classes if labels is not None else (), "")


def numbers(dataset):
    return dataset.images[:, 0, 0, 0].tolist()


def test_each_class_gives_its_share_of_images():
    """Of 4 and 6 images a quarter are 1 and 1.5, which rounds to 2."""
    labels = [0, 1, 1, 0, 1, 1, 0, 1, 0, 1]
    train, validation = hold_out(numbered(labels), 0.25)
    assert np.bincount(validation.labels).tolist() == [1, 2]
    assert np.bincount(train.labels).tolist() == [3, 4]
    assert sorted(numbers(train) + numbers(validation)) == list(range(10))
    for part in (train, validation):
        assert numbers(part) == sorted(numbers(part)), "the order of the dataset is kept"
        assert part.labels.tolist() == [labels[i] for i in numbers(part)]


def test_the_same_images_are_held_out_each_time():
    dataset = small_dataset(40)
    first, again = hold_out(dataset, 0.2), hold_out(small_dataset(40), 0.2)
    assert [part.fingerprint for part in first] == [part.fingerprint for part in again]
    assert first[0].fingerprint != dataset.fingerprint
    assert first[1].fingerprint != hold_out(dataset, 0.3)[1].fingerprint


def test_unlabeled_images_give_their_share_of_all():
    train, validation = hold_out(numbered(None), 0.33)
    assert (len(train.images), len(validation.images)) == (7, 3)
    assert validation.labels is None


def test_a_pair_stays_a_pair():
    pairs = replace(numbered(None), inputs=100 + numbered(None).images)
    for part in hold_out(pairs, 0.5):
        assert (part.inputs == 100 + part.images).all() and len(part.images) == 5
    assert subset(pairs, slice(2, 4)).inputs[:, 0, 0, 0].tolist() == [102, 103]


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_shares_that_are_none(share):
    with pytest.raises(RequestError, match=f"above 0 and below 1. Received: {share:g}"):
        hold_out(numbered(None), share)


@pytest.mark.parametrize("share", [0.01, 0.99])
def test_shares_that_leave_a_part_empty(share):
    with pytest.raises(RequestError, match=f"Received: {share:g} of 10 images"):
        hold_out(numbered(None), share)


def test_all_images_are_those_of_both_splits():
    parts = [data.load("digits", split=split) for split in ("train", "test")]
    together = data.load("digits", split="all")
    np.testing.assert_array_equal(together.images, np.concatenate([p.images for p in parts]))
    np.testing.assert_array_equal(together.labels, np.concatenate([p.labels for p in parts]))
    assert together.class_names == parts[0].class_names and len(together.images) == 1_797


def test_all_pairs_are_those_of_both_splits():
    together = data.load("digits", split="all", task="edges")
    assert together.labels is None and len(together.inputs) == len(together.images) == 1_797


def test_splits_of_different_sizes_cannot_be_joined(tmp_path):
    sides = {"train": 4, "test": 5}
    contents = {f"{split}/1.png": png(7, side, side) for split, side in sides.items()}
    folder = write_folder(tmp_path / "sizes", contents)
    assert len(data.load(folder, split="all", image_size=4).images) == 2
    with pytest.raises(RequestError, match="must"):
        data.load(folder, split="all")
