"""The monitors say what goes badly, with its number, and are silent where it goes well."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from rich.console import Console

from tests.data.build import png, write_folder
from tests.helpers import MODELS, small_dataset, small_hyperparameters, small_model
from tests.test_cli import done, genzoo, small_settings
from tests.test_cli_errors import refused, table
from tests.training.configs import config_of
from zoo.data.batches import Batches, PairedBatches
from zoo.training import health, loop
from zoo.training.health import active_units, discriminators, diversity, examine
from zoo.training.run import Run

pytestmark = pytest.mark.once


def test_diversity_by_hand():
    # Distances between the three points of a line: 3, 4 and 1.
    points = np.array([[0.0, 0.0], [3.0, 0.0], [4.0, 0.0]])
    assert diversity(points) == pytest.approx(np.sqrt((9 + 16 + 1) / 3))
    assert diversity(np.ones((5, 4, 4, 1))) == 0.0


def examined(samples, **logs):
    return examine(small_model("gan"), small_dataset(300), samples, logs)


def test_drawings_that_are_alike_are_said():
    rng = np.random.default_rng(0)
    fine = rng.random((64, 8, 8, 1))
    numbers, warnings = examined(fine)
    assert numbers["diversity"] == pytest.approx(1.0, abs=0.05) and not warnings
    numbers, (warning,) = examined(0.5 + 0.2 * (fine - 0.5))
    assert numbers["diversity"] == pytest.approx(0.2, abs=0.02)
    assert warning.startswith("mode collapse: generated images differ by 0.20 of")


def test_a_discriminator_that_knows_all_is_said():
    samples = np.random.default_rng(0).random((64, 8, 8, 1))
    assert not examined(samples, real_accuracy=1.0, fake_accuracy=0.98)[1]
    _, (warning,) = examined(samples, real_accuracy=1.0, fake_accuracy=0.995)
    assert (
        "discriminator saturated" in warning and "100.0% of real and 99.5% of generated" in warning
    )


def test_each_of_several_discriminators_is_said():
    samples = np.random.default_rng(0).random((64, 8, 8, 1))
    fine = {"real_accuracy_0": 1.0, "fake_accuracy_0": 0.98}
    _, (warning,) = examined(samples, **fine, real_accuracy_1=0.999, fake_accuracy_1=0.995)
    assert "saturated: discriminator_1 is right about 99.9% of real and 99.5% of" in warning


@pytest.mark.parametrize("name", MODELS)
def test_every_discriminator_is_watched(name):
    """A network with that name classifies; critics, autoencoders and likelihoods do not."""
    model = small_model(name)
    telling = [n for n in model.network_names if n.startswith("discriminator")]
    if name == "ebgan":  # its discriminator gives an energy
        telling = []
    logs = dict.fromkeys((metric.name for metric in model.metrics), 1.0)
    assert len(list(discriminators(logs))) == len(telling)


def test_latent_units_that_ignore_the_image_are_said():
    model, dataset = small_model("vae"), small_dataset(64)
    images = dataset.images.astype("float32") / 255.0
    kernel = next(w for w in model.encoder.weights if "mean" in w.path and "kernel" in w.path)
    values = keras.ops.convert_to_numpy(kernel) * 100.0
    for idle in (4, 6):  # of 6 units
        values[:, :idle] = 0.0
        kernel.assign(values)
        np.testing.assert_array_equal(active_units(model, images), [i >= idle for i in range(6)])
    numbers, (warning,) = examine(model, dataset, images, {})
    assert numbers["active_units"] == 0
    assert warning == "posterior collapse: 0 of 6 latent units follow the image"


class Encoder:
    """Stands in for a model: its codes are given."""

    encoder_labels = {}
    has_likelihood = True

    def __init__(self, codes):
        self.codes = codes

    def encode(self, images, labels):
        return self.codes[: len(images)]


def test_a_unit_is_active_above_a_variance_of_a_hundredth():
    # Of a coin with two values v and -v the variance is v^2: 0.0081, 0.0121, 0.25 and 0.
    codes = np.outer([1, -1] * 8, [0.09, 0.11, 0.5, 0.0])
    active = active_units(Encoder(codes), np.zeros((16, 8, 8, 1)))
    np.testing.assert_array_equal(active, [False, True, True, False])
    numbers, _ = examine(Encoder(codes), small_dataset(16), np.zeros((16, 8, 8, 1)), {})
    assert numbers["active_units"] == 2


def test_what_equal_images_or_one_alone_do_not_have_is_left_out():
    dataset, rng = small_dataset(16), np.random.default_rng(0)
    samples = rng.random((16, 8, 8, 1))
    same = replace(dataset, images=np.repeat(dataset.images[:1], 16, axis=0))
    one = replace(dataset, images=dataset.images[:1], labels=dataset.labels[:1])
    model = Encoder(np.zeros((16, 4)))
    for few, generated in ((same, samples), (one, samples), (dataset, samples[:1])):
        assert examine(model, few, generated, {}) == ({}, [])
    assert examine(model, dataset, np.zeros((16, 8, 8, 1)), {})[0]["diversity"] == 0.0


def test_a_run_on_one_pair_records_no_nan(tmp_path):
    values = small_hyperparameters("pix2pix", batch_size=1)
    config = config_of("pix2pix", hyperparameters=values)
    config["dataset"]["input_channels"] = 1
    run = Run.create(tmp_path, config)
    batches = PairedBatches(small_dataset(1, pairs=True), 1, (-1, 1), 0)
    assert loop.train(run, batches, Console(quiet=True))
    assert [row["step"] for row in run.history()] == [1, 2]
    assert "NaN" not in (run.path / "history.jsonl").read_text()
    assert "diversity" not in run.history()[0]


def test_a_number_that_is_not_finite_is_no_row(tmp_path, monkeypatch):
    numbers = {"diversity": float("nan"), "fcd": float("inf"), "cs": 2.0}
    monkeypatch.setattr(health, "examine", lambda *arguments: (numbers, []))
    run = Run.create(tmp_path, config_of(hyperparameters=small_hyperparameters("gan")))
    loop.train(run, Batches(small_dataset(16), 8, (-1, 1), 0), Console(quiet=True))
    (row,) = run.history()
    assert row["cs"] == 2.0 and not {"diversity", "fcd"} & row.keys()
    with pytest.raises(ValueError, match="not JSON compliant"):
        run.write_history([{"epoch": 1, "step": 2, "fcd": float("nan")}])
    assert run.history() == [row]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("place")
    done("classifier", "digits", "--epochs=4", "--width=8", f"--out={place}/runs/classifiers")
    return place


@pytest.fixture(autouse=True)
def workplace(place, monkeypatch):
    monkeypatch.chdir(place)


TRAIN = ["train", "vae", "--dataset=digits", *small_settings("vae"), "--batch-size=64",
         "--evaluate-every=2"]  # fmt: skip


def test_scores_while_training_keep_the_best_and_resume_exactly(place):
    code, _, err = genzoo(*TRAIN, "--epochs=6", "--name=whole")
    assert code == 0, err
    run = Run.open("runs/whole")
    scored = {row["epoch"]: row["fcd"] for row in run.history() if "fcd" in row}
    assert set(scored) == {2, 4, 6}
    assert f"Scores after epoch 4: fcd {scored[4]:.4g}, cs " in err
    best = Run.open("runs/whole/best")
    assert best.id == "whole/best"
    assert best.history()[-1]["epoch"] == min(scored, key=scored.get)
    assert best.manifest()["step"] == best.history()[-1]["step"]
    done("generate", "runs/whole/best", "--out=best.png")
    assert "whole/best" not in done("list", "runs")

    done(*TRAIN, "--steps=60", "--name=parts")  # inside epoch 3
    done("train", "--resume", "runs/parts", "--epochs=6")
    parts = Run.open("runs/parts")
    assert parts.manifest()["sha256"] == run.manifest()["sha256"]
    assert {row["epoch"]: row["fcd"] for row in parts.history() if "fcd" in row} == scored
    refused(
        "train --resume runs/parts --epochs 7 --evaluate-every 3", "keeps its evaluate_every, 2"
    )


def test_one_class_alone_is_said(monkeypatch):
    from zoo.training import callbacks, scoring

    def same_image(model, count, dataset):
        yield np.repeat(dataset.images[:1], count, axis=0), None

    monkeypatch.setattr(scoring.samples, "generated_batches", same_image)
    monkeypatch.setattr(callbacks, "BEGUN", 40)  # steps: an epoch has 22
    code, _, err = genzoo(*TRAIN, "--epochs=6", "--name=collapsed")
    assert code == 0
    assert err.count("mode collapse: 1 of 10 classes are generated") == 1
    assert "Warning at step 44: mode collapse: 1 of 10" in err


@table(
    ("train vae --evaluate-every 0", ["at least 1 epoch", "Received: 0"]),
    (
        "train gan --dataset ring --evaluate-every 1",
        ["dataset of images; this one holds points", "Received: ring"],
    ),
    (
        "train vae --dataset digits --evaluate-every 1 --runs-dir other",
        ["No classifier for digits", "`genzoo classifier DATASET`"],
    ),
)
def test_wrong_requests(line, words):
    refused(line, *words)


def test_scores_need_test_images_before_the_training_begins(place):
    write_folder(place / "few" / "train", {f"{i}.png": png(i, 8, 8) for i in range(12)})
    write_folder(place / "few" / "test", {f"{i}.png": png(i, 8, 8) for i in range(5)})
    (path,) = (place / "runs" / "classifiers").glob("*.safetensors")
    line = f"train vae --dataset few --evaluate-every 1 --classifier {path} --batch-size 4"
    refused(line, "more than 5 training images and as many test images (with", "Received: 5")
