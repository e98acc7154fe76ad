"""The image files of a folder or an archive, as functions that read their bytes.

Nothing is ever extracted to disk. A member of an archive that would be dangerous to extract is
refused all the same: such an archive was not made to hold a data set.
"""

import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PureWindowsPath

from zoo.errors import RequestError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz")
IMAGE_SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".bmp",
    ".gif",
    ".webp",
    ".tif",
    ".tiff",
    ".ppm",
    ".pgm",
)
MAX_FILE_BYTES = 256 << 20  # one encoded image; a larger claim is a mistake or an attack
MAX_DEPTH = 5  # parts of a path, one more than the deepest layout: wrapper/train/class/image

# Path parts, such as ("train", "cat", "1.png") -> a function that reads the file's bytes.
ImageFiles = dict[tuple[str, ...], Callable[[], bytes]]

# What zipfile, tarfile and the decompressors raise on damaged files.
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    OverflowError,
    NotImplementedError,  # a zip compression that Python does not know
    UnicodeDecodeError,
    struct.error,
)


def stem(path: Path) -> str:
    """The name of a folder, or of an archive without its suffix: "pets" for "pets.tar.gz"."""
    name = path.resolve().name
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix) and not path.is_dir():
            return name[: -len(suffix)]
    return name


@contextmanager
def open_images(path: Path) -> Iterator[ImageFiles]:
    """Yields the image files in or below `path`, in the order in which they are best read.

    Files without an image suffix, hidden files and `__MACOSX` are left out.

    Raises:
        RequestError: an unsupported suffix, a damaged or encrypted archive, a member that is a
            link, a special file or outside the archive, or a file over MAX_FILE_BYTES.
    """
    if path.is_dir():
        list_files = _list_folder
    elif path.name.lower().endswith(".zip"):
        list_files = _list_zip
    elif path.name.lower().endswith(SUFFIXES):
        list_files = _list_tar
    else:
        raise RequestError(
            f"a data set must be a folder or one of {', '.join(SUFFIXES)}. Received: {path}"
        )
    try:
        with list_files(path) as files:
            yield files
    except _DAMAGE as error:
        raise RequestError(
            f"a data set must be readable to its end. Received: {path} ({_one_line(error)})"
        ) from error


@contextmanager
def _list_folder(path: Path) -> Iterator[ImageFiles]:
    files = {}
    for folder, folders, names in os.walk(path, followlinks=True, onerror=_raise):
        inside = Path(folder).relative_to(path).parts
        folders.sort()
        if len(inside) + 1 >= MAX_DEPTH:
            folders.clear()  # too deep already; also the end of a link to a folder above
        for name in sorted(names):
            parts = (*inside, name)
            if _is_image(parts):
                file = path.joinpath(*parts)
                if not file.is_file():  # a broken link, a pipe
                    raise RequestError(f"an image must be a regular file. Received: {file}")
                _check_size(str(file), file.stat().st_size)
                files[parts] = file.read_bytes
    yield files


@contextmanager
def _list_zip(path: Path) -> Iterator[ImageFiles]:
    with zipfile.ZipFile(path) as archive:
        files = {}
        for member in archive.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)  # 0 unless written on Unix
            is_plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
            parts = _safe_parts(member.filename, is_plain, path)
            if member.is_dir() or not _is_image(parts):
                continue
            if member.flag_bits & 0x1:
                raise RequestError(
                    f"an archive must not be encrypted. Received: {path} with {member.filename}"
                )
            _add(files, parts, partial(_read_zip, archive, member), member.file_size, path)
        yield files


def _read_zip(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        # With its size, zipfile stops decompressing there; without, a bomb would expand first.
        return file.read(member.file_size)


@contextmanager
def _list_tar(path: Path) -> Iterator[ImageFiles]:
    with tarfile.open(path) as archive:
        files = {}
        for member in archive:
            parts = _safe_parts(member.name, member.isreg() or member.isdir(), path)
            if member.isreg() and _is_image(parts):
                read = partial(_read_tar, archive, member)
                _add(files, parts, read, member.size, path)
        # tarfile takes a broken or missing header for the end of the archive. The real end is a
        # block of zeros, and reading on to the end of the file checks the compression's checksum.
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("corrupt or truncated")
        while archive.fileobj.read(1 << 20):
            pass
        yield files


def _read_tar(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    return archive.extractfile(member).read()


def _safe_parts(name: str, is_plain: bool, path: Path) -> tuple[str, ...]:
    # Windows' rules know both separators and drive letters; a Unix path is one of theirs too.
    member = PureWindowsPath(name)
    if member.anchor or ".." in member.parts:
        raise RequestError(
            f"archive members must lie inside the archive. Received: {name!r} in {path}"
        )
    if not is_plain:
        raise RequestError(
            "archive members must be files or folders, not links or special files. "
            f"Received: {name!r} in {path}"
        )
    return member.parts


def _is_image(parts: tuple[str, ...]) -> bool:
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return bool(parts) and not hidden and parts[-1].lower().endswith(IMAGE_SUFFIXES)


def _add(files: ImageFiles, parts, read: Callable[[], bytes], size: int, path: Path) -> None:
    name = "/".join(parts)
    _check_size(f"{name} in {path}", size)
    if parts in files:
        raise RequestError(f"archive members must differ in name. Received: {name} in {path} twice")
    files[parts] = read


def _check_size(name: str, size: int) -> None:
    if size > MAX_FILE_BYTES:
        raise RequestError(
            f"an image file must not exceed {MAX_FILE_BYTES >> 20} MiB. "
            f"Received: {name} with {size >> 20} MiB"
        )


def _raise(error: OSError) -> None:
    raise error  # os.walk would skip a folder that it may not read


def _one_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0].rstrip(":") if text else type(error).__name__
