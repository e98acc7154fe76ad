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
    total_variation: Callable[[np.ndarray], np.ndarray],
    exact: Sequence[float],
    estimated: Sequence[float],
) -> Image.Image:
    """Example 1 of Arjovsky et al. (2017): what tells how far apart two lines are.

    Args:
        thetas: (n,), with 0 among them.
        wasserstein, js, total_variation: functions of thetas: the distances.
        exact: (n,), the Wasserstein distance of samples at each theta.
        estimated: (n,), a critic's estimate of it.
    """

    def draw(left: Axes, right: Axes) -> None:
        line = np.linspace(min(thetas), max(thetas), 201)
        apart = np.where(line == 0, np.nan, line)  # a gap where the curve jumps
        left.set(title="Wasserstein distance", xlabel="theta")
        left.plot(line, wasserstein(line), color="black", linewidth=1, label="|theta|")
        left.plot(thetas, exact, "_", color=FAKE, markersize=16, label="exact, of samples")
        left.plot(thetas, estimated, "o", color=LEARNED, label="a critic's estimate")
        left.legend(loc="upper center")
        right.set(title="Divergences that jump", xlabel="theta", ylim=(-0.05, 1.6))
        for distance, color, name in (
            (total_variation, REAL, "total variation: 1"),
            (js, "black", "Jensen-Shannon: log 2"),
        ):
            right.plot(apart, distance(apart), color=color, linewidth=1.5, label=name)
        right.plot([0.0], js(np.zeros(1)), "o", color="black", label="all of them at theta 0: 0")
        right.plot([], [], " ", label="Kullback-Leibler: infinite, both ways")
        right.legend(loc="upper center")

    return render(draw, columns=2)


def saturation(found: Any) -> Image.Image:
    """Figure 2 of Arjovsky et al. (2017): D saturates, a critic is nearly linear.

    Args:
        found: `zoo.theory.critics.Answer`.
    """

    def draw(left: Axes, right: Axes) -> None:
        for axes in (left, right):
            for density, color, name in (
                (found.real_density, REAL, "data"),
                (found.fake_density, FAKE, "model"),
            ):
                axes.fill_between(found.points, density, color=color, alpha=0.5, label=name)
            axes.set(xlabel="x")
        left.plot(found.points, found.discriminator, color=LEARNED, linewidth=2, label="D")
        left.set(title="A discriminator saturates", ylim=(0.0, 1.25))
        left.legend(loc="upper left", ncols=3)
        twin = right.twinx()  # drawn later, the legend is to be on top of it
        twin.plot(found.points, found.critic, color=LEARNED, linewidth=2, label="critic")
        twin.set_ylabel("critic")
        right.set(title="A critic is nearly linear", ylim=(0.0, 1.25))
        right.set_xlabel(
            f"x; Wasserstein distance {found.exact:.2f}, estimated {found.estimated:.2f}"
        )
        handles, names = right.get_legend_handles_labels()
        own_handles, own_names = twin.get_legend_handles_labels()
        twin.legend(handles + own_handles, names + own_names, loc="upper left", ncols=3)

    return render(draw, columns=2)


def value_surfaces(found: Sequence[Any]) -> Image.Image:
    """Figure 1a of Gulrajani et al. (2017): lines of equal value of critics, and the data.

    Args:
        found: an even number of `zoo.theory.critics.ValueSurface`, in two rows.
    """

    def draw(*cells: Axes) -> None:
        for axes, surface in zip(cells, found, strict=True):
            low, high = limits(surface.real)
            across, up = (np.linspace(low[i], high[i], 120, dtype="float32") for i in (0, 1))
            mesh = np.stack(np.meshgrid(across, up), axis=-1)
            values = surface.values(mesh.reshape(-1, 2)).reshape(mesh.shape[:2])
            axes.contour(across, up, values, levels=18, cmap="viridis", linewidths=1)
            axes.scatter(*surface.real.T, s=4, color=FAKE, linewidths=0, zorder=3)
            axes.set(title=surface.title, aspect="equal", xticks=[], yticks=[])

    return render(draw, columns=len(found) // 2, rows=2, width=3.2, height=3.3)


def stages(found: Sequence[Any]) -> Image.Image:
    """Figure 1 of Goodfellow et al. (2014): density of the data, of the model, and D.

    Below them the noise z, and arrows to what the generator makes of it.

    Args:
        found: list of `zoo.theory.stages.Stage`.
    """

    def draw(*cells: Axes) -> None:
        for axes, stage in zip(cells, found, strict=True):
            axes.plot(stage.points, stage.real_density, ":", color="black", label="data")
            axes.plot(stage.points, stage.fake_density, color=FAKE, label="model")
            axes.plot(stage.points, stage.discriminator, "--", color=LEARNED, label="D")
            # Where neither has examples, any D is as good.
            seen = stage.real_density + stage.fake_density > 0.05
            best = np.where(seen, stage.optimal, np.nan)
            axes.plot(stage.points, best, color=LEARNED, linewidth=0.8, label="best D")
            low, high = -0.9, -0.2
            for z, x in zip(stage.z, stage.mapped, strict=True):
                axes.plot([z, x], [low, high], color=REAL, linewidth=0.8)
            for height, name in ((low, "z"), (high, "x = G(z)")):
                axes.axhline(height, color="black", linewidth=0.8)
                axes.text(stage.points[-1] - 0.1, height + 0.04, name, ha="right", fontsize=8)
            axes.set(title=f"step {stage.step}", ylim=(-1.0, 1.6), yticks=[0.0, 0.5, 1.0])
            axes.set_xlim(stage.points[0], stage.points[-1])
        cells[0].legend(loc="upper left", ncols=2, fontsize=8)

    return render(draw, columns=len(found), width=3.4, height=4.0)


def upsamplings(found: Sequence[Any], paper: np.ndarray) -> Image.Image:
    """How many weights make each pixel, and what random ones draw.

    Args:
        found: list of `zoo.theory.upsampling.Upsampled`.
        paper: the overlaps of the 5x5 kernel of Radford et al. (2016).
    """

    def draw(*cells: Axes) -> None:
        columns = len(found) + 1
        rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
        shown = [(how.name, how.overlap) for how in found] + [("transposed, 5x5", paper)]
        for axes, (name, overlap) in zip(rows[0], shown, strict=True):
            counts = ", ".join(map(str, np.unique(overlap)))
            axes.set_title(f"{name}\n{counts} weights for a pixel", fontsize=9)
            axes.imshow(overlap, cmap="gray", vmin=0, vmax=12)
        for axes, how in zip(rows[1], found, strict=False):
            uneven = 100 * how.unevenness
            axes.set_title(f"random weights, of an even map\nuneven by {uneven:.0f} %", fontsize=9)
            axes.imshow(how.flat, cmap="gray")
        for axes, how in zip(rows[2], found, strict=False):
            axes.set_title("drawn by an untrained generator", fontsize=9)
            axes.imshow(how.image, cmap="gray")
        for axes in cells:
            axes.set_axis_off()

    return render(draw, columns=len(found) + 1, rows=3, width=2.7, height=2.8)


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
