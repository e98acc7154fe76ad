"""Figures of points, curves and surfaces, by matplotlib, as Pillow images."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

REAL, FAKE = "#9aa5b1", "#d1495b"
LEARNED = "#00798c"
COLORS = (FAKE, LEARNED, "#edae49", "#6a4c93", REAL, "#4f772d")  # of lines, in this order

Axes = Any  # matplotlib's, which is imported only where something is drawn


def render(
    draw: Callable[..., None],
    columns: int = 1,
    width: float = 4.8,
    height: float = 4.4,
    rows: int = 1,
) -> Image.Image:
    """The picture of a figure that `draw(axes, ...)` fills."""
    figure, canvas = blank(width * columns, height * rows)
    draw(*[figure.add_subplot(rows, columns, cell + 1) for cell in range(rows * columns)])
    return picture_of(canvas)


def blank(width: float, height: float) -> tuple[Any, Any]:
    """An empty figure of so many inches, at 100 pixels each, and its canvas."""
    # Not pyplot: its figures are global state, and stay in memory.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    return figure, FigureCanvasAgg(figure)


def picture_of(canvas: Any) -> Image.Image:
    """What a canvas shows, RGB."""
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def captioned(pictures: Sequence[tuple[str, Path]], columns: int = 4) -> Image.Image:
    """Pictures in rows, each under its caption.

    Args:
        pictures: (caption, path of an image).
        columns: pictures in a row.
    """
    rows = math.ceil(len(pictures) / columns)

    def draw(*cells: Axes) -> None:
        for axes in cells:
            axes.axis("off")
        for axes, (caption, path) in zip(cells, pictures, strict=False):
            with Image.open(path) as image:
                axes.imshow(np.asarray(image.convert("RGB")), interpolation="nearest")
            axes.set_title(caption, fontsize=9)

    return render(draw, min(columns, len(pictures)), 3.2, 3.5, rows)


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
        low, high = limits(np.concatenate([real, generated]))
        axes.set_title(title)
        if real.shape[1] == 1:
            bins = np.linspace(low[0], high[0], 80)
            histograms(axes, generated, real, bins)
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

    return render(draw)


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

    return render(draw, columns=2, width=6.4, height=4.8)


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
    return render(draw, columns, width=3.2, height=2.6, rows=lines)


def _numbers_first(value: Any) -> tuple[int, Any, str]:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return (0, value, "") if number else (1, 0, str(value))


def histograms(axes: Axes, generated: np.ndarray, real: np.ndarray, bins: np.ndarray) -> None:
    for points, color, name in ((real, REAL, "data"), (generated, FAKE, "generated")):
        axes.hist(points[:, 0], bins, density=True, color=color, alpha=0.6, label=name)


def limits(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The box that holds nearly all points, with a margin."""
    low, high = np.quantile(points, [0.002, 0.998], axis=0)
    margin = 0.15 * (high - low) + 1e-3
    return low - margin, high + margin
