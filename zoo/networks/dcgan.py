"""The convolutional generator and discriminator of Radford et al. (2016), for any image size.

The paper draws 64x64 images from a 4x4 base by four fractionally strided convolutions. Here the
number of doublings follows the image: sides are halved until they are at most 7, twice at least
(8 -> 2, 28 -> 7, 32 -> 4, 64 -> 4), and a side that does not halve evenly is drawn larger and
cropped. Kernels are 4x4 instead of 5x5: they tile evenly at stride 2, and an odd kernel's "same"
padding is not the same on every backend.

`upsampling` replaces the fractionally strided convolutions by resize-convolutions (Odena et al.
2016, "Deconvolution and Checkerboard Artifacts", https://distill.pub/2016/deconv-checkerboard):
nearest or bilinear doubling, then a 3x3 convolution.

In either network a fully connected hidden layer can stand between the vectors and the feature maps,
as in those of Chen et al. (2016, https://arxiv.org/abs/1606.03657) for MNIST, where it has 1,024
units: then no part of an image is drawn, or judged, without regard to the others.

The other options are those of the architectures that Gulrajani et al. (2017,
https://arxiv.org/abs/1704.00028, section 5.1) try their method on: no norm, a constant number of
filters, and tanh or gated units in place of every rectifier. There, only the generator has the
constant number, in the networks of Arjovsky et al. (2017).
"""

import math
from typing import Any, Literal

import keras
from keras import ops

from zoo.errors import RequestError
from zoo.networks.layers import Gate, label_channel
from zoo.networks.norms import DropReference, ExampleNorm, JoinReference, VirtualBatchNorm

MIN_SIDE = 8
Upsampling = Literal["transposed", "nearest", "bilinear"]
Norm = Literal["batch", "layer", "none"]
Filters = Literal["doubling", "constant", "constant_generator"]
Nonlinearity = Literal["relu", "tanh", "gated"]
LabelInput = Literal["plane", "projection"]
Shape = tuple[int, ...]
Symbolic = Any  # a `KerasTensor`


def doublings(image_shape: Shape) -> int:
    """How often the base is doubled to reach the image.

    Raises:
        RequestError: points, or an image that is too small.
    """
    if len(image_shape) == 1:
        raise RequestError(
            "Convolutional networks need images; for points take gan, or a model with "
            "networks=mlp. "
            f"Received: points of {image_shape[0]} dimensions"
        )
    short = min(image_shape[:2])
    if short < MIN_SIDE:
        raise RequestError(
            f"Image sides must be at least {MIN_SIDE} pixels. "
            f"Received: {image_shape[0]}x{image_shape[1]}"
        )
    return max(2, math.ceil(math.log2(short / 7)))


def normal_weights() -> keras.initializers.Initializer:
    """The paper's initial weights, N(0, 0.02)."""
    return keras.initializers.RandomNormal(stddev=0.02)


def convolution(filters: int, **kwargs: Any) -> keras.layers.Layer:
    """A 4x4 convolution of stride 2, which halves the sides."""
    return keras.layers.Conv2D(
        filters, 4, strides=2, padding="same", kernel_initializer=normal_weights(), **kwargs
    )


def batch_norm() -> keras.layers.Layer:
    """Batch norm with PyTorch's momentum and epsilon."""
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)


NORMS = {"batch": batch_norm, "layer": ExampleNorm, "none": keras.layers.Identity}


def widths(width: int, levels: int, doubling: bool) -> list[int]:
    """The filters of each size of feature map, the one next to the image first."""
    return [width * 2**level if doubling else width for level in range(levels)]


def activate(x: Symbolic, nonlinearity: str, leaky: bool = False) -> Symbolic:
    """A nonlinearity of (batch, ..., n): rectified, leaky or not, "tanh", or "gated" to n / 2."""
    if nonlinearity == "gated":
        return Gate()(x)
    if nonlinearity == "tanh":
        return keras.layers.Activation("tanh")(x)
    return (keras.layers.LeakyReLU(0.2) if leaky else keras.layers.ReLU())(x)


def units(count: int, nonlinearity: str) -> int:
    """How many outputs a layer must have for `count` to be left by its nonlinearity."""
    return 2 * count if nonlinearity == "gated" else count


def dense(count: int, nonlinearity: str, use_bias: bool) -> keras.layers.Layer:
    """A fully connected layer for `count` to be left by its nonlinearity."""
    return keras.layers.Dense(
        units(count, nonlinearity), use_bias=use_bias, kernel_initializer=normal_weights()
    )


def upsample(x: Symbolic, filters: int, upsampling: str, **kwargs: Any) -> Symbolic:
    """Doubles the sides of a feature map (batch, h, w, c) and convolves it.

    Args:
        x: the map.
        filters: channels of the result.
        upsampling: one of `Upsampling`.
        kwargs: of the convolution.
    """
    kwargs |= {"padding": "same", "kernel_initializer": normal_weights()}
    if upsampling == "transposed":
        return keras.layers.Conv2DTranspose(filters, 4, strides=2, **kwargs)(x)
    x = keras.layers.UpSampling2D(interpolation=upsampling)(x)
    return keras.layers.Conv2D(filters, 3, **kwargs)(x)


def dcgan_generator(
    image_shape: Shape,
    inputs: dict[str, int],
    width: int,
    num_classes: int = 0,
    upsampling: str = "transposed",
    reference_batch: int = 0,
    seed: int = 0,
    name: str = "generator",
    activation: str | None = "tanh",
    norm: str = "batch",
    doubling: bool = True,
    nonlinearity: str = "relu",
    prior: str = "normal",
    dense_units: int = 0,
) -> keras.Model:
    """A dense layer to the base, then an upsampling for each doubling.

    Args:
        image_shape: (height, width, channels).
        inputs: dict of input name to length of the vector; they are joined to one.
        width: filters of the last hidden layer (128 in the paper); doubled towards the base.
        num_classes: above 0, there is a `label` input, which joins the base as one more channel
            or, before a hidden layer, the vectors.
        upsampling: see the top of the file.
        reference_batch: above 0, virtual batch norm with a reference batch of that size.
        seed: of the reference batch.
        name: of the model.
        activation: of the output; "tanh" for images in [-1, 1], None for logits.
        norm: one of `Norm`; with a reference batch virtual batch norm takes its place.
        doubling: whether the filters double towards the base.
        nonlinearity: one of `Nonlinearity`.
        prior: of the reference batch's noise, "normal" or "uniform".
        dense_units: of a fully connected hidden layer before the base, 0 for none.

    Returns:
        A model of a dict of inputs to (batch, h, w, c).
    """
    levels = doublings(image_shape)
    height, width_, channels = image_shape
    base = (math.ceil(height / 2**levels), math.ceil(width_ / 2**levels))
    filters = widths(width, levels, doubling)
    bias = norm == "none" and not reference_batch

    def normed(x: Symbolic) -> Symbolic:
        layer = VirtualBatchNorm(reference_batch) if reference_batch else NORMS[norm]()
        return activate(layer(x), nonlinearity)

    symbolic = {name: keras.Input((length,), name=name) for name, length in inputs.items()}
    vectors = list(symbolic.values())
    x = keras.layers.Concatenate()(vectors) if len(vectors) > 1 else vectors[0]
    if reference_batch:
        x = JoinReference(reference_batch, seed=seed, prior=prior)(x)
    if num_classes:
        label = symbolic["label"] = keras.Input((), dtype="int32", name="label")
        if reference_batch:
            label = JoinReference(reference_batch, num_classes)(label)
        if dense_units:
            x = keras.layers.Concatenate()([x, ops.one_hot(label, num_classes)])
    for count in (dense_units, base[0] * base[1] * filters[-1]):
        x = normed(dense(count, nonlinearity, bias)(x)) if count else x
    x = keras.layers.Reshape((*base, filters[-1]))(x)
    if num_classes and not dense_units:
        x = keras.layers.Concatenate()([x, label_channel(label, num_classes, *base)])
    for count in reversed(filters[:-1]):
        x = upsample(x, units(count, nonlinearity), upsampling, use_bias=bias)
        x = normed(x)
    image = upsample(x, channels, upsampling, activation=activation)
    extra = (base[0] * 2**levels - height, base[1] * 2**levels - width_)
    if any(extra):
        image = keras.layers.Cropping2D(((0, extra[0]), (0, extra[1])))(image)
    if reference_batch:
        image = DropReference(reference_batch)(image)
    return keras.Model(symbolic, image, name=name)


def convolutions(
    image_shape: Shape,
    width: int,
    num_classes: int = 0,
    norm: str = "batch",
    label_input: str = "plane",
    doubling: bool = True,
    nonlinearity: str = "relu",
) -> tuple[dict[str, Symbolic], Symbolic]:
    """Strided convolutions with LeakyReLU(0.2), a norm on all but the first.

    Args:
        image_shape: (height, width, channels).
        width: filters of the first layer, doubled at each.
        num_classes: above 0, a `label` input.
        norm: one of `Norm`.
        label_input: what the label joins: the image, as one more channel ("plane"), or something
            after the convolutions ("projection", see `project_label` in `heads.py`).
        doubling: whether the filters double.
        nonlinearity: one of `Nonlinearity`.

    Returns:
        Dict of symbolic inputs, and the feature map (batch, h, w, c).
    """
    inputs, x = labelled_image(image_shape, num_classes, label_input)
    for level, filters in enumerate(widths(width, doublings(image_shape), doubling)):
        bias = level == 0 or norm == "none"
        x = convolution(units(filters, nonlinearity), use_bias=bias)(x)
        if level:
            x = NORMS[norm]()(x)
        x = activate(x, nonlinearity, leaky=True)
    return inputs, x


def flattened(
    x: Symbolic, dense_units: int = 0, norm: str = "batch", nonlinearity: str = "relu"
) -> Symbolic:
    """A feature map as features (batch, n): its values, or the units of a layer that sees them all.

    Args:
        x: the map (batch, h, w, c).
        dense_units: of a fully connected hidden layer, 0 for none.
        norm, nonlinearity: of that layer, as for `convolutions`.
    """
    x = keras.layers.Flatten()(x)
    if not dense_units:
        return x
    x = dense(dense_units, nonlinearity, use_bias=norm == "none")(x)
    return activate(NORMS[norm]()(x), nonlinearity, leaky=True)


def labelled_image(
    image_shape: Shape, num_classes: int, label_input: str = "plane"
) -> tuple[dict[str, Symbolic], Symbolic]:
    """An image that a network looks at, with its label, if any, joined as one more channel.

    Returns:
        Dict of symbolic inputs "image" and, with classes, "label"; and the joined image, or for
        the `label_input` "projection" the image alone.
    """
    inputs = {"image": keras.Input(image_shape, name="image")}
    if not num_classes:
        return inputs, inputs["image"]
    inputs["label"] = keras.Input((), dtype="int32", name="label")
    if label_input == "projection":
        return inputs, inputs["image"]
    channel = label_channel(inputs["label"], num_classes, *image_shape[:2])
    return inputs, keras.layers.Concatenate()([inputs["image"], channel])
