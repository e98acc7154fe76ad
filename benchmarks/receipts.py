"""What the trainings of the zoo measured, kept in the project: a small file for each run.

    python benchmarks/receipts.py runs/mnist runs/fashion_mnist

Every run of these folders that has been evaluated becomes a file of benchmarks/receipts/, in place
of an earlier one of the same dataset and name: its config, the minutes and weights that it took,
and its scores with how they were measured. Runs that left out a validation part, to choose a recipe
by, have folders of their own. `benchmarks/tables.py` reads them from there, so that
the rows of a table may come from different days and machines.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

FOLDER = ROOT / "benchmarks" / "receipts"
VALIDATION = "-validation"  # behind the dataset's name
PIXELS = "independent-pixels"  # what benchmarks/independent_pixels.py writes
REPEATED = ("run", "backend", "versions", "parameters")  # in the receipt itself


def keep(paths: Iterable[Path]) -> list[Path]:
    """Writes the receipt of every evaluated run of some folders; returns the files."""
    from export.hub.record import public_config, public_scores
    from zoo.study.comparison import entries_of

    written = []
    for entry in entries_of(paths):
        if not entry.receipts:
            continue
        receipt = {
            "config": public_config(entry.run),
            "parameters": entry.parameters,
            "minutes": entry.minutes,
            "scores": {
                name: {k: v for k, v in public_scores(score).items() if k not in REPEATED}
                for name, score in entry.receipts.items()
            },
        }
        dataset = entry.run.config["dataset"]
        folder = dataset["name"] + (VALIDATION if dataset.get("validation") else "")
        written.append(write(folder, entry.run.id, receipt))
    return written


def write(folder: str, name: str, receipt: dict[str, Any]) -> Path:
    """Writes one receipt, of a run or of independent pixels."""
    path = FOLDER / folder / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(receipt, indent=1) + "\n", encoding="utf-8")
    return path


def read(folder: str) -> dict[str, dict[str, Any]]:
    """The receipts of a folder by name, in order."""
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((FOLDER / folder).glob("*.json"))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="Runs, or folders of runs.")
    for path in keep(parser.parse_args().folders):
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
