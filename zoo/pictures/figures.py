"""Figures of points, curves and surfaces, by matplotlib, as Pillow images."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

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


class Scatter(NamedTuple):
    """Codes of one model, for `latent_scatter`."""

    points: np.ndarray  # (n, 2)
    labels: np.ndarray | None  # (n,), of the classes
    class_names: Sequence[str]
    means: np.ndarray  # (k, 2), of the prior
    radii: Sequence[float]  # of the circles around each mean
    title: str


def latent_scatter(scatters: Sequence[Scatter]) -> Image.Image:
    """Codes in the plane, coloured by class, over the circles of a prior; one axes for each model.

    Classes share one legend, so all models are of one dataset.
    """
    from matplotlib import colormaps
    from matplotlib.patches import Circle

    def draw(*cells: Axes) -> None:
        for axes, found in zip(cells, scatters, strict=True):
            labels = found.labels if found.labels is not None else np.zeros(len(found.points), int)
            for label in np.unique(labels):
                points = found.points[labels == label]
                named = label < len(found.class_names)
                color = colormaps["tab10"](int(label) % 10) if named else REAL
                name = found.class_names[label] if named else None
                axes.scatter(*points.T, s=6, color=color, alpha=0.6, linewidths=0, label=name)
            for center in found.means:
                for radius in found.radii:
                    circle = Circle(center, radius, fill=False, color="black", linewidth=1)
                    axes.add_patch(circle)
            axes.plot([], [], color="black", linewidth=1, label="prior")
            low, high = limits(found.points)
            reach = 1.05 * max(found.radii)
            low = np.minimum(low, found.means.min(axis=0) - reach)
            high = np.maximum(high, found.means.max(axis=0) + reach)
            middle, half = (low + high) / 2, (high - low).max() / 2
            (left, right), (bottom, top) = np.stack([middle - half, middle + half], axis=1)
            axes.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
            axes.set_title(found.title, fontsize=10)
        handles, names = cells[0].get_legend_handles_labels()
        cells[0].figure.legend(handles, names, loc="outside right upper", markerscale=4, fontsize=8)

    return render(draw, columns=len(scatters))


def gradient_norms(lines: Sequence[tuple[str, np.ndarray]]) -> Image.Image:
    """Norms against the layer, on a logarithmic axis.

    Args:
        lines: list of (name, norms (1 + layers,)), the first of the example itself.
    """
    from matplotlib.ticker import MaxNLocator

    def draw(axes: Axes) -> None:
        for index, (name, norms) in enumerate(lines):
            color = COLORS[index % len(COLORS)]
            axes.plot(norms, color=color, marker="o", markersize=4, label=name)
        axes.set(title="Gradient of the critic", xlabel="layer, 0 for the example", yscale="log")
        axes.set_ylabel("mean norm at its output")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(fontsize=8)

    return render(draw, width=6.0)


def weight_histograms(found: Sequence[tuple[str, np.ndarray, float | None]]) -> Image.Image:
    """Histograms of weights, an axes for each, with dotted lines at the bounds.

    Without bounds the outermost weights, one in a thousand, are left out.

    Args:
        found: list of (title, weights (n,), clip or None).
    """
    from matplotlib.ticker import MaxNLocator

    def draw(*cells: Axes) -> None:
        for axes, (title, weights, clip) in zip(cells, found, strict=True):
            reach = np.quantile(np.abs(weights), 0.999) if clip is None else clip
            # A weight at the bound may be rounded to above it.
            edge = reach * (1 + 1e-6)
            axes.hist(weights, np.linspace(-edge, edge, 62), color=LEARNED)
            axes.xaxis.set_major_locator(MaxNLocator(5))
            for bound in () if clip is None else (-clip, clip):
                axes.axvline(bound, color="black", linewidth=1, linestyle=":")
            axes.set_title(title, fontsize=10)
            axes.set(xlabel="weight", ylabel="number")

    return render(draw, columns=len(found), height=3.6)


class TradeOff(NamedTuple):
    """A variational autoencoder, for `rate_distortion`: nats per image."""

    beta: float
    rate: float
    distortion: float


def rate_distortion(found: Sequence[TradeOff]) -> Image.Image:
    """Distortion against rate, a point for each `TradeOff` with its bound, in the order of beta.

    Without the divergence in the loss nothing bounds the rate: where one is above 20 times the
    least, the axis of the rates is logarithmic.
    """

    def draw(axes: Axes) -> None:
        in_order = sorted(found)
        rates = np.array([point.rate for point in in_order])
        distortions = np.array([point.distortion for point in in_order])
        wide = rates.max() > 20 * max(rates.min(), 1e-3)
        bounds = rates + distortions
        best = bounds.min()
        line = np.linspace(0.0, rates.max() * 1.3 + 1, 800)
        for more in (0, 10, 20, 40):
            axes.plot(line, best + more - line, ":", color=REAL, linewidth=1)
        axes.plot(rates, distortions, color=LEARNED, linewidth=1)
        axes.plot(rates, distortions, "o", color=LEARNED)
        for point, bound in zip(in_order, bounds, strict=True):
            text = f" beta {point.beta:g}, sum {bound:.1f}"
            axes.annotate(text, (point.rate, point.distortion), fontsize=8, va="bottom")
        axes.plot([], [], ":", color=REAL, label="same sum: 0, 10, 20, 40 nats above the least")
        axes.set(title="Rate and distortion", xlabel="rate: KL(q || p), nats")
        margin = 0.15 * np.ptp(distortions) + 1
        axes.set_ylim(distortions.min() - margin, distortions.max() + margin)
        axes.set_ylabel("distortion: -E log p(x | z), nats")
        if wide:
            axes.set(xscale="log", xlim=(rates.min() / 2, rates.max() * 4))
        else:
            axes.set_xlim(0.0, rates.max() * 1.3 + 1)
        axes.legend(fontsize=8)

    return render(draw, width=6.4)


def pixels(
    name: str,
    mean: np.ndarray,
    variance: np.ndarray,
    levels: np.ndarray,
    real: np.ndarray,
    independent: np.ndarray,
) -> Image.Image:
    """The pixels of a dataset, and images beside those of independent pixels.

    Args:
        name: of the dataset.
        mean, variance: float (h, w, 1 or 3), of pixels in [0, 1].
        levels: (256,), the share of pixels of each grey level.
        real, independent: uint8 grids (h, w, 3).
    """
    from matplotlib.gridspec import GridSpec

    figure, canvas = blank(10.0, 5.6)
    rows: Any = GridSpec(2, 1, figure, height_ratios=(4, 3))
    three, two = rows[0].subgridspec(1, 3), rows[1].subgridspec(1, 2)
    for place, image, title in (
        (three[0], mean, f"{name}: mean of each pixel"),
        (three[1], variance / max(variance.max(), 1e-12), "variance of each pixel"),
        (two[0], real, "images"),
        (two[1], independent, "independent pixels"),
    ):
        axes = figure.add_subplot(place)
        flat = image[..., 0] if image.shape[-1] == 1 else image
        axes.imshow(flat, cmap="gray", vmin=0 if flat.ndim == 2 else None)
        axes.set_title(title, fontsize=10)
        axes.set_axis_off()
    axes = figure.add_subplot(three[2])
    axes.bar(np.arange(256), levels, width=1.0, color=LEARNED)
    axes.set(yscale="log", xlabel="grey level", ylabel="share of the pixels")
    axes.set_title(f"grey levels, {100 * levels[0]:.0f} % are 0", fontsize=10)
    return picture_of(canvas)


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
