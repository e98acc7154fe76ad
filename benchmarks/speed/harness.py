"""How speed is measured here: ways to do one thing, in turn in one process, as ratios.

A shared machine is now quick, now slow, so only what runs alternately can be compared. Each way is
called once to warm up (and compile), then once a round, in an order that turns round with every
round; a ratio is taken within a round, and the median over the rounds is reported with its range.
What needs a backend of its own, or the memory of a process, runs in a process of its own.
"""

import argparse
import datetime
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoo import files
from zoo.start import TENSORFLOW
from zoo.versions import versions

# Records of another machine go to a folder of their own (benchmarks/gpu.sh).
RESULTS = Path(os.environ.get("SPEED_RECORDS") or Path(__file__).parent / "results")


def parser(
    doc: str | None, models: Collection[str], backends: Collection[str], rounds: int
) -> argparse.ArgumentParser:
    """What the measurements by model and backend are called with; `rounds` is the default."""
    found = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    found.add_argument("--model", nargs="*", choices=models, default=list(models))
    found.add_argument("--backend", nargs="*", choices=backends, default=list(backends))
    found.add_argument("--rounds", type=int, default=rounds)
    return found


def without_dense(hyperparameters: Collection[str]) -> list[str]:
    """Settings that leave out fully connected hidden layers beside convolutions.

    What is written by hand here has none, and nor have the figures that there are.
    """
    return [f"{key}=0" for key in hyperparameters if key.endswith("_dense")]


def measure(ways: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Seconds of each way in each round.

    Args:
        ways: functions that end when their work is done, also on a device.
        rounds: after the one that warms up.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for round_ in range(rounds):
        for name in list(ways) if round_ % 2 else reversed(list(ways)):
            began = time.perf_counter()
            ways[name]()
            seconds[name].append(time.perf_counter() - began)
    return seconds


def ratio(seconds: Mapping[str, list[float]], way: str, other: str) -> dict[str, float]:
    """How many times as fast as the `other` a way is: "median", "least" and "most"."""
    each = [b / a for a, b in zip(seconds[way], seconds[other], strict=True)]
    return {"median": statistics.median(each), "least": min(each), "most": max(each)}


def told(found: Mapping[str, float]) -> str:
    """A ratio as a cell of a table."""
    return f"{found['median']:.2f} ({found['least']:.2f} to {found['most']:.2f})"


def environment(backend: str, threads: int = 1) -> dict[str, str]:
    """What a process is started with, so that it computes on so many threads."""
    count = str(threads)
    flags = f"--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads={threads}"
    return {
        **TENSORFLOW, **os.environ, "KERAS_BACKEND": backend,
        "OMP_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count,
        "TF_NUM_INTRAOP_THREADS": count, "TF_NUM_INTEROP_THREADS": count,
        **({"XLA_FLAGS": flags} if threads == 1 else {}),
    }  # fmt: skip


def apart(file: str, arguments: Sequence[object], backend: str, threads: int = 1) -> Any:
    """What a script prints on its last line, as JSON, in a process of its own.

    Raises:
        CalledProcessError: the script failed.
    """
    command = [sys.executable, file, *map(str, arguments)]
    done = subprocess.run(
        command, env=environment(backend, threads), stdout=subprocess.PIPE, text=True, check=True
    )
    return json.loads(done.stdout.strip().splitlines()[-1])


def peak() -> float:
    """GiB held at most: by this backend on its GPU, or else by this process."""
    backend = os.environ["KERAS_BACKEND"]
    held = None
    if backend == "torch":
        import torch

        held = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else None
    elif backend == "jax":
        import jax

        held = (jax.devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    else:
        import tensorflow as tf

        if tf.config.list_physical_devices("GPU"):
            held = tf.config.experimental.get_memory_info("GPU:0")["peak"]
    if held is None:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return held / 2**30


def matrix_rate(size: int = 1024, seconds: float = 1.0) -> float:
    """Float32 operations a second of numpy's matrix product: what the processor gives at best."""
    import numpy as np

    a = np.random.default_rng(0).random((size, size), dtype="float32")
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        began = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - began)
    return 2.0 * size**3 / best


def machine() -> dict[str, Any]:
    """What the figures of a record depend on."""
    name = platform.processor()
    cpu = Path("/proc/cpuinfo")
    if cpu.is_file():
        models = [line for line in cpu.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":")[1].strip() if models else name
    about = {"processor": name, "cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0]}
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        about["gpus"] = subprocess.run(query, capture_output=True, text=True).stdout.splitlines()
    return about


def keep(name: str, record: Mapping[str, Any]) -> Path:
    """Writes results/<name>.json: the record, with the date, the versions and the machine."""
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    files.write_json(path, {"date": today, **record, "machine": machine(), "versions": versions()})
    return path


def records(pattern: str) -> dict[str, dict[str, Any]]:
    """The records whose names match a glob pattern, by name."""
    paths = sorted(RESULTS.glob(f"{pattern}.json"))
    return {path.stem: json.loads(path.read_text()) for path in paths}
