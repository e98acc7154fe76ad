"""Files of strangers that were made to harm, and the harness that tries them on the readers.

`python -m tests.attacks` tries all of them and prints what held; a sample is part of the tests.
"""

import importlib
from collections.abc import Callable, Iterator
from typing import Any

PARTS = ("onnx", "tflite", "data", "weight", "record")  # the modules PART_files


def load(part: str) -> Callable[[int], Iterator[Any]]:
    """The function `attacks` of a part, which takes how many damaged files of a kind to make."""
    return importlib.import_module(f"tests.attacks.{part}_files").attacks
