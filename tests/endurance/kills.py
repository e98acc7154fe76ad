"""Kills of `train`, `export`, `push --to` and `sweep`, and what must be there afterwards.

Each `kill_...` takes a command that was run whole, kills it once more at one of its points, and
checks what is left; then it goes on as a person would, and must end where the whole command did.
"""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

from tests.endurance.processes import sha_of
from zoo import files
from zoo.training.run import Run, is_vacant

SMALL = ["--set=generator_hidden=16", "--set=discriminator_hidden=8", "--set=latent_dim=6"]
TRAIN = ["train", "gan", "--dataset=digits", *SMALL, "--set=ema=0.9", "--batch-size=300",
         "--epochs=3", "--name=r"]  # fmt: skip
SWEEP = ["sweep", "gan", "--set=seed=0,1", "--name=s", "--dataset=digits", "--epochs=1",
         "--batch-size=300", *SMALL]  # fmt: skip
PER_EPOCH = 4  # 1437 images in batches of 300
LITTER = re.compile(r"[.-][a-z0-9_]{8}(\.[^.]+)?$")  # as `mkstemp` and `mkdtemp` name them


class Whole(NamedTuple):
    """A command that nothing disturbed: its words, how many points it had, and what it made."""

    words: list
    points: int
    made: dict  # file name to sha256


def digests(folder):
    """Dict of each file below a folder to its sha256, without what holds times."""
    return {
        path.relative_to(folder).as_posix(): files.sha256(path)
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and path.suffix in (".safetensors", ".onnx", ".npz", ".png")
    }


def litter(folder):
    """Temporary files and folders that were left below a folder."""
    return [path for path in Path(folder).rglob(".*") if LITTER.search(path.name)]


def whole_training(nursery, folder):
    """A `Whole` of `TRAIN`, in a folder of its own."""
    ending = nursery.done(*TRAIN, folder=folder)
    return Whole(TRAIN, len(ending.points), digests(folder))


def kill_training(nursery, whole, folder, at, kind="kill"):
    """Kills a training at a point, or a resumed one if it ends before; returns the last point."""
    ending = nursery.run(*TRAIN, folder=folder, at=at, kind=kind)
    assert ending.code == -9, ending.said
    check_what_a_kill_left(folder / "runs/r", ending.points)
    finish(nursery, whole, folder)
    return ending.points[-1]


def check_what_a_kill_left(path, points):
    """A whole checkpoint is there, no older than the last epoch whose end was written."""
    if is_vacant(path):
        assert not any(point.startswith("after step") for point in points)
        return
    run = Run.open(path)
    run.history()  # readable
    named = [
        point for point in points if re.fullmatch(r"after replace .*manifest\.json\..*", point)
    ]
    if not named:
        return
    promised = (len(named) - 1) * PER_EPOCH
    # A kill after the rename, before its point is reached, can only have left a newer one.
    assert run.usable_checkpoint()["step"] in (promised, promised + PER_EPOCH)


def finish(nursery, whole, folder):
    """Goes on as a person would: the same command if there is no run yet, else --resume."""
    path = folder / "runs/r"
    if is_vacant(path):
        ending = nursery.done(*TRAIN, folder=folder)
    elif (path / "checkpoints/manifest.json").exists() and Run.open(path).finished:
        ending = nursery.run("train", "--resume", folder=folder)
        assert ending.code == 2 and "already at step 12" in ending.said, ending.said
    else:
        ending = nursery.done("train", "--resume", folder=folder)
        assert sha_of(ending) == whole.made["runs/r/checkpoints/step-0000012.safetensors"]
    found = digests(folder)
    # Of a run that was damaged, the checkpoint before the newest may be another.
    newest = {name: sha for name, sha in whole.made.items() if "step-0000008" not in name}
    assert {name: found.get(name) for name in newest} == newest
    left = litter(folder)
    assert not left or "already at step" in ending.said, left


def whole_command(nursery, words, start, folder):
    """A `Whole` of a command that finds what is in the folder `start`."""
    shutil.copytree(start, folder, dirs_exist_ok=True)
    ending = nursery.done(*words, folder=folder)
    return Whole(words, len(ending.points), digests(folder))


def kill_command(nursery, whole, start, folder, at):
    """Kills an `export`, a `push --to` or a `sweep`; the same command then makes all of it."""
    shutil.copytree(start, folder, dirs_exist_ok=True)
    ending = nursery.run(*whole.words, folder=folder, at=at)
    assert ending.code == -9, ending.said
    nursery.done(*whole.words, folder=folder)
    assert digests(folder) == whole.made
    assert not litter(folder)
    return ending.points[-1]


def fail_training(nursery, whole, folder, at, kind):
    """From a point on the disk is full or read-only: one line says so, and later it goes on."""
    words = {"full": "No space left on device", "read-only": "Read-only file system"}[kind]
    ending = nursery.run(*TRAIN, folder=folder, at=at, kind=kind)
    if ending.code:
        assert ending.code == 1 and "Traceback" not in ending.said, ending.said
        errors = [line for line in ending.said.splitlines() if line.startswith("Error: ")]
        assert len(errors) == 1 and words in errors[0], ending.said
    assert kind == "read-only" or not litter(folder)
    check_what_a_kill_left(folder / "runs/r", ending.points)
    finish(nursery, whole, folder)
    return ending.points[at - 1]
