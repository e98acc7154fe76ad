"""`sweep`: a run for every combination of some settings, each in a process of its own.

A sweep is a folder, runs/<name>/: sweep.json, the plan; a run directory and a log per job; and the
comparison of all of them. What is there already is not done again, so a sweep that was interrupted
goes on when it is started again. One process at a time carries out a sweep, on one of the
`engines`: what the plan is (`plans.py`) does not hang on where its jobs run.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo import files
from zoo.errors import RequestError
from zoo.study import comparison
from zoo.study.engines.local import Local
from zoo.study.engines.work import Engine, Task
from zoo.study.plans import Plan
from zoo.training.run import LOCK

PLAN = "sweep.json"


def compare_all(folder: Path, plan: Plan, metric: str = "fcd") -> tuple[str, list[Path]]:
    """`comparison.compare` of the runs of a plan that are there, by FCD or else by a loss."""
    paths = [folder / job.name for job in plan.jobs]
    paths = [path for path in paths if (path / "config.json").is_file()]
    if not paths:
        return "", []
    entries = comparison.entries_of(paths)
    columns = [key for entry in entries for row in entry.history for key in row]
    scored = metric in columns or any(metric in entry.scores for entry in entries)
    loss = next((key for key in columns if "loss" in key), metric)
    by = next((key for key in comparison.differing(entries) if key != "model"), None)
    return comparison.compare(paths, folder / "comparison.png", metric if scored else loss, by)


@dataclass
class Sweep:
    """A plan being carried out.

    Args:
        folder: of the sweep.
        plan: what is to be done.
        command: how this program is started, a list of words.
        engine: does the jobs.
        say: takes a line about each job.
    """

    folder: Path
    plan: Plan
    command: list[str]
    engine: Engine = Local()
    say: Callable[[str], Any] = print

    def run(self) -> list[str]:
        """Does what is left to do; returns the names of the jobs that failed.

        Raises:
            RequestError: the folder has another plan, or another process carries this one out.
        """
        names = [job.name for job in self.plan.jobs]
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise RequestError(f"The plan has runs twice. Received: {', '.join(sorted(twice))}")
        busy = (
            f"Another process is carrying out the sweep {self.folder}: wait for it, or choose "
            "another folder with --name."
        )
        with files.locked(self.folder / LOCK, busy):
            files.remove_temporaries(self.folder, (PLAN, "*.stopped.json"))
            self._check_plan()
            results = self.engine.run(self.tasks(), self.say)
        return [name for name, done in zip(names, results, strict=True) if not done]

    def _check_plan(self) -> None:
        """Writes the plan to the folder, or refuses a folder that has another."""
        path, record = self.folder / PLAN, json.loads(json.dumps(self.plan.record()))
        if path.is_file():
            try:
                there = json.loads(path.read_text())
            except ValueError as error:
                raise RequestError(
                    f"A sweep's {PLAN} must be JSON; remove it to begin anew. Received: {path}"
                ) from error
            if there != record:
                raise RequestError(
                    "The folder holds a different sweep; choose another with --name. "
                    f"Received: {self.folder}"
                )
        files.write_json(path, record)

    def tasks(self) -> list[Task]:
        """The jobs of the plan, each with what a machine needs to do it."""
        plan = self.plan
        return [
            Task(
                f"{number}/{len(plan.jobs)} {job.name}",
                job,
                plan.train,
                job.evaluate if plan.evaluate is None else plan.evaluate,
                self.folder,
                self.command,
                Path.cwd(),
            )
            for number, job in enumerate(plan.jobs, 1)
        ]


def carry_out(
    folder: Path, plan: Plan, command: list[str], engine: Engine
) -> tuple[list[str], list[str]]:
    """Does what is left of a plan, and compares its runs.

    Args:
        folder: of the sweep.
        plan: what to do.
        command: how this program is started, a list of words.
        engine: does the jobs.

    Returns:
        (lines, failed): the table and the files of the comparison, and the names of the runs that
        failed.
    """
    failed = Sweep(folder, plan, command, engine).run()
    table, written = compare_all(folder, plan)
    return [table, *map(str, written)], failed
