"""The jobs of a sweep on a Ray cluster, as trials of Ray Tune.

A trial does the work that a job is everywhere (`work.py`) on the node that Ray chooses. When a node
is lost its trials begin again on others, from the checkpoints in the sweep's folder. With a
scheduler a trial tells the number that is watched after each epoch, and one that the scheduler
gives up saves, ends, and is recorded as stopped early.
"""

import logging
import os
import shutil
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, ClassVar

import ray
from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler, MedianStoppingRule, TrialScheduler

from zoo.errors import RequestError
from zoo.start import child_environment
from zoo.study.engines.work import PATIENCE, Task, Watched, Work

STORAGE = ".tune"  # what Tune keeps of its own, in the sweep's folder
LOSSES = 3  # of its nodes that a job outlives
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_TO_ANSWER = 10.0
ENDLESS = 10**9  # epochs: the plan says how long a run is, and not the scheduler
# No reports to Ray's makers, no logs but ours, and a result may be without the watched number.
QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",  # else Tune prints tables at any verbosity
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
}


class Trial(tune.Trainable):
    """A task, as Tune runs it: on a node of the cluster, in a process of its own."""

    # A class that Tune is given has these. In its object store, which `tune.with_parameters` uses,
    # it first looks for a copy on the node that is lost, for half a minute.
    tasks: ClassVar[list[Task]]
    watched: ClassVar[Watched | None]

    def setup(self, config: dict[str, Any]) -> None:
        """Begins the task of the config's index."""
        self._task = self.tasks[config["index"]]
        os.chdir(self._task.place)
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._told = 0  # rows of the history
        self._sound = True
        self._work = Work(self._task, self._lines.put, patience=PATIENCE)
        self._pool = ThreadPoolExecutor(1)
        self._done = self._pool.submit(self._work.run)

    def step(self) -> dict[str, Any]:
        """What is new: lines to say, a row of the history, or the end; for a second, or nothing.

        Tune cannot stop a trial before it has returned.
        """
        found = self._news()
        if found == {"lines": []}:
            wait([self._done], SECONDS_BETWEEN_LOOKS)
            found = self._news()
        return found

    def _news(self) -> dict[str, Any]:
        ended = self._done.done()
        # A run that is trained to its end is not given up: while it is evaluated there are no rows.
        watching = self._done.result() if ended else self._work.doing == "train"
        watches = watching and self.watched is not None
        row = self._next_row() if watches and self._sound else {}
        found = {"lines": [self._lines.get() for _ in range(self._lines.qsize())], **row}
        if ended and not row:
            found |= {"done": True, "succeeded": self._sound and self._done.result()}
        return found

    def _next_row(self) -> dict[str, Any]:
        """Epoch, step and the watched number of the next row of the history, as far as it has them.

        A history that cannot be watched ends the training.
        """
        assert self.watched is not None
        try:
            rows = self._task.rows()[self._told : self._told + 1]
            row = {key: rows[0][key] for key in ("epoch", "step")} if rows else {}
            if rows and self.watched.name in rows[0]:
                row["watched"] = rows[0][self.watched.name]
            elif rows and self.watched.in_all:
                known = ", ".join(sorted(rows[0].keys() - {"epoch", "step", "seconds"}))
                raise RequestError(
                    f"--watch must be one of {known}. Received: {self.watched.name!r}"
                )
        except RequestError as error:
            self._sound = False
            self._work.interrupt()
            self._lines.put(f"{self._task.where}: failed, {error}")
            return {}
        self._told += len(rows)
        return row

    def cleanup(self) -> None:
        """Ends the training as Ctrl-C does, where it has not ended."""
        self._work.interrupt()
        self._pool.shutdown()


class Teller(tune.Callback):
    """Takes what trials tell: lines, whether they succeeded, and which were stopped early."""

    def __init__(
        self, tasks: list[Task], watched: Watched | None, say: Callable[[str], Any]
    ) -> None:
        self.results: dict[int, bool] = {}
        self._tasks, self._watched, self._say = tasks, watched, say

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Of each result; one that is "done" and does not say how it ended was given up."""
        index = trial.config["index"]
        task = self._tasks[index]
        for line in result["lines"]:
            self._say(line)
        if "succeeded" in result:
            self.results[index] = result["succeeded"]
        elif result["done"] and self._watched:
            self.results[index] = True
            if task.todo():  # else it had ended before, and told its history for the others
                row = {"epoch": result["epoch"], "step": result["step"]}
                task.stop_early({**row, self._watched.name: result["watched"]})
                self._say(f"{task.where}: {task.stopped_early()}")

    def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Of a trial that was lost with its node."""
        self._say(f"{self._tasks[trial.config['index']].where}: lost, begins again")

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Of a trial that is not begun again."""
        index = trial.config["index"]
        self.results[index] = False
        self._say(f"{self._tasks[index].where}: failed, begun again {LOSSES} times without an end")


@dataclass(frozen=True)
class Ray:
    """An `Engine` of a Ray cluster: of the one that runs, or of this machine alone.

    Args:
        jobs: at a time, None for as many as the cluster has room for.
        needs: CPUs and GPUs of a job, by Ray's names "CPU" and "GPU".
        address: of the cluster, "HOST:PORT"; None for that of RAY_ADDRESS or the one that this
            machine belongs to, and where there is none, for this machine alone.
        watched: what tells a scheduler of each run.
        scheduler: stops runs early, by what they tell.

    Raises:
        RequestError: nothing answers at the address.
    """

    jobs: int | None = None
    needs: Mapping[str, float] | None = None
    address: str | None = None
    watched: Watched | None = None
    scheduler: TrialScheduler | None = None

    def __post_init__(self) -> None:
        if self.address is None:
            return
        host, _, port = self.address.rpartition(":")
        try:  # Ray itself tries for minutes
            socket.create_connection((host, int(port)), SECONDS_TO_ANSWER).close()
        except (OSError, OverflowError, ValueError) as error:
            raise RequestError(
                f"address must be the HOST:PORT of a Ray cluster that runs. Received: "
                f"{self.address} ({error})"
            ) from error

    def run(self, tasks: list[Task], say: Callable[[str], Any]) -> list[bool]:
        """See `Engine`."""
        teller = Teller(tasks, self.watched, say)
        trial = type("BoundTrial", (Trial,), {"tasks": tasks, "watched": self.watched})
        needs = dict(self.needs or {"CPU": 1.0})
        storage = tasks[0].folder.resolve() / STORAGE
        shutil.rmtree(storage, ignore_errors=True)  # what a sweep that was killed has left
        with _cluster(self.address), _signals_kept():
            if not any(_fits(needs, node["Resources"]) for node in ray.nodes() if node["Alive"]):
                asked = ", ".join(f"{kind} {count:g}" for kind, count in needs.items())
                say(f"No node of the cluster has what a run needs ({asked}): waiting for one")
            tune.Tuner(
                tune.with_resources(trial, needs),
                param_space={"index": tune.grid_search(list(range(len(tasks))))},
                tune_config=tune.TuneConfig(
                    max_concurrent_trials=self.jobs, scheduler=self.scheduler
                ),
                run_config=tune.RunConfig(
                    storage_path=str(storage),
                    # What there is to keep is in the folder of the run.
                    checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                    failure_config=tune.FailureConfig(max_failures=LOSSES),
                    callbacks=[teller],
                    verbose=0,
                ),
            ).fit()
        shutil.rmtree(storage, ignore_errors=True)
        if len(teller.results) < len(tasks):  # Tune ends quietly after Ctrl-C
            raise KeyboardInterrupt
        return [teller.results[index] for index in range(len(tasks))]


def scheduler_of(name: str, watched: Watched, settings: Mapping[str, float]) -> TrialScheduler:
    """One of Tune's schedulers.

    Args:
        name: "asha" or "median".
        watched: what it goes by.
        settings: dict of "grace_period", epochs before a run may be stopped, and for ASHA
            "reduction_factor": of so many runs one is kept at each rung.
    """
    common: dict[str, Any] = {"time_attr": "epoch", "metric": "watched", **settings}
    common["mode"] = watched.mode
    if name == "asha":
        return AsyncHyperBandScheduler(max_t=ENDLESS, **common)
    return MedianStoppingRule(**{"grace_period": 1, **common})


def _fits(needs: Mapping[str, float], resources: Mapping[str, float]) -> bool:
    return all(resources.get(kind, 0.0) >= count for kind, count in needs.items())


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """A connection to a cluster; one that there is already stays."""
    os.environ.update(QUIET)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)  # what is of interest is said
    if ray.is_initialized():
        yield
        return
    names = ("PYTHONPATH", "KERAS_BACKEND")
    environment = {k: v for k, v in child_environment().items() if k in names}
    ray.init(
        address,
        runtime_env={"env_vars": environment},
        logging_level=logging.ERROR,
        log_to_driver=False,
        include_dashboard=False,
    )
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Gives back the handlers of signals that Tune replaces."""
    numbers = [signal.SIGINT, *([signal.SIGUSR1] if hasattr(signal, "SIGUSR1") else [])]
    kept = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
