"""Rate and distortion of models whose terms are known."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tests.helpers import small_model
from tests.pictures.test_figures import where
from tests.views.test_plots import dataset, view
from zoo.errors import RequestError
from zoo.pictures import figures, learned
from zoo.pictures.learned import TradeOff
from zoo.views import tradeoff

pytestmark = pytest.mark.once


class Terms:
    """The likelihood of an image is minus its mean in [0, 1], the divergence twice that."""

    binarized = "none"
    value_range = (0.0, 1.0)

    def __init__(self):
        self.noise_seed = keras.random.SeedGenerator(7)

    def bound_terms(self, images):
        mean = keras.ops.mean(images, axis=(1, 2, 3))
        return -mean[None], 2 * mean


def beta_view(model, **hyperparameters):
    fake = view(dataset([(51, 51), (102, 102), (255, 255)]), model=model)
    fake.run.config.update(model="vae", hyperparameters=hyperparameters)
    return fake


@pytest.mark.parametrize("at_once", [250, 2])
def test_means_over_the_images(monkeypatch, at_once):
    """Grey levels of 0.2, 0.4 and 1, whose mean is 8/15, also where they come in parts."""
    monkeypatch.setattr(tradeoff, "AT_ONCE", at_once)
    rate, distortion = tradeoff.measure(beta_view(Terms(), beta=1.0))
    assert (rate, distortion) == pytest.approx((16 / 15, 8 / 15))


def test_the_same_numbers_each_time():
    """They depend on a sample of each code; their sum is the bound of the same samples."""
    model = small_model("vae", (56, 56, 1), likelihood="bernoulli")
    fake = beta_view(model, beta=1.0)
    first = tradeoff.measure(fake)
    keras.random.normal((3,), seed=model.noise_seed)
    assert tradeoff.measure(fake) == first
    assert first[0] > 0 and first[1] > 0


def test_a_point_for_each_run(monkeypatch):
    given = []
    monkeypatch.setattr(learned, "rate_distortion", given.extend)
    tradeoff.rate_distortion([beta_view(Terms(), beta=beta) for beta in (4.0, 0.5)])
    assert [point.beta for point in given] == [4.0, 0.5]
    with pytest.raises(RequestError, match="runs of a model with beta: vae. Received: runs/fake"):
        tradeoff.rate_distortion([beta_view(SimpleNamespace(), k=5)])


def test_the_figure():
    """Points from the upper left to the lower right, whatever the order of the runs."""
    points = [TradeOff(1, 20, 80), TradeOff(4, 10, 100), TradeOff(0.5, 30, 75)]
    picture = learned.rate_distortion(points)
    np.testing.assert_array_equal(picture, learned.rate_distortion(points[::-1]))
    rows, columns = where(picture, figures.LEARNED).T
    assert np.polyfit(columns, rows, 1)[0] > 0.3
    with_wide = learned.rate_distortion([*points, TradeOff(0, 3_000, 70)])
    rows, columns = where(with_wide, figures.LEARNED).T
    # On a logarithmic axis the three others do not lie at the left edge.
    assert np.ptp(columns[rows < np.median(rows)]) > 60
