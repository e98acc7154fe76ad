"""Pictures of what a model without an encoder draws from chosen noise."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.views.test_plots import FakeModel, dataset, halves, levels, view
from zoo.errors import RequestError
from zoo.pictures import learned
from zoo.views import codes, draws, plots
from zoo.views.view import with_z

pytestmark = pytest.mark.once


class Drawer(FakeModel):
    """Draws alone: an image has 100 + 25 z in each half, or what `function` makes of its inputs."""

    has_encoder = False

    def __init__(self, spec=None, function=None, **options):
        super().__init__(**options)
        self.inputs_spec = {**self.inputs_spec, **(spec or {})}
        self.function = function

    def sample_inputs(self, count, labels=None, seed=None):
        """z of image i is (i, -i) / 10; a label or a code is 0."""
        numbers = np.arange(count, dtype="float32")[:, None]
        inputs = {"z": numbers * [0.1, -0.1]}
        for name, spec in self.inputs_spec.items():
            if name != "z":
                inputs[name] = np.zeros((count, *spec["shape"]), spec["dtype"])
        return {**inputs, "label": labels} if self.conditional else inputs

    def generate(self, inputs):
        if self.function is None:
            return super().generate(inputs)
        return halves(self.function(inputs)) / 255


# ---- between drawings


def test_spherical_steps():
    """A quarter of a circle in thirds of 30 degrees; a straight line where there is no arc."""
    root = np.sqrt(3) / 2
    first, last = np.array([[2.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 2.0], [3.0, 0.0]])
    found = draws.spherical(first, last, 4)
    np.testing.assert_allclose(found[0], [[2, 0], [2 * root, 1], [1, 2 * root], [0, 2]], atol=1e-9)
    np.testing.assert_allclose(found[1], [[1, 0], [5 / 3, 0], [7 / 3, 0], [3, 0]], atol=1e-9)


def test_spherical_steps_keep_the_shape_and_the_length():
    first, last = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    last *= np.linalg.norm(first, axis=(1, 2), keepdims=True) / np.linalg.norm(
        last, axis=(1, 2), keepdims=True
    )
    found = draws.spherical(first, last, 7)
    assert found.shape == (3, 7, 4, 5)
    lengths = np.linalg.norm(found, axis=(2, 3))
    np.testing.assert_allclose(lengths, lengths[:, :1].repeat(7, axis=1))
    middle = codes.linear(first, last, 3)[:, 1]
    assert (np.linalg.norm(middle, axis=(1, 2)) < 0.95 * lengths[:, 0]).all()


def test_interpolation_between_drawings():
    model = Drawer()
    model.sample_inputs = lambda *given, **options: {"z": np.array([(2, 0), (0, 2)] * 4, "float32")}
    found = levels(plots.interpolation(view(None, model=model)), 8, 10, margin=True)
    shares = np.linspace(0, 1, 10)
    straight = 100 + 50 * np.stack([1 - shares, shares], axis=1)
    angles = shares * np.pi / 2
    arc = 100 + 50 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for row in range(8):
        np.testing.assert_array_equal(found[row], np.rint(arc if row % 2 else straight))


def test_interpolation_of_drawings_of_a_class():
    """The classes in turn, 0, 1, 2 and 0, whose number is added to each level."""
    model = Drawer(conditional=True)
    found = levels(plots.interpolation(view(None, model=model)), 8, 10, margin=True)
    ends = 100 + 2.5 * np.arange(8)[:, None] * [1, -1]
    classes = np.array([0, 1, 2, 0])[:, None]
    for row in (0, 1):  # z of the first is 0: its arc is the line
        np.testing.assert_array_equal(found[row::2, 0], np.rint(ends[0::2] + classes))
        np.testing.assert_array_equal(found[row::2, 9], np.rint(ends[1::2] + classes))


def test_what_else_a_drawing_is_made_of_stays():
    inputs = {"z": np.zeros((2, 3)), "code": np.array([[5], [6]])}
    found = with_z(inputs, np.arange(12).reshape(2, 2, 3))
    np.testing.assert_array_equal(found["z"], np.arange(12).reshape(4, 3))
    np.testing.assert_array_equal(found["code"], [[5], [5], [6], [6]])


def test_arithmetic_of_drawings(monkeypatch):
    """The classifier sees the drawings 0 to 9 as 0, 10 to 29 as 2 and 30 to 49 as 1."""
    monkeypatch.setattr(draws, "CLASSIFIED", 50)
    fake = view(dataset([(0, 0)] * 3, [0, 1, 2], 3), model=Drawer())
    seen = np.array([0] * 10 + [2] * 20 + [1] * 20)
    vars(fake)["classify"] = lambda images: seen
    found = levels(plots.arithmetic(fake), 2, 3, margin=True)
    # Class 0 has too few. The mean z of class 1 is (3.95, -3.95), of class 2 (1.95, -1.95).
    assert found[..., 0].tolist() == [[175, 175, 125], [125, 175, 125]]
    assert found[..., 1].tolist() == [[25, 25, 75], [75, 25, 75]]


def test_what_arithmetic_of_drawings_needs(monkeypatch):
    monkeypatch.setattr(draws, "CLASSIFIED", 50)
    test = dataset([(0, 0)] * 3, [0, 1, 2], 3)
    fake = view(test, model=Drawer())
    vars(fake)["classify"] = lambda images: np.zeros(50, int)
    with pytest.raises(RequestError, match="20 of 50 drawings in each of two classes. Rec"):
        plots.arithmetic(fake)
    with pytest.raises(RequestError, match="No classifier for fake of 56x56x1"):
        plots.arithmetic(view(test, model=Drawer()))
    with pytest.raises(RequestError, match="not told the classes"):
        plots.arithmetic(view(test, model=Drawer(conditional=True)))


# ---- one code at a time


def test_directions_of_z_by_their_effect():
    """z moves the halves by 3 (z1 + z2) and by (z1 - z2): the sum first, then the difference."""
    model = Drawer(function=lambda i: 100 + i["z"] @ np.array([[3.0, 1.0], [3.0, -1.0]]))
    bases = model.sample_inputs(4)
    found = draws.directions(view(None, model=model), bases, 2)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(np.abs(found), [[half, half], [half, half]], atol=1e-6)
    assert found[0] @ [1, 1] == pytest.approx(np.sqrt(2)) and abs(found[1] @ [1, 1]) < 1e-6


def test_traversal_of_z():
    """The left half follows 40 z1, the right 10 z2: so z1 leads."""
    model = Drawer(function=lambda i: 100 + i["z"] * [20, 10])
    found = levels(draws.traversal(view(None, model=model)), 2, 10, margin=True)
    line = np.linspace(-3, 3, 10)
    np.testing.assert_array_equal(found[0], np.stack([np.rint(100 + 20 * line), [100] * 10], 1))
    np.testing.assert_array_equal(found[1], np.stack([[100] * 10, np.rint(100 + 10 * line)], 1))


def test_traversal_of_the_codes_of_infogan():
    spec = {
        "category": {"shape": [], "dtype": "int32", "prior": "category", "classes": 4},
        "code": {"shape": [2], "dtype": "float32", "prior": "uniform"},
    }

    def function(inputs):
        left = 50 + 30 * inputs["category"] + 10 * inputs["code"][:, 0] + inputs["z"][:, 0]
        return np.stack([left, 50 + 5 * inputs["code"][:, 1]], axis=1)

    model = Drawer(spec, function)
    picture = draws.traversal(view(None, model=model))
    found = levels(picture, 9, 10, margin=True)
    for row in range(3):  # of a category, in three drawings: z is 0, 0.1 and 0.2
        assert found[row].tolist() == [[50 + 30 * c, 50] for c in range(4)] + [[255, 255]] * 6
    line = np.linspace(-2, 2, 10)
    for row in (3, 4):
        np.testing.assert_array_equal(found[row, :, 0], np.rint(50 + 10 * line + 0.1 * (row - 3)))
        np.testing.assert_array_equal(found[row, :, 1], [50] * 10)
    for row in (5, 6):
        np.testing.assert_array_equal(found[row, :, 0], [50] * 10)
        np.testing.assert_array_equal(found[row, :, 1], np.rint(50 + 5 * line))
    np.testing.assert_array_equal(found[7, :, 0], np.rint(50 + np.linspace(-3, 3, 10)))


def test_no_traversal_of_units_that_are_on_or_off():
    model = Drawer()
    model.inputs_spec = {"z": {"shape": [2], "prior": "uniform"}}
    with pytest.raises(RequestError, match="codes or with normal noise z. Received: runs/fake"):
        draws.traversal(view(None, model=model))


# ---- codes as points


def test_the_principal_plane():
    """Of three numbers the second has variance 0, so that the other two are seen."""
    rng = np.random.default_rng(0)
    points = rng.standard_normal((500, 3)) * [1.0, 0.0, 5.0]
    plane, share = codes.principal_plane(points)
    np.testing.assert_allclose(np.abs(plane), [[0, 1], [0, 0], [1, 0]], atol=0.05)
    assert share == pytest.approx(1.0)


def scattered(monkeypatch, *views):
    """What the figure is given."""
    given = []
    monkeypatch.setattr(learned, "latent_scatter", given.extend)
    codes.latent_scatter(views)
    return given


def scatter_view(values, labels=None, classes=0, spec=None, **hyperparameters):
    fake = view(dataset(values, labels, classes))
    fake.run.config.update(model="vae", hyperparameters=hyperparameters)
    fake.model.inputs_spec = {"z": spec or {"shape": [2], "prior": "normal"}}
    return fake


def test_codes_of_two_numbers_are_seen_as_they_are(monkeypatch):
    values = [(100, 125), (75, 150), (0, 100)]
    views = [scatter_view(values, [0, 1, 1], 2, beta=0.0), scatter_view(values)]
    first, second = scattered(monkeypatch, *views)
    np.testing.assert_allclose(first.points, [(0, 1), (-1, 2), (-4, 0)])
    assert first.labels.tolist() == [0, 1, 1] and first.class_names == ("a", "b")
    assert (first.title, second.title) == ("vae, beta 0", "vae")
    assert first.means.tolist() == [[0, 0]] and first.radii == [1, 2, 3]
    assert second.labels is None and second.class_names == ()


def test_the_contours_of_a_mixture(monkeypatch):
    spec = {"shape": [2], "prior": "mixture", "means": [[1, 2], [3, 4]], "std": 0.5}
    (found,) = scattered(monkeypatch, scatter_view([(0, 0), (1, 1)], spec=spec))
    assert found.means.tolist() == [[1, 2], [3, 4]] and found.radii == [1.0]


def test_codes_of_more_numbers_along_two_components(monkeypatch):
    fake = scatter_view([(0, 0)] * 300)
    points = np.random.default_rng(0).standard_normal((300, 5)) * [1, 7, 1, 4, 1]
    fake.model.encode = lambda images, labels=None: points
    (found,) = scattered(monkeypatch, fake)
    np.testing.assert_allclose(np.abs(found.points[:, 0]), np.abs(points[:, 1]), atol=1.5)
    assert found.title.startswith("vae\n2 of 5 components, 9")


def test_the_figure_of_codes():
    """Two classes left and right of the prior, whose circles are black."""
    points = np.array([(-2, 0)] * 50 + [(2, 0)] * 50) + np.linspace(-0.2, 0.2, 100)[:, None]
    labels = np.array([0] * 50 + [1] * 50)
    found = learned.Scatter(points, labels, ("a", "b"), np.zeros((1, 2)), (1.0,), "title")
    pixels = np.asarray(learned.latent_scatter([found, found]), int)
    assert pixels.shape == (440, 960, 3)
    blue, orange = (
        np.median(np.argwhere(np.abs(pixels[:, :420] - color).max(axis=2) < 60)[:, 1])
        for color in ((98, 159, 203), (255, 165, 86))
    )
    assert blue < orange


def test_a_model_needs_a_prior_to_be_seen_with_its_codes():
    fake = scatter_view([(0, 0)] * 3, spec={"shape": [2], "prior": "uniform"})
    with pytest.raises(RequestError, match="a normal or a mixture prior. Received: runs/fake"):
        codes.latent_scatter([fake])
    none = view(dataset([(0, 0)]), model=SimpleNamespace(has_encoder=False))
    with pytest.raises(RequestError, match="an encoder, such as vae"):
        codes.latent_scatter([none])
