"""Norms that Keras does not have: virtual batch norm, and norms by an example's own moments.

Moments are computed in float32 at least: in bfloat16 a variance, a small difference of large
numbers, would be lost.
"""

from typing import Any

import keras
from keras import ops

Shape = tuple[int | None, ...]
Tensor = Any


@keras.saving.register_keras_serializable("genzoo")
class JoinReference(keras.layers.Layer):
    """Appends a fixed reference batch to noise or labels, for the `VirtualBatchNorm` that follows.

    Args:
        count: examples in the reference batch.
        num_classes: 0 for noise; for labels their classes, which the reference takes in turn.
        seed: of the noise.
        prior: of the noise, "normal" or "uniform" on [-1, 1].

    Input (batch, ...), output (batch + count, ...).
    """

    def __init__(
        self,
        count: int,
        num_classes: int = 0,
        seed: int = 0,
        prior: str = "normal",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.prior = prior
        self.count = count
        self.num_classes = num_classes
        self.seed = seed

    def build(self, input_shape: Any) -> None:
        if not self.num_classes:
            initializer = (
                keras.initializers.RandomNormal(stddev=1.0, seed=self.seed)
                if self.prior == "normal"
                else keras.initializers.RandomUniform(-1.0, 1.0, seed=self.seed)
            )
            self.noise = self.add_weight(
                shape=(self.count, *input_shape[1:]),
                initializer=initializer,
                trainable=False,
                name="noise",
            )

    def call(self, inputs: Tensor) -> Tensor:
        if self.num_classes:
            reference = ops.arange(self.count, dtype=inputs.dtype) % self.num_classes
        else:
            reference = ops.convert_to_tensor(self.noise)
        return ops.concatenate([inputs, reference], axis=0)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (None, *input_shape[1:])

    def get_config(self) -> dict[str, Any]:
        own = {"count": self.count, "num_classes": self.num_classes, "seed": self.seed}
        return {**super().get_config(), **own, "prior": self.prior}


@keras.saving.register_keras_serializable("genzoo")
class DropReference(keras.layers.Layer):
    """Removes the reference batch again.

    Args:
        count: examples in the reference batch.

    Input (batch + count, ...), output (batch, ...).
    """

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count

    def call(self, inputs: Tensor) -> Tensor:
        return inputs[: -self.count]

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (None, *input_shape[1:])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count}


@keras.saving.register_keras_serializable("genzoo")
class VirtualBatchNorm(keras.layers.Layer):
    """Batch norm by a reference batch (Salimans et al. 2016, section 3.5).

    The last `count` examples are the reference batch (see `JoinReference`). Each example is
    normalised by the moments of the reference batch and itself: of weight 1 / (count + 1) for the
    example, of the rest for the reference. So no example depends on the rest of its batch, in
    training and in inference alike. The reference batch is normalised by its own moments.

    Args:
        count: examples in the reference batch.
        epsilon: added to the variance.

    Input and output (batch + count, ..., channels); moments per channel.
    """

    def __init__(self, count: int, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        channels = (input_shape[-1],)
        self.gamma = self.add_weight(shape=channels, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=channels, initializer="zeros", name="beta")

    def call(self, inputs: Tensor) -> Tensor:
        inputs = at_least_float32(inputs)
        within = tuple(range(1, len(inputs.shape) - 1))
        mean = ops.mean(inputs, axis=within, keepdims=True) if within else inputs
        square = ops.mean(ops.square(inputs), axis=within, keepdims=True)
        square = square if within else ops.square(inputs)
        reference_mean = ops.mean(mean[-self.count :], axis=0, keepdims=True)
        reference_square = ops.mean(square[-self.count :], axis=0, keepdims=True)
        share = 1.0 / (self.count + 1.0)
        mean = ops.concatenate(
            [
                share * mean[: -self.count] + (1.0 - share) * reference_mean,
                ops.zeros_like(mean[-self.count :]) + reference_mean,
            ]
        )
        square = ops.concatenate(
            [
                share * square[: -self.count] + (1.0 - share) * reference_square,
                ops.zeros_like(square[-self.count :]) + reference_square,
            ]
        )
        variance = ops.relu(square - ops.square(mean))
        scale = at_least_float32(self.gamma) / ops.sqrt(variance + self.epsilon)
        outputs = (inputs - mean) * scale + at_least_float32(self.beta)
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "count": self.count, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("genzoo")
class ExampleNorm(keras.layers.Layer):
    """Layer norm over all of an example's axes, for networks under a gradient penalty.

    Gulrajani et al. (2017), section 4, recommend layer norm there: batch norm would make the
    examples depend on each other. Keras' own layer stops a gradient at the mean on TensorFlow,
    which the penalty's second derivative needs; this one is written on `ops.mean`.

    Args:
        epsilon: added to the variance.

    Input and output (batch, ..., channels); scale and offset per channel.
    """

    def __init__(self, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape: Any) -> None:
        channels = (input_shape[-1],)
        self.gamma = self.add_weight(shape=channels, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=channels, initializer="zeros", name="beta")

    def call(self, inputs: Tensor) -> Tensor:
        return normalise(inputs, self.axes(inputs), self.gamma, self.beta, self.epsilon)

    def axes(self, inputs: Tensor) -> tuple[int, ...]:
        """The axes that an example's moments are taken over."""
        return tuple(range(1, len(inputs.shape)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("genzoo")
class InstanceNorm(ExampleNorm):
    """Normalises each channel of each image by its own moments (Ulyanov et al. 2016).

    Input and output (batch, height, width, channels); scale and offset per channel.
    """

    def axes(self, inputs: Tensor) -> tuple[int, ...]:
        return (1, 2)


@keras.saving.register_keras_serializable("genzoo")
class ImageBatchNorm(keras.layers.BatchNormalization):
    """Batch norm that in inference normalises each image by its own moments.

    So pix2pix is tested (Isola et al. 2017): by the statistics of a batch of one image.

    Input and output (batch, height, width, channels).
    """

    def call(
        self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None
    ) -> Tensor:
        if training:
            return super().call(inputs, training=True, mask=mask)
        return normalise(inputs, (1, 2), self.gamma, self.beta, self.epsilon)


def normalise(
    inputs: Tensor, axes: tuple[int, ...], gamma: Tensor, beta: Tensor, epsilon: float
) -> Tensor:
    """Inputs with a mean of `beta` and a standard deviation of `gamma` over some axes.

    Written on `ops.mean`, so that it can be differentiated twice on every backend.

    Args:
        inputs: (batch, ..., channels).
        axes: those that the moments are taken over.
        gamma, beta: (channels,).
        epsilon: added to the variance.

    Returns:
        A tensor of the shape and type of `inputs`.
    """
    wide, gamma, beta = (at_least_float32(value) for value in (inputs, gamma, beta))
    centred = wide - ops.mean(wide, axis=axes, keepdims=True)
    variance = ops.mean(ops.square(centred), axis=axes, keepdims=True)
    outputs = gamma * centred / ops.sqrt(variance + epsilon) + beta
    return ops.cast(outputs, inputs.dtype)


def at_least_float32(value: Tensor) -> Tensor:
    """A tensor of floats in the type that moments are computed in."""
    return ops.cast(value, keras.backend.result_type(value.dtype, "float32"))
