"""Anomaly scores: AUROC by hand, and what a model finds unusual."""

import json

import numpy as np
import pytest
from keras import ops

from tests.data.build import png, write_folder
from tests.helpers import MODELS, small_model
from tests.test_cli import done, small_settings
from tests.test_cli_errors import refused
from zoo.metrics.anomaly import BOUND, RECONSTRUCTION, anomaly_kind, anomaly_scores, auroc
from zoo.metrics.likelihood import image_bounds

IMAGES = np.random.default_rng(0).random((6, 8, 8, 1), dtype="float32").round()


@pytest.mark.once
def test_auroc_by_hand():
    """Of the 3 x 2 pairs the unusual one is above in 3, equal in 1: 3.5 / 6."""
    assert auroc(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.5])) == pytest.approx(3.5 / 6)
    assert auroc(np.array([1.0, 2.0]), np.array([3.0])) == 1.0
    assert auroc(np.array([1.0, 2.0]), np.array([0.0])) == 0.0
    assert auroc(np.ones(5), np.ones(3)) == 0.5


@pytest.mark.once
def test_auroc_is_that_of_scikit_learn():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(1)
    usual, unusual = rng.integers(0, 8, 50) / 4, rng.integers(3, 12, 30) / 4
    truth = [0] * 50 + [1] * 30
    expected = roc_auc_score(truth, np.concatenate([usual, unusual]))
    assert auroc(usual, unusual) == pytest.approx(expected, abs=1e-12)


@pytest.mark.once
def test_which_models_have_anomaly_scores():
    kinds = {name: anomaly_kind(small_model(name)) for name in MODELS if name != "pix2pix"}
    bounds = {name for name, kind in kinds.items() if kind == BOUND}
    assert bounds == {"vae", "iwae", "dlgm", "draw", "sbn", "ssvae"}
    errors = {name for name, kind in kinds.items() if kind == RECONSTRUCTION}
    assert errors == {"autoencoder", "ebgan"}
    assert anomaly_kind(small_model("ebgan", conditional=True)) is None


def test_the_energy_is_the_mean_squared_error_of_an_image():
    model = small_model("ebgan")
    images = IMAGES * 2 - 1
    outputs = model.discriminator({"image": images}, training=False)["reconstruction"]
    outputs = ops.convert_to_numpy(outputs)
    expected = np.square(outputs - images).mean(axis=(1, 2, 3))
    scores = anomaly_scores(model, IMAGES)
    np.testing.assert_allclose(scores, expected, rtol=1e-4)
    # Each score is that of its image alone.
    np.testing.assert_allclose(anomaly_scores(model, IMAGES[:1]), scores[:1], rtol=1e-4)


def test_the_error_of_an_autoencoder_is_its_validation_loss():
    model = small_model("autoencoder")
    scores = anomaly_scores(model, IMAGES)
    assert scores.shape == (6,) and scores.std() > 0
    loss = float(ops.convert_to_numpy(model.validation_loss(ops.convert_to_tensor(IMAGES))))
    assert scores.mean() == pytest.approx(loss, rel=1e-5)


def test_the_score_of_a_bound_is_its_negative():
    model = small_model("vae")
    bounds, _ = image_bounds(model, IMAGES, samples=50)
    np.testing.assert_array_equal(anomaly_scores(model, IMAGES), -bounds)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Runs on digits of 8x8 pixels, and a folder of white images as large."""
    monkeypatch.chdir(tmp_path)
    white = {f"{split}/{i}.png": png(255, 8, 8) for split in ("train", "test") for i in range(20)}
    write_folder(tmp_path / "white", white)
    write_folder(tmp_path / "wide", {name: png(255, 9, 9) for name in white})
    for model in ("vae", "gan"):
        options = [*small_settings(model), "--steps=60", "--batch-size=32", f"--name={model}"]
        done("train", model, "--dataset=digits", "--validation=0.2", *options)
    return tmp_path


@pytest.mark.once
def test_evaluate_tells_other_images_and_says_of_which_split(place):
    line = ("--metrics=anomaly", "--against=white", "--json", "--images=40")
    found = {
        split: json.loads(done("evaluate", "runs/vae", *line, f"--split={split}"))["anomaly"]
        for split in ("test", "validation")
    }
    assert json.loads(done("evaluate", "runs/vae", *line))["anomaly"] == found["test"]
    for split, receipt in found.items():
        assert receipt["anomaly"] == 1.0, "white images are unlike any digit"
        assert (receipt["split"], receipt["images"]) == (split, 40)
        assert receipt["anomaly_score"] == "bound" and receipt["importance_samples"] == 50
        assert receipt["against"]["dataset"] == "white" and receipt["against"]["images"] == 20
    assert found["test"]["fingerprint"] != found["validation"]["fingerprint"]
    out = done("evaluate", "runs/vae", "-k", 2, "--metrics=nll", "--split=validation")
    assert "287 validation images of digits" in out
    assert "AUROC by the bound" in done("evaluate", "runs/vae", *line[:2], "--images=9")

    vae = "evaluate runs/vae --metrics anomaly"
    refused(vae, "say which with --against")
    refused(f"{vae} --against wide", "have the shape (8, 8, 1)", "wide of shape (9, 9, 1)")
    refused(f"{vae} --against mnits", "Received: 'mnits'")
    refused(
        "evaluate runs/vae --metrics nll --against white", "--against is for the metric anomaly"
    )
    refused("evaluate runs/gan --metrics anomaly --against white", "such as vae or ebgan")
    refused("evaluate white --dataset digits --split validation", "are for a run")
    refused("evaluate runs/vae --split train", "--split")


@pytest.mark.once
def test_samples_are_scored_against_the_validation_images(place):
    """The same images are generated; what they are compared with is another part."""
    done("classifier", "digits", "--epochs=1", "--width=4")
    line = ("--metrics=fcd", "--samples=50", "--json")
    test, validation = (
        json.loads(done("evaluate", "runs/gan", *line, f"--split={split}"))["fcd"]
        for split in ("test", "validation")
    )
    assert (test["split"], test["images"]) == ("train", 1_151)
    assert (validation["split"], validation["images"]) == ("validation", 287)
    assert test["fcd"] != validation["fcd"] and test["floor"] != validation["floor"]
    out = done("evaluate", "runs/gan", *line[:2], "--split=validation")
    assert "against 287 validation images" in out and "of real training images" in out
