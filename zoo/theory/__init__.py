"""What the papers prove, computed: numbers for figures, and for tests to hold models to.

`picture(kind)` is the figure of `cli.py plot theory-KIND`; each module names its source.
"""

import numpy as np
from PIL.Image import Image

from zoo.pictures import figures, proofs
from zoo.theory.equilibrium import learn_discriminator, play_game
from zoo.theory.lines import estimate_wasserstein, line_js, line_wasserstein
from zoo.theory.ring import bend
from zoo.theory.surfaces import surface
from zoo.theory.xy_game import alternating, simultaneous
from zoo.training.run import Run


def picture(kind: str, run: Run | None = None) -> Image:
    """A figure of `cli.py plot theory-KIND`, as a Pillow image.

    Args:
        kind: "optimal-discriminator", "parallel-lines", "ring", "xy-game" or "surface".
        run: `zoo.training.run.Run`, for "surface".
    """
    pictures = {
        "optimal-discriminator": _draw_optimal_discriminator,
        "parallel-lines": _draw_parallel_lines,
        "ring": _draw_ring,
        "xy-game": _draw_xy_game,
    }
    if kind == "surface":
        assert run is not None
        return _draw_surface(run)
    return pictures[kind]()


def _draw_optimal_discriminator() -> Image:
    plain, smoothed = learn_discriminator(), learn_discriminator(smoothing=0.2)
    return proofs.optimal_discriminator(plain, smoothed, play_game())


def _draw_parallel_lines() -> Image:
    thetas = np.array([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0])
    estimated = [estimate_wasserstein(theta) for theta in thetas]
    return proofs.parallel_lines(thetas, line_wasserstein, line_js, estimated)


def _draw_ring() -> Image:
    z = np.random.default_rng(0).standard_normal((2_000, 2))
    return proofs.ring(z, bend(z))


def _draw_xy_game() -> Image:
    start, rate, steps, weight = (1.0, 0.0), 0.1, 250, 0.1
    return proofs.xy_game(
        {
            "at the same time": simultaneous(start, rate, steps),
            "in turn": alternating(start, rate, steps),
            f"at the same time, historical averaging {weight}": simultaneous(
                start, rate, steps, weight
            ),
        }
    )


def _draw_surface(run: Run) -> Image:
    found = surface(run)
    return figures.scatter(found.generated, found.real, found.judgement, found.title, found.span)
