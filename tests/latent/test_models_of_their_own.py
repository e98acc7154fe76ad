"""What is particular to one latent-variable model, and to the data it is trained on."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

from tests.helpers import small_dataset, small_hyperparameters, small_model
from zoo import registry
from zoo.core.optimizers import stage_schedule
from zoo.data import Dataset
from zoo.data.batches import choose_labelled
from zoo.errors import RequestError
from zoo.latent.autoencoder import sparsity_cost

once = pytest.mark.once


def numpy(value):
    return np.array(ops.convert_to_numpy(value), "float64")


# ---- what all share


def test_dynamic_binarization_follows_the_grey_levels():
    model = small_model("vae")
    grey = np.tile([[0.0, 0.25, 0.75, 1.0]], (4_000, 1)).reshape(-1, 2, 2, 1).astype("float32")
    first, second = (numpy(model.binarize(ops.convert_to_tensor(grey))) for _ in range(2))
    assert set(np.unique(first)) == {0.0, 1.0} and not np.array_equal(first, second)
    np.testing.assert_allclose(first.mean(axis=0).ravel(), [0, 0.25, 0.75, 1], atol=0.03)
    for option, value in (
        ("binarization", "static"),
        ("binarization", "none"),
        ("likelihood", "gaussian"),
    ):
        model = small_model("vae", **{option: value})
        np.testing.assert_array_equal(numpy(model.binarize(ops.convert_to_tensor(grey))), grey)


@once
def test_static_binarization_is_drawn_once():
    data = small_dataset(60)
    values = small_hyperparameters("vae", binarization="static")
    cls = registry.entry("vae").cls
    batches = cls.batches(data, values, seed=1)
    images = batches.dataset.images
    assert set(np.unique(images)) == {0, 255}
    np.testing.assert_array_equal(images, cls.batches(data, values, seed=2).dataset.images)
    expected = np.repeat(np.arange(4) / 3 * 255, 3_000).astype(np.uint8).reshape(-1, 1, 1, 1)
    drawn = Dataset("ramp", expected, None, (), "").binarized(0).images.reshape(4, -1)
    np.testing.assert_allclose(drawn.mean(axis=1) / 255, np.arange(4) / 3, atol=0.03)
    assert cls.batches(data, small_hyperparameters("vae"), seed=1).dataset is data


@once
def test_data_outside_the_unit_interval_is_refused():
    model = small_model("vae")
    model.compile()
    images = np.linspace(-1, 1, 8 * 64, dtype="float32").reshape(8, 8, 8, 1)
    with pytest.raises(
        RequestError, match=r"Images must be in \[0, 1\]. Received: values from -1 to 1"
    ):
        model.fit(images, verbose=0)
    with pytest.raises(RequestError, match="Received: points of 2 dimensions"):
        small_model("vae", (2,))


@once
def test_the_stages_of_the_learning_rate():
    schedule = stage_schedule(1e-3, 3_280)
    ends = np.cumsum([3**i for i in range(8)])
    for stage, end in enumerate(ends):
        for step in (end - 3**stage + 1, end):
            rate = float(ops.convert_to_numpy(schedule(step)))
            assert rate == pytest.approx(1e-3 * 10 ** (-stage / 7), rel=1e-5)


def test_the_divergence_warms_up():
    """The first step hardly pays for the divergence, a step after the end pays in full."""
    model = small_model("vae", warm_up=4)
    model.compile()
    weights = []
    for iterations in (0, 1, 3, 10):
        model.optimizer["networks"].iterations.assign(iterations)
        weights.append(float(numpy(model.divergence_weight())))
    np.testing.assert_allclose(weights, [0.25, 0.5, 1.0, 1.0])


@once
@pytest.mark.parametrize("learn", [False, True])
def test_the_standard_deviation_of_pixels(learn):
    """Learned, it approaches the residuals' root mean square; fixed, it stays."""
    model = small_model(
        "vae", (4,), likelihood="gaussian", learn_std=learn, learning_rate=0.05, beta=100.0
    )
    model.compile(run_eagerly=True)
    noise = 0.3 * np.random.default_rng(0).standard_normal((64, 4), dtype="float32")
    model.fit(noise, epochs=60, batch_size=64, verbose=0)
    std = float(np.exp(numpy(model.decoder.get_layer("pixels").log_std)))
    assert std == pytest.approx(0.3, abs=0.05) if learn else std == pytest.approx(0.1)


@once
@pytest.mark.parametrize("name", ["vae", "cvae"])
def test_convolutional_networks(name):
    model = small_model(name, (9, 12, 3), networks="conv")
    model.compile(run_eagerly=True)
    images = np.random.default_rng(0).random((16, 9, 12, 3), dtype="float32")
    labels = np.arange(16, dtype="int32") % 3
    losses = model.fit(images, labels, batch_size=8, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    inputs = {"image": ops.convert_to_tensor(images)}
    if name == "cvae":
        inputs["label"] = ops.convert_to_tensor(labels)
    code = {**inputs, "z": model.encode_inputs(inputs)}
    del code["image"]
    assert model.sample(code).shape == (16, 9, 12, 3)


# ---- the conditional prior


def test_cvae_encodes_relative_to_the_prior_of_the_label():
    """`encode` gives the noise that `call` turns into the posterior's mean, for any label."""
    model = small_model("cvae", latent_dim=3)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.standard_normal(weight.shape) * 0.5)
    images = ops.convert_to_tensor(rng.random((6, 8, 8, 1), dtype="float32"))
    labels = ops.convert_to_tensor(np.array([0, 1, 2, 0, 1, 2], "int32"))
    mean, _ = model.posterior(images, labels)
    direct = model.pixel_means(model.decoder({"z": mean, "label": labels}))
    inputs = {"z": model.encode_inputs({"image": images, "label": labels}), "label": labels}
    np.testing.assert_allclose(numpy(model.call(inputs)), numpy(direct), rtol=1e-4, atol=1e-6)
    prior_mean, prior_log_variance = (numpy(value) for value in model.prior_of(labels))
    np.testing.assert_array_equal(prior_mean[0], prior_mean[3])
    assert np.abs(prior_mean[0] - prior_mean[1]).max() > 0.1
    assert np.abs(prior_log_variance).max() > 0.1


# ---- autoencoders


@once
def test_the_linear_bottleneck_spans_the_principal_components():
    rng = np.random.default_rng(0)
    data = rng.standard_normal((500, 3)) @ rng.standard_normal((3, 8))
    data = (data + 0.2 * rng.standard_normal(data.shape)).astype("float32")
    model = small_model(
        "autoencoder", (8,), linear=True, latent_dim=3, likelihood="gaussian",
        pixel_std=1.0, learning_rate=0.03, decay="cosine", decay_steps=600,
    )  # fmt: skip
    model.compile()
    model.fit(data, epochs=60, batch_size=50, verbose=0)
    components = PCA(3).fit(data)
    kernel = next(w for w in model.decoder.get_weights() if w.ndim == 2)
    assert np.degrees(subspace_angles(kernel.T, components.components_.T).max()) < 3
    z = model.encode_inputs({"image": ops.convert_to_tensor(data)})
    error = np.mean((numpy(model.call({"z": z})) - data) ** 2)
    best = np.mean((components.inverse_transform(components.transform(data)) - data) ** 2)
    assert best * 0.999 < error < best * 1.2


def test_sparsity_costs_by_hand():
    codes = np.array([[0.5, -1.0], [1.5, 0.0]], "float32")
    assert float(numpy(sparsity_cost(ops.convert_to_tensor(codes), "l1", 0))) == pytest.approx(1.5)
    codes = np.array([[0.1, 0.4], [0.3, 0.6]], "float32")
    expected = 0
    for mean in (0.2, 0.5):
        expected += 0.05 * np.log(0.05 / mean) + 0.95 * np.log(0.95 / (1 - mean))
    received = float(numpy(sparsity_cost(ops.convert_to_tensor(codes), "kl", 0.05)))
    assert received == pytest.approx(expected, rel=1e-5)
    even = ops.convert_to_tensor(np.full((3, 2), 0.05, "float32"))
    assert float(numpy(sparsity_cost(even, "kl", 0.05))) == pytest.approx(0, abs=1e-6)


def test_corruptions():
    grey = ops.full((1_000, 2, 2, 1), 0.5)
    denoising = {"kind": "denoising", "corruption_level": 0.3}
    masked = small_model("autoencoder", corruption="masking", **denoising)
    seen = numpy(masked.corrupt(grey))
    assert set(np.unique(seen)) == {0.0, 0.5}
    assert np.mean(seen == 0) == pytest.approx(0.3, abs=0.03)
    noisy = small_model("autoencoder", corruption="gaussian", **denoising)
    seen = numpy(noisy.corrupt(grey))
    assert seen.std() == pytest.approx(0.3, abs=0.015)
    assert seen.mean() == pytest.approx(0.5, abs=0.02)
    assert small_model("autoencoder").corrupt(grey) is grey


@once
@pytest.mark.parametrize("sparsity", ["l1", "kl"])
def test_a_sparse_code_is_sparser_under_its_cost(sparsity):
    images = np.random.default_rng(0).random((64, 8, 8, 1), dtype="float32")
    activity = {}
    for weight in (0.0, 20.0):
        keras.utils.set_random_seed(0)
        model = small_model(
            "autoencoder", kind="sparse", sparsity=sparsity, sparsity_weight=weight, latent_dim=80,
            learning_rate=0.01,
        )  # fmt: skip
        model.compile(run_eagerly=True)
        model.fit(images, epochs=10, batch_size=32, verbose=0)
        activity[weight] = numpy(model.encoder({"image": images})).mean()
    assert activity[20.0] < 0.6 * activity[0.0]


def test_an_autoencoders_codes_are_standardised():
    model = small_model("autoencoder", latent_dim=3)
    model.standard.mean.assign([1.0, 2.0, 3.0])
    model.standard.variance.assign([4.0, 1.0, 0.25])
    images = ops.convert_to_tensor(np.random.default_rng(0).random((4, 8, 8, 1), dtype="float32"))
    z = numpy(model.encode_inputs({"image": images}))
    codes = numpy(model.encoder({"image": images}))
    np.testing.assert_allclose(z, (codes - [1, 2, 3]) / [2, 1, 0.5], rtol=1e-4, atol=1e-5)
    again = numpy(model.call({"z": ops.convert_to_tensor(z.astype("float32"))}))
    direct = numpy(model.pixel_means(model.decoder({"z": model.encoder({"image": images})})))
    np.testing.assert_allclose(again, direct, rtol=1e-4, atol=1e-6)
    assert not model.has_likelihood


# ---- few labels


@once
def test_labelled_images_are_chosen_evenly_and_shown_in_every_batch():
    data = small_dataset(200)
    chosen = choose_labelled(data, 8, seed=3)
    assert sorted(np.bincount(data.labels[chosen])) == [2, 3, 3] and len(set(chosen)) == 8
    np.testing.assert_array_equal(chosen, choose_labelled(data, 8, seed=3))
    assert set(chosen) != set(choose_labelled(data, 8, seed=4))

    values = {**small_hyperparameters("ssvae"), "labels": 8, "batch_size": 40}
    batches = registry.entry("ssvae").cls.batches(data, values, seed=3)
    stream = batches.from_step(0)
    known = {data.images[i].tobytes(): data.labels[i] for i in chosen}
    for _ in range(6):
        images, labels = next(stream)
        assert (labels[:4] >= 0).all() and (labels[4:] == -1).all()
        for image, label in zip(images[:4], labels[:4], strict=True):
            assert known[np.rint(image * 255).astype(np.uint8).tobytes()] == label
    third = next(batches.from_step(2))  # as if resumed there
    again = next(iter([b for b, _ in zip(batches.from_step(0), range(3), strict=False)][2:]))
    np.testing.assert_array_equal(third[0], again[0])


@once
@pytest.mark.parametrize(
    ("labels", "message"),
    [(2, "at least one per class, 3. Received: 2"), (300, "can share in; .* Received: 300")],
)
def test_label_counts_that_cannot_be(labels, message):
    values = {**small_hyperparameters("ssvae"), "labels": labels}
    entry = registry.entry("ssvae")
    with pytest.raises(RequestError, match=message):
        entry.build(values, image_shape=(8, 8, 1), num_classes=3)
        entry.cls.batches(small_dataset(44), values, seed=0)


def test_ssvae_learns_classes_from_few_labels():
    """Three stripes, six labels: the classifier gets nearly all of the others right."""
    rng = np.random.default_rng(0)
    labels = np.arange(600, dtype="int32") % 3
    images = 0.1 * rng.random((600, 6, 6, 1), dtype="float32")
    for label in range(3):
        images[labels == label, 2 * label : 2 * label + 2] += 0.8
    shown = np.where(np.arange(600) < 6, labels, -1).astype("int32")
    model = small_model("ssvae", (6, 6, 1), alpha=5.0, learning_rate=0.01)
    model.compile()
    order = np.concatenate([np.r_[:6, i * 24 + 6 : i * 24 + 30] for i in range(20)])
    model.fit(images[order], shown[order], batch_size=30, epochs=5, shuffle=False, verbose=0)
    found = numpy(model.classify({"image": ops.convert_to_tensor(images)})).argmax(axis=1)
    assert np.mean(found == labels) > 0.95
