"""The run directory: what is written, what is refused, and what a full disk leaves."""

import errno
import json

import numpy as np
import pytest

from tests.helpers import small_inputs, small_model
from tests.training.configs import config_of
from zoo import backend, files
from zoo.errors import RequestError
from zoo.training.run import LOCK, Run, list_runs, newest
from zoo.training.schema import FORMAT
from zoo.training.shared import new_run

pytestmark = pytest.mark.once
CONFIG = config_of()


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path, CONFIG)


@pytest.fixture
def model():
    model = small_model("gan")
    model.compile()
    return model


def test_the_config_names_versions_and_format(run):
    config = Run.open(run.path).config
    assert config["format"] == FORMAT and config["model"] == "gan"
    assert {"python", "keras", "numpy"} <= config["versions"].keys()
    assert run.id.startswith("gan-noise-")


def test_checkpoint_round_trip(run, model):
    manifest = run.save_checkpoint(model, 7)
    assert manifest["sha256"] == files.sha256(run.path / "checkpoints" / manifest["file"])
    other = small_model("gan", seed=5)
    other.compile()
    assert run.load_checkpoint(other) == 7
    inputs = small_inputs(model)
    np.testing.assert_array_equal(model.generate(inputs), other.generate(inputs))
    assert run.save_checkpoint(other, 7) == manifest


def test_weights_alone_load_into_an_uncompiled_model(run, model):
    run.save_checkpoint(model, 0)
    other = small_model("gan", seed=5)
    run.load_checkpoint(other, groups=("weights",))
    inputs = small_inputs(model)
    np.testing.assert_array_equal(model.generate(inputs), other.generate(inputs))


def test_the_last_two_checkpoints_are_kept(run, model):
    for step in (1, 2, 3, 3):
        run.save_checkpoint(model, step)
    names = sorted(path.name for path in (run.path / "checkpoints").iterdir())
    assert names == ["manifest.json", "step-0000002.safetensors", "step-0000003.safetensors"]


# Each is a file and its folder.
@pytest.mark.parametrize("written", [0, 2], ids=["the checkpoint", "the manifest"])
def test_a_full_disk_keeps_the_previous_checkpoint(run, model, monkeypatch, written):
    before = run.save_checkpoint(model, 1)
    calls = []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > written:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            run.save_checkpoint(model, 2)
    assert Run.open(run.path).manifest() == before
    assert run.load_checkpoint(model) == 1
    assert [path.name for path in run.path.rglob(".*")] == [LOCK]
    assert run.save_checkpoint(model, 2)["step"] == 2


def test_a_changed_checkpoint_is_refused(run, model):
    manifest = run.save_checkpoint(model, 1)
    path = run.path / "checkpoints" / manifest["file"]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(RequestError, match=r"as it was written, .*step-0000001.*was changed"):
        run.load_checkpoint(model)


def test_a_checkpoint_of_another_architecture_is_refused(run, model):
    run.save_checkpoint(model, 1)
    other = small_model("gan", generator_hidden=17)
    other.compile()
    with pytest.raises(RequestError, match="weights must fit the model"):
        run.load_checkpoint(other)


def test_history_rows(run):
    assert run.history() == []
    rows = [{"epoch": 1, "step": 5, "loss": 0.5}, {"epoch": 2, "step": 10, "loss": 0.25}]
    run.write_history(rows)
    assert run.history() == rows


def test_a_taken_name_is_refused(tmp_path):
    Run.create(tmp_path, CONFIG, "mine")
    with pytest.raises(RequestError, match="a name that is free.*Received: 'mine'"):
        Run.create(tmp_path, CONFIG, "mine")


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b"])
def test_names_stay_inside_the_folder(tmp_path, name):
    with pytest.raises(RequestError, match="letters, digits"):
        Run.create(tmp_path, CONFIG, name)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "which has none"),
        ("{", "config.json must be JSON. Received: .*config.json"),
        ("[]", r"config.json must be a JSON object. Received: \[\] in .*config.json"),
        ('{"model": "gan"}', "has a format. Received: .*config.json, without one"),
        (json.dumps({"format": 99}), f"runs of format {FORMAT}. Received: .* of format 99"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(RequestError, match=message):
        Run.open(tmp_path)


def test_the_newest_run(tmp_path):
    with pytest.raises(
        RequestError, match="^No runs in '.*'. Start one with `genzoo train MODEL`$"
    ):
        newest(tmp_path)
    runs = [Run.create(tmp_path, CONFIG, name) for name in ("b", "a", "c")]
    (tmp_path / "not-a-run").mkdir()
    assert [run.id for run in list_runs(tmp_path)] == [run.id for run in runs]
    assert newest(tmp_path).id == "c"


def test_a_precision_that_the_machine_lacks_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(backend, "HALF_TYPES", ())
    with pytest.raises(RequestError, match="must be float32 here.* Received: mixed_float16"):
        new_run("gan", name=None, runs_dir=tmp_path, backend="torch", precision="mixed_float16")
    assert not list(tmp_path.iterdir())
