"""`picture` and `write`: the pictures of `zoo.views.kinds`, each by the function that draws it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PIL.Image import Image

from zoo import DEFAULT_DATASET, data, files, theory
from zoo.errors import RequestError
from zoo.pictures import figures
from zoo.training.run import Run
from zoo.views import codes, critics, draws, kinds, tradeoff
from zoo.views.pixels import pixels
from zoo.views.view import View


def history(view: View) -> Image:
    """What the run recorded at the end of each epoch."""
    rows = view.run.history()
    view.require(rows, "a run that has ended an epoch")
    return figures.history(rows)


def interpolation(view: View) -> Image:
    """Between test images, where the model has an encoder, else between drawings."""
    return (codes if view.model.has_encoder else draws).interpolation(view)


def arithmetic(view: View) -> Image:
    """With test images, where the model has an encoder, else with drawings."""
    return (codes if view.model.has_encoder else draws).arithmetic(view)


OF_IMAGES: dict[str, Callable[[View], Image]] = {
    "arithmetic": arithmetic,
    "canvas": draws.canvas,
    "interpolation": interpolation,
    "manifold": draws.manifold,
    "manifold-grid": draws.manifold_grid,
    "neighbours": draws.neighbours,
    "pca": codes.pca,
    "reconstructions": codes.reconstructions,
    "traversal": draws.traversal,
}
OF_SEVERAL: dict[str, Callable[[Sequence[View]], Image]] = {
    "gradient-norms": critics.gradient_norms,
    "latent-scatter": codes.latent_scatter,
    "rate-distortion": tradeoff.rate_distortion,
    "weight-histogram": critics.weight_histogram,
}
OF_POINTS_TOO = ("gradient-norms", "weight-histogram")


def picture(
    kind: str,
    runs: Sequence[Run] = (),
    data_dir: Path | None = None,
    dataset: str | None = None,
) -> Image:
    """One of the pictures of `zoo.views.kinds`.

    Args:
        kind: one of `PLOTS`.
        runs: `zoo.training.run.Run`; one for a kind in `RUN_PLOTS`, one or more for one in
            `SEVERAL_PLOTS`, none for another.
        data_dir: where the dataset lies, of runs when it moved.
        dataset: for a kind in `DATA_PLOTS`, as `zoo.data.load` takes it; None for the default.

    Returns:
        A Pillow image, RGB.

    Raises:
        RequestError: the picture does not fit the run's model or data.
    """
    if kind in kinds.THEORY_PLOTS:
        return theory.picture(kind.removeprefix("theory-"))
    if kind in kinds.DATA_PLOTS:
        return pixels(data.load(dataset or DEFAULT_DATASET, data_dir=data_dir))
    if not runs:
        raise RequestError(f"{kind} is a picture of a run: name one")
    if kind == "theory-surface":
        return theory.picture("surface", runs[0])
    views = [View(run, data_dir) for run in runs]
    if kind == "history":
        return history(views[0])
    for view in views if kind not in OF_POINTS_TOO else ():
        on_images = len(view.run.config["dataset"]["image_shape"]) == 3
        view.require(on_images, "a run on images, not on points")
    return OF_SEVERAL[kind](views) if kind in OF_SEVERAL else OF_IMAGES[kind](views[0])


def write(
    kind: str,
    runs: Sequence[Run] = (),
    out: str | Path | None = None,
    data_dir: Path | None = None,
    dataset: str | None = None,
) -> Path:
    """Writes a picture to a .png file, which is whole or not there.

    Args:
        kind, runs, data_dir, dataset: see `picture`.
        out: the file, by default KIND.png in the current folder.

    Returns:
        The path of the file.
    """
    out = Path(f"{kind}.png" if out is None else out)
    kinds.check(kind, out, len(runs) + (dataset is not None))
    drawing = picture(kind, runs, data_dir, dataset)
    with files.atomic_path(out) as temporary:
        drawing.save(temporary)
    return out
