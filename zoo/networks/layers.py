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


@keras.saving.register_keras_serializable("genzoo")
class MinibatchDiscrimination(keras.layers.Layer):
    """Joins to each example how close it is to the others (Salimans et al. 2016, section 3.2).

    With M = x T, T of shape A x B x C, the closeness in kernel b of example i is the sum over all
    j of exp(-||M_ib - M_jb||_1), its own 1 included.

    Args:
        kernels: B, the number of closeness values. kernel_dim: C.

    Input (batch, A), output (batch, A + B).
    """

    def __init__(self, kernels, kernel_dim=5, **kwargs):
        super().__init__(**kwargs)
        self.kernels = kernels
        self.kernel_dim = kernel_dim

    def build(self, input_shape):
        self.tensor = self.add_weight(
            shape=(input_shape[-1], self.kernels * self.kernel_dim), name="tensor"
        )

    def call(self, inputs):
        m = ops.reshape(ops.matmul(inputs, self.tensor), (-1, self.kernels, self.kernel_dim))
        distances = ops.sum(ops.abs(m[:, None] - m[None, :]), axis=-1)  # (batch, batch, B)
        return ops.concatenate([inputs, ops.sum(ops.exp(-distances), axis=1)], axis=-1)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[1] + self.kernels)

    def get_config(self):
        return {**super().get_config(), "kernels": self.kernels, "kernel_dim": self.kernel_dim}


@keras.saving.register_keras_serializable("genzoo")
class JoinReference(keras.layers.Layer):
    """Appends a fixed reference batch to noise or labels, for `VirtualBatchNorm` further on.

    Args:
        count: examples in the reference batch.
        num_classes: 0 for noise, else labels, which then take the classes in turn.
        seed: of the noise.

    Input (batch, ...), output (batch + count, ...).
    """

    def __init__(self, count, num_classes=0, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.count = count
        self.num_classes = num_classes
        self.seed = seed

    def build(self, input_shape):
        if not self.num_classes:
            self.noise = self.add_weight(
                shape=(self.count, *input_shape[1:]),
                initializer=keras.initializers.RandomNormal(stddev=1.0, seed=self.seed),
                trainable=False,
                name="noise",
            )

    def call(self, inputs):
        if self.num_classes:
            reference = ops.arange(self.count, dtype=inputs.dtype) % self.num_classes
        else:
            reference = ops.convert_to_tensor(self.noise)
        return ops.concatenate([inputs, reference], axis=0)

    def compute_output_shape(self, input_shape):
        return (None, *input_shape[1:])

    def get_config(self):
        own = {"count": self.count, "num_classes": self.num_classes, "seed": self.seed}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable("genzoo")
class DropReference(keras.layers.Layer):
    """Takes the reference batch off again: input (batch + count, ...), output (batch, ...)."""

    def __init__(self, count, **kwargs):
        super().__init__(**kwargs)
        self.count = count

    def call(self, inputs):
        return inputs[: -self.count]

    def compute_output_shape(self, input_shape):
        return (None, *input_shape[1:])

    def get_config(self):
        return {**super().get_config(), "count": self.count}


@keras.saving.register_keras_serializable("genzoo")
class VirtualBatchNorm(keras.layers.Layer):
    """Batch norm by a reference batch (Salimans et al. 2016, section 3.5).

    The last `count` examples are the reference batch (see `JoinReference`). Each example is
    normalised by the moments of the reference batch and itself: of weight 1 / (count + 1) for the
    example, of the rest for the reference. So no example depends on the rest of its batch, in
    training and in inference alike. The reference batch is normalised by its own moments.

    Args:
        count: examples in the reference batch. epsilon: added to the variance.

    Input and output (batch + count, ..., channels); moments per channel.
    """

    def __init__(self, count, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.count = count
        self.epsilon = epsilon

    def build(self, input_shape):
        channels = (input_shape[-1],)
        self.gamma = self.add_weight(shape=channels, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=channels, initializer="zeros", name="beta")

    def call(self, inputs):
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
        scale = self.gamma / ops.sqrt(variance + self.epsilon)
        return (inputs - mean) * scale + self.beta

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "count": self.count, "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("genzoo")
class ExampleNorm(keras.layers.Layer):
    """Layer norm over all of an example's axes, for critics under a gradient penalty.

    Gulrajani et al. (2017), section 4, recommend layer norm there: batch norm would make the
    examples depend on each other. Keras' own stops a gradient at the mean on TensorFlow, which
    the penalty's second derivative needs; this one is written on `ops.mean`.

    Input and output (batch, ..., channels); scale and offset per channel.
    """

    def __init__(self, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def build(self, input_shape):
        channels = (input_shape[-1],)
        self.gamma = self.add_weight(shape=channels, initializer="ones", name="gamma")
        self.beta = self.add_weight(shape=channels, initializer="zeros", name="beta")

    def call(self, inputs):
        return normalise(inputs, self.axes(inputs), self.gamma, self.beta, self.epsilon)

    def axes(self, inputs):
        """Those that an example's moments are taken over."""
        return tuple(range(1, len(inputs.shape)))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon}


@keras.saving.register_keras_serializable("genzoo")
class InstanceNorm(ExampleNorm):
    """Normalises each channel of each image by its own moments (Ulyanov et al. 2016).

    Input and output (batch, height, width, channels); scale and offset per channel.
    """

    def axes(self, inputs):
        return (1, 2)


@keras.saving.register_keras_serializable("genzoo")
class ImageBatchNorm(keras.layers.BatchNormalization):
    """Batch norm that, once trained, normalises each image by its own moments.

    As pix2pix is tested (Isola et al. 2017): by the statistics of the batch, of one image.
    """

    def call(self, inputs, training=None, mask=None):
        if training:
            return super().call(inputs, training=True, mask=mask)
        return normalise(inputs, (1, 2), self.gamma, self.beta, self.epsilon)


def normalise(inputs, axes, gamma, beta, epsilon):
    """`inputs` with mean `beta` and standard deviation `gamma` over `axes`.

    Written on `ops.mean`, so that it can be differentiated twice on every backend.
    """
    centred = inputs - ops.mean(inputs, axis=axes, keepdims=True)
    variance = ops.mean(ops.square(centred), axis=axes, keepdims=True)
    return gamma * centred / ops.sqrt(variance + epsilon) + beta


@keras.saving.register_keras_serializable("genzoo")
class PixelOutput(keras.layers.Layer):
    """Passes on the means of pixels, and holds the one standard deviation that they share.

    Args:
        log_std: its log, or where the learning starts.
        learn: whether it is learned.
    """

    def __init__(self, log_std, learn, **kwargs):
        super().__init__(**kwargs)
        self.initial = log_std
        self.learn = learn

    def build(self, input_shape):
        self.log_std = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(self.initial),
            trainable=self.learn, name="log_std",
        )  # fmt: skip

    def call(self, inputs):
        return inputs

    def get_config(self):
        return {**super().get_config(), "log_std": self.initial, "learn": self.learn}


def update_moments(mean, variance, values, decay):
    """Moves kept `mean` and `variance`, variables (n,), towards those of `values` (batch, n)."""
    for kept, seen in ((mean, ops.mean(values, axis=0)), (variance, ops.var(values, axis=0))):
        kept.assign(decay * kept + (1.0 - decay) * seen)
