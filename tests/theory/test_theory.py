"""What the papers prove, held against networks that are trained for it."""

import math

import numpy as np
import pytest

from tests.helpers import small_model
from zoo.errors import RequestError
from zoo.theory import equilibrium, lines, surfaces, xy_game
from zoo.training.run import Run

# ---- the optimal discriminator, and the equilibrium


@pytest.fixture(scope="module")
def plain():
    return equilibrium.learn_discriminator()


@pytest.mark.once
def test_the_learned_discriminator_is_the_optimal_one(plain):
    p, q = plain.real_density, plain.fake_density
    np.testing.assert_allclose(plain.optimal, p / (p + q))
    assert plain.error < 0.04
    assert np.ptp(plain.optimal[plain.seen]) > 0.85, "the densities make D easy"


@pytest.mark.once
def test_with_label_smoothing_it_is_scaled():
    smoothed = equilibrium.learn_discriminator(smoothing=0.2)
    assert smoothed.optimal.max() < 0.8
    assert smoothed.error < 0.04


@pytest.mark.once
def test_theorem_1(plain):
    p, q, spacing = plain.real_density, plain.fake_density, plain.points[1] - plain.points[0]
    middle = (p + q) / 2
    js = (p * np.log(p / middle) + q * np.log(q / middle)).sum() * spacing / 2
    best = plain.value(plain.optimal)
    assert best == pytest.approx(-math.log(4) + 2 * js, abs=1e-4)  # the line ends at 4
    assert best - 0.01 < plain.value(plain.learned) <= best


@pytest.mark.once
def test_the_value_is_lowest_where_the_densities_agree(plain):
    same = plain._replace(fake_density=plain.real_density)
    half = np.full_like(plain.points, 0.5)
    assert same.value(half) == pytest.approx(-1.3863, abs=2e-4)
    assert plain.value(plain.optimal) > equilibrium.EQUILIBRIUM + 0.1


@pytest.mark.once
def test_a_gan_comes_to_its_equilibrium():
    game = equilibrium.play_game()
    assert len(game.steps) == len(game.values) == 30
    # D learns something first; else the value is near -log 4 because D knows nothing.
    assert game.values[0] > equilibrium.EQUILIBRIUM + 0.05
    assert game.values[-5:].mean() == pytest.approx(equilibrium.EQUILIBRIUM, abs=0.01)
    assert game.generated.mean() == pytest.approx(equilibrium.DATA.means.item(), abs=0.06)
    assert game.generated.std() == pytest.approx(equilibrium.DATA.std, abs=0.06)
    within = np.linspace(0.75, 2.25, 31)[:, None]  # 1.5 standard deviations
    np.testing.assert_allclose(game.discriminator(within), 0.5, atol=0.06)


# ---- two parallel lines


@pytest.mark.once
def test_closed_forms():
    thetas = np.array([-0.5, 0.0, 1e-9, 1.0])
    np.testing.assert_array_equal(lines.line_kl(thetas), [np.inf, 0, np.inf, np.inf])
    np.testing.assert_array_equal(lines.line_js(thetas), np.log(2) * np.array([1, 0, 1, 1]))
    np.testing.assert_array_equal(lines.line_wasserstein(thetas), [0.5, 0, 1e-9, 1])


@pytest.mark.once
@pytest.mark.parametrize("theta", [-0.5, 1.0])
def test_a_critic_estimates_the_wasserstein_distance(theta):
    assert lines.estimate_wasserstein(theta) == pytest.approx(abs(theta), rel=0.05)


@pytest.mark.once
def test_the_estimate_is_biased_as_computed():
    # 1 + theta / (2 lambda) = 1.25
    assert lines.estimate_wasserstein(1.0, penalty=2.0) == pytest.approx(1.25, rel=0.03)


# ---- the game V(x, y) = x y


def radius(path):
    return np.linalg.norm(path, axis=1)


@pytest.mark.once
@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0])
def test_simultaneous_steps_spiral_out(rate):
    path = xy_game.simultaneous((0.6, -0.8), rate, 50)
    np.testing.assert_allclose(path[1], [0.6 + 0.8 * rate, -0.8 + 0.6 * rate], rtol=1e-12)
    np.testing.assert_allclose(radius(path)[1:] / radius(path)[:-1], math.sqrt(1 + rate**2))


@pytest.mark.once
@pytest.mark.parametrize("rate", [0.01, 0.1, 1.0])
def test_alternating_steps_stay_on_an_ellipse(rate):
    path = xy_game.alternating((0.6, -0.8), rate, 10_000)
    np.testing.assert_allclose(path[1], [0.6 + 0.8 * rate, -0.8 + rate * path[1, 0]], rtol=1e-12)
    x, y = path.T
    constant = 1 + 0.48 * rate
    np.testing.assert_allclose(x**2 - rate * x * y + y**2, constant, rtol=1e-9)
    assert radius(path).max() < math.sqrt(constant / (1 - rate / 2)) + 1e-9
    assert radius(path).min() > math.sqrt(constant / (1 + rate / 2)) - 1e-9


@pytest.mark.once
@pytest.mark.parametrize("weight", [0.1, 0.5, 1.0])
def test_historical_averaging_converges_like_a_power(weight):
    distance = radius(xy_game.simultaneous((1.0, 0.0), 0.1, 20_000, weight))
    exponent = math.log(distance[20_000] / distance[2_000]) / math.log(10)
    assert exponent == pytest.approx(-1 / (1 + 4 * weight**2), abs=0.01)


@pytest.mark.once
@pytest.mark.parametrize("weight", [0.02, 10.2])  # a (1 + 4 h^2) < 4 h from 0.0252 to 9.975
def test_historical_averaging_may_be_too_weak_or_too_strong(weight):
    assert radius(xy_game.simultaneous((1.0, 0.0), 0.1, 5_000, weight))[-1] > 10


@pytest.mark.once
def test_the_mean_is_that_of_the_past():
    path = xy_game.simultaneous((1.0, 2.0), 0.1, 3, history=0.5)
    for step in range(3):
        x, y = path[step]
        pull = path[step] - path[: step + 1].mean(axis=0)
        np.testing.assert_allclose(path[step + 1], path[step] + 0.1 * (np.array([-y, x]) - pull))


# ---- the surface of a trained model


def run_of(folder, name, **changes):
    """A run whose small model has its initial weights; returns it and the model."""
    dataset = "grid" if changes.get("conditional") else "swiss_roll"
    classes = 25 if changes.get("conditional") else 0
    model = small_model(name, (2,), classes, **changes)
    names = [str(i) for i in range(classes)]
    config = {
        "model": name,
        "dataset": {
            "name": dataset, "request": dataset, "image_shape": [2], "class_names": names
        },
        "hyperparameters": {
            key: value
            for key, value in model.get_config().items()
            if key not in ("image_shape", "num_classes", "seed", "name", "dtype")
        },
        "total_steps": 1,
        "seed": 0,
        "backend": "any",
    }  # fmt: skip
    run = Run.create(folder, config)
    run.save_checkpoint(model, 1)
    return run, model


def test_a_discriminator_is_a_probability(tmp_path):
    run, model = run_of(tmp_path, "gan")
    found = surfaces.surface(run)
    assert found.title == "gan on swiss_roll, step 1: discriminator"
    assert found.generated.shape == found.real.shape == (2500, 2)
    assert found.span == (0, 1)
    logits = np.asarray(model.discriminator.predict({"image": found.real[:9]}, verbose=0))[:, 0]
    assert np.ptp(logits) > 0
    np.testing.assert_allclose(
        found.judgement(found.real[:9]), 1 / (1 + np.exp(-logits)), atol=1e-5
    )


def test_a_critic_is_as_it_is(tmp_path):
    run, model = run_of(tmp_path, "wgan_gp", networks="mlp", hidden=8)
    found = surfaces.surface(run)
    assert (found.title, found.span) == ("wgan_gp on swiss_roll, step 1: critic", None)
    scores = np.asarray(model.critic.predict({"image": found.real[:9]}, verbose=0))[:, 0]
    np.testing.assert_allclose(found.judgement(found.real[:9]), scores, atol=1e-5)


def test_a_conditional_surface_is_that_of_the_first_class(tmp_path):
    run, model = run_of(tmp_path, "gan", conditional=True)
    found = surfaces.surface(run)
    assert found.title == "gan on grid, step 1: discriminator, class 0"
    assert (np.linalg.norm(found.real - [-4, -4], axis=1) < 0.5).all()
    inputs = {"image": found.real[:9], "label": np.zeros(9, "int32")}
    logits = np.asarray(model.discriminator.predict(inputs, verbose=0))[:, 0]
    np.testing.assert_allclose(
        found.judgement(found.real[:9]), 1 / (1 + np.exp(-logits)), atol=1e-5
    )


def test_a_run_on_images_has_no_surface(tmp_path):
    config = {"model": "gan", "dataset": {"name": "digits", "image_shape": [8, 8, 1]}}
    with pytest.raises(RequestError, match=r"needs a run on points: .* on digits"):
        surfaces.surface(Run(tmp_path, config))
