"""Files of weights and arrays made to harm: HDF5, safetensors, npz, pickles and Keras' own."""

import functools
import hashlib
import io
import json
import pickle
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import safetensors.numpy

from export import sources
from export.convert import reference, verify
from export.hub.weights import read_arrays
from tests.attacks.harness import Attack
from tests.attacks.mutations import WRONG, damage, with_value
from tests.data.build import write_folder
from zoo.metrics import classifier
from zoo.start import child_environment
from zoo.training.checkpoints import Checkpoints

HDF5 = "HDF5 weights that point elsewhere or inflate"
CODE = (
    "code in Keras' files and configs (CVE-2024-3660, CVE-2025-1550, CVE-2025-8747, CVE-2025-9905)"
)
PICKLE = "pickles (CVE-2019-6446, CVE-2025-32434)"
NPZ = "arrays of reference.npz"
SAFETENSORS = "safetensors that lie"
DAMAGE = "damaged weights"
LAMBDA = {
    "class_name": "Lambda",
    "config": {"function": ["4wEAAAA=", None, None], "module": "os", "enable_unsafe": True},
}


class Exploit:
    """Unpickled, it writes a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("open('../outside/owned', 'w').write('x')",))


def _read_hdf5(path: object) -> None:
    read_arrays(Path(str(path)))


# ---- HDF5


def _hdf5(change: Callable[[h5py.File], None], folder: Path) -> Path:
    path = folder / "model.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = np.ones((3, 4), "float32")
        file["layers/dense/vars/1"] = np.ones(4, "float32")
        change(file)
    with h5py.File(folder.parent / "outside" / "other.h5", "w") as other:
        other["data"] = np.ones(4, "float32")
    return path


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource("../outside/other.h5", "data", (4,))
    file.create_virtual_dataset("bomb", layout)


def _set(name: str, value: Any, file: h5py.File) -> None:
    file[name] = value


def _dataset(shape: tuple[int, ...], options: dict[str, Any], file: h5py.File) -> None:
    file.create_dataset("bomb", shape, **options)


def _many(file: h5py.File) -> None:
    for i in range(10_100):
        file[f"g{i}"] = np.float32(0)


def _cycle(file: h5py.File) -> None:
    file["again"] = file["/"]


def _attributes(file: h5py.File) -> None:
    file.attrs["model_config"] = json.dumps({"config": {"layers": [LAMBDA]}})
    file.attrs["keras_version"] = "2.0.0"


BAD_HDF5: dict[str, Callable[[h5py.File], None]] = {
    "an external link": partial(_set, "bomb", h5py.ExternalLink("../outside/other.h5", "/data")),
    "an external link to a device": partial(_set, "bomb", h5py.ExternalLink("/dev/zero", "/")),
    "a soft link": partial(_set, "bomb", h5py.SoftLink("/layers")),
    "a cycle": _cycle,
    "a virtual dataset": _virtual,
    "an external dataset": partial(
        _dataset, (4,), {"dtype": "f4", "external": [("../outside/other.h5", 0, 16)]}
    ),
    "an external device": partial(
        _dataset, (4,), {"dtype": "f4", "external": [("/dev/zero", 0, 16)]}
    ),
    "a gigabyte squeezed": partial(
        _dataset, (2**14, 2**14), {"dtype": "f4", "compression": "gzip", "fillvalue": 1.0}
    ),
    "a terabyte unwritten": partial(_dataset, (10**6, 10**6), {"dtype": "f4"}),
    "an exabyte unwritten": partial(_dataset, (2**30, 2**30), {"dtype": "f4"}),
    "texts": partial(_set, "bomb", ["cos\nsystem\n"]),
    "a pickle": partial(_set, "bomb", np.void(pickle.dumps(Exploit()))),
    "objects": partial(_dataset, (2,), {"dtype": h5py.special_dtype(vlen=str)}),
    "references": partial(_dataset, (2,), {"dtype": h5py.ref_dtype}),
    "a compound": partial(_dataset, (2,), {"dtype": [("a", "f4")]}),
    "complex numbers": partial(_set, "bomb", np.ones(2, "complex64")),
    "a named type": partial(_set, "bomb", np.dtype("float32")),
    "ten thousand arrays": _many,
}


def _hdf5_attacks(count: int) -> Iterator[Attack]:
    for name, change in BAD_HDF5.items():
        yield Attack(HDF5, name, partial(_hdf5, change), _read_hdf5, " ")
    make = partial(_hdf5, _attributes)
    yield Attack(CODE, "a Lambda in an HDF5 file's attributes", make, _read_hdf5, "", True)
    for name, content in {
        "nothing": b"",
        "text": b"no HDF5",
        "a pickle": pickle.dumps(Exploit()),
    }.items():
        yield Attack(HDF5, name, partial(_raw, "model.weights.h5", content), _read_hdf5, " ")
    for index in range(count):
        make = partial(_damaged_hdf5, index)
        yield Attack(DAMAGE, f"HDF5 number {index}", make, _read_hdf5, may_pass=True)


def _damaged_hdf5(index: int, folder: Path) -> Path:
    path = _hdf5(lambda file: None, folder)
    path.write_bytes(damage(path.read_bytes(), index))
    return path


def _raw(name: str, content: bytes, folder: Path) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


# ---- what is no source at all


def _keras(name: str, folder: Path) -> Path:
    """A model of Keras 3 with a Lambda, and a config that asks for functions of other modules."""
    config = {
        "module": "keras.src.utils.python_utils", "class_name": "func_load", "config": LAMBDA,
        "registered_name": "os.system", "compile_config": {"optimizer": "os.system"},
    }  # fmt: skip
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"")
    return folder / name


SOURCES = {
    "model.keras": None,
    "model.h5": pickle.dumps(Exploit()),
    "model.pt": pickle.dumps(Exploit()),
    "model.pth": pickle.dumps(Exploit()),
    "model.pkl": pickle.dumps(Exploit()),
    "model.npy": pickle.dumps(Exploit()),
    "model.joblib": pickle.dumps(Exploit()),
    "model.py": b"open('../outside/owned', 'w')",
    "model.yaml": b"!!python/object/apply:os.system ['touch ../outside/owned']",
    "model.yml": b"!!python/object/new:exec [open('../outside/owned', 'w')]",
    "saved_model.pb": b"\x08\x01",
    "config.json": json.dumps({"model": "os.system", **LAMBDA}).encode(),
}


def _source_attacks() -> Iterator[Attack]:
    for name, content in SOURCES.items():
        make = partial(_raw, name, content) if content else partial(_keras, name)
        kind = CODE if name.split(".")[1] in ("keras", "h5", "json", "pb") else PICKLE
        for what, read in (("", sources.load), ("in a folder, ", _read_folder)):
            yield Attack(kind, what + name, make, read, "Received: ")


def _read_folder(path: Any) -> None:
    sources.load(path.parent)


# ---- npz


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@functools.cache
def _exported() -> dict[str, bytes]:
    """The files of an exported folder, made in a process of its own.

    onnxruntime's threads here would be missing in every fork.
    """
    code = (
        "import pathlib, sys, tests.test_cli_errors as t; t.write_export(pathlib.Path(sys.argv[1]))"
    )
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work, "exported")
        subprocess.run([sys.executable, "-c", code, folder], check=True, env=child_environment())
        return {path.name: path.read_bytes() for path in folder.iterdir()}


def _npz(name: str, content: bytes, folder: Path) -> Path:
    """An exported folder, of whose reference one array is another."""
    write_folder(folder / "exported", _exported())
    path = folder / "exported" / reference.REFERENCE
    with zipfile.ZipFile(path) as archive:
        members = {known: archive.read(known) for known in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for known, old in {**members, name: members.get(name, b"")}.items():
            archive.writestr(known, content if known == name else old)
    return path.parent


Z = np.zeros((5, 4), "float32")
PLACE = "model/5/in/z.npy"
NPYS = {
    "a pickle": _npy(np.array([Exploit()] * 20, object).reshape(5, 4)),
    "a pickle alone": pickle.dumps(Exploit()),
    "a header of code": b"\x93NUMPY\x01\x00\x40\x00"
    + b"__import__('os').system('touch owned')".ljust(64),
    "a deep header": b"\x93NUMPY\x02\x00" + struct.pack("<I", 20_000) + b"(" * 20_000,
    "a header of 4 GiB": b"\x93NUMPY\x02\x00\xff\xff\xff\xff",
    "version 9": b"\x93NUMPY\x09\x00" + bytes(100),
    "nothing": b"",
    "texts": _npy(np.full((5, 4), "a")),
    "records": _npy(np.zeros((5, 4), [("a", "f4")])),
    "dates": _npy(np.zeros((5, 4), "M8[s]")),
    "zeros": _npy(np.zeros((2**13, 2**13), "float32")),
    "NaN": _npy(np.full((5, 4), np.nan, "float32")),
}


def _npz_attacks(count: int) -> Iterator[Attack]:
    for name, content in NPYS.items():
        passes = name == "NaN"
        kind = PICKLE if "pickle" in name else NPZ
        yield Attack(
            kind,
            f"npz, {name}",
            partial(_npz, PLACE, content),
            _verify,
            "Received: " * (not passes),
            passes,
        )
    for name in (
        "../../outside/x.npy",
        "/etc/x.npy",
        "model/5/z.pkl",
        "x" * 60_000 + ".npy",
        "\u202e.npy",
    ):
        yield Attack(
            NPZ, f"the name {name[:20]!r}", partial(_npz, name, b"1"), _verify, "Received: "
        )
    for index in range(count):
        content = damage(_npy(Z), index)
        make = partial(_npz, PLACE, content)
        yield Attack(DAMAGE, f"npy number {index}", make, _verify, may_pass=True)


def _verify(path: object) -> None:
    """Numbers that differ are a `FailedError`, which is another kind of line."""
    from zoo.errors import FailedError, RequestError

    try:
        verify.verify(Path(str(path)))
    except FailedError as error:
        raise RequestError(str(error)) from error


# ---- safetensors

ABOUT = {
    "dataset": "digits", "image_shape": [8, 8, 1], "class_names": ["a", "b"], "width": 2,
    "accuracy": 0.9, "epochs": 1, "minutes": 0.1, "fingerprint": "0", "versions": {},
}  # fmt: skip


def _tensors() -> dict[str, np.ndarray]:
    """The weights of such a network. It is not built here: that starts threads, and forks hang."""
    shapes: list[tuple[int, ...]] = []
    for before, filters in ((1, 2), (2, 4), (4, 4), (4, 8), (8, 8)):
        shapes += [(3, 3, before, filters), *[(filters,)] * 4]
    return {
        f"{i:04d}": np.ones(shape, "float16") for i, shape in enumerate([*shapes, (8, 2), (2,)])
    }


def _named(content: bytes, folder: Path) -> Path:
    """A classifier's file, whose name is the beginning of its sha256."""
    digest = hashlib.sha256(content).hexdigest()[: classifier.HASH_DIGITS]
    return _raw(f"digits-{digest}.safetensors", content, folder)


def _headed(header: object, body: bytes = bytes(64)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def _tensor(**values: Any) -> dict[str, Any]:
    entry = {"dtype": "F32", "shape": [4], "data_offsets": [0, 16], **values}
    return {"__metadata__": {"genzoo": json.dumps(ABOUT)}, "0000": entry}


HEADERS: dict[str, bytes] = {
    "nothing": b"",
    "a length alone": struct.pack("<Q", 2**63),
    "a length past the end": struct.pack("<Q", 10**9) + b"{}",
    "no JSON": _headed(b"\x80\x04cposix\nsystem\n"),
    "deep JSON": _headed(b"[" * 100_000),
    "a list": _headed([]),
    "no metadata": _headed({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}),
    "offsets past the end": _headed(_tensor(data_offsets=[0, 2**40])),
    "offsets below zero": _headed(_tensor(data_offsets=[-16, 0])),
    "offsets in reverse": _headed(_tensor(data_offsets=[16, 0])),
    "a shape past 64 bits": _headed(_tensor(shape=[2**40, 2**40])),
    "another size": _headed(_tensor(shape=[2**20])),
    "an unknown type": _headed(_tensor(dtype="PICKLE")),
    "half of bytes": _headed(_tensor(dtype="BF16", shape=[8]), bytes(16)),
    "numbers of 8 bits": _headed(_tensor(dtype="F8_E4M3", shape=[16]), bytes(16)),
    "integers": _headed(_tensor(dtype="I32"), bytes(16)),
    "one name twice": _headed(b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},'
                              b'"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}', bytes(16)),
    "a hole": _headed(_tensor(data_offsets=[16, 32]), bytes(32)),
    "trailing bytes": _headed(_tensor(), bytes(10**6)),
}  # fmt: skip


def _safetensors_attacks(count: int) -> Iterator[Attack]:
    good = _tensors()

    def saved(about: Any, tensors: dict[str, np.ndarray] = good) -> bytes:
        return safetensors.numpy.save(tensors, {"genzoo": json.dumps(about)})

    read = classifier.load_classifier
    for name, content in HEADERS.items():
        yield Attack(SAFETENSORS, name, partial(_named, content), read, "Received: ")
        make = partial(_checkpoint, content)
        yield Attack(SAFETENSORS, f"checkpoint, {name}", make, _read_checkpoint, "Received: ")
    for key in classifier.ABOUT:
        for value in WRONG:
            content = saved(with_value(ABOUT, (key,), value))
            text = f"{key} {value!r:.30}"
            yield Attack(SAFETENSORS, text, partial(_named, content), read, "Received: ", True)
    for shape in ([4096, 4096, 3], [1, 1, 1], [8, 8, 3]):
        content = saved({**ABOUT, "image_shape": shape})
        yield Attack(SAFETENSORS, f"images {shape}", partial(_named, content), read, "", True)
    large = saved({**ABOUT, "width": 2**15})
    yield Attack(SAFETENSORS, "a width of 32,768", partial(_named, large), read, "Received: ")
    spoilt = {**good, "0000": np.full_like(good["0000"], np.nan)}
    content = saved(ABOUT, spoilt)
    yield Attack(SAFETENSORS, "weights of NaN", partial(_named, content), read, "finite")
    for index in range(count):
        content = damage(saved(ABOUT), index)
        make = partial(_named, content)
        yield Attack(DAMAGE, f"safetensors number {index}", make, read, may_pass=True)


def _checkpoint(content: bytes, folder: Path) -> Path:
    name = "step-0000002.safetensors"
    digest = hashlib.sha256(content).hexdigest()
    manifest = {"file": name, "sha256": digest, "step": 2, "previous": None}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return _raw(name, content, folder).parent


def _read_checkpoint(path: Any) -> None:
    checkpoints = Checkpoints(path)
    checkpoints.load(checkpoints.usable())


def attacks(count: int) -> Iterator[Attack]:
    """All by hand, and some of `count` damaged files of each kind."""
    yield from _hdf5_attacks(count // 10)
    yield from _source_attacks()
    yield from _npz_attacks(count // 4)
    yield from _safetensors_attacks(count)
