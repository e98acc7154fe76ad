"""A playground as a static Space of the Hugging Face Hub: a site that the Hub serves."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from export.hub import upload
from export.hub.layout import CARD, Kind
from export.playground.serve import THREADS
from export.playground.write import MODELS, write
from zoo import files

SPACE = Kind(
    "space",
    re.compile(
        rf"{re.escape(MODELS)}|{re.escape(CARD)}|index\.html|style\.css"
        r"|assets/\w+\.(css|js)|ort/(LICENSE|[\w.-]+\.(mjs|wasm))|models/[\w.-]+/[\w.-]+\.(onnx|png)",
        re.ASCII,
    ),
    "A Space of this project holds a playground and nothing else.",
    marker=MODELS,
    made=frozenset({".gitattributes", CARD, "index.html", "style.css"}),
)
TEXT = """---
title: genzoo playground
emoji: 🎨
colorFrom: indigo
colorTo: green
sdk: static
pinned: false
custom_headers:
{headers}
---

Deep generative models that draw in this browser: no server computes anything. Written by
`genzoo push --space`; the page shows where each model comes from, its scores and its licence.
"""


def publish(wanted: Iterable[str], repository: str, runs_dir: Path, **options: Any) -> list[str]:
    """Publishes a playground as a Space, in one commit of what has changed.

    Args:
        wanted, runs_dir: as for `write`.
        repository: "owner/name", created if it does not exist; one that exists must hold a
            playground.
        options: those of `upload.publish`, whose result is returned.
    """

    def fill(folder: Path) -> tuple[str, str]:
        write(wanted, folder, runs_dir)
        headers = (f"  {name.lower()}: {value}" for name, value in THREADS.items())
        text = TEXT.format(headers="\n".join(headers))
        files.write_bytes(folder / CARD, text.encode())
        return "A playground", text

    return upload.publish(fill, repository, kind=SPACE, **options)
