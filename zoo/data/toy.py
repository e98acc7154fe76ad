"""Points drawn from the distributions of `zoo.data.mixtures`: no file, always the same ones."""

import numpy as np

from zoo.data import mixtures

SOURCE = "made on the fly"
MIXTURES = {
    "gaussian": mixtures.gaussian(),
    "ring": mixtures.ring(),
    "grid": mixtures.grid(),
    "swiss_roll": mixtures.swiss_roll(),
}
# The one Gaussian has no parts, and the roll's run into each other: those two are unlabeled.
CLASSES = {
    "gaussian": (),
    "ring": tuple(map(str, range(len(MIXTURES["ring"].means)))),
    "grid": tuple(map(str, range(len(MIXTURES["grid"].means)))),
    "swiss_roll": (),
}
SEEDS = {"train": 0, "test": 1}
COUNTS = {"train": 50_000, "test": 10_000}


def read(name: str, split: str) -> tuple[np.ndarray, np.ndarray | None, str]:
    """float32 points (n, d), the int32 Gaussian each is from (n,) or None, and the source."""
    rng = np.random.default_rng(SEEDS[split])
    points, component = MIXTURES[name].sample(COUNTS[split], rng)
    return points, component if CLASSES[name] else None, SOURCE
