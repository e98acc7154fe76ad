"""Figures of points, curves and surfaces, by matplotlib, as Pillow images."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image

REAL, FAKE = "#9aa5b1", "#d1495b"
LEARNED = "#00798c"

Axes = Any  # matplotlib's, which is imported only where something is drawn


def _picture(
    draw: Callable[..., None],
    columns: int = 1,
    width: float = 4.8,
    height: float = 4.4,
    rows: int = 1,
) -> Image.Image:
    """The picture of a figure that `draw(axes, ...)` fills."""
    # Not pyplot: its figures are global state, and stay in memory.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    draw(*[figure.add_subplot(rows, columns, cell + 1) for cell in range(rows * columns)])
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def scatter(
    generated: np.ndarray,
    real: np.ndarray,
    surface: Callable[[np.ndarray], np.ndarray] | None = None,
    title: str = "",
    span: tuple[float, float] | None = None,
) -> Image.Image:
    """Generated points over real ones: a histogram in one dimension, a scatter plot in two.

    Args:
        generated, real: (n, d), d 1 or more; the first two dimensions are drawn.
        surface: function of points (n, d) to (n,), drawn behind them: a discriminator's or critic's
            output. In one dimension it is a curve on an axis of its own.
        title: of the picture.
        span: (lowest, highest) value of the surface, None for those it has here.
    """

    def draw(axes: Axes) -> None:
        handles: list[Any] = []
        names: list[str] = []
        low, high = _limits(np.concatenate([real, generated]))
        axes.set_title(title)
        if real.shape[1] == 1:
            bins = np.linspace(low[0], high[0], 80)
            _histograms(axes, generated, real, bins)
            if surface is not None:
                line = np.linspace(low[0], high[0], 400, dtype="float32")[:, None]
                handles, names = axes.get_legend_handles_labels()
                axes.set_ylabel("density")
                axes = axes.twinx()  # drawn later, the legend is to be on top of it
                axes.plot(line[:, 0], surface(line), color="black", linewidth=1, label="output")
                axes.set(ylim=span, ylabel="output")
        else:
            if surface is not None:
                across, up = (np.linspace(low[i], high[i], 120, dtype="float32") for i in (0, 1))
                mesh = np.stack(np.meshgrid(across, up), axis=-1)
                values = surface(mesh.reshape(-1, 2)).reshape(mesh.shape[:2])
                levels = 24 if span is None else np.linspace(span[0], span[1], 21)
                shades = axes.contourf(across, up, values, levels=levels, cmap="viridis")
                axes.figure.colorbar(shades, ax=axes)
            for points, color, name in ((real, REAL, "data"), (generated, FAKE, "generated")):
                axes.scatter(points[:, 0], points[:, 1], s=3, color=color, alpha=0.6, label=name)
            axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
        own_handles, own_names = axes.get_legend_handles_labels()
        axes.legend(handles + own_handles, names + own_names, loc="upper right", markerscale=4)

    return _picture(draw)


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
        low, high = _limits(np.concatenate([game.real, game.generated]))
        _histograms(right, game.generated, game.real, np.linspace(low[0], high[0], 60))
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

    return _picture(draw, columns=3)


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

    return _picture(draw, columns=2)


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

    return _picture(draw, columns=2)


def ring(before: np.ndarray, after: np.ndarray) -> Image.Image:
    """Points (n, 2) before and after a map, each coloured by its direction before."""

    def draw(left: Axes, right: Axes) -> None:
        direction = np.arctan2(before[:, 1], before[:, 0])
        titles = ("z of a normal distribution", "z / 10 + z / |z|")
        for axes, points, title in zip((left, right), (before, after), titles, strict=True):
            axes.scatter(points[:, 0], points[:, 1], s=3, c=direction, cmap="twilight")
            axes.set(title=title, aspect="equal")

    return _picture(draw, columns=2)


def curves(runs: Sequence[tuple[str, Any, np.ndarray]], metric: str, by: str) -> Image.Image:
    """A score against the epoch: a line for each run, and the same coloured by one setting.

    Args:
        runs: list of (name, value of the setting, points (n, 2) of epoch and score).
        metric, by: names of the score and the setting.
    """
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator

    values = sorted({value for _, value, _ in runs}, key=_numbers_first)
    scores = np.concatenate([points[:, 1] for *_, points in runs])
    lowest, highest = scores.min(), scores.max()

    def draw(left: Axes, right: Axes) -> None:
        shades = colormaps["viridis"](np.linspace(0.0, 0.9, len(values)))
        for index, (name, value, points) in enumerate(runs):
            # Ten colours, then the same with other lines.
            style = ("-", "--", ":", "-.")[index // 10 % 4]
            options: dict[str, Any] = {"marker": "o", "markersize": 3, "linewidth": 1.2}
            color = colormaps["tab10"](index % 10)
            left.plot(*points.T, style, color=color, label=name, **options)
            shade = shades[values.index(value)]
            label = str(value) if all(v != value for _, v, _ in runs[:index]) else None
            right.plot(*points.T, color=shade, label=label, **options)
        for axes, title in ((left, "run"), (right, by)):
            axes.set(title=f"{metric} of each run" if axes is left else f"coloured by {by}")
            axes.set(xlabel="epoch", ylabel=metric)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            if lowest > 0 and highest > 20 * lowest:
                axes.set_yscale("log")
            axes.legend(title=title, fontsize=7, title_fontsize=8)

    return _picture(draw, columns=2, width=6.4, height=4.8)


def history(rows: Sequence[dict[str, float]]) -> Image.Image:
    """The numbers of a run's history against the epoch, each on axes of its own.

    Args:
        rows: list of dicts, one per epoch, all with "epoch"; numbers that some lack are gaps.
    """
    from matplotlib.ticker import MaxNLocator

    names = list(dict.fromkeys(name for row in rows for name in row))
    names = [name for name in names if name not in ("epoch", "step", "seconds")]
    columns = min(4, len(names))

    def draw(*cells: Axes) -> None:
        for axes, name in zip(cells, names, strict=False):
            points = np.array([(row["epoch"], row[name]) for row in rows if name in row])
            axes.plot(*points.T, color=LEARNED, marker="o", markersize=3, linewidth=1.2)
            axes.set(title=name.replace("_", " "), xlabel="epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        for axes in cells[len(names) :]:
            axes.set_axis_off()

    lines = math.ceil(len(names) / columns)
    return _picture(draw, columns, width=3.2, height=2.6, rows=lines)


def _numbers_first(value: Any) -> tuple[int, Any, str]:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return (0, value, "") if number else (1, 0, str(value))


def _histograms(axes: Axes, generated: np.ndarray, real: np.ndarray, bins: np.ndarray) -> None:
    for points, color, name in ((real, REAL, "data"), (generated, FAKE, "generated")):
        axes.hist(points[:, 0], bins, density=True, color=color, alpha=0.6, label=name)


def _limits(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The box that holds nearly all points, with a margin."""
    low, high = np.quantile(points, [0.002, 0.998], axis=0)
    margin = 0.15 * (high - low) + 1e-3
    return low - margin, high + margin
