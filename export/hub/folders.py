"""Writing a repository to a folder: all of it or nothing, and a person's own files are kept."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from export.hub.layout import MANIFEST, PULLED, files_of, is_whole, read_manifest
from zoo import files
from zoo.errors import RequestError


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yields a temporary folder to fill with a repository, whose files are moved to `out`.

    Args:
        out: a new or empty folder, or one that a repository was written to: then the files of that
            one are replaced, and a person's own files beside them are kept.

    Raises:
        RequestError: the folder is something else, a file to be replaced was changed since, or a
            person's own file has the name of a new one.
    """
    _earlier_files(out)  # refuses before the work is done
    target = out.resolve()
    with files.place_beside(out, "A repository") as temporary:
        work = temporary / "new"
        work.mkdir()
        yield work
        try:
            work.rename(target)  # a folder that is new or empty
        except OSError:
            if not target.is_dir():
                raise
            with files.in_turn(target):
                _replace(_earlier_files(out), work, target)


def _earlier_files(out: Path) -> list[Path]:
    """The files of the repository that was written to a folder; the manifest is the last."""
    if not os.path.lexists(out) or (out.is_dir() and not any(out.iterdir())):
        return []
    try:
        if not out.is_dir() or (out / MANIFEST).is_symlink():
            raise ValueError
        known = read_manifest(out / MANIFEST)
    except (OSError, ValueError):
        raise RequestError(
            "A repository goes to a folder that is new, empty or holds an earlier one with its "
            f"{MANIFEST}. Received: {out}"
        ) from None
    found = []
    for name in (*known, PULLED, MANIFEST):
        path = out / name
        if not os.path.lexists(path):
            continue
        linked = path.is_symlink() or path.parent.is_symlink()
        if linked or not path.is_file() or (name in known and not is_whole(path, known[name])):
            raise RequestError(
                f"Only files as {MANIFEST} has them are replaced. Received: {path}, which was "
                "changed since it was written"
            )
        found.append(path)
    return found


def _replace(earlier: list[Path], work: Path, target: Path) -> None:
    """Moves the files in `work` to a folder in place of those of an earlier repository.

    The earlier files go first, then the manifest changes, then the new files come: whatever stops
    this, all that is there is in the manifest, so that the next try knows it for ours.
    """
    new = files_of(work)
    ours = {path.resolve() for path in earlier}
    for name in new:
        path, folder = target / name, (target / name).parent
        foreign = os.path.lexists(path) and path.resolve() not in ours
        if foreign or folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise RequestError(
                f"A file that {MANIFEST} does not name is not replaced. Received: {path}"
            )
    for path in earlier:
        if path.name != MANIFEST:
            path.unlink()
    os.replace(new.pop(MANIFEST), target / MANIFEST)
    for name, path in new.items():
        (target / name).parent.mkdir(exist_ok=True)
        os.replace(path, target / name)
    for folder in {path.parent.resolve() for path in earlier} - {target}:
        with suppress(OSError):  # not empty: files of this repository, or a person's own
            folder.rmdir()
