"""The fixed distributions that noise is drawn from, by the name that a model's inputs give them.

`export/runtime/noise.py` draws from the same ones with numpy alone; the README of a published model
and the metadata of an exported file use these names.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from zoo.backend import devices, noise

Spec = dict[str, Any]
Seed = Any  # an int, or a `keras.random.SeedGenerator`


def normal(spec: Spec, count: int, seed: Seed) -> Any:
    """A standard normal."""
    return noise.normal((count, *spec["shape"]), seed)


def uniform(spec: Spec, count: int, seed: Seed) -> Any:
    """Uniform on [-1, 1]."""
    return noise.uniform((count, *spec["shape"]), -1.0, 1.0, seed=seed)


def category(spec: Spec, count: int, seed: Seed) -> Any:
    """Integers from 0 to below `classes`, each as likely."""
    return noise.integers((count, *spec["shape"]), 0, spec["classes"], seed)


def class_label(spec: Spec, count: int, seed: Seed) -> Any:
    """The classes in turn: 0, 1, ..., `classes` - 1, 0, 1, ..."""
    numbers = devices.draw(lambda shape: ops.arange(shape[0], dtype="int32"), (count,))
    return numbers % spec["classes"]


def image(spec: Spec, count: int, seed: Seed) -> Any:
    """A picture in [0, 1] that a person gives; uniform noise stands in for it."""
    return noise.uniform((count, *spec["shape"]), seed=seed)


def mask(spec: Spec, count: int, seed: Seed) -> Any:
    """1 / `keep` with probability `keep`, else 0: what dropout multiplies by."""
    kept = noise.uniform((count, *spec["shape"]), seed=seed) < spec["keep"]
    return ops.cast(kept, "float32") / spec["keep"]


def mixture(spec: Spec, count: int, seed: Seed) -> Any:
    """Gaussians of standard deviation `std` around `means`, each as likely."""
    means = ops.convert_to_tensor(np.array(spec["means"], "float32"))
    chosen = noise.integers((count,), 0, len(spec["means"]), seed)
    # Of an integer seed both draws would be the same stream.
    seed = seed + MIXTURE_STREAM if isinstance(seed, int) else seed
    moved = spec["std"] * noise.normal((count, *spec["shape"]), seed)
    return ops.take(means, chosen, axis=0) + moved


MIXTURE_STREAM = 1_000
PRIORS: dict[str, Callable[[Spec, int, Seed], Any]] = {
    "normal": normal,
    "uniform": uniform,
    "category": category,
    "class": class_label,
    "image": image,
    "mask": mask,
    "mixture": mixture,
}
