"""The U-Net of Isola et al. (2017), https://arxiv.org/abs/1611.07004, for images of any size.

Encoder and decoder halve and double the sides by 4x4 convolutions of stride 2; each decoder level
also sees the encoder's map of its size. The paper's, for 256x256, has 8 levels. Here their number
is `depth`, and the network takes every image whose sides are multiples of 2^depth.

Dropout is the paper's only noise. Its masks are either drawn by Keras' layers, in training alone,
or inputs of the network: then whoever runs it draws them, and it has no randomness of its own.
"""

from typing import Any

import keras

from zoo.networks.dcgan import batch_norm, convolution, normal_weights
from zoo.networks.norms import ImageBatchNorm, InstanceNorm

BOTTOM = 8  # filters of the deepest maps, in widths
MAX_DEPTH = 8  # the paper's, for 256x256


def make_norm(norm: str, statistics: str = "moving") -> keras.layers.Layer:
    """A new layer that normalises feature maps.

    Args:
        norm: "batch" or "instance".
        statistics: what batch norm uses in inference: the "moving" averages of the training, or
            those of each "image" by itself.
    """
    if norm == "instance":
        return InstanceNorm()
    if statistics == "image":
        return ImageBatchNorm(momentum=0.9, epsilon=1e-5)
    return batch_norm()


def unet(
    input_channels: int,
    output_channels: int,
    width: int,
    depth: int,
    skips: bool = True,
    norm: str = "batch",
    statistics: str = "moving",
    dropout: float = 0.5,
    stochastic: bool = False,
    seed: int = 0,
    name: str = "generator",
) -> keras.Model:
    """The U-Net, or without skips an encoder and decoder.

    Args:
        input_channels, output_channels: of the images.
        width: filters of the first map (64 in the paper), doubled at each level up to 8 times it.
        depth: levels, from 1; sides must be multiples of 2^depth.
        skips: whether a decoder level sees the encoder's map of its size.
        norm, statistics: see `make_norm`. Instance norm leaves out the deepest map, where it would
            make a single pixel zero.
        dropout: rate, on the deepest levels of the decoder (`dropped_levels`).
        stochastic: the dropout's masks are inputs "mask_0", ..., of zeros and 1 / (1 - dropout).
        seed: of Keras' dropout.
        name: of the model.

    Returns:
        A model of {"input": (batch, h, w, input_channels), and the masks} to tanh images (batch,
        h, w, output_channels).
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


def up(filters: int, **kwargs: Any) -> keras.layers.Layer:
    """A 4x4 transposed convolution of stride 2, which doubles the sides."""
    return keras.layers.Conv2DTranspose(
        filters, 4, strides=2, padding="same", kernel_initializer=normal_weights(), **kwargs
    )


def dropped_levels(depth: int) -> int:
    """How many decoder levels have dropout: three of the paper's eight, fewer of fewer."""
    return min(max(1, depth - 4), 3, depth - 1)


def mask_shapes(width: int, depth: int) -> dict[str, tuple[int, int]]:
    """The dropout masks of `unet(..., width, depth, stochastic=True)`.

    Returns:
        Mask name to (what the image's sides are divided by, channels).
    """
    return {
        f"mask_{index}": (2 ** (depth - 1 - index), width * min(2 ** (depth - 2 - index), BOTTOM))
        for index in range(dropped_levels(depth))
    }
