"""`compare`: runs side by side, as a table, a CSV, curves of a score and samples of the best.

Runs that differ in nothing but their seed are one row of the table, with the standard deviation
over the seeds. Scores that were measured in different ways are refused: see `PROTOCOL`.
"""

import csv
import io
import json
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo import files
from zoo.errors import RequestError
from zoo.pictures import figures
from zoo.study.evaluate import read_scores
from zoo.training.run import BEST_BY, Run, list_runs
from zoo.training.schema import Record
from zoo.training.scoring import EPOCH_SCORES

# What receipts must agree in. The versions and the kind of weights are told, not refused.
PROTOCOL = (
    "dataset",
    "split",
    "images",
    "fingerprint",
    "samples",
    "importance_samples",
    "seed",
    "extractor",
    "extractor_sha256",
    "preprocessing",
    "likelihood",
    "binarization",
)
# Scores of which more is better.
HIGHER = {"cs", "is", "precision", "recall", "density", "coverage", "class_accuracy"}
HIGHER |= {"psnr", "ssim", "anomaly"}
CAPTION = 42  # letters in a line over a picture


@dataclass(frozen=True)
class Entry:
    """A run, its scores with their receipts and its history."""

    run: Run
    receipts: Record
    history: list[Record]

    @property
    def settings(self) -> Record:
        """What was chosen for it: model, hyperparameters, seed and backend."""
        config = self.run.config
        return {
            "model": config["model"],
            **config["hyperparameters"],
            "steps": config["total_steps"],
            "backend": config["backend"],
            "seed": config["seed"],
        }

    @property
    def scores(self) -> dict[str, float]:
        """Dict of metric to value."""
        return {name: r[name] for name, r in self.receipts.items() if name in r}

    @property
    def last_scores(self) -> dict[str, float]:
        """Dict of the scores that its history ends with, as `train --evaluate-every` takes them."""
        rows = [row for row in self.history if BEST_BY in row]
        return {name: rows[-1][name] for name in EPOCH_SCORES if name in rows[-1]} if rows else {}

    @property
    def parameters(self) -> int | None:
        """How many weights its networks have, where a receipt says so."""
        return next((r["parameters"] for r in self.receipts.values() if "parameters" in r), None)

    @property
    def minutes(self) -> float | None:
        """Of training alone, or None before the end of an epoch."""
        seconds = [row["seconds"] for row in self.history if "seconds" in row]
        return sum(seconds) / 60 if seconds else None


def entries_of(paths: Iterable[str | Path]) -> list[Entry]:
    """The `Entry` of each path: a run, or all runs of a folder, a sweep's for example."""
    runs: list[Run] = []
    for path in map(Path, paths):
        inside = [] if (path / "config.json").exists() or not path.is_dir() else list_runs(path)
        runs += inside or [Run.open(path)]
    return [Entry(run, read_scores(run.path), run.history()) for run in runs]


def check_alike(entries: Sequence[Entry]) -> None:
    """Refuses scores of one name that were measured in different ways, and says where."""
    for name in {name for entry in entries for name in entry.receipts}:
        having = [entry for entry in entries if name in entry.receipts]
        for key in PROTOCOL:
            _same(name, key, [(e.run.id, e.receipts[name].get(key)) for e in having])
    scored = [(e.run.id, e.run.config["evaluation"]) for e in entries if _evaluated(e)]
    classifiers = [(name, said["sha256"]) for name, said in scored]
    _same("scores while training", "classifier", classifiers)


def _evaluated(entry: Entry) -> bool:
    return entry.run.config.get("evaluation") is not None


def _same(what: str, key: str, named: Sequence[tuple[str, Any]]) -> None:
    for name, value in named[1:]:
        if value != named[0][1]:
            raise RequestError(
                f"Cannot compare {what}: measured with {key}={named[0][1]!r} in {named[0][0]}, and "
                f"{key}={value!r} in {name}"
            )


def differing(entries: Sequence[Entry]) -> list[str]:
    """Names of the settings in which runs of one model differ, "model" first if that does."""
    found: dict[str, dict[str, set[str]]] = {}
    for entry in entries:
        for key, value in entry.settings.items():
            found.setdefault(key, {}).setdefault(entry.settings["model"], set()).add(repr(value))
    models = len(found["model"]) > 1
    return ["model"] * models + [
        key for key, by_model in found.items() if max(map(len, by_model.values())) > 1
    ]


def rows_of(entries: Sequence[Entry]) -> list[Record]:
    """One flat dict per run: settings that differ, scores, parameters and minutes.

    Where no run has a score with a receipt, those that the histories end with stand in.
    """
    keys = differing(entries)
    metrics = dict.fromkeys(name for entry in entries for name in entry.scores)
    last = () if metrics else [name for name in EPOCH_SCORES if any(e.last_scores for e in entries)]
    return [
        {
            "run": entry.run.id,
            **{key: entry.settings.get(key) for key in keys},
            **{name: entry.scores.get(name) for name in metrics},
            **{f"{name}, last epoch": entry.last_scores.get(name) for name in last},
            "parameters": entry.parameters,
            "minutes": entry.minutes,
        }
        for entry in entries
    ]


def table(entries: Sequence[Entry], rows: Sequence[Record], metric: str) -> str:
    """`rows_of` the entries in Markdown, several seeds as one row, the best by `metric` first."""
    row_of = {entry.run.id: row for entry, row in zip(entries, rows, strict=True)}
    merged = [_merged([row_of[e.run.id] for e in group]) for group in _alike(entries)]
    column = next((key for key in rows[0] if key.partition(",")[0] == metric), None)
    if column:
        merged.sort(key=lambda row: (row[column] is None, _direction(metric) * _mean(row[column])))
    columns = [key for key in rows[0] if any(row.get(key) is not None for row in merged)]
    lines = [columns, ["---"] * len(columns)]
    lines += [[_cell(key, row[key]) for key in columns] for row in merged]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _alike(entries: Sequence[Entry]) -> list[list[Entry]]:
    """The entries in groups that differ in nothing but their seed."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        alike = {k: v for k, v in entry.settings.items() if k != "seed"}
        groups.setdefault(json.dumps(alike), []).append(entry)
    return list(groups.values())


def best_pictures(entries: Sequence[Entry], metric: str) -> list[tuple[str, Path]]:
    """(caption, path) of the newest samples of the best seed of each group, the best first."""
    found, names = [], differing(entries)
    for group in _alike(entries):
        scored = [entry for entry in group if metric in entry.scores]
        if not scored:
            continue
        score, best = min(
            ((_direction(metric) * entry.scores[metric], entry) for entry in scored),
            key=lambda pair: pair[0],
        )
        pictures = sorted((best.run.path / "samples").glob("*.png"))  # of epochs, then of the end
        if pictures:
            values = {key: best.settings[key] for key in names if key in best.settings}
            told = ", ".join(f"{key}\N{NO-BREAK SPACE}{_cell(key, v)}" for key, v in values.items())
            caption = textwrap.fill(told or best.run.id, CAPTION)
            scored_by = f"{metric} {_cell(metric, best.scores[metric])}"
            found.append((score, f"{caption}\n{scored_by}", pictures[-1]))
    found.sort(key=lambda one: one[0])
    return [(caption, path) for _, caption, path in found]


def _direction(metric: str) -> float:
    return -1.0 if metric in HIGHER else 1.0


def _mean(value: Any) -> float:
    return 0.0 if value is None else float(np.mean(value))


def _merged(group: Sequence[Record]) -> Record:
    """Rows of one group as one: what its runs differ in as a list."""
    merged: Record = {}
    for key in group[0]:
        found = [row[key] for row in group if row[key] is not None]
        values = list(dict.fromkeys(found)) if key == "seed" else found
        merged[key] = values if len(set(values)) > 1 else (values or [None])[0]
    if len(group) > 1:
        merged["run"] = re.sub(r"-?seed-\d+", "", group[0]["run"])
    return merged


def _cell(key: str, value: Any) -> str:
    if value is None:
        return "-"
    if key == "seed" and isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, list):
        return f"{_cell(key, float(np.mean(value)))} ± {np.std(value, ddof=1):.2g}"
    if key == "parameters":
        return f"{value:,}"
    digits = 3 if key == "minutes" else 4
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def compare(
    paths: Iterable[str | Path], out: str | Path, metric: str = "fcd", by: str | None = None
) -> tuple[str, list[Path]]:
    """Writes a picture of curves, and beside it a .csv, a .md and a -best.png of samples.

    Args:
        paths: runs, and folders of runs.
        out: of the picture, a .png file.
        metric: a column of the histories, for the curves; a score, for the order of the table.
        by: what the colours of the second panel show: a hyperparameter, model, seed or backend.
            None for the first in which the runs differ.

    Returns:
        (table, written): the Markdown, and the paths. There are no curves where no run has the
        metric in its history, which `train --evaluate-every` writes, and no samples where none has
        it as a score.

    Raises:
        RequestError: no runs, receipts that differ, a name that no run has.
    """
    out = Path(out)
    if out.suffix.lower() != ".png":
        raise RequestError(f"--out must be a .png file. Received: {out}")
    entries = entries_of(paths)
    check_alike(entries)
    known = {key for entry in entries for key in entry.settings}
    if by is not None and by not in known:
        raise RequestError(f"--by must be one of {', '.join(sorted(known))}. Received: {by!r}")
    columns = {key for e in entries for row in e.history for key in row} - {"epoch", "step"}
    scores = {name for entry in entries for name in entry.scores}
    if metric not in columns | scores:
        names = ", ".join(sorted(columns | scores)) or "nothing yet"
        raise RequestError(
            f"--metric must be in the histories or the scores: {names}. Received: {metric!r}"
        )
    by = by or next(iter(differing(entries)), "model")

    rows = rows_of(entries)
    markdown = table(entries, rows, metric)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    written = [out.with_suffix(".csv"), out.with_suffix(".md")]
    for path, content in zip(written, (text.getvalue(), markdown), strict=True):
        files.write_bytes(path, content.encode())
    curves = []
    for entry in entries:
        points = [(row["epoch"], row[metric]) for row in entry.history if metric in row]
        if points:
            curves.append((entry.run.id, entry.settings.get(by), np.array(points, "float64")))
    if curves:
        with files.atomic_path(out) as temporary:
            figures.curves(curves, metric, by).save(temporary)
        written.append(out)
    pictures = best_pictures(entries, metric)
    if pictures:
        best = out.with_name(f"{out.stem}-best.png")
        with files.atomic_path(best) as temporary:
            figures.captioned(pictures).save(temporary)
        written.append(best)
    return markdown, written
