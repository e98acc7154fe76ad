"""The jobs of a sweep in processes on this machine."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from zoo.study.engines.work import Task, Work


@dataclass(frozen=True)
class Local:
    """An `Engine` of this machine's cores.

    Args:
        workers: jobs at a time; each gets its share of the cores.
    """

    workers: int = 1

    def run(self, tasks: list[Task], say: Callable[[str], Any]) -> list[bool]:
        """See `Engine`."""
        works = [Work(task, say, self._share_cores) for task in tasks]
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                return list(pool.map(Work.run, works))
            except KeyboardInterrupt:
                for work in works:
                    work.end()  # those that run have had the signal too, and save
                raise

    def _share_cores(self, pid: int) -> None:
        """Gives a process as many cores as each worker can have, where the system lets one."""
        if self.workers == 1 or not hasattr(os, "sched_setaffinity"):
            return
        cores = sorted(os.sched_getaffinity(0))
        share = max(1, len(cores) // self.workers)
        # Threads of the pool are named by their number.
        worker = int(threading.current_thread().name.rpartition("_")[2])
        first = worker * share % len(cores)
        os.sched_setaffinity(pid, cores[first : first + share])
