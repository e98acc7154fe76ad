"""A small run in this process: 15 steps on random images, three epochs of 5."""

from io import StringIO

from rich.console import Console

from tests.helpers import small_dataset, small_hyperparameters
from tests.training.configs import config_of
from zoo import registry
from zoo.data.batches import PairedBatches
from zoo.training import loop
from zoo.training.run import Run

STEPS = 15
PER_EPOCH = 5  # 44 images in batches of 8


def run_of(runs_dir, name=None, model="gan", seed=3, **changes):
    """A new run of a small model; `changes` are of its config."""
    values = small_hyperparameters(model, ema=0.9, dropout=0.5)
    changes = {"hyperparameters": values, "total_steps": STEPS, "seed": seed, **changes}
    config = config_of(model, **changes)
    if registry.entry(model).cls.translates:
        config["dataset"]["input_channels"] = 1
    return Run.create(runs_dir, config, name)


def train(run, until=None):
    """Trains a run to its end, or to a step; returns what was said."""
    if until is not None:
        run.config["total_steps"] = until
    values, cls = run.config["hyperparameters"], registry.entry(run.config["model"]).cls
    repeats = values.get(cls.batches_per_step or "", 1)
    dataset = small_dataset(44 * repeats, pairs=cls.translates)
    batches = cls.batches(dataset, values, run.config["seed"])
    assert isinstance(batches, PairedBatches) == cls.translates
    said = StringIO()
    assert loop.train(run, batches, Console(file=said, width=500))
    return said.getvalue()
