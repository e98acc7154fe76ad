"""Noise as `keras.random` draws it; of a step on several devices, the same as on one device.

What a model draws for each example of a step it draws here: Keras' own would draw the same noise on
every device.
"""

from typing import Any

import keras

from zoo.backend import devices

Shape = tuple[Any, ...]
Seed = Any  # an int, or a `keras.random.SeedGenerator`


def normal(shape: Shape, seed: Seed, rows: int = 0) -> Any:
    """Standard normal noise of a shape whose axis `rows` is that of the examples."""
    return devices.draw(lambda shape: keras.random.normal(shape, seed=seed), shape, rows)


def uniform(shape: Shape, low: float = 0.0, high: float = 1.0, *, seed: Seed, rows: int = 0) -> Any:
    """Noise uniform on [low, high)."""
    return devices.draw(
        lambda shape: keras.random.uniform(shape, low, high, seed=seed), shape, rows
    )


def integers(shape: Shape, low: int, high: int, seed: Seed, rows: int = 0) -> Any:
    """Integers from `low` to below `high`, each as likely."""
    return devices.draw(
        lambda shape: keras.random.randint(shape, low, high, seed=seed), shape, rows
    )
