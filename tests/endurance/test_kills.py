"""Commands that are killed, or whose disk fails, at points spread over all that they do.

This is the short form, with PyTorch; `python -m tests.endurance` kills at every point, on every
backend, and exports and sweeps as well.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest

from tests.endurance import kills
from tests.endurance.processes import Nursery, sha_of
from zoo.training.run import Run

pytestmark = pytest.mark.once

PULLED = "cgan-fashion_mnist"
ID = f"alice/{PULLED}"
MODEL_CARDS = Path(__file__).parents[2] / "model_cards"


@pytest.fixture(scope="module")
def nursery():
    with Nursery("torch") as nursery:
        yield nursery


@pytest.fixture(scope="module")
def whole(nursery, tmp_path_factory):
    return kills.whole_training(nursery, tmp_path_factory.mktemp("whole"))


def spread(count, shares, seed):
    """A point in each of `shares` parts of all points, chosen by the seed."""
    rng = np.random.default_rng(seed)
    edges = np.linspace(1, count + 1, shares + 1)
    return [int(rng.integers(int(a), int(b))) for a, b in zip(edges, edges[1:], strict=False)]


@pytest.mark.parametrize("share", range(8))
@pytest.mark.parametrize("kind", ["kill", "tear"])
def test_a_killed_training_loses_nothing(nursery, whole, tmp_path, kind, share):
    """16 kills: a whole checkpoint, no older than the last epoch's, and the same end."""
    at = spread(whole.points, 8, seed=kind == "tear")[share]
    kills.kill_training(nursery, whole, tmp_path, at, kind)


@pytest.mark.parametrize("share", range(4))
@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_a_disk_that_fails_is_one_line(nursery, whole, tmp_path, kind, share):
    at = spread(whole.points, 4, seed=2)[share]
    kills.fail_training(nursery, whole, tmp_path, at, kind)


def test_a_killed_run_is_killed_again_while_it_resumes(nursery, whole, tmp_path):
    """Each time a little further: four kills, and the end is the same."""
    nursery.run(*kills.TRAIN, folder=tmp_path, at=whole.points // 3)
    for at in (10, 25, 50):
        ending = nursery.run("train", "--resume", folder=tmp_path, at=at)
        assert ending.code == -9, ending.said
        kills.check_what_a_kill_left(tmp_path / "runs/r", [])
    kills.finish(nursery, whole, tmp_path)


def test_a_moved_run_goes_on(nursery, whole, tmp_path):
    nursery.run(*kills.TRAIN, folder=tmp_path, at=whole.points * 2 // 3)
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "runs/r", tmp_path / "elsewhere/renamed")
    ending = nursery.done("train", "--resume", "elsewhere/renamed", folder=tmp_path)
    assert sha_of(ending) == whole.made["runs/r/checkpoints/step-0000012.safetensors"]
    assert not (tmp_path / "runs").exists() or not list((tmp_path / "runs").iterdir())


def test_of_two_that_resume_one_run_one_does(nursery, whole, tmp_path):
    nursery.run(*kills.TRAIN, folder=tmp_path, at=whole.points // 2)
    for _ in range(2):
        nursery.start("train", "--resume", folder=tmp_path)
    refused, done = sorted((nursery.ended() for _ in range(2)), key=lambda end: -end.code)
    assert (refused.code, done.code) == (2, 0), (refused.said, done.said)
    assert "by another process: wait" in refused.said or "already at step 12" in refused.said
    assert sha_of(done) == whole.made["runs/r/checkpoints/step-0000012.safetensors"]
    assert Run.open(tmp_path / "runs/r").manifest()["step"] == 12


def test_of_two_that_ask_for_one_name_one_gets_it(nursery, whole, tmp_path):
    for _ in range(2):
        nursery.start(*kills.TRAIN, folder=tmp_path)
    refused, done = sorted((nursery.ended() for _ in range(2)), key=lambda end: -end.code)
    assert (refused.code, done.code) == (2, 0), (refused.said, done.said)
    assert "A new run needs a name that is free" in refused.said
    assert sha_of(done) == whole.made["runs/r/checkpoints/step-0000012.safetensors"]


def test_a_killed_pull_leaves_nothing_half(nursery, hub, tmp_path):
    """Whatever it left, the next one makes the folder whole."""
    hub.write(ID, {path.relative_to(MODEL_CARDS / PULLED).as_posix(): path.read_bytes()
                   for path in (MODEL_CARDS / PULLED).rglob("*") if path.is_file()})  # fmt: skip
    words = ["pull", ID, "--out=here"]
    ending = nursery.done(*words, folder=tmp_path)
    made = kills.digests(tmp_path)
    points = len(ending.points)
    for turn, at in enumerate(spread(points, 6, seed=3)):
        folder = tmp_path / str(turn)
        folder.mkdir()
        ending = nursery.run(*words, folder=folder, at=at)
        assert ending.code == -9, ending.said
        if (folder / "here").exists():
            assert kills.digests(folder) == made
        nursery.done(*words, folder=folder)
        assert kills.digests(folder) == made and not kills.litter(folder)
