"""Files that were cut short or have a bit turned: the checkpoint before is used, in words.

`tests/training/test_damage.py` has what is well-formed and wrong.
"""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from tests.endurance.small import PER_EPOCH, run_of, train
from zoo import files
from zoo.errors import RequestError
from zoo.training.run import Run

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two epochs, and the sha256 that it has after the third."""
    home = tmp_path_factory.mktemp("trained")
    whole = run_of(home, "whole")
    train(whole)
    run = run_of(home, "two")
    train(run, until=2 * PER_EPOCH)
    return run.path, whole.manifest()["sha256"]


@pytest.fixture
def run(trained, tmp_path):
    return Run.open(shutil.copytree(trained[0], tmp_path / "run"))


def newest(run):
    return run.path / "checkpoints" / run.manifest()["file"]


def damages(data, places):
    """The bytes cut at every 512th, and with one bit turned at some places."""
    for size in range(0, len(data), 512):
        yield f"cut at {size}", data[:size]
    rng = np.random.default_rng(0)
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 1 << int(rng.integers(8))
        yield f"bit in byte {place}", bytes(changed)


def check_every_damage(run, every):
    """Each damage is seen by the hash, and the epoch before is there; returns how many."""
    path = newest(run)
    data = path.read_bytes()
    count = 0
    for what, damaged in damages(data, range(0, len(data), every)):
        path.write_bytes(damaged)
        assert run.usable_checkpoint()["step"] == PER_EPOCH, what
        count += 1
    path.write_bytes(data)
    assert run.usable_checkpoint()["step"] == 2 * PER_EPOCH
    return count


def test_every_cut_and_some_bits_of_a_checkpoint(run):
    assert check_every_damage(run, every=1021) > 50


@pytest.mark.parametrize("place", [0, 9, 0.5, -1])
def test_a_damaged_run_ends_where_the_whole_one_does(trained, run, place):
    """A bit of the header's length, of the header, in the middle, and the last one."""
    path = newest(run)
    data = bytearray(path.read_bytes())
    data[int(place * len(data)) if isinstance(place, float) else place] ^= 4
    path.write_bytes(data)
    said = train(run, until=3 * PER_EPOCH)
    assert "step-0000010.safetensors was changed: its sha256 is not that in manifest.json" in said
    assert "Going on from the checkpoint before it, of step 5." in said
    assert run.manifest()["sha256"] == trained[1]


@pytest.mark.parametrize("name", ["config.json", "checkpoints/manifest.json", "history.jsonl"])
def test_a_record_cut_anywhere_is_refused_in_a_line(run, name):
    """Or it is what it was, without the last line's end; nothing on the disk changes."""
    path = run.path / name
    data = path.read_bytes()
    for size in range(0, len(data), max(1, len(data) // 40)):
        path.write_bytes(data[:size])
        before = {file: files.sha256(file) for file in run.path.rglob("*") if file.is_file()}
        try:
            opened = Run.open(run.path)
            rows = [row["step"] for row in opened.history()]
            # A history cut between two rows has lost its end, and resuming goes on from there.
            assert (name, rows) in (("history.jsonl", []), ("history.jsonl", [5]),
                                    ("checkpoints/manifest.json", [5, 10]))  # fmt: skip
            if name == "checkpoints/manifest.json":
                opened.usable_checkpoint()
                pytest.fail(f"cut at {size}")
        except RequestError as error:
            assert "\n" not in str(error) and str(path) in str(error)
        after = {file: files.sha256(file) for file in run.path.rglob("*") if file.is_file()}
        assert after == before


def test_a_clock_that_goes_back_changes_nothing(trained, run, monkeypatch):
    """Each look at the clock is an hour before the last."""
    now = [time.time()]

    def back():
        now[0] -= 3600.0
        return now[0]

    monkeypatch.setattr(time, "time", back)
    train(run, until=3 * PER_EPOCH)
    assert run.manifest()["sha256"] == trained[1]
    assert all(row["seconds"] >= 0 for row in run.history())


def test_a_history_that_lost_rows_is_gone_on_with(trained, run):
    path = run.path / "history.jsonl"
    path.write_text(path.read_text().splitlines(keepends=True)[0])
    train(run, until=3 * PER_EPOCH)
    assert [row["step"] for row in run.history()] == [5, 15]
    assert run.manifest()["sha256"] == trained[1]


def test_what_was_left_of_a_first_write_is_begun_anew(tmp_path):
    """The process died between the first checkpoint and its manifest."""
    whole, run = run_of(tmp_path, "whole"), run_of(tmp_path, "begun")
    train(whole)
    train(run, until=1)
    folder = run.path / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == [
        "manifest.json", "step-0000000.safetensors", "step-0000001.safetensors"]  # fmt: skip
    (folder / "manifest.json").unlink()
    with pytest.raises(RequestError, match="have a manifest.json"):
        train(run, until=15)  # step 1 would be lost
    (folder / "step-0000001.safetensors").unlink()
    train(run, until=15)
    assert run.manifest()["sha256"] == whole.manifest()["sha256"]


def test_places_of_dead_processes_are_removed_and_those_of_living_ones_kept(tmp_path):
    target = tmp_path / "out"
    abandoned, mine = tmp_path / ".out-abcd_123", tmp_path / ".out-notes"
    for folder in (abandoned, mine):
        folder.mkdir()
        (folder / "file").write_text("x")
    with files.place_beside(target, "A folder") as first:
        assert not abandoned.exists() and mine.exists()
        with files.place_beside(target, "A folder") as second:
            assert first.exists() and second.exists() and first != second
        assert first.exists() and not second.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [mine.name]


def test_a_place_that_cannot_be_made_is_a_line(tmp_path):
    Path(tmp_path / "file").write_text("")
    with (
        pytest.raises(RequestError, match="^A folder needs a folder that can be written. Received"),
        files.place_beside(tmp_path / "file" / "out", "A folder"),
    ):
        pytest.fail("there is no folder")
