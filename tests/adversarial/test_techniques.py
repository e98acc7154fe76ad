"""Each of the improved techniques changes exactly the term it should."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import small_arrays, small_hyperparameters, small_inputs, small_model
from zoo import registry
from zoo.backend import Batch
from zoo.errors import RequestError
from zoo.networks.layers import MinibatchDiscrimination
from zoo.networks.norms import JoinReference, VirtualBatchNorm


def values(variables):
    return [np.array(ops.convert_to_numpy(v)) for v in variables]


def sgd_model(rate=0.5, **options):
    model = small_model("dcgan", **options)
    model.compile({player: keras.optimizers.SGD(rate) for player in model.named_networks})
    return model


# ---- minibatch discrimination


def test_closeness_by_hand():
    layer = MinibatchDiscrimination(kernels=1, kernel_dim=2)
    layer.build((None, 2))
    layer.set_weights([np.eye(2, dtype="float32")])
    x = np.array([[0.0, 0.0], [1.0, 2.0], [0.0, 0.5]], "float32")
    # L1 distances: 3 between the first two, 0.5 between first and last, 2.5 between the others.
    e = np.exp
    expected = [[1 + e(-3) + e(-0.5)], [1 + e(-3) + e(-2.5)], [1 + e(-0.5) + e(-2.5)]]
    out = ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(out, np.concatenate([x, expected], axis=1), rtol=1e-6)


def test_identical_batches_are_closer_than_diverse_ones():
    layer = MinibatchDiscrimination(kernels=4)
    rng = np.random.default_rng(0)
    diverse = rng.standard_normal((8, 6)).astype("float32")
    identical = np.repeat(diverse[:1], 8, axis=0)
    closeness = [ops.convert_to_numpy(layer(x))[:, 6:] for x in (identical, diverse)]
    np.testing.assert_allclose(closeness[0], 8.0, rtol=1e-5)
    assert closeness[1].max() < 8.0


# ---- virtual batch norm


def test_virtual_batch_norm_by_hand():
    x = np.array([[5.0], [1.0], [3.0]], "float32")  # one example, a reference batch of two
    out = ops.convert_to_numpy(VirtualBatchNorm(2, epsilon=0.0)(x))
    # Reference: mean 2, variance 1. The example: mean (5 + 1 + 3) / 3, E[x^2] (25 + 1 + 9) / 3.
    mean, variance = 3.0, 35 / 3 - 9.0
    expected = [[(5 - mean) / np.sqrt(variance)], [-1.0], [1.0]]
    np.testing.assert_allclose(out, expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(6,), (3, 2, 4)])
def test_an_example_does_not_depend_on_the_rest_of_its_batch(shape):
    layer = keras.Sequential([JoinReference(5), VirtualBatchNorm(5)])
    x = np.random.default_rng(0).standard_normal((4, *shape)).astype("float32")
    alone = ops.convert_to_numpy(layer(x[:1], training=True))[0]
    together = ops.convert_to_numpy(layer(x, training=True))[0]
    np.testing.assert_allclose(alone, together, atol=1e-6)
    other = ops.convert_to_numpy(layer(x + 1, training=True))[0]
    assert np.abs(other - together).max() > 0.1


@pytest.mark.parametrize("conditional", [False, True])
def test_a_generator_of_virtual_batch_norm(conditional):
    """In training mode too; an ordinary one's images depend on their batch there."""
    for count, independent in ((4, True), (0, False)):
        model = small_model("dcgan", virtual_batch_norm=count, conditional=conditional)
        inputs = small_inputs(model, 6)
        one = {name: value[:1] for name, value in inputs.items()}
        alone = ops.convert_to_numpy(model.generator(one, training=True))[0]
        together = ops.convert_to_numpy(model.generator(inputs, training=True))[0]
        assert np.allclose(alone, together, atol=1e-6) == independent


# ---- historical averaging


def test_historical_averaging_pulls_towards_the_mean_of_the_past():
    h, rate = 0.25, 0.5
    model = sgd_model(rate, historical_averaging=h)
    weights = model.generator.trainable_variables
    start = values(weights)
    for weight in weights:
        weight.assign(weight + 1.0)
    others = values(model.discriminator.trainable_variables)
    loss = model.minimize(lambda: 0.0 * ops.sum(weights[0]), "generator")
    assert float(loss) == pytest.approx(h * sum(w.size for w in start), rel=1e-5)
    for old, new, mean in zip(start, values(weights), values(model.past["generator"]), strict=True):
        np.testing.assert_allclose(new, old + 1.0 - rate * 2 * h, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(mean, (old + new) / 2, rtol=1e-5, atol=1e-6)
    for old, new in zip(others, values(model.discriminator.trainable_variables), strict=True):
        np.testing.assert_array_equal(old, new)


# ---- feature matching


def test_feature_matching_takes_the_place_of_the_generators_loss():
    images, labels = small_arrays(8)
    batch = Batch(ops.convert_to_tensor(images), ops.convert_to_tensor(labels))
    model = small_model("dcgan", feature_matching=True)
    drawn = ops.convert_to_tensor(images[::-1].copy())  # the same mean
    same = model.feature_matching_or(batch, drawn, lambda: pytest.fail("the loss was asked for"))
    assert float(ops.convert_to_numpy(same)) == pytest.approx(0.0, abs=1e-8)
    drawn = ops.convert_to_tensor(images * 0)
    features = [
        ops.convert_to_numpy(model.features({"image": x}, training=True)).mean(axis=0)
        for x in (images, images * 0)
    ]
    received = float(ops.convert_to_numpy(model.feature_matching_or(batch, drawn, None)))
    assert received == pytest.approx(float(((features[0] - features[1]) ** 2).sum()), rel=1e-4)
    assert small_model("dcgan").feature_matching_or(batch, drawn, lambda: 3.0) == 3.0


# ---- freezing


@pytest.mark.parametrize(("accuracy", "frozen"), [(0.9, "discriminator"), (0.1, "generator")])
def test_the_player_that_is_ahead_waits(accuracy, frozen):
    model = small_model("dcgan", freeze_above=0.8, ema=0.9, historical_averaging=0.1)
    model.compile()
    model.accuracy.assign(accuracy)
    for player, network in model.named_networks.items():
        state = model._state_of(player)
        before = values(state)
        weights = network.trainable_variables
        loss_fn = lambda weights=weights: sum(ops.sum(w**2 + w) for w in weights)  # noqa: E731
        model.minimize(loss_fn, player)
        same = [np.array_equal(a, b) for a, b in zip(before, values(state), strict=True)]
        assert all(same) == (player == frozen)
        assert int(model.optimizer[player].iterations) == (player != frozen)


def test_nobody_waits_while_they_are_even():
    model = small_model("dcgan", freeze_above=0.8)
    model.compile()
    logits = np.array([[1.0], [-1.0]], "float32")
    model.record_accuracy(logits, logits)
    assert float(model.accuracy) == 0.5
    assert not any(bool(model.waits(player)) for player in model.named_networks)
    model.record_accuracy(np.abs(logits), -np.abs(logits))
    assert float(model.accuracy) == 1.0 and bool(model.waits("discriminator"))


# ---- where they fit


@pytest.mark.parametrize(
    ("name", "option", "message"),
    [
        ("wgan", {"label_smoothing": 0.1}, "WGAN does not support label_smoothing.*no labels"),
        ("wgan_gp", {"minibatch_discrimination": 2}, "WGANGP does not support.*by itself"),
        ("wgan_gp", {"critic_norm": "batch"}, "one of none, layer. Received: 'batch'"),
        ("ebgan", {"freeze_above": 0.9}, "EBGAN does not support freeze_above.*no accuracy"),
        ("gan", {"virtual_batch_norm": 8}, "GAN does not support.*no batch norm"),
        ("cgan", {"virtual_batch_norm": 8, "networks": "mlp"}, "norm needs networks=dcgan"),
        ("wgan", {"critic_norm": "layer", "networks": "mlp"}, "critic_norm needs networks=dcgan"),
        ("dcgan", {"upsampling": "cubic"}, "one of transposed, nearest, bilinear.*'cubic'"),
        ("dcgan", {"freeze_above": 0.5}, "freeze_above must be above 0.5 and at most 1"),
        ("dcgan", {"historical_averaging": -1.0}, "historical_averaging must be at least 0"),
        ("dcgan", {"label_smoothing": 1.0}, "label_smoothing must be at least 0 and below 1"),
        ("wgan", {"clip": 0.0}, "clip must be a positive number. Received: 0.0"),
        ("wgan", {"n_critic": 0}, "n_critic must be a positive integer. Received: 0"),
        ("wgan_gp", {"penalty": -1.0}, "penalty must be a positive number. Received: -1.0"),
        ("ebgan", {"margin": 0.0}, "margin must be a positive number. Received: 0.0"),
        ("aae", {"prior": "mixture"}, "latent_dim must be 2. Received: 6"),
    ],
)
def test_what_does_not_fit_is_refused(name, option, message):
    values = {**small_hyperparameters(name), **option}
    with pytest.raises(RequestError, match=message):
        registry.entry(name).build(values, image_shape=(8, 8, 1), num_classes=3)
