"""The pixels of small datasets, by hand."""

import numpy as np
import pytest

from tests.pictures.test_figures import where
from tests.test_cli import done, genzoo
from zoo.data import Dataset
from zoo.errors import RequestError
from zoo.pictures import figures
from zoo.views import pixels

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_moments_by_hand(monkeypatch):
    """Of 0, 0 and 255: mean 1/3 and variance 2/9, also where the images come in parts."""
    images = np.zeros((3, 1, 2, 1), "uint8")
    images[2, 0, 0] = 255
    for at_once in (5_000, 2):
        monkeypatch.setattr(pixels, "AT_ONCE", at_once)
        mean, variance = pixels.moments(images)
        np.testing.assert_allclose(mean[..., 0], [[1 / 3, 0]])
        np.testing.assert_allclose(variance[..., 0], [[2 / 9, 0]], atol=1e-15)


def test_pixels_are_as_in_the_data_and_know_nothing_of_each_other():
    """Two images, one all white and one all black: pixels are halves, and pairs are quarters."""
    images = np.stack([np.zeros((4, 4, 3)), np.full((4, 4, 3), 255)]).astype("uint8")
    drawn = pixels.independent_pixels(images, 4_000, np.random.default_rng(0))
    assert drawn.shape == (4_000, 4, 4, 3) and drawn.dtype == np.uint8
    assert (drawn == drawn[..., :1]).all(), "the colours of a pixel stay together"
    white = drawn[..., 0] == 255
    np.testing.assert_allclose(white.mean(axis=0), 0.5, atol=0.03)
    both = white[:, 0, 0] & white[:, 2, 3]
    assert both.mean() == pytest.approx(0.25, abs=0.03)


def test_a_pixel_takes_the_values_of_its_own_place():
    images = np.arange(12, dtype="uint8").reshape(1, 3, 4, 1)
    drawn = pixels.independent_pixels(images, 5, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn, images.repeat(5, axis=0))


def test_the_likelihood_of_coins_by_hand():
    """Two training images, 0 and 255: p is (1 + 1) / (2 + 2). A black one: (0 + 1) / 4."""
    train = np.array([[0, 0], [255, 0]], "uint8").reshape(2, 1, 2, 1)
    test = np.array([[255, 0]], "uint8").reshape(1, 1, 2, 1)
    expected = np.log(2) - np.log(3 / 4)
    assert pixels.independent_nll(train, test) == pytest.approx(expected)
    grey = np.array([[0, 51]], "uint8").reshape(1, 1, 2, 1)
    expected = np.log(2) - 0.8 * np.log(3 / 4) - 0.2 * np.log(1 / 4)
    assert pixels.independent_nll(train, grey) == pytest.approx(expected)


def test_the_figure_of_a_dataset():
    images = np.full((60, 8, 8, 1), 200, "uint8")
    picture = pixels.pixels(Dataset("fake", images, None, (), ""))
    assert picture.mode == "RGB" and picture.size == (1000, 560)
    assert len(where(picture, "#c8c8c8", 2)) > 20_000, "both grids are of 200 grey"
    assert 100 < len(where(picture, figures.LEARNED)) < 2_000, "one grey level alone"


def test_of_a_named_dataset():
    assert done("plot", "pixels", "digits", "--out=a.png") == "a.png\n"
    code, _, err = genzoo("plot", "pixels", "digits", "mnist")
    assert (code, err.count("\n")) == (2, 1)
    assert "pixels is a picture of one dataset. Received: 2 of them" in err
    code, _, err = genzoo("plot", "pixels", "swiss_roll")
    assert code == 2 and "needs images, not points. Received: swiss_roll" in err


def test_no_figure_of_points():
    with pytest.raises(RequestError, match="not points"):
        pixels.pixels(Dataset("fake", np.zeros((3, 2), "float32"), None, (), ""))
