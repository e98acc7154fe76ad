"""Numbers that numpy draws, which the page must draw too.

python tests/playground/page/write_numbers.py  # writes the page's tests/numbers.json
"""

import json
import zlib
from pathlib import Path

import numpy as np

OUT = Path(__file__).parents[3] / "export" / "playground" / "page" / "tests" / "numbers.json"
SEEDS = ([0, 0], [1, 2], [7, 0, 1], [123456789012345, 3], [2**96 + 5, 1])
MANY = 20_000  # enough for each layer of the ziggurat and for its tail


def bits(array: np.ndarray) -> list[int]:
    """The bits of float32 numbers, so that equality is exact."""
    return array.view("uint32").tolist()


def drawn(entropy: list[int]) -> dict[str, object]:
    """The first numbers of each kind, each from a generator of its own."""

    def rng() -> np.random.Generator:
        return np.random.default_rng(entropy)

    many = rng().standard_normal(MANY, dtype="float32")
    return {
        "entropy": [str(word) for word in entropy],
        "words": np.random.SeedSequence(entropy).generate_state(8).tolist(),
        "normal": bits(many[:40]),
        # The tail's last bit depends on the C library, so that numbers in it are left out.
        "count": MANY,
        "tail": np.flatnonzero(np.abs(many) > 3.65).tolist(),
        "crc32": zlib.crc32(many[np.abs(many) <= 3.65].tobytes()),
        "uniform": bits(rng().random(40, dtype="float32")),
        "integers": {
            str(bound): rng().integers(bound, size=40, dtype="int32").tolist()
            for bound in (1, 2, 10, 1000, 2**31 - 1)
        },
        "long_integers": rng().integers(7, size=40).tolist(),
    }


if __name__ == "__main__":
    OUT.write_text(json.dumps([drawn(entropy) for entropy in SEEDS], indent=None) + "\n")
