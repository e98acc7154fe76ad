"""Pictures of what a run's model has learned, for `cli.py plot KIND RUN`.

All but `canvas`, `history`, `manifold` and `neighbours` look at test images through the model's
`encode`. Images are shown and encoded in grey levels, also where the model was trained on binarized
ones.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from keras import ops

from zoo.errors import RequestError
from zoo.metrics.distances import nearest
from zoo.metrics.samples import generated_batches
from zoo.pictures import figures, grids
from zoo.training.loop import trained_model

SIDE = 20  # of the manifold
ROWS, COLUMNS = 8, 10


@dataclass(frozen=True)
class View:
    """A run's model with its weights, and its data."""

    run: object
    data_dir: object = None

    @cached_property
    def model(self):
        return trained_model(self.run)

    def dataset(self, split="test"):
        return self.run.dataset(split, self.data_dir)

    def require(self, fits, what):
        """Refuses a run whose model this kind of picture does not fit."""
        if not fits:
            raise RequestError(f"This picture needs {what}. Received: {self.run.path}")

    def encode(self, images, labels=None):
        """Numpy codes of uint8 images."""
        self.require(self.model.has_encoder, "a model with an encoder, as vae or aae")
        return self.model.encode(images, labels if self.model.encoder_labels else None)

    def draw(self, z, labels=None):
        """Numpy images in [0, 1] of codes."""
        inputs = {"z": z.astype("float32")}
        if self.model.conditional:
            inputs["label"] = labels
        return self.model.generate(inputs)


def reconstructions(view):
    """Test images, and below each what the model makes of its code."""
    dataset = view.dataset()
    count = min(ROWS * COLUMNS // 2, len(dataset.images))
    images = dataset.images[:count]
    labels = None if dataset.labels is None else dataset.labels[:count]
    again = grids.to_uint8(view.draw(view.encode(images, labels), labels))
    return _above(images, again)


def neighbours(view):
    """Drawings, and below each the training image nearest to it, pixel by pixel."""
    model, train = view.model, view.dataset("train")
    view.require(
        not model.translates and len(model.image_shape) == 3,
        "a model that draws images from noise",
    )
    drawings = generated_batches(model, ROWS * COLUMNS // 2, dataset=train)
    images = np.concatenate([batch for batch, _ in drawings])
    _, index = nearest(images, train.images)
    return _above(images, train.images[index])


def _above(upper, lower):
    """Rows of images, each with a row of others below it."""
    starts = range(0, len(upper) - len(upper) % COLUMNS, COLUMNS)
    rows = [images[start : start + COLUMNS] for start in starts for images in (upper, lower)]
    return grids.image_grid(np.concatenate(rows), COLUMNS)


def interpolation(view):
    """Each row leads from one test image to another, in equal steps of the code.

    In a conditional model both are of one class.
    """
    dataset = view.dataset()
    if view.model.conditional:
        classes = np.arange(ROWS) % dataset.num_classes
        pairs = [np.flatnonzero(dataset.labels == c)[i : i + 2] for i, c in enumerate(classes)]
        ends = np.array(pairs)
        labels = np.repeat(classes, COLUMNS - 2).astype("int32")
        codes = [view.encode(dataset.images[e], dataset.labels[e]) for e in ends.T]
    else:
        ends, labels = np.arange(2 * ROWS).reshape(ROWS, 2), None
        codes = [view.encode(dataset.images[e]) for e in ends.T]
    shares = np.linspace(0, 1, COLUMNS - 2).reshape(1, -1, *(1,) * (codes[0].ndim - 1))
    between = (1 - shares) * codes[0][:, None] + shares * codes[1][:, None]
    drawn = view.draw(between.reshape(-1, *codes[0].shape[1:]), labels)
    drawn = grids.to_uint8(drawn).reshape(ROWS, COLUMNS - 2, *dataset.image_shape)
    first, last = (dataset.images[e][:, None] for e in ends.T)
    rows = np.concatenate([first, drawn, last], axis=1)
    return grids.image_grid(rows.reshape(-1, *dataset.image_shape), COLUMNS)


def arithmetic(view):
    """Test images, a row per class: each with its class's mean code taken off and another added.

    The first column is the image itself, then comes one column per class added.
    """
    dataset = view.dataset()
    view.require(not view.model.conditional, "a model that was not told the classes")
    view.require(dataset.num_classes > 1, "a dataset with classes")
    classes = range(min(dataset.num_classes, COLUMNS))
    members = [np.flatnonzero(dataset.labels == c)[:200] for c in classes]
    codes = [view.encode(dataset.images[m]) for m in members]
    means = np.stack([c.mean(axis=0) for c in codes])
    rows = []
    for c in classes:
        moved = codes[c][0] - means[c] + means
        drawn = grids.to_uint8(view.draw(moved))
        rows.append(np.concatenate([dataset.images[members[c][:1]], drawn]))
    names = dataset.class_names[: len(rows)]
    return grids.image_grid(np.concatenate(rows), len(rows) + 1, names)


def manifold(view):
    """What a code of two numbers draws, at equal steps of the normal distribution function.

    Figure 4 of Kingma and Welling (2014).
    """
    from scipy.stats import norm

    two = view.model.inputs_spec["z"]["shape"] == [2] and not view.model.conditional
    view.require(two, "an unconditional model with latent_dim=2")
    line = norm.ppf((np.arange(SIDE) + 0.5) / SIDE)
    up, across = np.meshgrid(line[::-1], line, indexing="ij")
    images = view.draw(np.stack([across.ravel(), up.ravel()], axis=-1))
    return grids.image_grid(images, SIDE)


def canvas(view):
    """What DRAW has on its canvas after each step, a row per drawing."""
    view.require(view.model.draws_in_steps, "a model that draws in steps, draw")
    inputs = view.model.sample_inputs(ROWS, seed=0)
    steps = ops.convert_to_numpy(view.model.canvases(inputs))  # (steps, rows, ...)
    shown = np.unique(np.linspace(0, len(steps) - 1, 16).astype(int))
    images = np.moveaxis(steps[shown], 0, 1)
    return grids.image_grid(images.reshape(-1, *view.model.image_shape), len(shown))


def pca(view):
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
    flat = [images.reshape(len(images), -1).astype("float32") / 255.0 for images in (train, test)]
    components = PCA(view.model.latent_dim, svd_solver="covariance_eigh").fit(flat[0])
    ours = view.draw(view.encode(test)).reshape(flat[1].shape)
    theirs = components.inverse_transform(components.transform(flat[1]))
    theirs = np.clip(theirs, 0.0, 1.0)  # as what the model draws is
    errors = [np.mean((again - flat[1]) ** 2) for again in (theirs, ours)]
    kernel = next(w for w in view.model.decoder.get_weights() if w.ndim == 2)
    angle = np.degrees(subspace_angles(kernel.T, components.components_.T).max())
    names = (
        "original",
        f"PCA {errors[0]:.5f}",
        f"linear {errors[1]:.5f}, {angle:.0f}°",
    )
    shown = [both[:COLUMNS].reshape(-1, *test.shape[1:]) for both in (flat[1], theirs, ours)]
    return grids.image_grid(np.concatenate(shown), COLUMNS, names)


def history(view):
    """What the run recorded at the end of each epoch."""
    rows = view.run.history()
    view.require(rows, "a run with a whole epoch")
    return figures.history(rows)


KINDS = {
    "arithmetic": arithmetic,
    "canvas": canvas,
    "history": history,
    "interpolation": interpolation,
    "manifold": manifold,
    "neighbours": neighbours,
    "pca": pca,
    "reconstructions": reconstructions,
}


def picture(kind, run, data_dir=None):
    """A Pillow image of one of `KINDS`, of `zoo.training.run.Run`."""
    return KINDS[kind](View(run, data_dir))
