"""Bounds and their gradients against closed forms, enumeration and numerical integration."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special, stats

from tests.core.test_backend import finite_differences, sgd_step
from tests.helpers import small_model
from tests.test_reference import fix_noise
from zoo.latent.dlgm import rank_one_divergence
from zoo.latent.ssvae import unlabelled_loss
from zoo.metrics.likelihood import estimate_nll
from zoo.objectives import likelihoods
from zoo.objectives.likelihoods import importance_bound

RNG = np.random.default_rng(3)


def tensor(values):
    return ops.convert_to_tensor(np.asarray(values, "float32"))


def numpy(value):
    return np.array(ops.convert_to_numpy(value), "float64")


def randomize(model, scale=0.5, seed=5):
    """Weights that make the model's distributions neither trivial nor extreme."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(rng.standard_normal(weight.shape) * scale)
    return model


# ---- densities


def test_log_densities_and_divergence():
    x, mean = RNG.standard_normal((2, 3, 4))
    log_variance = RNG.standard_normal((3, 4))
    prior = RNG.standard_normal((2, 3, 4))
    std = np.exp(log_variance / 2)
    expected = stats.norm.logpdf(x, mean, std).sum(axis=-1)
    received = likelihoods.gaussian_log_density(tensor(x), tensor(mean), tensor(log_variance))
    np.testing.assert_allclose(numpy(received), expected, rtol=1e-5)
    received = likelihoods.gaussian_log_density(tensor(x))
    np.testing.assert_allclose(numpy(received), stats.norm.logpdf(x).sum(axis=-1), rtol=1e-5)

    grey = RNG.random((3, 4))
    p = special.expit(x)
    expected = (grey * np.log(p) + (1 - grey) * np.log1p(-p)).sum(axis=-1)
    received = likelihoods.bernoulli_log_density(tensor(grey), tensor(x))
    np.testing.assert_allclose(numpy(received), expected, rtol=1e-5)

    s = np.exp(prior[1])
    expected = 0.5 * ((std**2 + (mean - prior[0]) ** 2) / s - 1 - np.log(std**2 / s))
    received = likelihoods.gaussian_divergence(*map(tensor, (mean, log_variance, *prior)))
    np.testing.assert_allclose(numpy(received), expected.sum(axis=-1), rtol=1e-5)
    received = likelihoods.gaussian_divergence(tensor(mean), tensor(log_variance))
    expected = 0.5 * (std**2 + mean**2 - 1 - log_variance)
    np.testing.assert_allclose(numpy(received), expected.sum(axis=-1), rtol=1e-5)


def test_laplace_density_by_hand():
    """Of scale 1/2 at its median and 1 beside it: log 1 = 0 and -2; scipy says the rest."""
    log_std = np.log(np.sqrt(2.0) * 0.5)
    received = likelihoods.laplace_log_density(
        tensor([[3.0], [4.0]]), tensor([3.0]), tensor(log_std)
    )
    np.testing.assert_allclose(numpy(received), [0.0, -2.0], atol=1e-6)
    rng = np.random.default_rng(0)
    x, median, log_std = rng.random((5, 3, 4)), rng.random((3, 4)), -1.3
    expected = stats.laplace.logpdf(x, median, np.exp(log_std) / np.sqrt(2.0))
    received = likelihoods.laplace_log_density(tensor(x), tensor(median), tensor(log_std))
    np.testing.assert_allclose(numpy(received), expected.sum(axis=-1), rtol=1e-5)
    assert stats.laplace(0.0, np.exp(log_std) / np.sqrt(2.0)).std() == pytest.approx(0.2725, 1e-3)


@pytest.mark.parametrize("learn", [False, True])
@pytest.mark.parametrize("name", ["vae", "draw"])
def test_a_laplace_likelihood_of_a_model(name, learn):
    """`log_likelihood` by scipy at a fixed scale; a learned one moves towards the error."""
    model = small_model(name, likelihood="laplace", pixel_std=0.5, learn_std=learn)
    images, output = np.random.default_rng(0).random((2, 4, 8, 8, 1), dtype="float32")
    expected = stats.laplace.logpdf(images, output, 0.5 / np.sqrt(2.0)).sum(axis=(1, 2, 3))
    received = numpy(model.log_likelihood(tensor(images), tensor(output)))
    np.testing.assert_allclose(received, expected[None], rtol=1e-4)
    assert model.binarized == "none"
    model.compile()
    model.fit(np.zeros((16, 8, 8, 1), "float32"), batch_size=8, epochs=2, verbose=0)
    log_std = float(ops.convert_to_numpy(model.decoder.get_layer("pixels").log_std))
    assert (log_std < np.log(0.5) - 1e-4) == learn  # black images are easy
    drawn = model.generate(4, seed=0)
    assert drawn.min() >= 0 and drawn.max() <= 1


ACTIVE = [("vae", {}), ("cvae", {}), ("iwae", {"stochastic_layers": 2}), ("dlgm", {})]


@pytest.mark.parametrize(("name", "options"), ACTIVE)
@pytest.mark.parametrize(
    ("activation", "function"), [("relu", lambda x: np.maximum(x, 0.0)), ("tanh", np.tanh)]
)
def test_hidden_layers_have_their_activation(name, options, activation, function):
    """The encoder's means by numpy; and the hidden layers of 5 and 9 of all networks."""
    model = small_model(name, hidden=5, activation=activation, **options)
    layers = {
        network: [
            layer for layer in getattr(model, network).layers
            if isinstance(layer, keras.layers.Dense) and layer.units in (5, 9)
        ]
        for network in ("encoder", "decoder", "prior", "upper_encoder")
        if network in model.named_networks
    }  # fmt: skip
    for layer in sum(layers.values(), []):
        assert layer.activation.__name__ == activation
    rng = np.random.default_rng(0)
    images, labels = rng.random((3, 8, 8, 1)).astype("float32"), np.array([0, 1, 2], "int32")
    x = images.reshape(3, -1)
    if model.conditional:
        x = np.concatenate([x, np.eye(3)], axis=1)
    assert len(layers["encoder"]) == 2
    for layer in layers["encoder"]:
        x = function(x @ numpy(layer.kernel) + numpy(layer.bias))
    mean = model.encoder.get_layer("mean")
    expected = x @ numpy(mean.kernel) + numpy(mean.bias)
    inputs = {
        "image": tensor(images),
        **({"label": ops.convert_to_tensor(labels)} if model.conditional else {}),
    }
    received = numpy(model.encoder(inputs)["mean"]).reshape(3, -1)
    np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-5)


def test_importance_bound_by_hand():
    weights = np.array([[1.0, 2.0], [3.0, 2.0]])
    received = importance_bound(tensor(np.log(weights)))
    np.testing.assert_allclose(numpy(received), np.log([2.0, 2.0]), rtol=1e-6)
    far = importance_bound(tensor([[-2000.0], [-2000.0]]))
    np.testing.assert_allclose(numpy(far), [-2000.0])


# ---- the linear-Gaussian model, whose likelihood is known


def linear_vae(std=0.7):
    """A linear VAE, with a posterior of the right mean that is too wide, and its p(x)."""
    model = small_model(
        "vae",
        (6,),
        latent_dim=2,
        depth=0,
        likelihood="gaussian",
        pixel_std=std,
        binarization="none",
    )
    w, b = RNG.standard_normal((2, 6)) * 0.8, RNG.standard_normal(6)
    precision = w @ w.T / std**2 + np.eye(2)
    to_mean = (np.linalg.inv(precision) @ w / std**2).T
    dense = next(layer for layer in model.decoder.layers if isinstance(layer, keras.layers.Dense))
    dense.set_weights([w, b])
    model.encoder.get_layer("mean").set_weights([to_mean, -b @ to_mean])
    log_variance = np.log(np.diag(np.linalg.inv(precision))) + 1.5
    model.encoder.get_layer("log_variance").set_weights([np.zeros((6, 2)), log_variance])
    return model, stats.multivariate_normal(b, w.T @ w + std**2 * np.eye(6))


def test_the_likelihood_of_a_linear_gaussian_model():
    model, truth = linear_vae()
    x = truth.rvs(50, random_state=1).astype("float32")
    exact = -truth.logpdf(x).mean()
    by_k = {k: estimate_nll(model, x, samples=k, seed=2) for k in (1, 5, 50, 1500)}
    assert by_k[1500]["nll"] == pytest.approx(exact, abs=0.05)
    nlls = [by_k[k]["nll"] for k in (1, 5, 50)]
    assert nlls[0] > nlls[1] + 0.05 > nlls[2] + 0.1  # the bound on log p rises with k
    assert by_k[1]["nll"] == pytest.approx(-by_k[1]["elbo"])
    likelihood, divergence = model.bound_terms(tensor(x), samples=400)
    elbo = numpy(ops.mean(likelihood) - ops.mean(divergence))
    assert by_k[1500]["elbo"] == pytest.approx(elbo, abs=0.1)
    assert elbo < -exact


def test_an_estimate_is_repeated_and_does_not_hang_on_its_chunks(monkeypatch):
    model, truth = linear_vae()
    x = truth.rvs(25, random_state=1).astype("float32")
    first = estimate_nll(model, x, samples=300, seed=4)
    assert first == estimate_nll(model, x, samples=300, seed=4)
    assert first != estimate_nll(model, x, samples=300, seed=5)
    monkeypatch.setattr("zoo.metrics.likelihood.ROWS", 2_000)
    other = estimate_nll(model, x, samples=300, seed=4)
    assert other["nll"] == pytest.approx(first["nll"], abs=0.1)


# ---- gradients


def test_the_reparameterised_gradient(monkeypatch):
    """The backend's gradient of a VAE's bound against finite differences of float64 numpy."""
    fix_noise(monkeypatch.setattr)
    model = randomize(small_model("vae", (1, 4, 1), latent_dim=2, hidden=3, depth=1, beta=0.7))
    x = (RNG.random((5, 4)) > 0.5).astype("float64")
    noise = (1.5 * np.sin(np.arange(10) + 1.0)).reshape(1, 5, 2)
    heads = [model.encoder.get_layer(name) for name in ("mean", "log_variance")]
    hidden = next(x for x in model.encoder.layers if isinstance(x, keras.layers.Dense))
    variables = [*model.decoder.weights, *hidden.weights, *heads[0].weights, *heads[1].weights]
    weights = [numpy(v) for v in variables]

    def negative_bound(weights):
        (w1, b1, w2, b2), encoder = weights[:4], weights[4:]
        hidden = np.tanh(x @ encoder[0] + encoder[1])
        mean, log_variance = hidden @ encoder[2] + encoder[3], hidden @ encoder[4] + encoder[5]
        z = mean + np.exp(log_variance / 2) * noise[0]
        logits = np.tanh(z @ w1 + b1) @ w2 + b2
        likelihood = (x * logits - np.logaddexp(0, logits)).sum(axis=1)
        divergence = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(axis=1)
        return (0.7 * divergence - likelihood).mean()

    images = tensor(x.reshape(5, 1, 4, 1))

    def loss():
        likelihood, divergence = model.bound_terms(images)
        return 0.7 * ops.mean(divergence) - ops.mean(likelihood)

    value, gradients = sgd_step(loss, variables, rate=1e-2)
    assert value == pytest.approx(negative_bound(weights), rel=1e-5)
    for index, received in enumerate(gradients):

        def changed(w, index=index):
            return negative_bound([*weights[:index], w, *weights[index + 1 :]])

        expected = finite_differences(changed, weights[index])
        np.testing.assert_allclose(received, expected, rtol=2e-3, atol=2e-4)


def gradients_of(model, loss):
    """The gradient of each weight."""
    variables = model.trained_variables["networks"]
    before = [numpy(v) for v in variables]
    _, gradients = sgd_step(loss, variables, rate=1.0)
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)
    return [gradient.ravel() for gradient in gradients]


@pytest.mark.once
@pytest.mark.parametrize("layers", [1, 2])
def test_dreg_is_the_same_gradient_on_average(layers):
    """Over many draws for one image, the doubly reparameterised estimator has the plain mean."""
    sizes = {"latent_dim": 2, "lower_dim": 2, "hidden": 3, "upper_hidden": 3}
    model = randomize(small_model("iwae", (1, 4, 1), stochastic_layers=layers, k=3, **sizes), 0.7)
    images = ops.tile(tensor([[[[1.0], [0.0], [1.0], [1.0]]]]), (4_000, 1, 1, 1))

    def plain():
        return -ops.mean(importance_bound(model.log_weights(images, samples=3)))

    found = {"plain": [], "dreg": []}
    for _ in range(10):
        found["plain"].append(np.concatenate(gradients_of(model, plain)))
        found["dreg"].append(np.concatenate(gradients_of(model, lambda: model.dreg_loss(images))))
    mean = {name: np.mean(draws, axis=0) for name, draws in found.items()}
    error = {name: np.std(draws, axis=0, ddof=1) / 10**0.5 for name, draws in found.items()}
    gap = np.abs(mean["plain"] - mean["dreg"])
    assert np.abs(mean["plain"]).max() > 0.1
    assert (gap < 6 * np.hypot(error["plain"], error["dreg"]) + 1e-5).all()
    of_encoder = slice(model.decoder.count_params(), None)
    if layers == 1:
        assert error["dreg"][of_encoder].mean() < error["plain"][of_encoder].mean()


@pytest.mark.once
def test_iwae_of_one_sample_is_the_vae():
    """With the same weights: the same log weights draw for draw, and the same expected bound."""
    vae = randomize(small_model("vae", hidden=5, latent_dim=3, depth=2))
    iwae = small_model("iwae", hidden=5, latent_dim=3, k=1)
    for player in ("decoder", "encoder"):
        iwae.named_networks[player].set_weights(vae.named_networks[player].get_weights())
    images = tensor(RNG.random((6, 8, 8, 1)) > 0.5)
    pair = [
        numpy(model.log_weights(images, samples=4, seed=keras.random.SeedGenerator(7)))
        for model in (vae, iwae)
    ]
    np.testing.assert_allclose(*pair, rtol=1e-5)
    one = numpy(iwae.log_weights(images, samples=1, seed=keras.random.SeedGenerator(8)))
    np.testing.assert_allclose(numpy(importance_bound(tensor(one))), one[0], rtol=1e-6)
    likelihood, divergence = vae.bound_terms(images, samples=3_000)
    by_samples = numpy(iwae.log_weights(images, samples=3_000))
    elbo = numpy(ops.mean(likelihood, axis=0) - divergence)
    error = by_samples.std(axis=0) / 3_000**0.5 + numpy(likelihood).std(axis=0) / 3_000**0.5
    assert (np.abs(by_samples.mean(axis=0) - elbo) < 5 * error).all()


# ---- hierarchies, against integration on a grid

GRID = np.linspace(-9, 9, 301)


def grid_integral(log_values):
    """log of the integral over the last two axes, points of GRID x GRID."""
    step = GRID[1] - GRID[0]
    return special.logsumexp(log_values, axis=(-2, -1)) + 2 * np.log(step)


@pytest.mark.once
def test_two_stochastic_layers():
    model = randomize(
        small_model(
            "iwae",
            (1, 3, 1),
            stochastic_layers=2,
            latent_dim=1,
            lower_dim=1,
            hidden=3,
            upper_hidden=3,
        )
    )
    images = tensor(np.array([[1, 0, 1], [0, 0, 1]]).reshape(2, 1, 3, 1))
    upper, lower = np.meshgrid(GRID, GRID, indexing="ij")
    z = np.stack([upper.ravel(), lower.ravel()], axis=-1)
    z = np.repeat(z[:, None], 2, axis=1)  # (samples, batch, 2)
    log_joint = numpy(model.log_joint(images, tensor(z))).T.reshape(2, len(GRID), len(GRID))
    exact = grid_integral(log_joint)
    received = importance_bound(model.log_weights(images, samples=20_000))
    np.testing.assert_allclose(numpy(received), exact, atol=0.03)


@pytest.mark.once
def test_the_marginal_of_m1_and_m2():
    model = small_model("ssvae", (1, 3, 1), stack="m1_m2", latent_dim=1, hidden=3)
    randomize(model, 0.3)
    images = tensor(np.array([[1, 0, 1]]).reshape(1, 1, 3, 1))
    z1 = tensor(GRID[:, None])
    density = numpy(model.log_likelihood(images, model.decoder({"z": z1})))[:, 0]
    total = np.full((len(GRID), len(GRID)), -np.inf)
    for label in range(3):
        labels = ops.full((len(GRID),), label, dtype="int32")
        outputs = model.prior({"z": z1, "label": labels})  # the grid as z2
        mean, log_variance = numpy(outputs["mean"]), numpy(outputs["log_variance"])
        of_z1 = stats.norm.logpdf(GRID[None], mean, np.exp(log_variance / 2))
        total = np.logaddexp(total, of_z1 - np.log(3.0))
    exact = grid_integral(total + stats.norm.logpdf(GRID)[:, None] + density[None])
    received = importance_bound(model.log_weights(images, samples=20_000))
    np.testing.assert_allclose(numpy(received), [exact], atol=0.03)


def test_the_rank_one_posterior_of_dlgm():
    """Samples, density and divergence against the covariance that the precision gives."""
    d = 3
    model = randomize(small_model("dlgm", (1, 4, 1), latent_dim=d, stochastic_layers=2, hidden=4))
    images = tensor(np.array([[1, 0, 1, 1]]).reshape(1, 1, 4, 1))
    posterior = model.encoder({"image": images})
    z, log_q = model.draw_posterior(posterior, 60_000, keras.random.SeedGenerator(1))
    z = numpy(z)[:, 0].reshape(-1, 2, d)
    mean, log_variance, u = (
        numpy(posterior[name])[0] for name in ("mean", "log_variance", "direction")
    )
    expected_log_q, divergence = 0.0, 0.0
    for layer in range(2):
        precision = np.diag(np.exp(-log_variance[layer])) + np.outer(u[layer], u[layer])
        covariance = np.linalg.inv(precision)
        np.testing.assert_allclose(np.cov(z[:, layer].T), covariance, atol=0.05 * covariance.max())
        truth = stats.multivariate_normal(mean[layer], covariance)
        expected_log_q = expected_log_q + truth.logpdf(z[:, layer])
        divergence += 0.5 * (
            np.trace(covariance) + mean[layer] @ mean[layer] - d - np.linalg.slogdet(covariance)[1]
        )
    np.testing.assert_allclose(numpy(log_q)[:, 0], expected_log_q, atol=2e-3)
    np.testing.assert_allclose(numpy(rank_one_divergence(**posterior)), [divergence], rtol=1e-4)


# ---- semi-supervised


def test_the_unlabelled_bound_is_the_sum_over_labels():
    bounds, logits = RNG.standard_normal((2, 4, 3))
    log_q = logits - special.logsumexp(logits, axis=1, keepdims=True)
    expected = [
        -sum(np.exp(q[y]) * (bound[y] - q[y]) for y in range(3))
        for bound, q in zip(bounds, log_q, strict=True)
    ]
    np.testing.assert_allclose(
        numpy(unlabelled_loss(tensor(bounds), tensor(log_q))), expected, rtol=1e-5
    )


@pytest.mark.parametrize("stack", ["m2", "m1_m2"])
def test_each_class_has_the_bound_of_its_own_label(stack, monkeypatch):
    """`class_bounds` at once is the bound of one label at a time."""
    monkeypatch.setattr(keras.random, "normal", lambda shape, **options: ops.zeros(shape))
    model = randomize(small_model("ssvae", (1, 4, 1), stack=stack, latent_dim=2, hidden=3), 1.0)
    shape = (5, 1, 4, 1) if stack == "m2" else (5, 2)
    seen = tensor(RNG.random(shape) > 0.5)
    received = numpy(model.class_bounds(seen))
    assert received.shape == (5, 3)
    for label in range(3):
        inputs = {**model.as_inputs(seen), "label": ops.full((5,), label, dtype="int32")}
        encoder = model.encoder if stack == "m2" else model.upper_encoder
        mean, log_variance = (numpy(encoder(inputs)[k]) for k in ("mean", "log_variance"))
        divergence = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance).sum(axis=1)
        given = {"z": tensor(mean), "label": inputs["label"]}
        if stack == "m2":
            logits = numpy(model.decoder(given)).reshape(5, 4)
            x = numpy(seen).reshape(5, 4)
            likelihood = (x * logits - np.logaddexp(0, logits)).sum(axis=1)
        else:
            outputs = {k: numpy(v) for k, v in model.prior(given).items()}
            std = np.exp(outputs["log_variance"] / 2)
            likelihood = stats.norm.logpdf(numpy(seen), outputs["mean"], std).sum(axis=1)
        expected = likelihood - divergence - np.log(3)
        np.testing.assert_allclose(received[:, label], expected, rtol=1e-4, atol=1e-5)
