"""The game V(x, y) = x y, x minimising and y maximising, which gradient steps do not solve.

Its equilibrium is (0, 0). Goodfellow (2016), "NIPS 2016 Tutorial",
https://arxiv.org/abs/1701.00160, exercise 7.2, and Salimans et al. (2016), "Improved Techniques for
Training GANs", https://arxiv.org/abs/1606.03498, section 3.
"""

from collections.abc import Sequence

import numpy as np


def simultaneous(
    start: Sequence[float], rate: float, steps: int, history: float = 0.0
) -> np.ndarray:
    """Both players step at once: (x, y) <- (x - a y, y + a x).

    Without `history` the radius grows by sqrt(1 + a^2) in every step, however small a is.

    With it each player's loss gains h (w - mean of its past w)^2, the start included (Salimans et
    al. 2016, section 3.3; `AdversarialModel`). For a mean that stood still, the point would settle
    at 2 h / sqrt(1 + 4 h^2) of its distance from the equilibrium, if a (1 + 4 h^2) < 4 h; else it
    still runs away. The mean follows ever slower, so that the radius falls like
    t^(-1 / (1 + 4 h^2)): a power and not an exponential, the slower the larger h.

    Args:
        start: (x, y). rate: a. steps: how many. history: h, 0 for none.

    Returns:
        float64 (steps + 1, 2), the start first.
    """
    path = [np.asarray(start, np.float64)]
    mean = path[0]
    for step in range(1, steps + 1):
        x, y = path[-1]
        descent = np.array([-y, x]) - 2.0 * history * (path[-1] - mean)
        path.append(path[-1] + rate * descent)
        mean = mean + (path[-1] - mean) / (step + 1)
    return np.array(path)


def alternating(start: Sequence[float], rate: float, steps: int) -> np.ndarray:
    """y steps after x, and sees x's step: x <- x - a y, y <- y + a x.

    x^2 - a x y + y^2 stays as it is; for a below 2 that is an ellipse, and the players go round on
    it for ever. Arguments and result as for `simultaneous`.
    """
    path = [tuple(start)]
    for _ in range(steps):
        x, y = path[-1]
        x = x - rate * y
        path.append((x, y + rate * x))
    return np.array(path, np.float64)
