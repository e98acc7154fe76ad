"""Scores of independent pixels, the least that a model can know: a row of the leaderboards.

    python benchmarks/independent_pixels.py fashion_mnist [--data-dir DIR]

10,000 images are drawn whose every pixel is that of a training image chosen for it alone, from
seed 0, and scored as generated images are; `nll` is of coins, each pixel by its mean. The scores
are kept beside the receipts of the runs, where `benchmarks/tables.py` finds them.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks import receipts  # noqa: E402

COUNT, SEED = 10_000, 0
METRICS = ("fcd", "cs", "precision", "recall", "coverage")


def measure(train: Any, test: Any, runs_dir: Path, count: int = COUNT) -> dict[str, Any]:
    """Dict of metric to its score, with how it was taken.

    Args:
        train, test: splits of a `zoo.data.Dataset`.
        runs_dir: folder of the runs, whose `classifiers` is looked at, and kept in.
        count: images that are drawn.
    """
    from zoo.metrics import samples
    from zoo.study.scores import Protocol
    from zoo.versions import versions
    from zoo.views.pixels import independent_nll, independent_pixels

    protocol = Protocol(runs_dir=runs_dir)
    extractor = protocol.extractor("classifier", test)
    reference = samples.Reference(extractor, train, test, protocol.folder)
    drawn = independent_pixels(train.images, count, np.random.default_rng(SEED))
    comparison = samples.Comparison(reference, samples.parts(drawn), SEED)
    about = {**comparison.receipt(), "drawn": "independent pixels", "versions": versions()}
    found = {name: {**comparison.score(name), **about} for name in METRICS}
    nll = independent_nll(train.images, test.images)
    found["nll"] = {
        "nll": nll,
        "dataset": test.name,
        "split": "test",
        "images": len(test.images),
        "likelihood": "bernoulli",
        "binarization": "dynamic",
    }
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("dataset", help="One of `genzoo list datasets`.")
    parser.add_argument("--runs-dir", type=Path, default=Path("runs"), help="Keeps its features.")
    parser.add_argument("--data-dir", type=Path)
    options = parser.parse_args()
    from zoo import data
    from zoo.start import start_backend

    start_backend(None)
    train, test = (
        data.load(options.dataset, split=split, data_dir=options.data_dir)
        for split in ("train", "test")
    )
    found = measure(train, test, options.runs_dir)
    path = receipts.write(options.dataset, receipts.PIXELS, {"scores": found})
    print(path.relative_to(ROOT), *(f"{name} {found[name][name]:.4g}" for name in found))


if __name__ == "__main__":
    main()
