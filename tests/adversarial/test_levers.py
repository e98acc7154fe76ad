"""The options that steady a game: a decaying rate, the R1 penalty, projection, augmentation."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import MODELS, repeats, small_arrays, small_hyperparameters, small_model
from zoo import registry
from zoo.errors import RequestError

ADVERSARIAL = [name for name in MODELS if registry.entry(name).family == "adversarial"]
ON_EVERY_BACKEND = ("cgan", "dcgan", "wgan_gp")
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


# ---- what does not go together


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dcgan", {"decay": "linear"}, "decay=linear needs decay_steps, a positive integer"),
        ("wgan", {"decay": "stages"}, "decay must be one of none, linear, cosine"),
    ],
)
def test_what_does_not_fit_is_refused(name, options, message):
    values = {**small_hyperparameters(name), **options}
    with pytest.raises(RequestError, match=message):
        registry.entry(name).build(values, image_shape=(8, 8, 1), num_classes=3)
