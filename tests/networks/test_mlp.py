"""The fully connected networks, by the sizes in the papers."""

import keras
import numpy as np
import pytest

from zoo import registry
from zoo.networks.mlp import conditional_discriminator, conditional_generator

once = pytest.mark.once


def kernels(network):
    """The shapes of a network's matrices, sorted."""
    return sorted(tuple(w.shape) for w in network.trainable_weights if len(w.shape) == 2)


@once
def test_the_paper_preset_of_cgan_is_the_papers_network():
    """Mirza and Osindero (2014), section 4.1, counted by hand."""
    settings = registry.entry("cgan").configure("paper")
    model = registry.entry("cgan").build(settings, image_shape=(28, 28, 1), num_classes=10)
    # 100 -> 200, 10 -> 1,000, joined to 1,200, then 784 pixels.
    assert kernels(model.generator) == [(10, 1000), (100, 200), (1200, 784), (1200, 1200)]
    weights = (100 + 1) * 200 + (10 + 1) * 1000 + (1200 + 1) * 1200 + (1200 + 1) * 784
    assert model.generator.count_params() == weights == 2_413_984
    # 784 -> 240 of 5 pieces, 10 -> 50 of 5, joined to 240 of 4, then one logit.
    assert kernels(model.discriminator) == [(10, 250), (240, 1), (290, 960), (784, 1200)]
    weights = (784 + 1) * 1200 + (10 + 1) * 250 + (290 + 1) * 960 + (240 + 1)
    assert model.discriminator.count_params() == weights == 1_224_351
    for network in (model.generator, model.discriminator):
        rates = [x.rate for x in network.layers if isinstance(x, keras.layers.Dropout)]
        assert rates == [0.5, 0.5]
    for optimizer in model.default_optimizers().values():
        assert isinstance(optimizer, keras.optimizers.SGD)
        assert float(optimizer.learning_rate) == pytest.approx(0.1)
        assert optimizer.momentum == 0.5
    assert (settings["batch_size"], settings["latent_dim"]) == (100, 100)


def relu(x):
    return np.maximum(x, 0)


def test_the_conditional_generator_by_hand():
    network = conditional_generator((2,), 3, hidden=12, dropout=0.0, seed=0, num_classes=4)
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(w.shape).astype("float32") for w in network.weights]
    network.set_weights(values)
    by_shape = {w.shape: w for w in values}
    biases = {w.shape[0]: w for w in values if w.ndim == 1}
    z = rng.standard_normal((2, 3)).astype("float32")
    noise = relu(z @ by_shape[3, 2] + values[[w.shape for w in values].index((3, 2)) + 1])
    label = relu(by_shape[4, 10][[1, 3]] + biases[10])
    joint = relu(np.concatenate([noise, label], axis=1) @ by_shape[12, 12] + biases[12])
    expected = joint @ by_shape[12, 2] + values[[w.shape for w in values].index((12, 2)) + 1]
    received = network({"z": z, "label": np.array([1, 3], "int32")})
    np.testing.assert_allclose(keras.ops.convert_to_numpy(received), expected, rtol=1e-4, atol=1e-5)


def test_the_conditional_discriminator_by_hand():
    network = conditional_discriminator((3,), hidden=2, dropout=0.0, seed=0, num_classes=4)
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(w.shape).astype("float32") for w in network.weights]
    network.set_weights(values)
    pairs = {
        kernel.shape: (kernel, bias) for kernel, bias in zip(values[::2], values[1::2], strict=True)
    }

    def maxout(x, kernel, bias, pieces):
        return (x @ kernel + bias).reshape(len(x), -1, pieces).max(axis=-1)

    x = rng.standard_normal((2, 3)).astype("float32")
    seen = maxout(x, *pairs[3, 10], 5)
    label = maxout(np.eye(4, dtype="float32")[[2, 0]], *pairs[4, 250], 5)
    joint = maxout(np.concatenate([seen, label], axis=1), *pairs[52, 8], 4)
    expected = joint @ pairs[2, 1][0] + pairs[2, 1][1]
    received = network({"image": x, "label": np.array([2, 0], "int32")})
    np.testing.assert_allclose(keras.ops.convert_to_numpy(received), expected, rtol=1e-4, atol=1e-4)
