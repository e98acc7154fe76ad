"""Layers that Keras does not have."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("genzoo")
class Maxout(keras.layers.Layer):
    """The largest of several linear units (Goodfellow et al., 2013, "Maxout Networks").

    Args:
        units: number of outputs.
        pieces: linear pieces behind each output.

    Input (batch, features), output (batch, units).
    """

    def __init__(self, units, pieces, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.pieces = pieces

    def build(self, input_shape):
        width = self.units * self.pieces
        self.kernel = self.add_weight(shape=(input_shape[-1], width), name="kernel")
        self.bias = self.add_weight(shape=(width,), initializer="zeros", name="bias")

    def call(self, inputs):
        pieces = ops.matmul(inputs, self.kernel) + self.bias
        return ops.max(ops.reshape(pieces, (-1, self.units, self.pieces)), axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, "pieces": self.pieces}


def label_channel(label, num_classes, height, width, embedding_dim=50):
    """A class label as one extra image channel: embedding, dense layer, reshape.

    Args:
        label: symbolic int32 tensor (batch,).
        num_classes: number of classes, the rows of the embedding.
        height, width: of the feature map the channel is joined to.
        embedding_dim: length of a label's vector.

    Returns:
        A symbolic tensor (batch, height, width, 1).
    """
    x = keras.layers.Embedding(num_classes, embedding_dim, name="label_embedding")(label)
    x = keras.layers.Dense(height * width, name="label_map")(x)
    return keras.layers.Reshape((height, width, 1), name="label_channel")(x)
