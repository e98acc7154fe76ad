"""The fully connected generator and discriminator of Goodfellow et al. (2014)."""

import math

import keras

from zoo.layers import Maxout


def mlp_generator(image_shape, latent_dim, hidden):
    """Two hidden ReLU layers, tanh output. {"z": (batch, latent_dim)} to (batch, h, w, c)."""
    z = keras.Input((latent_dim,), name="z")
    x = keras.layers.Dense(hidden, activation="relu")(z)
    x = keras.layers.Dense(hidden, activation="relu")(x)
    x = keras.layers.Dense(math.prod(image_shape), activation="tanh")(x)
    image = keras.layers.Reshape(image_shape, name="image")(x)
    return keras.Model({"z": z}, image, name="generator")


def mlp_discriminator(image_shape, hidden, pieces, dropout, seed):
    """Two maxout layers with dropout on their outputs. {"image": (batch, h, w, c)} to logits."""
    image = keras.Input(image_shape, name="image")
    x = keras.layers.Flatten()(image)
    for layer in range(2):
        x = Maxout(hidden, pieces)(x)
        if dropout:
            # Without a seed Keras takes PyTorch's global one, which no checkpoint holds.
            x = keras.layers.Dropout(dropout, seed=seed + layer)(x)
    logit = keras.layers.Dense(1, name="logit")(x)
    return keras.Model({"image": image}, logit, name="discriminator")
