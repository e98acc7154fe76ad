"""CelebA, from small files in the official layout."""

import numpy as np
import pytest
from PIL import Image

from tests.data.build import coordinates, encode, png, write_archive, write_folder
from zoo import data, files
from zoo.data import celeba
from zoo.errors import FailedError, RequestError

pytestmark = pytest.mark.once

# Image i has (x, y, i) at each pixel; as PNGs, whatever their names say, so that nothing is lost.
FACES = {f"{i:06d}.jpg": encode(coordinates(178, 218, blue=i)) for i in range(1, 7)}
# The official file's lines end in blanks too.
PARTITION = "".join(f"{i:06d}.jpg {part} \n" for i, part in enumerate("020012", start=1)).encode()
CROP = coordinates(137, 181)[85:, 41:]  # columns 41 to 136, rows 85 to 180


def official(folder, monkeypatch, faces=FACES):
    """The two files in `folder`, taken for the official ones."""
    folder.mkdir(exist_ok=True)
    (folder / celeba.PARTITION).write_bytes(PARTITION)
    # The real archive has an entry for its folder, and is not sorted here.
    members = {"img_align_celeba/": b""}
    members |= {f"img_align_celeba/{name}": faces[name] for name in sorted(faces, reverse=True)}
    write_archive(folder / celeba.IMAGES, members)
    take_for_official(folder, monkeypatch)


def take_for_official(folder, monkeypatch):
    hashes = {name: files.sha256(folder / name) for name in celeba.SHA256}
    monkeypatch.setattr(celeba, "SHA256", hashes)


def test_split_crop_and_labels(tmp_path, monkeypatch):
    official(tmp_path, monkeypatch)
    train = data.load("celeba", data_dir=tmp_path, image_size=96)
    assert train.images[:, 0, 0].tolist() == [[41, 85, 1], [41, 85, 3], [41, 85, 4]]
    assert train.images[:, 95, 95].tolist() == [[136, 180, 1], [136, 180, 3], [136, 180, 4]]
    np.testing.assert_array_equal(train.images[0, :, :, :2], CROP[..., :2])
    assert train.labels is None and train.class_names == () and train.num_classes == 0
    test = data.load("celeba", split="test", data_dir=tmp_path, image_size=96)
    assert test.images[:, 0, 0, 2].tolist() == [2, 6]  # 5 is for validation
    assert test.source == data.locate("celeba", tmp_path) == str(tmp_path / celeba.IMAGES)


def test_sizes_and_colors(tmp_path, monkeypatch):
    official(tmp_path, monkeypatch)
    for size, option in ((48, None), (48, 48), (33, 33), (128, 128)):
        images = data.load("celeba", data_dir=tmp_path, image_size=option).images
        assert images.shape == (3, size, size, 3) and images.dtype == np.uint8
        expected = Image.fromarray(CROP).resize((size, size), Image.Resampling.LANCZOS)
        np.testing.assert_array_equal(images[0, :, :, :2], np.asarray(expected)[..., :2])
    assert data.load("celeba", data_dir=tmp_path, color="gray").images.shape == (3, 48, 48, 1)


@pytest.mark.parametrize("home", ["", "celeba"])
def test_the_unpacked_folder(tmp_path, monkeypatch, home):
    official(tmp_path / home, monkeypatch)
    packed = data.load("celeba", data_dir=tmp_path)
    (tmp_path / home / celeba.IMAGES).unlink()
    assert data.locate("celeba", tmp_path) is None
    write_folder(tmp_path / home / celeba.FACES, FACES)
    plain = data.load("celeba", data_dir=tmp_path)
    assert plain.fingerprint == packed.fingerprint
    assert plain.source == data.locate("celeba", tmp_path) == str(tmp_path / home / celeba.FACES)


@pytest.mark.parametrize("missing", [celeba.IMAGES, celeba.PARTITION])
def test_a_missing_file_says_what_to_put_where(tmp_path, monkeypatch, missing):
    official(tmp_path, monkeypatch)
    (tmp_path / missing).unlink()
    assert data.locate("celeba", tmp_path) is None
    with pytest.raises(FailedError) as caught:
        data.load("celeba", data_dir=tmp_path)
    assert str(caught.value) == (
        f"celeba lacks {missing} in {tmp_path}/celeba: put img_align_celeba.zip, or its unpacked "
        "folder img_align_celeba/, and list_eval_partition.txt there by hand, both offered at "
        "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
    )


@pytest.mark.parametrize("name", list(celeba.SHA256))
def test_each_file_is_held_to_its_hash(tmp_path, monkeypatch, name):
    official(tmp_path, monkeypatch)
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(RequestError, match=f"{name} must have the sha256 .* Received: .*{name}"):
        data.load("celeba", data_dir=tmp_path)


def test_a_broken_archive(tmp_path, monkeypatch):
    official(tmp_path, monkeypatch)
    whole = (tmp_path / celeba.IMAGES).read_bytes()
    (tmp_path / celeba.IMAGES).write_bytes(whole[: len(whole) // 2])
    take_for_official(tmp_path, monkeypatch)
    with pytest.raises(RequestError, match="readable to its end. Received: .*img_align_celeba.zip"):
        data.load("celeba", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"000003.jpg": None}, "every image that it lists. Received: .* without 000003.jpg"),
        ({"000003.jpg": b"garbage"}, "must be readable. Received: 000003.jpg in .*not one of"),
        ({"000003.jpg": png(0, 218, 178)}, "readable. .*000003.jpg in .*218x178, .* has 178x218"),
    ],
)
def test_a_folder_that_is_something_else(tmp_path, monkeypatch, changes, rule):
    official(tmp_path, monkeypatch)
    (tmp_path / celeba.IMAGES).unlink()
    faces = {name: content for name, content in (FACES | changes).items() if content is not None}
    write_folder(tmp_path / celeba.FACES, faces)
    with pytest.raises(RequestError, match=rule):
        data.load("celeba", data_dir=tmp_path)
