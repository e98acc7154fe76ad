"""Validation of the latent-variable models: its loss, and Keras' own ways to use it."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.special import logsumexp

from tests.helpers import LATENT, small_arrays, small_model
from zoo.backend import Batch

# On the other backends each model would be compiled twice.
SOME = LATENT if keras.backend.backend() == "torch" else ["ssvae", "vae"]
CASES = [
    ("vae", {}),
    ("vae", {"likelihood": "gaussian"}),
    ("cvae", {}),
    ("dlgm", {}),
    ("draw", {}),
    ("iwae", {"k": 4}),
    ("iwae", {"k": 4, "stochastic_layers": 2}),
    ("sbn", {}),
    ("sbn", {"estimator": "rws"}),
    ("ssvae", {}),
    ("ssvae", {"stack": "m1_m2"}),
]


def numpy(value):
    return np.array(ops.convert_to_numpy(value), "float64")


def reset(model):
    """The noise stream from its start again."""
    model.noise_seed.state.assign(np.array([model.seed, 0]))


def validation_arrays(model, count=8):
    images, labels = small_arrays(count, value_range=model.value_range)
    if model.name == "ssvae":
        labels[::2] = -1
    return images, labels


@pytest.mark.parametrize(("name", "options"), CASES)
def test_the_validation_loss_is_the_negative_bound(name, options):
    """From the same noise: `log_weights` of the binarized images, averaged by numpy."""
    model = small_model(name, **options)
    model.compile(run_eagerly=True)
    images, labels = map(ops.convert_to_tensor, validation_arrays(model))
    reset(model)
    samples = options.get("k", 1)
    log_weights = numpy(model.log_weights(model.binarize(images), labels, samples=samples))
    assert log_weights.shape == (samples, 8)
    expected = -np.mean(logsumexp(log_weights, axis=0) - np.log(samples))
    reset(model)
    received = model.test_step(Batch(images, labels))
    assert list(received) == ["loss"]
    assert float(numpy(received["loss"])) == pytest.approx(expected, rel=1e-5)
    reset(model)
    evaluated = model.evaluate(
        numpy(images).astype("float32"), np.array(ops.convert_to_numpy(labels)), batch_size=8,
        verbose=0, return_dict=True,
    )  # fmt: skip
    assert evaluated["loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["bottleneck", "denoising", "sparse"])
def test_the_validation_loss_of_an_autoencoder_is_its_reconstruction_error(kind):
    """Cross entropy of the grey levels, of images that nothing corrupts, without other costs."""
    model = small_model("autoencoder", kind=kind)
    model.compile(run_eagerly=True)
    images, _ = small_arrays(8, value_range=(0, 1))
    codes = model.encoder({"image": ops.convert_to_tensor(images)})
    logits = numpy(model.decoder({"z": codes})).reshape(8, -1)
    x = images.reshape(8, -1).astype("float64")
    expected = np.mean(np.sum(np.logaddexp(0, logits) - x * logits, axis=1))
    received = model.test_step(Batch(ops.convert_to_tensor(images)))
    assert float(numpy(received["loss"])) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", SOME)
def test_keras_ways_to_validate(name):
    """Validation data, a part of the data, callbacks that watch the loss, and `evaluate`."""
    model = small_model(name)
    model.compile()
    images, labels = validation_arrays(model, 24)
    options = {"batch_size": 8, "shuffle": False, "verbose": 0}
    # A loss that cannot fall by 1e9 has not improved: both callbacks act after two epochs.
    watch = {"monitor": "val_loss", "patience": 1, "min_delta": 1e9, "mode": "min"}
    stop = keras.callbacks.EarlyStopping(**watch)
    slow = keras.callbacks.ReduceLROnPlateau(**watch, factor=0.5)
    rate = float(model.optimizer.learning_rate)
    history = model.fit(
        images[:16], labels[:16], epochs=9, callbacks=[stop, slow],
        validation_data=(images[16:], labels[16:]), **options,
    ).history  # fmt: skip
    assert len(history["val_loss"]) == len(history["loss"]) == 2
    assert np.isfinite(history["val_loss"]).all()
    assert float(model.optimizer.learning_rate) == pytest.approx(rate / 2)
    split = model.fit(images, labels, validation_split=1 / 3, **options).history
    assert np.isfinite(split["val_loss"]).all() and len(split["val_loss"]) == 1
    before = [np.array(ops.convert_to_numpy(w.value)) for w in model.weights]
    loss = model.evaluate(images, labels, batch_size=8, verbose=0)
    assert np.isfinite(loss) and np.ndim(loss) == 0
    for old, weight in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, ops.convert_to_numpy(weight.value))
