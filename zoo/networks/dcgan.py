"""The convolutional generator and discriminator of Radford et al. (2016), for any image size.

The paper draws 64x64 images from a 4x4 base by four fractionally strided convolutions. Here the
number of doublings follows the image: sides are halved until they are at most 7, twice at least
(8 -> 2, 28 -> 7, 32 -> 4, 64 -> 4), and a side that does not halve evenly is drawn larger and
cropped. Kernels are 4x4 instead of 5x5: they tile evenly at stride 2, and an odd kernel's "same"
padding is not the same on every backend.
"""

import math

import keras

from zoo.errors import RequestError
from zoo.layers import label_channel

MIN_SIDE = 8


def doublings(image_shape):
    """How often the base is doubled to reach the image."""
    short = min(image_shape[:2])
    if short < MIN_SIDE:
        raise RequestError(
            f"Image sides must be at least {MIN_SIDE} pixels. "
            f"Received: {image_shape[0]}x{image_shape[1]}"
        )
    return max(2, math.ceil(math.log2(short / 7)))


def _convolution(layer, filters, **kwargs):
    return layer(
        filters,
        kernel_size=4,
        strides=2,
        padding="same",
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
        **kwargs,
    )


def _batch_norm():
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)


def dcgan_generator(image_shape, latent_dim, width, num_classes=0):
    """Dense to the base, then a strided transposed convolution per doubling; tanh output.

    Args:
        image_shape: (height, width, channels).
        latent_dim: length of `z`.
        width: filters of the last hidden layer (128 in the paper); doubled towards the base.
        num_classes: above 0, a `label` input joins the base as one more channel.

    Returns:
        A model of {"z": (batch, latent_dim)[, "label": (batch,)]} to (batch, h, w, c) in [-1, 1].
    """
    height, width_, channels = image_shape
    levels = doublings(image_shape)
    base = (math.ceil(height / 2**levels), math.ceil(width_ / 2**levels))
    filters = width * 2 ** (levels - 1)

    z = keras.Input((latent_dim,), name="z")
    inputs = {"z": z}
    x = keras.layers.Dense(
        base[0] * base[1] * filters,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
    )(z)
    x = _batch_norm()(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.Reshape((*base, filters))(x)
    if num_classes:
        inputs["label"] = keras.Input((), dtype="int32", name="label")
        channel = label_channel(inputs["label"], num_classes, *base)
        x = keras.layers.Concatenate()([x, channel])
    for level in range(1, levels):
        x = _convolution(keras.layers.Conv2DTranspose, filters // 2**level, use_bias=False)(x)
        x = _batch_norm()(x)
        x = keras.layers.ReLU()(x)
    image = _convolution(keras.layers.Conv2DTranspose, channels, activation="tanh")(x)
    extra = (base[0] * 2**levels - height, base[1] * 2**levels - width_)
    if any(extra):
        image = keras.layers.Cropping2D(((0, extra[0]), (0, extra[1])))(image)
    return keras.Model(inputs, image, name="generator")


def dcgan_discriminator(image_shape, width, num_classes=0):
    """Strided convolutions with LeakyReLU(0.2), batch norm on all but the first.

    Args:
        image_shape: (height, width, channels).
        width: filters of the first layer, doubled at each.
        num_classes: above 0, a `label` input joins the image as one more channel.

    Returns:
        A model of {"image": (batch, h, w, c)[, "label": (batch,)]} to logits (batch, 1).
    """
    image = keras.Input(image_shape, name="image")
    inputs = {"image": image}
    x = image
    if num_classes:
        inputs["label"] = keras.Input((), dtype="int32", name="label")
        channel = label_channel(inputs["label"], num_classes, *image_shape[:2])
        x = keras.layers.Concatenate()([x, channel])
    for level in range(doublings(image_shape)):
        x = _convolution(keras.layers.Conv2D, width * 2**level, use_bias=level == 0)(x)
        if level:
            x = _batch_norm()(x)
        x = keras.layers.LeakyReLU(0.2)(x)
    x = keras.layers.Flatten()(x)
    logit = keras.layers.Dense(1, name="logit")(x)
    return keras.Model(inputs, logit, name="discriminator")
