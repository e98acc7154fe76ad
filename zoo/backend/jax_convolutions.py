"""Convolutions of Keras on JAX that a processor computes quickly, with quick gradients.

A transposed convolution is here one matrix product: of each pixel with the whole kernel, whose
results are then added where they overlap. XLA takes it for a convolution of images with gaps, up to
forty times as slow where images are small. And it is the gradient of a convolution with respect to
its images, so its own gradients are that convolution, and that one's with respect to the kernel;
those that JAX derives take XLA twenty times as long. A third of a step of dcgan went there, three
quarters of one of pix2pix, and two fifths of one of wgan_gp, which differentiates a gradient.

`install` puts these in the place of Keras' own, which remain for all but strided images with
padding "same" and a kernel of whole strides, and on a GPU.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras

NN = keras.src.backend.jax.nn
KERAS_CONV, KERAS_CONV_TRANSPOSE = NN.conv, NN.conv_transpose
Array = Any  # a `jax.Array`
Strides = tuple[int, int]


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def convolve(images: Array, kernel: Array, strides: Strides) -> Array:
    """A convolution of images (batch, height, width, channels), padding "same"."""
    return KERAS_CONV(images, kernel, strides, "same")


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def transpose(images: Array, kernel: Array, strides: Strides) -> Array:
    """A transposed convolution, padding "same", whose kernel's sides are multiples of the strides.

    A pixel times the kernel gives `down` x `right` tiles of one stride each.
    """
    count, rows, columns, channels = images.shape
    height, width, drawn_channels, _ = kernel.shape
    high, wide = strides
    down, right = height // high, width // wide
    tiles = images.reshape(-1, channels) @ kernel.reshape(-1, channels).T
    tiles = tiles.reshape(count, rows, columns, down, high, right, wide, drawn_channels)
    whole: Any = 0
    for i in range(down):
        for j in range(right):
            places = ((0, 0), (i, down - 1 - i), (j, right - 1 - j), (0, 0), (0, 0), (0, 0))
            whole = whole + jnp.pad(tiles[:, :, :, i, :, j], places)
    shape = (count, (rows + down - 1) * high, (columns + right - 1) * wide, drawn_channels)
    drawn = whole.transpose(0, 1, 3, 2, 4, 5).reshape(shape)
    top, left = (height - high) // 2, (width - wide) // 2
    return drawn[:, top : top + rows * high, left : left + columns * wide]


def _convolve_backward(
    strides: Strides, given: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
    images, kernel = given
    _, of_kernel = jax.vjp(lambda kernel: KERAS_CONV(images, kernel, strides, "same"), kernel)
    return transpose(gradient, kernel, strides), of_kernel(gradient)[0]


def _transpose_backward(
    strides: Strides, given: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
    images, kernel = given
    of_images, of_kernel = jax.vjp(lambda kernel: convolve(gradient, kernel, strides), kernel)
    return of_images, of_kernel(images)[0]


convolve.defvjp(lambda *given: (convolve(*given), given[:2]), _convolve_backward)
transpose.defvjp(lambda *given: (transpose(*given), given[:2]), _transpose_backward)


def conv(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Array:
    """Keras' `conv`."""
    quick = _quick_strides(inputs, kernel, strides, padding, data_format, dilation_rate)
    # The gradient has sides of whole strides, and knows no groups of channels.
    if quick and _whole(inputs.shape[1:3], quick) and inputs.shape[-1] == kernel.shape[-2]:
        return convolve(NN.convert_to_tensor(inputs), NN.convert_to_tensor(kernel), quick)
    return KERAS_CONV(inputs, kernel, strides, padding, data_format, dilation_rate)


def conv_transpose(
    inputs: Any,
    kernel: Any,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    output_padding: int | Sequence[int] | None = None,
    data_format: str | None = None,
    dilation_rate: int | Sequence[int] = 1,
) -> Array:
    """Keras' `conv_transpose`."""
    quick = _quick_strides(inputs, kernel, strides, padding, data_format, dilation_rate)
    if quick and output_padding is None:
        return transpose(NN.convert_to_tensor(inputs), NN.convert_to_tensor(kernel), quick)
    return KERAS_CONV_TRANSPOSE(
        inputs, kernel, strides, padding, output_padding, data_format, dilation_rate
    )


def _quick_strides(
    inputs: Any, kernel: Any, strides: Any, padding: str, data_format: Any, dilation_rate: Any
) -> Strides | None:
    """The strides, where `convolve` and `transpose` are for these arguments and this machine."""
    pair = _pair(strides)
    quick = (
        jax.default_backend() == "cpu"
        and len(inputs.shape) == 4
        and min(pair) > 1
        and padding == "same"
        and keras.src.backend.standardize_data_format(data_format) == "channels_last"
        and _pair(dilation_rate) == (1, 1)
        and _whole(kernel.shape[:2], pair)
    )
    return pair if quick else None


def _whole(sides: Sequence[int], strides: Strides) -> bool:
    return all(side % stride == 0 for side, stride in zip(sides, strides, strict=True))


def _pair(number: int | Sequence[int]) -> tuple[int, int]:
    return (number, number) if isinstance(number, int) else (number[0], number[-1])


def install() -> None:
    """Lets Keras' layers and operations convolve with these functions."""
    NN.conv, NN.conv_transpose = conv, conv_transpose
