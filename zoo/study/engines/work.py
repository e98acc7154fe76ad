"""The work of one job of a sweep, the same wherever it runs.

All that is known of a job is in the sweep's folder, which the machines share: a job that begins
again, on another machine too, does what is left of it.
"""

import json
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from zoo import files
from zoo.errors import RequestError
from zoo.start import child_environment
from zoo.study.plans import Job
from zoo.training.run import LOCK, Run, is_vacant
from zoo.training.schema import Record

# How long a file system may take to give up the lock of a machine that is gone.
PATIENCE = 300.0
SECONDS_BETWEEN_TRIES = 1.0


@dataclass(frozen=True)
class Task:
    """A job, and what a machine that shares the sweep's folder is told of it.

    Args:
        where: its place in the sweep and its name, for what is said.
        job: of the plan.
        train: further options of `train`.
        scores: options of `evaluate`, None to evaluate nothing.
        folder: of the sweep.
        command: how this program is started, a list of words.
        place: the folder that relative paths start from.
    """

    where: str
    job: Job
    train: tuple[str, ...]
    scores: tuple[str, ...] | None
    folder: Path
    command: list[str]
    place: Path

    @property
    def path(self) -> Path:
        """Of the run."""
        return self.folder / self.job.name

    @property
    def _record(self) -> Path:
        return self.folder / f"{self.job.name}.stopped.json"

    def todo(self) -> list[list[str]]:
        """The command lines, lists of words, that the job still needs.

        Raises:
            RequestError: the job's folder is no run.
        """
        todo = []
        run = None if is_vacant(self.path) else Run.open(self.path)
        if run is None:
            todo.append(["train", *self.job.arguments, *self.train, f"--runs-dir={self.folder}"])
        elif not run.has_checkpoint or not run.finished:
            if self.stopped_early():
                return []
            todo.append(["train", "--resume", str(self.path)])
        if self.scores is not None and (todo or not (self.path / "scores.json").is_file()):
            runs_dir = f"--runs-dir={self.folder.parent}"
            todo.append(["evaluate", str(self.path), *self.scores, runs_dir])
        return todo

    def rows(self) -> list[Record]:
        """Those of the run's history before its last step."""
        if is_vacant(self.path):
            return []
        run = Run.open(self.path)
        return [row for row in run.history() if row["step"] < run.config["total_steps"]]

    def stop_early(self, row: Record) -> None:
        """Records that the job is not to be gone on with, by a row of its history."""
        files.write_json(self._record, row)

    def forget_stop(self) -> None:
        """Removes the record of `stop_early`."""
        self._record.unlink(missing_ok=True)

    def stopped_early(self) -> str:
        """Why the job is not to be gone on with, in words; "" where it is."""
        if not self._record.is_file():
            return ""
        try:
            row = json.loads(self._record.read_text())
            told = ", ".join(f"{k} {v:.4g}" for k, v in row.items() if k not in ("epoch", "step"))
            return f"stopped early after epoch {row['epoch']}, {told}"
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise RequestError(
                f"The record of a run that was stopped early must be as it was written; remove it "
                f"to go on with the run. Received: {self._record}"
            ) from error


@dataclass(frozen=True)
class Watched:
    """The number of a run's history that tells a scheduler which runs to give up.

    Args:
        name: of the number.
        mode: "min" or "max", whichever is better.
        in_all: whether each row must have it, or rows at times.
    """

    name: str
    mode: str
    in_all: bool


class Engine(Protocol):
    """Does the tasks of a sweep."""

    def run(self, tasks: list[Task], say: Callable[[str], Any]) -> list[bool]:
        """Whether each task is done now; `say` takes a line about each."""


class Work:
    """A task being done: its command lines, each in a process with its output in the job's log.

    Args:
        task: to do.
        say: takes a line about it.
        started: takes the number of each process.
        patience: seconds to wait for a lock that a machine which is gone may have left.
    """

    def __init__(
        self,
        task: Task,
        say: Callable[[str], Any],
        started: Callable[[int], Any] = lambda pid: None,
        patience: float = 0.0,
    ) -> None:
        self.task = task
        self.doing = ""  # the command that runs
        self._say = say
        self._started = started
        self._patience = patience
        self._stopped = threading.Event()
        self._guard = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> bool:
        """Does what is left of the task; returns whether it is done now."""
        where = self.task.where
        try:
            self._await_lock()
            todo = self.task.todo()
            if not todo:
                self._say(f"{where}: {self.task.stopped_early() or 'there already'}")
        except RequestError as error:
            self._say(f"{where}: failed, {error}")
            return False
        for arguments in todo:
            if arguments[0] == "train":
                self.task.forget_stop()  # of a run that is no more
            self._say(f"{where}: {arguments[0]}")
            code, last = self._run(arguments)
            if self._stopped.is_set():
                return False
            if code:
                self._say(f"{where}: failed, {last}")
                return False
        return True

    def end(self) -> None:
        """Starts no further process; those that run are left alone."""
        self._stopped.set()

    def interrupt(self) -> None:
        """Ends as Ctrl-C does: a training saves a checkpoint, and nothing further is started."""
        with self._guard:
            self.end()
            if self._process is not None:
                # Ray blocks SIGINT in its workers, and so in what they start.
                self._process.terminate()

    def _await_lock(self) -> None:
        """Waits while another process trains the run.

        Raises:
            RequestError: it still does after the time there is.
        """
        if not self._patience or is_vacant(self.task.path):
            return
        busy = f"{self.task.path} is being trained by another process"
        end = time.monotonic() + self._patience
        said = False
        while not self._stopped.is_set():
            try:
                with files.locked(self.task.path / LOCK, busy):
                    return
            except RequestError:
                if time.monotonic() >= end:
                    raise
            if not said:
                self._say(f"{self.task.where}: waits, {busy}")
                said = True
            self._stopped.wait(SECONDS_BETWEEN_TRIES)

    def _run(self, arguments: list[str]) -> tuple[int, str]:
        """(exit code, last line) of a command line of this program."""
        log = self.task.folder / f"{self.task.job.name}.log"
        with open(log, "ab") as output:
            with self._guard:
                if self._stopped.is_set():
                    return 0, ""
                self._process = subprocess.Popen(
                    [*self.task.command, *arguments],
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=child_environment(),
                )
            self.doing = arguments[0]
            self._started(self._process.pid)
            code = self._process.wait()
            self.doing = ""
        lines = log.read_text(errors="replace").strip().splitlines()
        return code, lines[-1] if lines else ""
