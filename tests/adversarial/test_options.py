"""Options that every game shares: optimizers, steps, objectives, priors, smoothing, decay."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.adversarial.test_levers import ADVERSARIAL, TRAINED, numpy, train
from tests.helpers import LATENT, MODELS, repeats, small_hyperparameters, small_model
from zoo import registry
from zoo.adversarial.aae import MIXTURES
from zoo.core.optimizers import make_optimizer
from zoo.errors import RequestError
from zoo.networks.norms import JoinReference

once = pytest.mark.once


def having(name, models=ADVERSARIAL):
    return [model for model in models if name in registry.entry(model).hyperparameters]


# ---- optimizers


@once
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_every_network_has_the_optimizer_that_is_named(name):
    usual = "RMSprop" if name == "wgan" else "Adam"
    model = small_model(name)
    optimizers = model.default_optimizers()
    assert set(optimizers) == set(model.named_networks)
    for optimizer in optimizers.values():
        assert type(optimizer).__name__ == usual
        assert optimizer.weight_decay is None
        if usual == "Adam":
            expected = (0.0, 0.9) if name == "wgan_gp" else (0.5, 0.999)
            assert (optimizer.beta_1, optimizer.beta_2) == expected
    for optimizer in (
        small_model(name, optimizer_name="sgd", beta_1=0.25, weight_decay=0.5)
        .default_optimizers()
        .values()
    ):
        assert isinstance(optimizer, keras.optimizers.SGD)
        assert (optimizer.momentum, optimizer.weight_decay) == (0.25, 0.5)
    for optimizer in small_model(name, optimizer_name="rmsprop").default_optimizers().values():
        assert isinstance(optimizer, keras.optimizers.RMSprop)
        assert (optimizer.rho, optimizer.momentum) == (0.99, 0.0)


@pytest.mark.parametrize("optimizer_name", ["rmsprop", "sgd", "adam"])
@pytest.mark.parametrize("name", ["dcgan", "wgan"])
def test_a_game_is_trained_by_each_optimizer(name, optimizer_name):
    model = small_model(name, optimizer_name=optimizer_name, weight_decay=0.01)
    before = [numpy(weight) for weight in model.trainable_variables]
    train(model, steps=2)
    moved = [
        (numpy(weight) != old).mean()
        for weight, old in zip(model.trainable_variables, before, strict=True)
    ]
    assert np.mean(moved) > 0.5


@pytest.mark.parametrize("optimizer_name", ["adam", "rmsprop", "sgd"])
def test_weight_decay_is_apart_from_the_gradient(optimizer_name):
    """One step: w - rate * decay * w, less what the optimizer makes of the gradient alone."""
    rate, decay = 0.1, 0.5
    start, slope = np.float32([2.0, -3.0, 0.0]), np.float32([0.25, 4.0, -1.0])
    weight = keras.Variable(start)
    optimizer = make_optimizer(optimizer_name, rate, 0.0, 0.9, decay)
    optimizer.build([weight])
    optimizer.apply([ops.convert_to_tensor(slope)], [weight])
    step = {
        "adam": rate * np.sign(slope),  # the first step, corrected for its bias
        "rmsprop": rate * np.sign(slope) / np.sqrt(0.01),
        "sgd": rate * slope,
    }[optimizer_name]
    np.testing.assert_allclose(numpy(weight), start * (1 - rate * decay) - step, rtol=1e-4)


def test_weight_decay_in_a_game():
    """With a loss that is 0 everywhere only the decay moves the weights, of both players."""
    model = small_model("dcgan", learning_rate=0.1, weight_decay=0.5)
    model.compile()
    for name, network in model.named_networks.items():
        before = [numpy(weight) for weight in network.trainable_variables]
        model.minimize(lambda w=network.trainable_variables: 0.0 * ops.sum(w[0]), name)
        for weight, old in zip(network.trainable_variables, before, strict=True):
            np.testing.assert_allclose(numpy(weight), 0.95 * old, rtol=1e-5, atol=1e-7)


@once
def test_every_family_has_weight_decay_and_starts_without():
    for name in MODELS:
        assert all(o.weight_decay is None for o in small_model(name).default_optimizers().values())
        decayed = small_model(name, weight_decay=0.5).default_optimizers()
        assert all(optimizer.weight_decay == 0.5 for optimizer in decayed.values()), name


# ---- several discriminator steps, and the generator's loss


@pytest.mark.parametrize("name", having("discriminator_steps", TRAINED))
def test_the_discriminator_takes_its_steps(name):
    """Each on a batch of its own; the generator takes one."""
    model = small_model(name, discriminator_steps=3)
    assert repeats(model) == 3
    train(model, steps=2)
    for key, optimizer in model.optimizer.members.items():
        assert int(optimizer.iterations) == (6 if key.startswith("discriminator") else 2), key


@pytest.mark.parametrize("name", having("objective", TRAINED))
def test_the_generator_minimises_the_objective(name):
    """log(1 - D) is below 0 and -log D above."""
    logits = np.float32([[0.5], [-2.0]])
    expected = {
        "minimax": -np.mean(np.log1p(np.exp(logits))),
        "non_saturating": np.mean(np.log1p(np.exp(-logits))),
    }
    for objective, value in expected.items():
        # Without the codes' information, which is a part of infogan's.
        free = {"category_weight": 0.0, "code_weight": 0.0} if name == "infogan" else {}
        model = small_model(name, objective=objective, **free)
        received = model.fooling_loss(ops.convert_to_tensor(logits))
        assert float(numpy(received)) == pytest.approx(value, rel=1e-5)
        history = train(model)
        losses = [v for k, v in history.items() if k.startswith(("generator", "encoder"))]
        assert losses and all((np.sign(loss) == np.sign(value)).all() for loss in losses)


# ---- the prior


@once
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_noise_is_drawn_from_the_prior(name):
    model = small_model(name, prior="uniform")
    plain = small_model(name)
    for key, spec in model.inputs_spec.items():
        if spec["dtype"] == "int32" or key == "code":
            assert spec == plain.inputs_spec[key]
            continue
        assert (spec["prior"], plain.inputs_spec[key]["prior"]) == ("uniform", "normal")
        drawn = numpy(model.sample_inputs(2000, seed=1)[key])
        assert -1 <= drawn.min() < -0.99 and 0.99 < drawn.max() <= 1
        assert drawn.var() == pytest.approx(1 / 3, rel=0.05)
        assert drawn.mean() == pytest.approx(0, abs=0.03)


def test_the_reference_batch_is_drawn_from_the_prior():
    model = small_model("dcgan", prior="uniform", virtual_batch_norm=64)
    (layer,) = [x for x in model.generator.layers if isinstance(x, JoinReference)]
    noise = numpy(layer.noise)
    assert noise.shape == (64, 6)
    assert -1 <= noise.min() < -0.9 and 0.9 < noise.max() <= 1
    normal = small_model("dcgan", virtual_batch_norm=64)
    (layer,) = [x for x in normal.generator.layers if isinstance(x, JoinReference)]
    assert np.abs(numpy(layer.noise)).max() > 2


# ---- what does not go together


@once
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("lsgan", {"objective": "minimax"}, "LSGAN does not support objective: its losses are sq"),
        ("ebgan", {"objective": "minimax"}, "EBGAN does not support objective: an energy is not"),
        ("wgan", {"objective": "minimax"}, "WGAN does not support objective: a critic outputs"),
        ("wgan_gp", {"discriminator_steps": 2}, "n_critic is the number of the critic's steps"),
        ("aae", {"discriminator_steps": 2}, "AAE does not support discriminator_steps: all of"),
        ("wgan", {"beta_1": 0.9}, "optimizer_name=rmsprop has no beta_1. Received: 0.9"),
        ("dcgan", {"optimizer_name": "sgd", "beta_2": 0.9}, "sgd has no beta_2. Received: 0.9"),
        ("dcgan", {"optimizer_name": "adamw"}, "one of adam, rmsprop, sgd. Received: 'adamw'"),
        ("dcgan", {"weight_decay": -0.1}, "weight_decay must be at least 0"),
        ("dcgan", {"prior": "mixture"}, "prior must be one of normal, uniform"),
        ("wgan", {"fake_label_smoothing": 0.1}, "WGAN does not support fake_label_smoothing"),
        (
            "dcgan",
            {"label_smoothing": 0.5, "fake_label_smoothing": 0.5},
            "must add up to less than 1: .* Received: 0.5 and 0.5",
        ),
        ("dcgan", {"matched_statistic": "median"}, "median needs feature_matching=true"),
        ("ebgan", {"matched_statistic": "median"}, "EBGAN does not support matched_statistic"),
    ],
)
def test_what_does_not_fit_is_refused(name, options, message):
    values = {**small_hyperparameters(name), **options}
    with pytest.raises(RequestError, match=message):
        registry.entry(name).build(values, image_shape=(8, 8, 1), num_classes=3)


@once
@pytest.mark.parametrize("name", LATENT)
def test_a_latent_model_keeps_its_prior(name):
    with pytest.raises(RequestError, match="does not support prior: its bound needs"):
        registry.entry(name).configure(settings=["prior=uniform"])


@once
def test_a_code_has_the_prior_that_is_named():
    assert small_model("aae", prior="uniform").inputs_spec["z"]["prior"] == "uniform"
    spec = small_model("aae", prior="mixture", latent_dim=2).inputs_spec["z"]
    assert spec["means"] == MIXTURES["mixture"].means.tolist()
