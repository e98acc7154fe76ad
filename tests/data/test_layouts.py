"""Names of folders: splits and sides in any spelling, and what is asked about."""

import numpy as np
import pytest

from tests.data.build import encode, png, write_archive, write_folder
from zoo import data
from zoo.data import layouts
from zoo.errors import RequestError

pytestmark = pytest.mark.once


def greys(images):
    return images[:, 0, 0, 0].tolist()


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Train", "Test"),
        ("TRAINING", "testing"),
        ("train", "valid"),
        ("training", "Validation"),
        ("trainval", "test"),
        ("train", "val"),
    ],
)
@pytest.mark.parametrize("layout", ["", "cat/"])
def test_names_of_splits(tmp_path, train, test, layout):
    contents = {f"{train}/{layout}1.png": png(1), f"{test}/{layout}1.png": png(2)}
    path = write_folder(tmp_path / "set", contents)
    assert greys(data.load(path).images) == [1]
    assert greys(data.load(path, split="test").images) == [2]
    assert data.load(path).class_names == (("cat",) if layout else ())


def test_what_is_not_read_is_said(tmp_path):
    contents = {f"{name}/{i}.png": png(i) for i, name in enumerate(("train", "Valid", "test"))}
    contents |= {"extra/8.png": png(8), "extra/9.png": png(9)}
    for write, name in ((write_folder, "set"), (write_archive, "set.zip")):
        test = data.load(write(tmp_path / name, contents), split="test")
        assert greys(test.images) == [2]
        assert test.notes == ("Valid/ is not read (images: 1)", "extra/ is not read (images: 2)")


def test_two_names_of_one_split(tmp_path):
    path = write_folder(tmp_path, {"train/1.png": png(), "training/2.png": png()})
    for options in ({}, {"task": "pairs"}):
        with pytest.raises(RequestError, match="same part of a dataset; .*: train/ and training/"):
            data.load(path, **options)


@pytest.mark.parametrize(
    "names",
    [
        ("input", "target"),
        ("Input", "Output"),
        ("A", "B"),
        ("trainA", "trainB"),
        ("train/input", "train/target"),
        ("set/source", "set/targets"),
        ("train_a", "train_b"),
        ("input/train", "target/train"),
    ],
)
def test_names_of_sides(tmp_path, names):
    """As classes they are refused, and as pairs they are not cut in halves."""
    contents = {f"{name}/x.png": png(i, 8, 4) for i, name in enumerate(names)}
    path = write_folder(tmp_path / "pairs", contents)
    pairs = data.load(path, task="pairs")
    assert greys(pairs.inputs) == [0] and greys(pairs.images) == [1]
    assert pairs.image_shape == (4, 8, 1)
    with pytest.raises(RequestError, match="look like the two sides of pairs: .* --task pairs"):
        data.load(path)


def test_sides_among_other_classes_are_classes(tmp_path):
    path = write_folder(tmp_path, {f"{letter}/1.png": png() for letter in "ABC"})
    assert data.load(path).class_names == ("A", "B", "C")


def test_two_folders_of_the_same_names_are_asked_about(tmp_path):
    both = {"photo/1.png": png(1, 8), "photo/2.png": png(2, 8), "sketch/1.png": png(3, 8)}
    path = write_folder(tmp_path / "set", both)
    assert data.load(path, task="pairs").images.shape == (3, 4, 4, 1)  # one name is not there twice
    write_folder(path, {"sketch/2.png": png(4, 8)})
    with pytest.raises(RequestError, match="photo/ and sketch/ .*: call them A/ and B/"):
        data.load(path, task="pairs")


def test_place():
    assert layouts.place("trainA") == ("train", "A")
    assert layouts.place("Val-Target") == ("val", "B")
    assert layouts.place("testing") == ("test", "")
    assert layouts.place("inputs") == ("", "A")
    assert layouts.place("") == layouts.place("trainer") == layouts.place("bee") == ("", "")


def test_every_suffix_is_read_and_the_others_are_counted(tmp_path):
    image = np.full((4, 4, 3), 100, np.uint8)
    kinds = {"jfif": "JPEG", "jpe": "JPEG", "avif": "AVIF", "dib": "DIB", "pbm": "PPM",
             "pnm": "PPM", "apng": "PNG", "jp2": "JPEG2000"}  # fmt: skip
    contents = {f"{suffix}.{suffix}": encode(image, kind) for suffix, kind in kinds.items()}
    others = {"a.heic": b"", "b.HEIC": b"", "c.txt": b"", "LICENSE": b"", ".hidden": b"",
              "d.\x1b[31m": b""}  # fmt: skip
    for write, name in ((write_folder, "set"), (write_archive, "set.tar")):
        dataset = data.load(write(tmp_path / name, contents | others))
        assert len(dataset.images) == len(kinds) and np.abs(dataset.images - 100.0).max() <= 2
        (note,) = dataset.notes
        assert note.startswith("Files left out, as their names are not")
        assert note.endswith(": 5 (2 .heic, 1 without a suffix, 1 .txt, 1 others)")
    pairs = data.load(tmp_path / "set", task="colorize")
    assert pairs.notes == dataset.notes
    assert data.load("digits").notes == ()


def test_floats_for_a_model():
    images = np.array([0, 51, 255], np.uint8).reshape(3, 1, 1, 1)
    dataset = data.Dataset("ends", images, None, (), "")
    floats = dataset.floats(-1, 1)
    assert floats.dtype == np.float32 and floats.shape == (3, 1, 1, 1)
    np.testing.assert_allclose(floats.ravel(), [-1, -0.6, 1], rtol=1e-6)
    np.testing.assert_allclose(dataset.floats().ravel(), [0, 0.2, 1], rtol=1e-6)
    points = data.load("ring", split="test")
    assert points.floats(-1, 1) is points.images


def test_train_prints_the_notes(tmp_path, monkeypatch):
    from tests.test_cli import genzoo, small_settings

    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (12, 8, 8), dtype=np.uint8)
    contents = {f"train/{i}.png": encode(image) for i, image in enumerate(noise)}
    contents |= {"test/1.png": png(1, 8, 8), "[red]/1.png": png(2, 8, 8), "train/x.heic": b""}
    write_folder(tmp_path / "set", contents)
    code, _, err = genzoo("train", "gan", "--dataset=./set", "--steps=1", "--batch-size=4",
                          "--name=noted", *small_settings("gan"))  # fmt: skip
    assert code == 0, err
    assert "[red]/ is not read (images: 1)" in err and ": 1 (1 .heic)" in err
