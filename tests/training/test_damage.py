"""A run whose own files are damaged is refused in one line, whatever is wrong with them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from tests.test_cli import done, genzoo, small_settings
from tests.test_cli_errors import refused
from zoo import files
from zoo.errors import RequestError
from zoo.training import loop
from zoo.training.run import Run

pytestmark = pytest.mark.once

REMOVED = object()
DEEP = "[" * 100_000


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of one epoch, two steps."""
    home = tmp_path_factory.mktemp("trained")
    small = [*small_settings("gan"), "--set=ema=0", "--batch-size=700", "--epochs=1"]
    done("train", "gan", "--dataset=digits", *small, f"--runs-dir={home}", "--name=gan")
    return home / "gan"


@pytest.fixture
def run(trained, tmp_path, monkeypatch):
    """A copy of it, at runs/mine."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(trained, "runs/mine"))


def edit(path, **changes):
    """Changes keys of a JSON file, `a__b` within an object; REMOVED takes one away."""
    value = json.loads(path.read_text())
    for name, new in changes.items():
        *outer, key = name.split("__")
        place = value
        for part in outer:
            place = place[part]
        if new is REMOVED:
            del place[key]
        else:
            place[key] = new
    path.write_text(json.dumps(value))


NAN = float("nan")
CONFIGS = [
    # (a key, a value that it cannot have, words of the line)
    ("format", "1", "of format '1'"),
    ("format", True, "of format True"),
    ("model", 3, "model must be a text. Received: 3 in"),
    ("model", REMOVED, "without model"),
    ("created", 2026, "created must be a text"),
    ("total_steps", "2", "total_steps must be an integer from 1"),
    ("total_steps", 2.5, "total_steps must be an integer from 1"),
    ("total_steps", 0, "total_steps must be an integer from 1"),
    ("total_steps", 10**20, "total_steps must be an integer from 1"),
    ("total_steps", NAN, "config.json must be JSON"),
    ("seed", None, "seed must be an integer from 0"),
    ("seed", -1, "seed must be an integer from 0"),
    ("backend", ["torch"], "backend must be one of tensorflow, jax, torch"),
    ("backend", "tensorflo", "backend must be one of"),
    ("preset", [], "preset must be a text"),
    ("command", {}, "command must be a text"),
    ("versions", [], "versions must be a JSON object of texts"),
    ("hyperparameters", [], "hyperparameters must be a JSON object of numbers"),
    ("hyperparameters__latent_dim", [6], "hyperparameters must be a JSON object of numbers"),
    ("hyperparameters__latent_dim", -6, "latent_dim must be a positive integer"),
    ("hyperparameters__batch_size", "many", "batch_size must be a positive integer"),
    ("hyperparameters__widht", 6, "'widht'"),
    ("dataset", "digits", "dataset must be a JSON object"),
    ("dataset__name", None, "dataset.name must be a text"),
    ("dataset__request", 3, "dataset.request must be a text"),
    ("dataset__request", REMOVED, "without dataset.request"),
    ("dataset__data_dir", 3, "dataset.data_dir must be null or a text"),
    ("dataset__image_size", 0, "dataset.image_size must be null or an integer from 1"),
    ("dataset__image_shape", "8x8", "dataset.image_shape must be a list of 1 or 3"),
    ("dataset__image_shape", [8, 8], "dataset.image_shape must be a list of 1 or 3"),
    ("dataset__image_shape", [8, 8, -1], "dataset.image_shape must be a list of 1 or 3"),
    ("dataset__class_names", "0123456789", "dataset.class_names must be a list of texts"),
    ("dataset__color", "blue", "dataset.color must be null or one of gray, rgb"),
    ("dataset__direction", "up", "dataset.direction must be null or one of AtoB, BtoA"),
    ("dataset__fingerprint", "abc", "dataset.fingerprint must be a sha256"),
    ("evaluation", 3, "evaluation must be null or a JSON object"),
    ("evaluation", {"every": 1}, "without evaluation.classifier, evaluation.sha256"),
]


@pytest.mark.parametrize(
    ("key", "value", "words"), CONFIGS, ids=[f"{k} {v!r:.20}" for k, v, _ in CONFIGS]
)
def test_config(run, key, value, words):
    edit(run / "config.json", **{key: value})
    refused(f"train --resume {run} --steps 5", words)


@pytest.mark.parametrize("content", [DEEP, "", "nul", "\x00", '{"format": Infinity}', b"\xff\xfe"])
@pytest.mark.parametrize("file", ["config.json", "history.jsonl", "checkpoints/manifest.json"])
def test_files_that_are_no_json(run, file, content):
    if file == "history.jsonl" and not content:
        pytest.skip("no row is a history")
    (run / file).write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(f"train --resume {run} --steps 5", str(run / file), "Received: ")


ROWS = [
    ([], "must be a JSON object"),
    ({"step": 2}, "without epoch"),
    ({"epoch": 1}, "without step"),
    ({"epoch": 0, "step": 2}, "epoch must be an integer from 1"),
    ({"epoch": 1, "step": "2"}, "step must be an integer from 1"),
    ({"epoch": 1, "step": 2.0}, "step must be an integer from 1"),
    ({"epoch": 1, "step": 2, "fcd": NAN}, "NaN is no JSON"),
    ({"epoch": 1, "step": 2, "fcd": "low"}, "fcd must be a finite number"),
    ({"epoch": 1, "step": 2, "fcd": None}, "fcd must be a finite number"),
]


@pytest.mark.parametrize(("row", "words"), ROWS)
def test_history(run, row, words):
    with open(run / "history.jsonl", "w") as file:
        file.write(json.dumps(row) + "\n")
    for command in (f"train --resume {run} --steps 5", f"plot history {run}", f"compare {run}"):
        refused(command, words, f"line 1 of {run}/history.jsonl")


def test_history_out_of_order(run):
    row = (run / "history.jsonl").read_text()
    (run / "history.jsonl").write_text(row + row)
    refused(f"plot history {run}", "step must be above 2, the step of the row before", "line 2 of")


MANIFESTS = [
    ("step", REMOVED, "without step"),
    ("step", NAN, "NaN is no JSON"),
    ("step", "2", "step must be an integer from 0"),
    ("step", True, "step must be an integer from 0"),
    ("step", -1, "step must be an integer from 0"),
    ("step", 1, "file must be 'step-0000001.safetensors'"),
    ("file", "../../secret", "file must be 'step-0000002.safetensors'"),
    ("file", None, "file must be a text"),
    ("sha256", "0" * 63, "sha256 must be a sha256 of 64 hex digits"),
    ("sha256", "0" * 64, "its sha256 is not that in manifest.json"),
    ("previous", [], "previous must be a JSON object"),
    ("previous__step", 2, "previous.file must be 'step-0000002.safetensors'"),
    ("previous__sha256", 7, "previous.sha256 must be a sha256"),
]


@pytest.mark.parametrize(
    ("key", "value", "words"), MANIFESTS, ids=[f"{k} {v!r:.20}" for k, v, _ in MANIFESTS]
)
def test_manifest(run, key, value, words):
    edit(run / "checkpoints/manifest.json", **{key: value})
    for command in ("generate", "export"):
        refused(f"{command} {run}", words)


def test_a_run_with_a_damaged_manifest_is_still_listed(run):
    edit(run / "checkpoints/manifest.json", step="x")
    (row,) = json.loads(done("list", "runs", "--json"))
    assert (row["run"], row["step"]) == (str(run), None)


def rewritten(run, change, step="2"):
    """Changes the tensors of the newest checkpoint, and gives the manifest its new sha256."""
    path = run / "checkpoints/step-0000002.safetensors"
    tensors = dict(safetensors.numpy.load_file(path))
    change(tensors)
    safetensors.numpy.save_file(tensors, path, None if step is None else {"step": step})
    edit(path.with_name("manifest.json"), sha256=files.sha256(path), previous=None)


def first(tensors, group="weights"):
    return next(name for name in sorted(tensors) if name.startswith(group))


CHECKPOINTS = {
    "another step": (lambda tensors: None, "3", "says that it is of step 3"),
    "no step": (lambda tensors: None, None, "says that it is of step None"),
    "a step that is NaN": (lambda tensors: None, "nan", "says that it is of step nan"),
    "a tensor less": (lambda t: t.pop(first(t)), "2", "weights must fit the model"),
    "a tensor more": (
        lambda t: t.update({"weights/9999": np.zeros(1, "float32")}), "2", "weights must fit"
    ),
    "another shape": (
        lambda t: t.update({first(t): t[first(t)][..., None]}), "2", "weights must fit"
    ),
    "another type": (
        lambda t: t.update({first(t): t[first(t)].astype("int32")}), "2", "weights must fit"
    ),
    "no optimizer": (
        lambda t: [t.pop(n) for n in list(t) if n.startswith("opt")], "2", "optimizer must fit"
    ),
}  # fmt: skip


@pytest.mark.parametrize("damage", CHECKPOINTS)
def test_checkpoints_that_do_not_fit(run, damage):
    change, step, words = CHECKPOINTS[damage]
    rewritten(run, change, step)
    refused(f"train --resume {run} --steps 5", words, "step-0000002.safetensors")
    if "optimizer" not in damage:
        with pytest.raises(RequestError, match=words):
            loop.trained_model(Run.open(run))


@pytest.mark.parametrize("header", [b"", b"\0" * 8, b"\xff" * 16, b"\x02\0\0\0\0\0\0\0[]"])
def test_checkpoints_that_are_no_safetensors(run, header):
    path = run / "checkpoints/step-0000002.safetensors"
    path.write_bytes(header)
    edit(path.with_name("manifest.json"), sha256=files.sha256(path), previous=None)
    refused(f"train --resume {run} --steps 5", "cannot be read", "step-0000002.safetensors")


def test_a_config_that_is_older_than_a_hyperparameter_goes_on(run):
    """What it lacks has its default; to say so is no change, and another value is one."""
    edit(run / "config.json", hyperparameters__label_smoothing=REMOVED)
    refused(
        f"train --resume {run} --steps 5 --set label_smoothing=0.25",
        "keeps its label_smoothing, 0.",
    )
    code, out, err = genzoo("train", "--resume", run, "--steps=5", "--set=ema=0")
    assert code == 0 and "at step 5" in out, err
