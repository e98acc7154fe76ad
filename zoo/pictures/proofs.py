"""Figures of what the papers prove, of numbers that `zoo.theory` computes."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from zoo.pictures.figures import FAKE, LEARNED, REAL, Axes, histograms, limits, render


def optimal_discriminator(plain: Any, smoothed: Any, game: Any) -> Image.Image:
    """Proposition 1 and theorem 1 of Goodfellow et al. (2014), on Gaussians of the line.

    The learned D is pale where there are hardly any examples to learn from.

    Args:
        plain, smoothed: `zoo.theory.LearnedDiscriminator`, without and with label smoothing.
        game: `zoo.theory.PlayedGame`.
    """

    def draw(left: Axes, middle: Axes, right: Axes) -> None:
        value, best = plain.value(plain.learned), plain.value(plain.optimal)
        left.set(title="The best answer to two densities")
        left.set_xlabel(f"x; the value of the game is {value:.3f}, at best {best:.3f}")
        for density, color, name in (
            (plain.real_density, REAL, "p, data"),
            (plain.fake_density, FAKE, "q, model"),
        ):
            left.fill_between(plain.points, density, color=color, alpha=0.35, label=name)
        for learned, name in ((plain, "D"), (smoothed, "D, smoothed labels")):
            style = "-" if learned is plain else "--"
            thick: dict[str, Any] = {"color": LEARNED, "linewidth": 3}
            seen = np.where(learned.seen, learned.learned, np.nan)
            left.plot(learned.points, seen, style, label=name, **thick)
            left.plot(learned.points, learned.learned, style, alpha=0.25, **thick)
            left.plot(learned.points, learned.optimal, style, color="black", linewidth=1)
        left.plot([], [], color="black", linewidth=1, label="p / (p + q), best")
        left.set_ylim(0.0, 1.4)
        left.legend(loc="upper left", fontsize=8, ncols=2)

        middle.set(title="The value of the game", xlabel="step")
        middle.plot(game.steps, game.values, color=LEARNED, label="minus the loss of D")
        middle.axhline(-math.log(4.0), color="black", linewidth=1, label="-log 4")
        middle.legend()

        right.set(title="Where the game ended", xlabel="x")
        low, high = limits(np.concatenate([game.real, game.generated]))
        histograms(right, game.generated, game.real, np.linspace(low[0], high[0], 60))
        # D on an axis of its own: a density may be higher than 1.
        twin = right.twinx()
        line = np.linspace(low[0], high[0], 200)
        twin.plot(line, game.discriminator(line[:, None]), color=LEARNED, label="D")
        twin.axhline(0.5, color="black", linewidth=1, linestyle=":")
        twin.set(ylim=(0.0, 1.0), ylabel="D")
        pairs = zip(
            right.get_legend_handles_labels(), twin.get_legend_handles_labels(), strict=True
        )
        twin.legend(*(first + second for first, second in pairs), loc="upper right")

    return render(draw, columns=3)


def parallel_lines(
    thetas: np.ndarray,
    wasserstein: Callable[[np.ndarray], np.ndarray],
    js: Callable[[np.ndarray], np.ndarray],
    estimated: Sequence[float],
) -> Image.Image:
    """Example 1 of Arjovsky et al. (2017): what tells how far apart two lines are.

    Args:
        thetas: (n,), with 0 among them.
        wasserstein, js: functions of thetas: the distances.
        estimated: (n,), a critic's estimate of the Wasserstein distance at each theta.
    """

    def draw(left: Axes, right: Axes) -> None:
        line = np.linspace(min(thetas), max(thetas), 201)
        apart = np.where(line == 0, np.nan, line)  # a gap where the curve jumps
        left.set(title="Wasserstein distance", xlabel="theta")
        left.plot(line, wasserstein(line), color="black", linewidth=1, label="|theta|")
        left.plot(thetas, estimated, "o", color=LEARNED, label="a critic's estimate")
        left.legend(loc="upper center")
        right.set(title="Jensen-Shannon divergence", xlabel="theta", ylim=(-0.05, 1.0))
        right.plot(apart, js(apart), color="black", linewidth=1, label="log 2, and 0 at theta 0")
        right.plot([0.0], js(np.zeros(1)), "o", color="black")
        right.plot([], [], " ", label="Kullback-Leibler: infinite, and 0 at theta 0")
        right.legend(loc="upper center")

    return render(draw, columns=2)


def xy_game(paths: dict[str, np.ndarray]) -> Image.Image:
    """The game V(x, y) = x y: where the players go, and how far from the equilibrium they are.

    Args:
        paths: dict of name to (steps + 1, 2).
    """
    colors = (FAKE, REAL, LEARNED, "#edae49")

    def draw(left: Axes, right: Axes) -> None:
        for (name, path), color in zip(paths.items(), colors, strict=False):
            left.plot(path[:, 0], path[:, 1], color=color, linewidth=1, label=name)
            right.plot(np.linalg.norm(path, axis=1), color=color, label=name)
        start = next(iter(paths.values()))[0]
        left.plot(*start, "ko", markersize=4)
        left.plot(0, 0, "k+", markersize=10)
        left.set(title="V(x, y) = x y", xlabel="x, minimises", ylabel="y, maximises")
        left.set_aspect("equal", adjustable="datalim")
        right.set(title="Distance from the equilibrium", xlabel="step", ylim=(0.0, None))
        right.legend(loc="upper left")

    return render(draw, columns=2)


def ring(before: np.ndarray, after: np.ndarray) -> Image.Image:
    """Points (n, 2) before and after a map, each coloured by its direction before."""

    def draw(left: Axes, right: Axes) -> None:
        direction = np.arctan2(before[:, 1], before[:, 0])
        titles = ("z of a normal distribution", "z / 10 + z / |z|")
        for axes, points, title in zip((left, right), (before, after), titles, strict=True):
            axes.scatter(points[:, 0], points[:, 1], s=3, c=direction, cmap="twilight")
            axes.set(title=title, aspect="equal")

    return render(draw, columns=2)
