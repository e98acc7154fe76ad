import re

import keras
import pytest

from tests.helpers import MODELS
from zoo import hyperparameters, registry
from zoo.errors import RequestError

pytestmark = pytest.mark.once


def test_the_models_of_this_zoo():
    adversarial = "aae cgan dcgan ebgan gan infogan lapgan lsgan wgan wgan_gp"
    assert set(adversarial.split()) <= set(MODELS)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("preset", registry.PRESETS)
def test_presets_are_known_values_of_the_right_type(name, preset):
    entry = registry.entry(name)
    values = entry.configure(preset)
    assert set(entry.presets) <= set(registry.PRESETS)
    for key, value in values.items():
        annotation, _ = entry.hyperparameters[key]
        assert hyperparameters.parse(key, str(value), annotation) == value
    assert entry.build(values, image_shape=(28, 28, 1), num_classes=10).count_params() > 0


@pytest.mark.parametrize("name", MODELS)
def test_documentation(name):
    entry = registry.entry(name)
    assert entry.family in registry.FAMILIES and re.search(r"\b(19|20)\d\d\b", entry.paper)
    assert "Args:" in entry.cls.__doc__
    documented = " ".join(parent.__doc__ or "" for parent in entry.cls.__mro__)
    for key in entry.hyperparameters:
        assert key in registry.TRAINING or key in documented, key
    module = __import__(entry.cls.__module__, fromlist=["_"])
    assert "Faithful:" in module.__doc__ and "Different:" in module.__doc__


def test_settings_change_the_preset():
    values = registry.entry("gan").configure("paper", ["optimizer_name=adam", "dropout = 0.25"])
    assert values["optimizer_name"] == "adam" and values["dropout"] == 0.25
    assert values["learning_rate"] == 0.1  # the preset's


def test_the_penalty_of_a_preset_gives_way_to_minibatch_discrimination():
    entry = registry.entry("gan")
    assert entry.configure()["r1"] == 10.0
    values = entry.configure(settings=["minibatch_discrimination=4"])
    assert values["r1"] == 0.0 and values["minibatch_discrimination"] == 4
    entry.build(values, image_shape=(8, 8, 1), num_classes=3)


def test_a_rate_decays_over_the_whole_training():
    entry = registry.entry("vae")
    values = entry.configure("default", ["decay=cosine", "decay_steps=0", "steps=70"])
    assert values["decay_steps"] == 70
    assert entry.configure("default", ["decay_steps=30", "steps=70"])["decay_steps"] == 30
    assert entry.configure("default", ["decay=none", "decay_steps=0"])["decay_steps"] == 0


def test_hyphens_are_underscores():
    assert registry.entry("gan").configure(settings=["latent-dim=3"])["latent_dim"] == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["latent"], "takes KEY=VALUE. Received: 'latent'"),
        (
            ["latent_dims=3"],
            "has the hyperparameters.*Nearest: latent_dim.*Received: 'latent_dims'",
        ),
        (["latent_dim=3.5"], "latent_dim must be a positive integer. Received: '3.5'"),
        (["ema=much"], "ema must be at least 0 and below 1. Received: 'much'"),
        (
            ["objective=hinge"],
            r"objective must be one of non_saturating, minimax. Received: 'hinge'",
        ),
        (["steps=0"], "steps must be a positive integer. Received: 0"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(RequestError, match=message):
        registry.entry("gan").configure(settings=settings)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("latent_dim=-3", "latent_dim must be a positive integer. Received: -3"),
        ("learning_rate=0", "learning_rate must be a positive number. Received: 0.0"),
        ("dropout=1", "dropout must be at least 0 and below 1. Received: 1.0"),
        ("learning_rate=nan", "learning_rate must be a positive number. Received: nan"),
    ],
)
def test_values_out_of_range(setting, message):
    entry = registry.entry("gan")
    with pytest.raises(RequestError, match=message):
        entry.build(entry.configure(settings=[setting]), image_shape=(8, 8, 1))


def test_a_record_with_strange_hyperparameters_is_refused():
    with pytest.raises(
        RequestError, match="GAN has the hyperparameters.*latent_dim.*Received: 'heads'"
    ):
        registry.entry("gan").build({"heads": 2, "depth": 3}, image_shape=(8, 8, 1))


def test_unknown_names():
    with pytest.raises(RequestError, match="Nearest: dcgan.*Received: 'dcgn'"):
        registry.entry("dcgn")
    with pytest.raises(RequestError, match="default, paper, quick.*Received: 'fast'"):
        registry.entry("gan").configure("fast")


def test_networks_of_the_paper():
    """The 64x64 DCGAN: 4x4 base of 1024, three hidden doublings, 3 channels (kernels 4x4)."""
    model = registry.entry("dcgan").build(
        registry.entry("dcgan").configure("paper"), image_shape=(64, 64, 3)
    )
    generator = [
        layer.filters
        for layer in model.generator.layers
        if isinstance(layer, keras.layers.Conv2DTranspose)
    ]
    discriminator = [
        layer.filters
        for layer in model.discriminator.layers
        if isinstance(layer, keras.layers.Conv2D)
    ]
    assert generator == [512, 256, 128, 3]
    assert discriminator == [128, 256, 512, 1024]
    kernels = 100 * 16384 + 16 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 3)
    norms = 4 * (16384 + 512 + 256 + 128)
    assert model.generator.count_params() == kernels + norms + 3
