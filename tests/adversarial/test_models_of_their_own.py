"""What is particular to a model: clipped weights, pyramids, codes, priors."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import small_arrays, small_inputs, small_model
from zoo import backend, data
from zoo.adversarial import lapgan
from zoo.adversarial.aae import MIXTURES
from zoo.data.batches import Batches
from zoo.errors import RequestError


def train_on_digits(model, steps, batch_size=32):
    """The history of a short training on real digits, one row per tenth."""
    batches = Batches(data.load("digits"), batch_size, (-1, 1), seed=0)
    stream = backend.fit_data(batches.from_step(0), steps // 10)
    model.compile()
    return keras.Model.fit(
        model, stream, epochs=10, steps_per_epoch=steps // 10, shuffle=False, verbose=0
    ).history


# ---- wgan


def largest_weight(network):
    return max(np.abs(ops.convert_to_numpy(w)).max() for w in network.trainable_weights)


@pytest.mark.once  # one operation after the other, which JAX compiles each for itself
def test_critic_weights_are_clipped_after_each_step():
    model = small_model("wgan", n_critic=3, learning_rate=0.5, clip=0.01)
    model.compile(run_eagerly=True)
    largest = []

    def clip():
        before = largest_weight(model.critic)
        type(model).clip_critic(model)
        largest.append((before, largest_weight(model.critic)))

    object.__setattr__(model, "clip_critic", clip)
    images, labels = small_arrays(24)
    model.fit(images, labels, batch_size=24, verbose=0)
    assert len(largest) == 3
    for before, after in largest:
        assert before > 0.1  # the optimizer went far outside
        assert after <= 0.01


def test_critic_weights_stay_inside_the_clip():
    # A rate whose every step goes far outside.
    model = small_model("wgan", n_critic=3, learning_rate=0.5, clip=0.01)
    model.compile()
    images, labels = small_arrays(24)
    model.fit(images, labels, batch_size=24, verbose=0)
    assert largest_weight(model.generator) > 0.1
    assert largest_weight(model.critic) <= 0.01
    for weight in model.critic.trainable_weights:
        weight.assign(ops.full(weight.shape, -0.5))
    model.clip_critic()
    assert largest_weight(model.critic) == np.float32(0.01)
    assert largest_weight(small_model("wgan", clip=0.01).critic) <= 0.01  # before the first step


# ---- lapgan


@pytest.mark.parametrize("shape", [(28, 28, 1), (64, 32, 3), (8, 8, 1)])
def test_building_and_collapsing_a_pyramid_returns_the_image(shape):
    images = np.random.default_rng(0).uniform(-1, 1, (3, *shape)).astype("float32")
    images = ops.convert_to_tensor(images)
    levels = lapgan.halvings(shape)
    pyramid = lapgan.build_pyramid(images, levels)
    sides = [shape[0] // 2**k for k in range(levels, 0, -1)]
    assert [level.shape[1] for level in pyramid] == [sides[0], *(2 * side for side in sides)]
    back = ops.convert_to_numpy(lapgan.collapse_pyramid(pyramid))
    np.testing.assert_allclose(back, ops.convert_to_numpy(images), atol=1e-6)


def test_a_level_is_the_mean_of_2x2_pixels():
    image = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    smaller = ops.convert_to_numpy(lapgan.reduce(ops.convert_to_tensor(image)))[0, :, :, 0]
    np.testing.assert_allclose(smaller, [[2.5, 4.5], [10.5, 12.5]])
    flat = ops.full((1, 4, 4, 1), 0.5)
    np.testing.assert_allclose(ops.convert_to_numpy(lapgan.enlarge(flat)), 0.5)


@pytest.mark.parametrize(
    ("shape", "levels"), [((8, 8), 1), ((28, 28), 2), ((32, 32), 2), ((64, 64), 3), ((48, 48), 3)]
)
def test_levels_of_a_pyramid(shape, levels):
    assert lapgan.halvings((*shape, 1)) == levels


@pytest.mark.parametrize("shape", [(9, 12, 3), (30, 30, 3)])
def test_sides_that_do_not_halve_are_refused(shape):
    with pytest.raises(RequestError, match=f"must be even.*Received: {shape[0]}x{shape[1]}"):
        small_model("lapgan", shape)


def test_sampling_chains_the_levels():
    """What the one graph draws is level upon level by hand."""
    model = small_model("lapgan", (16, 16, 1))
    inputs = small_inputs(model)
    low = lapgan.enlarge(model.generator_0({"z": inputs["z"]}))
    noise = ops.convert_to_tensor(inputs["noise_1"])
    image = low + model.generator_1({"image": low, "noise": noise})
    expected = (np.clip(ops.convert_to_numpy(image), -1, 1) + 1) / 2
    np.testing.assert_allclose(model.generate(inputs), expected, atol=1e-6)


# ---- ebgan


@pytest.mark.parametrize("shape", [(8, 8, 3), (2,)])
def test_the_energy_in_both_units(shape):
    """The mean of squared errors, and the root of their sum: e and sqrt(e * numbers)."""
    images = np.random.default_rng(0).uniform(-1, 1, (5, *shape)).astype("float32")
    options = {"networks": "mlp", "conditional": False} if len(shape) == 1 else {}
    energies = {}
    for energy in ("mean", "norm"):
        model = small_model("ebgan", shape, energy=energy, **options)
        rng = np.random.default_rng(1)
        model.set_weights([0.2 * rng.standard_normal(w.shape) for w in model.weights])
        outputs = model.opponent_outputs(ops.convert_to_tensor(images), None)
        energies[energy] = ops.convert_to_numpy(outputs["energy"])
        drawn = ops.convert_to_numpy(outputs["reconstruction"])
    errors = ((drawn - images) ** 2).reshape(5, -1)
    np.testing.assert_allclose(energies["mean"], errors.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(energies["norm"], np.sqrt(errors.sum(axis=1)), rtol=1e-5)


# ---- infogan


def test_a_separate_q_shares_no_weight_with_the_discriminator():
    """The codes' part of the loss moves the weights of Q alone, and the logit's all others."""
    images = ops.convert_to_tensor(small_arrays(8)[0])
    for q_network in ("shared", "separate"):
        model = small_model("infogan", q_network=q_network, latent_dim=4)
        model.compile({n: keras.optimizers.SGD(1.0) for n in model.named_networks})
        weights = model.discriminator.trainable_variables
        reached = {}
        for part in ("logit", "category"):
            before = [np.array(ops.convert_to_numpy(w)) for w in weights]
            model.minimize(
                lambda part=part, model=model: ops.mean(
                    ops.square(model.opponent_outputs(images, None)[part] - 3.0)
                ),
                "discriminator",
            )
            pairs = zip(weights, before, strict=True)
            reached[part] = {
                w.path for w, old in pairs if not np.array_equal(ops.convert_to_numpy(w), old)
            }
        both = reached["logit"] & reached["category"]
        assert bool(both) == (q_network == "shared")
        # All convolutions; the mean and the variance of the continuous codes have their own losses.
        assert len(reached["logit"]) > 4 and len(reached["category"]) > 4


def test_the_information_bound_is_exact_for_a_q_that_knows():
    """A certain Q has the whole entropy of the category; one that knows nothing has none."""
    model = small_model("infogan")
    category = np.array([0, 1, 2, 1], "int32")
    code = np.zeros((4, 2), "float32")
    tensors = map(ops.convert_to_tensor, (np.eye(3, dtype="float32")[category] * 50, code, code))
    outputs = dict(zip(("category", "mean", "log_variance"), tensors, strict=True))
    inputs = {"category": ops.convert_to_tensor(category), "code": ops.convert_to_tensor(code)}
    information, _ = model.information(outputs, inputs)
    assert float(information) == pytest.approx(np.log(3), rel=1e-5)
    outputs["category"] = ops.zeros((4, 3))
    information, of_code = model.information(outputs, inputs)
    assert float(information) == pytest.approx(0.0, abs=1e-6)
    assert float(of_code) == pytest.approx(2 * np.log(2) - np.log(2 * np.pi), rel=1e-5)


@pytest.mark.once
def test_the_bound_rises_in_training_on_digits():
    model = small_model("infogan", categories=10, width=8)
    history = train_on_digits(model, steps=75)["category_information"]
    assert history[-1] > history[0] + 0.5
    assert history[-1] <= np.log(10)


# ---- aae


@pytest.mark.once
@pytest.mark.parametrize("form", ["plain", "semi_supervised"])
def test_aae_has_a_dense_layer_on_either_side_of_the_code(form):
    semi = form == "semi_supervised"
    model = small_model("aae", form=form, conditional=semi, labels=6, dense=7)
    encoder, decoder = model.encoder, model.autoencoder.get_layer("decoder")
    units = [[x.units for x in net.layers if hasattr(x, "units")] for net in (encoder, decoder)]
    assert units[0] == [7, *([3] if semi else []), model.latent_dim]
    assert units[1] == [7, 2 * 2 * 8]
    hidden = next(x for x in decoder.layers if getattr(x, "units", 0) == 7)
    assert hidden.kernel.shape[0] == model.latent_dim + 3 * semi


@pytest.mark.parametrize("prior", ["mixture", "swiss_roll"])
def test_a_prior_in_the_plane(prior):
    model = small_model("aae", latent_dim=2, prior=prior)
    codes = ops.convert_to_numpy(model.sample_inputs(2000, seed=3)["z"])
    mixture = MIXTURES[prior]
    assert mixture.good_share(codes) > 0.97
    assert mixture.modes_covered(codes) == len(mixture.means)


@pytest.mark.once
def test_images_go_round_through_the_code():
    """After a short training an image comes back nearer to itself than to the mean image."""
    model = small_model("aae", width=8, latent_dim=8)
    history = train_on_digits(model, steps=400)["reconstruction_loss"]
    assert history[-1] < history[0] / 2
    images = data.load("digits", split="test").images[:64].astype("float32") / 255
    codes = model.encode_inputs({"image": ops.convert_to_tensor(images)})
    drawn = ops.convert_to_numpy(model.sample({"z": codes}))
    error = np.mean((drawn - images) ** 2)
    assert error < np.mean((images.mean(axis=0) - images) ** 2)
