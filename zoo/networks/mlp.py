"""The fully connected networks: those of Goodfellow et al. (2014) and of Mirza and Osindero (2014),
and a critic.

They take images of any size, or points. A label joins as a one-hot vector with a hidden layer of
its own, whose output is joined to that of the other input.
"""

import math
from typing import Any

import keras
from keras import ops

from zoo.errors import RequestError
from zoo.networks.layers import Maxout, MinibatchDiscrimination

Shape = tuple[int, ...]
Symbolic = Any  # a `KerasTensor`

LABEL_UNITS = 50  # for the label in discriminators and critics, as in Mirza and Osindero
PIECES, JOINT_PIECES = 5, 4  # of Mirza and Osindero's maxout layers


def one_hot_label(inputs: dict[str, Symbolic], num_classes: int) -> Symbolic:
    """Adds the input `label` to `inputs` and returns its one-hot vector, (batch, num_classes)."""
    inputs["label"] = keras.Input((), dtype="int32", name="label")
    return ops.one_hot(inputs["label"], num_classes)


def mlp_generator(
    image_shape: Shape, latent_dim: int, hidden: int, num_classes: int = 0
) -> keras.Model:
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
    return keras.Model(inputs, _image(x, image_shape), name="generator")


def mlp_discriminator(
    image_shape: Shape,
    hidden: int,
    pieces: int,
    dropout: float,
    seed: int,
    num_classes: int = 0,
    minibatch_kernels: int = 0,
) -> keras.Model:
    """Two maxout layers with dropout on their outputs.

    Args:
        image_shape, num_classes: as for `mlp_generator`.
        hidden: maxout units of each layer.
        pieces: linear pieces behind a unit.
        dropout: rate on the outputs of both.
        seed: of the dropout.
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
        x = _drop(x, dropout, seed + layer)
    return _with_score(inputs, x, "discriminator", minibatch_kernels)


def conditional_generator(
    image_shape: Shape, latent_dim: int, hidden: int, dropout: float, seed: int, num_classes: int
) -> keras.Model:
    """The generator of Mirza and Osindero (2014), section 4.1.

    Noise and label each have a ReLU layer, of a sixth and of five sixths of `hidden` units; the two
    are joined by a ReLU layer of `hidden` (200, 1,000 and 1,200 in the paper), all with dropout.

    Args:
        image_shape, latent_dim, num_classes: as for `mlp_generator`; `num_classes` above 0.
        hidden: units of the joint layer.
        dropout: rate on the hidden layers.
        seed: of the dropout.

    Returns:
        A model of {"z": (batch, latent_dim), "label": (batch,)} to (batch, *image_shape).
    """
    z = keras.Input((latent_dim,), name="z")
    inputs = {"z": z}
    x = keras.layers.Dense(max(1, hidden // 6), activation="relu")(z)
    label = keras.layers.Dense(max(1, hidden * 5 // 6), activation="relu")(
        one_hot_label(inputs, num_classes)
    )
    x = _drop(keras.layers.Concatenate()([x, label]), dropout, seed)
    x = keras.layers.Dense(hidden, activation="relu")(x)
    x = _drop(x, dropout, seed + 1)
    return keras.Model(inputs, _image(x, image_shape), name="generator")


def conditional_discriminator(
    image_shape: Shape,
    hidden: int,
    dropout: float,
    seed: int,
    num_classes: int,
    minibatch_kernels: int = 0,
) -> keras.Model:
    """The discriminator of Mirza and Osindero (2014), section 4.1.

    The image has `hidden` maxout units of 5 pieces (240 in the paper), the label 50 of 5; the two
    are joined by `hidden` of 4 pieces, all with dropout.

    Args:
        image_shape, num_classes: as for `conditional_generator`.
        hidden: maxout units for the image, and of the joint layer.
        dropout: rate on the hidden layers.
        seed: of the dropout.
        minibatch_kernels: above 0, minibatch discrimination before the last layer.

    Returns:
        A model of {"image": (batch, *image_shape), "label": (batch,)} to logits (batch, 1).
    """
    image = keras.Input(image_shape, name="image")
    inputs = {"image": image}
    x = Maxout(hidden, PIECES)(keras.layers.Flatten()(image))
    label = Maxout(LABEL_UNITS, PIECES)(one_hot_label(inputs, num_classes))
    x = _drop(keras.layers.Concatenate()([x, label]), dropout, seed)
    x = _drop(Maxout(hidden, JOINT_PIECES)(x), dropout, seed + 1)
    return _with_score(inputs, x, "discriminator", minibatch_kernels)


def mlp_critic(image_shape: Shape, hidden: int, num_classes: int = 0) -> keras.Model:
    """Three hidden ReLU layers, no norm.

    Args:
        image_shape, num_classes: as for `mlp_generator`.
        hidden: units of each hidden layer.

    Returns:
        A model of {"image": (batch, *image_shape)[, "label": (batch,)]} to scores (batch, 1).
    """
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
    return _with_score(inputs, x, "critic")


def refuse_convolutional(**options: Any) -> None:
    """Refuses what was asked of networks=mlp and only convolutional networks have.

    Args:
        options: hyperparameter name to its value; 0, "none" and "plane" ask for nothing.
    """
    for name, value in options.items():
        if value not in (0, "none", "plane"):
            raise RequestError(
                f"{name} needs networks=dcgan: the fully connected networks have no norm, and "
                f"take the label as a vector. Received: {name}={value} with networks=mlp"
            )


def _image(x: Symbolic, image_shape: Shape) -> Symbolic:
    """The output layer: tanh for images, linear for points."""
    activation = "tanh" if len(image_shape) > 1 else None
    x = keras.layers.Dense(math.prod(image_shape), activation=activation)(x)
    return keras.layers.Reshape(image_shape, name="image")(x)


def _drop(x: Symbolic, rate: float, seed: int) -> Symbolic:
    # Without a seed Keras takes PyTorch's global one, which no checkpoint holds.
    return keras.layers.Dropout(rate, seed=seed)(x) if rate else x


def _with_score(
    inputs: dict[str, Symbolic], features: Symbolic, name: str, minibatch_kernels: int = 0
) -> keras.Model:
    """A model of `inputs` to one number for each example, (batch, 1), linear in the features."""
    x = keras.layers.Identity(name="features")(features)
    if minibatch_kernels:
        x = MinibatchDiscrimination(minibatch_kernels)(x)
    return keras.Model(inputs, keras.layers.Dense(1, name="logit")(x), name=name)
