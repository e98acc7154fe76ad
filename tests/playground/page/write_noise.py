"""What `export.runtime` draws for each prior, which the page must draw too.

python tests/playground/page/write_noise.py  # writes the page's tests/noise.json
"""

import json
from pathlib import Path
from typing import Any

from export.runtime import Sampler

OUT = Path(__file__).parents[3] / "export" / "playground" / "page" / "tests" / "noise.json"
INPUTS: dict[str, Any] = {
    "z": {"shape": [5], "dtype": "float32", "prior": "normal"},
    "label": {"shape": [], "dtype": "int32", "prior": "class", "classes": 3},
    "category": {"shape": [], "dtype": "int32", "prior": "category", "classes": 10},
    "code": {"shape": [2], "dtype": "float32", "prior": "uniform"},
    "mask": {"shape": [4, 4, 2], "dtype": "float32", "prior": "mask", "keep": 0.7, "divisor": 2},
    "image": {"shape": [8, 8, 1], "dtype": "float32", "prior": "image", "multiple": 2},
    "mixed": {
        "shape": [2],
        "dtype": "float32",
        "prior": "mixture",
        "means": [[0.1, 2.0], [-1.3, 0.7], [3.0, -2.2]],
        "std": 0.3,
    },
}
LABELS, SEED, SIZE = [0, 1, 2], 12, (4, 6)

if __name__ == "__main__":
    arrays = Sampler(INPUTS, ["a", "b", "c"]).noise(3, LABELS, SEED, SIZE)
    drawn = {
        name: {"shape": array.shape, "bits": array.view("uint32").ravel().tolist()}
        for name, array in arrays.items()
    }
    known = {"inputs": INPUTS, "labels": LABELS, "seed": SEED, "size": SIZE, "drawn": drawn}
    OUT.write_text(json.dumps(known) + "\n")
