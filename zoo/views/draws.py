"""Pictures of what a model draws from chosen noise."""

import numpy as np
from keras import ops
from PIL.Image import Image

from zoo.metrics.distances import nearest
from zoo.metrics.samples import generated_batches
from zoo.pictures import grids
from zoo.views.codes import linear
from zoo.views.view import COLUMNS, ROWS, Inputs, View, with_z

SIDE = 20  # of the manifold
CLASSIFIED = 4_000  # drawings, whose mean z in a class is that of the class
FEWEST = 20  # drawings of a class, else its mean is too rough
CATEGORIES_AGAIN, CODES_AGAIN = 3, 2  # drawings that a traversal changes a code of
REACH = 2.0  # of a uniform code, as in figure 2 of Chen et al. (2016); trained on are -1 to 1
FAR = 3.0  # standard deviations of z
STEP = 0.1  # of z, whose effect on the image is looked at
BASES = 4  # drawings at which it is


def neighbours(view: View) -> Image:
    """Generated images, and below each the training image nearest to it, pixel by pixel."""
    model = view.model
    view.require(not model.translates, "a model that draws images from noise")
    train = view.dataset("train")
    batches = generated_batches(model, ROWS * COLUMNS // 2, dataset=train)
    images = np.concatenate([batch for batch, _ in batches])
    _, index = nearest(images, train.images)
    return grids.pairs_grid(images, train.images[index], COLUMNS)


# ---- between drawings


def interpolation(view: View) -> Image:
    """From one drawing to another, by linear steps of z in one row and spherical ones below.

    Linear steps pass where the prior has hardly any mass: halfway z is shorter by a factor of
    about sqrt(2). Spherical ones keep its length (White 2016, "Sampling Generative Networks",
    https://arxiv.org/abs/1609.04468). In a conditional model both ends are of one class; what else
    a drawing is made of stays that of the first.
    """
    view.require_normal()
    count = ROWS // 2
    labels = None
    if view.model.conditional:
        classes = np.arange(count) % view.model.num_classes
        labels = classes.repeat(2).astype("int32")
    inputs = view.noise(2 * count, labels)
    first, last = inputs["z"][0::2], inputs["z"][1::2]
    kept = {name: value[0::2] for name, value in inputs.items()}
    both = np.stack([f(first, last, COLUMNS) for f in (linear, spherical)], axis=1)
    images = view.draw(with_z(kept, both.reshape(count, -1, *first.shape[1:])))
    return grids.image_grid(images, COLUMNS, ("linear", "spherical") * count)


def spherical(first: np.ndarray, last: np.ndarray, steps: int) -> np.ndarray:
    """Points on the arc between two vectors, in equal steps of the angle, ends included.

    Where the ends differ in length, that of the points goes from one to the other. Ends of one
    direction are joined by a straight line.

    Args:
        first, last: (n, ...).
        steps: how many points.

    Returns:
        (n, steps, ...)
    """
    a, b = (x.reshape(len(x), 1, -1).astype("float64") for x in (first, last))
    lengths = [np.linalg.norm(x, axis=2, keepdims=True) for x in (a, b)]
    cosine = (a * b).sum(axis=2, keepdims=True) / np.maximum(lengths[0] * lengths[1], 1e-12)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    shares = np.linspace(0, 1, steps).reshape(1, -1, 1)
    sine = np.where(np.sin(angle) < 1e-6, 1.0, np.sin(angle))
    arc = (np.sin((1 - shares) * angle) * a + np.sin(shares * angle) * b) / sine
    straight = (1 - shares) * a + shares * b
    points = np.where(np.sin(angle) < 1e-6, straight, arc)
    return points.reshape(len(first), steps, *first.shape[1:])


def arithmetic(view: View) -> Image:
    """Drawings, a row per class: each with its class's mean z taken off and another's added.

    The class of a drawing is what the dataset's classifier sees in it, and a class's mean is over
    all drawings of it (Radford et al. 2016, section 6.3.2, where a person chose three of each).
    The first column is the drawing itself, then comes one column per class added.
    """
    view.require(not view.model.conditional, "a model that was not told the classes")
    view.require_normal()
    names = view.dataset().class_names
    view.require(names, "a dataset with classes")
    inputs = view.noise(CLASSIFIED)
    found = view.classify(view.draw(inputs))
    classes = [c for c in range(len(names)) if (found == c).sum() >= FEWEST][:COLUMNS]
    view.require(len(classes) > 1, f"{FEWEST} of {CLASSIFIED} drawings in each of two classes")
    means = np.stack([inputs["z"][found == c].mean(axis=0) for c in classes])
    firsts = [np.flatnonzero(found == c)[0] for c in classes]
    own = {name: value[firsts] for name, value in inputs.items()}
    moved = own["z"][:, None] - means[:, None] + means[None]
    images = view.draw(with_z(own, np.concatenate([own["z"][:, None], moved], axis=1)))
    return grids.image_grid(images, len(classes) + 1, [names[c] for c in classes])


# ---- one code at a time


def traversal(view: View) -> Image:
    """One number of what a drawing is made of changes along a row, all others stay.

    InfoGAN's categorical code takes its values in turn, in three drawings; each continuous one goes
    from -2 to 2, in two drawings. The other rows go from -3 to 3 along those directions of z that
    change the images most, the leading one first.
    """
    rows: list[tuple[str, Inputs]] = []
    bases = view.noise(BASES, np.zeros(BASES, "int32") if view.model.conditional else None)
    for name, spec in view.model.inputs_spec.items():
        if spec["prior"] == "category":
            values = np.arange(min(COLUMNS, spec["classes"]), dtype="int32")
            for base in range(CATEGORIES_AGAIN):
                rows.append((name, {**_again(bases, base, len(values)), name: values}))
        elif spec["prior"] == "uniform" and name != "z":
            for index in range(spec["shape"][0]):
                for base in range(CODES_AGAIN):
                    inputs = _again(bases, base, COLUMNS)
                    inputs[name][:, index] = np.linspace(-REACH, REACH, COLUMNS)
                    rows.append((f"{name} {index + 1}", inputs))
    if view.model.inputs_spec["z"]["prior"] == "normal":
        shape = bases["z"].shape[1:]
        for number, direction in enumerate(directions(view, bases, ROWS if not rows else 3)):
            inputs = _again(bases, 0, COLUMNS)
            z = inputs["z"].reshape(COLUMNS, -1)
            others = z - np.outer(z @ direction, direction)
            along = np.outer(np.linspace(-FAR, FAR, COLUMNS), direction)
            inputs["z"] = (others + along).reshape(COLUMNS, *shape).astype("float32")
            rows.append((f"z, {number + 1}", inputs))
    view.require(rows, "a model with codes or with normal noise z")
    images = []
    for _, inputs in rows:
        row = view.draw(inputs)
        blank = np.full((COLUMNS - len(row), *row.shape[1:]), 255, "uint8")
        images += [row, blank]
    return grids.image_grid(np.concatenate(images), COLUMNS, [name for name, _ in rows])


def _again(inputs: Inputs, index: int, count: int) -> Inputs:
    """The inputs of one drawing, `count` times, in arrays of their own."""
    return {name: value[index : index + 1].repeat(count, axis=0) for name, value in inputs.items()}


def directions(view: View, bases: Inputs, count: int) -> np.ndarray:
    """The directions of z in which the images change most.

    They are the leading eigenvectors of the mean of J J^T over some drawings, where the rows of J,
    (d, pixels), are what a small step of each number of z changes.

    Args:
        view: of a model with normal noise z of d numbers in all.
        bases: inputs of the drawings.
        count: how many directions, at most d.

    Returns:
        float64 (count, d), orthonormal, the leading one first, the largest number of each positive.
    """
    z = bases["z"].reshape(len(bases["z"]), -1)
    total = np.zeros((z.shape[1], z.shape[1]))
    for index in range(len(z)):
        steps = np.concatenate([np.zeros((1, z.shape[1])), STEP * np.eye(z.shape[1])])
        moved = (z[index] + steps).reshape(1, -1, *bases["z"].shape[1:])
        own = {name: value[index : index + 1] for name, value in bases.items()}
        images = view.model.generate(with_z(own, moved)).reshape(len(steps), -1)
        change = (images[1:] - images[:1]).astype("float64")
        total += change @ change.T
    leading = np.linalg.eigh(total)[1].T[::-1][:count]
    largest = np.abs(leading).argmax(axis=1)
    return leading * np.sign(leading[np.arange(len(leading)), largest])[:, None]


# ---- a code of two numbers


def manifold(view: View) -> Image:
    """What a code of two numbers draws, at equal steps of the normal distribution function.

    The first number grows to the right and the second upwards. Figure 4 of Kingma and Welling
    (2014).
    """
    from scipy.stats import norm

    return _plane(view, norm.ppf((np.arange(SIDE) + 0.5) / SIDE))


def manifold_grid(view: View) -> Image:
    """What a code of two numbers draws, at equal steps from -3 to 3; else as `manifold`."""
    return _plane(view, np.linspace(-3.0, 3.0, SIDE))


def _plane(view: View, line: np.ndarray) -> Image:
    two = view.model.inputs_spec["z"]["shape"] == [2] and not view.model.conditional
    view.require(two, "an unconditional model with latent_dim=2")
    up, across = np.meshgrid(line[::-1], line, indexing="ij")
    return grids.image_grid(view.decode(np.stack([across.ravel(), up.ravel()], axis=-1)), SIDE)


# ---- in steps


def canvas(view: View) -> Image:
    """What DRAW has on its canvas after each step, a row per image."""
    view.require(view.model.draws_in_steps, "a model that draws in steps, such as draw")
    inputs = view.model.sample_inputs(ROWS, seed=0)
    steps = ops.convert_to_numpy(view.model.canvases(inputs))  # (rows, steps, ...)
    shown = np.unique(np.linspace(0, steps.shape[1] - 1, 16).astype(int))
    images = steps[:, shown]
    return grids.image_grid(images.reshape(-1, *view.model.image_shape), len(shown))
