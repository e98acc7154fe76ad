"""Validation images of a run: what they are, their loss, and the end of a run that they bring."""

import json
from dataclasses import replace
from io import StringIO

import keras
import numpy as np
import pytest
from keras import ops
from rich.console import Console

from tests.helpers import small_arrays, small_dataset, small_model
from tests.test_cli import done
from tests.test_cli_errors import refused, table
from zoo import backend, data, registry
from zoo.data.splits import hold_out
from zoo.errors import RequestError
from zoo.study.plans import Plan, grid_jobs
from zoo.study.sweep import Sweep
from zoo.training import loop, setup
from zoo.training.report import train_and_report
from zoo.training.run import Run
from zoo.training.scoring import EpochScores, ValidationLoss

SMALL = ("hidden=8", "latent_dim=3", "batch_size=32")
PER_EPOCH = 40  # 1,294 of the 1,438 digits in batches of 32


@pytest.fixture
def new_run(tmp_path):
    """Makes a run of a small vae on the digits, a tenth of which is held out."""

    def make(name, epochs=2, **options):
        return setup.new_run(
            "vae",
            runs_dir=tmp_path,
            backend=keras.backend.backend(),
            dataset="digits",
            preset="quick",
            settings=SMALL,
            epochs=epochs,
            validation=options.pop("validation", 0.1),
            name=name,
            **options,
        )

    return make


def train(run, batches):
    return loop.train(run, batches, Console(quiet=True))


def resume(run, **options):
    return setup.resumed_run(Run.open(run.path), **options)


@pytest.mark.parametrize(("name", "options"), [("vae", {}), ("iwae", {"k": 4}), ("cvae", {})])
def test_the_loss_is_the_mean_over_images_of_a_fixed_noise(monkeypatch, name, options):
    """By hand: 5 and 3 images, their means weighed by 5 / 8 and 3 / 8."""
    monkeypatch.setattr("zoo.training.scoring.VALIDATED", 5)
    model, dataset = small_model(name, **options), small_dataset(8)
    model.noise_seed.state.assign(np.array([7, 9]))
    validation = ValidationLoss(model, dataset)
    losses = [validation.take(), validation.take()]
    assert losses[0] == losses[1]
    assert ops.convert_to_numpy(model.noise_seed.state).tolist() == [7, 9]

    model.noise_seed.state.assign(np.array([model.seed, 0]))
    expected = 0.0
    for rows in (slice(0, 5), slice(5, 8)):
        images = model.binarize(ops.convert_to_tensor(dataset.floats()[rows]))
        labels = ops.convert_to_tensor(dataset.labels[rows]) if model.conditional else None
        loss = ops.convert_to_numpy(model.validation_loss(images, labels))
        expected += float(loss) * (rows.stop - rows.start) / 8
    assert losses[0] == pytest.approx(expected, rel=1e-5)


def test_a_stopped_run_with_validation_ends_where_the_whole_one_does(new_run, monkeypatch):
    """And validation changes nothing: a run on the same images without it has the same weights."""
    monkeypatch.setattr(backend, "steps_per_execution", lambda: 1)
    runs = {name: new_run(name) for name in ("whole", "stopped", "blind")}
    train(*runs["whole"])
    stopped, batches = runs["stopped"]
    stopped.config["total_steps"] = PER_EPOCH + 7
    train(stopped, batches)
    train(*resume(stopped, steps=2 * PER_EPOCH))
    blind, batches = runs["blind"]
    blind.config = {**blind.config, "dataset": {**blind.config["dataset"], "validation": None}}
    train(blind, batches)
    whole = runs["whole"][0]
    assert stopped.manifest() == whole.manifest()
    rows = [[row["val_loss"] for row in run.history()] for run in (whole, stopped)]
    assert rows[0] == rows[1] and len(rows[0]) == 2
    weights = [loop.trained_model(run).get_weights() for run in (whole, blind)]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not any("val_loss" in row for row in blind.history())


@pytest.mark.once
def test_a_run_records_its_parts(new_run):
    run, batches = new_run("parts")
    held = hold_out(data.load("digits"), 0.1)
    assert batches.dataset.fingerprint == held[0].fingerprint
    recorded = Run.open(run.path).config["dataset"]
    assert (recorded["split"], recorded["validation"], recorded["count"]) == ("train", 0.1, 1_294)
    assert recorded["fingerprint"] == held[0].fingerprint
    for split, part in zip(("train", "validation"), held, strict=True):
        assert run.dataset(split).fingerprint == part.fingerprint
    assert run.dataset("test").fingerprint == data.load("digits", split="test").fingerprint


@pytest.mark.once
def test_a_run_on_all_images_has_no_test_split(new_run):
    run, batches = new_run("all", split="all", validation=None)
    assert len(batches.dataset.images) == 1_797 == Run.open(run.path).config["dataset"]["count"]
    with pytest.raises(RequestError, match="no test split left"):
        run.dataset(run.scored_split)
    both, _ = new_run("both", split="all")
    assert both.scored_split == "validation" and len(both.dataset("validation").images) == 179
    older = Run(both.path, {**both.config, "dataset": {"request": "digits"}})
    assert older.scored_split == "test" and len(older.dataset().images) == 1_438


@pytest.mark.once
def test_a_run_ends_when_its_patience_does(new_run, monkeypatch):
    """Best after epoch 2, so that a patience of 3 ends with epoch 5, and one of 4 with epoch 6."""
    losses = iter([5.0, 4.0, 4.5, 4.0, 4.25, 4.125, 3.0])
    monkeypatch.setattr(ValidationLoss, "take", lambda self: next(losses))
    run, batches = new_run("patient", epochs=20, patience=3)
    out = StringIO()
    lines = train_and_report(run, batches, Console(file=out, width=200))
    sentence = "Ended after epoch 5: val_loss is at its best after epoch 2, with 4, and has not"
    assert sentence in lines[1] and len(lines) == 2
    assert "Validation loss after epoch 5: 4.2500" in out.getvalue()
    assert [row["val_loss"] for row in run.history()] == [5.0, 4.0, 4.5, 4.0, 4.25]
    assert run.manifest()["step"] == 5 * PER_EPOCH and run.finished
    assert Run.open(run.path / "best").manifest()["step"] == 2 * PER_EPOCH

    with pytest.raises(RequestError, match=f"{sentence}.*longer --patience"):
        resume(run)
    with pytest.raises(RequestError, match="longer --patience"):
        resume(run, epochs=30)
    (job,) = grid_jobs("vae", {})
    plan = Plan((replace(job, name=run.path.name),), ())
    (task,) = Sweep(run.path.parent, plan, []).tasks()
    assert task.todo() == []

    again, batches = resume(run, patience=4)
    assert not again.finished
    assert train(again, batches)
    assert len(again.history()) == 6 and Run.open(run.path).config["patience"] == 4


@pytest.mark.once
def test_a_better_epoch_takes_the_place_of_the_best(new_run, monkeypatch):
    losses = iter([5.0, 4.0, 3.0])
    monkeypatch.setattr(ValidationLoss, "take", lambda self: next(losses))
    run, batches = new_run("better", epochs=3, patience=1)
    train(run, batches)
    assert run.early_end() == "" and run.finished
    assert Run.open(run.path / "best").manifest() == run.manifest()


@pytest.mark.once
def test_epochs_are_scored_against_the_validation_images(tmp_path):
    done("classifier", "digits", "--epochs=1", f"--out={tmp_path}/classifiers", "--width=4")
    (classifier,) = (tmp_path / "classifiers").glob("*.safetensors")
    runs = {}
    for share in (None, 0.2):
        runs[share], _ = setup.new_run(
            "gan",
            runs_dir=tmp_path,
            backend=keras.backend.backend(),
            dataset="digits",
            steps=10,
            evaluate_every=1,
            patience=2,
            classifier=classifier,
            validation=share,
        )
    reference = EpochScores(runs[0.2], runs[0.2].dataset()).reference
    assert reference.train.fingerprint == runs[0.2].dataset("validation").fingerprint
    assert reference.test.fingerprint == runs[0.2].dataset("train").fingerprint
    reference = EpochScores(runs[None], runs[None].dataset()).reference
    assert reference.train.fingerprint == data.load("digits").fingerprint
    assert reference.test.fingerprint == data.load("digits", split="test").fingerprint
    assert runs[0.2].watched == runs[None].watched == "fcd"


@pytest.mark.once
def test_a_game_has_no_validation_loss():
    losses = {name: entry.cls.has_validation_loss() for name, entry in registry.entries().items()}
    assert losses["vae"] and losses["autoencoder"] and not losses["gan"] and not losses["pix2pix"]


@pytest.mark.once
@table(
    ("train vae --dataset digits --validation 1", ["above 0 and below 1", "Received: 1"]),
    ("train vae --dataset digits --validation 0.0001", ["must leave images", "0.0001 of 1438"]),
    ("train vae --dataset digits --patience 2", ["--evaluate-every or", "--validation"]),
    ("train gan --dataset digits --patience 2 --validation 0.1", ["add --evaluate-every"]),
    ("train vae --dataset digits --patience 0 --validation 0.1", ["at least 1", "Received: 0"]),
    (
        "train gan --dataset digits --split all --evaluate-every 1",
        ["--split all leaves no test images"],
    ),
    ("train vae --dataset digits --split test", ["--split", "test"]),
)
def test_wrong_requests(line, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused(line, *words)


@pytest.mark.once
def test_a_run_keeps_its_parts(new_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run, batches = new_run("kept")
    run.config["total_steps"] = 3
    train(run, batches)
    line = f"train --resume {run.path} --steps 5"
    refused(f"{line} --validation 0.2", "keeps its validation, 0.1", "Received: 0.2")
    refused(f"{line} --split all", "keeps its split, 'train'", "Received: 'all'")
    refused(f"{line} --patience 0", "at least 1")
    config = json.loads((run.path / "config.json").read_text())
    config["dataset"]["validation"] = 2
    (run.path / "config.json").write_text(json.dumps(config))
    refused(line, "dataset.validation must be null or a number above 0 and below 1", "Received: 2")


def test_labels_of_validation_images_are_not_needed(tmp_path):
    """A model that sees no labels takes a validation part that has none."""
    images, _ = small_arrays(8, value_range=(0, 255))
    dataset = data.Dataset("plain", images.astype("uint8"), None, (), "")
    assert np.isfinite(ValidationLoss(small_model("vae", binarization="static"), dataset).take())
