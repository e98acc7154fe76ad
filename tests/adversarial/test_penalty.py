"""The gradient penalty of a critic with its norm in place, against float64 numpy."""

import keras
import numpy as np
from keras import ops

from tests.core.test_backend import finite_differences, sgd_step
from zoo.networks.norms import ExampleNorm
from zoo.objectives.losses import gradient_penalty

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


def penalty_value(x, weights):
    """The penalty in float64; the gradient at x by complex steps, exact to rounding."""
    gradient = np.zeros_like(x)
    for i in range(x.shape[1]):
        step = x.astype(complex)
        step[:, i] += 1e-30j
        gradient[:, i] = critic_value(step, weights).imag / 1e-30
    return np.mean((np.sqrt((gradient**2).sum(axis=1) + 1e-12) - 1) ** 2)


def test_the_penalty_and_its_gradient():
    rng = np.random.default_rng(4)
    critic = keras.Sequential(
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
    critic.set_weights([rng.standard_normal(w.shape) for w in critic.weights])
    weights = [np.array(w, "float64") for w in critic.get_weights()]
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
    for index, gradient in enumerate(applied):

        def of_one(value, index=index):
            return penalty_value(between, [*weights[:index], value, *weights[index + 1 :]])

        expected = finite_differences(of_one, weights[index])
        error = np.linalg.norm(gradient - expected)
        # Two biases shift all scores alike and have no gradient.
        assert error < 1e-4 * max(np.linalg.norm(expected), 1e-2), critic.weights[index].path
