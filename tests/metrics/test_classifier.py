"""The classifier of a dataset: its file is what its name says, or is refused."""

import json

import numpy as np
import pytest

from tests.helpers import small_dataset
from tests.test_cli_errors import refused
from zoo import data
from zoo.errors import RequestError
from zoo.metrics.classifier import (
    SHIPPED,
    AugmentedBatches,
    find_classifier,
    load_classifier,
    move,
    save_classifier,
    train_classifier,
)

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def digits():
    return [data.load("digits", split=split) for split in ("train", "test")]


@pytest.fixture(scope="module")
def trained(digits, tmp_path_factory):
    """(path, what it says of itself)."""
    return train_classifier(*digits, tmp_path_factory.mktemp("made"), epochs=6, width=8)


def test_it_learns_and_says_how_well(trained, digits):
    path, about = trained
    classifier = load_classifier(path)
    features, probabilities = classifier.look(digits[1].images)
    right = (probabilities.argmax(axis=1) == digits[1].labels).mean()
    assert right == about["accuracy"] > 0.6
    assert features.shape == (359, classifier.dimensions) == (359, 32)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-5)
    assert {"dataset": "digits", "epochs": 6, "test_images": 359}.items() <= about.items()


def test_the_same_seed_makes_the_same_file(trained, digits, tmp_path):
    (again, _), (other, _) = (
        train_classifier(*digits, tmp_path / str(seed), epochs=1, width=4, seed=seed)
        for seed in (0, 1)
    )
    features = [load_classifier(path).look(digits[1].images[:5])[0] for path in (again, other)]
    assert again.name != other.name and not np.allclose(*features)
    assert again.name == f"digits-{load_classifier(again).sha256[:16]}.safetensors"


def test_a_changed_file_is_refused(trained, tmp_path):
    path, _ = trained
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    (tmp_path / path.name).write_bytes(content)
    with pytest.raises(RequestError, match="is corrupt or was changed"):
        load_classifier(tmp_path / path.name)
    with pytest.raises(RequestError, match="A classifier is a file DATASET-HASH"):
        load_classifier(tmp_path / "mine.safetensors")


def test_that_of_the_larger_dataset_serves_a_part_of_it(tmp_path):
    """It looks at the part well, and one of the part's own comes first."""
    test = data.load("fashion_mnist_10k", split="test")
    found = find_classifier(test, tmp_path)
    assert found.parent == SHIPPED and found.name.startswith("fashion_mnist-")
    classifier = load_classifier(found)
    assert classifier.dataset == "fashion_mnist" == test.part_of
    right = classifier.look(test.images[:500])[1].argmax(axis=1) == test.labels[:500]
    assert right.mean() > 0.9
    folder = tmp_path / "classifiers"
    folder.mkdir()
    about = {**classifier.about, "dataset": test.name}
    weights = [np.zeros(3, "float32")]
    own = save_classifier(folder, weights, about)
    assert find_classifier(test, tmp_path) == own
    with pytest.raises(RequestError, match="^No classifier for fashion_mnist_10k of 32x32x1"):
        find_classifier(data.load(test.name, image_size=32), tmp_path)


def test_the_one_of_the_data_is_found(trained, digits, tmp_path):
    path, _ = trained
    folder = tmp_path / "classifiers"
    folder.mkdir()
    (folder / path.name).write_bytes(path.read_bytes())
    for runs_dir in (tmp_path, tmp_path / "sweep"):
        assert find_classifier(digits[0], runs_dir) == folder / path.name
    larger = data.load("digits", image_size=16)
    with pytest.raises(RequestError, match="^No classifier for digits of 16x16x1"):
        find_classifier(larger, tmp_path)
    (folder / "digits-0000000000000000.safetensors").write_bytes(path.read_bytes())
    with pytest.raises(RequestError, match="Choose one of several classifiers"):
        find_classifier(digits[0], tmp_path)


def test_images_of_another_shape_are_refused(trained):
    with pytest.raises(RequestError, match=r"\(8, 8, 1\)\. Received: \(8, 8, 3\)"):
        load_classifier(trained[0]).look(np.zeros((2, 8, 8, 3), "uint8"))


@pytest.mark.parametrize(
    ("dataset", "words"),
    [("ring", "needs images with labels. Received: points"), ("flat", "Received: unlabeled")],
)
def test_data_without_labels_is_refused(dataset, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for split in ("train", "test"):
        folder = tmp_path / "flat" / split
        folder.mkdir(parents=True)
        for index in range(2):
            from PIL import Image

            Image.new("L", (8, 8), index).save(folder / f"{index}.png")
    refused(f"classifier {dataset}", words)


def test_moving_keeps_the_pixels():
    images = small_dataset(6, (5, 7, 3)).images
    still = move(images, 0, False, np.random.default_rng(0))
    np.testing.assert_array_equal(still, images)
    moved = move(images, 1, True, np.random.default_rng(0))
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    kinds = set()
    for image, window in zip(moved, padded, strict=True):
        found = [
            (down, right, flip)
            for down in range(3)
            for right in range(3)
            for flip in (1, -1)
            if np.array_equal(image, window[down : down + 5, right : right + 7][:, ::flip])
        ]
        assert len(found) == 1
        kinds.add(found[0])
    assert len(kinds) > 2 and {flip for *_, flip in kinds} == {1, -1}


def test_an_epoch_shows_every_image_once(monkeypatch):
    dataset = small_dataset(300)
    batches = AugmentedBatches(dataset, 0, False, seed=0)
    orders = []
    for _ in range(2):
        seen = [batches[index] for index in range(len(batches))]
        labels = np.concatenate([labels for _, labels in seen])
        orders.append(labels)
        np.testing.assert_array_equal(np.bincount(labels), np.bincount(dataset.labels))
        batches.on_epoch_end()
    assert not np.array_equal(*orders)


def test_shipped_files_are_what_their_names_say():
    for path in SHIPPED.glob("*.safetensors"):
        about = load_classifier(path).about
        least = {"mnist": 0.993, "fashion_mnist": 0.925, "cifar10": 0.85}[about["dataset"]]
        assert about["accuracy"] >= least, json.dumps(about)
