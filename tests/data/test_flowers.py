"""Flowers-102, from small files in the official layout."""

import io
import sys

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from tests.data.build import coordinates, encode, png, write_archive, write_folder
from zoo import data, files
from zoo.data import flowers
from zoo.errors import FailedError, RequestError

pytestmark = pytest.mark.once

# As in the official files: sets that are not sorted, labels from 1, image numbers from 1.
SETS = {"trnid": [6, 2], "valid": [4], "tstid": [5, 1, 3]}
LABELS = [77, 1, 102, 1, 60, 9]


def mat(**arrays) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, {name: np.array([values], np.uint16) for name, values in arrays.items()})
    return buffer.getvalue()


def take_for_official(home, monkeypatch):
    hashes = {name: files.sha256(home / name) for name in flowers.SHA256}
    monkeypatch.setattr(flowers, "SHA256", hashes)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder of three such files. Image i is 60 wide and 50 high, (x, y, i) at each pixel."""
    home = tmp_path / "flowers102"
    write_folder(home, {"imagelabels.mat": mat(labels=LABELS), "setid.mat": mat(**SETS)})
    pictures = {
        f"jpg/image_{i:05d}.jpg": encode(coordinates(60, 50, blue=i)) for i in (3, 1, 2, 6, 5, 4)
    }
    write_archive(home / "102flowers.tgz", pictures)
    take_for_official(home, monkeypatch)
    return home


def test_the_larger_set_is_train(tmp_path, home):
    train = data.load("flowers102", data_dir=tmp_path)
    assert train.images.shape == (3, 48, 48, 3) and train.images.dtype == np.uint8
    assert train.images[:, 20, 20, 2].tolist() == [1, 3, 5]
    assert train.labels.tolist() == [76, 101, 59] and train.labels.dtype == np.int32
    test = data.load("flowers102", split="test", data_dir=tmp_path)
    assert test.images[:, 20, 20, 2].tolist() == [2, 4, 6]
    assert test.labels.tolist() == [0, 0, 8]
    assert test.source == data.locate("flowers102", tmp_path) == str(home)
    assert test.mixture is None and not test.points


def test_the_class_names():
    names = data.DATASETS["flowers102"].class_names
    assert len(names) == len(set(names)) == 102 and all(names)
    # Label 1, 54 and so on of the official list, counted from 0.
    assert (names[0], names[53], names[72], names[101]) == (
        "pink primrose",
        "sunflower",
        "water lily",
        "blackberry lily",
    )
    assert names[59] == "pink-yellow dahlia"


def test_sizes(tmp_path, home):
    """The centre: columns 5 to 54 of 60. Any other size comes of it by the Lanczos filter."""
    centre = coordinates(60, 50, blue=1)[:, 5:55]
    at_50 = data.load("flowers102", data_dir=tmp_path, image_size=50)
    np.testing.assert_array_equal(at_50.images[0], centre)
    for size, option in ((48, None), (31, 31), (64, 64)):
        dataset = data.load("flowers102", data_dir=tmp_path, image_size=option)
        expected = Image.fromarray(centre).resize((size, size), Image.Resampling.LANCZOS)
        np.testing.assert_array_equal(dataset.images[0], np.asarray(expected))


def test_odd_and_gray_photographs_and_the_color_option(tmp_path, home, monkeypatch):
    pictures = {f"jpg/image_{i:05d}.jpg": png(10 * i, 49 + i, 61) for i in range(1, 7)}
    write_archive(home / "102flowers.tgz", pictures)
    take_for_official(home, monkeypatch)
    rgb = data.load("flowers102", data_dir=tmp_path)
    assert rgb.images[:, 0, 0].tolist() == [[10] * 3, [30] * 3, [50] * 3]
    gray = data.load("flowers102", data_dir=tmp_path, color="gray", image_size=7)
    assert gray.images.shape == (3, 7, 7, 1) and gray.images[:, 0, 0, 0].tolist() == [10, 30, 50]


@pytest.mark.parametrize("name", list(flowers.SHA256))
def test_each_file_is_held_to_its_hash(tmp_path, home, name):
    (home / name).write_bytes(b"something else")
    with pytest.raises(RequestError, match=f"{name} must have the sha256 .* Received: .*{name}"):
        data.load("flowers102", data_dir=tmp_path)
    (home / name).unlink()
    assert data.locate("flowers102", tmp_path) is None


def test_a_broken_archive(tmp_path, home, monkeypatch):
    whole = (home / "102flowers.tgz").read_bytes()
    (home / "102flowers.tgz").write_bytes(whole[: len(whole) // 2])
    take_for_official(home, monkeypatch)
    with pytest.raises(RequestError, match="readable to its end. Received: .*102flowers.tgz"):
        data.load("flowers102", data_dir=tmp_path)


def test_an_archive_that_lacks_an_image(tmp_path, home, monkeypatch):
    write_archive(home / "102flowers.tgz", {"jpg/image_00001.jpg": png()})
    take_for_official(home, monkeypatch)
    with pytest.raises(RequestError, match="every image .* without jpg/image_00003.jpg"):
        data.load("flowers102", data_dir=tmp_path)


def test_without_scipy(tmp_path, home, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(FailedError, match="scipy, which is not installed: pip install"):
        data.load("flowers102", data_dir=tmp_path)
