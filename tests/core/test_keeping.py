"""Images that a GPU keeps: the batches, losses and weights of images that are sent for each step.

Here the processor keeps them, where any other training does not.
"""

import random
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import small_dataset, small_hyperparameters, small_model
from zoo import backend, data, registry
from zoo.backend import devices
from zoo.data.batches import Batches, PairedBatches, SemiSupervisedBatches
from zoo.training.loop import fed

# TensorFlow and JAX compile a step in tens of seconds.
TRAINED = ["gan", "ssvae", "wgan_gp"] if keras.backend.backend() == "torch" else ["ssvae"]
STEPS = 5  # two calls of two where several steps are one call, and a shorter one


@pytest.fixture
def room(monkeypatch):
    monkeypatch.setattr(backend._running, "room", lambda: 2**30)


def plain(dataset):
    return Batches(dataset, 8, (-1, 1), 0)


def few_labels(dataset):
    return SemiSupervisedBatches(plain(dataset), 6)


@pytest.mark.parametrize(
    ("kind", "dataset"),
    [
        (plain, small_dataset(21)),
        (plain, replace(small_dataset(21), labels=None, class_names=())),
        (few_labels, small_dataset(21)),
        (plain, data.load("ring")),
    ],
    ids=["labels", "images alone", "few labels", "points"],
)
def test_batches_are_those_of_images_that_are_sent(kind, dataset, room):
    model = SimpleNamespace(train_step=lambda batch: batch)
    batches = kind(dataset)
    kept = fed(model, batches)(1)
    assert kept.__name__ != "_from_step"
    for expected, found, _ in zip(batches.from_step(1), kept, range(4), strict=False):
        found = [ops.convert_to_numpy(array) for array in model.train_step(found)]
        assert len(found) == len(expected)
        for array, other in zip(found, expected, strict=True):
            assert array.dtype == other.dtype or array.dtype.kind == "i"
            np.testing.assert_array_equal(array, other)


class Losses(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.logs = []

    def on_train_batch_end(self, batch, logs=None):
        self.logs.append({name: float(value) for name, value in logs.items()})


def trained(name):
    random.seed(0)
    model = small_model(name)
    model.compile(steps_per_execution=1 if keras.backend.backend() == "torch" else 2)
    values = small_hyperparameters(name)
    batches = registry.entry(name).cls.batches(small_dataset(44 * model.step_parts), values, 0)
    losses = Losses()
    stream = devices.feed(fed(model, batches)(0), model.step_parts, STEPS)
    options = {"steps_per_epoch": STEPS, "epochs": 2, "shuffle": False, "verbose": 0}
    keras.Model.fit(model, stream, callbacks=[losses], **options)
    weights = [np.array(ops.convert_to_numpy(v)) for v in model.variables]
    return losses.logs, weights


@pytest.mark.parametrize("name", TRAINED)
def test_a_training_is_that_of_images_that_are_sent(name, request):
    losses, weights = trained(name)
    request.getfixturevalue("room")
    kept_losses, kept_weights = trained(name)
    assert kept_losses == losses
    for weight, other in zip(kept_weights, weights, strict=True):
        np.testing.assert_array_equal(weight, other)


@pytest.mark.once
def test_what_is_not_kept(monkeypatch):
    images = np.zeros((4, 8, 8, 1), "uint8")  # 256 bytes
    model, values = SimpleNamespace(train_step=None), np.zeros(256, "float32")
    kept = lambda: backend.kept(model, images, values) is not None  # noqa: E731
    assert not kept() or backend._running.ON_GPU
    for room, expected in ((1023, False), (1024, True)):
        monkeypatch.setattr(backend._running, "room", lambda room=room: room)
        assert kept() == expected
    monkeypatch.setattr(backend, "KEPT", 255)
    assert not kept()
    monkeypatch.setattr(backend, "KEPT", 256)
    assert kept()
    monkeypatch.setattr(devices, "layout", devices.Layout(2))
    assert not kept()
    assert PairedBatches(small_dataset(8, pairs=True), 4, (-1, 1), 0).whole is None
