"""The pictures that the Python runtime draws from a site's models, for the end-to-end tests.

python tests/playground/page/expect.py SITE  # writes SITE/expected.json
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from export.runtime import load

SEED, COUNT = 3, 16


def is_whole(path: Path, model: dict) -> bool:
    """Whether a model's file is the one that models.json describes."""
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == model["sha256"]


def pixels(images: np.ndarray) -> list[list[int]]:
    return np.rint(255 * images).astype(int).reshape(len(images), -1).tolist()


def expected(site: Path) -> list[dict]:
    """For each generator its pictures of one seed: of its last class, and of all in turn."""
    found = []
    for model in json.loads((site / "models.json").read_text())["models"]:
        path = site / model["file"]
        if model["kind"] != "generator" or not is_whole(path, model):
            continue
        generator = load(path)
        for label in {None, len(generator.class_names) - 1 if generator.class_names else None}:
            images = generator.generate(COUNT, classes=label, seed=SEED)
            shown = {"id": model["id"], "seed": SEED, "class": label}
            found.append(shown | {"channels": images.shape[-1], "pixels": pixels(images)})
    return found


if __name__ == "__main__":
    site = Path(sys.argv[1])
    (site / "expected.json").write_text(json.dumps(expected(site)))
