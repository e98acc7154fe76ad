"""N steps equal k steps, a stop, and N - k steps more: bit for bit, on the backend that runs."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import keras
import numpy as np
import pytest
from rich.console import Console

from tests.helpers import FEW, MIXED, small_dataset, small_hyperparameters
from tests.training.configs import config_of
from zoo import backend, files, registry
from zoo.data.batches import Batches, PairedBatches
from zoo.errors import FailedError, RequestError
from zoo.training import callbacks, loop
from zoo.training.run import Run

ROOT = Path(__file__).parents[2]
PER_EPOCH = 5  # 44 images in batches of 8
AT_ONCE = 1 if keras.backend.backend() == "torch" else 2


@pytest.fixture(autouse=True)
def short_executions(monkeypatch):
    """An epoch is two executions of two steps and one of one, where several are taken at once."""
    monkeypatch.setattr(backend, "steps_per_execution", lambda: AT_ONCE)


@pytest.fixture
def make_run(tmp_path):
    def make(model, total_steps, **changes):
        values = small_hyperparameters(model, ema=0.9, dropout=0.5, **changes)
        config = config_of(model, hyperparameters=values, total_steps=total_steps, seed=3)
        return Run.create(tmp_path, config)

    return make


def train(run, until=None, console=None):
    if until is not None:
        run.config["total_steps"] = until
    values, seed = run.config["hyperparameters"], run.config["seed"]
    cls = registry.entry(run.config["model"]).cls
    if cls.translates:
        batches = PairedBatches(small_dataset(pairs=True), 8, (-1, 1), seed, jitter=2)
    else:
        repeats = values.get("n_critic", 1)
        batches = Batches(small_dataset(44 * repeats), 8, (-1, 1), seed, repeats)
    return loop.train(run, batches, console or Console(quiet=True))


WAITING = {"critic_head_start": 7}  # of which a run is stopped in the middle


@pytest.mark.parametrize(("model", "changes"), [*((model, {}) for model in FEW), ("wgan", WAITING)])
def test_a_stopped_run_ends_where_the_whole_one_does(make_run, model, changes):
    """Stopped inside an epoch and at its end: weights, optimizers, averages, seeds, metrics."""
    whole, stopped = make_run(model, 12, **changes), make_run(model, 12, **changes)
    assert train(whole)
    for until in (3, 10, 12):
        assert train(stopped, until)
    assert stopped.manifest() == whole.manifest()
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in run.history()]
            for run in (whole, stopped)]  # fmt: skip
    assert rows[0] == rows[1] and [row["step"] for row in rows[0]] == [5, 10]
    grids = [(run.path / "samples/epoch-0002.png").read_bytes() for run in (whole, stopped)]
    assert grids[0] == grids[1]


def test_another_seed_ends_elsewhere(make_run):
    runs = [make_run("gan", 2), make_run("gan", 2)]
    runs[1].config["seed"] = 4
    for run in runs:
        train(run)
    assert runs[0].manifest()["sha256"] != runs[1].manifest()["sha256"]


@pytest.mark.parametrize("policy", MIXED)
def test_a_run_in_half_precision_resumes_and_draws_in_float32(make_run, policy):
    """Weights near those of a run in float32, but not the same; what draws computes in float32."""
    whole, stopped, exact = (make_run("dcgan", 6) for _ in range(3))
    for run in (whole, stopped):
        run.config["precision"] = policy
    train(whole)
    for until in (3, 6):
        train(stopped, until)
    train(exact)
    assert stopped.manifest() == whole.manifest() != exact.manifest()
    drawn = [loop.trained_model(run).generate(4, seed=0) for run in (whole, exact)]
    assert loop.trained_model(whole).compute_dtype == "float32"
    assert 0 < np.abs(drawn[0] - drawn[1]).max() < 0.1


def test_a_killed_run_resumes_to_the_same_weights(make_run):
    """SIGKILL in the middle of the second epoch, then on from the newest checkpoint.

    That is of the first epoch, or, where time is up after every step, of the step before.
    """
    whole, *killed = (make_run("gan", 10) for _ in range(3))
    train(whole)
    script = f"""
import os, signal
from rich.console import Console
from tests.helpers import small_dataset
from zoo import backend
from zoo.training import callbacks, loop
from zoo.data.batches import Batches
from zoo.training.run import Run

backend.steps_per_execution = lambda: {AT_ONCE}
count = callbacks.RunRecorder.on_train_batch_end

def count_and_die(self, batch, logs=None):
    if self.step >= {PER_EPOCH + 2}:
        os.kill(os.getpid(), signal.SIGKILL)
    count(self, batch, logs)

callbacks.RunRecorder.on_train_batch_end = count_and_die
for path, seconds in zip({[str(run.path) for run in killed]}, (600.0, 0.0)):
    if not os.fork():  # before anything is computed
        callbacks.SECONDS_BETWEEN_CHECKPOINTS = seconds
        run = Run.open(path)
        loop.train(run, Batches(small_dataset(), 8, (-1, 1), 3), Console(quiet=True))
print(sorted(os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(2)))
"""
    command = [sys.executable, "-W", "ignore", "-c", script]  # JAX warns of any fork
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "[-9, -9]\n", done.stderr
    for run, step in zip(killed, (PER_EPOCH, PER_EPOCH + 2), strict=True):
        assert run.manifest()["step"] == step
        train(Run.open(run.path))
        assert run.manifest() == whole.manifest()


def test_checkpoints_inside_an_epoch_change_nothing(make_run, monkeypatch):
    plain, often = make_run("gan", 12), make_run("gan", 12)
    train(plain)
    monkeypatch.setattr(callbacks, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    steps = []
    save = Run.save_checkpoint

    def count_and_save(run, model, step):
        steps.append(step)
        return save(run, model, step)

    monkeypatch.setattr(Run, "save_checkpoint", count_and_save)
    train(often)
    inside = [0, *range(AT_ONCE, PER_EPOCH, AT_ONCE)]
    assert steps == [step for step in range(13) if step % PER_EPOCH in inside or step == 12]
    assert often.manifest() == plain.manifest()


def flip_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut_short(path):
    path.write_bytes(path.read_bytes()[:-1])


def hashed_garbage(path):
    """No safetensors at all, with the sha256 that the manifest has."""
    path.write_bytes(b"garbage")
    manifest = path.with_name("manifest.json")
    entries = json.loads(manifest.read_text())
    files.write_json(manifest, {**entries, "sha256": files.sha256(path)})


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (flip_bit, "was changed: its sha256 is not"),
        (cut_short, "was changed: its sha256 is not"),
        (Path.unlink, "is missing"),
        (hashed_garbage, "cannot be read"),
    ],
)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(make_run, damage, words):
    whole, damaged = make_run("gan", 15), make_run("gan", 15)
    train(whole)
    train(damaged, 10)
    damage(damaged.path / "checkpoints" / damaged.manifest()["file"])
    with pytest.raises(RequestError, match=f"goes on from the one before it, of step 5.*{words}"):
        loop.trained_model(damaged)
    assert [row["step"] for row in damaged.history()] == [5, 10]
    run = Run.open(damaged.path)
    said = Console(record=True, file=StringIO(), width=300)
    train(run, 7, said)
    assert f"step-0000010.safetensors {words}" in said.export_text(clear=False)
    assert "Going on from the checkpoint before it, of step 5." in said.export_text(clear=False)
    assert [row["step"] for row in run.history()] == [5]
    train(run, 15)
    assert run.manifest() == whole.manifest()
    rows = [[{k: v for k, v in row.items() if k != "seconds"} for row in r.history()]
            for r in (whole, run)]  # fmt: skip
    assert rows[0] == rows[1]


def test_two_damaged_checkpoints_are_one_error(make_run):
    run = make_run("gan", 10)
    train(run)
    newest, before = (run.path / f"checkpoints/step-{step:07d}.safetensors" for step in (10, 5))
    flip_bit(newest)
    before.unlink()
    before_all = {path: path.stat().st_mtime_ns for path in run.path.rglob("*")}
    with pytest.raises(RequestError) as caught:
        train(run, 15)
    (line,) = str(caught.value).splitlines()
    assert "step-0000010.safetensors, which was changed" in line
    assert "step-0000005.safetensors, which is missing" in line
    assert {path: path.stat().st_mtime_ns for path in run.path.rglob("*")} == before_all


def test_a_signal_saves_inside_the_epoch(make_run, monkeypatch):
    whole, stopped = make_run("gan", 10), make_run("gan", 10)
    train(whole)
    count = callbacks.RunRecorder.on_train_batch_end

    def interrupt(self, batch, logs=None):
        count(self, batch, logs)
        if self.step == 7:
            self.stop_requested = True

    with monkeypatch.context() as patch:
        patch.setattr(callbacks.RunRecorder, "on_train_batch_end", interrupt)
        assert train(stopped) is False
    # What is executed after the signal is the last.
    assert stopped.manifest()["step"] == 7 + AT_ONCE
    assert train(stopped) is True
    assert stopped.manifest() == whole.manifest()


@pytest.mark.parametrize("seconds", [0.0, 3600.0], ids=["at once", "at the epoch's end"])
def test_a_loss_that_is_not_finite_keeps_the_good_checkpoint(make_run, monkeypatch, seconds):
    """By the step after which it was there, whenever it is looked at."""
    monkeypatch.setattr(callbacks, "SECONDS_BETWEEN_LOOKS", seconds)
    run = make_run("gan", 10)
    train(run, 5)
    good = run.manifest()
    poisoned = small_dataset()
    batches = Batches(poisoned, 8, (-1, 1), 3)
    batches.values = np.full(256, np.nan, "float32")
    run.config["total_steps"] = 10
    with pytest.raises(FailedError, match=f"finite at step {5 + AT_ONCE}; the .* step 5"):
        loop.train(run, batches, Console(quiet=True))
    assert run.manifest() == good


def test_callbacks_get_the_losses_of_a_call_unread():
    """To make them Python's numbers would wait for the device in each call."""

    class Keep(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.logs = logs

    keep, logs = Keep(), {"loss": keras.ops.ones(())}
    callbacks.Callbacks([keep]).on_train_batch_end(0, logs)
    assert keep.logs is logs


def test_progress_speaks_without_a_terminal(make_run, tmp_path):
    run = make_run("gan", 6)
    with open(tmp_path / "log", "w") as log:
        batches = Batches(small_dataset(), 8, (-1, 1), 3)
        loop.train(run, batches, Console(file=log, width=250))
    first, *lines = (tmp_path / "log").read_text().splitlines()
    assert first == f"Run {run.path}. Ctrl-C saves and stops."
    assert [line.split("  ")[:2] for line in lines] == [
        ["epoch 1/2", "step 5/6"],
        ["epoch 2/2", "step 6/6"],
    ]
    assert all("images/s" in line and "min left" in line for line in lines)
