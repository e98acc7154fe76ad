"""A few hundred seeded inputs for each reader; `python -m tests.attacks.fuzz` has more."""

import pytest

from tests.attacks.fuzz import READERS, fuzz, reads

pytestmark = pytest.mark.once


@pytest.mark.parametrize("name", READERS)
def test_random_inputs(name):
    assert name == "npy" or reads(name, READERS[name][1]()), "the good file is taken"
    assert fuzz(name, 400) < 400, "not all are taken"
