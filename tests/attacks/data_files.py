"""Archives, folders, images and IDX files made to harm whoever reads a dataset from them."""

import bz2
import gzip
import io
import lzma
import os
import pickle
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from tests.attacks.harness import Attack
from tests.attacks.mutations import damage, damaged
from tests.data.build import encode, idx_bytes, png, write_archive, write_folder, write_mnist
from tests.data.test_bombs import header, padded
from zoo import data
from zoo.data.archive import FORMATS, open_images
from zoo.data.idx import read_idx
from zoo.data.images import decode

TAR = "tar members outside, links and devices (CVE-2007-4559, CVE-2025-4517)"
ZIP = "zip members outside, or of odd kinds (zip slip)"
BOMBS = "archives that inflate (CVE-2019-9674, CVE-2024-0450)"
FOLDERS = "folders of pipes, devices and links"
IMAGES = "images of absurd sizes (CVE-2019-16865, CVE-2022-45198)"
FORMATS_ = "formats of images that are not read (CVE-2021-27921, PostScript)"
IDX = "IDX files that lie"
DAMAGE = "damaged data"
MEBI = 1 << 20
GOOD = {f"{name}/{i}.png": png(i) for name in ("cat", "dog") for i in range(2)}


def read(path: object) -> None:
    """What `train --dataset PATH` reads."""
    data.load(str(path), image_size=4)


def _read_decoded(path: object) -> None:
    decode(Path(str(path)).read_bytes(), "image", 4)


def _read_idx(path: object) -> None:
    read_idx(Path(str(path)))


# ---- tar


def _member(name: str, kind: bytes, target: str, suffix: str, folder: Path) -> Path:
    """A tar with a good image, a member of some kind, and one that would go through it."""
    path = folder / f"set{suffix}"
    with tarfile.open(path, {".tar": "w", ".tar.gz": "w:gz", ".tar.xz": "w:xz"}[suffix]) as archive:
        for each, of, link in (
            ("cat/1.png", b"0", ""),
            (name, kind, target),
            (f"{name}/2.png", b"0", ""),
        ):
            member = tarfile.TarInfo(each)
            member.type, member.linkname = of, link
            content = png() if of == tarfile.REGTYPE else b""
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


OUTSIDE = (
    "../outside/x.png", "/tmp/x.png", "cat/../../outside/x.png", "..", "cat/..", "//server/x.png",
    "C:/x.png", "c:x.png", "C:\\x.png", "\\\\server\\share\\x.png", "..\\outside\\x.png",
    "cat\\..\\..\\x.png", "~/x.png/../../../x.png", "./../x.png", "cat/./../../x.png",
    "\0cat/x.png", "cat/x\0.png/../../y.png", "CON:/x.png", "...//../x.png/..",
)  # fmt: skip
# Nothing is extracted, and these lead nowhere: tarfile cuts a name at its NUL.
PLAIN = ("~/x.png/../../../x.png", "cat/x\0.png/../../y.png", "CON:/x.png")
KINDS = {
    "link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "character device": tarfile.CHRTYPE,
    "block device": tarfile.BLKTYPE,
    "pipe": tarfile.FIFOTYPE,
    "contiguous file": tarfile.CONTTYPE,
    "unknown kind": b"Z",
    "volume header": b"V",
}
TARGETS = ("../outside", "/etc", "../../../../../etc/passwd", ".", "cat", "a" * 5_000)


def _tar_attacks() -> Iterator[Attack]:
    for name in OUTSIDE:
        for suffix in (".tar", ".tar.gz"):
            make = partial(_member, name, tarfile.REGTYPE, "", suffix)
            yield Attack(TAR, f"{name!r} in {suffix}", make, read, "Received: ", name in PLAIN)
    for kind, code in KINDS.items():
        for target in TARGETS:
            make = partial(_member, "dog", code, target, ".tar")
            passes = kind in ("contiguous file", "unknown kind", "volume header")
            yield Attack(TAR, f"{kind} to {target[:30]}", make, read, "Received: ", passes)


# ---- zip


def _zipped(name: str, mode: int, folder: Path) -> Path:
    path = folder / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat/1.png", png())
        member = zipfile.ZipInfo("PLACE")
        member.external_attr = mode << 16
        archive.writestr(member, png())
    # zipfile cleans the names that it writes.
    raw = name.encode()
    content = path.read_bytes()
    for mark, length in ((b"PK\3\4", 26), (b"PK\1\2", 28)):
        start = content.index(b"PLACE", content.index(mark) + 1)
        header_start = content.rindex(mark, 0, start)
        content = (
            content[: header_start + length]
            + struct.pack("<H", len(raw))
            + content[header_start + length + 2 : start]
            + content[start:].replace(b"PLACE", raw, 1)
        )
    grown = len(raw) - 5
    end = content.rindex(b"PK\5\6")
    size, offset = struct.unpack("<II", content[end + 12 : end + 20])
    ending = struct.pack("<II", size + grown, offset + grown)
    path.write_bytes(content[: end + 12] + ending + content[end + 20 :])
    return path


MODES = {
    "link": stat.S_IFLNK,
    "pipe": stat.S_IFIFO,
    "socket": stat.S_IFSOCK,
    "character device": stat.S_IFCHR,
    "block device": stat.S_IFBLK,
}


def _overlapping(folder: Path) -> Path:
    """A thousand entries of the directory that share one member of a megabyte."""
    path = folder / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0000.png", bytes(64 * MEBI))
    content = path.read_bytes()
    start, end = content.index(b"PK\1\2"), content.index(b"PK\5\6")
    one = content[start:end]
    entries = b"".join(one.replace(b"0000.png", b"%04d.png" % i) for i in range(1000))
    ending = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1000, 1000, len(entries), start, 0)
    path.write_bytes(content[:start] + entries + ending)
    return path


def _claimed(size: int, kind: int, folder: Path) -> Path:
    """A member that holds 64 MiB and says another size."""
    path = folder / "set.zip"
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr("cat/1.png", bytes(64 * MEBI))
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", 64 * MEBI), struct.pack("<I", size)))
    return path


def _flags(flag: int, folder: Path) -> Path:
    path = write_archive(folder / "set.zip", GOOD)
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        start = 0
        while (start := content.find(mark, start)) >= 0:
            content[start + place] |= flag & 255
            start += 4
    path.write_bytes(content)
    return path


def _twice(suffix: str, folder: Path) -> Path:
    path = folder / f"set{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("cat/1.png", png(1))
            archive.writestr("cat/2.png", png(2))
        path.write_bytes(path.read_bytes().replace(b"cat/2.png", b"cat/1.png"))
        return path
    with tarfile.open(path, "w") as archive:
        for value in (1, 2):
            member = tarfile.TarInfo("cat/1.png")
            member.size = len(png(value))
            archive.addfile(member, io.BytesIO(png(value)))
    return path


def _inflating(content: Callable[[bytes], bytes], suffix: str, folder: Path) -> Path:
    """Gigabytes of zeros as a header of a tar: a long name, a pax header."""
    del content
    path = folder / f"set{suffix}"
    opened = {".tar.gz": gzip.open, ".tgz": gzip.open, ".tar.xz": lzma.open}[suffix]
    with opened(path, "wb") as file:
        file.write(header(b"name", 3 << 30, b"L"))
        for _ in range(192):
            file.write(bytes(MEBI))
    return path


def _zip_attacks() -> Iterator[Attack]:
    for name in OUTSIDE:
        make = partial(_zipped, name, 0)
        yield Attack(ZIP, repr(name), make, read, "Received: ", name in PLAIN)
    for kind, mode in MODES.items():
        yield Attack(ZIP, kind, partial(_zipped, "cat/2.png", mode | 0o644), read, "Received: ")
    for flag in (1, 0x40, 0x20, 0x41):
        yield Attack(ZIP, f"flags {flag:#x}", partial(_flags, flag), read, "", True)
    for suffix in (".zip", ".tar"):
        yield Attack(ZIP, f"one name twice in {suffix}", partial(_twice, suffix), read, "twice")
    yield Attack(BOMBS, "members that overlap", _overlapping, read, "Received: ")
    for kind in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED):
        for size in (100, 2**32 - 1, 300 * MEBI, 0):
            make = partial(_claimed, size, kind)
            yield Attack(BOMBS, f"64 MiB by method {kind}, said {size}", make, read, "Received: ")
    for suffix in (".tar.gz", ".tgz", ".tar.xz"):
        make = partial(_inflating, bytes, suffix)
        yield Attack(BOMBS, f"a long name of 3 GiB in {suffix}", make, read, "Received: ")
    for kind in (b"L", b"K", b"x", b"g"):
        yield Attack(BOMBS, f"3,000 headers {kind!r}", partial(_headers, kind), read, "64 KiB")
    contents = {
        "a zip in a zip": {"cat/1.png": write_bytes_of({"2.png": png()})},
        "text": {"cat/1.png": b"no image"},
        "a pickle": {"cat/1.png": pickle.dumps({"a": 1})},
        "bzip2": {"cat/1.png": bz2.compress(bytes(MEBI))},
    }
    for name, files in contents.items():
        make = partial(_archived, files)
        yield Attack(BOMBS, name, make, read, "Received: ")


def write_bytes_of(contents: dict[str, bytes]) -> bytes:
    """A zip in memory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _archived(contents: dict[str, bytes], folder: Path) -> Path:
    return write_archive(folder / "set.zip", contents)


def _headers(kind: bytes, folder: Path) -> Path:
    content = b"12 path=abc\n" if kind in b"xg" else b"cat/1.png\0"
    one = header(b"name", len(content), kind) + padded(content)
    path = folder / "set.tar"
    path.write_bytes(one * 3000 + header(size=len(png())) + padded(png()) + bytes(1024))
    return path


# ---- folders


def _special(kind: str, name: str, folder: Path) -> Path:
    path = folder / name
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "broken link":
        path.symlink_to("nowhere")
    elif kind == "link to itself":
        path.symlink_to(path)
    return path


def _within(kind: str, folder: Path) -> Path:
    root = write_folder(folder / "set", GOOD)
    if kind == "links to the folder":
        for i in range(30):
            (root / f"link{i}").symlink_to(root)
    elif kind == "a link to the root":
        (root / "root").symlink_to("/")
    elif kind == "deep folders":
        deep = root
        for _ in range(200):
            deep = deep / "d"
        deep.mkdir(parents=True)
        (deep / "1.png").write_bytes(png())
    elif kind == "100,000 suffixes":
        for i in range(3_000):
            (root / f"x.{i}").touch()
    else:
        _special(kind, "set/cat/9.png", folder)
    return root


def _folder_attacks() -> Iterator[Attack]:
    for kind in ("pipe", "device", "broken link", "link to itself"):
        for name in ("set.tar", "set.zip", "set.tar.gz"):
            yield Attack(
                FOLDERS, f"{kind} {name}", partial(_special, kind, name), read, "Received: "
            )
        yield Attack(FOLDERS, f"{kind} in a folder", partial(_within, kind), read, "Received: ")
    for kind in ("links to the folder", "a link to the root"):
        yield Attack(FOLDERS, kind, partial(_within, kind), _read_names, "Received: ", True)
    for kind in ("deep folders", "100,000 suffixes"):
        yield Attack(FOLDERS, kind, partial(_within, kind), read, "", True)


def _read_names(path: object) -> None:
    """Only the names: a link to the root of the machine leads to many."""
    with open_images(Path(str(path))) as files:
        len(files)


# ---- images


def _png(width: int, height: int, bits: int = 8, colour: int = 0, content: bytes = b"") -> bytes:
    """A PNG whose header says any size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = content or zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def _text_bomb() -> bytes:
    """A PNG with a compressed text of a gigabyte."""
    whole = _png(1, 1, content=zlib.compress(b"\0\0"))
    text = b"a\0\0" + zlib.compress(bytes(256 * MEBI), 9)
    chunk = (
        struct.pack(">I", len(text))
        + b"zTXt"
        + text
        + struct.pack(">I", zlib.crc32(b"zTXt" + text))
    )
    return whole[:33] + chunk + whole[33:]


def _bmp(width: int, height: int) -> bytes:
    return struct.pack("<2sIHHIIiiHHIIiiII", b"BM", 58, 0, 0, 54, 40, width, height, 1, 24, 0, 4,
                       0, 0, 0, 0) + bytes(4)  # fmt: skip


def _gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + b"," + struct.pack(
        "<HHHHB", 0, 0, width, height, 0) + b"\2\2\x4c\1\0;"  # fmt: skip


SIZES = (
    (1, 2**31 - 1),
    (2**31 - 1, 1),
    (65_535, 65_535),
    (8_001, 8_000),
    (0, 5),
    (0, 0),
    (30_000, 30_000),
)
SIZED: dict[str, Callable[[int, int], bytes]] = {
    "PNG": _png,
    "BMP": _bmp,
    "GIF": lambda w, h: _gif(w & 65_535, h & 65_535),
    "PPM": lambda w, h: b"P6 %d %d 255\n" % (w, h) + bytes(30),
    "PBM": lambda w, h: b"P1 %d %d\n" % (w, h),
    "PGM": lambda w, h: b"P5 %d %d 65535\n" % (w, h),
    "16 bits": lambda w, h: _png(w, h, 16),
    "palette": lambda w, h: _png(w, h, 8, 3),
}
OTHER_FORMATS = {
    "PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(touch owned) system\n",
    "PDF": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/Launch>>>>endobj\n",
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "XML entities": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><svg>&b;</svg>',
    "ICNS": b"icns" + struct.pack(">I", 16) + b"ic07" + struct.pack(">I", 8),
    "BLP": b"BLP2" + bytes(200),
    "FLI": b"\x80\0\0\0\x11\xaf" + bytes(200),
    "PSD": b"8BPS\0\1" + bytes(100),
    "WMF": b"\xd7\xcd\xc6\x9a" + bytes(100),
    "PCX": b"\x0a\5\1\x08" + bytes(200),
    "SGI": b"\x01\xda\1\1" + bytes(600),
    "FITS": b"SIMPLE  =                    T" + bytes(3000),
    "pickle": b"\x80\x04cposix\nsystem\n(S'touch ../outside/owned'\ntR.",
    "HTML": b"<html><img src=x>",
    "nothing": b"",
    "one byte": b"\x89",
}


def _file(content: bytes, folder: Path) -> Path:
    (folder / "image.png").write_bytes(content)
    return folder / "image.png"


def _samples() -> dict[str, bytes]:
    """A good image of each format that Pillow can write here."""
    colours = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8))
    found = {}
    for kind in FORMATS:
        try:
            found[kind] = encode(colours, kind)
        except (KeyError, OSError, ValueError):
            continue
    return found


def _image_attacks(count: int) -> Iterator[Attack]:
    for kind, made in SIZED.items():
        for size in SIZES:
            make = partial(_file, made(*size))
            yield Attack(
                IMAGES, f"{kind} of {size}", make, _read_decoded, "Received: ", kind == "GIF"
            )
    yield Attack(IMAGES, "a text of 256 MiB", partial(_file, _text_bomb()), _read_decoded, "", True)
    for name, content in OTHER_FORMATS.items():
        yield Attack(FORMATS_, name, partial(_file, content), _read_decoded, "Received: ")
    for kind, content in _samples().items():
        for index in range(count):
            make = partial(_file, damage(content, index))
            yield Attack(DAMAGE, f"{kind} number {index}", make, _read_decoded, may_pass=True)


# ---- IDX


def _idx(content: bytes, suffix: str, folder: Path) -> Path:
    path = folder / f"images-idx3-ubyte{suffix}"
    path.write_bytes(gzip.compress(content) if suffix else content)
    return path


GOOD_IDX = idx_bytes(np.zeros((2, 3, 3), np.uint8))
IDX_FILES = {
    "nothing": b"",
    "a magic alone": GOOD_IDX[:4],
    "cut": GOOD_IDX[:-1],
    "trailing": GOOD_IDX + b"\0",
    "four dimensions": struct.pack(">5I", 0x804, 1, 1, 1, 1) + b"\0",
    "floats": struct.pack(">4I", 0xD03, 1, 1, 1) + bytes(4),
    "no images": struct.pack(">4I", 0x803, 0, 28, 28),
    "most of all": struct.pack(">4I", 0x803, 2**32 - 1, 2**32 - 1, 2**32 - 1),
    "just too large": struct.pack(">4I", 0x803, 2**20, 33, 33) + bytes(64),
    "a pickle": pickle.dumps([1]),
}


def _idx_bomb(folder: Path) -> Path:
    path = folder / "train-images-idx3-ubyte.gz"
    with gzip.open(path, "wb") as file:
        file.write(struct.pack(">4I", 0x803, 2**20, 28, 28))
        for _ in range(900):
            file.write(bytes(MEBI))
    return path


def _read_mnist(path: object) -> None:
    data.load("mnist", data_dir=str(path))


def _mnist(index: int, folder: Path) -> Path:
    write_mnist(folder / "mnist")
    names = sorted((folder / "mnist").iterdir())
    path = names[index % len(names)]
    path.write_bytes(damage(path.read_bytes(), index))
    return folder


def attacks(count: int) -> Iterator[Attack]:
    """All by hand, and some of `count` damaged files of each kind."""
    yield from _tar_attacks()
    yield from _zip_attacks()
    yield from _folder_attacks()
    yield from _image_attacks(count // 8)
    for name, content in IDX_FILES.items():
        for suffix in ("", ".gz"):
            yield Attack(
                IDX, name + suffix, partial(_idx, content, suffix), _read_idx, "Received: "
            )
    yield Attack(IDX, "822 MB of zeros", _idx_bomb, _read_idx, "", True)
    for index in range(count // 4):
        # A byte of the pictures or labels changes nothing but the picture.
        yield Attack(
            DAMAGE, f"MNIST number {index}", partial(_mnist, index), _read_mnist, may_pass=True
        )
        for suffix in (".zip", ".tar", ".tar.gz", ".tar.xz"):
            make = partial(damaged, partial(_good, suffix), index)
            yield Attack(DAMAGE, f"{suffix} number {index}", make, read, may_pass=True)


def _good(suffix: str, folder: Path) -> Path:
    return write_archive(folder / f"set{suffix}", GOOD)
