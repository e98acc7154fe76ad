"""`--stream`: the same images as in memory, decoded as they are asked for."""

from itertools import islice

import numpy as np
import pytest
from rich.console import Console

from tests.data.build import encode, write_archive, write_folder
from tests.helpers import small_hyperparameters
from zoo import data
from zoo.data.batches import Batches
from zoo.data.splits import hold_out
from zoo.data.streamed import AHEAD, StreamedImages, ahead
from zoo.errors import RequestError
from zoo.metrics.samples import parts
from zoo.training import loop, setup
from zoo.training.run import Run

pytestmark = pytest.mark.once
OPTIONS = {"image_size": 8, "color": "gray"}


def contents():
    """24 images of different sizes in each of two classes and two splits."""
    rng = np.random.default_rng(0)
    return {
        f"{split}/{kind}/{i:02}.png": encode(
            rng.integers(0, 256, (8 + i % 3, 9, 3), dtype=np.uint8)
        )
        for split in ("train", "test")
        for kind in ("cats", "dogs")
        for i in range(24)
    }


@pytest.fixture
def folder(tmp_path):
    return write_folder(tmp_path / "pets", contents())


@pytest.fixture
def both(folder):
    """The training split in memory, and streamed."""
    return [data.load(folder, stream=stream, **OPTIONS) for stream in (False, True)]


@pytest.mark.parametrize(
    "index",
    [5, -1, slice(3, 30, 4), np.array([40, 2, 2, 7]), slice(0, 0)],
    ids=["one", "last", "slice", "indices", "none"],
)
def test_an_index_decodes_what_the_array_holds(both, index):
    eager, streamed = both
    np.testing.assert_array_equal(streamed.images[index], eager.images[index])
    assert streamed.images[index].dtype == np.uint8


def test_what_is_known_without_decoding(both, monkeypatch):
    monkeypatch.setattr(StreamedImages, "_decode", None)
    eager, streamed = both
    assert streamed.images.shape == eager.images.shape == (48, 8, 8, 1)
    assert streamed.class_names == eager.class_names == ("cats", "dogs")
    np.testing.assert_array_equal(streamed.labels, eager.labels)
    assert len(streamed.images[np.arange(48) % 2 == 0]) == 24  # a mask decodes nothing


def test_a_validation_part_is_the_same(both):
    for eager, streamed in zip(*(hold_out(dataset, 0.25) for dataset in both), strict=True):
        assert isinstance(streamed.images, StreamedImages)
        np.testing.assert_array_equal(streamed.images[:], eager.images)


def test_scores_look_at_the_same_images(both):
    order = np.random.default_rng(0).permutation(48)[:20]
    eager, streamed = (list(parts(one.images, one.labels, order)) for one in both)
    for (images, labels), (others, theirs) in zip(eager, streamed, strict=True):
        np.testing.assert_array_equal(images, others)
        np.testing.assert_array_equal(labels, theirs)


def test_the_fingerprint_is_of_names_and_sizes(folder, both):
    first = both[1].fingerprint
    assert data.load(folder, stream=True, **OPTIONS).fingerprint == first
    assert data.load(folder, stream=True, image_size=9, color="gray").fingerprint != first
    assert hold_out(both[1], 0.5)[0].fingerprint != first
    one = folder / "train/cats/00.png"
    one.write_bytes(one.read_bytes() + b"\0")
    assert data.load(folder, stream=True, **OPTIONS).fingerprint != first


def test_a_training_has_the_same_weights(folder, tmp_path):
    hashes = []
    values = small_hyperparameters("gan", batch_size=8)
    settings = [f"{name}={value}" for name, value in values.items() if name != "steps"]
    for stream in (None, True):
        run, batches = setup.new_run(
            "gan",
            dataset=str(folder),
            stream=stream,
            settings=[s for s in settings if s.split("=")[0] in ("generator_hidden", "latent_dim")],
            steps=8,
            batch_size=8,
            runs_dir=tmp_path / "runs",
            backend="torch",
            **OPTIONS,
        )
        assert loop.train(run, batches, Console(quiet=True))
        hashes.append(run.manifest()["sha256"])
    assert hashes[0] == hashes[1]
    assert isinstance(Run.open(run.path).dataset("test").images, StreamedImages)


def test_batches_are_made_ahead_in_order(both):
    batches = [Batches(dataset, 8, (-1, 1), 0).from_step(3) for dataset in both]
    for eager, streamed in islice(zip(*batches, strict=True), 2 * AHEAD + 5):
        for array, other in zip(eager, streamed, strict=True):
            np.testing.assert_array_equal(array, other)


def test_an_error_ahead_comes_where_its_batch_would():
    def items():
        yield 1
        yield 2
        raise RequestError("broken")

    taken = ahead(items())
    assert [next(taken), next(taken)] == [1, 2]
    with pytest.raises(RequestError, match="broken"):
        next(taken)


def test_what_needs_all_images_at_once_is_refused(both):
    _, streamed = both
    needs = "needs all images in memory, and those of --stream are not. Received: .*pets"
    for work in (streamed.floats, lambda: streamed.binarized(0), lambda: streamed.images.mean()):
        with pytest.raises(RequestError, match=needs):
            work()


def test_an_image_that_is_gone_or_damaged_is_named(folder, both):
    (folder / "train/cats/03.png").unlink()
    (folder / "train/cats/04.png").write_bytes(b"no image")
    with pytest.raises(RequestError, match=r"must keep its images. Received: .*cats/03.png"):
        both[1].images[3]
    with pytest.raises(RequestError, match=r"must be readable. Received: .*cats/04.png"):
        both[1].images[np.array([4])]


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"color": "gray"}, "needs an image size and a colour.*size None, colour gray"),
        ({"image_size": 8}, "needs an image size and a colour.*size 8, colour None"),
        ({**OPTIONS, "task": "edges"}, "single images, no pairs. Received: task edges"),
        ({**OPTIONS, "split": "all"}, "joins two splits in memory"),
    ],
)
def test_options_that_do_not_go_together(folder, options, rule):
    with pytest.raises(RequestError, match=rule):
        data.load(folder, stream=True, **options)


def test_only_a_folder_is_streamed(tmp_path):
    archive = write_archive(tmp_path / "pets.zip", contents())
    for name in ("digits", archive):
        with pytest.raises(RequestError, match="stream is for a folder of images. Received"):
            data.load(name, stream=True, **OPTIONS)
