"""The networks of a game that are chosen by name: "dcgan", "mlp", "mlp_generator" or "resnet".

These are the architectures of the table in Gulrajani et al. (2017), section 5.1, with
`generator_norm`, `filters` and `nonlinearity` of the convolutional ones. The functions take a model
with the hyperparameters of `zoo.adversarial.networks.ChosenNetworks`.
"""

from typing import Any

import keras

from zoo.networks.dcgan import Symbolic, convolutions, dcgan_generator, flattened
from zoo.networks.heads import with_score
from zoo.networks.mlp import mlp_generator, mlp_trunk
from zoo.networks.resnet import residual_generator, residual_trunk


def players(model: Any) -> dict[str, keras.Model]:
    """The "generator" and the "discriminator" or "critic" of a model that has no other outputs."""
    generator = generator_of(model, {"z": model.latent_dim})
    classes = model.label_classes if model.label_input == "projection" else 0
    kernels = model.minibatch_discrimination
    opponent = with_score(*trunk_of(model), model.opponent, kernels, classes)
    return {"generator": generator, model.opponent: opponent}


def generator_of(model: Any, inputs: dict[str, int]) -> keras.Model:
    """The generator: a model of a dict of inputs to images, or points, in `value_range`.

    Args:
        model: with the hyperparameters.
        inputs: dict of input name to length of the vector.
    """
    shape, classes = model.image_shape, model.label_classes
    if model.networks in ("mlp", "mlp_generator"):
        return mlp_generator(shape, inputs, model.hidden, classes, model.depth)
    doubling = model.filters == "doubling"
    if model.networks == "resnet":
        return residual_generator(
            shape, inputs, model.width, classes, model.depth, model.generator_norm, doubling
        )
    return dcgan_generator(
        shape,
        inputs,
        model.width,
        classes,
        model.upsampling,
        model.virtual_batch_norm,
        model.seed,
        norm=model.generator_norm,
        doubling=doubling,
        nonlinearity=model.nonlinearity,
        prior=model.prior,
        dense_units=model.generator_dense,
    )


def decoder_of(model: Any, inputs: dict[str, int]) -> keras.Model:
    """A generator for the decoder of a discriminator that is an autoencoder, with its norm."""
    shape, classes = model.image_shape, model.label_classes
    if model.networks == "mlp":
        return mlp_generator(shape, inputs, model.hidden, classes, model.depth)
    doubling, norm = model.filters != "constant", model.opponent_norm
    if model.networks == "resnet":
        return residual_generator(shape, inputs, model.width, classes, model.depth, norm, doubling)
    return dcgan_generator(
        shape,
        inputs,
        model.width,
        classes,
        model.upsampling,
        norm=norm,
        doubling=doubling,
        nonlinearity=model.nonlinearity,
        dense_units=model.opponent_dense,
    )


def trunk_of(model: Any) -> tuple[dict[str, Symbolic], Symbolic]:
    """All but the last layers of the opponent.

    Returns:
        Dict of symbolic inputs, and the features (batch, n), of a layer called "features".
    """
    shape, classes = model.image_shape, model.label_classes
    if model.networks == "mlp":
        depth, label_input = model.depth + 1, model.label_input
        return mlp_trunk(shape, model.hidden, classes, depth, model.activation, label_input)
    norm, label_input = model.opponent_norm, model.label_input
    doubling = model.filters != "constant"
    if model.networks == "resnet":
        inputs, x = residual_trunk(
            shape, model.width, classes, norm, label_input, model.depth, doubling
        )
    else:
        inputs, x = convolutions(
            shape, model.width, classes, norm, label_input, doubling, model.nonlinearity
        )
    x = flattened(x, model.opponent_dense, norm, model.nonlinearity)
    return inputs, keras.layers.Identity(name="features")(x)
