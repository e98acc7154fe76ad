"""Encoders and decoders of the latent-variable models, fully connected or convolutional.

An encoder maps images to the mean and log variance of a diagonal Gaussian; a decoder maps `z` to
what the likelihood of pixels needs, without an activation.
"""

import math
from typing import Any, Literal

import keras

from zoo.networks.dcgan import convolutions, dcgan_generator
from zoo.networks.layers import PixelOutput
from zoo.networks.mlp import one_hot_label

Activation = Literal["tanh", "relu"]
Networks = Literal["mlp", "conv"]
Shape = tuple[int, ...]
Symbolic = Any  # a `KerasTensor`


def hidden_layers(x: Symbolic, units: int, depth: int, activation: str = "tanh") -> Symbolic:
    """`depth` fully connected layers of `units` on `x`, (batch, n)."""
    for _ in range(depth):
        x = keras.layers.Dense(units, activation=activation)(x)
    return x


def gaussian(inputs: dict[str, Symbolic], x: Symbolic, length: int, name: str) -> keras.Model:
    """A model of `inputs` to {"mean", "log_variance"}, (batch, length) each, linear in `x`."""
    outputs = {
        "mean": keras.layers.Dense(length, name="mean")(x),
        "log_variance": keras.layers.Dense(length, name="log_variance")(x),
    }
    return keras.Model(inputs, outputs, name=name)


def gaussian_mlp(
    length_in: int,
    length: int,
    hidden: int,
    depth: int,
    activation: str = "tanh",
    num_classes: int = 0,
    name: str = "gaussian",
) -> keras.Model:
    """A Gaussian over vectors of `length`, given "z" of `length_in` and, with classes, "label".

    Args:
        length_in, length: of the vectors.
        hidden, depth: units and number of the hidden layers.
        activation: of the hidden layers.
        num_classes: above 0, a `label` input.
        name: of the model.

    Returns:
        A model to {"mean", "log_variance"}, (batch, length) each.
    """
    inputs, x = flat_input("z", (length_in,), num_classes)
    return gaussian(inputs, hidden_layers(x, hidden, depth, activation), length, name)


def flat_input(
    name: str, shape: Shape, num_classes: int = 0
) -> tuple[dict[str, Symbolic], Symbolic]:
    """An input as a vector, with a one-hot label beside it if there are classes.

    Returns:
        Dict of symbolic inputs, the one called `name` and "label", and the vector (batch, n).
    """
    inputs = {name: keras.Input(shape, name=name)}
    x = inputs[name] if len(shape) == 1 else keras.layers.Flatten()(inputs[name])
    if num_classes:
        x = keras.layers.Concatenate()([x, one_hot_label(inputs, num_classes)])
    return inputs, x


def mlp_encoder(
    image_shape: Shape,
    latent_dim: int,
    hidden: int,
    depth: int,
    activation: str = "tanh",
    num_classes: int = 0,
) -> keras.Model:
    """A Gaussian over `latent_dim` units, given "image" and, with classes, "label" (one-hot).

    The other arguments and the result are those of `gaussian_mlp`.
    """
    inputs, x = flat_input("image", image_shape, num_classes)
    x = hidden_layers(x, hidden, depth, activation)
    return gaussian(inputs, x, latent_dim, "encoder")


def mlp_decoder(
    model: Any,
    latent_dim: int,
    hidden: int,
    depth: int,
    activation: str = "tanh",
    num_classes: int = 0,
) -> keras.Model:
    """What the likelihood of a `LatentModel` needs, given "z" and, with classes, "label".

    The other arguments are those of `gaussian_mlp`; the result is (batch, *image_shape).
    """
    inputs, x = flat_input("z", (latent_dim,), num_classes)
    x = hidden_layers(x, hidden, depth, activation)
    return keras.Model(inputs, pixels(model, x), name="decoder")


def pixels(model: Any, x: Symbolic) -> Symbolic:
    """A linear layer from features (batch, n) to what the likelihood of a `LatentModel` needs.

    Returns:
        (batch, *image_shape): logits of a Bernoulli likelihood, means of a Gaussian one, medians of
        a Laplace one.
    """
    x = keras.layers.Dense(math.prod(model.image_shape))(x)
    x = keras.layers.Reshape(model.image_shape)(x)
    return _observed(model, x)


def image_networks(model: Any) -> dict[str, keras.Model]:
    """The "decoder" and "encoder" of a `LatentModel`, by its `networks` and their options.

    "mlp": `depth` layers of `hidden` units and its `activation`, depth 0 for linear maps. "conv":
    generator and trunk of `dcgan`, with `width` filters next to the image.
    """
    shape, length, classes = model.image_shape, model.latent_dim, model.label_classes
    if model.networks == "mlp":
        form = (length, model.hidden, model.depth, model.activation, classes)
        return {"decoder": mlp_decoder(model, *form), "encoder": mlp_encoder(shape, *form)}
    inputs, features = convolutions(shape, model.width, classes)
    encoder = gaussian(inputs, keras.layers.Flatten()(features), length, "encoder")
    generator = dcgan_generator(shape, {"z": length}, model.width, classes, activation=None)
    decoder = keras.Model(
        generator.input, _observed(model, generator(generator.input)), name="decoder"
    )
    return {"decoder": decoder, "encoder": encoder}


def _observed(model: Any, x: Symbolic) -> Symbolic:
    """The output, through the layer that holds the standard deviation where there is one."""
    if model.likelihood == "bernoulli":
        return x
    return PixelOutput(math.log(model.pixel_std), model.learn_std, name="pixels")(x)
