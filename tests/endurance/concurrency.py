"""What is done at once must end as if it had been done in turn."""

import shutil
import threading

import numpy as np

from tests.endurance import kills

THREADS = 8


def check_threads(sampler, turns):
    """One sampler draws in 8 threads what it draws in one; each has noise of its own."""
    expected = [sampler.generate(4, seed=seed) for seed in range(THREADS)]
    wrong = []

    def draw(seed):
        for _ in range(turns):
            if not np.array_equal(sampler.generate(4, seed=seed), expected[seed]):
                wrong.append(seed)

    threads = [threading.Thread(target=draw, args=(seed,)) for seed in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert not np.array_equal(expected[0], expected[1])


def twice_at_once(nursery, words, folder):
    """The endings of a command that two processes carry out at once, the worse one first."""
    for _ in range(2):
        nursery.start(*words, folder=folder)
    return sorted((nursery.ended() for _ in range(2)), key=lambda ending: -ending.code)


def check_exports(nursery, folder):
    """Two exports of one run to one folder: it is whole, and verified. Returns its path."""
    nursery.done(*kills.TRAIN, folder=folder)
    worse, better = twice_at_once(nursery, ["export", "runs/r", "--format=all"], folder)
    assert (worse.code, better.code) == (0, 0), worse.said
    nursery.done("verify", "runs/r/export", folder=folder)
    assert not kills.litter(folder)
    return folder / "runs/r/export"


def check_pushes(nursery, folder):
    """Two pushes of an exported run to one new folder: one may be told that it came second."""
    words = ["push", "runs/r", "alice/r", "--to=repository"]
    worse, better = twice_at_once(nursery, words, folder)
    assert better.code == 0, better.said
    assert worse.code in (0, 1, 2) and "Traceback" not in worse.said, worse.said
    made = kills.digests(folder / "repository")
    shutil.rmtree(folder / "repository")
    nursery.done(*words, folder=folder)
    assert kills.digests(folder / "repository") == made and not kills.litter(folder)


def check_sweeps(nursery, folder):
    """Two processes carry out one sweep: one does all of it, and the other is told to wait."""
    worse, better = twice_at_once(nursery, kills.SWEEP, folder)
    assert (worse.code, better.code) == (2, 0), (worse.said, better.said)
    assert "Another process is carrying out the sweep runs/s: wait for it" in worse.said
    assert (folder / "runs/s/comparison.png").is_file() and not kills.litter(folder)
