"""Pairs: side by side, in two folders, or made of single images."""

import numpy as np
import pytest

from tests.data.build import encode, png, write_archive, write_folder
from tests.data.test_dataset import real_data
from zoo import data
from zoo.data.tasks import GREY, TASKS, derive
from zoo.errors import FailedError, RequestError

pytestmark = pytest.mark.once


def beside(left, right, side=4):
    """A PNG of two grey squares."""
    return encode(np.repeat(np.uint8([[left] * side + [right] * side]), side, axis=0))


def load(path, **options):
    return data.load(path, task="pairs", **options)


def greys(images):
    return images[:, 0, 0, 0].tolist()


AB = {
    "home/train/b.png": beside(3, 4),
    "home/train/a.png": beside(1, 2),
    "home/val/c.png": beside(7, 8),
    "home/test/a.png": beside(5, 6),
}
FOLDERS = {
    "A/train/b.jpg.png": png(3),
    "A/train/a.png": png(1),
    "B/train/a.bmp.png": png(2),
    "A/test/t.png": png(5),
    "B/test/t.png": png(6),
}


@pytest.mark.parametrize("kind", ["folder", "pairs.zip", "pairs.tar.gz"])
def test_side_by_side(tmp_path, kind):
    write = write_folder if kind == "folder" else write_archive
    path = write(tmp_path / kind, AB)
    train = load(path)
    assert greys(train.inputs) == [1, 3] and greys(train.images) == [2, 4]
    assert train.inputs.shape == train.images.shape == (2, 4, 4, 1)
    assert train.labels is None and train.class_names == () and train.image_shape == (4, 4, 1)
    assert greys(load(path, split="test").inputs) == [5]
    turned = load(path, direction="BtoA")
    assert greys(turned.inputs) == [2, 4] and greys(turned.images) == [1, 3]
    assert turned.fingerprint != train.fingerprint
    assert load(path, image_size=8).inputs.shape == (2, 8, 8, 1)


def test_val_is_the_test_where_there_is_no_other(tmp_path):
    path = write_folder(tmp_path, {"train/a.png": beside(1, 2), "val/a.png": beside(3, 4)})
    assert greys(load(path, split="test").inputs) == [3]


@pytest.mark.parametrize(
    "names",
    [
        ("A/x.png", "B/x.png"),
        ("train/A/x.png", "train/B/x.png"),
        ("A/train/x.png", "B/train/x.png"),
        ("trainA/x.png", "trainB/x.jpg"),
        ("set/trainA/deep/x.png", "set/trainB/deep/x.png"),
    ],
    ids=str,
)
def test_two_folders(tmp_path, names):
    more = {name.replace("x.", "a."): png(value) for name, value in zip(names, (3, 4), strict=True)}
    path = write_folder(tmp_path, {names[0]: png(1), names[1]: png(2), **more})
    pairs = load(path)
    assert greys(pairs.inputs) == [3, 1] and greys(pairs.images) == [4, 2]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (
            {"A/x.png": png(), "A/y.png": png(), "B/x.png": png()},
            "are 2 and 1. Received: A/y.png in .* which has none",
        ),
        ({"A/x.png": png(), "B/y.png": png()}, "pair in B, of the same name.* Received: A/x.png"),
        ({"A/x.png": png(), "B/x.png": png(width=5)}, "A/x.png with 4x4 and B/x.png with 5x4"),
        ({"trainA/x.png": png()}, "A/ and B/ .* without train/B"),
        ({"train/B/x.png": png()}, "without train/A"),
        ({"A/x.png": png(), "B/x.png": png(), "y.png": png()}, "not both. Received: y.png"),
        ({"x.png": png(width=7)}, "Received: x.png in .* .7x4, where two images side by side"),
        ({"x.png": b"text"}, "must be readable. Received: x.png in"),
        (
            {"A/x.png": png(), "A/x.bmp": png(), "B/x.png": png()},
            "suffix. R.*: A/x.bmp and A/x",
        ),
        ({"test/x.png": png()}, "The train split of pairs must be a folder train/"),
        ({"a.png": beside(1, 2), "b.png": beside(1, 2, 6)}, "share one size .* b.png with 6x6"),
    ],
    ids=range(11),
)
def test_what_are_no_pairs(tmp_path, contents, message):
    with pytest.raises(RequestError, match=message) as caught:
        load(write_folder(tmp_path, contents))
    assert "Received: " in str(caught.value) and "\n" not in str(caught.value)


def test_sizes_of_a_pair_are_compared_before_they_are_changed(tmp_path):
    path = write_folder(tmp_path, {"A/x.png": png(), "B/x.png": png(width=8, height=8)})
    with pytest.raises(RequestError, match="one size. Received: A/x.png with 4x4 and B/x.png with"):
        load(path, image_size=4)


def test_options_of_pairs(tmp_path):
    path = write_folder(tmp_path / "pairs", AB)
    for options, message in (
        ({"task": "paint"}, "task must be one of .*. Received: 'paint'"),
        ({"task": "pairs", "direction": "AtoC"}, "'AtoB' or 'BtoA'. Received: 'AtoC'"),
        ({"direction": "AtoB"}, "direction goes with a task"),
    ):
        with pytest.raises(RequestError, match=message):
            data.load(path, **options)
    with pytest.raises(RequestError, match="digits holds single images; a task .* Received: pairs"):
        data.load("digits", task="pairs")
    with pytest.raises(RequestError, match="colour images. Received: grey"):
        data.load("digits", task="colorize")
    with pytest.raises(RequestError, match="and ring holds points"):
        data.load("ring", task="denoise")
    with pytest.raises(FailedError, match=r"facades is not in .*facades.tar.gz, .* by hand; "):
        load("facades", data_dir=tmp_path)


def test_real_facades():
    folder = real_data("facades")
    options = {"data_dir": folder, "split": "test", "image_size": 32}
    pairs = load("facades", **options)
    photographs = data.load("facades", **options)
    np.testing.assert_array_equal(photographs.images, pairs.inputs)
    edges = data.load("facades", task="edges", **options)
    np.testing.assert_array_equal(edges.images, pairs.inputs)
    assert pairs.inputs.shape == pairs.images.shape == (106, 32, 32, 3)
    assert pairs.images[..., 2].mean() > 160 > pairs.inputs[..., 2].mean()  # labels are bluer


# ---- tasks


def test_every_task_is_repeatable_and_keeps_the_sides():
    images = np.random.default_rng(0).integers(0, 256, (3, 12, 16, 3), dtype=np.uint8)
    before = images.copy()
    for task in TASKS:
        made = derive(images, task)
        channels = 1 if task in ("colorize", "edges") else 3
        assert made.shape == (3, 12, 16, channels) and made.dtype == np.uint8
        np.testing.assert_array_equal(made, derive(images, task))
        np.testing.assert_array_equal(made[:1], derive(images[:1], task))
    np.testing.assert_array_equal(images, before)


def test_colorize_takes_the_luma():
    colours = np.uint8([[[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]]])
    assert derive(colours, "colorize")[0, 0, :, 0].tolist() == [76, 150, 29, 255]


def test_edges_are_where_a_square_ends():
    image = np.zeros((1, 16, 16, 1), np.uint8)
    image[:, 4:12, 4:12] = 255
    found = derive(image, "edges")[0, :, :, 0]
    assert set(np.unique(found)) == {0, 255}
    assert not found[7:9, 7:9].any() and not found[:2].any()
    assert found[7, 3:5].any() and found[7, 11:13].any() and found[3:5, 7].any()


def test_inpaint_leaves_three_quarters():
    images = np.full((5, 8, 12, 1), 7, np.uint8)
    made = derive(images, "inpaint")
    assert ((made == GREY).sum(axis=(1, 2, 3)) == 4 * 6).all()
    assert len({tuple(np.argwhere(one == GREY)[0]) for one in made}) > 1  # not all in one place


def test_superres_keeps_what_a_quarter_of_the_sides_holds():
    blocks = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 1), dtype=np.uint8)
    made = derive(np.full((1, 16, 16, 1), 9, np.uint8), "superres")
    np.testing.assert_array_equal(made, 9)
    ramp = np.tile(np.arange(0, 160, 10, dtype=np.uint8)[None, None, :, None], (1, 16, 1, 1))
    made = derive(ramp, "superres")[0, 8, :, 0].astype(int)
    np.testing.assert_allclose(made[5:11], ramp[0, 8, 5:11, 0], atol=1)
    image = blocks.repeat(4, axis=1).repeat(4, axis=2)
    assert np.abs(derive(image, "superres").astype(int) - image).max() > 5  # it is blurred


def test_denoise_has_the_noise_it_says():
    noise = derive(np.full((4, 64, 64, 1), 128, np.uint8), "denoise").astype(float) - 128
    np.testing.assert_allclose([noise.mean(), noise.std()], [0, 25], atol=0.6)
