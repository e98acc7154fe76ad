"""The suite runs once per backend, chosen by KERAS_BACKEND (see `python -m tests`)."""

import os
import random
import shutil
import tempfile

import pytest

from tests.hub_server import Hub
from zoo.start import TENSORFLOW

os.environ |= {"KERAS_BACKEND": "tensorflow", **TENSORFLOW, **os.environ}
# On JAX the suite's time is compilation, not the few steps that follow it. (Level 0 is no faster,
# and made NaN of finite numbers.)
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=1")
# What one test has compiled, the others and the processes that they start read from this folder.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    COMPILED = tempfile.TemporaryDirectory(prefix="genzoo-jax-")
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": COMPILED.name,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
# PyTorch's threads spin while they wait: on busy cores a step takes many times as long with two.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# No test talks to the real Hub. The library reads these when it is imported.
HUB = Hub()
CACHE = tempfile.TemporaryDirectory(prefix="genzoo-hub-")
os.environ |= {
    "HF_ENDPOINT": HUB.url,
    "HF_HOME": CACHE.name,
    "HF_HUB_DISABLE_XET": "1",  # a protocol of its own for large files, that the test's Hub lacks
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
os.environ.pop("HF_TOKEN", None)


@pytest.fixture(autouse=True)
def same_weights_in_any_order():
    """Keras draws the seeds of initial weights from `random`: else they hang on earlier tests."""
    random.seed(0)


@pytest.fixture
def hub(monkeypatch):
    """An empty Hub with an empty cache, where alice may write."""
    HUB.reset()
    shutil.rmtree(os.path.join(CACHE.name, "hub"), ignore_errors=True)
    monkeypatch.setenv("HF_TOKEN", "hf_alice")
    return HUB
