"""The leading directions of a generator's noise: those along which its images change most.

They are the eigenvectors of the mean of J^T J, where J is the derivative of the image with respect
to z, taken by finite differences of the exported graph itself at a few draws. For one draw and a
linear network these are the singular vectors of its weights (compare Shen and Zhou 2021,
https://arxiv.org/abs/2007.06600, who take those of the first layer).
"""

import math
from typing import Any

import numpy as np

from export.runtime import Sampler
from export.runtime.sampler import BATCH

DRAWS, STEP = 4, 0.05  # how many draws the derivative is a mean over; half a finite difference
MOST = 512  # numbers of z beyond which there would be too much to compute
DEVIATIONS = {"normal": 1.0, "uniform": 1 / math.sqrt(3)}  # of the priors


def leading_directions(sampler: Sampler, count: int = 6, seed: int = 0) -> list[dict[str, Any]]:
    """Directions of the input `z`, the strongest first.

    Returns:
        Dicts of "input", "vector" (unit length, of which the largest entry is positive) and
        "deviation", the prior's standard deviation along it; none where z is no vector of normal or
        uniform noise, or very long.
    """
    spec = sampler.inputs.get("z")
    if not spec or spec["prior"] not in DEVIATIONS or len(spec["shape"]) != 1:
        return []
    size = spec["shape"][0]
    if size > MOST or sampler.image_input:
        return []
    classes = len(sampler.class_names)
    labels = np.arange(DRAWS) % classes if classes else None
    drawn = sampler.noise(DRAWS, labels, seed)
    total = np.zeros((size, size))
    steps = STEP * np.eye(size, dtype=np.float32)
    for i in range(DRAWS):
        inputs = {name: np.repeat(array[i : i + 1], 2 * size, 0) for name, array in drawn.items()}
        inputs["z"] = inputs["z"] + np.concatenate([steps, -steps])
        images = np.concatenate(
            [
                sampler.draw({name: array[k : k + BATCH] for name, array in inputs.items()})
                for k in range(0, 2 * size, BATCH)
            ]
        ).reshape(2 * size, -1)
        change = (images[:size].astype("float64") - images[size:]) / (2 * STEP)
        total += change @ change.T / DRAWS
    vectors = np.linalg.eigh(total)[1].T[::-1][:count]
    vectors = (
        vectors * np.sign(vectors[np.arange(len(vectors)), np.abs(vectors).argmax(1)])[:, None]
    )
    deviation = DEVIATIONS[spec["prior"]]
    return [{"input": "z", "vector": v.tolist(), "deviation": deviation} for v in vectors]
