"""Figures of what a run has learned: codes, critics and bounds; and of the pixels of a dataset."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from zoo.pictures.figures import COLORS, LEARNED, REAL, Axes, blank, limits, picture_of, render


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
