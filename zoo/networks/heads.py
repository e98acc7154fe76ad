"""The last layers of a discriminator or critic: from its features to one number for each image."""

from typing import Any

import keras
from keras import ops

from zoo.networks.layers import MinibatchDiscrimination

Symbolic = Any  # a `KerasTensor`


def with_score(
    inputs: dict[str, Symbolic],
    features: Symbolic,
    name: str,
    minibatch_kernels: int = 0,
    projected_classes: int = 0,
) -> keras.Model:
    """A model of `inputs` to one number for each example, (batch, 1), linear in the features.

    Args:
        inputs: of the network, by name.
        features: (batch, n), the output of a layer called "features".
        name: of the model.
        minibatch_kernels: above 0, minibatch discrimination before the last layer.
        projected_classes: above 0, the input `label` joins by `project_label`.
    """
    return keras.Model(
        inputs, score(inputs, features, minibatch_kernels, projected_classes), name=name
    )


def score(
    inputs: dict[str, Symbolic],
    features: Symbolic,
    minibatch_kernels: int = 0,
    projected_classes: int = 0,
) -> Symbolic:
    """The output (batch, 1) of `with_score`, whose arguments it takes."""
    x = features
    if minibatch_kernels:
        x = MinibatchDiscrimination(minibatch_kernels)(x)
    logit = keras.layers.Dense(1, name="logit")(x)
    if projected_classes:
        logit = project_label(inputs["label"], features, logit, projected_classes)
    return logit


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
