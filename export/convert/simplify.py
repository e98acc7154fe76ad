"""A network as inference needs it, without anything in the graph that only training needs.

- Batch norm that follows a dense or convolutional layer (transposed ones too) is folded into that
  layer's weights. Converters do this for plain convolutions only.
- A dense layer that follows an embedding is multiplied into the embedding's table.
- A label's row of an embedding is taken directly. Keras' own layer first checks whether the index
  is negative, which costs nine operations.
- Upsampling is a single resize. Keras' own layer repeats rows and columns; TFLite's converter does
  not know the shape of the result, and leaves the next convolution to TensorFlow (FlexConv2D).
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

LINEAR = (keras.layers.Dense, keras.layers.Conv2D, keras.layers.Conv2DTranspose)
EMBEDDING, NORM = keras.layers.Embedding, keras.layers.BatchNormalization


class Rows(keras.layers.Embedding):
    """An embedding of indices that are known to be in range."""

    def call(self, inputs: Any) -> Any:
        return tf.gather(self.embeddings, inputs)


class Resize(keras.layers.UpSampling2D):
    """Upsampling in one operation."""

    def call(self, inputs: Any) -> Any:
        size = [side * times for side, times in zip(inputs.shape[1:3], self.size, strict=True)]
        if self.interpolation == "nearest":
            # For integer factors it equals tf.image.resize, whose form is deprecated in ONNX.
            return tf.raw_ops.ResizeNearestNeighbor(images=inputs, size=size)
        return tf.image.resize(inputs, size, self.interpolation)


SIMPLER = {keras.layers.Embedding: Rows, keras.layers.UpSampling2D: Resize}


def simplify(network: Any) -> Any:
    """A copy of a functional `keras.Model` for export, with the same outputs up to rounding."""
    folds = dict(_foldable(network))
    folded = {id(layer) for layer in folds.values()}
    copies = []

    def copy(layer: Any) -> Any:
        if not isinstance(layer, keras.Layer) or id(layer) in folded:
            return layer
        config: Any = layer.get_config()
        kind: Any = type(layer)
        if id(layer) in folds:
            after = folds[id(layer)]
            config |= {"output_dim": after.units} if kind is EMBEDDING else {"use_bias": True}
        copies.append((layer, SIMPLER.get(kind, kind).from_config(config)))
        return copies[-1][1]

    def call(layer: Any, *args: Any, **kwargs: Any) -> Any:
        return args[0] if id(layer) in folded else layer(*args, **kwargs)

    clone = keras.models.clone_model(
        network, clone_function=copy, call_function=call, recursive=True
    )
    for layer, new in copies:
        weights = layer.get_weights()
        if id(layer) in folds:
            join = _with_dense if type(layer) is EMBEDDING else _with_norm
            weights = join(layer, folds[id(layer)])
        new.set_weights(weights)
    return clone


def _foldable(network: Any) -> Iterator[tuple[int, Any]]:
    """Pairs (id of a layer, the next layer, to be folded into it), in nested networks too."""
    for layer in network.layers:
        if isinstance(layer, keras.Model):
            yield from _foldable(layer)
        # Subclasses do not count: at inference they do something else.
        kind = type(layer)
        if kind not in (NORM, keras.layers.Dense) or len(layer._inbound_nodes) != 1:
            continue
        (parent,) = layer._inbound_nodes[0].parent_nodes
        before = parent.operation
        alone = len(before._inbound_nodes) == len(before._outbound_nodes) == 1
        if kind is NORM:
            fits = type(before) in LINEAR and before.activation is keras.activations.linear
        else:
            after = [type(node.operation) for node in layer._outbound_nodes]
            fits = type(before) is EMBEDDING and layer.activation is keras.activations.linear
            fits = fits and NORM not in after  # it would be folded into the dense layer
        if alone and fits:
            yield id(before), layer


def _with_norm(layer: Any, norm: Any) -> list[np.ndarray]:
    """The kernel and bias of a linear layer with the batch norm after it."""
    kernel, bias = [*layer.get_weights(), 0.0][:2]
    weights = zip(norm.weights, norm.get_weights(), strict=True)
    of = {weight.name: value.astype("float64") for weight, value in weights}
    scale = of["gamma"] / np.sqrt(of["moving_variance"] + norm.epsilon)
    shift = of["beta"] + (bias - of["moving_mean"]) * scale
    if isinstance(layer, keras.layers.Conv2DTranspose):  # its outputs are the axis before the last
        scale = scale[:, None]
    return [(kernel * scale).astype("float32"), shift.astype("float32")]


def _with_dense(layer: Any, dense: Any) -> list[np.ndarray]:
    """The table of an embedding with the dense layer after it."""
    (table,) = layer.get_weights()
    kernel, bias = [*(w.astype("float64") for w in dense.get_weights()), 0.0][:2]
    return [(table @ kernel + bias).astype("float32")]
