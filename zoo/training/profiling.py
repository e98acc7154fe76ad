"""`train --profile`: where the time of a training goes, and a trace of some of its steps."""

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import keras

from zoo import backend
from zoo.errors import RequestError

BEFORE = 3  # calls of the step, the first of which compile it, before those that are traced
TRACED = 10  # calls
SHOWN = {
    "start": "start, to the end of the first step",
    "steps": "steps",
    "samples": "samples",
    "checkpoints": "checkpoints",
    "scores": "scores and validation",
    "rest": "the rest",
}


class Stopwatch:
    """Adds up the seconds of the parts of a training."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.began = time.perf_counter()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """What runs inside counts for the part of that name."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - began

    def iterate(self, name: str, items: Iterator[Any]) -> Iterator[Any]:
        """The items, the time that each takes to come counted for the part of that name."""
        while True:
            with self.part(name):
                item = next(items, None)
            if item is None:
                return
            yield item


def require_folder(folder: Path) -> None:
    """Makes the folder of a trace, or refuses one that cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RequestError(
            f"--profile needs a folder that can be written. Received: {folder} ({error.strerror})"
        ) from error


class Profile(keras.callbacks.Callback):
    """Times the steps, and has the backend trace ten calls of them.

    It must be the first of the callbacks: it waits for the step's result, so that no other
    callback's time includes the step's.

    Args:
        folder: where the trace is written.
        clock: that the rest of the training counts on.
    """

    def __init__(self, folder: Path, clock: Stopwatch) -> None:
        super().__init__()
        self.folder = folder
        self.clock = clock
        self._calls = 0
        self._trace = ExitStack()

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if self._calls == BEFORE:
            self._trace.enter_context(backend.trace(self.folder))
        self._began = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        for value in (logs or {}).values():
            float(value)  # waits for the device
        now = time.perf_counter()
        if self._calls == 0:
            self.clock.seconds["start"] = now - self.clock.began
        else:
            self.clock.seconds["steps"] += now - self._began
        self._calls += 1
        if self._calls == BEFORE + TRACED:
            self._trace.close()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self._trace.close()

    def lines(self) -> list[str]:
        """Where the time went, and where the trace lies."""
        seconds = dict(self.clock.seconds)
        total = time.perf_counter() - self.clock.began
        batches = seconds.pop("batches", 0.0)
        seconds["rest"] = max(0.0, total - sum(seconds.values()))
        lines = [
            f"{seconds[name]:8.1f} s {seconds[name] / total:6.1%}  {what}"
            for name, what in SHOWN.items()
            if name in seconds
        ]
        if self._calls > BEFORE:
            told = f"A trace of up to {TRACED} calls of the step is in {self.folder}"
        else:
            told = f"No trace: it begins after {BEFORE} calls of the step"
        return [
            f"{total:8.1f} s in all",
            *lines,
            f"{batches:8.1f} s  batches, in or beside the steps",
            told,
        ]
