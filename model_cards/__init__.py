"""What model cards are made of, and the trained models that come with the project.

Each folder with a manifest.json is such a model. A package, so that an installed project finds it.
"""

import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent  # where the bundled models are looked for


def about(kind: str) -> dict[str, Any]:
    """The words on each model or dataset by name: the entries of models.toml or datasets.toml."""
    path = Path(__file__).with_name(f"{kind}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))
