"""The forms of the adversarial autoencoder that see labels: their losses by hand, and their use."""

import json

import numpy as np
import pytest
from keras import ops

from tests.data.build import png, write_folder
from tests.helpers import small_arrays, small_model
from tests.test_cli import done, small_settings
from tests.test_cli_errors import refused
from zoo import backend, data
from zoo.adversarial.aae import AAE, MIXTURES, labelled_cross_entropy
from zoo.backend import Batch
from zoo.data.batches import SemiSupervisedBatches
from zoo.errors import RequestError

PARTS = {"form": "prior_labels", "latent_dim": 2}
SEMI = {"form": "semi_supervised", "conditional": True}


def numpy(value):
    return np.array(ops.convert_to_numpy(value), "float64")


def softplus(x):
    return np.log1p(np.exp(x))


def test_cross_entropy_of_the_labelled_by_hand():
    """Of three examples one has no label: -log 1/2 and -log 3/4, in the mean."""
    logits = ops.convert_to_tensor([[0.0, 0.0], [5.0, -3.0], [np.log(3.0), 0.0]], "float32")
    loss = labelled_cross_entropy(logits, ops.convert_to_tensor([1, -1, 0]))
    assert float(numpy(loss)) == pytest.approx((np.log(2) + np.log(4 / 3)) / 2, rel=1e-5)
    assert float(numpy(labelled_cross_entropy(logits, ops.convert_to_tensor([-1, -1, -1])))) == 0.0


@pytest.mark.parametrize(
    ("prior", "firsts", "sizes"),
    [("mixture", [0, 3, 6, 0], [3, 3, 4, 10]), ("swiss_roll", [0, 66, 133, 0], [66, 67, 67, 200])],
)
def test_samples_come_from_the_part_of_their_label(prior, firsts, sizes):
    """Of 3 classes: the nearest Gaussian of a sample is in its part; without a label, anywhere."""
    model = small_model("aae", prior=prior, **PARTS)
    assert [part.tolist() for part in model.prior_parts] == [firsts, sizes]
    labels = np.repeat([0, 1, 2, -1], 500).astype("int32")
    z = numpy(model.prior_samples(2_000, ops.convert_to_tensor(labels))["z"])
    nearest, _ = MIXTURES[prior]._nearest(z)
    for label in (0, 1, 2, -1):
        of_label = nearest[labels == label]
        inside = (of_label >= firsts[label]) & (of_label < firsts[label] + sizes[label])
        assert inside.mean() > 0.9  # the spiral's neighbouring windings and pieces are near
        if prior == "mixture":
            assert len(np.unique(of_label[inside])) == sizes[label]
    assert model.part_of(ops.convert_to_tensor(labels)).shape == (2_000,)


def first_losses(model, labels):
    """What a first step of next to no size records, and the networks' logits as functions."""
    model.compile()
    images, _ = small_arrays(8)
    recorded = model.train_step(Batch(*map(ops.convert_to_tensor, (images, labels))))
    return images, {name: float(numpy(value)) for name, value in recorded.items()}


LABELS = np.array([0, 1, 2, -1, -1, -1, -1, -1], "int32")


@pytest.mark.once
def test_the_discriminator_is_told_the_part_by_hand(monkeypatch):
    model = small_model("aae", prior="mixture", learning_rate=1e-9, **PARTS)
    prior = np.random.default_rng(0).normal(size=(8, 2)).astype("float32")
    samples = {"z": ops.convert_to_tensor(prior)}
    monkeypatch.setattr(AAE, "prior_samples", lambda self, count, labels: samples)
    images, recorded = first_losses(model, LABELS)
    switch = np.eye(4)[[0, 1, 2, 3, 3, 3, 3, 3]]
    codes = numpy(model.encoder({"image": images}, training=True))
    real, fake = (
        numpy(model.discriminator(np.concatenate([z, switch], axis=1).astype("float32")))
        for z in (prior, codes)
    )
    expected = softplus(-real).mean() + softplus(fake).mean()
    assert recorded["discriminator_loss"] == pytest.approx(expected, rel=1e-4)
    assert recorded["encoder_loss"] == pytest.approx(softplus(-fake).mean(), rel=1e-4)


@pytest.mark.once
def test_the_semi_supervised_losses_by_hand(monkeypatch):
    model = small_model("aae", learning_rate=1e-9, **SEMI)
    rng = np.random.default_rng(0)
    z, y = (
        rng.normal(size=(8, 6)).astype("float32"),
        np.eye(3, dtype="float32")[[0, 1, 2] * 2 + [0, 1]],
    )
    samples = {"z": ops.convert_to_tensor(z), "y": ops.convert_to_tensor(y)}
    monkeypatch.setattr(AAE, "prior_samples", lambda self, count, labels: samples)
    images, recorded = first_losses(model, LABELS)
    codes = {name: numpy(v) for name, v in model.encoder({"image": images}, training=True).items()}
    np.testing.assert_allclose(codes["y"].sum(axis=1), 1.0, rtol=1e-5)
    real, fake = (
        [
            numpy(model.discriminator(seen["z"].astype("float32"))),
            numpy(model.label_discriminator(seen["y"].astype("float32"))),
        ]
        for seen in ({"z": z, "y": y}, codes)
    )
    losses = [softplus(-r).mean() + softplus(f).mean() for r, f in zip(real, fake, strict=True)]
    assert recorded["discriminator_loss"] == pytest.approx(losses[0], rel=1e-4)
    assert recorded["label_discriminator_loss"] == pytest.approx(losses[1], rel=1e-4)
    deceived = sum(softplus(-logits).mean() for logits in fake)
    assert recorded["encoder_loss"] == pytest.approx(deceived, rel=1e-4)
    cross_entropy = -np.log(codes["y"][[0, 1, 2], [0, 1, 2]]).mean()
    assert recorded["class_loss"] == pytest.approx(cross_entropy, rel=1e-4)
    decoded = model.autoencoder({"image": images}, training=True)
    assert recorded["reconstruction_loss"] == pytest.approx(
        np.square(numpy(decoded) - images).mean(), rel=1e-3
    )


@pytest.mark.parametrize("options", [{"prior": "mixture", **PARTS}, SEMI], ids=["parts", "semi"])
def test_a_compiled_training_moves_every_network(options):
    model = small_model("aae", ema=0.9, **options)
    before = {name: net.get_weights() for name, net in model.named_networks.items()}
    model.compile()
    images, _ = small_arrays(16)
    history = model.fit(images, np.tile(LABELS, 2), batch_size=8, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())
    for name, network in model.named_networks.items():
        pairs = zip(before[name], network.get_weights(), strict=True)
        assert any(np.abs(a - b).max() > 0 for a, b in pairs), name
    inputs = model.sample_inputs(6, seed=0)
    drawn = model.generate(inputs)
    assert drawn.shape == (6, 8, 8, 1) and np.isfinite(drawn).all()
    assert model.encode(images * 0.5 + 0.5).shape == (16, model.latent_dim)
    if options is SEMI:
        other = {**inputs, "label": (inputs["label"] + 1) % 3}
        assert np.abs(model.generate(other) - drawn).max() > 1e-6
        assert set(model.graphs) == {"model", "encoder", "classifier"}
        probability = numpy(model.classify({"image": ops.convert_to_tensor(images * 0.5 + 0.5)}))
        np.testing.assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-5)


@pytest.mark.once
def test_few_labels_name_the_classes():
    """On the digits with 200 labels the classifier is right about most test images."""
    dataset = data.load("digits")
    settings = {"batch_size": 64, "labels": 200, "form": "semi_supervised"}
    batches = AAE.batches(dataset, settings, 0)
    assert isinstance(batches, SemiSupervisedBatches) and len(batches.labelled) == 200
    model = AAE(
        image_shape=(8, 8, 1), num_classes=10, labels=200, width=16, hidden=64, latent_dim=4,
        form="semi_supervised", conditional=True, learning_rate=1e-3,
    )  # fmt: skip
    model.compile()
    stream = backend.fit_data(batches.from_step(0), 150)
    super(type(model), model).fit(stream, steps_per_epoch=150, shuffle=False, verbose=0)
    test = data.load("digits", split="test")
    probability = numpy(model.classify({"image": ops.convert_to_tensor(test.floats())}))
    assert (probability.argmax(axis=1) == test.labels).mean() > 0.8


@pytest.mark.once
def test_from_training_to_the_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small = [*small_settings("aae"), "--set=labels=20", "--steps=3", "--batch-size=32", "--name=a"]
    line = ("aae", "--dataset=digits", "--set=form=semi_supervised", "--conditional", *small)
    done("train", *line)
    (receipt,) = json.loads(done("evaluate", "runs/a", "--metrics=error", "--json")).values()
    assert 0 <= receipt["error"] <= 1 and receipt["labels"] == 20
    done("train", "--resume", "--steps=5")


@pytest.mark.once
def test_what_the_forms_refuse(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for options, words in (
        ({"form": "semi_supervised"}, "conditional must be true. Received: conditional=False"),
        ({**PARTS, "prior": "mixture", "conditional": True}, "conditional must be false"),
        (PARTS, "prior with a part for each class.*Received: prior=normal for 3 classes"),
        ({**SEMI, "labels": 2}, "Received: 3 classes and labels=2"),
    ):
        with pytest.raises(RequestError, match=words):
            small_model("aae", **options)
    with pytest.raises(RequestError, match="Received: prior=mixture for 11 classes"):
        AAE(image_shape=(8, 8, 1), num_classes=11, prior="mixture", **PARTS)
    model = small_model("aae", **SEMI)
    model.compile()
    images, labels = small_arrays(8)
    with pytest.raises(RequestError, match="-1 where there is none"):
        model.fit(images, verbose=0)
    with pytest.raises(RequestError, match="from -1 to 2. Received: -2 to"):
        model.fit(images, np.where(labels == 0, -2, labels), verbose=0)
    assert not small_model("aae").classifies and model.classifies
    write_folder(tmp_path / "plain", {f"{i}.png": png(i, 8, 8) for i in range(80)})
    line = "train aae --dataset plain --set form=semi_supervised --conditional"
    refused(line, "needs a dataset with class labels", "Received: unlabeled data")
