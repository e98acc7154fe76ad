"""Gradients and weights of critics whose numbers are known."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from tests.pictures.test_figures import where
from tests.test_cli import done, genzoo, small_settings
from tests.views.test_plots import view
from zoo.core.model import GenerativeModel
from zoo.errors import RequestError
from zoo.pictures import figures, learned
from zoo.views import critics, plots

pytestmark = pytest.mark.once


class Linear:
    """A critic of points of the plane: (x1, x2) -> 2 x1 -> 6 x1 -> 30 x1, without bends."""

    image_shape = (2,)
    value_range = (-1.0, 1.0)
    conditional = False
    opponent = "critic"

    def __init__(self):
        x = keras.Input((2,), name="image")
        inputs = {"image": x}
        for kernel in ([[2.0], [0.0]], [[3.0]], [[5.0]]):
            layer = keras.layers.Dense(1, activation="relu" if len(kernel) > 1 else None)
            x = layer(x)
            layer.set_weights([np.array(kernel), np.zeros(1)])
        self.critic = keras.Model(inputs, x)

    def generate(self, count, seed=None):
        return np.ones((count, 2), "float32")

    from_unit = GenerativeModel.from_unit


def critic_view(model, **hyperparameters):
    points = SimpleNamespace(floats=lambda low, high: np.ones((50, 2), "float32"))
    fake = view(points, model=model)
    fake.run.config.update(model="wgan", hyperparameters=hyperparameters)
    return fake


def test_the_gradient_is_multiplied_by_each_layer():
    """The score is 5 * 3 * 2 x1 where x1 > 0: 30 at the example, 15 behind 2 x1, 5 behind 6 x1."""
    norms = critics.norms_of(critic_view(Linear()))
    np.testing.assert_allclose(norms, [30.0, 15.0, 5.0], rtol=1e-5)


def test_the_mean_is_over_real_and_generated_examples():
    """Where x1 < 0 the first layer's gradient is 0: half of the examples count."""
    model = Linear()
    model.generate = lambda count, seed=None: -np.ones((50, 2), "float32")
    norms = critics.norms_of(critic_view(model))
    np.testing.assert_allclose(norms, [15.0, 15.0, 5.0], rtol=1e-5)


def test_generated_images_come_in_the_range_of_the_model():
    """The score is the square of the mean x, so its gradient is 2 x: at x = 0.5, 1 / sqrt(64)."""
    model = Linear()
    model.image_shape = (8, 8, 1)
    image = keras.Input((8, 8, 1), name="image")
    mean = keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)
    x = mean(keras.layers.GlobalAveragePooling2D()(image))
    last = keras.layers.Dense(1, kernel_initializer="ones", use_bias=False)
    model.critic = keras.Model({"image": image}, last(x * x))
    model.generate = lambda count, seed=None: np.full((count, 8, 8, 1), 0.75, "float32")
    fake = critic_view(model)
    real = SimpleNamespace(floats=lambda low, high: np.full((128, 8, 8, 1), 0.5, "float32"))
    norms = critics.norms_of(view(real, model=fake.model))
    np.testing.assert_allclose(norms, [1 / 8, 1.0], rtol=1e-5)


def test_weights_at_the_bounds_by_hand():
    weights = np.array([-0.1, 0.1, 0.05, 0.0, 0.0999, -0.09, 0.02, 0.01])
    assert critics.share_at_the_bound(weights, 0.1) == 3 / 8


def test_the_histogram_of_weights(monkeypatch):
    given = []
    monkeypatch.setattr(learned, "weight_histograms", given.extend)
    views = [critic_view(Linear(), clip=5.0), critic_view(Linear(), penalty=10.0)]
    critics.weight_histogram(views)
    (title, weights, clip), (other, _, none) = given
    assert sorted(weights) == [0, 2, 3, 5] and (clip, none) == (5.0, None)
    assert title == "wgan, clip 5\n25 % of the weights at a bound" and other == "wgan, penalty 10"


def test_the_figures():
    picture = learned.gradient_norms([("a", np.array([1, 10, 100])), ("b", np.array([1, 1, 1]))])
    rows, columns = where(picture, figures.FAKE).T
    inside = (rows > 60) & (columns < 450)
    slope = np.polyfit(columns[inside], rows[inside], 1)[0]
    assert slope < -0.5, "a straight line upwards on a logarithmic axis"
    assert len(where(picture, figures.LEARNED)) > 200
    weights = np.array([-1.0] * 50 + [1.0] * 50 + [0.0] * 5)
    bars = where(learned.weight_histograms([("title", weights, 1.0)]), figures.LEARNED)
    columns, counts = np.unique(bars[:, 1], return_counts=True)
    high = columns[counts > 200]
    assert 50 < high.min() < 120 and 400 < high.max() < 480 and np.diff(high).max() > 280


def test_of_several_runs(tmp_path, monkeypatch):
    """Runs that are named, or all of a folder; clipped weights lie within the bounds."""
    monkeypatch.chdir(tmp_path)
    for model in ("wgan", "wgan_gp"):
        done("train", model, "--dataset=swiss_roll", "--steps=1", f"--name={model}",
             "--set=networks=mlp", *small_settings(model))  # fmt: skip
    assert done("plot", "gradient-norms", "runs/wgan", "runs/wgan_gp") == "gradient-norms.png\n"
    assert done("plot", "weight-histogram", "runs", "--out=both.png") == "both.png\n"
    done("plot", "weight-histogram", "runs/wgan", "--out=one.png")
    done("plot", "weight-histogram", "--out=newest.png")
    with Image.open("both.png") as both, Image.open("one.png") as one:
        assert (both.width, one.width) == (960, 480)
    for words, said in (
        (["history", "runs/wgan", "runs/wgan_gp"], "history is a picture of one run"),
        (["gradient-norms", "runs/none"], "Received: runs/none"),
    ):
        code, out, err = genzoo("plot", *words)
        assert (code, out, err.count("\n")) == (2, "", 1) and said in err


@pytest.mark.parametrize("kind", ["gradient-norms", "weight-histogram"])
def test_what_a_picture_of_critics_needs(kind):
    other = critic_view(SimpleNamespace(opponent="discriminator"))
    with pytest.raises(RequestError, match="a critic: wgan or wgan_gp. Received: runs/fake"):
        plots.OF_SEVERAL[kind]([other])
    if kind == "gradient-norms":
        model = Linear()
        model.conditional = True
        with pytest.raises(RequestError, match="a critic without labels"):
            critics.gradient_norms([critic_view(model)])
