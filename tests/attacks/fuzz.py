"""Random inputs for one reader: `python -m tests.attacks.fuzz READER --inputs N [--guided]`.

Each input is a good file that was changed by a number, from 0, or with --guided by atheris (the
extra "fuzz"). A reader may take it or refuse it in one line; anything else is a fault, which ends
this with a traceback and the number. Only the checks in Python run here, in this process; the
runtimes that a crafted file could end are reached by `tests.attacks`.
"""

import argparse
import contextlib
import inspect
import io
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from export import runtime
from export.convert import report
from export.hub import layout
from tests.attacks.mutations import damage
from tests.attacks.weight_files import ABOUT, _npy, _tensors
from tests.data.build import idx_bytes, png, write_archive
from tests.export.build import generator, lite
from tests.export.test_strangers import REPORT
from zoo import data
from zoo.data import archive, idx, images
from zoo.data.idx import read_idx
from zoo.data.images import decode
from zoo.metrics import classifier
from zoo.training import schema


def _bytes_of(make: Callable[[Path], Any], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        make(path)
        return path.read_bytes()


def _archive(suffix: str) -> bytes:
    contents = {f"{name}/{i}.png": png(i) for name in ("cat", "dog") for i in range(2)}
    return _bytes_of(partial(write_archive, contents=contents), f"x{suffix}")


def _header(path: Path) -> None:
    from export.convert.reference import _header as read

    read(io.BytesIO(path.read_bytes()))


# Of each reader: the name of its file, a good one, and what reads it.
READERS: dict[str, tuple[str, Callable[[], bytes], Callable[[Path], Any]]] = {
    "idx": ("x-idx3-ubyte", lambda: idx_bytes(np.zeros((2, 3, 3), np.uint8)), read_idx),
    "zip": ("x.zip", lambda: _archive(".zip"), partial(data.load, image_size=4)),
    "tar": ("x.tar", lambda: _archive(".tar"), partial(data.load, image_size=4)),
    "image": ("x.png", lambda: png((1, 2, 3), 9, 7), lambda path: decode(path.read_bytes(), "x")),
    # By their names, so that --guided sees the functions that it has replaced.
    "onnx": (
        "x.onnx",
        lambda: _bytes_of(generator, "x.onnx"),
        lambda path: runtime.anatomy.check_onnx(path),
    ),
    "tflite": (
        "x.tflite",
        lambda: _bytes_of(lite, "x.tflite"),
        lambda path: runtime.lite.check_tflite(path),
    ),
    "manifest": (
        "manifest.json",
        lambda: b'{"format": 1, "files": {"README.md": {"bytes": 1, "sha256": "0"}}}',
        layout.read_manifest,
    ),
    "report": (
        report.REPORT,
        lambda: json.dumps(REPORT).encode(),
        lambda path: report.read(path.parent),
    ),
    "history": ("x.jsonl", lambda: b'{"epoch": 1, "step": 3, "loss": 0.5}\n', schema.read_rows),
    "npy": ("x.npy", lambda: _npy(np.zeros((5, 4), "float32")), _header),
    "safetensors": (
        "x.safetensors",
        lambda: safetensors.numpy.save(_tensors(), {"genzoo": json.dumps(ABOUT)}),
        classifier._read,
    ),
}  # fmt: skip


def reads(name: str, content: bytes) -> bool:
    """Whether a reader takes an input; raises whatever is no refusal in one line."""
    file, _, read = READERS[name]
    with tempfile.TemporaryDirectory(prefix="genzoo-fuzz-") as folder:
        path = Path(folder, file)
        path.write_bytes(content)
        try:
            read(path)
        except ValueError as error:
            assert "\n" not in str(error)
            return False
        # What `Graph` turns into one line, whatever it is: the checks look at bytes as they come.
        except Exception:
            if name not in ("onnx", "tflite"):
                raise
            return False
    return True


def mutated(good: bytes, number: int) -> bytes:
    """Bytes near those of a good file: damaged some times, or with a part replaced; or any."""
    rng = random.Random(number)
    kind = rng.randrange(4)
    if kind == 0:
        return rng.randbytes(rng.randrange(257))
    if kind == 1:
        start, end = sorted(rng.randrange(len(good) + 1) for _ in range(2))
        return good[:start] + rng.randbytes(rng.randrange(65)) + good[end:]
    content = good
    for _ in range(rng.randint(1, 6)):
        content = damage(content, rng.getrandbits(32)) or b"\0"
    return content


def fuzz(name: str, inputs: int) -> int:
    """How many of so many inputs a reader takes; raises for the first fault."""
    good = READERS[name][1]()
    taken = 0
    for number in range(inputs):
        try:
            taken += reads(name, mutated(good, number))
        except Exception as error:
            error.add_note(f"Input {number} of {name}")
            raise
    return taken


def guided(name: str, inputs: int) -> None:
    """The same, guided by what lines of ours an input reaches; ends the process."""
    import atheris

    good = READERS[name][1]()
    with tempfile.TemporaryDirectory() as corpus:
        Path(corpus, "good").write_bytes(good)
        for module in (runtime, archive, idx, images, layout, report, schema, classifier):
            for key, value in [*vars(module).items()]:
                if inspect.isfunction(value) and value.__module__ == module.__name__:
                    setattr(module, key, atheris.instrument_func(value))
        atheris.Setup(
            [sys.argv[0], f"-runs={inputs}", "-max_len=65536", corpus], partial(reads, name)
        )
        atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("reader", choices=[*READERS, "all"])
    parser.add_argument("--inputs", type=int, default=10_000)
    parser.add_argument("--guided", action="store_true")
    chosen = parser.parse_args()
    if chosen.guided:
        with contextlib.suppress(SystemExit):
            guided(chosen.reader, chosen.inputs)
        return
    for name in READERS if chosen.reader == "all" else [chosen.reader]:
        began = time.process_time()
        taken = fuzz(name, chosen.inputs)
        spent = time.process_time() - began
        print(
            f"{name:<12} {chosen.inputs:>7} inputs, {taken} taken, no fault, {spent:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
