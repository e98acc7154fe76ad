"""What every registered model must do; a new model is tested by being registered."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import MODELS, small_arrays, small_inputs, small_model
from zoo import registry
from zoo.errors import RequestError
from zoo.training.model import GenerativeModel

pytestmark = pytest.mark.parametrize("name", MODELS)
SHAPES = [(8, 8, 1), (28, 28, 1), (30, 45, 3), (64, 64, 3)]


def weights(model):
    return [np.array(ops.convert_to_numpy(w.value)) for w in model.weights]


def fit(model, steps=3, **options):
    images, labels = small_arrays(8 * steps, model.image_shape, model.num_classes)
    return model.fit(images, labels, batch_size=8, shuffle=False, verbose=0, **options).history


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_draws_images_of_the_datas_shape(name, shape):
    model = small_model(name, shape)
    inputs = small_inputs(model)
    images = model.generate(inputs, batch_size=2)  # 2 + 2 + 1
    assert images.shape == (5, *shape) and images.dtype == np.float32
    assert 0 <= images.min() < images.max() <= 1
    low, high = model.value_range
    inside = ops.convert_to_numpy(model.predict(inputs, verbose=0))
    np.testing.assert_allclose((inside - low) / (high - low), images, atol=1e-6)


def test_one_literal_train_step(name):
    """One `train_step(self, batch)` in the model's file, and no other up to the base class."""
    cls = registry.entry(name).cls
    assert "train_step" in cls.__dict__
    assert list(inspect.signature(cls.train_step).parameters) == ["self", "batch"]
    between = cls.__mro__[1 : cls.__mro__.index(GenerativeModel) + 1]
    assert not any("train_step" in parent.__dict__ for parent in between)
    assert inspect.getsource(inspect.getmodule(cls)).count("def train_step(") == 1


@pytest.mark.parametrize("steps_per_execution", [1, 2])
def test_a_step_trains_every_player(name, steps_per_execution):
    if steps_per_execution > 1 and keras.backend.backend() == "torch":
        pytest.skip("Keras has no steps_per_execution on PyTorch")
    model = small_model(name, ema=0.9)
    model.compile(steps_per_execution=steps_per_execution)
    before = weights(model)
    history = fit(model, steps=4)
    assert set(history) == set(model.recorders)
    assert all(np.isfinite(values).all() for values in history.values())
    for variable, old, new in zip(model.weights, before, weights(model), strict=True):
        assert not np.array_equal(old, new), variable.path
    counts = {player: int(model.optimizer[player].iterations) for player in model.players}
    per_step = getattr(model, "discriminator_steps", 1)
    assert counts == {"generator": 4, "discriminator": 4 * per_step}


def test_every_optimizer_counts_its_own_steps(name):
    if "discriminator_steps" not in registry.entry(name).hyperparameters:
        pytest.skip("one step per player")
    entry = registry.entry(name)
    model = entry.build((8, 8, 1), 3, entry.configure(settings=["discriminator_steps=3"]), 0)
    model.compile()
    fit(model, steps=2)
    assert int(model.optimizer["generator"].iterations) == 2
    assert int(model.optimizer["discriminator"].iterations) == 6


def test_eager_and_compiled_steps_agree(name):
    results = []
    for eager in (True, False):
        keras.utils.set_random_seed(0)
        model = small_model(name, dropout=0.0)
        model.compile(run_eagerly=eager)
        results.append((fit(model), weights(model)))
    (eager_history, eager_weights), (history, compiled_weights) = results
    for key in history:
        np.testing.assert_allclose(history[key], eager_history[key], rtol=1e-4, atol=1e-6)
    for eager, compiled in zip(eager_weights, compiled_weights, strict=True):
        np.testing.assert_allclose(eager, compiled, rtol=1e-3, atol=2e-5)


def test_save_and_load_go_on_alike(name, tmp_path):
    """model.keras holds weights, averages and every optimizer: the next step is the same."""
    model = small_model(name, dropout=0.0, ema=0.5)
    model.compile()
    fit(model)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert type(copy) is type(model)
    assert copy.get_config() == {**model.get_config(), "image_shape": [8, 8, 1]}
    for old, new in zip(weights(model), weights(copy), strict=True):
        np.testing.assert_array_equal(old, new)
    pairs = zip(model.optimizer.variables, copy.optimizer.variables, strict=True)
    for old, new in pairs:
        np.testing.assert_array_equal(
            ops.convert_to_numpy(old.value), ops.convert_to_numpy(new.value)
        )
    copy.noise_seed.state.assign(np.array(model.noise_seed.state))
    fit(model, steps=1)
    fit(copy, steps=1)
    for old, new in zip(weights(model), weights(copy), strict=True):
        np.testing.assert_allclose(old, new, rtol=1e-4, atol=1e-6)


def test_weights_file_round_trip(name, tmp_path):
    model, other = small_model(name), small_model(name, seed=1)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    inputs = small_inputs(model)
    np.testing.assert_array_equal(model.generate(inputs), other.generate(inputs))


def test_callbacks_see_and_steer_the_training(name):
    """A schedule changes both players' rates, and a callback can stop in mid-epoch."""
    model = small_model(name)
    model.compile()
    before = [float(optimizer.learning_rate) for optimizer in model.optimizer.optimizers]
    seen = []

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs["generator_loss"])
            self.model.stop_training = batch == 1

    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    fit(model, steps=4, callbacks=[schedule, Stop()])
    assert len(seen) == 2
    after = [float(optimizer.learning_rate) for optimizer in model.optimizer.optimizers]
    np.testing.assert_allclose(after, np.array(before) / 2, rtol=1e-6)


def test_average_follows_the_generator(name):
    """average += (1 - d)(w - average) with d = min(decay, (1 + t) / (10 + t)), by hand."""
    model = small_model(name, ema=0.2)
    model.compile()
    network, average = model.generator, model.averages["generator"]
    expected = network.get_weights()
    for step in (1, 2, 3):
        fit(model, steps=1)
        decay = min(0.2, (1 + step) / (10 + step))
        expected = [
            e + (1 - decay) * (w - e) for e, w in zip(expected, network.get_weights(), strict=True)
        ]
    for by_hand, kept in zip(expected, average.get_weights(), strict=True):
        np.testing.assert_allclose(by_hand, kept, rtol=1e-5, atol=1e-7)
    assert model.sampler is average
    assert not average.trainable_variables


def test_labels_matter_to_conditional_models_only(name):
    model = small_model(name)
    inputs = small_inputs(model, 2)
    inputs["z"][1] = inputs["z"][0]
    first, second = model.generate(inputs)
    assert np.array_equal(first, second) != model.conditional
    if model.conditional:
        with pytest.raises(RequestError, match="needs a dataset with class labels"):
            small_model(name, num_classes=0)


def test_unlabeled_images_train_unconditional_models(name):
    if registry.entry(name).cls.conditional:
        pytest.skip("needs labels")
    model = small_model(name, num_classes=0)
    model.compile()
    images, _ = small_arrays(16)
    history = model.fit(images, batch_size=8, verbose=0).history
    assert np.isfinite(history["generator_loss"]).all()


def test_what_fit_cannot_do_is_refused(name):
    images, labels = small_arrays(8)
    cases = [
        (ValueError, "no sample or class weights", {"sample_weight": np.ones(8)}),
        (NotImplementedError, "has no validation loss", {"validation_data": (images, labels)}),
    ]
    for error, message, options in cases:
        model = small_model(name)
        model.compile()
        with pytest.raises(error, match=message):
            model.fit(images, labels, batch_size=8, verbose=0, **options)


def test_images_must_be_large_enough(name):
    if "width" not in registry.entry(name).hyperparameters:
        pytest.skip("fully connected networks take any size")
    with pytest.raises(RequestError, match=r"at least 8 pixels. Received: 8x7"):
        small_model(name, (8, 7, 1))
