"""Small models and data, for tests that are parametrized over the registry."""

import numpy as np

from zoo import registry
from zoo.data import Dataset
from zoo.training.batches import Batches

MODELS = sorted(registry.entries())
# What makes any model small; a model takes those it has.
SMALL = {"latent_dim": 6, "width": 4, "generator_hidden": 16, "discriminator_hidden": 8}
CLASS_NAMES = ("zero", "one", "two")


def small_hyperparameters(name, **changes):
    """The default hyperparameters of a model, shrunk."""
    entry = registry.entry(name)
    values = entry.configure()
    small = {**SMALL, "batch_size": 8, "steps": 2, **changes}
    return {**values, **{key: small[key] for key in values if key in small}}


def small_model(name, image_shape=(8, 8, 1), num_classes=3, seed=0, **changes):
    """A small uncompiled model."""
    return registry.entry(name).build(
        image_shape, num_classes, small_hyperparameters(name, **changes), seed
    )


def small_dataset(count=44, image_shape=(8, 8, 1), num_classes=3, seed=0):
    """Random uint8 images with labels."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, *image_shape), dtype=np.uint8)
    labels = rng.integers(0, num_classes, count, dtype=np.int32)
    return Dataset("noise", images, labels, CLASS_NAMES[:num_classes], "made by a test")


def small_arrays(count=16, image_shape=(8, 8, 1), num_classes=3):
    """(images float32 in [-1, 1], labels int32), as `fit` takes them."""
    batches = Batches(small_dataset(count, image_shape, num_classes), count, (-1, 1), seed=0)
    return next(batches.from_step(0))


def small_inputs(model, count=5):
    """A dict of numpy inputs for `model.generate`."""
    inputs = {"z": np.random.default_rng(1).standard_normal((count, model.latent_dim), "float32")}
    if model.conditional:
        inputs["label"] = np.arange(count, dtype="int32") % model.num_classes
    return inputs
