"""Long work in one process: what it takes of the machine must not grow."""

import os
from collections import namedtuple
from pathlib import Path

from tests.endurance.small import PER_EPOCH, run_of, train
from zoo.training.callbacks import RunRecorder

MODEL = "cgan-fashion_mnist"
GROWTH = 1.05  # of memory, after the first tenth

Use = namedtuple("Use", "bytes handles")  # of memory that is resident, and open files


def use():
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Use(pages * os.sysconf("SC_PAGE_SIZE"), len(os.listdir("/proc/self/fd")))


def check_flat(uses):
    """Refuses a use that grows after the first tenth; returns the growth, as a share."""
    begun, ended = uses[len(uses) // 10], uses[-1]
    assert ended.bytes <= GROWTH * begun.bytes, (begun, ended)
    assert ended.handles <= begun.handles, (begun, ended)
    return ended.bytes / begun.bytes - 1.0


def long_training(folder, epochs):
    """Trains a tiny model for many epochs; returns the growth of the memory."""
    uses = []
    end = RunRecorder.on_epoch_end

    def noted(recorder, epoch, logs=None):
        end(recorder, epoch, logs)
        uses.append(use())

    RunRecorder.on_epoch_end = noted
    try:
        run = run_of(folder, "long", total_steps=epochs * PER_EPOCH)
        train(run)
    finally:
        RunRecorder.on_epoch_end = end
    assert [row["epoch"] for row in run.history()] == list(range(1, epochs + 1))
    assert len(list((run.path / "checkpoints").iterdir())) == 3
    return check_flat(uses)


def many_draws(sampler, draws):
    """Draws many times with one sampler; returns the growth of the memory."""
    uses = []
    first = sampler.generate(1, seed=0)
    for seed in range(draws):
        drawn = sampler.generate(1, seed=seed)
        assert drawn.shape == first.shape
        if seed % 100 == 0:
            uses.append(use())
    assert (sampler.generate(1, seed=0) == first).all()
    return check_flat(uses)
