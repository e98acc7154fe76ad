"""The gradient penalties of networks with their norms in place, against float64 numpy."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.core.test_backend import finite_differences, sgd_step
from zoo.networks.layers import Maxout
from zoo.networks.norms import ExampleNorm
from zoo.objectives.losses import gradient_penalty, r1_penalty

EPSILON = 1e-5


def critic_value(x, weights):
    """Dense, `ExampleNorm`, LeakyReLU(0.2), dense: one score per row of x, real or complex."""
    kernel, bias, gamma, beta, last, _ = weights
    h = (x @ kernel + bias).reshape(len(x), 2, 2, 3)
    centred = h - h.mean(axis=(1, 2, 3), keepdims=True)
    variance = (centred**2).mean(axis=(1, 2, 3), keepdims=True)
    h = gamma * centred / np.sqrt(variance + EPSILON) + beta
    h = np.where(h.real > 0, h, 0.2 * h)
    return (h.reshape(len(x), -1) @ last)[:, 0]


def maxout_value(x, weights):
    """Maxout of 4 units of 3 pieces, dense: one logit per row of x, real or complex."""
    kernel, bias, last, _ = weights
    pieces = (x @ kernel + bias).reshape(len(x), 4, 3)
    chosen = pieces.real.argmax(axis=-1)[..., None]
    return (np.take_along_axis(pieces, chosen, axis=-1)[..., 0] @ last)[:, 0]


def squared_slopes(value, x, weights):
    """||grad value(x)||^2 of each row in float64, by complex steps, exact to rounding."""
    gradient = np.zeros_like(x)
    for i in range(x.shape[1]):
        step = x.astype(complex)
        step[:, i] += 1e-30j
        gradient[:, i] = value(step, weights).imag / 1e-30
    return (gradient**2).sum(axis=1)


def penalty_value(x, weights):
    return np.mean((np.sqrt(squared_slopes(critic_value, x, weights) + 1e-12) - 1) ** 2)


def normed_critic():
    return keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(12),
            keras.layers.Reshape((2, 2, 3)),
            ExampleNorm(EPSILON),
            keras.layers.LeakyReLU(0.2),
            keras.layers.Flatten(),
            keras.layers.Dense(1),
        ]
    )


def maxout_discriminator():
    return keras.Sequential([keras.Input((5,)), Maxout(4, 3), keras.layers.Dense(1)])


def draw_weights(network, rng):
    """Gives a network normal weights, and returns them in float64."""
    network.set_weights([rng.standard_normal(w.shape) for w in network.weights])
    return [np.array(w, "float64") for w in network.get_weights()]


def check_gradients(network, value_of, weights, applied):
    """Applied gradients against finite differences of a function of all weights."""
    for index, gradient in enumerate(applied):

        def of_one(value, index=index):
            return value_of([*weights[:index], value, *weights[index + 1 :]])

        expected = finite_differences(of_one, weights[index])
        error = np.linalg.norm(gradient - expected)
        # Biases that shift all outputs alike have no gradient.
        assert error < 1e-4 * max(np.linalg.norm(expected), 1e-2), network.weights[index].path


def test_the_penalty_and_its_gradient():
    rng = np.random.default_rng(4)
    critic = normed_critic()
    weights = draw_weights(critic, rng)
    real, fake = rng.standard_normal((2, 4, 5)).astype("float32")
    share = rng.random(4, dtype="float32")
    between = share[:, None].astype("float64") * real + (1 - share[:, None]) * fake.astype(
        "float64"
    )

    inputs = [ops.convert_to_tensor(value) for value in (real, fake, share)]
    loss, applied = sgd_step(
        lambda: gradient_penalty(lambda x: critic(x, training=True), *inputs),
        critic.trainable_variables,
    )
    assert abs(loss / penalty_value(between, weights) - 1) < 1e-4
    check_gradients(critic, lambda w: penalty_value(between, w), weights, applied)


@pytest.mark.parametrize(
    ("make", "value"),
    [(normed_critic, critic_value), (maxout_discriminator, maxout_value)],
    ids=["layer norm", "maxout"],
)
def test_the_r1_penalty_and_its_gradient(make, value):
    rng = np.random.default_rng(5)
    network = make()
    weights = draw_weights(network, rng)
    real = rng.standard_normal((4, 5)).astype("float32")
    points = real.astype("float64")

    def expected_value(weights):
        return np.mean(squared_slopes(value, points, weights)) / 2

    loss, applied = sgd_step(
        lambda: r1_penalty(lambda x: network(x, training=True), ops.convert_to_tensor(real)),
        network.trainable_variables,
    )
    assert abs(loss / expected_value(weights) - 1) < 1e-4
    check_gradients(network, expected_value, weights, applied)
