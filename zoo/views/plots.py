"""Pictures of what a run's model has learned, and of what the papers prove.

All but `canvas`, `history`, `manifold` and `neighbours` look at test images through the model's
`encode`. Images are shown and encoded in grey levels, also where the model was trained on binarized
ones.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops
from PIL.Image import Image

from zoo import files, theory
from zoo.data import Dataset
from zoo.errors import RequestError
from zoo.metrics.distances import nearest
from zoo.metrics.samples import generated_batches
from zoo.pictures import figures, grids
from zoo.training.loop import trained_model
from zoo.training.run import Run
from zoo.views import kinds

SIDE = 20  # of the manifold
ROWS, COLUMNS = 8, 10
OF_A_CLASS = 200  # test images at most, whose mean code is that of a class


@dataclass(frozen=True)
class View:
    """A run's model with its weights, and its data."""

    run: Run
    data_dir: Path | None = None

    @cached_property
    def model(self) -> Any:
        return trained_model(self.run)

    def dataset(self, split: str = "test") -> Dataset:
        return self.run.dataset(split, self.data_dir)

    def require(self, fits: Any, what: str) -> None:
        """Refuses a run that this kind of picture does not fit."""
        if not fits:
            raise RequestError(f"This picture needs {what}. Received: {self.run.path}")

    def encode(self, images: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Codes of uint8 images."""
        self.require(self.model.has_encoder, "a model with an encoder, such as vae or aae")
        return self.model.encode(images, labels if self.model.encoder_labels else None)

    def decode(self, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """uint8 images of codes."""
        inputs: dict[str, Any] = {"z": z.astype("float32")}
        if self.model.conditional:
            inputs["label"] = labels
        return grids.to_uint8(self.model.generate(inputs))


def reconstructions(view: View) -> Image:
    """Test images, and below each what the model makes of its code."""
    dataset = view.dataset()
    count = min(ROWS * COLUMNS // 2, len(dataset.images))
    images = dataset.images[:count]
    labels = None if dataset.labels is None else dataset.labels[:count]
    return _above(images, view.decode(view.encode(images, labels), labels))


def neighbours(view: View) -> Image:
    """Generated images, and below each the training image nearest to it, pixel by pixel."""
    model = view.model
    view.require(not model.translates, "a model that draws images from noise")
    train = view.dataset("train")
    batches = generated_batches(model, ROWS * COLUMNS // 2, dataset=train)
    images = np.concatenate([batch for batch, _ in batches])
    _, index = nearest(images, train.images)
    return _above(images, train.images[index])


def _above(upper: np.ndarray, lower: np.ndarray) -> Image:
    """Rows of images, each with a row of others below it; what fills no row is left out."""
    columns = min(COLUMNS, len(upper))
    starts = range(0, len(upper) - len(upper) % columns, columns)
    rows = [images[start : start + columns] for start in starts for images in (upper, lower)]
    return grids.image_grid(np.concatenate(rows), columns)


def interpolation(view: View) -> Image:
    """Each row leads from one test image to another, in equal steps of the code.

    In a conditional model both are of one class.
    """
    dataset = view.dataset()
    labels = None
    if view.model.conditional:
        assert dataset.labels is not None
        ends = _pairs_of_a_class(dataset.labels, dataset.num_classes)
        view.require(len(ends), "two test images of one class")
        labels = dataset.labels[ends]
    else:
        count = min(ROWS, len(dataset.images) // 2)
        view.require(count, "two test images")
        ends = np.arange(2 * count).reshape(count, 2)
    firsts, lasts = (dataset.images[end] for end in ends.T)
    first, last = (
        view.encode(dataset.images[end], None if labels is None else labels[:, side])
        for side, end in enumerate(ends.T)
    )
    steps = COLUMNS - 2
    shares = np.linspace(0, 1, steps).reshape(1, -1, *(1,) * (first.ndim - 1))
    between = (1 - shares) * first[:, None] + shares * last[:, None]
    images = view.decode(
        between.reshape(-1, *first.shape[1:]),
        None if labels is None else labels[:, 0].repeat(steps).astype("int32"),
    ).reshape(len(ends), steps, *dataset.image_shape)
    rows = np.concatenate([firsts[:, None], images, lasts[:, None]], axis=1)
    return grids.image_grid(rows.reshape(-1, *dataset.image_shape), COLUMNS)


def _pairs_of_a_class(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Indices (n, 2) of `ROWS` pairs or fewer, the classes in turn, each image in one pair."""
    members = [np.flatnonzero(labels == c).tolist() for c in range(num_classes)]
    pairs: list[tuple[int, int]] = []
    while len(pairs) < ROWS and any(len(left) > 1 for left in members):
        pairs += [(left.pop(0), left.pop(0)) for left in members if len(left) > 1]
    return np.array(pairs[:ROWS])


def arithmetic(view: View) -> Image:
    """Test images, a row per class: each with its class's mean code taken off and another added.

    The first column is the image itself, then comes one column per class added.
    """
    dataset = view.dataset()
    view.require(not view.model.conditional, "a model that was not told the classes")
    view.require(dataset.labels is not None, "a dataset with classes")
    assert dataset.labels is not None
    classes = [c for c in range(dataset.num_classes) if c in dataset.labels][:COLUMNS]
    view.require(len(classes) > 1, "test images of two classes")
    members = [np.flatnonzero(dataset.labels == c)[:OF_A_CLASS] for c in classes]
    codes = [view.encode(dataset.images[m]) for m in members]
    means = np.stack([of_class.mean(axis=0) for of_class in codes])
    rows = []
    for own, of_class, mean in zip(members, codes, means, strict=True):
        rows += [dataset.images[own[:1]], view.decode(of_class[0] - mean + means)]
    names = [dataset.class_names[c] for c in classes]
    return grids.image_grid(np.concatenate(rows), len(classes) + 1, names)


def manifold(view: View) -> Image:
    """What a code of two numbers draws, at equal steps of the normal distribution function.

    The first number grows to the right and the second upwards. Figure 4 of Kingma and Welling
    (2014).
    """
    from scipy.stats import norm

    two = view.model.inputs_spec["z"]["shape"] == [2] and not view.model.conditional
    view.require(two, "an unconditional model with latent_dim=2")
    line = norm.ppf((np.arange(SIDE) + 0.5) / SIDE)
    up, across = np.meshgrid(line[::-1], line, indexing="ij")
    return grids.image_grid(view.decode(np.stack([across.ravel(), up.ravel()], axis=-1)), SIDE)


def canvas(view: View) -> Image:
    """What DRAW has on its canvas after each step, a row per image."""
    view.require(view.model.draws_in_steps, "a model that draws in steps, such as draw")
    inputs = view.model.sample_inputs(ROWS, seed=0)
    steps = ops.convert_to_numpy(view.model.canvases(inputs))  # (steps, rows, ...)
    shown = np.unique(np.linspace(0, len(steps) - 1, 16).astype(int))
    images = np.moveaxis(steps[shown], 0, 1)
    return grids.image_grid(images.reshape(-1, *view.model.image_shape), len(shown))


def pca(view: View) -> Image:
    """Test images, their projections on principal components, and a linear autoencoder's.

    The numbers are mean squared errors in [0, 1] units over the test set, and the largest angle
    between the two subspaces, which the smallest of the components decides.
    """
    from scipy.linalg import subspace_angles
    from sklearn.decomposition import PCA

    view.require(
        view.run.config["hyperparameters"].get("linear"), "an autoencoder with linear=true"
    )
    train, test = (view.dataset(split).images for split in ("train", "test"))
    flat_train, flat_test = (
        images.reshape(len(images), -1).astype("float32") / 255.0 for images in (train, test)
    )
    count = view.model.latent_dim
    view.require(
        count <= min(flat_train.shape),
        f"as many training images and as many pixels as components, {count}",
    )
    components = PCA(count, svd_solver="covariance_eigh").fit(flat_train)
    ours = view.model.generate({"z": view.encode(test)}).reshape(flat_test.shape)
    theirs = components.inverse_transform(components.transform(flat_test))
    theirs = np.clip(theirs, 0.0, 1.0)  # as what the model draws is
    errors = [np.mean((again - flat_test) ** 2) for again in (theirs, ours)]
    kernel = next(w for w in view.model.decoder.get_weights() if w.ndim == 2)
    angle = np.degrees(subspace_angles(kernel.T, components.components_.T).max())
    names = (
        "original",
        f"PCA {errors[0]:.5f}",
        f"linear {errors[1]:.5f}, {angle:.0f}°",
    )
    rows = [flat[:COLUMNS].reshape(-1, *test.shape[1:]) for flat in (flat_test, theirs, ours)]
    return grids.image_grid(np.concatenate(rows), len(rows[0]), names)


def history(view: View) -> Image:
    """What the run recorded at the end of each epoch."""
    rows = view.run.history()
    view.require(rows, "a run that has ended an epoch")
    return figures.history(rows)


OF_IMAGES: dict[str, Callable[[View], Image]] = {
    "arithmetic": arithmetic,
    "canvas": canvas,
    "interpolation": interpolation,
    "manifold": manifold,
    "neighbours": neighbours,
    "pca": pca,
    "reconstructions": reconstructions,
}


def picture(kind: str, run: Run | None = None, data_dir: Path | None = None) -> Image:
    """One of the pictures of `zoo.views.kinds`.

    Args:
        kind: one of `PLOTS`.
        run: `zoo.training.run.Run` of this process' backend, for a kind in `RUN_PLOTS`.
        data_dir: where the run's dataset lies now, when it moved.

    Returns:
        A Pillow image, RGB.

    Raises:
        RequestError: the picture does not fit the run's model or data.
    """
    if kind in kinds.THEORY_PLOTS:
        return theory.picture(kind.removeprefix("theory-"))
    if run is None:
        raise RequestError(f"{kind} is a picture of a run: name one")
    if kind == "theory-surface":
        return theory.picture("surface", run)
    view = View(run, data_dir)
    if kind == "history":
        return history(view)
    view.require(len(run.config["dataset"]["image_shape"]) == 3, "a run on images, not on points")
    return OF_IMAGES[kind](view)


def write(
    kind: str, run: Run | None, out: str | Path | None = None, data_dir: Path | None = None
) -> Path:
    """Writes a picture to a .png file, which is whole or not there.

    Args:
        kind, run, data_dir: see `picture`.
        out: the file, by default KIND.png in the current folder.

    Returns:
        The path of the file.
    """
    out = Path(f"{kind}.png" if out is None else out)
    kinds.check(kind, out, with_run=run is not None)
    drawing = picture(kind, run, data_dir)
    with files.atomic_path(out) as temporary:
        drawing.save(temporary)
    return out
