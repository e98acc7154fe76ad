"""Tiny sigmoid belief networks, against sums over all their units in float64 numpy."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from tests.core.test_backend import finite_differences, numpy, sgd_step
from zoo.errors import RequestError
from zoo.latent.sbn import SBN, draw_units, local_signals
from zoo.objectives.likelihoods import importance_bound

PIXELS, D = 3, 2
every_depth = pytest.mark.parametrize("layers", [1, 2, 3])


def tiny(layers=2, **options):
    """A network of 3 pixels and 2 units a layer, with weights as if trained."""
    model = SBN(image_shape=(1, PIXELS, 1), stochastic_layers=layers, latent_dim=D, **options)
    rng = np.random.default_rng(layers)
    for weight in model.weights:
        if "seed" not in weight.path:
            weight.assign(rng.standard_normal(weight.shape))
    if "baseline" in model.named_networks:
        model.signal_variance.assign([4.0, 0.3, 0.5][:layers])
    return model


def states(layers):
    """All values of the units, (2 ** n, n)."""
    return np.array(list(itertools.product([0.0, 1.0], repeat=layers * D)))


def parameters(player):
    """Its weights in float64: the decoder's from the top down, the encoder's from the image up."""
    return [np.array(w, "float64") for w in player.get_weights()]


def image(values):
    return ops.convert_to_tensor(np.reshape(values, (-1, 1, PIXELS, 1)).astype("float32"))


def tensor(values):
    return ops.convert_to_tensor(np.asarray(values, "float32"))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def coins(value, logits):
    return np.sum(value * logits - np.logaddexp(0, logits), axis=-1)


def log_densities(x, h, theta, phi):
    """log p(x | h_1), and log p and log q of each layer, the top one first on the last axis."""
    parts = np.split(h, h.shape[-1] // D, axis=-1)
    log_p = [coins(parts[0], theta[0][0])]
    for index, part in enumerate(parts[1:]):
        log_p.append(coins(part, parts[index] @ theta[2 * index + 1] + theta[2 * index + 2]))
    log_q, below = [], x
    for index, part in enumerate(reversed(parts)):
        log_q.insert(0, coins(part, below @ phi[2 * index] + phi[2 * index + 1]))
        below = part
    likelihood = coins(x, parts[-1] @ theta[-2] + theta[-1])
    return likelihood, np.stack(np.broadcast_arrays(*log_p), -1), np.stack(log_q, -1)


def totals(x, theta, phi):
    """log p(x, h) and log q(h | x) of all units h."""
    likelihood, log_p, log_q = log_densities(x, states(len(phi) // 2), theta, phi)
    return likelihood + log_p.sum(-1), log_q.sum(-1)


def bound(x, theta, phi):
    joint, posterior = totals(x, theta, phi)
    return np.sum(np.exp(posterior) * (joint - posterior))


@pytest.mark.once
@every_depth
def test_densities_and_the_units_that_noise_draws(layers):
    model, h = tiny(layers), states(layers)
    x = np.random.default_rng(0).integers(0, 2, (len(h), PIXELS)).astype("float64")
    received = model.log_densities(image(x), tensor(1 - 2 * h)[None])
    np.testing.assert_array_equal(numpy(received[0])[0], h)
    expected = log_densities(x, h, parameters(model.decoder), parameters(model.encoder))
    for value, by_hand in zip(received[1:], expected, strict=True):
        np.testing.assert_allclose(numpy(value)[0], by_hand, rtol=1e-5, atol=1e-5)


@pytest.mark.once
def test_the_bounds():
    model = tiny()
    x = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    theta, phi = parameters(model.decoder), parameters(model.encoder)
    weights = model.log_weights(image(x), samples=400_000, seed=5)
    exact = [np.logaddexp.reduce(totals(row, theta, phi)[0]) for row in x]
    np.testing.assert_allclose(numpy(importance_bound(weights)), exact, atol=0.01)

    lower = [bound(row, theta, phi) for row in x]
    weights = numpy(weights)
    error = 4 * weights.std(axis=0) / np.sqrt(len(weights))
    assert np.all(np.abs(weights.mean(axis=0) - lower) < error)
    rising = [lower]
    for k in (5, 50):
        grouped = np.logaddexp.reduce(weights.reshape(k, -1, 2)) - np.log(k)
        rising.append(grouped.mean(axis=0))
    assert np.all(np.diff([*rising, exact], axis=0) > 0)


def test_a_seed_repeats_the_samples():
    model, x = tiny(), image([[1, 0, 1]])
    first, second, other = (numpy(model.log_weights(x, samples=9, seed=s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)


# ---- nvil


def test_local_signals():
    received = local_signals(tensor([-3.0]), tensor([[-1.0, -2.0]]), tensor([[-0.5, -0.25]]))
    top = -2.0 + (-1.0 + 0.5)
    np.testing.assert_allclose(numpy(received), [[top, -3.0 + (-1.0 - 2.0) + (0.5 + 0.25)]])


@every_depth
def test_the_nvil_gradient_is_unbiased(layers):
    """Its expectation under q, whatever baselines, mean and deviation of the signal are."""
    model, h = tiny(layers), states(layers)
    x = np.array([1.0, 0.0, 1.0])
    theta, phi = parameters(model.decoder), parameters(model.encoder)
    probability = tensor(np.exp(totals(x, theta, phi)[1]))
    images = image(np.tile(x, (len(h), 1)))

    def expected_surrogate():
        surrogate, _, _ = model.nvil_terms(images, tensor(1 - 2 * h)[None])
        return ops.sum(probability * surrogate)

    players = model.decoder.trainable_variables + model.encoder.trainable_variables
    _, applied = sgd_step(expected_surrogate, players)
    deviation = np.maximum(1, np.sqrt(numpy(model.signal_variance)))[::-1]  # from the image up
    for index, gradient in enumerate(applied):
        weights = theta + phi

        def of_one(value, index=index, weights=weights):
            changed = [*weights[:index], value, *weights[index + 1 :]]
            return bound(x, changed[: len(theta)], changed[len(theta) :])

        by_hand = finite_differences(of_one, weights[index])
        if index >= len(theta):
            by_hand /= deviation[(index - len(theta)) // 2]
        path = players[index].path
        np.testing.assert_allclose(gradient, by_hand, rtol=1e-3, atol=2e-5, err_msg=path)


def test_the_nvil_step_trains_baselines_and_follows_the_signal(monkeypatch):
    model = tiny()
    x = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    h = states(2)[[3, 6, 9]]
    monkeypatch.setattr(model, "noise", lambda shape: tensor(1 - 2 * h)[None])
    likelihood, log_p, log_q = log_densities(
        x, h, parameters(model.decoder), parameters(model.encoder)
    )
    signals = np.stack(
        [
            log_p[:, 1] + log_p[:, 0] - log_q[:, 0],
            likelihood + log_p.sum(axis=1) - log_q.sum(axis=1),
        ],
        axis=1,
    )
    told = numpy(model.baseline({"image": image(x), "units": tensor(h)}))
    residual = signals - told
    mean, variance = numpy(model.signal_mean), numpy(model.signal_variance)

    weights = model.baseline.trainable_variables
    _, applied = sgd_step(lambda: model.nvil_loss(image(x)), weights)
    last = [g[0] for g, w in zip(applied, weights, strict=True) if w.shape == (1,)]
    by_hand = -2 * np.mean(residual - mean, axis=0)
    np.testing.assert_allclose(sorted(last), sorted(by_hand), rtol=1e-4, atol=1e-5)
    results = {name: float(recorder.result()) for name, recorder in model.recorders.items()}
    assert results["loss"] == pytest.approx(-signals[:, 1].mean(), rel=1e-5)
    error = np.mean(np.sum((residual - mean) ** 2, axis=1))
    assert results["baseline_loss"] == pytest.approx(error, rel=1e-5)
    for kept, before, seen in (
        (model.signal_mean, mean, residual.mean(axis=0)),
        (model.signal_variance, variance, residual.var(axis=0)),
    ):
        np.testing.assert_allclose(numpy(kept), 0.8 * before + 0.2 * seen, rtol=1e-4)


def test_the_encoder_does_not_serve_the_baselines(monkeypatch):
    """Its gradient in the whole loss is the surrogate's alone."""
    applied = []
    for loss in ("whole", "surrogate"):
        model, z = tiny(), tensor(1 - 2 * states(2)[[3, 6]])[None]
        monkeypatch.setattr(model, "noise", lambda shape, z=z: z)
        x = image([[1, 0, 1], [0, 0, 1]])

        def value(model=model, x=x, z=z, loss=loss):
            whole = model.nvil_loss(x)
            return whole if loss == "whole" else -ops.mean(model.nvil_terms(x, z)[0])

        model.update_signal = lambda residual: None
        applied.append(sgd_step(value, model.encoder.trainable_variables)[1])
    for first, second in zip(*applied, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)


# ---- rws


@pytest.mark.once
def test_the_wake_losses():
    model = tiny(estimator="rws", k=3)
    x = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    h = states(2)[[[0, 5], [9, 14], [15, 3]]]
    theta, phi = parameters(model.decoder), parameters(model.encoder)
    likelihood, log_p, log_q = log_densities(x[None], h, theta, phi)
    joint, posterior = likelihood + log_p.sum(-1), log_q.sum(-1)
    weights = np.exp(joint - posterior)
    weights /= weights.sum(axis=0)

    inputs = image(x), tensor(1 - 2 * h)
    generative, wake, log_weights = (numpy(v) for v in model.wake_losses(*inputs))
    np.testing.assert_allclose(log_weights, joint - posterior, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(generative, -np.sum(weights * joint, axis=0), rtol=1e-5)
    np.testing.assert_allclose(wake, -np.sum(weights * posterior, axis=0), rtol=1e-5)

    def loss(values):
        """Of theta and phi, at weights that do not move with them."""
        likelihood, log_p, log_q = log_densities(x[None], h, values[: len(theta)], values[-4:])
        log_both = likelihood + log_p.sum(-1) + log_q.sum(-1)
        return -np.mean(np.sum(weights * log_both, axis=0))

    players = model.decoder.trainable_variables + model.encoder.trainable_variables
    _, applied = sgd_step(lambda: ops.mean(sum(model.wake_losses(*inputs)[:2])), players)
    values = theta + phi
    for index, gradient in enumerate(applied):

        def of_one(value, index=index):
            return loss([*values[:index], value, *values[index + 1 :]])

        by_hand = finite_differences(of_one, values[index])
        np.testing.assert_allclose(gradient, by_hand, rtol=1e-3, atol=2e-5)


def test_the_sleep_loss():
    model = tiny(estimator="rws")
    x, h = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]), states(2)[[6, 9]]
    received = model.sleep_loss(tensor(1 - 2 * h)[None], tensor(1 - 2 * x)[None])
    _, _, log_q = log_densities(x, h, parameters(model.decoder), parameters(model.encoder))
    np.testing.assert_allclose(numpy(received), -log_q.sum(axis=1), rtol=1e-5)


def test_rws_records_its_bound_of_k_samples(monkeypatch):
    model = tiny(estimator="rws", k=2)
    draws = {4: tensor(1 - 2 * states(2)[[[6], [9]]]), PIXELS: tensor([[[-1.0, 1.0, 1.0]]])}
    monkeypatch.setattr(model, "noise", lambda shape: draws[shape[-1]][: shape[0]])
    x = image([[1, 0, 1]])
    generative, wake, log_weights = model.wake_losses(x, draws[4])
    asleep = model.sleep_loss(draws[4][:1], draws[PIXELS])
    expected = numpy(generative) + numpy(wake) + numpy(asleep)
    np.testing.assert_allclose(numpy(model.rws_loss(x)), expected[0], rtol=1e-5)
    loss = float(model.recorders["loss"].result())
    assert loss == pytest.approx(-numpy(importance_bound(log_weights))[0], rel=1e-5)


# ---- drawing


@every_depth
def test_what_is_drawn_has_the_models_means(layers):
    model, h = tiny(layers), states(layers)
    theta, phi = parameters(model.decoder), parameters(model.encoder)
    _, log_p, _ = log_densities(np.zeros(PIXELS), h, theta, phi)
    prior = np.exp(log_p.sum(axis=-1))
    z = model.sample_inputs(20_000, seed=3)
    drawn = numpy(model(z)).reshape(-1, PIXELS).mean(axis=0)
    np.testing.assert_allclose(
        drawn, prior @ sigmoid(h[:, -D:] @ theta[-2] + theta[-1]), atol=0.015
    )
    np.testing.assert_allclose(numpy(model.decoder(z)["units"]).mean(axis=0), prior @ h, atol=0.015)


@every_depth
def test_encoding_turns_on_what_is_likelier_on(layers):
    model = tiny(layers)
    x = np.array(list(itertools.product([0.0, 1.0], repeat=PIXELS)))
    phi, theta = parameters(model.encoder), parameters(model.decoder)
    expected, below = [], x
    for index in range(layers):
        below = (below @ phi[2 * index] + phi[2 * index + 1] > 0).astype("float64")
        expected.insert(0, below)
    z = model.encode_inputs({"image": image(x)})
    np.testing.assert_array_equal(numpy(z), 1 - 2 * np.concatenate(expected, axis=1))
    decoded = model.decoder({"z": z})
    np.testing.assert_array_equal(numpy(decoded["units"]), np.concatenate(expected, axis=1))
    reconstruction = sigmoid(expected[-1] @ theta[-2] + theta[-1])
    np.testing.assert_allclose(
        numpy(model({"z": z})).reshape(-1, PIXELS), reconstruction, rtol=1e-5, atol=1e-6
    )


def test_units_follow_noise_at_its_ends_whatever_their_logits():
    logits = tensor([-200.0, 0.0, 200.0])
    np.testing.assert_array_equal(numpy(draw_units(logits, tensor([-1.0] * 3))), [1, 1, 1])
    np.testing.assert_array_equal(numpy(draw_units(logits, tensor([1.0] * 3))), [0, 0, 0])
    np.testing.assert_array_equal(numpy(draw_units(logits, tensor([-0.2] * 3))), [0, 1, 1])
    np.testing.assert_array_equal(numpy(draw_units(logits, tensor([0.2] * 3))), [0, 0, 1])


# ---- as a model of the zoo


@pytest.mark.parametrize("training", ["nvil", "rws"])
def test_training_improves_the_bound_and_is_saved(training, tmp_path):
    keras.utils.set_random_seed(0)
    model = SBN(
        image_shape=(4, 4, 1),
        latent_dim=4,
        stochastic_layers=2,
        estimator=training,
        learning_rate=0.03,
    )
    model.compile()
    rng = np.random.default_rng(0)
    images = np.where(rng.random((16, 1, 1, 1)) < 0.5, np.eye(4)[..., None], 0.0)
    images = np.tile(images, (30, 1, 1, 1)).astype("float32")
    losses = model.fit(images, batch_size=16, epochs=3, verbose=0).history["loss"]
    # Fair coins take 11.1 nats, independent ones of each pixel's own bias 2.8, the truth 0.7.
    assert losses[2] < losses[1] < losses[0] and losses[2] < 2.8
    model.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    for old, new in zip(model.weights, copy.weights, strict=True):
        np.testing.assert_array_equal(numpy(old), numpy(new))
    paths = {weight.path.split("/")[-1] for weight in model.weights}
    assert {"signal_mean", "signal_variance"} <= paths or training == "rws"
    assert ("baseline" in model.named_networks) == (training == "nvil")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stochastic_layers": 4}, "stochastic_layers must be one of 1, 2, 3. Received: 4"),
        ({"estimator": "vimco"}, "estimator must be one of nvil, rws. Received: 'vimco'"),
        ({"k": 0}, "k must be a positive integer. Received: 0"),
        ({"baseline_hidden": 0}, "baseline_hidden must be a positive integer. Received: 0"),
        (
            {"likelihood": "gaussian"},
            "SBN does not support likelihood: its pixels are binary. Received: likelihood",
        ),
        ({"learn_std": True}, "SBN does not support learn_std"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(RequestError, match=message):
        SBN(image_shape=(1, 3, 1), **options)


def test_points_are_refused():
    with pytest.raises(RequestError, match="Received: points of 2 dimensions"):
        SBN(image_shape=(2,))
