"""What every registered model must do; a new model is tested by being registered."""

import inspect

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import (
    DRAWN,
    FEW,
    LATENT,
    MIXED,
    MODELS,
    repeats,
    small_arrays,
    small_inputs,
    small_model,
)
from tests.test_reference import fix_noise, prepared_model
from zoo import backend, registry
from zoo.backend import Batch
from zoo.core.model import GenerativeModel
from zoo.errors import RequestError

every_model = pytest.mark.parametrize("name", MODELS)
few_models = pytest.mark.parametrize("name", FEW)
ALWAYS_CONDITIONAL = [
    name for name in MODELS if registry.entry(name).hyperparameters.get("conditional", (0, 0))[1]
]
POINTS = [
    name
    for name in MODELS
    if name == "gan" or {"networks", "likelihood"} & registry.entry(name).hyperparameters.keys()
]
# Where one player moves the weights that draw; in aae two do.
AVERAGED = [n for n in FEW if "ema" in registry.entry(n).hyperparameters and n != "aae"]


def weights(model):
    return [np.array(ops.convert_to_numpy(w.value)) for w in model.weights]


def fit(model, steps=3, **options):
    rows = 8 * repeats(model)
    images, labels = small_arrays(
        rows * steps,
        model.image_shape,
        model.num_classes,
        model.value_range,
        pairs=model.translates,
    )
    return model.fit(images, labels, batch_size=rows, shuffle=False, verbose=0, **options).history


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("shape", [(28, 28, 1), (30, 45, 3)], ids=str)
def test_draws_images_of_the_datas_shape(name, shape):
    if name in ("lapgan", "pix2pix") and shape == (30, 45, 3):
        shape = (24, 16, 3)
    model = small_model(name, shape)
    inputs = small_inputs(model)
    images = model.generate(inputs, batch_size=2)  # 2 + 2 + 1
    assert images.shape == (5, *shape) and images.dtype == np.float32
    assert 0 <= images.min() < images.max() <= 1


@few_models
def test_call_draws_in_the_models_range(name):
    model = small_model(name)
    inputs = small_inputs(model)
    low, high = model.value_range
    inside = ops.convert_to_numpy(model.predict(inputs, verbose=0))
    np.testing.assert_allclose((inside - low) / (high - low), model.generate(inputs), atol=1e-6)


@every_model
def test_one_literal_train_step(name):
    """One `train_step(self, batch)` in the model's file, and no other up to the base class."""
    cls = registry.entry(name).cls
    assert "train_step" in cls.__dict__
    assert list(inspect.signature(cls.train_step).parameters) == ["self", "batch"]
    between = cls.__mro__[1 : cls.__mro__.index(GenerativeModel) + 1]
    assert not any("train_step" in parent.__dict__ for parent in between)
    assert inspect.getsource(inspect.getmodule(cls)).count("def train_step(") == 1


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras has it elsewhere only")
def test_several_steps_per_execution():
    model = small_model("cgan", ema=0.9)
    model.compile(steps_per_execution=2)
    before = weights(model)
    history = fit(model, steps=4)
    assert set(history) == set(model.recorders)
    for variable, old, new in zip(model.weights, before, weights(model), strict=True):
        assert not np.array_equal(old, new), variable.path
    counts = [int(optimizer.iterations) for optimizer in model.optimizer.optimizers]
    assert counts == [4, 4]


@every_model
def test_every_batch_of_a_step_is_used(name):
    """k discriminator steps see k batches: only the images of the last part reach the generator."""
    model = small_model(name)
    images, labels = small_arrays(8 * repeats(model))
    parts = Batch(images, labels).split(repeats(model))
    assert len(parts) == repeats(model)
    np.testing.assert_array_equal(np.concatenate([part.images for part in parts]), images)
    np.testing.assert_array_equal(np.concatenate([part.labels for part in parts]), labels)


@few_models
def test_save_and_load_go_on_alike(name, tmp_path):
    """model.keras holds weights, averages and every optimizer: the next step is the same."""
    model = small_model(name, dropout=0.0, ema=0.5)
    model.compile()
    fit(model)
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    assert type(copy) is type(model)
    assert copy.get_config() == model.get_config()
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


@few_models
def test_weights_file_round_trip(name, tmp_path):
    model, other = small_model(name), small_model(name, seed=1)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    inputs = small_inputs(model)
    np.testing.assert_array_equal(model.generate(inputs), other.generate(inputs))


@few_models
def test_callbacks_see_and_steer_the_training(name):
    """A schedule changes every player's rate, and a callback can stop in mid-epoch."""
    model = small_model(name)
    model.compile()
    before = [float(optimizer.learning_rate) for optimizer in model.optimizer.optimizers]
    seen = []

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(logs)
            self.model.stop_training = batch == 1

    schedule = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2)
    fit(model, steps=4, callbacks=[schedule, Stop()])
    assert len(seen) == 2
    after = [float(optimizer.learning_rate) for optimizer in model.optimizer.optimizers]
    np.testing.assert_allclose(after, np.array(before) / 2, rtol=1e-6)


@pytest.mark.parametrize("name", AVERAGED)
def test_average_follows_what_draws(name):
    """average += (1 - d)(w - average) with d = min(decay, (1 + t) / (10 + t)), by hand."""
    model = small_model(name, ema=0.2)
    model.compile()
    player = model.network_names[0]
    network, average = model.named_networks[player], model.averages[player]
    expected = network.get_weights()
    for step in (1, 2, 3):
        fit(model, steps=1)
        decay = min(0.2, (1 + step) / (10 + step))
        expected = [
            e + (1 - decay) * (w - e) for e, w in zip(expected, network.get_weights(), strict=True)
        ]
    for by_hand, kept in zip(expected, average.get_weights(), strict=True):
        np.testing.assert_allclose(by_hand, kept, rtol=1e-5, atol=1e-7)
    assert not average.trainable_variables


@every_model
def test_labels_matter_to_conditional_models_only(name):
    for conditional in (True, False):
        if "conditional" in registry.entry(name).cls.unsupported:
            if conditional:
                with pytest.raises(RequestError, match="does not support conditional"):
                    registry.entry(name).cls(image_shape=(8, 8, 1), num_classes=3, conditional=True)
                continue
        elif name in ALWAYS_CONDITIONAL and not conditional:
            with pytest.raises(RequestError, match="always conditional. Received: conditional=F"):
                small_model(name, conditional=False)
            continue
        model = small_model(name, conditional=conditional)
        inputs = {key: value[[0, 0]] for key, value in small_inputs(model, 2).items()}
        assert ("label" in inputs) == conditional
        if conditional:
            inputs["label"] = np.array([0, 1], "int32")
        first, second = model.generate(inputs)
        assert np.allclose(first, second, atol=1e-6) != conditional
    if "conditional" not in registry.entry(name).cls.unsupported:
        with pytest.raises(RequestError, match="needs a dataset with class labels. Received"):
            small_model(name, num_classes=0, conditional=True)


@pytest.mark.parametrize("name", [name for name in FEW if name not in ALWAYS_CONDITIONAL])
def test_unlabeled_images_train_unconditional_models(name):
    model = small_model(name, num_classes=0)
    model.compile()
    if model.translates:
        pytest.skip("pairs have no labels")
    images, _ = small_arrays(16, value_range=model.value_range)
    history = model.fit(images, batch_size=8 * repeats(model), verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())


@pytest.mark.once
@pytest.mark.parametrize("name", POINTS)
def test_points_are_trained_and_drawn(name):
    if name == "draw":
        pytest.skip("its windows look at images")
    needs = {"networks": "mlp", "likelihood": "gaussian"}
    model = small_model(name, (2,), num_classes=3, conditional=True, dropout=0.0, **needs)
    model.compile(run_eagerly=True)
    rng = np.random.default_rng(0)
    rows = 8 * repeats(model)
    # Far out, but where a variance is the exponential of what an encoder makes of them.
    points = rng.standard_normal((rows, 2), dtype="float32") * (1 if name in LATENT else 100)
    history = model.fit(points, np.arange(rows) % 3, batch_size=rows, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    drawn = model.generate(small_inputs(model))
    assert drawn.shape == (5, 2)  # as they are: neither squeezed into [0, 1] nor clipped
    inputs = small_inputs(model)
    np.testing.assert_array_equal(drawn, ops.convert_to_numpy(model(inputs)))


@every_model
def test_points_need_fully_connected_networks(name):
    if name == "gan":
        pytest.skip("it has no others")
    with pytest.raises(RequestError, match="Received: points of 2 dimensions"):
        small_model(name, (2,))


@few_models
def test_what_fit_cannot_do_is_refused(name):
    cls = registry.entry(name).cls
    images, labels = small_arrays(8, value_range=cls.value_range, pairs=cls.translates)
    model = small_model(name)
    model.compile()
    with pytest.raises(ValueError, match="no sample or class weights"):
        model.fit(images, labels, batch_size=8, verbose=0, sample_weight=np.ones(8))


@pytest.mark.once
@pytest.mark.parametrize("name", sorted(set(MODELS) - set(LATENT)))
def test_validation_data_are_refused(name):
    cls = registry.entry(name).cls
    images, labels = small_arrays(8, value_range=cls.value_range, pairs=cls.translates)
    model = small_model(name)
    model.compile()
    with pytest.raises(RequestError, match="has no validation loss.*genzoo evaluate"):
        model.fit(images, labels, batch_size=8, verbose=0, validation_data=(images, labels))
    with pytest.raises(RequestError, match="has no validation loss"):
        model.evaluate(images, labels, batch_size=8, verbose=0)


@every_model
def test_images_must_be_large_enough(name):
    if name in ("gan", "lapgan", "pix2pix", *LATENT):
        pytest.skip("fully connected networks take any size, others any that they can halve")
    with pytest.raises(RequestError, match=r"at least 8 pixels. Received: 8x7"):
        small_model(name, (8, 7, 1))


@pytest.mark.parametrize("name", sorted({*FEW, "pix2pix"}))
@pytest.mark.parametrize("mixed", MIXED)
def test_a_step_in_half_precision(name, mixed):
    """Losses under a mixed policy are float32, and near those of a model in float32.

    A bfloat16 number has 8 bits, 0.4 %, which a few layers multiply; a score near 0 is off by as
    much of the outputs that it is a mean of, which here are of the order of 1. Float16 has 11.
    """
    within = 0.05 if mixed == "mixed_bfloat16" else 0.01
    logs, initial = {}, None
    for dtype in ("float32", mixed):
        model = small_model(name, dtype=dtype, dropout=0.0)
        assert model.compute_dtype == dtype.removeprefix("mixed_")
        if initial:
            model.set_weights(initial)
        initial = model.get_weights()
        model.compile()
        seen = []

        def minimize(loss_fn, variables, optimizer, real=backend.minimize, seen=seen):
            loss = real(loss_fn, variables, optimizer)
            seen.append(keras.backend.standardize_dtype(loss.dtype))
            return loss

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backend, "minimize", minimize)
            logs[dtype] = {key: values[0] for key, values in fit(model, steps=1).items()}
        assert seen and set(seen) == {"float32"}
    for key, expected in logs["float32"].items():
        received = logs[mixed][key]
        if not key.endswith("accuracy"):  # an image at the border may change sides
            assert received == pytest.approx(expected, rel=within, abs=0.01), key


@pytest.mark.once
@every_model
def test_a_small_step_improves_each_player(name, monkeypatch):
    """On the same batch and noise, each player's own loss is lower after its own small step."""
    model = prepared_model(name, "", "float32")
    if name == "wgan":  # its default makes so flat a critic that a small step is lost in rounding
        model.clip = 0.1
    model.compile({player: keras.optimizers.SGD(1e-3) for player in model.trained_variables})
    fix_noise(monkeypatch.setattr)
    seen = []

    def minimize(loss_fn, variables, optimizer, real=backend.minimize):
        before = float(real(loss_fn, variables, optimizer))
        seen.append((before, float(ops.convert_to_numpy(loss_fn()))))
        return ops.convert_to_tensor(before)

    monkeypatch.setattr(backend, "minimize", minimize)
    arrays = small_arrays(8 * repeats(model), value_range=model.value_range, pairs=model.translates)
    model.train_step(Batch(*map(ops.convert_to_tensor, arrays)))
    assert len(seen) >= len(model.trained_variables)
    for before, after in seen:
        assert after < before
