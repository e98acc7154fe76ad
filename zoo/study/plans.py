"""The plan of a `sweep`: its jobs, from a command line or from a TOML file:

[train]                      # options of `train`, for all
dataset = "mnist"
epochs = 3
evaluate-every = 1

[evaluate]                   # options of `evaluate`; without this table nothing is evaluated
metrics = ["fcd", "cs"]
samples = 10000

[[runs]]                     # one or several grids
model = "wgan"
grid = {clip = [0.01, 0.1], n_critic = [1, 5], seed = [0, 1]}

[[runs]]
model = "vae"
train = {backend = "jax"}    # options for these runs, in place of those for all
evaluate = {metrics = ["nll"]}

[sizes.small]                # what `--size small` adds to all of the above, or replaces
train = {steps = 2000}
grid = {width = [8]}

[sizes.paper]
evaluate = {samples = 51200}
"""

import itertools
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoo import registry
from zoo.errors import RequestError

TABLES = {"train", "evaluate", "runs", "sizes"}
OF_RUNS = {"model", "grid", "preset", "train", "evaluate"}
OF_SIZES = {"grid", "train", "evaluate"}


@dataclass(frozen=True)
class Job:
    """One run: its name in the sweep, its model, and what `train` is told of it."""

    name: str
    model: str
    settings: tuple[str, ...]  # KEY=VALUE
    seed: int | None = None
    preset: str | None = None
    options: tuple[str, ...] = ()  # of `train`, as its file says
    evaluate: tuple[str, ...] | None = None  # options of `evaluate`; None to evaluate nothing

    @property
    def arguments(self) -> list[str]:
        """What `train` is given of it, as words."""
        found = [self.model, "--name", self.name, *(f"--set={s}" for s in self.settings)]
        found += [] if self.seed is None else [f"--seed={self.seed}"]
        found += [] if self.preset is None else [f"--preset={self.preset}"]
        return [*found, *self.options]


@dataclass(frozen=True)
class Plan:
    """Jobs, and options for all of them: further ones of `train`, and those of `evaluate` that are
    in place of each job's own."""

    jobs: tuple[Job, ...]
    train: tuple[str, ...]
    evaluate: tuple[str, ...] | None = None

    def record(self) -> dict[str, Any]:
        """What makes it this plan and no other, for sweep.json."""
        jobs = [[*job.arguments, "evaluate", *(job.evaluate or ())] for job in self.jobs]
        return {"jobs": jobs, "train": self.train, "evaluate": self.evaluate}


def read_plan(path: str | Path, size: str | None = None) -> Plan:
    """The `Plan` of a TOML file, at one of its sizes where it has some."""
    path = Path(path)
    try:
        tables = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"A sweep is a TOML file. Received: {path} ({error})") from error
    unknown = tables.keys() - TABLES
    grids = tables.get("runs")
    if unknown or not isinstance(grids, list) or not grids:
        raise RequestError(
            "A sweep's file has [[runs]], and may have [train], [evaluate] and [sizes]. "
            f"Received: {path} with {', '.join(sorted(tables)) or 'nothing'}"
        )
    more = _size(path, tables.get("sizes", {}), size)
    jobs: list[Job] = []
    models = [grid.get("model") for grid in grids]
    for grid in grids:
        if "model" not in grid or grid.keys() - OF_RUNS:
            raise RequestError(
                "[[runs]] have a model, and may have a preset, a grid, and options of train and "
                "evaluate. "
                f"Received: {', '.join(grid)} in {path}"
            )
        model = grid["model"]
        several = models.count(model) > 1
        axes = {**grid.get("grid", {}), **more.get("grid", {})}
        found = grid_jobs(model, axes, grid.get("preset"), several)
        levels = (tables, more, grid)  # the later count
        options, scores = (
            _options({k: v for level in levels for k, v in level.get(kind, {}).items()})
            for kind in ("train", "evaluate")
        )
        evaluate = scores if any("evaluate" in level for level in levels) else None
        jobs += [replace(job, options=options, evaluate=evaluate) for job in found]
    return Plan(tuple(jobs), ())


def _size(path: Path, sizes: Any, size: str | None) -> dict[str, Any]:
    """The table of a size: what it adds to every run of a plan."""
    if not isinstance(sizes, dict) or any(
        not isinstance(one, dict) or one.keys() - OF_SIZES for one in sizes.values()
    ):
        raise RequestError(
            f"[sizes.NAME] may have a grid, and options of train and evaluate. Received: {path}"
        )
    if size is None and not sizes:
        return {}
    if size not in sizes:
        known = ", ".join(sizes) or "none"
        raise RequestError(
            f"--size must be one of the plan's sizes: {known}. Received: {size or 'no --size'}"
        )
    return sizes[size]


def plan_of(
    source: str,
    settings: Iterable[str] = (),
    preset: str | None = None,
    train: Mapping[str, Any] | None = None,
    evaluate: Mapping[str, Any] | None = None,
    size: str | None = None,
) -> Plan:
    """The `Plan` that a command line means.

    Args:
        source: a model, or the path of a TOML file.
        settings: strings "KEY=A,B", for a model.
        preset: for a model.
        train, evaluate: dicts of further options, None those that are not given; they come after
            those of a file and so count.
        size: of the plan of a file.
    """
    given = _options({k: v for k, v in (train or {}).items() if v is not None})
    scores = {k: v for k, v in (evaluate or {}).items() if v is not None}
    if "samples" in scores and "metrics" not in scores:
        raise RequestError("--samples is for scores: say which with --metrics")
    if source.endswith(".toml"):
        if settings or preset:
            raise RequestError(
                "A plan's file says what is set; --set and --preset are for a model. "
                f"Received: {' '.join([*settings, preset or ''])}"
            )
        plan = read_plan(source, size)
        return replace(plan, train=given, evaluate=_options(scores) if scores else None)
    if size:
        raise RequestError(f"--size is for the plan of a file. Received: {size}")
    grid = {}
    for setting in settings:
        key, separator, values = setting.partition("=")
        if not separator or not values:
            raise RequestError(f"--set takes KEY=A,B,... Received: {setting!r}")
        grid[key.strip().replace("-", "_")] = [value.strip() for value in values.split(",")]
    jobs = grid_jobs(source, grid, preset)
    return Plan(tuple(jobs), given, _options(scores) if scores else None)


def grid_jobs(
    model: str,
    grid: Mapping[str, list[Any]],
    preset: str | None = None,
    named_in_full: bool = False,
) -> list[Job]:
    """The `Job`s of all combinations of a grid.

    Args:
        model: a registered name.
        grid: dict of hyperparameter, or "seed", to a list of values.
        preset: see `RegisteredModel.configure`.
        named_in_full: by every key, and not only by those of several values.

    Raises:
        RequestError: a model or a key that there is not, or a value of another kind.
    """
    entry = registry.entry(model)
    jobs: list[Job] = []
    for values in itertools.product(*(_list(key, value) for key, value in grid.items())):
        chosen = dict(zip(grid, map(_text, values), strict=True))
        varied = {k: v for k, v in chosen.items() if named_in_full or len(grid[k]) > 1}
        parts = [model, *([preset] if preset else []), *(f"{k}-{v}" for k, v in varied.items())]
        seed = chosen.pop("seed", None)
        if seed is not None and not seed.isdecimal():
            raise RequestError(f"seed must be an integer from 0. Received: {seed!r}")
        settings = tuple(f"{key}={value}" for key, value in chosen.items())
        entry.configure(preset or "default", settings)  # refuses what it does not know
        name = re.sub(r"[^A-Za-z0-9._-]+", "_", "-".join(parts))
        jobs.append(Job(name, model, settings, None if seed is None else int(seed), preset))
    return jobs


def _list(key: str, values: Any) -> list[Any]:
    if not isinstance(values, list) or not values:
        raise RequestError(f"A grid has a list of values for {key}. Received: {values!r}")
    return values


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _options(table: Mapping[str, Any]) -> tuple[str, ...]:
    """A TOML table as options of a command."""
    found: list[str] = []
    for key, value in table.items():
        for one in value if isinstance(value, list) else [value]:
            found.append(f"--{key}={_text(one)}")
    return tuple(found)
