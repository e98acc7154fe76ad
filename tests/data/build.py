"""Small files made by hand for the tests: IDX files, encoded images, folders and archives."""

import gzip
import io
import struct
import tarfile
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image


def idx_bytes(array: np.ndarray) -> bytes:
    """A uint8 array as IDX: the inverse of `read_idx`."""
    header = struct.pack(f">{1 + array.ndim}I", 0x00000800 + array.ndim, *array.shape)
    return header + array.tobytes()


def write_idx(path: Path, array: np.ndarray) -> None:
    data = idx_bytes(array)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def write_mnist(home: Path, n: int = 5, suffix: str = ".gz") -> dict[str, np.ndarray]:
    """The four files of an MNIST of `n` training and `n` test images; returns their arrays."""
    rng = np.random.default_rng(0)
    arrays = {}
    for prefix in ("train", "t10k"):
        arrays[f"{prefix}-images-idx3-ubyte{suffix}"] = rng.integers(
            0, 256, (n, 28, 28), dtype=np.uint8
        )
        arrays[f"{prefix}-labels-idx1-ubyte{suffix}"] = np.arange(n, dtype=np.uint8) % 10
    for name, array in arrays.items():
        write_idx(home / name, array)
    return arrays


def encode(image: Image.Image | np.ndarray, kind: str = "PNG", **options) -> bytes:
    if not isinstance(image, Image.Image):
        image = Image.fromarray(image)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png(value=0, width: int = 4, height: int = 4) -> bytes:
    """A PNG of one color: an int for gray, (r, g, b) for RGB."""
    mode = "L" if isinstance(value, int) else "RGB"
    return encode(Image.new(mode, (width, height), value))


def coordinates(width: int, height: int, blue: int = 0) -> np.ndarray:
    """uint8 (height, width, 3): the pixel in column x and row y is (x, y, blue)."""
    y, x = np.indices((height, width))
    return np.stack([x, y, np.full_like(x, blue)], axis=2).astype(np.uint8)


def write_folder(root: Path, contents: dict[str, bytes]) -> Path:
    for name, data in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def write_archive(path: Path, contents: dict[str, bytes]) -> Path:
    """A zip or tar, by the suffix of `path`, with the members in the order given."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in contents.items():
                archive.writestr(name, data)
        return path
    mode = {".tar": "w", ".gz": "w:gz", ".tgz": "w:gz", ".xz": "w:xz"}[path.suffix]
    with tarfile.open(path, mode) as archive:
        for name, data in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def write_member(path: Path, name: str, kind: bytes) -> Path:
    """A tar with a good image and then one member of a tarfile type (a link, a device, ...)."""
    with tarfile.open(path, "w") as archive:
        data = png()
        good = tarfile.TarInfo("cat/good.png")
        good.size = len(data)
        archive.addfile(good, io.BytesIO(data))
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    return path
