"""The fully connected networks: those of Goodfellow et al. (2014), and a critic.

They take images of any size, or points. Labels join as Mirza and Osindero (2014) join them: a
one-hot vector has a hidden layer of its own, whose output meets that of the other input.
"""

import math

import keras
from keras import ops

from zoo.errors import RequestError
from zoo.networks.layers import Maxout, MinibatchDiscrimination

LABEL_UNITS = 50  # maxout units for the label in the discriminator, as in Mirza and Osindero


def one_hot_label(inputs, num_classes):
    """Adds the input `label` and returns its symbolic one-hot vector."""
    inputs["label"] = keras.Input((), dtype="int32", name="label")
    return ops.one_hot(inputs["label"], num_classes)


def mlp_generator(image_shape, latent_dim, hidden, num_classes=0):
    """Two hidden ReLU layers; tanh output for images, linear for points.

    Args:
        image_shape: (height, width, channels), or (dimensions,) of points.
        latent_dim: length of `z`.
        hidden: units of each hidden layer.
        num_classes: above 0, a `label` input.

    Returns:
        A model of {"z": (batch, latent_dim)[, "label": (batch,)]} to (batch, *image_shape).
    """
    z = keras.Input((latent_dim,), name="z")
    inputs = {"z": z}
    x = keras.layers.Dense(hidden, activation="relu")(z)
    if num_classes:
        label = keras.layers.Dense(hidden, activation="relu")(one_hot_label(inputs, num_classes))
        x = keras.layers.Concatenate()([x, label])
    x = keras.layers.Dense(hidden, activation="relu")(x)
    activation = "tanh" if len(image_shape) > 1 else None
    x = keras.layers.Dense(math.prod(image_shape), activation=activation)(x)
    image = keras.layers.Reshape(image_shape, name="image")(x)
    return keras.Model(inputs, image, name="generator")


def mlp_discriminator(
    image_shape, hidden, pieces, dropout, seed, num_classes=0, minibatch_kernels=0
):
    """Two maxout layers with dropout on their outputs.

    Args:
        image_shape, num_classes: as for `mlp_generator`.
        hidden: maxout units of each layer. pieces: linear pieces behind a unit.
        dropout: rate on the outputs of both. seed: of the dropout.
        minibatch_kernels: above 0, minibatch discrimination before the last layer.

    Returns:
        A model of {"image": (batch, *image_shape)[, "label": (batch,)]} to logits (batch, 1).
    """
    image = keras.Input(image_shape, name="image")
    inputs = {"image": image}
    x = keras.layers.Flatten()(image)
    for layer in range(2):
        x = Maxout(hidden, pieces)(x)
        if num_classes and layer == 0:
            x = keras.layers.Concatenate()(
                [x, Maxout(LABEL_UNITS, pieces)(one_hot_label(inputs, num_classes))]
            )
        if dropout:
            # Without a seed Keras takes PyTorch's global one, which no checkpoint holds.
            x = keras.layers.Dropout(dropout, seed=seed + layer)(x)
    return _rate(inputs, x, "discriminator", minibatch_kernels)


def mlp_critic(image_shape, hidden, num_classes=0):
    """Three hidden ReLU layers, no norm. Arguments and result as for `mlp_discriminator`."""
    image = keras.Input(image_shape, name="image")
    inputs = {"image": image}
    x = keras.layers.Flatten()(image)
    x = keras.layers.Dense(hidden, activation="relu")(x)
    if num_classes:
        label = keras.layers.Dense(LABEL_UNITS, activation="relu")(
            one_hot_label(inputs, num_classes)
        )
        x = keras.layers.Concatenate()([x, label])
    x = keras.layers.Dense(hidden, activation="relu")(x)
    x = keras.layers.Dense(hidden, activation="relu")(x)
    return _rate(inputs, x, "critic")


def refuse_norms(**norms):
    """Refuses a norm that was asked of networks=mlp: dict of option name to what it is set to."""
    for name, value in norms.items():
        if value not in (0, "none"):
            raise RequestError(
                f"{name} does not fit networks=mlp, which have no norm. Received: {value}"
            )


def _rate(inputs, features, name, minibatch_kernels=0):
    x = keras.layers.Identity(name="features")(features)
    if minibatch_kernels:
        x = MinibatchDiscrimination(minibatch_kernels)(x)
    return keras.Model(inputs, keras.layers.Dense(1, name="logit")(x), name=name)
