"""Inception v3 as an extractor, for the Inception Score and the Fréchet Inception Distance.

The network and weights are those of `keras.applications`, from its cache or downloaded there.
Published figures are of another port of the weights and another resize: what is measured here
compares with itself, not with them.
"""

import contextlib
import hashlib
import sys

import keras
import numpy as np

from zoo.errors import FailedError

SIDE = 299
BATCH = 25
FILE = "inception_v3_weights_tf_dim_ordering_tf_kernels.h5"  # Keras' name of it


class Inception:
    """Inception v3: images to 2,048 pooled features and probabilities of ImageNet's classes.

    The attributes are those of `zoo.metrics.classifier.Classifier`.

    Args:
        weights: path of an .h5 file of weights, "imagenet" for Keras' own, None for random ones.

    Raises:
        FailedError: the weights are not on this machine and cannot be had.
    """

    name = "inception"
    preprocessing = "uint8, gray to RGB, bilinear to 299x299, to [-1, 1]"
    dataset = "imagenet"
    classes = 1_000
    dimensions = 2_048

    def __init__(self, weights: str | None = "imagenet") -> None:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # Keras prints that it downloads
                network = keras.applications.InceptionV3(weights=weights)
        except Exception as error:  # a failed download is an Exception itself, of no other class
            reason = str(error).splitlines()[0]
            raise FailedError(
                f"is and fid need Inception v3's weights: put {FILE} into ~/.keras/models (fcd and "
                f"cs, of the data's own classifier, need none). Received: {reason}"
            ) from error
        weights_bytes = b"".join(weight.tobytes() for weight in network.get_weights())
        self.sha256 = hashlib.sha256(weights_bytes).hexdigest()
        features = network.get_layer("avg_pool").output
        self._network = keras.Model(network.input, [features, network.output])

    def look(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features float32 (n, 2048) and probabilities (n, 1000) of uint8 images."""
        starts = range(0, len(images), BATCH)
        found = [self._part(images[start : start + BATCH]) for start in starts]
        features, probabilities = (np.concatenate(parts) for parts in zip(*found, strict=True))
        return features, probabilities

    def _part(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rgb = np.broadcast_to(images, (*images.shape[:3], 3)).astype("float32")
        large = keras.ops.image.resize(rgb / 127.5 - 1.0, (SIDE, SIDE), interpolation="bilinear")
        return self._network.predict_on_batch(keras.ops.convert_to_numpy(large))
