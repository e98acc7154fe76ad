"""One process at a time trains a run or carries out a sweep; a dead one holds no lock."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import pytest

import cli
from tests.test_cli import done, genzoo, small_settings
from tests.test_cli_errors import refused
from tests.training.configs import config_of
from zoo import files
from zoo.errors import RequestError
from zoo.start import child_command
from zoo.study import plans, sweep
from zoo.study.engines.local import Local
from zoo.training.run import Run

pytestmark = pytest.mark.once

ROOT = Path(cli.__file__).parent
GAN = ["train", "gan", "--dataset=digits", "--batch-size=700", *small_settings("gan")]

# Trains on, says so after a step, and then waits for a line that does not come.
TRAINING = """
import sys
import cli
from zoo.start import start_backend
start_backend(sys.argv.pop())
from zoo.training import callbacks

count = callbacks.RunRecorder.on_train_batch_end

def count_and_wait(self, batch, logs=None):
    count(self, batch, logs)
    print("training", flush=True)
    sys.stdin.readline()

callbacks.RunRecorder.on_train_batch_end = count_and_wait
cli.main()
"""

SWEEPING = """
import sys
from pathlib import Path
from zoo.study import plans, sweep
from zoo.study.engines.local import Local

plan = plans.Plan(tuple(plans.grid_jobs("gan", {"seed": [0, 1]})), ())
command = [sys.executable, "-c", "import sys; sys.stdin.readline()"]
say = lambda line: print(line, flush=True)
sweep.Sweep(Path("runs/s"), plan, command, Local(), say).run()
"""


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def started(script, *arguments):
    """A process of its own, and the first line that it has printed."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return process, process.stdout.readline()


def ended(process):
    process.kill()
    process.communicate()


def test_a_run_is_trained_by_one_process():
    done(*GAN, "--name=mine", "--steps=1")
    process, line = started(
        TRAINING, "train", "--resume", "runs/mine", "--steps=6", keras.backend.backend()
    )
    try:
        assert line == "training\n"
        words = ["runs/mine is being trained by another process"]
        refused("train --resume runs/mine --steps 9", *words)
        with pytest.raises(RequestError, match=words[0]), Run.open("runs/mine").lock():
            pytest.fail("the lock was had twice")
    finally:
        ended(process)
    # What the dead process held is free, and what it was writing is cleared away.
    litter = [
        Path("runs/mine") / name
        for name in (
            ".config.json.abcd1234.json",
            ".history.jsonl.abcd_234.jsonl",
            "checkpoints/.step-0000002.safetensors.00000000.safetensors",
            "samples/.epoch-0001.png.abcd1234.png",
        )
    ]
    kept = [Path("runs/mine/.scores.json.abcd1234.json"), Path("runs/mine/.config.json.mine")]
    for path in (*litter, *kept):
        path.write_text("half")
    done("train", "--resume", "runs/mine", "--steps=6")
    assert Run.open("runs/mine").manifest()["step"] == 6
    assert not any(path.exists() for path in litter)
    assert all(path.exists() for path in kept)  # others write these, and may be at it


def test_a_sweep_is_carried_out_by_one_process():
    process, line = started(SWEEPING)
    try:
        assert line == "1/2 gan-seed-0: train\n"
        made = Path("runs/s/gan-seed-0")
        made.mkdir()  # as a `train` that has just begun
        (made / "config.json").write_text("{}")
        code, out, err = genzoo("sweep", "gan", "--set=seed=0,1", "--name=s")
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "Another process is carrying out the sweep runs/s: wait for it, or" in err
        assert (made / "config.json").read_text() == "{}"
    finally:
        process.communicate("\n", timeout=60)


def test_a_sweep_leaves_a_run_that_another_process_trains():
    """The run was killed before its first checkpoint: the sweep does not make it anew."""
    done(*GAN, "--name=gan", "--runs-dir=runs/s", "--steps=1")
    run = Run.open("runs/s/gan")
    shutil.rmtree(run.path / "checkpoints")
    said = []
    plan, command = plans.Plan(tuple(plans.grid_jobs("gan", {})), ()), child_command("cli")
    with run.lock():
        assert sweep.Sweep(Path("runs/s"), plan, command, Local(), said.append).run() == ["gan"]
    first, second = said
    assert first == "1/1 gan: train"
    assert second.startswith("1/1 gan: failed, Error: runs/s/gan is being trained by another")
    assert Run.open(run.path).config == run.config and not run.has_checkpoint
    assert sweep.Sweep(Path("runs/s"), plan, command, Local(), said.append).run() == []
    assert run.manifest()["step"] == 1


def test_a_sweep_deletes_nothing_that_is_no_run():
    """What stands at a job's place and was not written by `train` stays, and the job fails.

    What a killed `train` has left there, before it was a run, is no hindrance.
    """
    plan = plans.Plan(tuple(plans.grid_jobs("gan", {"seed": [0, 1]})), ())
    notes = Path("runs/s/gan-seed-0/notes.txt")
    notes.parent.mkdir(parents=True)
    notes.write_text("mine")
    Path("runs/s/gan-seed-1").mkdir()
    Path("runs/s/gan-seed-1/.config.json.abcd1234.json").write_text("half")
    said = []
    command = [sys.executable, "-c", ""]
    assert sweep.Sweep(Path("runs/s"), plan, command, Local(), said.append).run() == ["gan-seed-0"]
    assert said[0].startswith("1/2 gan-seed-0: failed, A run is a directory with a config.json.")
    assert notes.read_text() == "mine" and said[1:] == ["2/2 gan-seed-1: train"]
    Run.create("runs/s", config_of(), "gan-seed-1")
    left = sorted(path.name for path in Path("runs/s/gan-seed-1").iterdir())
    assert left == [".lock", "config.json"]


def test_a_name_is_given_to_one_run(monkeypatch):
    """Two processes that ask for it at once: the second sees no directory, and still is refused."""
    Run.create("runs", config_of(), "mine")
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    with pytest.raises(RequestError, match="a name that is free"):
        Run.create("runs", config_of(seed=1), "mine")
    assert Run.open("runs/mine").config["seed"] == 0


def test_a_lock_is_held_while_the_block_runs(tmp_path):
    path = tmp_path / "new" / ".lock"
    second = files.locked(path, "busy")
    with files.locked(path, "busy"), pytest.raises(RequestError, match="^busy$"), second:
        pytest.fail("the lock was had twice")
    with files.locked(path, "busy"):
        pass
