"""Whether the findings of the study hold here, from the results of its plans.

    cp runs/wgan-small/comparison.csv benchmarks/study/results/wgan-small-mnist.csv
    python benchmarks/tables.py study

`benchmarks/claims.toml` has the findings. Two sides of a comparison, of several seeds each,
differ when Welch's t-test says so at 5 %. Then "beats" is agreed or disagreed with by the sign, and
undecided otherwise. "Alike" is disagreed with when two sides differ, and agreed with when all means
lie within a tenth of each other and no two sides differ; else it is undecided.
"""

import csv
import itertools
import statistics
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

STUDY = Path(__file__).resolve().parent / "study"
CLAIMS = STUDY.parent / "claims.toml"
DATASETS = ("mnist", "fashion_mnist")
METRIC = "fcd"
LEVEL, NEAR = 0.05, 0.1
# What the study varies and what it found of which is not known here: a plan, and the column.
VARIED = {"dcgan_batch_size": "batch_size", "dcgan_learning_rate": "learning_rate"}

Seeds = list[float]  # a score of each


def claims() -> list[dict[str, Any]]:
    """The findings, in the order of the table."""
    return tomllib.loads(CLAIMS.read_text(encoding="utf-8"))["claims"]


def scores_of(rows: Sequence[Mapping[str, str]], side: Mapping[str, Any]) -> Seeds:
    """The scores of the rows whose columns have a side's values.

    Raises:
        KeyError: the results have no such column.
    """
    alike = [row for row in rows if all(_is(row[key], value) for key, value in side.items())]
    return [float(row[METRIC]) for row in alike if row[METRIC]]


def _is(cell: str, value: Any) -> bool:
    return cell == value if isinstance(value, str) else float(cell) == value


def differ(one: Seeds, other: Seeds) -> bool:
    """Whether the means of two sides, of two seeds or more each, differ by more than chance."""
    from scipy import stats

    if not statistics.pstdev(one) and not statistics.pstdev(other):
        return one[0] != other[0]
    return bool(stats.ttest_ind(one, other, equal_var=False).pvalue < LEVEL)


def verdict(kind: str, sides: Sequence[Seeds]) -> str:
    """ "agree", "disagree", "undecided", or "not run" where a side has no scores."""
    if not all(sides):
        return "not run"
    if any(len(side) < 2 for side in sides):
        return "undecided"
    means = list(map(statistics.mean, sides))
    different = any(differ(*pair) for pair in itertools.combinations(sides, 2))
    if kind == "beats":
        return "undecided" if not different else "agree" if means[0] < means[1] else "disagree"
    if different:
        return "disagree"
    return "agree" if max(means) - min(means) <= NEAR * min(means) else "undecided"


def results(plan: str, dataset: str) -> list[dict[str, str]]:
    """The rows of a plan's comparison on a dataset; none if it has not been run."""
    path = STUDY / "results" / f"{plan}-small-{dataset}.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def judged() -> Iterator[tuple[str, str, list[Seeds], str]]:
    """Yields (finding, dataset, the scores of its sides, verdict) of each finding and dataset."""
    for claim in claims():
        kind = "beats" if "beats" in claim else "alike"
        for dataset in claim.get("datasets", DATASETS):
            rows = results(claim["plan"], dataset)
            sides = [scores_of(rows, side) for side in claim[kind]]
            yield claim["text"], dataset, sides, verdict(kind, sides)


def varied() -> Iterator[tuple[str, str, dict[str, Seeds]]]:
    """Yields (column, dataset, the scores at each of its values) of each plan of `VARIED`."""
    for plan, column in VARIED.items():
        for dataset in DATASETS:
            found: dict[str, Seeds] = {}
            for row in results(plan, dataset):
                if row[METRIC]:
                    found.setdefault(row[column], []).append(float(row[METRIC]))
            yield column, dataset, dict(sorted(found.items(), key=lambda item: float(item[0])))
