"""What each picture shows and where, of a model whose images are known functions of its codes."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.stats import norm

from zoo.data import Dataset
from zoo.errors import RequestError
from zoo.pictures import figures, grids
from zoo.views import codes, draws, kinds, plots
from zoo.views.view import View

pytestmark = pytest.mark.once

SIDE = grids.SHORT_SIDE  # tiles of this side are shown as they are
STEP = SIDE + grids.GAP


class FakeModel:
    """The code of an image: a number for its left half and one for its right, 0 for 100 grey.

    A code's image has 100 + 25 z in each half; a conditional model adds the label to both.
    """

    image_shape = (SIDE, SIDE, 1)
    latent_dim = 2
    translates = False
    draws_in_steps = True
    has_encoder = True
    error = 0  # grey levels, added to what is drawn

    def __init__(self, conditional=False):
        self.conditional = conditional
        self.encoder_labels = {"label": {}} if conditional else {}
        self.inputs_spec = {"z": {"shape": [2], "prior": "normal"}}
        self.num_classes = 3 if conditional else 0
        self.decoder = SimpleNamespace(get_weights=lambda: [np.repeat(np.eye(2), 3, axis=1)])

    def encode(self, images, labels=None):
        assert (labels is not None) == self.conditional
        levels = images[:, 0, [0, -1], 0].astype(float)
        if labels is not None:
            levels -= labels[:, None]
        return (levels - 100) / 25

    def generate(self, inputs):
        levels = 100 + 25 * inputs["z"] + self.error
        if self.conditional:
            levels = levels + inputs["label"][:, None]
        return halves(levels) / 255

    def sample_inputs(self, count, labels=None, seed=None):
        z = np.arange(2 * count, dtype="float32").reshape(count, 2) / 25
        return {"z": z, "label": labels} if self.conditional and labels is not None else {"z": z}

    def canvases(self, inputs):
        """Step t shows 10 t + the image's number."""
        numbers = np.arange(len(inputs["z"]))
        steps = [halves(np.stack([numbers + 10 * t] * 2, 1)) / 255 for t in range(5)]
        return np.stack(steps, axis=1)


def halves(levels):
    """(n, SIDE, SIDE, 1) of the grey levels (n, 2) of the left and right halves."""
    return np.asarray(levels)[:, None, :, None].repeat(SIDE // 2, axis=2).repeat(SIDE, axis=1)


def dataset(levels, labels=None, classes=0):
    images = halves(np.uint8(levels))
    labels = None if labels is None else np.int32(labels)
    return Dataset("fake", images, labels, tuple("abcdefgh"[:classes]), "")


def view(test, train=None, model=None):
    class FakeView(View):
        def dataset(self, split="test"):
            return train if split == "train" else test

    config = {"hyperparameters": {"linear": True}, "dataset": {"image_shape": [SIDE, SIDE, 1]}}
    fake = FakeView(SimpleNamespace(path=Path("runs/fake"), config=config))
    vars(fake)["model"] = FakeModel() if model is None else model
    return fake


def levels(picture, rows, columns, margin=False):
    """The grey levels (rows, columns, 2) of the tiles, after checking that each is even."""
    pixels = np.asarray(picture).astype(int)
    left = pixels.shape[1] - (columns * STEP - grids.GAP)
    assert pixels.shape[0] == rows * STEP - grids.GAP and (left > 0 if margin else left == 0)
    found = np.empty((rows, columns, 2), int)
    for row, column, half in np.ndindex(found.shape):
        x = left + column * STEP + half * SIDE // 2
        part = pixels[row * STEP : row * STEP + SIDE, x : x + SIDE // 2]
        assert part.min() == part.max()
        found[row, column, half] = part.min()
    return found


RAMP = [(i, 2 * i) for i in range(100)]


def test_reconstructions_lie_below_their_images():
    model = FakeModel()
    model.error = 5
    found = levels(codes.reconstructions(view(dataset(RAMP), model=model)), 8, 10)
    upper = np.reshape(RAMP[:40], (4, 10, 2))
    np.testing.assert_array_equal(found[0::2], upper)
    np.testing.assert_array_equal(found[1::2], upper + 5)


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 2, 1), (9, 2, 9), (13, 2, 10)])
def test_reconstructions_of_few_images(count, rows, columns):
    found = levels(codes.reconstructions(view(dataset(RAMP[:count]))), rows, columns)
    np.testing.assert_array_equal(found[0], RAMP[:columns])
    np.testing.assert_array_equal(found[1], RAMP[:columns])


def test_reconstructions_of_a_model_with_labels():
    test = dataset(RAMP, np.arange(100) % 3, 3)
    found = levels(codes.reconstructions(view(test, model=FakeModel(conditional=True))), 8, 10)
    np.testing.assert_array_equal(found[0::2], found[1::2])


def test_neighbours_lie_below_what_is_generated():
    """Image i of the model has 100 + 2 i and 101 + 2 i; the training images are nearest by tens."""
    train = dataset([(value, value) for value in range(0, 256, 10)])
    found = levels(draws.neighbours(view(None, train)), 8, 10)
    generated = 100 + np.arange(80).reshape(4, 10, 2)
    np.testing.assert_array_equal(found[0::2], generated)
    middle = generated.mean(axis=-1, keepdims=True)
    np.testing.assert_array_equal(found[1::2], np.rint(middle / 10).repeat(2, axis=-1) * 10)


def test_interpolation_leads_from_image_to_image():
    ends = np.array([((0, 210), (7 * (i + 1), 0)) for i in range(8)])
    found = levels(plots.interpolation(view(dataset(ends.reshape(-1, 2)))), 8, 10)
    np.testing.assert_array_equal(found[:, 0], ends[:, 0])
    np.testing.assert_array_equal(found[:, 9], ends[:, 1])
    # Eight codes from one to the other, both included: steps of a seventh.
    shares = np.arange(8)[None, :, None] / 7
    expected = ends[:, :1] + shares * (ends[:, 1:] - ends[:, :1])
    np.testing.assert_array_equal(found[:, 1:9], expected)


@pytest.mark.parametrize(("count", "rows"), [(2, 1), (3, 1), (7, 3), (100, 8)])
def test_interpolation_of_few_images(count, rows):
    found = levels(plots.interpolation(view(dataset(RAMP[:count]))), rows, 10)
    np.testing.assert_array_equal(found[:, 0], RAMP[: 2 * rows : 2])
    np.testing.assert_array_equal(found[:, 9], RAMP[1 : 2 * rows : 2])


def test_interpolation_within_a_class():
    """Classes of 4, 1, 0 and 3 images: two rows of the first, one of the last, none of others."""
    labels = [0, 3, 1, 0, 3, 0, 3, 0]
    test = dataset([(10 * i, 10 * i + 7 * label) for i, label in enumerate(labels)], labels, 4)
    found = levels(plots.interpolation(view(test, model=FakeModel(conditional=True))), 3, 10)
    shown = [(0, 3), (1, 4), (5, 7)]
    for row, (first, last) in zip(found, shown, strict=True):
        first, last = (test.images[i, 0, [0, -1], 0].astype(int) for i in (first, last))
        expected = np.rint(first + np.arange(8)[:, None] / 7 * (last - first))
        np.testing.assert_array_equal(row, [first, *expected, last])


def test_arithmetic_takes_one_mean_off_and_adds_another():
    """Three classes, of which the middle one has no test image."""
    values = {0: [(10, 20), (30, 20)], 2: [(100, 110), (120, 130)]}
    test = dataset(values[0] + values[2], [0, 0, 2, 2], 3)
    found = levels(plots.arithmetic(view(test)), 2, 3, margin=True)
    means = np.array([(20, 20), (110, 120)])
    for row, label in enumerate((0, 2)):
        own = np.array(values[label][0])
        np.testing.assert_array_equal(found[row], [own, *(own - means[row] + means)])


def test_the_manifold_goes_right_and_up():
    found = levels(draws.manifold(view(None)), 20, 20)
    line = np.rint(100 + 25 * norm.ppf((np.arange(20) + 0.5) / 20))
    np.testing.assert_array_equal(found[..., 0], np.tile(line, (20, 1)))
    np.testing.assert_array_equal(found[..., 1], np.tile(line[::-1, None], (1, 20)))


def test_the_canvas_after_each_step():
    found = levels(draws.canvas(view(None)), 8, 5)
    expected = 10 * np.arange(5) + np.arange(8)[:, None]
    np.testing.assert_array_equal(found, expected[..., None].repeat(2, axis=-1))


def test_principal_components():
    """Images of two halves have two components: PCA and a code of two give back the image."""
    train = dataset(np.random.default_rng(0).integers(0, 256, (50, 2)))
    model = FakeModel()
    model.decoder.get_weights = lambda: [halves(np.eye(2)).reshape(2, -1)]
    for count, columns in ((30, 10), (4, 4)):
        picture = codes.pca(view(dataset(RAMP[:count]), train, model))
        found = levels(picture, 3, columns, margin=True)
        np.testing.assert_array_equal(found[0], RAMP[:columns])
        np.testing.assert_allclose(found[1], RAMP[:columns], atol=1)
        np.testing.assert_allclose(found[2], RAMP[:columns], atol=1)
    with pytest.raises(RequestError, match="as many training images .*, 2. Received: runs/fake"):
        codes.pca(view(dataset(RAMP), dataset(RAMP[:1]), model))


def test_manifold_grid_in_equal_steps():
    model = FakeModel()
    found = levels(draws.manifold_grid(view(None, model=model)), 20, 20)
    line = np.rint(100 + 25 * np.linspace(-3, 3, 20))
    np.testing.assert_array_equal(found[..., 0], np.tile(line, (20, 1)))
    np.testing.assert_array_equal(found[..., 1], np.tile(line[::-1, None], (1, 20)))


@pytest.mark.parametrize(
    ("kind", "test", "model", "needs"),
    [
        ("interpolation", dataset(RAMP[:1]), FakeModel(), "two test images."),
        (
            "interpolation",
            dataset(RAMP[:3], [0, 1, 2], 3),
            FakeModel(conditional=True),
            "two test images of one class.",
        ),
        ("arithmetic", dataset(RAMP[:3]), FakeModel(), "a dataset with classes."),
        ("arithmetic", dataset(RAMP[:3], [1, 1, 1], 3), FakeModel(), "test images of two classes."),
        (
            "arithmetic",
            dataset(RAMP[:3], [0, 1, 2], 3),
            FakeModel(conditional=True),
            "a model that was not told the classes.",
        ),
        ("manifold", None, FakeModel(conditional=True), "an unconditional model"),
        ("manifold-grid", None, FakeModel(conditional=True), "an unconditional model"),
    ],
)
def test_what_a_picture_needs(kind, test, model, needs):
    with pytest.raises(RequestError, match=f"This picture needs {needs}.*Received: runs/fake"):
        plots.OF_IMAGES[kind](view(test, model=model))


def test_every_kind_is_drawn_by_a_function():
    assert {*plots.OF_IMAGES, "history", "theory-surface"} == set(kinds.RUN_PLOTS)
    assert set(plots.OF_SEVERAL) == set(kinds.SEVERAL_PLOTS)


@pytest.mark.parametrize(
    "kind", sorted({*plots.OF_IMAGES, *plots.OF_SEVERAL} - {*plots.OF_POINTS_TOO})
)
def test_no_picture_of_points(kind):
    run = SimpleNamespace(path="runs/points", config={"dataset": {"image_shape": [2]}})
    with pytest.raises(RequestError, match="on images, not on points. Received: runs/points"):
        plots.picture(kind, [run])


def test_history_of_a_run(tmp_path):
    rows = [{"epoch": epoch, "step": 7, "loss": 3.0 - epoch} for epoch in (1, 2)]
    run = SimpleNamespace(path="runs/fake", history=lambda: rows)
    picture = np.asarray(plots.picture("history", [run]))
    np.testing.assert_array_equal(picture, np.asarray(figures.history(rows)))
    assert plots.write("history", [run], tmp_path / "a.png") == tmp_path / "a.png"
    with pytest.raises(RequestError, match="has ended an epoch"):
        plots.picture("history", [SimpleNamespace(path="runs/fake", history=list)])


def test_what_is_not_written(tmp_path, monkeypatch):
    run = SimpleNamespace(path="runs/fake", history=lambda: [{"epoch": 1, "loss": 1.0}])
    (tmp_path / "folder.png").mkdir()
    for kind, given, out, message in (
        ("historie", [run], "a.png", "plot must be one of .* Nearest: history"),
        ("history", [run], "a.jpg", "must be a .png file. Received: .*a.jpg"),
        ("history", [run], "folder.png", "must be a .png file. Received: .*folder.png"),
        ("history", [], "a.png", "history is a picture of a run"),
        ("theory-ring", [run], "a.png", "takes no run"),
        ("history", [run] * 2, "a.png", "history is a picture of one run. Received: 2 of them"),
    ):
        with pytest.raises(RequestError, match=message):
            plots.write(kind, given, tmp_path / out)
    (tmp_path / "old.png").write_bytes(b"old")

    def fails(*args, **options):
        raise OSError("full")

    monkeypatch.setattr("PIL.Image.Image.save", fails)
    with pytest.raises(OSError, match="full"):
        plots.write("theory-xy-game", [], tmp_path / "old.png")
    assert (tmp_path / "old.png").read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.png", "old.png"]


def test_the_names_come_without_keras():
    script = "import sys, zoo.views.kinds; print({'keras', 'numpy', 'PIL'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=Path(__file__).parents[2], capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "set()"
