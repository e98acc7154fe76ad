"""The U-Net of Isola et al. (2017), https://arxiv.org/abs/1611.07004, for images of any size.

Encoder and decoder halve and double the sides by 4x4 convolutions of stride 2; each decoder level
also sees the encoder's map of its size. The paper's, for 256x256, has 8 levels. Here their number
is `depth`, and the network takes every image whose sides are multiples of 2^depth.

Dropout is the paper's only noise. Its masks are either drawn by Keras' layers, in training alone,
or inputs of the network: then whoever runs it draws them, and it has no randomness of its own.
"""

import keras

from zoo.networks.dcgan import batch_norm, convolution, normal_weights
from zoo.networks.layers import ImageBatchNorm, InstanceNorm

BOTTOM = 8  # filters of the deepest maps, in widths
MAX_DEPTH = 8  # the paper's, for 256x256


def make_norm(norm, statistics="moving"):
    """A new layer: "batch", tested with "moving" or "image" statistics, or "instance"."""
    if norm == "instance":
        return InstanceNorm()
    if statistics == "image":
        return ImageBatchNorm(momentum=0.9, epsilon=1e-5)
    return batch_norm()


def unet(
    input_channels,
    output_channels,
    width,
    depth,
    skips=True,
    norm="batch",
    statistics="moving",
    dropout=0.5,
    stochastic=False,
    seed=0,
    name="generator",
):
    """The U-Net, or without skips an encoder and decoder.

    Args:
        input_channels, output_channels: of the images.
        width: filters of the first map (64 in the paper), doubled at each level up to 8 times it.
        depth: levels, from 1; sides must be multiples of 2^depth.
        skips: whether a decoder level sees the encoder's map of its size.
        norm, statistics: see `make_norm`. Instance norm leaves out the deepest map, as it would
            make all zero where that is one pixel.
        dropout: rate, on the deepest three decoder levels, fewer where there are few.
        stochastic: the dropout's masks are inputs "mask_0", ..., of zeros and 1 / (1 - dropout).
        seed: of Keras' dropout.
        name: of the model.

    Returns:
        A model of {"input": (batch, h, w, input_channels), masks} to tanh images.
    """
    inputs = {"input": keras.Input((None, None, input_channels), name="input")}
    x, maps = inputs["input"], []
    for level in range(depth):
        x = convolution(width * min(2**level, BOTTOM), use_bias=False)(x)
        if level and not (norm == "instance" and level == depth - 1):
            x = make_norm(norm, statistics)(x)
        x = keras.layers.LeakyReLU(0.2)(x)
        maps.append(x)
    for index, level in enumerate(reversed(range(depth - 1))):
        x = up(width * min(2**level, BOTTOM), use_bias=False)(x)
        x = make_norm(norm, statistics)(x)
        if index < dropped_levels(depth) and stochastic:
            mask = inputs[f"mask_{index}"] = keras.Input(x.shape[1:], name=f"mask_{index}")
            x = keras.layers.Multiply()([x, mask])
        elif index < dropped_levels(depth):
            x = keras.layers.Dropout(dropout, seed=seed + index)(x)
        x = keras.layers.ReLU()(x)
        if skips:
            x = keras.layers.Concatenate()([x, maps[level]])
    return keras.Model(inputs, up(output_channels, activation="tanh")(x), name=name)


def up(filters, **kwargs):
    """A 4x4 transposed convolution of stride 2, which doubles the sides."""
    return keras.layers.Conv2DTranspose(
        filters, 4, strides=2, padding="same", kernel_initializer=normal_weights(), **kwargs
    )


def dropped_levels(depth):
    """Decoder levels with dropout: three of the paper's eight, at least one of few."""
    return min(max(1, depth - 4), 3, depth - 1)


def mask_shapes(width, depth):
    """Dict of mask name to (its side as a divisor of the image's, its filters)."""
    return {
        f"mask_{index}": (2 ** (depth - 1 - index), width * min(2 ** (depth - 2 - index), BOTTOM))
        for index in range(dropped_levels(depth))
    }
