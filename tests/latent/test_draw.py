"""DRAW: its filters, windows and whole recurrence against numpy in float64, and its errors."""

import keras
import numpy as np
import pytest
from keras import ops

from zoo.backend import Batch
from zoo.errors import RequestError
from zoo.latent.draw import DRAW, filter_bank, read, window_head, write

SHAPE = (5, 6, 2)
SIZES = {"glimpses": 2, "hidden": 4, "latent_dim": 3, "read_size": 2, "write_size": 3}
GRIDS = [(3, 8, 8), (5, 6, 9), (2, 9, 6), (1, 5, 4)]  # points, height, width


def small_draw(image_shape=SHAPE, **changes):
    """A model of random weights, the biases and the first canvas included."""
    model = DRAW(image_shape=image_shape, **{**SIZES, **changes})
    rng = np.random.default_rng(1)
    for weight in model.trainable_weights:
        weight.assign(0.5 * rng.standard_normal(weight.shape))
    return model


def images_of(count, shape=SHAPE):
    return np.random.default_rng(2).integers(0, 2, (count, *shape)).astype("float32")


def array(tensor):
    return ops.convert_to_numpy(tensor)


def tensor(values):
    return ops.convert_to_tensor(values, "float32")


# ---- numpy, one example at a time


def bank(window, size, height, width):
    """Filters of rows and columns and the intensity, by equations 21 to 26."""
    across, down, log_variance, log_stride, log_intensity = window
    stride = np.exp(log_stride) * ((max(height, width) - 1) / (size - 1) if size > 1 else 0.0)
    rows, columns = np.zeros((size, height)), np.zeros((size, width))
    for filters, centre, side in ((rows, down, height), (columns, across, width)):
        for i in range(1, size + 1):
            place = (side + 1) / 2 * (centre + 1) + (i - size / 2 - 0.5) * stride
            for a in range(1, side + 1):
                filters[i - 1, a - 1] = np.exp(-((a - place) ** 2) / (2 * np.exp(log_variance)))
            filters[i - 1] /= filters[i - 1].sum()
    return rows, columns, np.exp(log_intensity)


def read_by_hand(image, window, size):
    rows, columns, intensity = bank(window, size, *image.shape[:2])
    colours = np.moveaxis(image, -1, 0)
    return np.stack([intensity * rows @ colour @ columns.T for colour in colours], axis=-1)


def write_by_hand(patch, window, height, width):
    rows, columns, intensity = bank(window, len(patch), height, width)
    colours = np.moveaxis(patch, -1, 0)
    return np.stack([rows.T @ colour @ columns / intensity for colour in colours], axis=-1)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def linear(network, layer, x):
    kernel, bias = (w.astype("float64") for w in network.get_layer(layer).get_weights())
    return x @ kernel + bias


def lstm(network, x, hidden, cell):
    kernel, recurrent, bias = network.get_layer("lstm").get_weights()
    take, forget, new, give = np.split(x @ kernel + hidden @ recurrent + bias, 4)
    cell = sigmoid(forget) * cell + sigmoid(take) * np.tanh(new)
    return sigmoid(give) * np.tanh(cell), cell


def run_by_hand(model, image, noise, attention):
    """z, mean, log variance and expected image of every step, for one image."""
    expected = sigmoid if model.likelihood == "bernoulli" else lambda x: np.clip(x, 0, 1)
    encoder, decoder = model.encoder, model.decoder
    height, width, channels = image.shape
    (canvas,) = decoder.get_layer("next_canvas").get_weights()
    seen = drawn = (np.zeros(model.hidden), np.zeros(model.hidden))
    steps = []
    for step in range(model.glimpses):
        both = np.concatenate([image, image - expected(canvas)], axis=-1)
        if attention:
            both = read_by_hand(both, linear(encoder, "window", drawn[0]), SIZES["read_size"])
        seen = lstm(encoder, np.concatenate([both.ravel(), drawn[0]]), *seen)
        mean, log_variance = (linear(encoder, name, seen[0]) for name in ("mean", "log_variance"))
        z = mean + np.exp(log_variance / 2) * noise[step]
        drawn = lstm(decoder, z, *drawn)
        written = linear(decoder, "writing", drawn[0])
        if attention:
            patch = written.reshape(SIZES["write_size"], SIZES["write_size"], channels)
            written = write_by_hand(patch, linear(decoder, "window", drawn[0]), height, width)
        canvas = canvas + written.reshape(image.shape)
        steps.append((z, mean, log_variance, expected(canvas), canvas))
    return [np.stack(values) for values in zip(*steps, strict=True)]


def log_normal(x, mean, log_variance):
    return -0.5 * np.sum((x - mean) ** 2 / np.exp(log_variance) + log_variance + np.log(2 * np.pi))


# ---- windows


@pytest.mark.parametrize(("size", "height", "width"), GRIDS)
def test_filters_by_hand(size, height, width):
    windows = 0.7 * np.random.default_rng(0).standard_normal((4, 5))
    rows, columns, intensity = filter_bank(tensor(windows), size, height, width)
    for index, window in enumerate(windows):
        expected = bank(window, size, height, width)
        np.testing.assert_allclose(array(rows)[index], expected[0], rtol=2e-4, atol=1e-7)
        np.testing.assert_allclose(array(columns)[index], expected[1], rtol=2e-4, atol=1e-7)
        np.testing.assert_allclose(array(intensity)[index, 0, 0, 0], expected[2], rtol=1e-5)


def test_filters_sum_to_one_wherever_the_window_is():
    """Also far outside, and where filters are narrower than a pixel or wider than the image."""
    windows = tensor([[0.3, 0.1, 0, 0, 0], [9, -9, -60, 5, 0], [-9, 9, 30, -40, 9]])
    for filters in filter_bank(windows, 3, 7, 9)[:2]:
        np.testing.assert_allclose(array(ops.sum(filters, axis=-1)), 1.0, rtol=1e-5)


def test_the_first_window_spans_the_image():
    rows, columns, _ = filter_bank(tensor([[0.0, 0.0, -9.0, 0.0, 0.0]]), 5, 5, 5)
    np.testing.assert_allclose(array(rows)[0], np.eye(5), atol=1e-6)
    np.testing.assert_allclose(array(columns)[0], np.eye(5), atol=1e-6)


@pytest.mark.parametrize("size", [5, 7])
def test_a_window_begins_with_filters_of_norm_one(size):
    """Those of the middle point, which no edge cuts; each is half its distance to the next wide."""
    state, middle = tensor(np.zeros((1, 4))), size // 2
    window = window_head(size, (28, 28, 1))(state)
    rows, columns, intensity = map(array, filter_bank(window, size, 28, 28))
    norm = intensity * np.linalg.norm(rows[0, middle]) * np.linalg.norm(columns[0, middle])
    np.testing.assert_allclose(norm, 1.0, rtol=1e-2)
    places = rows[0] @ np.arange(28)
    spread = np.sqrt(rows[0, middle] @ (np.arange(28) - places[middle]) ** 2)
    np.testing.assert_allclose(spread, 27 / (size - 1) / 2, rtol=0.06)
    written = window_head(size, (28, 28, 1), writes=True)(state)
    np.testing.assert_allclose(array(filter_bank(written, size, 28, 28)[2]) * intensity, 1.0)


@pytest.mark.parametrize(("size", "height", "width"), GRIDS)
def test_reading_and_writing_by_hand(size, height, width):
    rng = np.random.default_rng(0)
    windows = 0.7 * rng.standard_normal((4, 5))
    images = rng.standard_normal((4, height, width, 3))
    patches = rng.standard_normal((4, size, size, 3))
    seen = array(read(tensor(images), tensor(windows), size))
    written = array(write(tensor(patches), tensor(windows), height, width))
    assert written.shape == images.shape and seen.shape == patches.shape
    for i, window in enumerate(windows):
        by_hand = read_by_hand(images[i], window, size)
        np.testing.assert_allclose(seen[i], by_hand, rtol=1e-3, atol=1e-5)
        by_hand = write_by_hand(patches[i], window, height, width)
        np.testing.assert_allclose(written[i], by_hand, rtol=1e-3, atol=1e-5)


# ---- the recurrence and its bound


@pytest.mark.once
@pytest.mark.parametrize("attention", [True, False])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_bound_by_hand(likelihood, attention, monkeypatch):
    """Two samples of three images through both steps, with given noise."""
    model = small_draw(likelihood=likelihood, attention=attention)
    images = images_of(3)
    noise = np.random.default_rng(3).standard_normal((2, 3, 2, 3))
    asked = []

    def normal(shape, seed=None):
        asked.append(tuple(map(int, shape)))
        return tensor(noise)

    monkeypatch.setattr(keras.random, "normal", normal)
    likelihoods, divergences = map(array, model.bound_terms(tensor(images), samples=2))
    weights = array(model.log_weights(tensor(images), samples=2))
    assert asked == [noise.shape] * 2
    assert likelihoods.shape == divergences.shape == weights.shape == (2, 3)
    for index in np.ndindex(2, 3):
        x = images[index[1]].astype("float64")
        z, mean, log_variance, _, canvases = run_by_hand(model, x, noise[index], attention)
        canvas = canvases[-1]
        if likelihood == "bernoulli":
            expected = np.sum(np.where(x == 1, np.log(sigmoid(canvas)), np.log(sigmoid(-canvas))))
        else:
            expected = log_normal(x, canvas, np.full(SHAPE, 2 * np.log(0.1)))
        np.testing.assert_allclose(likelihoods[index], expected, rtol=1e-3)
        divergence = 0.5 * np.sum(np.exp(log_variance) + mean**2 - 1 - log_variance)
        np.testing.assert_allclose(divergences[index], divergence, rtol=1e-3)
        ratio = log_normal(z, 0.0, np.zeros_like(z)) - log_normal(z, mean, log_variance)
        np.testing.assert_allclose(weights[index], expected + ratio, rtol=1e-3)


@pytest.mark.once
@pytest.mark.parametrize("attention", [True, False])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_encoding_and_drawing_by_hand(likelihood, attention):
    """At the posteriors' means; what is drawn from `encode`'s z is the reconstruction."""
    model = small_draw(likelihood=likelihood, attention=attention)
    images = images_of(3)
    z = model.encode_inputs({"image": tensor(images)})
    canvases = array(model.canvases({"z": z}))
    reconstruction = array(model.call({"z": z}))
    assert z.shape == (3, 2, 3) and canvases.shape == (3, 2, *SHAPE)
    assert list(z.shape[1:]) == model.inputs_spec["z"]["shape"]
    assert canvases.min() >= 0 and canvases.max() <= 1
    np.testing.assert_allclose(canvases[:, -1], reconstruction, atol=1e-6)
    np.testing.assert_array_equal(array(model.encode_inputs({"image": tensor(images)})), array(z))
    for i, image in enumerate(images):
        by_hand = run_by_hand(model, image.astype("float64"), np.zeros((2, 3)), attention)
        np.testing.assert_allclose(array(z)[i], by_hand[0], rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(canvases[i], by_hand[3], rtol=1e-3, atol=1e-4)


@pytest.mark.once
def test_the_weights_average_to_the_bound():
    model, images, count = small_draw((4, 4, 1), glimpses=3), tensor(images_of(2, (4, 4, 1))), 2000
    likelihood, divergence = model.bound_terms(images, samples=count)
    bounds = array(likelihood - divergence)
    weights = array(model.log_weights(images, samples=count, seed=5))
    error = np.sqrt((bounds.var(axis=0) + weights.var(axis=0)) / count)
    assert (np.abs(bounds.mean(axis=0) - weights.mean(axis=0)) < 5 * error).all()


def test_a_seed_gives_every_step_noise_of_its_own():
    model, images = small_draw(), tensor(images_of(3))
    z, mean, log_variance, _ = model.infer_samples(images, 2, seed=4)
    noise = array((z - mean) / ops.exp(0.5 * log_variance))
    assert len(np.unique(noise.round(4))) == noise.size
    again = model.infer_samples(images, 2, seed=4)[0]
    np.testing.assert_array_equal(array(again), array(z))


@pytest.mark.once
@pytest.mark.parametrize("attention", [True, False])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_a_step_moves_every_weight(likelihood, attention):
    model = small_draw(likelihood=likelihood, attention=attention, learn_std=True)
    model.compile()
    before = [array(w).copy() for w in model.trainable_weights]
    logs = model.train_step(Batch(tensor(images_of(4))))
    assert set(logs) == {"loss", "reconstruction_loss", "divergence"}
    loss = logs["reconstruction_loss"] + logs["divergence"]
    np.testing.assert_allclose(float(logs["loss"]), float(loss), rtol=1e-5)
    for old, weight in zip(before, model.trainable_weights, strict=True):
        new = array(weight)
        assert np.isfinite(new).all() and not np.array_equal(old, new), weight.path


# ---- requests


@pytest.mark.once
@pytest.mark.parametrize("name", ["read_size", "write_size"])
def test_windows_fit_into_the_image(name):
    text = f"^{name} must be at most the image's short side, 8 pixels. Received: 12$"
    with pytest.raises(RequestError, match=text):
        DRAW(image_shape=(8, 14, 1), **{name: 12})
    DRAW(image_shape=(8, 14, 1), **{**SIZES, name: 8})
    DRAW(image_shape=(8, 14, 1), **{**SIZES, name: 12, "attention": False})  # which has no windows


@pytest.mark.once
@pytest.mark.parametrize("name", ["glimpses", "read_size", "write_size", "hidden", "latent_dim"])
def test_sizes_are_positive(name):
    with pytest.raises(RequestError, match=f"^{name} must be a positive integer. Received: 0$"):
        DRAW(image_shape=SHAPE, **{name: 0})


@pytest.mark.once
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_points_are_refused(likelihood):
    with pytest.raises(RequestError, match="Received: points of 2 dimensions$"):
        DRAW(image_shape=(2,), likelihood=likelihood)
