"""A generator that draws one and the same thing is said so, whatever the family of its model."""

import keras
import numpy as np
import pytest

from tests.helpers import MODELS, small_dataset, small_hyperparameters
from tests.training.configs import config_of
from zoo import registry
from zoo.data.batches import Batches, PairedBatches
from zoo.training import callbacks, health, loop
from zoo.training.run import Run

pytestmark = pytest.mark.once


@pytest.fixture
def at_an_epochs_end(tmp_path, monkeypatch):
    """Gives a function: what is said at the end of an epoch of a model that `change` has spoilt."""
    monkeypatch.setattr(callbacks, "BEGUN", 0)

    def said(name, change, **values):
        translates = registry.entry(name).cls.translates
        config = config_of(name, hyperparameters=small_hyperparameters(name, **values))
        config["dataset"]["input_channels"] = 1 if translates else None
        dataset = small_dataset(64, pairs=translates)
        kind = PairedBatches if translates else Batches
        model = loop.build_model(config)
        model.compile()
        change(model)
        lines = []
        run = Run.create(tmp_path, config)
        recorder = callbacks.RunRecorder(run, kind(dataset, 8, (-1, 1), 0), 0, [], say=lines.append)
        recorder.set_model(model)
        recorder.on_epoch_begin(0)
        recorder.step = recorder.batches.steps_per_epoch
        recorder.on_epoch_end(0, {})
        return lines

    return said


def draw_one_thing(model):
    """No input reaches what is drawn: every kernel is 0, and what is left are biases."""
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape, "float32"))


@pytest.mark.parametrize("name", MODELS)
def test_one_drawing_for_all(at_an_epochs_end, name):
    lines = at_an_epochs_end(name, draw_one_thing)
    assert any("mode collapse: generated images differ by 0.00" in line for line in lines), lines


@pytest.mark.parametrize("name", ["cgan", "cvae", "dcgan"])
def test_one_drawing_for_each_class(at_an_epochs_end, monkeypatch, name):
    """The classes differ as real images do, so that all together they seem to differ enough."""

    def draw_by_class(model):
        grey = np.random.default_rng(0).random((3, 8, 8, 1))

        def generate(inputs, **options):
            return grey[np.array(keras.ops.convert_to_numpy(inputs["label"]))]

        monkeypatch.setattr(model, "generate", generate)

    # CGAN and CVAE are always conditional.
    lines = at_an_epochs_end(name, draw_by_class, conditional=True)
    (line,) = (line for line in lines if "mode collapse" in line)
    assert "mode collapse: generated images of a class differ by 0.00 of" in line


def test_diversity_of_classes_by_hand():
    """Two classes of two points each, 3 and 4 apart; the classes themselves are far apart."""
    points = np.array([[0.0], [3.0], [100.0], [104.0]])
    labels = np.array([0, 0, 1, 1])
    assert health.diversity(points, labels) == pytest.approx(np.sqrt((9 + 16) / 2))
    assert health.diversity(points[1:3], labels[1:3]) == 0.0
