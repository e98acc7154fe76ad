"""Later options of a game: a decaying rate, the R1 penalty, the projection of the label."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import MODELS, repeats, small_arrays, small_hyperparameters, small_model
from zoo import registry
from zoo.backend import input_gradient
from zoo.errors import RequestError
from zoo.networks.heads import project_label

ADVERSARIAL = [name for name in MODELS if registry.entry(name).family == "adversarial"]
ON_EVERY_BACKEND = ("cgan", "wgan_gp")  # cgan is dcgan with labels
TRAINED = ADVERSARIAL if keras.backend.backend() == "torch" else ON_EVERY_BACKEND


def numpy(value):
    return np.array(ops.convert_to_numpy(value))


def train(model, steps=1):
    """The history of a few steps through the compiled `fit`, whose numbers must be finite."""
    model.compile()
    rows = 8 * repeats(model)
    images, labels = small_arrays(rows * steps, model.image_shape)
    history = model.fit(images, labels, batch_size=rows, shuffle=False, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    return history


def rates(model):
    return {name: float(numpy(o.learning_rate)) for name, o in model.optimizer.members.items()}


# ---- the decay of the learning rate


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize(("decay", "middle", "last"), [("linear", 0.5, 0), ("cosine", 0.505, 0.01)])
def test_all_rates_end_together(name, decay, middle, last):
    """The critic's falls over as many more steps as it takes."""
    options = {"discriminator_steps": 2} if name == "gan" else {}
    model = small_model(name, decay=decay, decay_steps=2, **options)
    constant = small_model(name, **options)
    constant.compile()
    first = rates(constant)
    train(model, steps=1)
    assert rates(model) == pytest.approx({key: middle * rate for key, rate in first.items()})
    for key, optimizer in model.optimizer.members.items():
        steps = repeats(model) if key == model.opponent else 1
        assert int(optimizer.iterations) == steps
        optimizer.iterations.assign(2 * steps)
    assert rates(model) == pytest.approx({key: last * rate for key, rate in first.items()})


@pytest.mark.once
@pytest.mark.parametrize("optimizer_name", ["adam", "sgd"])
def test_the_decayed_rate_is_the_one_that_moves_the_weights(optimizer_name):
    # Without momentum, which goes on by itself at a rate of 0.
    options = {"optimizer_name": optimizer_name, "beta_1": 0.0}
    model = small_model("gan", decay="linear", decay_steps=1, **options)
    train(model)
    before = [numpy(weight) for weight in model.generator.trainable_variables]
    images, labels = small_arrays(8)
    model.fit(images, labels, batch_size=8, verbose=0)  # at a rate of 0
    for weight, old in zip(model.generator.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(numpy(weight), old)


@pytest.mark.once
def test_infogans_two_rates_keep_their_ratio():
    model = small_model("infogan", decay="linear", decay_steps=4)
    model.compile()
    for optimizer in model.optimizer.optimizers:
        optimizer.iterations.assign(1)
    assert rates(model) == pytest.approx({"generator": 0.75e-3, "discriminator": 1.5e-4})


# ---- the R1 penalty

WITH_R1 = [name for name in TRAINED if "r1" in registry.entry(name).hyperparameters]


@pytest.mark.parametrize("name", WITH_R1)
def test_r1_joins_the_discriminators_loss(name):
    """Of the same weights and noise, the loss is r1 times the penalty higher."""
    options = {"dropout": 0.0, "conditional": True}
    if name != "gan":
        options["discriminator_norm"] = "layer"
    plain, model = small_model(name, **options), small_model(name, r1=30.0, **options)
    rng = np.random.default_rng(3)
    plain.set_weights([rng.standard_normal(w.shape) * 0.3 for w in plain.weights])
    model.set_weights(plain.get_weights())
    images, labels = map(ops.convert_to_tensor, small_arrays(8))

    def logits(x):
        outputs = model.discriminator({"image": x, "label": labels}, training=False)
        return outputs["logit"] if name == "infogan" else outputs

    slopes = numpy(input_gradient(logits, images)).astype("float64")
    expected = np.mean(np.sum(slopes**2, axis=(1, 2, 3))) / 2
    assert expected > 1e-3
    before, history = train(plain), train(model)
    assert history["r1_penalty"][0] == pytest.approx(expected, rel=1e-4)
    change = history["discriminator_loss"][0] - before["discriminator_loss"][0]
    assert change == pytest.approx(30.0 * expected, rel=1e-3)
    assert "r1_penalty" not in before


@pytest.mark.once
@pytest.mark.parametrize("norm", ["layer", "none"])
def test_the_discriminators_norm_is_the_one_that_is_named(norm):
    for name in ("cgan", "dcgan", "infogan", "lsgan"):
        discriminator = small_model(name, discriminator_norm=norm).discriminator
        kinds = [type(layer).__name__ for layer in discriminator.layers]
        # Q's own hidden layer, which the logit does not pass through, keeps batch norm.
        assert kinds.count("BatchNormalization") == (name == "infogan")
        assert kinds.count("ExampleNorm") == (norm == "layer")


# ---- the projection of the label

PROJECTED = [name for name in TRAINED if "label_input" in registry.entry(name).hyperparameters]


def logit_of(outputs):
    return numpy(outputs["logit"] if isinstance(outputs, dict) else outputs)


@pytest.mark.once
def test_the_projection_by_hand():
    label, features, logit = (keras.Input(shape) for shape in ((), (2,), (1,)))
    inputs = [label, features, logit]
    model = keras.Model(inputs, project_label(*inputs, num_classes=3))
    model.set_weights([np.array([[1.0, 0.0], [0.5, -2.0], [3.0, 4.0]], "float32")])
    values = [[2, 1, 0], [[1.0, 2.0], [4.0, 0.25], [7.0, 9.0]], [[0.5], [-1.0], [0.0]]]
    received = model([np.array(value, "float32") for value in values])
    # 0.5 + 1 * 3 + 2 * 4, -1 + 4 * 0.5 - 0.25 * 2, 0 + 7 * 1
    np.testing.assert_array_equal(numpy(received), [[11.5], [0.5], [7.0]])


@pytest.mark.parametrize("networks", ["dcgan", "mlp"])
@pytest.mark.parametrize("kernels", [0, 3])
@pytest.mark.parametrize("name", PROJECTED)
def test_the_label_joins_the_logit_and_nothing_before(name, kernels, networks):
    """The logit is the one without a label, plus the inner product of features and embedding."""
    options = {"latent_dim": 6, "networks": networks}
    if kernels:
        if "minibatch_discrimination" not in registry.entry(name).hyperparameters:
            pytest.skip("a critic rates each example by itself")
        options["minibatch_discrimination"] = kernels
    model = small_model(name, conditional=True, label_input="projection", **options)
    network = getattr(model, model.opponent)
    images, labels = map(ops.convert_to_tensor, small_arrays(8))

    def logits(labels):
        return logit_of(network({"image": images, "label": labels}, training=False))

    embedding = network.get_layer("label_embedding")
    table = np.random.default_rng(1).standard_normal(embedding.embeddings.shape)
    embedding.set_weights([np.zeros_like(table)])
    plain = logits(labels)
    np.testing.assert_array_equal(plain, logits((labels + 1) % 3))
    assert np.ptp(plain) > 1e-8
    embedding.set_weights([table])
    trunk = keras.Model(network.input, network.get_layer("features").output)
    features = numpy(trunk({"image": images, "label": labels}, training=False))
    inner = np.sum(features * table[numpy(labels)], axis=-1, keepdims=True)
    np.testing.assert_allclose(logits(labels), plain + inner, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", PROJECTED)
def test_a_projection_is_trained(name):
    """The embedded labels move, and with them what a label is worth."""
    options = {"label_input": "projection"}
    if "feature_matching" in registry.entry(name).hyperparameters:
        options |= {"feature_matching": True, "minibatch_discrimination": 3}
    model = small_model(name, conditional=True, **options)
    embedding = getattr(model, model.opponent).get_layer("label_embedding")
    before = numpy(embedding.embeddings)
    train(model, steps=2)
    assert (numpy(embedding.embeddings) != before).mean() > 0.5


@pytest.mark.once
@pytest.mark.parametrize("name", ["infogan", "wgan"])
def test_a_projection_is_read_back(name, tmp_path):
    model = small_model(name, conditional=True, label_input="projection")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    inputs = dict(zip(("image", "label"), map(ops.convert_to_tensor, small_arrays(4)), strict=True))
    first, second = (logit_of(getattr(m, m.opponent)(inputs)) for m in (model, loaded))
    np.testing.assert_array_equal(first, second)


# ---- what does not go together

PROJECTION = {"label_input": "projection"}
CONDITIONAL = {**PROJECTION, "conditional": True}


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dcgan", {"decay": "linear"}, "decay=linear needs decay_steps, a positive integer"),
        ("wgan", {"decay": "stages"}, "decay must be one of none, linear, cosine"),
        ("dcgan", {"r1": 1.0}, "r1 needs discriminator_norm=layer or none: with batch norm"),
        ("infogan", {"r1": 1.0}, "r1 needs discriminator_norm=layer or none"),
        ("gan", {"r1": 1.0, "minibatch_discrimination": 3}, "discrimination=0.*Received: 3"),
        ("gan", {"r1": -1.0}, "r1 must be at least 0"),
        ("wgan_gp", {"r1": 1.0}, "WGANGP does not support r1: a critic's slope is bounded"),
        ("cgan", {"networks": "mlp", "discriminator_norm": "layer"}, "norm needs networks=dcgan"),
        ("dcgan", PROJECTION, "projection needs conditional=true"),
        ("gan", CONDITIONAL, "GAN does not support label_input.*label as a vector"),
        ("lapgan", CONDITIONAL, "LAPGAN does not support label_input.*label as a vector"),
        ("ebgan", CONDITIONAL, "EBGAN does not support label_input.*no logit"),
        ("aae", CONDITIONAL, "AAE does not support label_input.*sees no labels"),
        ("dcgan", {"label_input": "sum"}, "label_input must be one of plane, projection"),
        ("aae", {"augment": "cutout"}, "AAE does not support augment.*codes, not images"),
        ("dcgan", {"augment": "color"}, "one of none, translation, cutout, translation_cutout"),
    ],
)
def test_what_does_not_fit_is_refused(name, options, message):
    values = {**small_hyperparameters(name), **options}
    with pytest.raises(RequestError, match=message):
        registry.entry(name).build(values, image_shape=(8, 8, 1), num_classes=3)
