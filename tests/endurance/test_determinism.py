"""The same seed on the same machine and backend gives the same weights, of every model."""

import pytest

from tests.endurance.small import run_of, train
from tests.helpers import FEW


@pytest.mark.parametrize("model", FEW)
def test_two_runs_end_with_the_same_bits(tmp_path, model):
    """Weights, optimizers, seeds and running metrics, and what the history says of them."""
    runs = [run_of(tmp_path, model=model, total_steps=6) for _ in range(2)]
    for run in runs:
        train(run)
    first, second = runs
    assert first.manifest() == second.manifest()
    rows = [[{**row, "seconds": 0} for row in run.history()] for run in runs]
    assert rows[0] == rows[1]
    other = run_of(tmp_path, model=model, total_steps=6, seed=4)
    train(other)
    assert other.manifest()["sha256"] != first.manifest()["sha256"]
