"""The image files of a folder or an archive, as functions that read their bytes.

Nothing is ever extracted to disk. A member of an archive that would be dangerous to extract is
refused all the same: such an archive was not made to hold a dataset.
"""

import gzip
import lzma
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any, BinaryIO

from zoo.errors import RequestError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz")
# Pillow's name of each format that is read, and the suffixes of its files.
FORMATS = {
    "PNG": (".png", ".apng"),
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "BMP": (".bmp",),
    "DIB": (".dib",),
    "GIF": (".gif",),
    "WEBP": (".webp",),
    "AVIF": (".avif",),
    "TIFF": (".tif", ".tiff"),
    "JPEG2000": (".jp2", ".j2k", ".jpx"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
}
IMAGE_SUFFIXES = tuple(suffix for suffixes in FORMATS.values() for suffix in suffixes)
MAX_FILE_BYTES = 256 << 20  # one encoded image; a larger claim is a mistake or an attack
MAX_HEADER_BYTES = 64 << 10  # all that a tar says of one member: its long name, its pax headers
MAX_IMAGES = 5_000_000  # a few hundred bytes of memory each
MAX_DEPTH = 5  # parts of a path, one more than the deepest layout: wrapper/train/class/image

Parts = tuple[str, ...]  # of a path: ("train", "cat", "1.png")

# What zipfile, tarfile and the decompressors raise on damaged files.
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    OverflowError,
    ValueError,  # a number of a tar's header that is none, text that is not UTF-8
    NotImplementedError,  # a zip of a later version
    struct.error,
)


class ImageFiles(dict[Parts, Callable[[], bytes]]):
    """The parts of each image's path, and a function that reads the file's bytes.

    `left_out` counts the other files by suffix.
    """

    def __init__(self) -> None:
        super().__init__()
        self.left_out: Counter[str] = Counter()

    def takes(self, parts: Parts) -> bool:
        """Whether a file is an image, going by its name; another one is counted, if not hidden."""
        if not parts or any(part.startswith(".") or part == "__MACOSX" for part in parts):
            return False
        if parts[-1].lower().endswith(IMAGE_SUFFIXES):
            return True
        suffix = Path(parts[-1]).suffix.lower()
        plain = re.fullmatch(r"(\.[a-z0-9]{1,8})?", suffix)
        # A stranger's archive may have a million suffixes.
        self.left_out[suffix if plain and len(self.left_out) < 100 else "others"] += 1
        return False

    def add(self, parts: Parts, read: Callable[[], bytes], size: int, path: Path) -> None:
        """Takes an image of `size` bytes, in the folder or archive `path`, in."""
        name = "/".join(parts)
        if size > MAX_FILE_BYTES:
            raise RequestError(
                f"An image file must not exceed {MAX_FILE_BYTES >> 20} MiB. "
                f"Received: {name} in {path} with {size >> 20} MiB"
            )
        if parts in self:
            raise RequestError(
                f"Archive members must differ in name. Received: {name} in {path} twice"
            )
        if len(self) == MAX_IMAGES:
            raise RequestError(f"A dataset holds at most {MAX_IMAGES} images. Received: {path}")
        self[parts] = read


def stem(path: Path) -> str:
    """The name of a folder, or of an archive without its suffix: "pets" for "pets.tar.gz"."""
    name = path.resolve().name
    for suffix in SUFFIXES:
        if name.lower().endswith(suffix) and not path.is_dir():
            return name[: -len(suffix)]
    return name


@contextmanager
def open_images(path: Path) -> Iterator[ImageFiles]:
    """Yields the `ImageFiles` in or below `path`, in the order in which they are best read.

    Files without an image suffix are left out and counted; hidden files and `__MACOSX` are left
    out.

    Raises:
        RequestError: an unsupported suffix, a damaged or encrypted archive, a member that is a
            link, a special file or outside the archive, a folder that is reached twice, or a file
            over MAX_FILE_BYTES.
    """
    if path.is_dir():
        list_files = _list_folder
    elif not path.name.lower().endswith(SUFFIXES):
        raise RequestError(
            f"A dataset must be a folder or one of {', '.join(SUFFIXES)}. Received: {path}"
        )
    elif not path.is_file():  # whoever opens a pipe or a device may wait for ever
        raise RequestError(f"An archive must be a regular file. Received: {path}")
    else:
        list_files = _list_zip if path.name.lower().endswith(".zip") else _list_tar
    try:
        with list_files(path) as files:
            yield files
    except RequestError:
        raise
    except _DAMAGE as error:
        raise RequestError(
            f"A dataset must be readable to its end. Received: {path} ({_one_line(error)})"
        ) from error


@contextmanager
def _list_folder(path: Path) -> Iterator[ImageFiles]:
    files = ImageFiles()
    seen: dict[tuple[int, int], Path] = {}
    for folder, folders, names in os.walk(path, followlinks=True, onerror=_raise):
        here = Path(folder)
        status = here.stat()
        # A link may lead to a folder above, where a walk would never end.
        first = seen.setdefault((status.st_dev, status.st_ino), here)
        if first != here:
            raise RequestError(
                f"A folder must be reached only once. Received: {here}, a link to {first}"
            )
        inside = here.relative_to(path).parts
        folders.sort()
        if len(inside) + 1 >= MAX_DEPTH:
            folders.clear()  # what lies there is too deep for every layout
        for name in sorted(names):
            parts = (*inside, name)
            if files.takes(parts):
                file = here / name
                if not file.is_file():  # a broken link, a pipe
                    raise RequestError(f"An image must be a regular file. Received: {file}")
                files.add(parts, file.read_bytes, file.stat().st_size, path)
    yield files


@contextmanager
def _list_zip(path: Path) -> Iterator[ImageFiles]:
    with zipfile.ZipFile(path) as archive:
        files = ImageFiles()
        for member in archive.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)  # 0 unless written on Unix
            is_plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
            # zipfile cuts a name at a NUL.
            parts = _safe_parts(member.orig_filename, is_plain, path)
            if member.is_dir() or not files.takes(parts):
                continue
            if member.flag_bits & 0x1:
                raise RequestError(
                    f"An archive must not be encrypted. Received: {path} with {member.filename}"
                )
            # zipfile stops these at the size of the member; the others expand as far as they go.
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise RequestError(
                    "Members of a zip must be stored or deflated. "
                    f"Received: {path} with {member.filename}"
                )
            files.add(parts, partial(_read_zip, archive, member), member.file_size, path)
        yield files


def _read_zip(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as file:
        # With its size, zipfile stops decompressing there; without, a bomb would expand first.
        return file.read(member.file_size)


@contextmanager
def _list_tar(path: Path) -> Iterator[ImageFiles]:
    with _open_plain(path) as file:
        headers: Any = _TarHeaders(file)
        archive: Any = tarfile.open(fileobj=headers, mode="r:")  # noqa: SIM115 `file` is what is open
        files = ImageFiles()
        while (member := archive.next()) is not None:
            is_plain = member.isreg() and not member.issparse()
            parts = _safe_parts(member.name, is_plain or member.isdir(), path)
            if is_plain and files.takes(parts):
                read = partial(_read_at, file, member.offset_data, member.size)
                files.add(parts, read, member.size, path)
            archive.members.clear()  # what it keeps of each would add up
            archive.pax_headers.clear()
            headers.left = MAX_HEADER_BYTES
        # tarfile takes a broken or missing header for the end of the archive. The real end is a
        # block of zeros, and reading on to the end of the file checks the compression's checksum.
        file.seek(archive.offset)
        if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError("corrupt or truncated")
        while file.read(1 << 20):
            pass
        yield files


def _open_plain(path: Path) -> Any:
    """A tar, decompressed as its first bytes say, as a binary file."""
    with open(path, "rb") as file:
        start = file.read(6)
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(path)
    return lzma.open(path) if start == b"\xfd7zXZ\0" else open(path, "rb")


class _TarHeaders:
    """A tar as tarfile reads it for the members' headers, each in `left` bytes at most.

    Without a bound a few kilobytes could inflate to a name of gigabytes, or hold thousands of
    headers one inside the other.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell = file.seek, file.tell
        self._read = file.read
        self.left = MAX_HEADER_BYTES

    def read(self, size: int) -> bytes:
        self.left -= size
        if size < 0 or self.left < 0:
            raise tarfile.ReadError(f"a header of more than {MAX_HEADER_BYTES >> 10} KiB")
        return self._read(size)


def _read_at(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    data = file.read(size)
    if len(data) < size:
        raise EOFError("truncated")
    return data


def _safe_parts(name: str, is_plain: bool, path: Path) -> Parts:
    # Windows' rules know both separators and drive letters; a Unix path is one of theirs too.
    member = PureWindowsPath(name)
    if not name or "\0" in name or member.anchor or ".." in member.parts:
        raise RequestError(
            f"Archive members must lie inside the archive. Received: {name!r} in {path}"
        )
    if not is_plain:
        raise RequestError(
            "Archive members must be files or folders, not links or special files. "
            f"Received: {name!r} in {path}"
        )
    return member.parts


def _raise(error: OSError) -> None:
    raise error  # os.walk would skip a folder that it may not read


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text.rstrip(":") or type(error).__name__
