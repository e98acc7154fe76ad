"""Files that are either whole or not there, and folders that one process at a time works in."""

import errno
import glob
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.errors import RequestError


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renames it over `path` when the block succeeds.

    When the block fails (a full disk, an interrupt) the temporary file is removed and whatever
    stood at `path` before is untouched. A process that is killed leaves the temporary file, see
    `remove_temporaries`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's 0600 would hide it from other users
        os.replace(temporary, path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def remove_temporaries(folder: Path, names: Iterable[str]) -> None:
    """Removes what killed writes of some files left in a folder.

    Args:
        folder: where `atomic_path` wrote. No other process may be writing these files now.
        names: patterns of the files' names, as `Path.glob` takes them.
    """
    for name in names:
        for path in folder.glob(f".{name}.*"):
            if re.search(r"\.[a-z0-9_]{8}(\.[^.]+)?$", path.name):  # `mkstemp`'s eight letters
                path.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, busy: str) -> Iterator[None]:
    """Holds a lock while the block runs; the system releases it when the process dies.

    Args:
        path: of the lock, an empty file that stays.
        busy: what the error says where another process holds the lock.

    Raises:
        RequestError: another process holds it.
    """
    import filelock

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(path, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise RequestError(busy) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def place_beside(target: Path, what: str) -> Iterator[Path]:
    """Yields a temporary folder beside `target`, from where one move brings what is ready.

    It is removed when the block ends; what processes that were killed left of theirs is removed
    when it begins.

    Args:
        target: a folder or file, there already or not yet.
        what: goes there, with its article: "A gallery".

    Raises:
        RequestError: nothing can be written there.
    """
    folder, prefix = target.resolve().parent, f".{target.resolve().name}-"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        place, held = _new_place(folder, prefix)
    except OSError as error:
        raise RequestError(
            f"{what} needs a folder that can be written. Received: {target} ({error.strerror})"
        ) from error
    try:
        for other in folder.glob(f"{glob.escape(prefix)}*"):
            # Eight letters, as `mkdtemp` adds them: other names are a person's own.
            if re.fullmatch("[a-z0-9_]{8}", other.name.removeprefix(prefix)) and other.is_dir():
                _remove_abandoned(other)
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if held is not None:
            os.close(held)


def _new_place(folder: Path, prefix: str) -> tuple[Path, int | None]:
    """A new folder, and what `_hold` gives of it."""
    while True:
        place = Path(tempfile.mkdtemp(dir=folder, prefix=prefix))
        try:
            held = _hold(place)
        except (BlockingIOError, FileNotFoundError):
            continue  # another process took it for abandoned before it was held
        if place.exists():
            return place, held


def _remove_abandoned(place: Path) -> None:
    """Removes a folder whose process is dead, and leaves that of a living one."""
    try:
        held = _hold(place)
    except OSError:  # held, just gone, or somebody else's
        return
    if held is not None:
        shutil.rmtree(place, ignore_errors=True)
        os.close(held)


@contextmanager
def in_turn(folder: Path) -> Iterator[None]:
    """One process at a time is in the block with a folder that exists; another one waits."""
    held = _hold(folder, wait=True)
    try:
        yield
    finally:
        if held is not None:
            os.close(held)


def _hold(folder: Path, wait: bool = False) -> int | None:
    """An open descriptor that marks a folder as in use, until it is closed or its process dies.

    None where the system has no such marks.

    Raises:
        BlockingIOError: another process has marked it, and there was no wish to wait.
    """
    if os.name == "nt":
        return None
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        os.close(descriptor)
        if error.errno in (errno.ENOLCK, errno.ENOTSUP):  # some network file systems
            return None
        raise
    return descriptor


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
    """Writes `data` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Writes `value` as indented JSON to `path` atomically."""
    write_bytes(path, (json.dumps(value, indent=2) + "\n").encode())


def sha256(path: str | os.PathLike) -> str:
    """The sha256 of a file, as hex, read in pieces."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync_folder(folder: Path) -> None:
    """Makes a rename in a folder outlast a power cut, where the system can."""
    if os.name == "nt":  # has no such call
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
            raise
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
