"""Threads and processes at once. The long form also has two pushes and two sweeps."""

import pytest

from export import runtime
from tests.endurance import concurrency
from tests.endurance.processes import Nursery

pytestmark = pytest.mark.once


def test_two_exports_at_once_and_eight_threads(tmp_path):
    with Nursery("torch") as nursery:
        exported = concurrency.check_exports(nursery, tmp_path)
    for file in ("model.onnx", "model.tflite"):
        concurrency.check_threads(runtime.load(exported / file, threads=1), turns=25)
