"""Small models and data, for tests that are parametrized over the registry."""

import keras
import numpy as np
import pytest

from zoo import backend, registry
from zoo.data import Dataset
from zoo.data.batches import Batches, PairedBatches

MODELS = sorted(registry.entries())
# TensorFlow compiles a step in seconds and JAX in tens of them. The reference test covers every
# model on every backend; what does not depend on a model's loss runs there with these few: several
# critic steps under a penalty, and several networks in one step, with running means of their own.
FEW = MODELS if keras.backend.backend() == "torch" else ["sbn", "wgan_gp"]
# JAX also compiles what runs outside a step, one operation after the other.
DRAWN = [*FEW, "lapgan", "pix2pix"] if keras.backend.backend() == "jax" else MODELS
# Options of these models alone are tried there: the others' are theirs, or run on two backends.
TRIED = ["aae", "cgan", "iwae", "lapgan", "pix2pix", "sbn", "wgan_gp"]
WITH_OPTIONS = TRIED if keras.backend.backend() == "jax" else MODELS
# Policies of 16 bits, where this machine can train in them.
MIXED = [
    pytest.param(
        f"mixed_{name}",
        marks=pytest.mark.skipif(
            name not in backend.HALF_TYPES,
            reason=f"PyTorch has no kernels for {name} on this processor",
        ),
    )
    for name in ("bfloat16", "float16")
]
LATENT = [name for name in MODELS if registry.entry(name).family == "latent"]
# What makes any model small; a model takes those it has.
SMALL = {
    "latent_dim": 6,
    "width": 4,
    "generator_hidden": 16,
    "discriminator_hidden": 8,
    "hidden": 16,
    "code_dim": 5,
    "categories": 3,
    "n_critic": 2,
    "decay": "none",
    "warm_up": 0,
    "k": 3,
    "lower_dim": 7,
    "upper_hidden": 9,
    "labels": 6,
    "glimpses": 3,
    "read_size": 3,
    "write_size": 4,
    "baseline_hidden": 5,
    "discriminator_width": 4,
    "patch": 16,
}
# Options that others have too, where tests of their own cover them.
TRIED_WITH = {"discriminator_steps": ("gan",), "objective": ("gan", "pix2pix")}
CLASS_NAMES = ("zero", "one", "two")
# Options away from their defaults, for tests of all of them at once; a model takes those it has.
OPTIONS = {
    "conditional": True,
    "label_smoothing": 0.1,
    "feature_matching": True,
    "minibatch_discrimination": 3,
    "historical_averaging": 0.01,
    "virtual_batch_norm": 4,
    "freeze_above": 0.6,
    "upsampling": "nearest",
    "critic_norm": "layer",
    "discriminator_steps": 2,
    "targets": "pearson",
    "objective": "minimax",
    "prior": "uniform",
    "stochastic_layers": 2,
    "gradient": "dreg",
    "samples": 2,
    "beta": 0.5,
    "warm_up": 4,
    "likelihood": "gaussian",
    "learn_std": True,
    "kind": "denoising",
    "corruption": "gaussian",
    "stack": "m1_m2",
    "attention": False,
    "estimator": "rws",
    "skips": False,
    "norm": "instance",
    "stochastic": True,
    "decay_steps": 3,
    "constant_steps": 1,
}


def own_options(name):
    """Those of `OPTIONS` that a model has, and what they ask for."""
    options = {key: OPTIONS[key] for key in registry.entry(name).hyperparameters if key in OPTIONS}
    if name == "pix2pix":
        options["objective"] = "l1_gan"
    if name == "aae":
        options |= {"prior": "mixture", "latent_dim": 2}
    return {key: value for key, value in options.items() if name in TRIED_WITH.get(key, (name,))}


def odd_shape(name):
    """A shape whose sides do not halve evenly, where the model takes that."""
    return (12, 16, 3) if name in ("lapgan", "pix2pix") else (9, 12, 3)


def small_hyperparameters(name, **changes):
    """The hyperparameters of a model as its class has them, whatever its presets, but shrunk."""
    fields = registry.entry(name).hyperparameters
    values = {key: field.default for key, field in fields.items()}
    small = {**SMALL, "batch_size": 8, "steps": 2, **changes}
    return {**values, **{key: small[key] for key in values if key in small}}


def small_model(name, image_shape=(8, 8, 1), num_classes=3, seed=0, dtype=None, **changes):
    """A small uncompiled model."""
    return registry.entry(name).build(
        small_hyperparameters(name, **changes),
        image_shape=image_shape,
        num_classes=num_classes,
        seed=seed,
        dtype=dtype,
    )


def small_dataset(count=44, image_shape=(8, 8, 1), num_classes=3, seed=0, pairs=False):
    """Random uint8 images with labels, or in pairs."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (count, *image_shape), dtype=np.uint8)
    if pairs:
        inputs = rng.integers(0, 256, images.shape, dtype=np.uint8)
        return Dataset("noise", images, None, (), "made by a test", inputs=inputs)
    labels = rng.integers(0, num_classes, count, dtype=np.int32)
    return Dataset("noise", images, labels, CLASS_NAMES[:num_classes], "made by a test")


def small_arrays(count=16, image_shape=(8, 8, 1), num_classes=3, value_range=(-1, 1), pairs=False):
    """(images float32 in the value range, labels int32), or pairs, as `fit` takes them."""
    kind = PairedBatches if pairs else Batches
    dataset = small_dataset(count, image_shape, num_classes, pairs=pairs)
    return next(kind(dataset, count, value_range, seed=0).from_step(0))


def small_inputs(model, count=5):
    """A dict of numpy inputs for `model.generate`."""
    inputs = model.sample_inputs(count, seed=1)
    return {name: np.array(keras.ops.convert_to_numpy(value)) for name, value in inputs.items()}


def repeats(model):
    """Batches that one step takes."""
    return model.step_parts
