"""A sample of the attacks; `python -m tests.attacks` tries all of them."""

import pytest

from tests.attacks import PARTS, load
from tests.attacks.harness import Attack, attempt
from zoo.errors import RequestError

pytestmark = pytest.mark.once
EVERY = {"onnx": 12, "tflite": 16, "data": 12, "weight": 8, "record": 24}  # one of so many


@pytest.mark.parametrize("part", PARTS)
def test_a_sample_holds(part):
    faults = []
    for index, attack in enumerate(load(part)(16)):
        if index % EVERY[part] == 0:
            outcome = attempt(attack)
            if outcome.fault:
                faults.append(
                    f"{attack.kind}, {attack.name}: {outcome.fault}: {outcome.line[-300:]}"
                )
    assert not faults, "\n".join(faults)


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
