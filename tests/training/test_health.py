"""The monitors say what goes badly, with its number, and are silent where it goes well."""

import keras
import numpy as np
import pytest

from tests.helpers import small_dataset, small_model
from tests.test_cli import done, genzoo, small_settings
from tests.test_cli_errors import refused, table
from zoo.training.health import active_units, diversity, examine
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
    assert warning.startswith("mode collapse: drawings differ by 0.20 of")


def test_a_discriminator_that_knows_all_is_said():
    samples = np.random.default_rng(0).random((64, 8, 8, 1))
    assert not examined(samples, real_accuracy=1.0, fake_accuracy=0.98)[1]
    _, (warning,) = examined(samples, real_accuracy=1.0, fake_accuracy=0.995)
    assert "discriminator saturated" in warning and "100.0% of real and 99.5% of drawn" in warning


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


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("place")
    done("classifier", "digits", "--epochs=4", "--width=8", f"--out={place}/runs/classifiers")
    return place


@pytest.fixture(autouse=True)
def workplace(place, monkeypatch):
    monkeypatch.chdir(place)


TRAIN = ["train", "vae", *small_settings("vae"), "--batch-size=64", "--evaluate-every=2"]


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

    monkeypatch.setattr(scoring.samples, "drawn", same_image)
    monkeypatch.setattr(callbacks, "BEGUN", 40)  # steps: an epoch has 22
    code, _, err = genzoo(*TRAIN, "--epochs=6", "--name=collapsed")
    assert code == 0
    assert err.count("mode collapse: 1 of 10 classes are drawn") == 1
    assert "Warning at step 44: mode collapse: 1 of 10" in err


@table(
    ("train vae --evaluate-every 0", ["at least 1 epoch", "Received: 0"]),
    ("train gan --dataset ring --evaluate-every 1", ["drawn from noise", "Received: points"]),
    ("train vae --evaluate-every 1 --runs-dir other", ["`classifier DATASET` trains one"]),
)
def test_wrong_requests(line, words):
    refused(line, *words)
