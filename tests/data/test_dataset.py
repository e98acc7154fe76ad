"""`load`, `locate` and the named datasets."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.data.build import png, write_archive, write_folder
from zoo import data, files
from zoo.data import cifar
from zoo.errors import FailedError, RequestError

pytestmark = pytest.mark.once

REPOSITORY = Path(__file__).parents[2]


def real_data(name: str) -> Path:
    """The folder of the real data when it has `name`; skips the test otherwise."""
    folder = Path(os.environ.get("ZOO_DATA_DIR") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir() or data.locate(name, folder) is None:
        pytest.skip(f"no {name} in ZOO_DATA_DIR or ../shared/data")
    return folder


# --- digits ----------------------------------------------------------------------------------


def test_digits_are_scaled_and_split():
    from sklearn.datasets import load_digits

    raw = load_digits()
    train, test = data.load("digits"), data.load("digits", split="test")
    assert train.images.shape == (1438, 8, 8, 1) and test.images.shape == (359, 8, 8, 1)
    assert train.images.dtype == np.uint8 and train.labels.dtype == np.int32
    assert train.class_names == tuple("0123456789")
    # round(v * 255 / 16) for v = 0 to 16; 8 gives 127.5, rounded to the even 128
    scale = [0, 16, 32, 48, 64, 80, 96, 112, 128, 143, 159, 175, 191, 207, 223, 239, 255]
    expected = np.take(scale, raw.images.astype(int))[..., np.newaxis]
    np.testing.assert_array_equal(test.images, expected[4::5])
    np.testing.assert_array_equal(test.labels, raw.target[4::5])
    np.testing.assert_array_equal(train.images[:5], expected[[0, 1, 2, 3, 5]])
    assert data.locate("digits") == train.source == "sklearn.datasets.load_digits"


def test_digits_without_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(FailedError, match="scikit-learn, which is not installed: pip install"):
        data.load("digits")
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert data.locate("digits") is None


# --- cifar10 ---------------------------------------------------------------------------------


def record(label: int, seed: int) -> tuple[bytes, np.ndarray]:
    """One record of the binary form, and its image (32, 32, 3)."""
    image = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    planes = b"".join(image[:, :, channel].tobytes() for channel in range(3))
    return bytes([label]) + planes, image


@pytest.fixture
def official(tmp_path, monkeypatch):
    """A small archive in the official layout, taken for the official one; yields its images."""
    records = {f"data_batch_{i}.bin": record(i, seed=i) for i in (5, 4, 3, 2, 1)}
    records["test_batch.bin"] = record(9, seed=9)
    members = {f"cifar-10-batches-bin/{name}": content for name, (content, _) in records.items()}
    path = write_archive(tmp_path / "cifar-10-binary.tar.gz", members)
    monkeypatch.setattr(cifar, "SHA256", files.sha256(path))
    return {name: image for name, (_, image) in records.items()}


def test_cifar_official_archive(tmp_path, official):
    train = data.load("cifar10", data_dir=tmp_path)
    assert train.images.shape == (5, 32, 32, 3) and train.images.dtype == np.uint8
    assert train.labels.tolist() == [1, 2, 3, 4, 5] and train.labels.dtype == np.int32
    assert train.class_names[3] == "cat" and train.num_classes == 10
    np.testing.assert_array_equal(train.images[1], official["data_batch_2.bin"])
    test = data.load("cifar10", split="test", data_dir=tmp_path)
    np.testing.assert_array_equal(test.images[0], official["test_batch.bin"])
    assert test.source == data.locate("cifar10", tmp_path) == str(tmp_path / cifar.OFFICIAL)


def test_cifar_pixel_worked_by_hand(tmp_path, monkeypatch):
    """Row 2, column 3: byte 2 * 32 + 3 = 67 of each plane of 1,024 bytes, after the label."""
    content = bytearray(cifar.RECORD)
    content[1 + 67], content[1 + 1024 + 67], content[1 + 2048 + 67] = 200, 100, 50
    path = write_archive(
        tmp_path / cifar.OFFICIAL, {"cifar-10-batches-bin/test_batch.bin": bytes(content)}
    )
    monkeypatch.setattr(cifar, "SHA256", files.sha256(path))
    image = data.load("cifar10", split="test", data_dir=tmp_path).images[0]
    assert image[2, 3].tolist() == [200, 100, 50]
    assert image.sum() == 350


def test_cifar_official_archive_is_held_to_its_hash(tmp_path):
    write_archive(tmp_path / cifar.OFFICIAL, {"cifar-10-batches-bin/test_batch.bin": b""})
    with pytest.raises(RequestError, match=f"must have the sha256 {cifar.SHA256}. Received: .*tar"):
        data.load("cifar10", data_dir=tmp_path)


@pytest.mark.parametrize("form", ["cifar10", "cifar10.zip", "cifar10.tar.xz"])
def test_cifar_class_folders(tmp_path, form):
    contents = {
        f"{split}/{name}/1.png": png((label, 0, 7), 32, 32)
        for split in ("train", "test")
        for label, name in enumerate(cifar.CLASSES)
    }
    (write_archive if "." in form else write_folder)(tmp_path / form, contents)
    dataset = data.load("cifar10", data_dir=tmp_path)
    assert dataset.labels.tolist() == list(range(10))
    assert dataset.images[:, 0, 0, 0].tolist() == list(range(10))
    assert dataset.source == data.locate("cifar10", tmp_path) == str(tmp_path / form)


@pytest.mark.parametrize(
    ("names", "size", "rule"),
    [
        (("cat", "dog"), 32, "class folders must be airplane.*Received: .* with cat, dog"),
        (cifar.CLASSES, 28, "must be 32x32. Received: .* with 28x28"),
    ],
)
def test_cifar_class_folders_that_are_something_else(tmp_path, names, size, rule):
    write_folder(tmp_path / "cifar10", {f"{name}/1.png": png(0, size, size) for name in names})
    with pytest.raises(RequestError, match=rule):
        data.load("cifar10", data_dir=tmp_path)


# --- load and locate -------------------------------------------------------------------------


def test_fingerprint_covers_shape_images_and_labels():
    images = np.arange(24, dtype=np.uint8).reshape(2, 3, 4, 1)
    labels = np.array([0, 1], np.int32)

    def fingerprint(images, labels):
        return data.Dataset("x", images, labels, (), "").fingerprint

    changed = images.copy()
    changed[1, 2, 3, 0] += 1
    prints = [
        fingerprint(images, labels),
        fingerprint(images, labels[::-1]),
        fingerprint(images, None),
        fingerprint(changed, labels),
        fingerprint(images.reshape(2, 4, 3, 1), labels),
    ]
    assert len(set(prints)) == 5 and all(len(text) == 64 for text in prints)
    assert fingerprint(images.copy(order="F"), labels.astype(">i4")) == prints[0]


def test_the_data_directory(tmp_path, monkeypatch):
    write_folder(tmp_path, {f"cifar10/{name}/1.png": png(0, 32, 32) for name in cifar.CLASSES})
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path))
    assert data.locate("cifar10") == str(tmp_path / "cifar10")
    (tmp_path / "empty").mkdir()
    assert data.locate("cifar10", tmp_path / "empty") is None  # the argument comes first
    monkeypatch.delenv("ZOO_DATA_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".keras" / "datasets").mkdir(parents=True)
    (tmp_path / "cifar10").rename(tmp_path / ".keras" / "datasets" / "cifar10")
    assert data.locate("cifar10") == str(tmp_path / ".keras" / "datasets" / "cifar10")


@pytest.mark.parametrize("call", [data.load, data.locate])
def test_a_given_data_directory_must_exist(tmp_path, call):
    missing = tmp_path / "missing"
    with pytest.raises(RequestError, match="data_dir must be an existing folder. Received: .*miss"):
        call("digits", data_dir=missing)
    missing.write_bytes(b"a file")
    with pytest.raises(RequestError, match="data_dir must be an existing folder"):
        call("digits", data_dir=missing)


@pytest.mark.parametrize("call", [data.load, data.locate])
def test_unknown_names_and_paths(call):
    with pytest.raises(RequestError) as caught:
        call("cifra10")
    assert str(caught.value) == (
        "dataset name (when it is not the path of a folder or archive) must be one of celeba, "
        "cifar10, digits, facades, fashion_mnist, fashion_mnist_10k, flowers102, gaussian, grid, "
        "mnist, ring, swiss_roll. Nearest: cifar10. Received: 'cifra10'"
    )
    with pytest.raises(RequestError, match="must be one of .* Received: ''"):
        call("")
    for path in ("./cifra10", "photos/", "photos.zip", "photos.TAR.GZ"):
        with pytest.raises(RequestError, match="must exist at the path. Received: ") as caught:
            call(path)
        assert repr(path) in str(caught.value)


def test_a_name_comes_before_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "digits", {"1.png": png()})
    assert len(data.load("digits").images) == 1438
    folder = data.load("./digits")
    assert len(folder.images) == 1 and folder.name == "digits"
    monkeypatch.chdir(tmp_path / "digits")
    assert data.load("../digits/.").name == "digits"


def test_importing_loads_neither_keras_nor_the_training_stack():
    script = (
        "import sys, zoo.data; "
        "print({'keras', 'sklearn', 'scipy', 'matplotlib', 'tensorflow'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


# --- Real data, where there is some ----------------------------------------------------------


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_real_idx_files(name):
    folder = real_data(name)
    for split, n in (("train", 60_000), ("test", 10_000)):
        dataset = data.load(name, split=split, data_dir=folder)
        assert dataset.images.shape == (n, 28, 28, 1)
        counts = np.bincount(dataset.labels, minlength=10)
        assert counts.min() > 0.08 * n and counts.max() < 0.12 * n


def test_real_flowers():
    folder = real_data("flowers102")
    train = data.load("flowers102", data_dir=folder)
    test = data.load("flowers102", split="test", data_dir=folder)
    assert train.images.shape == (6149, 48, 48, 3) and test.images.shape == (2040, 48, 48, 3)
    assert np.bincount(test.labels).tolist() == [20] * 102
    counts = np.bincount(train.labels)  # of all 8,189 images a class has 40 to 258
    assert len(counts) == 102 and counts.min() == 20 and counts.max() == 238


def test_real_celeba():
    test = data.load("celeba", split="test", data_dir=real_data("celeba"))
    assert test.images.shape == (19_962, 48, 48, 3) and test.labels is None


def test_real_cifar():
    dataset = data.load("cifar10", split="test", data_dir=real_data("cifar10"))
    assert dataset.images.shape == (10_000, 32, 32, 3)
    assert np.bincount(dataset.labels).tolist() == [1000] * 10
    # The mean of the test images over red, green and blue, known to be (126.0, 123.7, 114.9).
    mean = dataset.images.mean(axis=(0, 1, 2))
    np.testing.assert_allclose(mean, [126.0, 123.7, 114.9], atol=1)
