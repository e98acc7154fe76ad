"""Writing the site: a copy of the built page, models.json, and the models' files."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from export.hub import bundled
from export.playground import entries
from zoo import files
from zoo.errors import RequestError

PAGE = Path(__file__).parent / "site"  # built from page/
MODELS = "models.json"
FORMAT = 1


def write(wanted: Iterable[str], out: Path, runs_dir: Path) -> Path:
    """Writes a site, whole or not at all, in place of an earlier one.

    Args:
        wanted: sources, see `export.sources.resolve`; none for all bundled models.
        out: a new or empty folder, or one with an earlier site and nothing else.
        runs_dir: folder of the runs.

    Returns:
        The folder.

    Raises:
        RequestError: a source cannot be shown, or the folder is another.
    """
    opened = [entries.open_onnx(source, runs_dir) for source in (wanted or bundled.names())]
    target = out.resolve()
    _check_folder(target, out)
    with files.place_beside(out, "A playground") as temporary:
        work, old = temporary / "new", temporary / "old"
        shutil.copytree(PAGE, work)
        found = entries.entries(opened, work / "models")
        files.write_json(work / MODELS, {"format": FORMAT, "models": found})
        _check_folder(target, out)
        if target.exists():
            target.rename(old)
        work.rename(target)
    return out


def _check_folder(target: Path, out: Path) -> None:
    """Refuses a folder with anything that is not a site's: it would be lost."""
    if not target.exists():
        return
    inside = {path.name for path in target.iterdir()} if target.is_dir() else {"no folder"}
    known = {*(path.name for path in PAGE.iterdir()), MODELS, "models"}
    if inside - known or (inside and MODELS not in inside):
        raise RequestError(
            "A playground goes to a folder that is new, empty or holds an earlier playground. "
            f"Received: {out}"
        )
