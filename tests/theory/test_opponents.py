"""Discriminators and critics of what does not change, the stages of a game, and upsamplings."""

import keras
import numpy as np
import pytest

from tests.pictures.test_figures import where
from zoo.pictures import figures, proofs
from zoo.theory import critics, lines, stages, upsampling
from zoo.theory.opponent import ClippedCritic

pytestmark = pytest.mark.once


# ---- a discriminator and a critic between two Gaussians


@pytest.fixture(scope="module")
def found():
    return critics.answer()


def test_a_discriminator_saturates(found):
    fake, real = np.abs(found.points + 2) < 1, np.abs(found.points - 2) < 1
    assert found.discriminator[fake].max() < 0.01 and found.discriminator[real].min() > 0.99
    slope = np.gradient(found.discriminator, found.points)
    assert np.abs(slope[fake]).max() < 0.03


def test_a_critic_has_a_slope_everywhere_between(found):
    between = np.abs(found.points) < 2
    slope = np.gradient(found.critic, found.points)[between]
    # 1 + W / (2 lambda) is 1.02.
    np.testing.assert_allclose(slope, 1.02, atol=0.05)
    assert found.critic[len(found.points) // 2] == 0


def test_the_distance_is_that_of_the_means(found):
    assert found.exact == pytest.approx(4.0, abs=0.05)
    assert found.estimated == pytest.approx(found.exact, rel=0.04)


def test_the_figure_of_the_two(found):
    picture = proofs.saturation(found)
    assert picture.size == (960, 440)
    rows, columns = where(picture, figures.LEARNED).T
    # The critic's line goes up all the way, D is level beyond its step.
    right = (columns > 520) & (columns < 800)
    assert np.polyfit(columns[right], rows[right], 1)[0] < -0.5
    level = rows[(columns > 300) & (columns < 420) & (rows > 60)]
    assert np.ptp(level) < 8


# ---- the exact distance of samples


def test_the_best_assignment_by_hand():
    """0 and 3 to 1 and 5: 1 + 2 and not 5 + 2; in the plane (0, 0) and (3, 4) to the same."""
    line = np.array([[0.0], [3.0]]), np.array([[5.0], [1.0]])
    assert critics.exact_wasserstein(*line) == pytest.approx(1.5)
    plane = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert critics.exact_wasserstein(plane, plane[::-1]) == 0
    assert critics.exact_wasserstein(plane, plane + [3.0, 4.0]) == pytest.approx(5.0)
    assert critics.exact_wasserstein(plane[:1], plane[1:]) == pytest.approx(5.0)


def test_the_distance_of_two_lines_by_samples():
    rng = np.random.default_rng(0)
    found = critics.exact_wasserstein(lines.line(0.0)(200, rng), lines.line(-0.5)(200, rng))
    assert found == pytest.approx(0.5, abs=0.02)


def test_the_total_variation_of_two_lines():
    np.testing.assert_array_equal(lines.line_total_variation(np.array([-1, 0, 1e-9])), [1, 0, 1])


# ---- value surfaces


def test_a_clipped_critic_stays_within():
    points = {"image": keras.Input((2,), name="image")}
    network = keras.Model(points, keras.layers.Dense(1)(points["image"]))
    critic = ClippedCritic(network, 0.1, 50, 0.05)
    critic.learn(
        lambda count, rng: rng.standard_normal((count, 2)) + 3,
        lambda count, rng: rng.standard_normal((count, 2)),
        50,
        16,
        seed=0,
    )
    kernel = network.get_weights()[0]
    np.testing.assert_allclose(kernel, 0.05, rtol=1e-6)
    found = critic.rate(np.array([[1.0, 2.0]]))
    np.testing.assert_allclose(found, 0.15 + network.get_weights()[1], atol=1e-5)


def test_a_penalised_critic_finds_the_modes_and_a_clipped_one_does_not(monkeypatch):
    monkeypatch.setattr(critics, "DATASETS", {"8 Gaussians": "ring"})
    clipped, penalised = critics.value_surfaces(steps=500, batch_size=128)
    assert (clipped.title, penalised.title) == ("8 Gaussians, clipped", "8 Gaussians, penalty")
    assert clipped.real.shape == (500, 2)
    angles = np.pi / 4 * np.arange(8)
    modes = 2 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    middle = np.zeros((1, 2))
    assert (penalised.values(modes) > penalised.values(middle)).all()
    assert clipped.values(modes).max() < clipped.values(middle).item()


def test_the_figure_of_value_surfaces():
    points = np.random.default_rng(0).standard_normal((50, 2))
    surface = critics.ValueSurface("title", points, lambda x: x[:, 0])
    picture = proofs.value_surfaces([surface] * 4)
    assert picture.size == (640, 660)
    for left, top in ((0, 0), (320, 0), (0, 330), (320, 330)):
        assert len(where(picture.crop((left, top, left + 320, top + 330)), figures.FAKE)) > 50


# ---- the stages of a game


@pytest.fixture(scope="module")
def played():
    return stages.play_stages()


def test_the_game_goes_on_until_the_densities_agree(played):
    assert [stage.step for stage in played] == list(stages.STEPS)
    spacing = played[0].points[1] - played[0].points[0]
    apart = [
        np.abs(stage.real_density - stage.fake_density).sum() * spacing / 2 for stage in played
    ]  # the total variation
    assert apart[0] > 0.9 and apart[-1] < 0.2
    for stage in played:
        assert stage.fake_density.sum() * spacing == pytest.approx(1.0, abs=0.02)
    inside = np.abs(played[-1].points - 1.5) < 0.6
    np.testing.assert_allclose(played[-1].discriminator[inside], 0.5, atol=0.1)


def test_arrows_lead_from_noise_to_points(played):
    for stage in played:
        assert len(stage.z) == len(stage.mapped) == stages.ARROWS
        np.testing.assert_allclose(stage.z, -stage.z[::-1], atol=1e-9)
    assert np.median(played[-1].mapped) == pytest.approx(1.5, abs=0.2)


def test_a_smoothed_density():
    """Half of the numbers at 0 and half at 1, each a normal of the width."""
    points = np.linspace(-1, 2, 301)
    found = stages.density(np.array([0.0, 1.0] * 50), points, width=0.1)
    assert found.sum() * 0.01 == pytest.approx(1.0, abs=1e-3)
    for place in (100, 200):
        assert found[place] == pytest.approx(0.5 / (0.1 * np.sqrt(2 * np.pi)), rel=0.01)
    assert found[150] < 1e-4


def test_the_figure_of_stages(played):
    picture = proofs.stages(played)
    assert picture.size == (1360, 400)
    for left in range(0, 1360, 340):
        assert len(where(picture.crop((left, 0, left + 340, 400)), figures.LEARNED)) > 100


# ---- upsampling


def test_overlaps_by_hand():
    """Odena et al.: a kernel of 3 at stride 2 gives 1, 2 and 4, one that divides gives the same."""
    found = upsampling.overlaps(4, kernel=3, stride=2)
    assert sorted(np.unique(found)) == [1, 2, 4]
    np.testing.assert_array_equal(found[:2, :2], found[2:, 2:])
    np.testing.assert_array_equal(upsampling.overlaps(6, kernel=4, stride=2), 4)
    np.testing.assert_array_equal(upsampling.overlaps(6, kernel=3, stride=1), 9)
    assert np.unique(upsampling.overlaps(6, kernel=5, stride=2)).tolist() == [4, 6, 9]


def test_overlaps_are_those_of_the_layer():
    """A kernel of ones counts, away from the sides."""
    layer = keras.layers.Conv2DTranspose(1, 4, 2, "same", kernel_initializer="ones")
    counted = np.asarray(keras.Sequential([keras.Input((8, 8, 1)), layer]).predict(
        np.ones((1, 8, 8, 1)), verbose=0
    ))[0, :, :, 0]  # fmt: skip
    np.testing.assert_array_equal(counted[2:-2, 2:-2], upsampling.overlaps(12, 4, 2))


def test_unevenness_by_hand():
    """0 and 2 in turn: mean 1, deviation 1, root mean square sqrt(2)."""
    board = np.indices((8, 8)).sum(axis=0) % 2 * 2.0
    assert upsampling.unevenness(board, edge=2) == pytest.approx(np.sqrt(0.5))
    bordered = np.full((8, 8), 3.0)
    bordered[0] = 99.0
    assert upsampling.unevenness(bordered, edge=1) == 0


def test_only_the_strided_convolution_draws_a_pattern_of_nothing():
    found = {how.name: how for how in upsampling.compare()}
    assert list(found) == ["transposed", "nearest", "bilinear"]
    flat = found["transposed"].flat
    assert found["transposed"].unevenness > 0.5
    # It repeats every four pixels: two doublings.
    np.testing.assert_allclose(flat[8:20, 8:20], flat[12:24, 12:24], atol=1e-5)
    for name in ("nearest", "bilinear"):
        assert found[name].unevenness < 1e-4
    steps = [np.abs(np.diff(how.image)).mean() / how.image.std() for how in found.values()]
    assert steps[0] > 2 * steps[1] > 2 * steps[2], "neighbouring pixels are the more alike"
    picture = proofs.upsamplings(list(found.values()), upsampling.overlaps(16, 5, 2))
    assert picture.size == (1080, 840)
