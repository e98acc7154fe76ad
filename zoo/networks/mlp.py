"""The fully connected networks: those of Goodfellow et al. (2014) and of Mirza and Osindero (2014),
and a critic.

They take images of any size, or points. A label joins as a one-hot vector with a hidden layer of
its own, whose output is joined to that of the other input.
"""

import math
from typing import Any, Literal

import keras
from keras import ops

from zoo.networks.heads import with_score
from zoo.networks.layers import Maxout

Shape = tuple[int, ...]
Symbolic = Any  # a `KerasTensor`
Activation = Literal["relu", "maxout"]

LABEL_UNITS = 50  # for the label in discriminators and critics, as in Mirza and Osindero
PIECES, JOINT_PIECES = 5, 4  # of Mirza and Osindero's maxout layers


def one_hot_label(inputs: dict[str, Symbolic], num_classes: int) -> Symbolic:
    """Adds the input `label` to `inputs` and returns its one-hot vector, (batch, num_classes)."""
    inputs["label"] = keras.Input((), dtype="int32", name="label")
    return ops.one_hot(inputs["label"], num_classes)


def mlp_generator(
    image_shape: Shape,
    inputs: int | dict[str, int],
    hidden: int,
    num_classes: int = 0,
    depth: int = 2,
    name: str = "generator",
) -> keras.Model:
    """Hidden ReLU layers; tanh output for images, linear for points.

    Args:
        image_shape: (height, width, channels), or (dimensions,) of points.
        inputs: length of `z`; or dict of input name to length of the vector, joined to one.
        hidden: units of each hidden layer.
        num_classes: above 0, a `label` input.
        depth: hidden layers, at least 1.
        name: of the model.

    Returns:
        A model of {"z": (batch, latent_dim)[, "label": (batch,)]} to (batch, *image_shape).
    """
    lengths = {"z": inputs} if isinstance(inputs, int) else inputs
    symbolic = {name: keras.Input((length,), name=name) for name, length in lengths.items()}
    vectors = list(symbolic.values())
    x = keras.layers.Concatenate()(vectors) if len(vectors) > 1 else vectors[0]
    x = keras.layers.Dense(hidden, activation="relu")(x)
    if num_classes:
        label = keras.layers.Dense(hidden, activation="relu")(one_hot_label(symbolic, num_classes))
        x = keras.layers.Concatenate()([x, label])
    for _ in range(depth - 1):
        x = keras.layers.Dense(hidden, activation="relu")(x)
    return keras.Model(symbolic, _image(x, image_shape), name=name)


def mlp_discriminator(
    image_shape: Shape,
    hidden: int,
    pieces: int,
    dropout: float,
    seed: int,
    num_classes: int = 0,
    minibatch_kernels: int = 0,
    depth: int = 2,
    activation: str = "maxout",
) -> keras.Model:
    """Maxout layers with dropout on their outputs.

    Args:
        image_shape, num_classes: as for `mlp_generator`.
        hidden: units of each layer.
        pieces: linear pieces behind a maxout unit.
        dropout: rate on the outputs of all.
        seed: of the dropout.
        minibatch_kernels: above 0, minibatch discrimination before the last layer.
        depth: hidden layers, at least 1.
        activation: "maxout" or "relu".

    Returns:
        A model of {"image": (batch, *image_shape)[, "label": (batch,)]} to logits (batch, 1).
    """
    image = keras.Input(image_shape, name="image")
    inputs = {"image": image}
    x = keras.layers.Flatten()(image)
    for layer in range(depth):
        x = hidden_layer(hidden, activation, pieces)(x)
        if num_classes and layer == 0:
            label = hidden_layer(LABEL_UNITS, activation, pieces)
            x = keras.layers.Concatenate()([x, label(one_hot_label(inputs, num_classes))])
        x = _drop(x, dropout, seed + layer)
    features = keras.layers.Identity(name="features")(x)
    return with_score(inputs, features, "discriminator", minibatch_kernels)


def conditional_generator(
    image_shape: Shape,
    latent_dim: int,
    hidden: int,
    dropout: float,
    seed: int,
    num_classes: int,
    depth: int = 1,
) -> keras.Model:
    """The generator of Mirza and Osindero (2014), section 4.1.

    Noise and label each have a ReLU layer, of a sixth and of five sixths of `hidden` units; the two
    are joined by a ReLU layer of `hidden` (200, 1,000 and 1,200 in the paper), all with dropout.

    Args:
        image_shape: as for `mlp_generator`.
        latent_dim: length of `z`.
        num_classes: above 0.
        hidden: units of the joint layer.
        dropout: rate on the hidden layers.
        seed: of the dropout.
        depth: joint layers, at least 1.

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
    for layer in range(1, depth + 1):
        x = keras.layers.Dense(hidden, activation="relu")(x)
        x = _drop(x, dropout, seed + layer)
    return keras.Model(inputs, _image(x, image_shape), name="generator")


def conditional_discriminator(
    image_shape: Shape,
    hidden: int,
    dropout: float,
    seed: int,
    num_classes: int,
    minibatch_kernels: int = 0,
    depth: int = 1,
    activation: str = "maxout",
    label_input: str = "plane",
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
        depth: joint layers, at least 1.
        activation: "maxout" or "relu".
        label_input: "plane" for the paper's, or "projection" in place of the label's own units.

    Returns:
        A model of {"image": (batch, *image_shape), "label": (batch,)} to logits (batch, 1).
    """
    image = keras.Input(image_shape, name="image")
    inputs = {"image": image}
    x = hidden_layer(hidden, activation)(keras.layers.Flatten()(image))
    label, projected = one_hot_label(inputs, num_classes), num_classes
    if label_input == "plane":
        label, projected = hidden_layer(LABEL_UNITS, activation)(label), 0
        x = keras.layers.Concatenate()([x, label])
    x = _drop(x, dropout, seed)
    for layer in range(1, depth + 1):
        x = _drop(hidden_layer(hidden, activation, JOINT_PIECES)(x), dropout, seed + layer)
    features = keras.layers.Identity(name="features")(x)
    return with_score(inputs, features, "discriminator", minibatch_kernels, projected)


def mlp_critic(
    image_shape: Shape,
    hidden: int,
    num_classes: int = 0,
    depth: int = 3,
    activation: str = "relu",
) -> keras.Model:
    """Hidden layers without a norm; arguments as of `mlp_trunk`.

    Returns:
        A model of {"image": (batch, *image_shape)[, "label": (batch,)]} to scores (batch, 1).
    """
    trunk = mlp_trunk(image_shape, hidden, num_classes, depth, activation)
    return with_score(*trunk, "critic")


def mlp_trunk(
    image_shape: Shape,
    hidden: int,
    num_classes: int,
    depth: int,
    activation: str,
    label_input: str = "plane",
) -> tuple[dict[str, Symbolic], Symbolic]:
    """The hidden layers of a discriminator or critic.

    Args:
        image_shape, num_classes: as for `mlp_generator`.
        hidden: units of each hidden layer.
        depth: hidden layers, at least 1.
        activation: "relu", or "maxout" of 5 pieces.
        label_input: with classes, "plane" for a label that joins the first hidden layer, or
            "projection" for an input `label` that the features do not depend on.

    Returns:
        Dict of symbolic inputs, and the features (batch, hidden).
    """
    image = keras.Input(image_shape, name="image")
    inputs = {"image": image}
    x = hidden_layer(hidden, activation)(keras.layers.Flatten()(image))
    if num_classes:
        label = one_hot_label(inputs, num_classes)
        if label_input == "plane":
            x = keras.layers.Concatenate()([x, hidden_layer(LABEL_UNITS, activation)(label)])
    for _ in range(depth - 1):
        x = hidden_layer(hidden, activation)(x)
    return inputs, keras.layers.Identity(name="features")(x)


def hidden_layer(units: int, activation: str, pieces: int = PIECES) -> keras.layers.Layer:
    """A hidden layer of so many units, "relu" or "maxout" of some pieces."""
    if activation == "maxout":
        return Maxout(units, pieces)
    return keras.layers.Dense(units, activation="relu")


def _image(x: Symbolic, image_shape: Shape) -> Symbolic:
    """The output layer: tanh for images, linear for points."""
    activation = "tanh" if len(image_shape) > 1 else None
    x = keras.layers.Dense(math.prod(image_shape), activation=activation)(x)
    return keras.layers.Reshape(image_shape, name="image")(x)


def _drop(x: Symbolic, rate: float, seed: int) -> Symbolic:
    # Without a seed Keras takes PyTorch's global one, which no checkpoint holds.
    return keras.layers.Dropout(rate, seed=seed)(x) if rate else x
