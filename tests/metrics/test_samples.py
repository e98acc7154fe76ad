"""Scores of generated images: their floor, their receipts, and what is refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tests.helpers import small_model
from tests.test_cli import done, genzoo, small_settings
from tests.test_cli_errors import refused, table
from zoo import data
from zoo.errors import RequestError
from zoo.metrics import inception, samples, summary
from zoo.metrics.classifier import load_classifier
from zoo.metrics.samples import SAMPLE_SCORES, Comparison, Reference, generated_batches, parts

pytestmark = pytest.mark.once
OF_CLASSIFIER = set(SAMPLE_SCORES) - set(samples.OF_INCEPTION)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with runs/, a classifier in it, a run of cgan, and digits as images."""
    place = tmp_path_factory.mktemp("place")
    runs = f"--runs-dir={place}/runs"
    done("classifier", "digits", "--epochs=6", "--width=8", f"--out={place}/runs/classifiers")
    small = [*small_settings("cgan"), "--steps=20", "--batch-size=32"]
    done("train", "cgan", "--dataset=digits", *small, runs, "--name=cgan")
    test = data.load("digits", split="test")
    for index, (image, label) in enumerate(zip(test.images, test.labels, strict=True)):
        for folder in (place / "flat", place / "classes" / str(label)):
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image[..., 0]).save(folder / f"{index:03}.png")
    for name, count, size in (("empty", 0, 8), ("one", 1, 8), ("large", 3, 9)):
        (place / name).mkdir()
        for index in range(count):
            Image.new("L", (size, size), index).save(place / name / f"{index}.png")
    return place


@pytest.fixture(autouse=True)
def workplace(place, monkeypatch):
    monkeypatch.chdir(place)


@pytest.fixture(scope="module")
def digits():
    return [data.load("digits", split=split) for split in ("train", "test")]


@pytest.fixture
def reference(place, digits, tmp_path):
    (path,) = (place / "runs" / "classifiers").glob("*.safetensors")
    return Reference(load_classifier(path), *digits, tmp_path)


def receipts(*arguments):
    return json.loads(done("evaluate", *arguments, "--json"))


def test_real_test_images_score_their_own_floor(reference, digits):
    comparison = Comparison(reference, parts(digits[1].images, digits[1].labels))
    for name in OF_CLASSIFIER:
        found = comparison.score(name)
        assert found[name] == pytest.approx(found["floor"], rel=1e-5), name


def test_training_images_are_seen_to_be_copies(reference, digits):
    train = digits[0]
    comparison = Comparison(reference, parts(train.images, train.labels))
    assert comparison.score("fcd")["fcd"] == pytest.approx(0.0, abs=1e-6)
    assert comparison.score("balance")["balance"] == pytest.approx(0.0)
    found = comparison.score("neighbours")
    assert found["neighbours"] < 0.01 and found["nearer_than_real"] == 1.0


def test_one_class_alone_is_seen(reference, digits):
    threes = digits[0].images[digits[0].labels == 3]
    comparison = Comparison(reference, parts(threes))
    real = Comparison(reference, parts(digits[1].images))
    covered = [c.score("balance")["covered"] for c in (comparison, real)]
    assert covered[0] < covered[1] == 10
    for name, better in (("cs", max), ("fcd", min), ("recall", max), ("coverage", max)):
        values = [c.score(name)[name] for c in (comparison, real)]
        assert better(values) == values[1] != values[0], name


class Blunt:
    """An extractor whose feature is an image's brightness, and its class as well."""

    name, sha256, dataset, preprocessing = "classifier", "abc", "bars", "none"
    dimensions, classes = 1, 4

    def look(self, images):
        level = images.reshape(len(images), -1).mean(axis=1)
        return level[:, None].astype("float32"), np.eye(4)[level.astype(int)]


def test_real_images_are_taken_in_another_order_than_they_lie(tmp_path, monkeypatch):
    """A folder's lie class by class: the first of them would be of one class."""
    monkeypatch.setattr(summary, "KEPT", 40)
    labels = np.repeat(np.arange(4, dtype="int32"), 50)
    images = np.broadcast_to(labels[:, None, None, None], (200, 2, 2, 1)).astype("uint8")
    sorted_ = data.Dataset("bars", images, labels, tuple("abcd"), "made by a test")
    reference = Reference(Blunt(), sorted_, sorted_, tmp_path)
    for features in (reference.real.features, reference.floor(40).features):
        counts = np.bincount(features[:, 0].astype(int), minlength=4)
        assert counts.sum() == 40 and counts.min() >= 4


def test_memory_and_result_do_not_depend_on_the_batches(reference, digits):
    whole = Comparison(reference, [(digits[1].images, None)])
    by_parts = Comparison(
        reference, ((digits[1].images[i : i + 50], None) for i in range(0, 359, 50))
    )
    assert whole.score("fcd")["fcd"] == pytest.approx(by_parts.score("fcd")["fcd"], rel=1e-4)


def test_what_is_kept_of_real_images_is_remade_when_damaged(reference, digits):
    first = reference.real
    (path,) = reference.folder.iterdir()
    path.write_bytes(path.read_bytes()[:100])
    again = Reference(reference.extractor, *digits, reference.folder).real
    np.testing.assert_array_equal(first.mean, again.mean)
    kept = Reference(None, *digits, reference.folder)
    kept.extractor = type("Blind", (), {"sha256": reference.extractor.sha256})
    np.testing.assert_array_equal(kept.real.scatter, first.scatter)


def test_drawings_follow_the_seed_and_the_frequency_of_classes(digits):
    class Lopsided:
        labels = np.array([0, 0, 0, 2])

    model = small_model("cgan")
    runs = [list(generated_batches(model, 40, seed, Lopsided, batch=16)) for seed in (5, 5, 6)]
    assert [len(images) for images, _ in runs[0]] == [16, 16, 8]
    images, labels = (np.concatenate(parts) for parts in zip(*runs[0], strict=True))
    assert images.dtype == np.uint8 and set(labels) == {0, 2} and (labels == 0).sum() > 20
    for (a, la), (b, lb) in zip(runs[0], runs[1], strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(la, lb)
    assert not np.array_equal(runs[0][0][0], runs[2][0][0])


def test_a_run_and_its_images_score_alike(place, tmp_path):
    found = receipts("runs/cgan", "--samples=60")
    assert set(found) == OF_CLASSIFIER
    expected = {
        "samples": 60,
        "seed": 0,
        "split": "train",
        "images": 1438,
        "dataset": "digits",
        "step": 20,
        "extractor": "classifier",
        "preprocessing": "uint8, to [-1, 1]",
        "weights": "average",
    }
    assert found["fcd"].items() >= expected.items()
    assert found["fcd"]["extractor_sha256"][:16] in {
        path.stem.removeprefix("digits-") for path in (place / "runs/classifiers").iterdir()
    }
    assert json.loads((place / "runs/cgan/scores.json").read_text()) == found
    assert receipts("runs/cgan", "--samples=60", "--metrics=fcd")["fcd"] == found["fcd"]

    model, run = _model(place)
    ((images, labels),) = generated_batches(model, 60, 0, data.load("digits"))
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = tmp_path / str(label)
        folder.mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / f"{index}.png")
    again = receipts(tmp_path, "--dataset=digits")
    for name in OF_CLASSIFIER - {"neighbours", "kid"}:  # those depend on the order
        assert again[name][name] == pytest.approx(found[name][name], rel=1e-4), name


def _model(place):
    from zoo.training.loop import trained_model
    from zoo.training.run import Run

    run = Run.open(place / "runs" / "cgan")
    return trained_model(run), run


def test_the_classifier_is_listed(place):
    rows = json.loads(done("list", "classifiers", "--json"))
    (path,) = (place / "runs" / "classifiers").glob("*.safetensors")
    assert {"dataset": "digits", "shape": "8x8x1", "epochs": 6}.items() <= rows[0].items()
    assert rows[0]["file"] == str(path.relative_to(place))


def test_a_folder_of_classes_has_class_accuracy():
    found = receipts("classes", "--dataset=digits")
    assert set(found) == OF_CLASSIFIER
    accuracy = found["class_accuracy"]
    assert accuracy["class_accuracy"] == accuracy["floor"] > 0.6
    assert len(accuracy["of_class"]) == 10
    assert set(receipts("flat", "--dataset=digits")) == OF_CLASSIFIER - {"class_accuracy"}


def test_too_few_for_the_rank_is_said():
    out = done("evaluate", "flat", "--dataset=digits", "--samples=20")
    assert "20 images are too few for 32 features" in out
    assert "too few" not in done("evaluate", "flat", "--dataset=digits")


def test_scores_without_a_classifier_are_left_out_and_said(place, tmp_path):
    shutil.copytree(place / "runs" / "cgan", tmp_path / "runs" / "cgan")
    small = [*small_settings("vae"), "--steps=2", "--batch-size=32", f"--runs-dir={tmp_path}/runs"]
    done("train", "vae", "--dataset=digits", *small, "--name=vae")
    line = f"evaluate {tmp_path}/runs/vae -k 2 --images 10 --runs-dir {tmp_path}/runs"
    code, out, err = genzoo(*line.split())
    assert code == 0 and "nll" in out and "fcd" not in out
    assert "Left out cs, fcd" in err and "Train one with `genzoo classifier DATASET`" in err


def test_inception_without_weights_fails_in_one_line(monkeypatch):
    def offline(weights):
        raise Exception("URL fetch failure on https://example.com: None")

    monkeypatch.setattr(inception.keras.applications, "InceptionV3", offline)
    line = refused("evaluate runs/cgan --metrics fid", "~/.keras/models", "URL fetch", code=1)
    assert line.startswith("Error: is and fid need Inception v3's weights")


def test_inception_sees_gray_as_colour(monkeypatch):
    from zoo.metrics.inception import Inception

    extractor = Inception(weights=None)
    images = np.random.default_rng(0).integers(0, 256, (3, 12, 12, 1), dtype="uint8")
    features, probabilities = extractor.look(images)
    assert features.shape == (3, 2048) and features.std(axis=0).max() > 0
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, rtol=1e-4)
    monkeypatch.setattr(inception, "BATCH", 2)
    colour, _ = extractor.look(np.repeat(images, 3, axis=3))
    np.testing.assert_allclose(colour, features, rtol=1e-3, atol=1e-5)


def test_scores_refuse_what_they_cannot_take(reference, digits):
    with pytest.raises(RequestError, match="at least 2 generated, .* Received: 1"):
        Comparison(reference, [(digits[1].images[:1], None)])
    one = replace(digits[1], images=digits[1].images[:1], labels=digits[1].labels[:1])
    alone = Reference(reference.extractor, digits[0], one, reference.folder)
    with pytest.raises(RequestError, match="2 test images. Received: 1"):
        Comparison(alone, parts(digits[1].images))
    few = Comparison(reference, [(digits[1].images[:5], None)])
    with pytest.raises(RequestError, match="more than 5 images of each kind. Received: 5"):
        few.score("precision")
    with pytest.raises(RequestError, match="class_accuracy needs images with classes"):
        few.score("class_accuracy")


@table(
    ("evaluate runs/cgan --samples 1", ["at least 2", "Received: 1"]),
    ("evaluate runs/cgan --metrics nll", ["needs a model with a likelihood", "Received: cgan"]),
    ("evaluate runs/cgan --classifier nowhere", ["DATASET-HASH", "Received: nowhere"]),
    ("evaluate one --dataset digits", ["at least 2", "Received: 1"]),
    ("evaluate empty --dataset digits", ["must hold images", "Received: empty"]),
    ("evaluate large --dataset digits", ["have the shape (8, 8, 1)", "Received: (9, 9, 1)"]),
    ("evaluate flat", ["images together with the --dataset", "Received: flat"]),
    ("evaluate --dataset digits", ["a folder of images is compared with", "name that folder too"]),
    ("evaluate flat --dataset ring", ["this one holds points", "Received: ring"]),
    (
        "evaluate flat --dataset digits --metrics class_accuracy",
        ["one folder a class", "Received: unlabeled"],
    ),
    (
        "evaluate flat --dataset digits --metrics nll",
        ["metric of images must be one of", "Received: 'nll'"],
    ),
)
def test_wrong_requests(line, words):
    refused(line, *words)


def test_what_a_smaller_precision_costs_in_this_distance(place):
    out = done("export", "runs/cgan", "--precision=fp16")
    report = json.loads((place / "runs/cgan/export/verification.json").read_text())
    full, half = (report["fcd"][f"model{tag}.onnx"] for tag in ("", "_fp16"))
    assert full > 1.0 and half == pytest.approx(full, rel=1e-3)
    assert f"FCD {half:.3f}" in out and "model_fp16.onnx matches the trained model at" in out
