"""`--profile` and `--tensorboard`: what they write, and that they do not change a training."""

import gzip
import json
import sys

import keras
import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.helpers import small_dataset, small_hyperparameters
from tests.training.configs import config_of
from zoo import backend
from zoo.data.batches import Batches
from zoo.errors import RequestError
from zoo.training import profiling
from zoo.training.report import Watching, train_and_report
from zoo.training.run import Run

PER_EPOCH = 6  # 24 images in batches of 4


@pytest.fixture(autouse=True)
def single_steps(monkeypatch):
    monkeypatch.setattr(backend, "steps_per_execution", lambda: 1)


@pytest.fixture
def train(tmp_path):
    def train(name, steps, watching=None):
        path = tmp_path / name
        if path.exists():
            run = Run.open(path)
            run.config["total_steps"] = steps
        else:
            values = small_hyperparameters("gan")
            config = config_of("gan", hyperparameters=values, total_steps=steps, command="typed")
            run = Run.create(tmp_path, config, name)
        batches = Batches(small_dataset(24), 4, (-1, 1), 0)
        return run, train_and_report(run, batches, Console(quiet=True), watching)

    return train


def events(folder):
    """What a folder tells TensorBoard: {tag: [(step, value)]}, images as their bytes."""
    read = EventAccumulator(str(folder), size_guidance={"images": 0})
    read.Reload()
    told = {tag: [(e.step, e.value) for e in read.Scalars(tag)] for tag in read.Tags()["scalars"]}
    pictures = [(e.step, e.encoded_image_string) for e in read.Images("samples")]
    texts = [tag for tag in read.Tags()["tensors"] if "text_summary" in tag]
    return told, pictures, texts


@pytest.mark.once
def test_watching_a_training_does_not_change_it(train, tmp_path):
    plain, _ = train("plain", 20)
    watched, lines = train("watched", 20, Watching(tmp_path / "trace", True))
    assert watched.manifest()["sha256"] == plain.manifest()["sha256"]
    seconds = [float(line.split()[0]) for line in lines if line.split()[1] == "s"]
    in_all, parts, _batches = seconds[0], seconds[1:-1], seconds[-1]
    assert sum(parts) == pytest.approx(in_all, abs=0.05 * (len(parts) + 1))  # each is rounded
    for word in ("first step", "steps", "samples", "checkpoints", "batches"):
        assert any(word in line for line in lines)
    assert str(tmp_path / "trace") in lines[-1]


def test_a_trace_can_be_read(train, tmp_path):
    train("run", 20, Watching(tmp_path / "trace"))
    pattern, step = {
        "tensorflow": ("*.xplane.pb", "MatMul"),
        "jax": ("perfetto_trace.json.gz", "PjitFunction(train_step)"),
        "torch": ("*.trace.json", "aten::mm"),
    }[keras.backend.backend()]
    (file,) = (tmp_path / "trace").rglob(pattern)
    if file.suffix == ".pb":
        assert step.encode() in file.read_bytes()
        return
    data = file.read_bytes()
    trace = json.loads(gzip.decompress(data) if file.suffix == ".gz" else data)
    assert step in {event.get("name") for event in trace["traceEvents"]}


@pytest.mark.once
def test_a_short_training_says_that_there_is_no_trace(train, tmp_path):
    _, lines = train("run", profiling.BEFORE, Watching(tmp_path / "trace"))
    assert lines[-1].startswith("No trace")
    assert not list((tmp_path / "trace").iterdir())


@pytest.mark.once
def test_tensorboard_has_each_epoch_once_though_the_run_was_stopped(train):
    run, _ = train("run", PER_EPOCH + 2, Watching(tensorboard=True))
    run, _ = train("run", 3 * PER_EPOCH, Watching(tensorboard=True))
    scalars, pictures, texts = events(run.path / "tensorboard")
    rows = run.history()
    assert [row["step"] for row in rows] == [6, 12, 18]
    for name, values in scalars.items():
        assert values == [(row["step"], pytest.approx(row[name], rel=1e-6)) for row in rows]
    assert scalars.keys() == rows[0].keys() - {"epoch", "step"}
    assert [step for step, _ in pictures] == [6, 12, 18]
    assert "command/text_summary" in texts
    assert "hyperparameters/latent_dim/text_summary" in texts


@pytest.mark.once
def test_tensorboard_shows_the_picture_of_the_epoch(train, tmp_path):
    run, _ = train("run", PER_EPOCH, Watching(tensorboard=True))
    ((_, encoded),) = events(run.path / "tensorboard")[1]
    (tmp_path / "shown.png").write_bytes(encoded)
    shown = np.asarray(Image.open(tmp_path / "shown.png").convert("RGB"))
    kept = np.asarray(Image.open(run.path / "samples" / "epoch-0001.png").convert("RGB"))
    np.testing.assert_array_equal(shown, kept)


@pytest.mark.once
def test_what_cannot_work_is_refused_before_there_is_a_run(tmp_path, monkeypatch):
    taken = tmp_path / "file"
    taken.touch()
    with pytest.raises(RequestError, match="--profile needs a folder that can be written.*file"):
        Watching(taken)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(RequestError, match=r"pip install 'genzoo\[tensorboard\]'"):
        Watching(tensorboard=True)
