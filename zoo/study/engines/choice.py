"""The engine that a command line of `sweep` asks for."""

import importlib
import os
from collections.abc import Iterable
from typing import Annotated, Any

from zoo.errors import RequestError, unknown
from zoo.hyperparameters import NonNegativeFloat, PositiveInt, Rule, parse
from zoo.study.comparison import HIGHER
from zoo.study.engines.local import Local
from zoo.study.engines.work import Engine, Watched
from zoo.study.plans import Plan
from zoo.training.run import BEST_BY, VALIDATION_LOSS
from zoo.training.scoring import EPOCH_SCORES

# What --with takes for Ray, and with each scheduler.
RAY = {"address": str, "num_cpus": NonNegativeFloat, "num_gpus": NonNegativeFloat}
ABOVE_1 = Annotated[float, Rule("above 1", lambda value: value > 1)]
SCHEDULERS: dict[str, dict[str, Any]] = {
    "asha": {"grace_period": PositiveInt, "reduction_factor": ABOVE_1},
    "median": {"grace_period": PositiveInt},
}


def engine_of(
    name: str,
    plan: Plan,
    jobs: int | None = None,
    settings: Iterable[str] = (),
    scheduler: str | None = None,
    watch: str | None = None,
) -> Engine:
    """The `Engine` that does a plan.

    Args:
        name: of the engine.
        plan: what it does.
        jobs: runs at a time, None for as many as the engine thinks right.
        settings: strings "KEY=VALUE" for the engine.
        scheduler: of Ray Tune, to stop runs early.
        watch: the number of the histories that it goes by, None for that of the best epoch.

    Raises:
        RequestError: a package is not installed, or an option is not for this engine, or wrong.
    """
    if jobs is not None and jobs < 1:
        raise RequestError(f"jobs must be at least 1. Received: {jobs}")
    if name != "ray" and (scheduler or watch):
        raise RequestError(
            f"--scheduler and --watch are for --engine ray. Received: --engine {name}"
        )
    if name == "ray":
        return _ray(plan, jobs, settings, scheduler, watch)
    if name == "slurm":
        slurm = _module("slurm", "submitit")
        given = _pairs(settings).items()
        return slurm.Slurm(jobs, {k: int(v) if v.isdecimal() else v for k, v in given})
    if settings:
        raise RequestError("--with is for --engine ray and slurm. Received: --engine local")
    return Local(max(1, (os.cpu_count() or 1) // 2) if jobs is None else jobs)


def _ray(
    plan: Plan,
    jobs: int | None,
    settings: Iterable[str],
    scheduler: str | None,
    watch: str | None,
) -> Engine:
    if watch and not scheduler:
        raise RequestError(f"--watch is for a --scheduler. Received: {watch!r}, without one")
    kinds = SCHEDULERS[scheduler] if scheduler else {}
    known = {**RAY, **kinds}
    given = {}
    for key, text in _pairs(settings).items():
        if key not in known:
            raise unknown("--with", key, known)
        given[key] = parse(key, text, known[key])
    watched = _watched(plan, watch) if scheduler else None
    ray = _module("ray", "ray[tune]")
    needs = {"CPU": given.get("num_cpus", 1.0), "GPU": given.get("num_gpus", 0.0)}
    chosen = {key: given[key] for key in kinds if key in given}
    return ray.Ray(
        jobs,
        needs,
        given.get("address"),
        watched,
        ray.scheduler_of(scheduler, watched, chosen) if scheduler else None,
    )


def _watched(plan: Plan, name: str | None) -> Watched:
    """What a scheduler goes by, that every run of the plan has before its end."""
    scored, validated = (
        all(_has(option, (*job.options, *plan.train)) for job in plan.jobs)
        for option in ("--evaluate-every=", "--validation=")
    )
    name = name or (BEST_BY if scored else VALIDATION_LOSS)
    at_times = {**dict.fromkeys(EPOCH_SCORES, scored), VALIDATION_LOSS: validated}
    if not at_times.get(name, True):
        raise RequestError(
            "A scheduler needs a number of each run before its end: add --evaluate-every or "
            f"--validation, or name a loss with --watch. Received: {name!r}, which no run has"
        )
    return Watched(name, "max" if name in HIGHER else "min", name not in EPOCH_SCORES)


def _has(option: str, options: Iterable[str]) -> bool:
    return any(given.replace("_", "-").startswith(option) for given in options)


def _module(name: str, package: str) -> Any:
    """The module of an engine."""
    try:
        return importlib.import_module(f"zoo.study.engines.{name}")
    except ImportError as error:
        raise RequestError(
            f"--engine {name} needs the package {package}, which is not installed. Install it "
            f"with: pip install 'genzoo[{name}]'"
        ) from error


def _pairs(settings: Iterable[str]) -> dict[str, str]:
    """A dict of strings "KEY=VALUE"."""
    found = {}
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator or not value:
            raise RequestError(f"--with takes KEY=VALUE. Received: {setting!r}")
        found[key.strip().replace("-", "_")] = value.strip()
    return found
