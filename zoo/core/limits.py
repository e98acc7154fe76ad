"""How large a model may be, whatever asks for it: a mistyped width or a hostile config.json."""

import math
from contextlib import contextmanager

import keras

from zoo.errors import RequestError

WEIGHTS = 2**29  # numbers: 2 GiB as float32, ten times what the largest model here has
ARRAYS = 10_000  # of weights


@contextmanager
def bounded(largest=WEIGHTS):
    """Refuses a model that grows past the bounds, before the weights that pass them are made.

    Args:
        largest: number of weights.
    """
    add_weight = keras.layers.Layer.add_weight
    weights = arrays = 0

    def counted(layer, shape=None, *args, **kwargs):
        nonlocal weights, arrays
        weights += math.prod((shape,) if isinstance(shape, int) else shape or ())
        arrays += 1
        if weights > largest or arrays > ARRAYS:
            raise RequestError(
                f"A model here has at most {largest:,} weights in {ARRAYS:,} arrays. Received: "
                "settings or images of one that has more"
            )
        return add_weight(layer, shape, *args, **kwargs)

    keras.layers.Layer.add_weight = counted
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = add_weight
