"""Encoders and decoders of the latent-variable models, fully connected or convolutional.

An encoder maps images to the mean and log variance of a diagonal Gaussian; a decoder maps `z` to
what the likelihood of pixels needs, without an activation.
"""

import math
from typing import Literal

import keras

from zoo.networks.dcgan import convolutions, dcgan_generator
from zoo.networks.layers import PixelOutput
from zoo.networks.mlp import one_hot_label

Activation = Literal["tanh", "relu"]
Networks = Literal["mlp", "conv"]


def hidden_layers(x, units, depth, activation="tanh"):
    """`depth` fully connected layers."""
    for _ in range(depth):
        x = keras.layers.Dense(units, activation=activation)(x)
    return x


def gaussian(inputs, x, length, name):
    """A model of `inputs` to {"mean", "log_variance"}, (batch, length) each, linear in `x`."""
    outputs = {
        "mean": keras.layers.Dense(length, name="mean")(x),
        "log_variance": keras.layers.Dense(length, name="log_variance")(x),
    }
    return keras.Model(inputs, outputs, name=name)


def gaussian_mlp(
    length_in, length, hidden, depth, activation="tanh", num_classes=0, name="gaussian"
):
    """A Gaussian over vectors of `length`, given "z" of `length_in` and, with classes, "label"."""
    inputs, x = flat_input("z", (length_in,), num_classes)
    return gaussian(inputs, hidden_layers(x, hidden, depth, activation), length, name)


def flat_input(name, shape, num_classes=0):
    """(dict of symbolic inputs, the one called `name` as a vector with a one-hot label if any)."""
    inputs = {name: keras.Input(shape, name=name)}
    x = inputs[name] if len(shape) == 1 else keras.layers.Flatten()(inputs[name])
    if num_classes:
        x = keras.layers.Concatenate()([x, one_hot_label(inputs, num_classes)])
    return inputs, x


def mlp_encoder(image_shape, latent_dim, hidden, depth, activation="tanh", num_classes=0):
    """A Gaussian given "image" and, with classes, "label" as a one-hot vector beside it."""
    inputs, x = flat_input("image", image_shape, num_classes)
    x = hidden_layers(x, hidden, depth, activation)
    return gaussian(inputs, x, latent_dim, "encoder")


def mlp_decoder(model, latent_dim, hidden, depth, activation="tanh", num_classes=0):
    """The output of a `LatentModel`'s likelihood, given "z" and, with classes, "label"."""
    inputs, x = flat_input("z", (latent_dim,), num_classes)
    x = hidden_layers(x, hidden, depth, activation)
    return keras.Model(inputs, pixels(model, x), name="decoder")


def pixels(model, x):
    """A linear layer from features to the image, with the likelihood's standard deviation."""
    x = keras.layers.Dense(math.prod(model.image_shape))(x)
    x = keras.layers.Reshape(model.image_shape)(x)
    return _observed(model, x)


def image_networks(model):
    """The "decoder" and "encoder" of a `LatentModel`, by its `networks` and their options.

    "mlp": `depth` tanh layers of `hidden` units, 0 for linear maps. "conv": generator and trunk of
    `dcgan`, with `width` filters next to the image.
    """
    shape, length, classes = model.image_shape, model.latent_dim, model.label_classes
    if model.networks == "mlp":
        return {
            "decoder": mlp_decoder(model, length, model.hidden, model.depth, num_classes=classes),
            "encoder": mlp_encoder(shape, length, model.hidden, model.depth, num_classes=classes),
        }
    inputs, features = convolutions(shape, model.width, classes)
    encoder = gaussian(inputs, keras.layers.Flatten()(features), length, "encoder")
    generator = dcgan_generator(shape, {"z": length}, model.width, classes, activation=None)
    decoder = keras.Model(
        generator.input, _observed(model, generator(generator.input)), name="decoder"
    )
    return {"decoder": decoder, "encoder": encoder}


def _observed(model, x):
    if model.likelihood == "bernoulli":
        return x
    return PixelOutput(math.log(model.pixel_std), model.learn_std, name="pixels")(x)
