"""`minimize` and `input_gradient` against float64 numpy, on the backend that runs."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo import backend


def sgd_step(loss_fn, variables, rate=1.0):
    """The gradients that one step applied: value before minus value after, over the rate."""
    optimizer = keras.optimizers.SGD(rate)
    optimizer.build(variables)
    before = [numpy(v) for v in variables]
    loss = backend.minimize(loss_fn, variables, optimizer)
    return float(numpy(loss)), [
        (b - numpy(v)) / rate for b, v in zip(before, variables, strict=True)
    ]


def numpy(value):
    return np.array(ops.convert_to_numpy(value), "float64")


def finite_differences(function, x, step=1e-6):
    """Central differences of a scalar function at a float64 array."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (function(up) - function(down)) / (2 * step)
    return gradient


def test_minimize_applies_the_gradient():
    w = keras.Variable(np.array([1.0, -2.0, 3.0], "float32"))
    loss, (gradient,) = sgd_step(lambda: ops.sum(w**3), [w], rate=0.5)
    assert loss == pytest.approx(1 - 8 + 27)
    np.testing.assert_allclose(gradient, [3.0, 12.0, 27.0], rtol=1e-6)


def test_a_weight_the_loss_does_not_reach_gets_a_zero_gradient():
    used, unused = keras.Variable([2.0]), keras.Variable([5.0])
    _, applied = sgd_step(lambda: ops.sum(used * 3.0), [used, unused])
    np.testing.assert_array_equal(applied, [[3.0], [0.0]])


def test_minimize_leaves_other_weights_alone():
    player, other = keras.Variable([2.0]), keras.Variable([3.0])
    sgd_step(lambda: ops.sum(player * other), [player])
    np.testing.assert_array_equal(numpy(other), [3.0])


def test_state_that_the_loss_updates_is_kept():
    norm = keras.layers.BatchNormalization(momentum=0.9)
    norm.build((None, 1))
    mean = keras.metrics.Mean()
    seed = keras.random.SeedGenerator(3)
    before = numpy(seed.state)

    def loss():
        mean.update_state(4.0)
        keras.random.normal((1,), seed=seed)
        return ops.sum(norm(ops.convert_to_tensor([[1.0], [3.0]]), training=True) ** 2)

    sgd_step(loss, norm.trainable_variables)
    np.testing.assert_allclose(numpy(norm.moving_mean), [0.9 * 0 + 0.1 * 2], rtol=1e-6)
    assert float(mean.result()) == 4.0
    assert not np.array_equal(numpy(seed.state), before)


def test_input_gradient_is_each_examples_own():
    x = np.array([[1.0, 2.0], [-3.0, 0.5]], "float32")
    gradient = backend.input_gradient(lambda x: ops.sum(x**2, axis=1), x)
    np.testing.assert_allclose(numpy(gradient), 2 * x, rtol=1e-6)


def test_input_gradient_of_a_constant_is_zero():
    x = np.ones((2, 3), "float32")
    gradient = backend.input_gradient(lambda x: ops.ones((2,)), x)
    np.testing.assert_array_equal(numpy(gradient), np.zeros((2, 3)))


def test_penalty_gradient_matches_finite_differences():
    """d/dw mean((|grad_x f(x)| - 1)^2) for a two-layer critic, the second-order path."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((4, 3))
    w1, w2 = rng.standard_normal((3, 5)), rng.standard_normal((5, 1))

    def reference(w1):
        hidden = np.tanh(x @ w1)
        input_gradient = ((1 - hidden**2) * w2[:, 0]) @ w1.T
        return np.mean((np.sqrt(np.sum(input_gradient**2, axis=1)) - 1) ** 2)

    v1, v2 = keras.Variable(w1.astype("float32")), keras.Variable(w2.astype("float32"))
    points = ops.convert_to_tensor(x.astype("float32"))

    def penalty():
        def critic(x):
            return ops.matmul(ops.tanh(ops.matmul(x, v1)), v2)

        slopes = backend.input_gradient(critic, points)
        return ops.mean((ops.sqrt(ops.sum(slopes**2, axis=1)) - 1.0) ** 2)

    loss, (applied,) = sgd_step(penalty, [v1])
    assert loss == pytest.approx(reference(w1), rel=1e-5)
    np.testing.assert_allclose(applied, finite_differences(reference, w1), rtol=1e-4, atol=1e-5)


def test_input_gradient_keeps_the_state_it_updates():
    """Through a layer with state: on JAX this leaks tracers unless the scope is lifted."""
    norm = keras.layers.BatchNormalization(momentum=0.5)
    norm.build((None, 2))
    x = ops.convert_to_tensor(np.array([[2.0, 4.0], [4.0, 8.0]], "float32"))

    def penalty():
        slopes = backend.input_gradient(lambda x: ops.sum(norm(x, training=True), axis=1), x)
        return ops.mean(slopes**2) + ops.sum(norm.gamma)

    sgd_step(penalty, [norm.gamma])
    np.testing.assert_allclose(numpy(norm.moving_mean), [1.5, 3.0], rtol=1e-6)


def test_a_batch_takes_images_and_labels_only():
    images, labels = backend.as_batch((np.ones((2, 1)), np.zeros(2)))
    assert images.shape == (2, 1) and labels.shape == (2,)
    assert backend.as_batch((images,)).labels is None
    with pytest.raises(ValueError, match=r"no sample or class weights.*Received: .*\(2,\)"):
        backend.as_batch((images, labels, np.ones(2)))
