"""What a published model consists of: its files and their names, the manifest, and Hub ids.

A repository holds these files and no others; no pickle and no code is among them:

    README.md                the model card
    config.json              the run's record, with its step
    onnx/model.onnx          the generator; model_fp16.onnx, model_int8.onnx, encoder.onnx, ...
    model.tflite             the same for LiteRT
    model.weights.h5         the weights, for Keras
    samples.png, curves.png  what it draws, and how it was trained
    scores.json              its scores, each with how it was taken; if there are any
    verification.json        how far the exported files are from the trained model
    manifest.json            size and sha256 of all of the above
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from zoo import files

MANIFEST = "manifest.json"
CONFIG = "config.json"
CARD = "README.md"
WEIGHTS = "model.weights.h5"
SCORES = "scores.json"
SAMPLES, CURVES = "samples.png", "curves.png"
GRAPHS = {".onnx": "onnx/", ".tflite": ""}  # where the exported files of a suffix lie
PULLED = "pulled.json"  # beside the files of a folder that `pull` made: where they come from
RUNS = Path("runs")
FORMAT = 1  # of the layout; raised when an older reader could not read a newer repository
LAYOUT = re.compile(
    r"README\.md|(config|scores|verification)\.json|(samples|curves)\.png|model\.weights\.h5"
    r"|onnx/\w{1,100}\.onnx|\w{1,100}\.tflite",
    re.ASCII,
)
HARMLESS = re.compile(
    r".*\.(md|txt|bib|png|jpe?g|gif|webp)|\.gitattributes|\.gitignore|LICENSE", re.IGNORECASE
)
LARGEST_JSON = 2**20  # bytes
ID = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>\S+))?")


@dataclass(frozen=True)
class Kind:
    """What a repository of this project on the Hub is.

    type: the Hub's word for it. own: the names of the files that this project writes there.
    rule: what such a repository holds, for one that holds something else. marker: a file without
    which the files with such names are not this project's. made: the names of the files that the
    Hub itself puts into a new one.
    """

    type: str
    own: re.Pattern[str]
    rule: str
    marker: str | None = None
    made: frozenset[str] = frozenset({".gitattributes"})

    def address(self, endpoint: str, repository: str) -> str:
        """Where one sees it."""
        place = "" if self.type == "model" else f"{self.type}s/"
        return f"{endpoint}/{place}{repository}"


MODEL = Kind(
    "model",
    re.compile(rf"{LAYOUT.pattern}|{re.escape(MANIFEST)}", re.ASCII),
    "A published model holds graphs, weights, pictures and text, but no pickle and no code.",
)


class FileRecord(TypedDict):
    """What a manifest says about a file."""

    bytes: int
    sha256: str


def parse_id(source: str | Path) -> tuple[str, str | None] | None:
    """(owner/name, revision or None) of a Hub id, or None for a text that is none."""
    match = ID.fullmatch(str(source))
    if match is None or ".." in str(source) or str(source).startswith("."):
        return None
    return match["repository"], match["revision"]


def why_a_path(source: str | Path, runs_dir: Path = RUNS) -> str | None:
    """Why a source is a path and is not asked of the Hub, in words; None where it could be an id.

    A path that exists is one, and so is one whose first part exists, whatever is mistyped after it.
    """
    path = Path(source)
    exists = os.path.lexists(path)
    what = "which exists but is none of these" if exists else "which does not exist"
    plain = str(source).startswith((".", "~")) or path.is_absolute() or path.suffix in GRAPHS
    if exists or plain or not path.parts:
        return what
    if runs_dir in path.parents:
        return f"{what}; it was looked for among the runs in {runs_dir}, not on the Hub"
    if os.path.lexists(path.parts[0]):
        return f"{what}; {path.parts[0]} is a path here, so it was not looked for on the Hub"
    return None


def is_whole(path: Path, about: FileRecord) -> bool:
    """Whether a file has the size and the sha256 that a manifest gives."""
    return path.stat().st_size == about["bytes"] and files.sha256(path) == about["sha256"]


def files_of(folder: Path) -> dict[str, Path]:
    """The files in a folder: dict of name, as in a repository, to path."""
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path for path in paths}


def commit_message(folder: Path) -> str:
    """What a commit of the model in a folder is called."""
    config = json.loads((folder / CONFIG).read_bytes())
    return f"{config['model']}, step {config['step']}"


def write_manifest(folder: Path) -> None:
    """Writes the manifest of the files in a folder."""
    found = {
        name: {"bytes": path.stat().st_size, "sha256": files.sha256(path)}
        for name, path in files_of(folder).items()
    }
    files.write_json(folder / MANIFEST, {"format": FORMAT, "files": found})


def read_json(path: Path, version: int) -> dict[str, Any]:
    """The object in a JSON file that somebody else wrote, of this "format", or a ValueError."""
    if path.stat().st_size > LARGEST_JSON:
        raise ValueError(f"more than {LARGEST_JSON} bytes")
    value = json.loads(path.read_bytes())
    if not isinstance(value, dict) or "format" not in value:
        raise ValueError("no format")
    if value["format"] != version:
        raise ValueError(f"format {value['format']!r:.40}, not {version}")
    return value


def read_manifest(path: Path) -> dict[str, FileRecord]:
    """The "files" of a manifest with names and values checked, or a ValueError."""
    try:
        found = read_json(path, FORMAT)["files"]
        for name, about in found.items():
            if not LAYOUT.fullmatch(name):
                raise ValueError(f"the file name {name!r}")
            if type(about["bytes"]) is not int or not isinstance(about["sha256"], str):
                raise ValueError(f"no size and sha256 of {name}")
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    return found
