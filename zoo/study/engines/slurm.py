"""The jobs of a sweep by Slurm, as one job array that submitit hands in.

A task that Slurm interrupts, at the end of its time or for another user's, ends its training as
Ctrl-C does and is queued again: the next start goes on from the checkpoint.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from zoo.errors import FailedError, RequestError
from zoo.hyperparameters import PositiveInt, check
from zoo.start import child_environment
from zoo.study.engines.work import PATIENCE, Task, Work

# Else submitit closes the handlers of all loggers of this process when it is imported.
os.environ.setdefault("SUBMITIT_LOG_LEVEL", "NOCONFIG")

import submitit  # noqa: E402
from submitit.core.utils import (  # noqa: E402
    FailedJobError,
    FailedSubmissionError,
    UncompletedJobError,
)

STORAGE = ".slurm"  # submitit's files and the output of Slurm, in the sweep's folder
MINUTES = 60  # of a task before it is queued again, where nothing else is asked for
TIMEOUTS = 1_000  # after each of which a task is queued again
SECONDS_BETWEEN_LOOKS = 1.0


class Submitted:
    """A task, as a node calls it: see `submitit.helpers.Checkpointable`."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def __call__(self) -> tuple[bool, list[str]]:
        """(whether it is done, lines about it)."""
        os.chdir(self._task.place)
        lines: list[str] = []
        self._work = Work(self._task, lines.append, patience=PATIENCE)
        # In a thread: a signal comes in this one, and must not find the process being waited for.
        with ThreadPoolExecutor(1) as pool:
            self._done = pool.submit(self._work.run)
            return self._done.result(), lines

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """What is queued again, called in a signal handler while the task runs."""
        self._work.interrupt()
        self._done.result()
        return submitit.helpers.DelayedSubmission(Submitted(self._task))


@dataclass(frozen=True)
class Slurm:
    """An `Engine` of a Slurm cluster.

    Args:
        jobs: at a time, None for as many as Slurm lets run.
        settings: dict of the parameters of `submitit.SlurmExecutor`: "partition", "time" in
            minutes, "gpus_per_node" and so on.
        cluster: of `submitit.AutoExecutor`; "local" is for trying it out without Slurm.

    Raises:
        RequestError: there is no Slurm on this machine, or the time is not in minutes.
    """

    jobs: int | None = None
    settings: Mapping[str, str | int] = field(default_factory=dict)
    cluster: str = "slurm"

    def __post_init__(self) -> None:
        if self.cluster == "slurm" and shutil.which("srun") is None:
            raise RequestError(
                "--engine slurm needs a machine that hands jobs in to Slurm. Received: one "
                "without srun"
            )
        check("time", self.settings.get("time", MINUTES), PositiveInt)  # submitit counts with it

    def run(self, tasks: list[Task], say: Callable[[str], Any]) -> list[bool]:
        """See `Engine`.

        Raises:
            RequestError: submitit has no such parameter.
            FailedError: Slurm does not take the jobs.
        """
        results = {}
        for task in tasks:
            if not _is_left(task):
                results[task.where] = Work(task, say).run()
        left = [task for task in tasks if task.where not in results]
        folder = tasks[0].folder.resolve() / STORAGE
        executor = self._executor(str(folder / "%j"))
        with submitit.helpers.environment_variables(
            PYTHONPATH=child_environment()["PYTHONPATH"],
            PYTHONSAFEPATH="1",
            SUBMITIT_LOG_LEVEL="INFO",  # of the tasks, which have files for it
        ):
            jobs = _submitted(executor, left) if left else []
        try:
            for job in submitit.helpers.as_completed(jobs, poll_frequency=SECONDS_BETWEEN_LOOKS):
                task = left[jobs.index(job)]
                results[task.where] = _result(task, job, say)
        except KeyboardInterrupt:
            for job in jobs:
                job.cancel(check=False)
            raise
        if all(results.values()):
            shutil.rmtree(folder, ignore_errors=True)
        return [results[task.where] for task in tasks]

    def _executor(self, folder: str) -> submitit.AutoExecutor:
        executor = submitit.AutoExecutor(
            folder, cluster=self.cluster, slurm_max_num_timeout=TIMEOUTS
        )
        given: dict[str, Any] = {"time": MINUTES, **self.settings}
        if self.jobs is not None:
            given["array_parallelism"] = self.jobs
        try:
            executor.update_parameters(**{f"slurm_{key}": v for key, v in given.items()})
        except (NameError, ValueError, TypeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise RequestError(
                f"--with must be a parameter of submitit's SlurmExecutor. Received: {reason}"
            ) from error
        return executor


def _is_left(task: Task) -> bool:
    """Whether there is anything to do in a task; one that will fail at once needs no node."""
    try:
        return bool(task.todo())
    except RequestError:
        return False


def _submitted(executor: submitit.AutoExecutor, tasks: list[Task]) -> list[Any]:
    """The submitit jobs of tasks, as one job array."""
    try:
        return executor.submit_array([Submitted(task) for task in tasks])
    except (FailedJobError, FailedSubmissionError) as error:
        raise FailedError(f"Slurm must take the runs. It answered: {_last_line(error)}") from error


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["nothing"])[-1]


def _result(task: Task, job: Any, say: Callable[[str], Any]) -> bool:
    """Whether a task that has ended is done; says what it had to say."""
    try:
        done, lines = job.result()
    except (FailedJobError, UncompletedJobError) as error:
        say(f"{task.where}: failed, job {job.job_id}: {_last_line(error)}")
        return False
    for line in lines:
        say(line)
    return bool(done)
