"""What convolutions give here on JAX, and their gradients, are those of Keras' own."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "jax":
    pytest.skip("elsewhere Keras' convolutions are as they are", allow_module_level=True)

import jax

from zoo.backend import jax_convolutions as quick

# Sides of images, of a kernel, strides, padding. The first four are computed here, others by Keras.
CASES = [
    ((6, 8), (4, 4), 2, "same"),
    ((4, 6), (2, 3), (2, 3), "same"),
    ((4, 6), (6, 8), [2, 2], "same"),
    ((4, 6), (6, 8), (2, 4), "same"),
    ((7, 6), (4, 4), 2, "same"),
    ((6, 6), (5, 3), 2, "same"),
    ((8, 8), (4, 4), 2, "valid"),
    ((5, 5), (4, 4), 1, "same"),
    ((8,), (4,), 2, "same"),
]
cases = pytest.mark.parametrize(("sides", "kernel", "strides", "padding"), CASES)
FUNCTIONS = {
    "conv": (quick.conv, quick.KERAS_CONV),
    "conv_transpose": (quick.conv_transpose, quick.KERAS_CONV_TRANSPOSE),
}
functions = pytest.mark.parametrize("name", FUNCTIONS)


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def arrays(name, sides, kernel):
    """Images of three channels, and a kernel to five."""
    channels = (3, 5) if name == "conv" else (5, 3)
    return noise(2, *sides, 3), noise(*kernel, *channels)


def gradients(function, *options):
    """A function of images and a kernel to a loss' gradients with respect to both."""
    return jax.grad(lambda x, k: (function(x, k, *options) ** 3).sum(), (0, 1))


def assert_alike(function, own, *given):
    for one, other in zip(jax.jit(function)(*given), jax.jit(own)(*given), strict=True):
        scale = np.abs(other).max()
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-5 * scale)
        assert scale > 0


@functions
@cases
def test_values(name, sides, kernel, strides, padding):
    ours, own = (lambda *given, f=f: [f(*given, strides, padding)] for f in FUNCTIONS[name])
    assert_alike(ours, own, *arrays(name, sides, kernel))


@functions
@cases
def test_gradients(name, sides, kernel, strides, padding):
    ours, own = (gradients(f, strides, padding) for f in FUNCTIONS[name])
    assert_alike(ours, own, *arrays(name, sides, kernel))


@functions
@cases
def test_gradients_of_a_gradient_penalty(name, sides, kernel, strides, padding):
    def penalty(function):
        slope = gradients(function, strides, padding)
        return jax.grad(lambda x, k: (slope(x, k)[0] ** 2).sum(), (0, 1))

    ours, own = map(penalty, FUNCTIONS[name])
    assert_alike(ours, own, *arrays(name, sides, kernel))


def test_channels_first():
    images, kernel = noise(2, 3, 6, 6), noise(4, 4, 3, 5)
    ours, own = (gradients(f, 2, "same", "channels_first") for f in FUNCTIONS["conv"])
    assert_alike(ours, own, images, kernel)


def test_groups_of_channels_are_keras_own():
    images, kernel = noise(2, 4, 4, 6), noise(4, 4, 2, 6)
    ours, own = (gradients(f, 2, "same") for f in FUNCTIONS["conv"])
    assert_alike(ours, own, images, kernel)


def test_an_output_with_padding_is_keras_own():
    images, kernel = noise(2, 4, 4, 3), noise(4, 4, 5, 3)
    ours, own = (gradients(f, 2, "same", 0) for f in FUNCTIONS["conv_transpose"])
    assert_alike(ours, own, images, kernel)


@pytest.mark.parametrize(
    ("layer", "name"),
    [(keras.layers.Conv2D, "convolve"), (keras.layers.Conv2DTranspose, "transpose")],
)
def test_layers_have_these_gradients(layer, name):
    network = layer(4, 4, strides=2, padding="same")
    program = jax.make_jaxpr(network)(noise(2, 6, 6, 3))
    assert f"name={name}" in str(program)
