"""How a training goes, in numbers and, where it goes badly, in words.

- "mode collapse": drawings that hardly differ (or, in `scoring.py`, that leave classes out).
- "discriminator saturated": it tells all drawings from all real images, and then teaches nothing.
- "posterior collapse": latent units that the images do not move (Bowman et al. 2016,
  https://arxiv.org/abs/1511.06349), counted as Burda et al. (2016) count the active ones:
  the variance of the unit's posterior mean over the images is above 0.01.
"""

import numpy as np

LOOKED_AT = 256  # training images
ALIKE = 0.4  # of the real images' diversity, below which drawings are too much alike
SATURATED = 0.99  # accuracy on real and on drawn images
ACTIVE = 0.01  # variance
FEW_ACTIVE = 0.1  # of all units


def examine(model, dataset, samples, logs):
    """Numbers for a row of the history, at an epoch's end.

    Args:
        model: a `GenerativeModel`.
        dataset: the `zoo.data.Dataset` it trains on.
        samples: what it has just drawn, (n, h, w, c) in [0, 1] or points.
        logs: the epoch's running means.

    Returns:
        (numbers, warnings): a dict, and a list of sentences.
    """
    real = dataset.images[:LOOKED_AT]
    images = real if dataset.points else real.astype("float32") / 255.0
    alike = diversity(samples) / diversity(images[: len(samples)])
    numbers, warnings = {"diversity": round(alike, 3)}, []
    if alike < ALIKE:
        warnings.append(f"mode collapse: drawings differ by {alike:.2f} of what real ones do")
    accuracies = [logs.get(name) for name in ("real_accuracy", "fake_accuracy")]
    if None not in accuracies and min(accuracies) > SATURATED:
        warnings.append(
            "discriminator saturated: it is right about {:.1%} of real and {:.1%} of drawn ones, "
            "and leaves the generator hardly a gradient".format(*accuracies)
        )
    if model.has_likelihood:
        active = active_units(model, images, dataset.labels)
        numbers["active_units"] = int(active.sum())
        if active.mean() < FEW_ACTIVE:
            warnings.append(
                f"posterior collapse: {active.sum()} of {active.size} latent units follow the image"
            )
    return numbers, warnings


def diversity(images):
    """The root mean squared distance between two of a set (n, ...), n at least 2."""
    flat = np.asarray(images, "float64").reshape(len(images), -1)
    return float(np.sqrt(2.0 * flat.var(axis=0, ddof=1).sum()))


def active_units(model, images, labels=None):
    """Which latent units follow the images: (units,) of images (n, h, w, c) in [0, 1]."""
    labels = labels[: len(images)] if model.encoder_labels else None
    return model.encode(images, labels).var(axis=0) > ACTIVE
