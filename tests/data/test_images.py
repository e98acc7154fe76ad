"""Folders and archives of images: layouts, colors, sizes, and what is refused."""

import io
import os
import random
import stat
import tarfile
import warnings
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.data.build import encode, png, write_archive, write_folder, write_member
from zoo import data
from zoo.data import archive as archives
from zoo.data import images as decoding
from zoo.errors import RequestError

pytestmark = pytest.mark.once

PETS = {
    "dog/2.png": png((4, 5, 6)),
    "cat/b.png": png((1, 1, 1)),
    "cat/a.png": png((0, 0, 0)),
    "dog/1.png": png((255, 0, 9)),
}
SPLITS = {f"train/{name}": content for name, content in PETS.items()} | {
    "test/dog/9.png": png((7, 7, 7))
}


# --- Layouts ---------------------------------------------------------------------------------


def test_class_folders_come_sorted(tmp_path):
    dataset = data.load(write_folder(tmp_path / "pets", PETS))
    assert dataset.name == "pets"
    assert dataset.class_names == ("cat", "dog") and dataset.num_classes == 2
    assert dataset.labels.tolist() == [0, 0, 1, 1] and dataset.labels.dtype == np.int32
    assert dataset.images.shape == (4, 4, 4, 3) and dataset.images.dtype == np.uint8
    assert dataset.images[:, 0, 0].tolist() == [[0, 0, 0], [1, 1, 1], [255, 0, 9], [4, 5, 6]]
    assert dataset.source == data.locate(tmp_path / "pets") == str(tmp_path / "pets")


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz"])
@pytest.mark.parametrize("prefix", ["", "./", "wrapped/", "./wrapped/"])
@pytest.mark.parametrize("contents", [PETS, SPLITS], ids=["classes", "splits"])
def test_archives_equal_the_folder(tmp_path, suffix, prefix, contents):
    extra = {"__MACOSX/cat/._a.png": b"", ".hidden/x.png": b"", "cat/.b.png": b"", "LICENSE": b""}
    members = {prefix + name: content for name, content in contents.items()}
    members |= {prefix + name: content for name, content in extra.items()}
    path = write_archive(tmp_path / f"pets{suffix}", members)
    before = sorted(os.listdir(tmp_path))
    packed = data.load(path)
    plain = data.load(write_folder(tmp_path / "folder" / "pets", contents))
    assert packed.fingerprint == plain.fingerprint
    assert (packed.name, packed.class_names) == (plain.name, plain.class_names)
    assert sorted(os.listdir(tmp_path)) == sorted([*before, "folder"])  # nothing extracted


def test_splits_share_their_class_names(tmp_path):
    path = write_archive(tmp_path / "pets.zip", SPLITS)
    test = data.load(path, split="test")
    assert test.class_names == data.load(path).class_names == ("cat", "dog")
    assert test.labels.tolist() == [1]  # a dog, though the test split has no cat
    assert test.images[0, 0, 0].tolist() == [7, 7, 7]


def test_validation_folder_is_not_read(tmp_path):
    pairs = {f"pairs/{split}/1.png": png(i) for i, split in enumerate(("train", "val", "test"))}
    path = write_archive(tmp_path / "pairs.tar", pairs)
    assert data.load(path).images[:, 0, 0, 0].tolist() == [0]
    assert data.load(path, split="test").images[:, 0, 0, 0].tolist() == [2]


def test_flat_images_are_unlabeled(tmp_path):
    dataset = data.load(write_folder(tmp_path / "flat", {"b.png": png(2), "a.png": png(1)}))
    assert dataset.labels is None and dataset.class_names == () and dataset.num_classes == 0
    assert dataset.images[:, 0, 0, 0].tolist() == [1, 2]


def test_a_class_may_be_called_train(tmp_path):
    folder = write_folder(tmp_path / "v", {f"{c}/1.png": png() for c in ("train", "car", "bus")})
    assert data.load(folder).class_names == ("bus", "car", "train")


def test_suffixes_and_first_frames(tmp_path):
    frames = [Image.new("L", (4, 4), value) for value in (10, 200)]
    image = frames[0]
    kinds = {"bmp": "BMP", "tif": "TIFF", "tiff": "TIFF", "pgm": "PPM", "JPG": "JPEG", "PNG": "PNG"}
    contents = {f"{suffix}.{suffix}": encode(image, kind) for suffix, kind in kinds.items()}
    contents["webp.webp"] = encode(image, "WEBP", lossless=True)
    contents["gif.gif"] = encode(image, "GIF", save_all=True, append_images=frames[1:])
    contents["notes.txt"] = b"not an image"
    dataset = data.load(write_folder(tmp_path / "all", contents))
    assert len(dataset.images) == 8 and (dataset.images == 10).all()


def test_links_inside_a_folder_are_followed_and_loops_end(tmp_path):
    write_folder(tmp_path / "elsewhere", {"1.png": png(3)})
    folder = write_folder(tmp_path / "pets", {"dog/1.png": png(4)})
    (folder / "cat").symlink_to(tmp_path / "elsewhere")
    assert data.load(folder).class_names == ("cat", "dog")
    (folder / "loop").symlink_to(folder)
    with pytest.raises(RequestError, match=r"reached only once. Received: .*/loop, a link to"):
        data.load(folder)


# --- Colors and sizes ------------------------------------------------------------------------


def pixel(tmp_path, content: bytes, color=None) -> list[int]:
    folder = write_folder(tmp_path / "one", {"1.png": content})
    return data.load(folder, color=color).images[0, 0, 0].tolist()


def test_gray_is_kept_only_when_all_images_are_gray(tmp_path):
    grays = {"a.png": png(1), "c.png": png(3)}
    folder = write_folder(tmp_path / "mixed", grays)
    assert data.load(folder).image_shape == (4, 4, 1)
    for name in ("b.png", "d.png"):  # a coloured image between the gray ones, then also after
        write_folder(folder, {name: png((9, 8, 7))})
        dataset = data.load(folder)
        assert dataset.image_shape == (4, 4, 3)
        assert dataset.images[:3, 0, 0].tolist() == [[1, 1, 1], [9, 8, 7], [3, 3, 3]]


@pytest.mark.parametrize(
    ("rgb", "gray"),
    [
        # ITU-R 601: 0.299 R + 0.587 G + 0.114 B
        ((255, 0, 0), 76),
        ((0, 255, 0), 150),
        ((0, 0, 255), 29),
        ((10, 20, 30), 18),
        ((255, 255, 255), 255),
    ],
)
def test_conversion_between_gray_and_rgb(tmp_path, rgb, gray):
    assert pixel(tmp_path, png(rgb), "gray") == [gray]
    assert pixel(tmp_path, png(rgb), "rgb") == list(rgb)
    assert pixel(tmp_path, png(gray), "rgb") == [gray] * 3


def test_modes_worked_by_hand(tmp_path):
    one_bit = encode(Image.new("1", (4, 4), 1))
    assert pixel(tmp_path, one_bit) == [255]
    for sixteen, eight in ((0, 0), (128, 0), (129, 1), (257 * 100, 100), (65535, 255)):
        assert pixel(tmp_path, encode(np.full((4, 4), sixteen, np.uint16))) == [eight]
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, 11, 22, 33])
    assert pixel(tmp_path, encode(palette)) == [11, 22, 33]
    assert pixel(tmp_path, encode(palette, transparency=1)) == [255, 255, 255]
    # alpha 51/255 = 0.2 of black on white: 0.8 * 255 = 204
    assert pixel(tmp_path, encode(Image.new("RGBA", (4, 4), (0, 0, 0, 51)))) == [204] * 3
    assert pixel(tmp_path, encode(Image.new("LA", (4, 4), (0, 51)))) == [204] * 3
    assert pixel(tmp_path, encode(Image.new("LA", (4, 4), (0, 51))), "gray") == [204]
    assert pixel(tmp_path, encode(Image.new("CMYK", (4, 4), (0, 0, 0, 0)), "TIFF")) == [255] * 3


def test_photographs_are_turned_upright(tmp_path):
    image = Image.new("L", (4, 2))
    image.putpixel((0, 0), 200)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn a quarter clockwise to view
    folder = write_folder(tmp_path / "one", {"1.png": encode(image, exif=exif)})
    dataset = data.load(folder)
    assert dataset.image_shape == (4, 2, 1) and dataset.images[0, 0, 1, 0] == 200


def test_same_size_stays_bit_for_bit(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    folder = write_folder(tmp_path / "one", {"1.png": encode(noise)})
    np.testing.assert_array_equal(data.load(folder, image_size=8).images[0], noise)
    same = data.load("digits", image_size=8)
    assert same.fingerprint == data.load("digits").fingerprint


def test_resize_crops_the_centre_first(tmp_path):
    wide = np.zeros((4, 10), np.uint8)
    wide[:, 3:7] = np.arange(16).reshape(4, 4)
    tall = wide.T
    folder = write_folder(tmp_path / "two", {"1.png": encode(wide), "2.png": encode(tall)})
    dataset = data.load(folder, image_size=4)
    np.testing.assert_array_equal(dataset.images[0, ..., 0], np.arange(16).reshape(4, 4))
    np.testing.assert_array_equal(dataset.images[1, ..., 0], np.arange(16).reshape(4, 4).T)
    smaller = data.load(folder, image_size=2).images[0, ..., 0]
    expected = Image.fromarray(wide[:, 3:7]).resize((2, 2), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(smaller, np.asarray(expected))


def test_named_and_unnamed_convert_alike(tmp_path):
    digits = data.load("digits", split="test")
    contents = {f"{i:03}.png": encode(image[..., 0]) for i, image in enumerate(digits.images[:9])}
    folder = write_folder(tmp_path / "digits", contents)
    for options in ({"color": "rgb"}, {"image_size": 12}, {"image_size": 5, "color": "rgb"}):
        named = data.load("digits", split="test", **options).images[:9]
        np.testing.assert_array_equal(named, data.load(folder, **options).images)


# --- Refused ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contents", "options", "rule", "received"),
    [
        ({"notes.txt": b"x"}, {}, "must hold images (.png", "which holds none"),
        ({"a/1.png": b"garbage"}, {}, "must be readable", "a/1.png in"),
        ({"a/1.png": png()[:-25]}, {}, "must be readable", "a/1.png in"),
        ({"a/1.png": b""}, {}, "must be readable", "a/1.png in"),
        ({"a/1.png": b"%!PS-Adobe-3.0 EPSF-3.0\n"}, {}, "must be readable", "not one of PNG"),
        (
            {"1.png": png(), "2.png": png(width=6, height=5)},
            {},
            "must share one size unless --image-size is given",
            "1.png with 4x4 and 2.png with 6x5",
        ),
        ({"1.png": png(), "cat/2.png": png()}, {}, "loose or all in class", "1.png and cat/2.png"),
        (
            {"1.png": png(), "train/2.png": png(), "test/3.png": png()},
            {},
            "loose or all in class",
            "1.png and test/3.png",
        ),
        (
            {"train/1.png": png(), "test/cat/2.png": png()},
            {},
            "loose or all in class",
            "train/1.png and test/cat/2.png",
        ),
        (
            {"a/b/1.png": png(), "c/2.png": png()},
            {},
            "class folders one level deep",
            "a/b/1.png",
        ),
        (
            PETS,
            {"split": "test"},
            "The test split of a dataset must be a folder test/",
            "without one",
        ),
        (
            {"train/1.png": png()},
            {"split": "test"},
            "The test split of a dataset must be a folder",
            "without",
        ),
        (
            {"test/1.png": png()},
            {},
            "The train split of a dataset must be a folder train/",
            "without one",
        ),
        (PETS, {"split": "valid"}, "split must be 'train', 'test' or 'all'", "'valid'"),
        (PETS, {"image_size": 0}, "image_size must be an integer from 1 to 8000", "0"),
        (PETS, {"image_size": 8001}, "image_size must be an integer", "8001"),
        (PETS, {"image_size": 2.5}, "image_size must be an integer", "2.5"),
        (PETS, {"image_size": True}, "image_size must be an integer", "True"),
        (PETS, {"color": "sepia"}, "color must be 'gray' or 'rgb'", "'sepia'"),
        ({"1.tif": encode(np.zeros((4, 4), np.float32), "TIFF")}, {}, "readable", "8 or 16 bits"),
        ({"1.tif": encode(np.full((4, 4), -1, np.int32), "TIFF")}, {}, "readable", "8 or 16 bits"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".zip", ".tar.gz"])
def test_bad_input(tmp_path, contents, options, rule, received, suffix):
    write = write_archive if suffix else write_folder
    path = write(tmp_path / f"set{suffix}", contents)
    with pytest.raises(RequestError) as caught:
        data.load(path, **options)
    before, after = str(caught.value).split("Received: ")
    assert rule in before and received in after and "\n" not in str(caught.value)


def test_an_empty_folder(tmp_path):
    with pytest.raises(RequestError, match="must hold images .* Received: .*, which holds none"):
        data.load(tmp_path)


@pytest.mark.parametrize("name", ["set.rar", "set.png", "set.npz", "set.tar.bz2", "set"])
def test_unsupported_suffix(tmp_path, name):
    (tmp_path / name).write_bytes(png())
    with pytest.raises(RequestError, match=f"a folder or one of .zip, .tar, .* Received: .*{name}"):
        data.load(tmp_path / name)


@pytest.mark.parametrize("name", ["../outside.png", "cat/../../x.png", "/etc/x.png", "C:\\x.png"])
@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_members_outside_the_archive(tmp_path, name, suffix):
    path = write_archive(tmp_path / f"set{suffix}", {"cat/1.png": png(), name: png()})
    with pytest.raises(RequestError) as caught:
        data.load(path)
    assert "must lie inside the archive. Received: " in str(caught.value)
    assert repr(name) in str(caught.value)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE]
)
def test_links_and_special_files_in_a_tar(tmp_path, kind):
    path = write_member(tmp_path / "set.tar", "cat/odd.png", kind)
    with pytest.raises(RequestError, match="not links or special files. Received: 'cat/odd.png'"):
        data.load(path)
    assert os.listdir(tmp_path) == ["set.tar"]


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO])
def test_links_and_special_files_in_a_zip(tmp_path, kind):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        member = zipfile.ZipInfo("cat/odd.png")
        member.external_attr = (kind | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(RequestError, match="not links or special files. Received: 'cat/odd.png'"):
        data.load(tmp_path / "set.zip")


def test_special_files_in_a_folder(tmp_path):
    folder = write_folder(tmp_path / "set", {"1.png": png()})
    os.mkfifo(folder / "2.png")  # would block whoever opens it
    with pytest.raises(RequestError, match="must be a regular file. Received: .*2.png"):
        data.load(folder)
    (folder / "2.png").unlink()
    (folder / "2.png").symlink_to("nowhere.png")
    with pytest.raises(RequestError, match="must be a regular file. Received: .*2.png"):
        data.load(folder)


@pytest.mark.parametrize("suffix", [".zip", ".tar"])
def test_members_of_one_name(tmp_path, suffix):
    path = write_archive(tmp_path / f"set{suffix}", {"cat/1.png": png(), "./cat/1.png": png(9)})
    with pytest.raises(RequestError, match="must differ in name. Received: cat/1.png in .* twice"):
        data.load(path)


def test_encrypted_zip(tmp_path):
    path = write_archive(tmp_path / "set.zip", {"cat/1.png": png()})
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag in the local header
    content[content.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    path.write_bytes(content)
    with pytest.raises(RequestError, match="not be encrypted. Received: .*set.zip with cat/1.png"):
        data.load(path)


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz"])
def test_damaged_archives_are_named(tmp_path, suffix):
    noise = random.Random(0).randbytes(3000)  # so that no compression leaves it short
    contents = PETS | {"noise.bin": noise, "dog/3.png": png((1, 2, 3))}
    path = write_archive(tmp_path / f"set{suffix}", contents)
    whole = path.read_bytes()
    lengths = [0, 1, 100, 512, len(whole) // 2, len(whole) - 10]
    if suffix == ".tar":
        # Ends between two members, and amid a header: tarfile alone would see a shorter archive.
        lengths = [0, 1, 100, 512, 1024, 2048, 2100, len(whole) // 2]
    for length in lengths:
        path.write_bytes(whole[:length])
        with pytest.raises(RequestError, match="readable to its end. Received: .*set") as caught:
            data.load(path)
        assert "\n" not in str(caught.value)
    if suffix == ".tar":
        path.write_bytes(whole[:2048] + b"\xff" * 10 + whole[2058:])  # a broken header
        with pytest.raises(RequestError, match="corrupt or truncated"):
            data.load(path)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


@settings(derandomize=True, deadline=None, max_examples=150)
@given(data_=st.data(), suffix=st.sampled_from([".zip", ".tar", ".tar.gz", ".tar.xz"]))
def test_damage_raises_request_errors_only(scratch, data_, suffix):
    path = write_archive(scratch / f"set{suffix}", PETS)
    damaged = bytearray(path.read_bytes())
    for _ in range(data_.draw(st.integers(1, 4))):
        damaged[data_.draw(st.integers(0, len(damaged) - 1))] = data_.draw(st.integers(0, 255))
    path.write_bytes(damaged)
    try:
        data.load(path)
    except RequestError as error:
        assert "Received: " in str(error) and "\n" not in str(error)


def test_bombs_are_refused_by_their_headers(tmp_path):
    """PNGs of 100 bytes that claim to be over our limit, and over Pillow's two limits."""
    small = bytearray(png())
    for width, height in ((8001, 8000), (10000, 10000), (30000, 30000)):
        small[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        small[29:33] = zlib.crc32(small[12:29]).to_bytes(4, "big")
        folder = write_folder(tmp_path / "bomb", {"1.png": bytes(small)})
        with warnings.catch_warnings(record=True) as leaked:
            warnings.simplefilter("always")
            with pytest.raises(RequestError, match="not exceed 64 megapixels. Received: 1.png in"):
                data.load(folder)
        assert leaked == []


@pytest.mark.parametrize("suffix", ["", ".zip", ".tar"])
def test_large_files_are_refused_before_reading(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 2 << 20)
    write = write_archive if suffix else write_folder
    path = write(tmp_path / f"set{suffix}", {"cat/1.png": bytes(3 << 20)})
    with pytest.raises(RequestError, match="must not exceed 2 MiB. Received: .*cat/1.png.* 3 MiB"):
        data.load(path)


def test_a_zip_member_never_expands_past_its_size(tmp_path):
    """The directory claims 100 bytes for a member that holds 64 MiB."""
    path = write_archive(tmp_path / "set.zip", {"cat/1.png": bytes(64 << 20)})
    claimed = path.read_bytes().replace((64 << 20).to_bytes(4, "little"), b"\x64\0\0\0")
    path.write_bytes(claimed)
    with pytest.raises(RequestError, match="readable to its end"):
        data.load(path)


def test_more_images_than_memory(monkeypatch):
    def full(*args):
        raise MemoryError

    monkeypatch.setattr(decoding.np, "empty", full)
    with pytest.raises(RequestError, match="fit in memory.*Received: 1438 images of 9x9"):
        data.load("digits", image_size=9)


def test_order_of_reading_and_order_of_images(tmp_path):
    """Reading goes through an archive in its own order, however the names sort."""
    contents = {f"{i % 3}/{9 - i}.png": png(i) for i in range(10)}
    path = write_archive(tmp_path / "set.tar.xz", contents)
    with archives.open_images(path) as files:
        assert ["/".join(parts) for parts in files] == list(contents)
    order = sorted(contents, key=lambda name: name.split("/"))
    values = [np.asarray(Image.open(io.BytesIO(contents[name])))[0, 0] for name in order]
    assert data.load(path).images[:, 0, 0, 0].tolist() == values
