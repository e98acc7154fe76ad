"""Pictures of test images through a model's `encode`.

Images are shown and encoded in grey levels, also where the model was trained on binarized ones.
"""

from collections.abc import Sequence

import numpy as np
from PIL.Image import Image

from zoo.pictures import grids, learned
from zoo.pictures.learned import Scatter
from zoo.views.view import COLUMNS, ROWS, View

OF_A_CLASS = 200  # test images at most, whose mean code is that of a class
SCATTERED = 5_000  # test images at most, whose codes are points


def reconstructions(view: View) -> Image:
    """Test images, and below each what the model makes of its code."""
    dataset = view.dataset()
    count = min(ROWS * COLUMNS // 2, len(dataset.images))
    images = dataset.images[:count]
    labels = None if dataset.labels is None else dataset.labels[:count]
    return grids.pairs_grid(images, view.decode(view.encode(images, labels), labels), COLUMNS)


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
    between = linear(first, last, steps)
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


def linear(first: np.ndarray, last: np.ndarray, steps: int) -> np.ndarray:
    """Codes (n, steps, ...) in equal steps from `first` to `last`, both (n, ...), ends included."""
    shares = np.linspace(0, 1, steps).reshape(1, -1, *(1,) * (first.ndim - 1))
    return (1 - shares) * first[:, None] + shares * last[:, None]


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


def latent_scatter(views: Sequence[View]) -> Image:
    """The codes of test images as points, coloured by class, over the contours of the prior.

    Codes of more than two numbers are seen along their first two principal components. The
    contours lie 1, 2 and 3 standard deviations from the mean of a normal prior, 2 from each mean
    of a mixture. A code is the mean of the posterior: where the model does not use a code, all
    means lie at the prior's, although the posteriors themselves fill it.
    """
    return learned.latent_scatter([_scatter(view) for view in views])


def _scatter(view: View) -> Scatter:
    dataset = view.dataset()
    images = dataset.images[:SCATTERED]
    labels = None if dataset.labels is None else dataset.labels[:SCATTERED]
    codes = view.encode(images, labels)
    codes = codes.reshape(len(codes), -1).astype("float64")
    spec = view.model.inputs_spec["z"]
    view.require(spec["prior"] in ("normal", "mixture"), "a code with a normal or a mixture prior")
    means, radii = np.zeros((1, codes.shape[1])), [1.0, 2.0, 3.0]
    if spec["prior"] == "mixture":
        means, radii = np.array(spec["means"]), [2.0 * spec["std"]]
    view.require(codes.shape[1] > 1, "a code of two numbers or more")
    seen_along = ""
    if codes.shape[1] > 2:
        plane, share = principal_plane(codes)
        codes, means = codes @ plane, means @ plane
        seen_along = f"\n2 of {len(plane)} components, {100 * share:.0f} % of the variance"
    config = view.run.config
    beta = config["hyperparameters"].get("beta")
    title = config["model"] if beta is None else f"{config['model']}, beta {beta:g}"
    names = dataset.class_names if labels is not None else ()
    return Scatter(codes, labels, names, means, radii, f"{title}{seen_along}")


def principal_plane(codes: np.ndarray) -> tuple[np.ndarray, float]:
    """The first two principal components of codes (n, d), as columns (d, 2).

    Returns:
        They, orthonormal, and the share of the variance that lies along them.
    """
    variances, vectors = np.linalg.eigh(np.cov(codes, rowvar=False))
    return vectors[:, :-3:-1], float(variances[-2:].sum() / variances.sum())


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
