"""A sample of the attacks; `python -m tests.attacks` tries all of them."""

import re
import subprocess
import sys

import pytest

from tests.attacks.harness import Attack, attempt
from zoo.errors import RequestError
from zoo.start import ROOT

pytestmark = pytest.mark.once


def test_a_sample_holds():
    """In a new process: after onnxruntime or PyTorch there are threads, and no fork is safe."""
    command = [sys.executable, "-m", "tests.attacks", "--count", "16", "--one-of", "16"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    held, tried = map(int, re.search(r"^held (\d+) of (\d+)", done.stdout, re.M).groups())
    assert held == tried > 150


def _raise(error):
    raise error


def _write(place):
    (place.parent / "outside" / "secret.txt").write_text("changed")


READERS = {
    "was taken": lambda place: None,
    "traceback": lambda place: _raise(KeyError("a")),
    "refused in other than one line": lambda place: _raise(RequestError("a\nb")),
    "without the words": lambda place: _raise(RequestError("a")),
    "files were changed": lambda place: (_write(place), _raise(RequestError("Received: a"))),
    "killed by signal": lambda place: __import__("os").system("true"),
    "MiB": lambda place: (bytearray(b"a" * (3 << 29)), _raise(RequestError("Received: a"))),
}


@pytest.mark.parametrize("fault", READERS)
def test_the_harness_sees(fault):
    """What does not hold is told."""
    attack = Attack("kind", "name", lambda folder: folder, READERS[fault], "Received: ")
    assert fault in attempt(attack).fault
