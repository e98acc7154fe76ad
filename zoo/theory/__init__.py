"""What the papers prove, computed: numbers for figures, and for tests to hold models to.

`picture(kind)` is the figure of `cli.py plot theory-KIND`; each module names its source.
"""

from collections.abc import Callable

import numpy as np
from PIL.Image import Image

from zoo.pictures import figures, proofs
from zoo.theory import critics, lines, stages, upsampling
from zoo.theory.equilibrium import learn_discriminator, play_game
from zoo.theory.ring import bend
from zoo.theory.surfaces import surface
from zoo.theory.xy_game import alternating, simultaneous
from zoo.training.run import Run

MATCHED = 256  # points of each line, for the exact distance


def picture(kind: str, run: Run | None = None) -> Image:
    """A figure of `cli.py plot theory-KIND`, as a Pillow image.

    Args:
        kind: a key of `PICTURES`, or "surface".
        run: `zoo.training.run.Run`, for "surface".
    """
    if kind == "surface":
        assert run is not None
        return _draw_surface(run)
    return PICTURES[kind]()


def _draw_optimal_discriminator() -> Image:
    plain, smoothed = learn_discriminator(), learn_discriminator(smoothing=0.2)
    return proofs.optimal_discriminator(plain, smoothed, play_game())


def _draw_parallel_lines() -> Image:
    thetas = np.array([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0])
    rng = np.random.default_rng(0)
    exact = [
        critics.exact_wasserstein(lines.line(0.0)(MATCHED, rng), lines.line(theta)(MATCHED, rng))
        for theta in thetas
    ]
    estimated = [lines.estimate_wasserstein(theta) for theta in thetas]
    distances = (lines.line_wasserstein, lines.line_js, lines.line_total_variation)
    return proofs.parallel_lines(thetas, *distances, exact, estimated)


def _draw_ring() -> Image:
    z = np.random.default_rng(0).standard_normal((2_000, 2))
    return proofs.ring(z, bend(z))


def _draw_saturation() -> Image:
    return proofs.saturation(critics.answer())


def _draw_stages() -> Image:
    return proofs.stages(stages.play_stages())


def _draw_upsampling() -> Image:
    return proofs.upsamplings(upsampling.compare(), upsampling.overlaps(16, kernel=5, stride=2))


def _draw_value_surfaces() -> Image:
    return proofs.value_surfaces(critics.value_surfaces())


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


PICTURES: dict[str, Callable[[], Image]] = {
    "optimal-discriminator": _draw_optimal_discriminator,
    "parallel-lines": _draw_parallel_lines,
    "ring": _draw_ring,
    "saturation": _draw_saturation,
    "stages": _draw_stages,
    "upsampling": _draw_upsampling,
    "value-surfaces": _draw_value_surfaces,
    "xy-game": _draw_xy_game,
}
