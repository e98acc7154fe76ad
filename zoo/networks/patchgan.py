"""The PatchGAN of Isola et al. (2017), https://arxiv.org/abs/1611.07004: a logit for each patch.

It consists of 4x4 convolutions of stride 2 and then two of stride 1. Their number decides how large
a patch is, the part of the image that one logit sees. For a patch of one pixel all convolutions are
1x1.
"""

from typing import Any

import keras

from zoo.errors import RequestError
from zoo.networks.dcgan import convolution, normal_weights
from zoo.networks.unet import make_norm

HALVINGS = {1: 0, 16: 1, 70: 3, 286: 5}  # patch side to convolutions of stride 2


def patchgan(
    image_shape: tuple[int, ...],
    channels: int,
    width: int,
    patch: int,
    norm: str = "batch",
    name: str = "discriminator",
) -> keras.Model:
    """The patch discriminator.

    Args:
        image_shape: (height, width, channels) of the images it tells apart.
        channels: of the input image that it sees beside each, 0 for none.
        width: filters of the first layer (64 in the paper), doubled at each up to 8 times.
        patch: side of the part of the image that a logit sees, one of `HALVINGS`.
        norm: "batch" or "instance".
        name: of the model.

    Returns:
        A model of {"image": (batch, h, w, c)[, "input": (batch, h, w, channels)]} to logits
        (batch, rows, columns, 1).

    Raises:
        RequestError: an image that is too small for the patch.
    """
    halvings, short = HALVINGS[patch], min(image_shape[:2])
    if -(-short // 2**halvings) < 3 and patch > 1:
        fitting = max(p for p, n in HALVINGS.items() if p == 1 or -(-short // 2**n) >= 3)
        raise RequestError(
            f"With patch={patch}, image sides must be above {2 ** (halvings + 1)}; patch={fitting} "
            f"fits. Received: {image_shape[0]}x{image_shape[1]}"
        )
    inputs = {"image": keras.Input(image_shape, name="image")}
    x = inputs["image"]
    if channels:
        inputs["input"] = keras.Input((*image_shape[:2], channels), name="input")
        x = keras.layers.Concatenate()([inputs["input"], x])
    if patch == 1:
        x = keras.layers.LeakyReLU(0.2)(_flat(width, 1, use_bias=False)(x))
        x = make_norm(norm)(_flat(2 * width, 1, use_bias=False)(x))
        x = keras.layers.LeakyReLU(0.2)(x)
        return keras.Model(inputs, _flat(1, 1, name="logit")(x), name=name)
    for level in range(halvings + 1):
        filters = width * min(2**level, 8)
        if level < halvings:
            x = convolution(filters, use_bias=False)(x)
        else:
            x = _flat(filters, 4, use_bias=False)(keras.layers.ZeroPadding2D()(x))
        if level:
            x = make_norm(norm)(x)
        x = keras.layers.LeakyReLU(0.2)(x)
    x = _flat(1, 4, name="logit")(keras.layers.ZeroPadding2D()(x))
    return keras.Model(inputs, x, name=name)


def _flat(filters: int, kernel: int, **kwargs: Any) -> keras.layers.Layer:
    """A convolution of stride 1."""
    return keras.layers.Conv2D(filters, kernel, kernel_initializer=normal_weights(), **kwargs)
