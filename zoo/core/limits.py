"""How large a model may be, whatever asks for it: a mistyped width or a hostile config.json."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras

from zoo.errors import RequestError

WEIGHTS = 2**29  # numbers: 2 GiB as float32, ten times what the largest model here has
ARRAYS = 10_000  # of weights
_allowed: ContextVar[int] = ContextVar("allowed", default=WEIGHTS)


@contextmanager
def at_most(weights: int) -> Iterator[None]:
    """Models made inside may have so many weights, if that is fewer than else."""
    token = _allowed.set(min(weights, _allowed.get()))
    try:
        yield
    finally:
        _allowed.reset(token)


@contextmanager
def bounded() -> Iterator[None]:
    """Refuses a model that grows past the bounds, before the weights that pass them are made."""
    add_weight = keras.layers.Layer.add_weight
    largest = _allowed.get()
    weights = arrays = 0

    def counted(layer: Any, shape: Any = None, *args: Any, **kwargs: Any) -> Any:
        nonlocal weights, arrays
        weights += math.prod((shape,) if isinstance(shape, int) else shape or ())
        arrays += 1
        if weights > largest or arrays > ARRAYS:
            raise RequestError(
                f"A model here has at most {largest:,} weights in {ARRAYS:,} arrays; a smaller "
                "width, hidden or image size may help. Received: settings or images of a larger one"
            )
        return add_weight(layer, shape, *args, **kwargs)

    keras.layers.Layer.add_weight = counted
    try:
        yield
    finally:
        keras.layers.Layer.add_weight = add_weight
