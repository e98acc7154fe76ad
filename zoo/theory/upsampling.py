"""Why a strided convolution draws a checkerboard, and what resizing first does about it.

Odena et al. (2016), "Deconvolution and Checkerboard Artifacts",
https://distill.pub/2016/deconv-checkerboard: neighbouring pixels of a fractionally strided
convolution are made by different parts of its kernel. Where the stride does not divide the kernel's
side, they are even made by different numbers of its weights.
"""

import random
from typing import NamedTuple, get_args

import keras
import numpy as np
from keras import ops

from zoo.networks.dcgan import Upsampling, dcgan_generator, upsample

SIDE = 8  # of the map that is doubled twice
CHANNELS = 16
EDGE = 8  # pixels at each side, where the padding is seen


class Upsampled(NamedTuple):
    """What one way of upsampling draws with random weights."""

    name: str
    overlap: np.ndarray  # (16, 16): how many weights make each pixel, of one doubling
    flat: np.ndarray  # (32, 32), made of a constant map by two doublings
    image: np.ndarray  # (32, 32), of an untrained generator
    unevenness: float  # of the flat one


def overlaps(side: int, kernel: int, stride: int) -> np.ndarray:
    """How many weights of a fractionally strided convolution make each pixel, (side, side).

    Args:
        side: of the output. kernel: its side. stride: that divides the side.
    """
    line = np.zeros(side + kernel, int)
    # Output pixel stride * i + k - padding is made of input i by weight k.
    for start in range(-kernel * stride, side + kernel * stride, stride):
        for position in range(start, start + kernel):
            if 0 <= position < len(line):
                line[position] += 1
    line = line[(kernel - stride) // 2 : (kernel - stride) // 2 + side]
    return np.outer(line, line)


def unevenness(image: np.ndarray, edge: int = EDGE) -> float:
    """The standard deviation of an image over its root mean square: 0 of an even one, at most 1.

    Args:
        image: (h, w). edge: pixels at each side that are left out.
    """
    inner = image[edge : image.shape[0] - edge, edge : image.shape[1] - edge].astype("float64")
    return float(inner.std() / np.sqrt(np.square(inner).mean()))


def compare(seed: int = 0) -> list[Upsampled]:
    """Each of `Upsampling` with random weights."""
    found = []
    for name in get_args(Upsampling):
        random.seed(seed)
        x = symbolic = keras.Input((SIDE, SIDE, CHANNELS))
        for filters in (CHANNELS, 1):
            x = upsample(x, filters, name, use_bias=False)
        constant = ops.ones((1, SIDE, SIDE, CHANNELS))
        flat = ops.convert_to_numpy(keras.Model(symbolic, x)(constant))[0, :, :, 0]
        generator = dcgan_generator((32, 32, 1), {"z": 64}, CHANNELS, upsampling=name)
        z = keras.random.normal((64, 64), seed=seed)
        # In training mode: else the norms of the untrained layers let hardly anything through.
        image = ops.convert_to_numpy(generator({"z": z}, training=True))[0, :, :, 0]
        kernel, stride = (4, 2) if name == "transposed" else (3, 1)
        found.append(Upsampled(name, overlaps(16, kernel, stride), flat, image, unevenness(flat)))
    return found
