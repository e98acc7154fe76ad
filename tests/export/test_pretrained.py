"""Published weights in Keras: every model, on every backend, and what must not be loaded."""

import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from export.hub import layout, pretrained
from tests.helpers import (
    CLASS_NAMES,
    DRAWN,
    small_arrays,
    small_hyperparameters,
    small_inputs,
)
from zoo import files, registry
from zoo.errors import RequestError
from zoo.training import loop

SHAPE = (8, 8, 1)


def config_of(name, **changes):
    """What a published config.json says."""
    shape = (16, 16, 3) if registry.entry(name).cls.translates else SHAPE
    return {
        "format": 1,
        "created": "2026-01-01T00:00:00+00:00",
        "model": name,
        "preset": "default",
        "hyperparameters": small_hyperparameters(name, ema=0.9),
        "total_steps": 2,
        "dataset": {
            "name": "noise",
            "request": "noise",
            "data_dir": None,
            "input_channels": 3 if registry.entry(name).cls.translates else None,
            "image_shape": list(shape),
            "class_names": list(CLASS_NAMES),
        },
        "seed": 0,
        "backend": "tensorflow",
        "step": 2,
        **changes,
    }


def changed(folder, config=None):
    """Gives a changed repository the manifest that fits it: an attacker's would."""
    if config is not None:
        files.write_json(folder / layout.CONFIG, config)
    (folder / layout.MANIFEST).unlink()
    layout.write_manifest(folder)


def repository(folder, config):
    """Makes one with weights as if trained; returns the model that has them."""
    folder.mkdir(exist_ok=True)
    model = loop.build_model(config)
    rng = np.random.default_rng(1)
    for weight in model.weights:
        value = rng.standard_normal(weight.shape) * 0.2
        weight.assign(np.abs(value) + 0.5 if "variance" in weight.path else value)
    files.write_json(folder / layout.CONFIG, config)
    model.save_weights(folder / layout.WEIGHTS)
    layout.write_manifest(folder)
    return model


@pytest.mark.parametrize("name", DRAWN)
def test_draws_as_before(tmp_path, name):
    before = repository(tmp_path, config_of(name))
    model = pretrained.from_pretrained(tmp_path)
    for old, new in zip(before.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    inputs = small_inputs(before, 3)
    np.testing.assert_array_equal(before.generate(inputs), model.generate(inputs))


def test_goes_on_training(tmp_path):
    repository(tmp_path, config_of("cgan"))
    model = pretrained.from_pretrained(tmp_path)
    before = model.get_weights()
    model.compile()
    images, labels = small_arrays(16, SHAPE)
    model.fit(images, labels, batch_size=8, epochs=1, verbose=0)
    moved = [np.abs(a - b).max() for a, b in zip(before, model.get_weights(), strict=True)]
    assert all(np.isfinite(moved)) and max(moved) > 0
    assert keras.ops.convert_to_numpy(model.optimizer["generator"].iterations) == 2


def test_a_published_model_is_looked_at_as_a_run(tmp_path):
    repository(tmp_path / "mine", config_of("vae"))
    run = pretrained.PublishedRun(tmp_path / "mine")
    assert (run.id, run.path, run.config["backend"]) == (
        str(tmp_path / "mine"),
        Path("mine"),
        keras.backend.backend(),
    )
    assert run.manifest()["step"] == 2 and not run.has_checkpoint and run.history() == []


# ---- config.json


def with_dataset(**changes):
    return {"dataset": {**config_of("vae")["dataset"], **changes}}


def with_hyperparameter(**changes):
    return {"hyperparameters": {**config_of("vae")["hyperparameters"], **changes}}


HOSTILE = {
    "an unknown class": ({"model": "os.system"}, "model must be one of"),
    "no name": ({"model": ["vae"]}, "Received"),
    "another format": ({"format": 99}, "format 99, not 1"),
    "wide images": (with_dataset(image_shape=[10**9, 8, 1]), "images of 1000000000x8x1"),
    "no numbers": (with_dataset(image_shape=["8", 8, 1]), "images of 8x8x1"),
    "many channels": (with_dataset(image_shape=[8, 8, 10**6]), "images of 8x8x1000000"),
    "points": (with_dataset(image_shape=[2]), "ValueError"),
    "many classes": (with_dataset(class_names=["a"] * 20_000), "too many"),
    "classes of no text": (with_dataset(class_names=[{}]), "class names"),
    "no dataset": ({"dataset": None}, "TypeError"),
    "a seed of text": ({"seed": "0"}, "seed '0'"),
    "a step below zero": ({"step": -1}, "step -1"),
    "a list": (with_hyperparameter(hidden=[1]), r"hidden \[1\]"),
    "a code": (with_hyperparameter(hidden={"class_name": "Lambda"}), "hidden"),
    "a text for a number": (with_hyperparameter(latent_dim="64"), "positive integer"),
    "an unknown setting": (with_hyperparameter(evil=1), "Received: 'evil'"),
    "below zero": (with_hyperparameter(latent_dim=-3), "positive"),
}


@pytest.mark.once
@pytest.mark.parametrize("what", HOSTILE)
def test_configs_that_are_refused(tmp_path, what):
    changes, words = HOSTILE[what]
    repository(tmp_path, config_of("vae"))
    changed(tmp_path, config_of("vae", **changes))
    with pytest.raises(RequestError, match=words) as refusal:
        pretrained.from_pretrained(tmp_path)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "setting", [{"latent_dim": 2**30}, {"hidden": 10**6}, {"hidden": 2**31 - 1}]
)
def test_a_model_too_large_is_refused_before_its_weights_are_made(tmp_path, monkeypatch, setting):
    made = []
    add_weight = keras.layers.Layer.add_weight

    def spy(layer, shape=None, *arguments, **options):
        made.append(np.prod(np.array(shape, dtype=object)))
        return add_weight(layer, shape, *arguments, **options)

    monkeypatch.setattr(keras.layers.Layer, "add_weight", spy)
    weights = repository(tmp_path, config_of("vae")).count_params()
    made.clear()
    changed(tmp_path, config_of("vae", **with_hyperparameter(**setting)))
    with pytest.raises(RequestError, match=f"at most {weights:,} weights"):
        pretrained.from_pretrained(tmp_path)
    assert sum(made) < weights
    assert keras.layers.Layer.add_weight is spy, "the bound is taken off again"


# ---- model.weights.h5


def larger(file):
    file["bomb"] = np.zeros(3, "float32")


def linked(file):
    file["elsewhere"] = h5py.ExternalLink("/etc/passwd", "/")


def soft(file):
    file["round"] = h5py.SoftLink("/")


def cyclic(file):
    file["again"] = file["/"]


def squeezed(file):
    file.create_dataset("bomb", (1000, 1000), "float32", compression="gzip", fillvalue=1.0)


def unwritten(file):
    file.create_dataset("bomb", (10**6, 10**6), "float32")


def outside(file):
    file.create_dataset("bomb", (4,), "float32", external=[("/etc/passwd", 0, 16)])


def virtual(file):
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource("/etc/passwd", "data", (4,))
    file.create_virtual_dataset("bomb", layout)


def text(file):
    file["bomb"] = ["cos\nsystem\n"]


HARMFUL = [larger, linked, soft, cyclic, squeezed, unwritten, outside, virtual, text]


@pytest.mark.once
@pytest.mark.parametrize("harm", HARMFUL, ids=lambda harm: harm.__name__)
def test_weights_that_are_refused(tmp_path, harm, monkeypatch):
    repository(tmp_path, config_of("vae"))
    with h5py.File(tmp_path / layout.WEIGHTS, "r+") as file:
        harm(file)
    changed(tmp_path)
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_: pytest.fail("was loaded"))
    with pytest.raises(RequestError, match="must be plain arrays that fit") as refusal:
        pretrained.from_pretrained(tmp_path)
    assert "\n" not in str(refusal.value)


@pytest.mark.once
def test_weights_of_another_model(tmp_path):
    repository(tmp_path, config_of("vae"))
    other = loop.build_model(config_of("vae", **with_hyperparameter(hidden=17)))
    other.save_weights(tmp_path / layout.WEIGHTS)
    changed(tmp_path)
    with pytest.raises(
        RequestError, match=r"with \d,\d+ of them, not \d,\d+|at most \d,\d+ weights"
    ):
        pretrained.from_pretrained(tmp_path)
    (tmp_path / layout.WEIGHTS).write_bytes(b"no HDF5")
    changed(tmp_path)
    with pytest.raises(RequestError, match="must be plain arrays that fit"):
        pretrained.from_pretrained(tmp_path)


@pytest.mark.once
def test_a_config_that_is_no_json(tmp_path):
    repository(tmp_path, config_of("vae"))
    for words in ("[]", "{", "null", json.dumps({"a": 1})):
        (tmp_path / layout.CONFIG).write_text(words)
        changed(tmp_path)
        with pytest.raises(RequestError, match="must describe a model"):
            pretrained.PublishedRun(tmp_path)
