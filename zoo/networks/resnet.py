"""Residual networks for a generator and for a discriminator or critic, of images of any size.

They follow the residual networks of Gulrajani et al. (2017), https://arxiv.org/abs/1704.00028: in a
block, norm and ReLU stand before each of two 3x3 convolutions, and the sides are doubled (nearest
neighbour) or halved (means of 2x2) on the way and in the shortcut. Their deepest networks have 101
layers in bottleneck blocks; here a block is always of two convolutions, and `blocks` of them at
each size of feature map make 2 * blocks * doublings + 2 layers: 10 for 28x28 and two blocks, 98 for
64x64 and twelve.
"""

import math
from collections.abc import Callable

import keras

from zoo.networks.dcgan import NORMS, Shape, Symbolic, doublings, labelled_image, widths
from zoo.networks.layers import label_channel


def residual_generator(
    image_shape: Shape,
    inputs: dict[str, int],
    width: int,
    num_classes: int = 0,
    blocks: int = 1,
    norm: str = "batch",
    doubling: bool = True,
    name: str = "generator",
) -> keras.Model:
    """A dense layer to the base, then residual blocks for each doubling; tanh output.

    Args:
        image_shape: (height, width, channels).
        inputs: dict of input name to length of the vector; they are joined to one.
        width: filters next to the image.
        num_classes: above 0, a `label` input joins the base as one more channel.
        blocks: at each size, at least 1; the first doubles the sides.
        norm: "batch", "layer" or "none".
        doubling: whether the filters double towards the base.
        name: of the model.

    Returns:
        A model of a dict of inputs to (batch, h, w, c) in [-1, 1].
    """
    levels = doublings(image_shape)
    height, width_, channels = image_shape
    base = (math.ceil(height / 2**levels), math.ceil(width_ / 2**levels))
    filters = widths(width, levels, doubling)
    symbolic = {name: keras.Input((length,), name=name) for name, length in inputs.items()}
    vectors = list(symbolic.values())
    x = keras.layers.Concatenate()(vectors) if len(vectors) > 1 else vectors[0]
    x = keras.layers.Dense(base[0] * base[1] * filters[-1])(x)
    x = keras.layers.Reshape((*base, filters[-1]))(x)
    if num_classes:
        label = symbolic["label"] = keras.Input((), dtype="int32", name="label")
        x = keras.layers.Concatenate()([x, label_channel(label, num_classes, *base)])
    for count in reversed(filters):
        x = block(x, count, norm, before=doubled)
        for _ in range(blocks - 1):
            x = block(x, count, norm)
    x = keras.layers.ReLU()(NORMS[norm]()(x))
    image = _convolution(channels, activation="tanh")(x)
    extra = (base[0] * 2**levels - height, base[1] * 2**levels - width_)
    if any(extra):
        image = keras.layers.Cropping2D(((0, extra[0]), (0, extra[1])))(image)
    return keras.Model(symbolic, image, name=name)


def residual_trunk(
    image_shape: Shape,
    width: int,
    num_classes: int = 0,
    norm: str = "none",
    label_input: str = "plane",
    blocks: int = 1,
    doubling: bool = True,
) -> tuple[dict[str, Symbolic], Symbolic]:
    """A convolution, then residual blocks for each halving; ReLU at the end.

    Args:
        image_shape, num_classes, label_input: as for `zoo.networks.dcgan.convolutions`.
        width: filters next to the image.
        norm: "batch", "layer" or "none".
        blocks: at each size, at least 1; the last halves the sides.
        doubling: whether the filters double towards the end.

    Returns:
        Dict of symbolic inputs, and the feature map (batch, h, w, c).
    """
    inputs, x = labelled_image(image_shape, num_classes, label_input)
    x = _convolution(width)(x)
    for count in widths(width, doublings(image_shape), doubling):
        for _ in range(blocks - 1):
            x = block(x, count, norm)
        x = block(x, count, norm, after=halved)
    return inputs, keras.layers.ReLU()(x)


def doubled() -> keras.layers.Layer:
    """A layer that doubles the sides: every pixel four times."""
    return keras.layers.UpSampling2D()


def halved() -> keras.layers.Layer:
    """A layer that halves the sides: means of 2x2 pixels; the last of an odd number is left out."""
    return keras.layers.AveragePooling2D(2)


def block(
    x: Symbolic,
    filters: int,
    norm: str,
    before: Callable[[], keras.layers.Layer] = keras.layers.Identity,
    after: Callable[[], keras.layers.Layer] = keras.layers.Identity,
) -> Symbolic:
    """The shortcut plus norm, ReLU, `before`, convolution, norm, ReLU, convolution, `after`.

    Args:
        x: feature map (batch, h, w, c).
        filters: channels of the result; where c differs the shortcut is a 1x1 convolution.
        norm: "batch", "layer" or "none".
        before, after: make a layer that changes the sides, in the shortcut too.
    """
    shortcut = before()(x)
    if x.shape[-1] != filters:
        shortcut = keras.layers.Conv2D(filters, 1)(shortcut)
    shortcut = after()(shortcut)
    x = keras.layers.ReLU()(NORMS[norm]()(x))
    x = _convolution(filters)(before()(x))
    x = keras.layers.ReLU()(NORMS[norm]()(x))
    return shortcut + after()(_convolution(filters)(x))


def _convolution(filters: int, activation: str | None = None) -> keras.layers.Layer:
    return keras.layers.Conv2D(
        filters, 3, padding="same", kernel_initializer="he_uniform", activation=activation
    )
