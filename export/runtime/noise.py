"""The inputs of a graph, drawn from their priors by numpy's PCG64.

Input number i of a graph is drawn by `numpy.random.default_rng([seed, i])`. So one seed gives the
same picture from every file of a generator, and a longer series begins with the images of a shorter
one. `export/playground/page/src/noise.ts` draws the same numbers in a browser.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray
Spec = Mapping[str, Any]  # of one input: "shape" of an example, "dtype", "prior" and what it needs
Inputs = Mapping[str, Spec]


class Noise:
    """The inputs of a series of pictures. Drawn in parts, they are those that are drawn at once."""

    def __init__(self, inputs: Inputs, seed: int = 0, size: Sequence[int] | None = None):
        self._inputs, self._size = inputs, size
        self._streams = [np.random.default_rng([seed, i]) for i in range(len(inputs))]
        # Which of a mixture's components: a stream of its own, so that it too can be cut anywhere.
        self._choices = [np.random.default_rng([seed, i, 1]) for i in range(len(inputs))]

    def next(self, count: int, labels: Sequence[int] | Array | None = None) -> dict[str, Array]:
        """The inputs of the next `count` pictures; the arguments are those of `Sampler.noise`."""
        arrays: dict[str, Array] = {}
        streams = zip(self._streams, self._choices, strict=True)
        for (name, spec), (rng, choice) in zip(self._inputs.items(), streams, strict=True):
            prior, shape = spec["prior"], (count, *input_shape(spec, self._size))
            if prior == "class":
                arrays[name] = np.asarray(labels, spec["dtype"])
            elif prior == "category":
                arrays[name] = rng.integers(spec["classes"], size=shape, dtype=spec["dtype"])
            elif prior == "normal":
                arrays[name] = rng.standard_normal(shape, dtype=spec["dtype"])
            elif prior == "uniform":
                arrays[name] = 2 * rng.random(shape, dtype=spec["dtype"]) - 1
            elif prior == "image":
                arrays[name] = rng.random(shape, dtype=spec["dtype"])
            elif prior == "mask":
                kept = rng.random(shape, dtype=spec["dtype"]) < spec["keep"]
                arrays[name] = kept.astype(spec["dtype"]) / np.float32(spec["keep"])
            elif prior == "mixture":
                means = np.asarray(spec["means"], spec["dtype"])
                chosen = choice.integers(len(means), size=count)
                noise = rng.standard_normal(shape, dtype=spec["dtype"])
                arrays[name] = means[chosen] + np.float32(spec["std"]) * noise
            else:
                raise ValueError(f"The prior of an input must be a known one. Received: {prior!r}")
        return arrays


def image_input(inputs: Inputs) -> str | None:
    """Name of the input that takes an image to translate, None where there is none."""
    return next((name for name, spec in inputs.items() if "multiple" in spec), None)


def follows_size(spec: Spec) -> bool:
    """Whether an input is as large as the image to translate, or a fixed part of it."""
    return "multiple" in spec or "divisor" in spec


def input_shape(spec: Spec, size: Sequence[int] | None = None) -> list[int]:
    """An input's shape, for images of `size` (height, width) where it depends on that."""
    if size is None or not follows_size(spec):
        return list(spec["shape"])
    return [side // spec.get("divisor", 1) for side in size] + list(spec["shape"][-1:])
