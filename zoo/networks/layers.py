"""Layers that Keras does not have; the norms are in `norms.py`."""

from typing import Any

import keras
from keras import ops

from zoo.backend import devices

Shape = tuple[int | None, ...]
Tensor = Any


@keras.saving.register_keras_serializable("genzoo")
class Maxout(keras.layers.Layer):
    """The largest of several linear units (Goodfellow et al., 2013, "Maxout Networks").

    Args:
        units: number of outputs.
        pieces: linear pieces behind each output.

    Input (batch, features), output (batch, units).
    """

    def __init__(self, units: int, pieces: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.pieces = pieces

    def build(self, input_shape: Any) -> None:
        width = self.units * self.pieces
        self.kernel = self.add_weight(shape=(input_shape[-1], width), name="kernel")
        self.bias = self.add_weight(shape=(width,), initializer="zeros", name="bias")

    def call(self, inputs: Tensor) -> Tensor:
        pieces = ops.matmul(inputs, self.kernel) + self.bias
        return ops.max(ops.reshape(pieces, (-1, self.units, self.pieces)), axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.units)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units, "pieces": self.pieces}


@keras.saving.register_keras_serializable("genzoo")
class Gate(keras.layers.Layer):
    """sigmoid(a) * tanh(b) of the first and the second half of the last axis.

    The multiplicative nonlinearity of van den Oord et al. (2016), "Conditional Image Generation
    with PixelCNN Decoders", which Gulrajani et al. (2017) put in place of every rectifier.

    Input (..., 2 n), output (..., n).
    """

    def call(self, inputs: Tensor) -> Tensor:
        half = inputs.shape[-1] // 2
        return ops.sigmoid(inputs[..., :half]) * ops.tanh(inputs[..., half:])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], (input_shape[-1] or 0) // 2)


def label_channel(
    label: Tensor, num_classes: int, height: int, width: int, embedding_dim: int = 50
) -> Tensor:
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


@keras.saving.register_keras_serializable("genzoo")
class MinibatchDiscrimination(keras.layers.Layer):
    """Appends to each example how close it is to the others (Salimans et al. 2016, section 3.2).

    With M = x T, T of shape A x B x C, the closeness in kernel b of example i is the sum over all
    j of exp(-||M_ib - M_jb||_1), its own 1 included.

    Args:
        kernels: B, the number of closeness values.
        kernel_dim: C.

    Input (batch, A), output (batch, A + B).
    """

    def __init__(self, kernels: int, kernel_dim: int = 5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kernels = kernels
        self.kernel_dim = kernel_dim

    def build(self, input_shape: Any) -> None:
        self.tensor = self.add_weight(
            shape=(input_shape[-1], self.kernels * self.kernel_dim), name="tensor"
        )

    def call(self, inputs: Tensor) -> Tensor:
        m = ops.reshape(ops.matmul(inputs, self.tensor), (-1, self.kernels, self.kernel_dim))
        distances = ops.sum(ops.abs(m[:, None] - m[None, :]), axis=-1)  # (batch, batch, B)
        return ops.concatenate([inputs, ops.sum(ops.exp(-distances), axis=1)], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Shape:
        return (input_shape[0], input_shape[1] + self.kernels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kernels": self.kernels, "kernel_dim": self.kernel_dim}


@keras.saving.register_keras_serializable("genzoo")
class PixelOutput(keras.layers.Layer):
    """Passes the means of pixels on, and holds the one standard deviation that they share.

    Args:
        log_std: its logarithm, before any training.
        learn: whether it is trained.

    Input and output (batch, ...).
    """

    def __init__(self, log_std: float, learn: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.initial = log_std
        self.learn = learn

    def build(self, input_shape: Any) -> None:
        self.log_std = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(self.initial),
            trainable=self.learn, name="log_std",
        )  # fmt: skip

    def call(self, inputs: Tensor) -> Tensor:
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "log_std": self.initial, "learn": self.learn}


def update_moments(
    mean: keras.Variable, variance: keras.Variable, values: Tensor, decay: float
) -> None:
    """Updates a running mean and variance: running = decay * running + (1 - decay) * new.

    Args:
        mean, variance: variables (n,).
        values: (batch, n), whose mean and variance over the batch are the new ones.
        decay: in [0, 1).
    """
    (centre,) = devices.mean([ops.mean(values, axis=0)])
    (spread,) = devices.mean([ops.mean(ops.square(values - centre), axis=0)])
    for running, new in ((mean, centre), (variance, spread)):
        running.assign(decay * running + (1.0 - decay) * new)
