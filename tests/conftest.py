"""The suite runs once per backend, chosen by KERAS_BACKEND (see `python -m tests`)."""

import os
import random

import pytest

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# On JAX the suite's time is compilation, not the few steps that follow it. (Level 0 is no faster,
# and made NaN of finite numbers.)
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")
# PyTorch's threads spin while they wait: on busy cores a step takes many times as long with two.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def same_weights_in_any_order():
    """Keras draws the seeds of initial weights from `random`: else they hang on earlier tests."""
    random.seed(0)
