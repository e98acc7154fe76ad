"""The part of Fashion-MNIST that comes with the package."""

import gzip
import hashlib
import re

import numpy as np
import pytest

from benchmarks import embed_fashion_mnist
from tests.data.test_dataset import real_data
from zoo import DEFAULT_DATASET, data
from zoo.data import fashion_10k
from zoo.errors import FailedError

pytestmark = pytest.mark.once


def test_its_splits():
    train, test = data.load(), data.load("fashion_mnist_10k", split="test")
    assert train.name == DEFAULT_DATASET == test.name
    assert train.images.shape == (9_000, 28, 28, 1) and test.images.shape == (1_000, 28, 28, 1)
    assert train.images.dtype == np.uint8 and train.labels.dtype == np.int32
    assert np.bincount(train.labels).tolist() == [900] * 10
    assert np.bincount(test.labels).tolist() == [100] * 10
    assert train.class_names == data.DATASETS["fashion_mnist"].class_names
    assert data.locate("fashion_mnist_10k") == train.source == "zoo.data.fashion_mnist_10k"
    everything = np.concatenate([train.images, test.images])
    assert len({image.tobytes() for image in everything}) == 10_000  # no image in both splits


def test_its_images_show_what_their_labels_say():
    """Facts that can be seen: a trouser is narrow, a bag is wide, shoes leave the top empty."""
    train = data.load("fashion_mnist_10k")
    filled = [(train.images[train.labels == k] > 50).mean(axis=0)[..., 0] for k in range(10)]
    trouser, sandal, sneaker, bag = (filled[label] for label in (1, 5, 7, 8))
    assert trouser[14, :6].max() < 0.1 and bag[14, 5:23].min() > 0.8
    assert sneaker[:5].max() < 0.1 and sandal[:3].max() < 0.25
    assert sneaker[17, 5:22].min() > 0.7


def test_it_is_a_part_of_the_real_training_split():
    """The images, their labels and their order, as the script makes them of the whole split."""
    whole = data.load("fashion_mnist", data_dir=real_data("fashion_mnist"))
    chosen = embed_fashion_mnist.choose(whole.images, whole.labels)
    parts = [data.load("fashion_mnist_10k", split=split) for split in ("train", "test")]
    images = np.concatenate([part.images for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    np.testing.assert_array_equal(images[..., 0], chosen)
    # Unpacked: another zlib may pack the same bytes otherwise.
    made = gzip.decompress(embed_fashion_mnist.pack(chosen))
    assert made == gzip.decompress(fashion_10k.PATH.read_bytes())
    known = dict(zip((image.tobytes() for image in whole.images), whole.labels, strict=True))
    assert [known[image.tobytes()] for image in images] == labels.tolist()
    # Whichever way the split is ordered, the same images are chosen.
    order = np.random.default_rng(0).permutation(len(whole.images))
    again = embed_fashion_mnist.choose(whole.images[order], whole.labels[order])
    np.testing.assert_array_equal(again, chosen)


def test_the_first_image_of_each_class():
    """That with the smallest sha256; a class's 900 smallest of 6,000 begin with about 00 to 26."""
    train = data.load("fashion_mnist_10k")
    hashes = [hashlib.sha256(image.tobytes()).hexdigest() for image in train.images]
    assert [text[:16] for text in hashes[:3]] == [
        "0066ef690d0b83a0",
        "0012bb12dee3e202",
        "002173b650cf359d",
    ]
    for label in range(10):
        of_class = hashes[label::10]
        assert of_class == sorted(of_class) and "23" < of_class[-1] < "2a"  # 0x26 is 0.9 / 6 of 256


@pytest.mark.parametrize("damage", ["missing", "changed"])
def test_a_damaged_file(tmp_path, monkeypatch, damage):
    path = tmp_path / "images-idx3-ubyte.gz"
    if damage == "changed":
        content = bytearray(fashion_10k.PATH.read_bytes())
        content[1_000_000] ^= 1
        path.write_bytes(content)
    monkeypatch.setattr(fashion_10k, "PATH", path)
    words = f"missing or damaged; install genzoo again. Received: {re.escape(str(path))}$"
    with pytest.raises(FailedError, match=words):
        data.load("fashion_mnist_10k")


def test_its_licence_lies_beside_it():
    text = (fashion_10k.PATH.parent / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith("The MIT License (MIT) Copyright \u00a9 2017 Zalando SE")
    assert "above copyright notice and this permission notice shall be included" in text
