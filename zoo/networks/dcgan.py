"""The convolutional generator and discriminator of Radford et al. (2016), for any image size.

The paper draws 64x64 images from a 4x4 base by four fractionally strided convolutions. Here the
number of doublings follows the image: sides are halved until they are at most 7, twice at least
(8 -> 2, 28 -> 7, 32 -> 4, 64 -> 4), and a side that does not halve evenly is drawn larger and
cropped. Kernels are 4x4 instead of 5x5: they tile evenly at stride 2, and an odd kernel's "same"
padding is not the same on every backend.

`upsampling` replaces the fractionally strided convolutions by resize-convolutions (Odena et al.
2016, "Deconvolution and Checkerboard Artifacts", https://distill.pub/2016/deconv-checkerboard):
nearest or bilinear doubling, then a 3x3 convolution.
"""

import math
from typing import Any, Literal

import keras
from keras import ops

from zoo.errors import RequestError
from zoo.networks.layers import MinibatchDiscrimination, label_channel
from zoo.networks.norms import DropReference, ExampleNorm, JoinReference, VirtualBatchNorm

MIN_SIDE = 8
Upsampling = Literal["transposed", "nearest", "bilinear"]
DiscriminatorNorm = Literal["batch", "layer", "none"]
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
) -> keras.Model:
    """A dense layer to the base, then an upsampling for each doubling.

    Args:
        image_shape: (height, width, channels).
        inputs: dict of input name to length of the vector; they are joined to one.
        width: filters of the last hidden layer (128 in the paper); doubled towards the base.
        num_classes: above 0, a `label` input joins the base as one more channel.
        upsampling: see the top of the file.
        reference_batch: above 0, virtual batch norm with a reference batch of that size.
        seed: of the reference batch.
        name: of the model.
        activation: of the output; "tanh" for images in [-1, 1], None for logits.

    Returns:
        A model of a dict of inputs to (batch, h, w, c).
    """
    levels = doublings(image_shape)
    height, width_, channels = image_shape
    base = (math.ceil(height / 2**levels), math.ceil(width_ / 2**levels))
    filters = width * 2 ** (levels - 1)

    def norm(x: Symbolic) -> Symbolic:
        return (VirtualBatchNorm(reference_batch) if reference_batch else batch_norm())(x)

    symbolic = {name: keras.Input((length,), name=name) for name, length in inputs.items()}
    vectors = list(symbolic.values())
    x = keras.layers.Concatenate()(vectors) if len(vectors) > 1 else vectors[0]
    if reference_batch:
        x = JoinReference(reference_batch, seed=seed)(x)
    x = keras.layers.Dense(
        base[0] * base[1] * filters, use_bias=False, kernel_initializer=normal_weights()
    )(x)
    x = keras.layers.ReLU()(norm(x))
    x = keras.layers.Reshape((*base, filters))(x)
    if num_classes:
        label = symbolic["label"] = keras.Input((), dtype="int32", name="label")
        if reference_batch:
            label = JoinReference(reference_batch, num_classes)(label)
        x = keras.layers.Concatenate()([x, label_channel(label, num_classes, *base)])
    for level in range(1, levels):
        x = upsample(x, filters // 2**level, upsampling, use_bias=False)
        x = keras.layers.ReLU()(norm(x))
    image = upsample(x, channels, upsampling, activation=activation)
    extra = (base[0] * 2**levels - height, base[1] * 2**levels - width_)
    if any(extra):
        image = keras.layers.Cropping2D(((0, extra[0]), (0, extra[1])))(image)
    if reference_batch:
        image = DropReference(reference_batch)(image)
    return keras.Model(symbolic, image, name=name)


def dcgan_discriminator(
    image_shape: Shape,
    width: int,
    num_classes: int = 0,
    norm: str = "batch",
    minibatch_kernels: int = 0,
    label_input: str = "plane",
    name: str = "discriminator",
) -> keras.Model:
    """Strided convolutions with LeakyReLU(0.2), a norm on all but the first.

    Args:
        image_shape: (height, width, channels).
        width: filters of the first layer, doubled at each.
        num_classes: above 0, a `label` input.
        norm: "batch", "layer" (`ExampleNorm`) or "none".
        minibatch_kernels: above 0, minibatch discrimination before the last layer.
        label_input: what the label joins: the image, as one more channel ("plane"), or the logit
            ("projection", see `project_label`).
        name: of the model.

    Returns:
        A model of {"image": (batch, h, w, c)[, "label": (batch,)]} to logits (batch, 1).
    """
    inputs, x = convolutions(image_shape, width, num_classes, norm, label_input)
    x = features = keras.layers.Flatten(name="features")(x)
    if minibatch_kernels:
        x = MinibatchDiscrimination(minibatch_kernels)(x)
    logit = keras.layers.Dense(1, name="logit")(x)
    if num_classes and label_input == "projection":
        logit = project_label(inputs["label"], features, logit, num_classes)
    return keras.Model(inputs, logit, name=name)


def project_label(
    label: Symbolic, features: Symbolic, logit: Symbolic, num_classes: int
) -> Symbolic:
    """The logit of an image and its label: the image's, plus <features, embedding of the label>.

    This is the projection of Miyato and Koyama (2018), "cGANs with Projection Discriminator",
    https://arxiv.org/abs/1802.05637, section 3. Their features are summed over the positions of
    the feature map and their weights have spectral norm; here the map is flattened, as for the
    logit, and the weights are as in the rest of the network.

    Args:
        label: symbolic int32 tensor (batch,).
        features: (batch, n), of the image alone.
        logit: (batch, 1), of the image alone.
        num_classes: number of classes, the rows of the embedding.

    Returns:
        A symbolic tensor (batch, 1).
    """
    embedding = keras.layers.Embedding(num_classes, features.shape[-1], name="label_embedding")
    return logit + ops.sum(features * embedding(label), axis=-1, keepdims=True)


def dcgan_networks(model: Any) -> dict[str, keras.Model]:
    """The "generator" and "discriminator" of an `AdversarialModel`, by its hyperparameters."""
    shape, classes = model.image_shape, model.label_classes
    noise, kernels = {"z": model.latent_dim}, model.minibatch_discrimination
    refuse_penalty_with_batch_norm(model)
    return {
        "generator": dcgan_generator(
            shape,
            noise,
            model.width,
            classes,
            model.upsampling,
            model.virtual_batch_norm,
            model.seed,
        ),
        "discriminator": dcgan_discriminator(
            shape, model.width, classes, model.discriminator_norm, kernels, model.label_input
        ),
    }


def refuse_penalty_with_batch_norm(model: Any) -> None:
    """Refuses an `AdversarialModel` whose logits have no gradient for each image by itself."""
    if model.r1 and model.discriminator_norm == "batch":
        raise RequestError(
            "r1 needs discriminator_norm=layer or none: with batch norm the logit of an image "
            "depends on the rest of its batch. Received: discriminator_norm=batch"
        )


def convolutions(
    image_shape: Shape,
    width: int,
    num_classes: int = 0,
    norm: str = "batch",
    label_input: str = "plane",
) -> tuple[dict[str, Symbolic], Symbolic]:
    """The trunk of `dcgan_discriminator`, whose arguments it takes.

    Returns:
        Dict of symbolic inputs, and the feature map (batch, h, w, c).
    """
    make_norm = {"batch": batch_norm, "layer": ExampleNorm, "none": keras.layers.Identity}[norm]
    inputs, x = labelled_image(image_shape, num_classes, label_input)
    for level in range(doublings(image_shape)):
        bias = level == 0 or norm == "none"
        x = convolution(width * 2**level, use_bias=bias)(x)
        if level:
            x = make_norm()(x)
        x = keras.layers.LeakyReLU(0.2)(x)
    return inputs, x


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
