"""`reference.npz`: what the trained model made of given inputs, which an export is compared with.

An archive of arrays GRAPH/CASE/in/INPUT.npy, GRAPH/CASE/out.npy, and GRAPH/CASE/alone.npy, how far
the model's outputs are from those of the same examples one by one, each number moved to the next
float, as `numpy.savez` writes them.
One beside a stranger's export may claim any size and any type, so each array is read only when its
header says what the graph's inputs and output make it, and the archive may hold nothing else.
"""

import math
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from export import runtime
from zoo.errors import RequestError

if TYPE_CHECKING:
    from export.inference.trained import RunSampler

REFERENCE = "reference.npz"
BATCHES = (1, 5, 64)
LARGEST = 2**30  # bytes of all arrays together
MOST = 1000  # arrays
MEMBER = re.compile(
    r"(?P<graph>[a-z][a-z0-9_]{0,40})/(?P<case>\d{1,6}(?: of \d{1,6}x\d{1,6})?)"
    r"/(in/[A-Za-z]\w{0,40}|out|alone)\.npy",
    re.ASCII,
)
# What `numpy.save` writes before an array whose first index changes slowest.
HEADER = re.compile(
    rb"\{'descr': '([^'\\]{1,20})', 'fortran_order': False, "
    rb"'shape': \(((?:\d{1,18},? ?){0,8})\), \} *\n"
)
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 1  # a flag of a member
Inputs = Mapping[str, Mapping[str, Any]]  # of `export.runtime.Sampler`
Arrays = dict[str, np.ndarray]
Size = tuple[int, int] | None  # (height, width) of a translator's images
Cases = dict[str, tuple[int, Size]]


def cases(inputs: Inputs) -> Cases:
    """What a model of these inputs is tried on: dict of a name to (batch, size).

    The size is (height, width) for a model that translates, that of its training and a wider one,
    else None.
    """
    name = runtime.image_input(inputs)
    if name is None:
        return {str(batch): (batch, None) for batch in BATCHES}
    height, width, _ = inputs[name]["shape"]
    wider, both = width + inputs[name]["multiple"], (height, width)
    sizes = [(1, both), (5, both), (2, (height, wider))]
    return {f"{batch} of {w}x{h}": (batch, (h, w)) for batch, (h, w) in sizes}


def largest_case(inputs: Inputs) -> tuple[str, tuple[int, Size]]:
    """(name, (batch, size)) of the case with the largest batch."""
    return max(cases(inputs).items(), key=lambda case: case[1][0])


def write(path: Path, trained: "RunSampler", images: np.ndarray | None = None) -> None:
    """Stores inputs and outputs of each graph of a trained model, for all `cases`.

    Args:
        path: of the archive.
        trained: the model.
        images: uint8 (n, height, width, channels) that a translator is given; noise without any.
    """
    arrays = {}
    for case, (batch, size) in cases(trained.inputs).items():
        labels = np.arange(batch) % max(1, len(trained.class_names))
        inputs = trained.noise(batch, labels, batch, size)
        if trained.image_input and images is not None and size is not None:
            inputs[trained.image_input] = _of_size(images, batch, size)
        drawn = trained.draw(inputs)
        for graph in trained.graphs:
            # An encoder is tried on what the generator drew, of the same labels.
            known = {**inputs, "image": drawn}
            given = {name: known[name] for name in trained.inputs_of(graph)}
            arrays.update({f"{graph}/{case}/in/{name}": value for name, value in given.items()})
            out = arrays[f"{graph}/{case}/out"] = trained.run(graph, given)
            moved = {name: next_floats(value) for name, value in given.items()}
            single = [{k: v[i : i + 1] for k, v in moved.items()} for i in range(batch)]
            alone = np.concatenate([trained.run(graph, one) for one in single])
            apart = difference(alone, out).max(keepdims=True)
            arrays[f"{graph}/{case}/alone"] = apart.reshape(1).astype("float32")
    rows = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    np.savez_compressed(path, allow_pickle=False, **rows)


def _of_size(images: np.ndarray, count: int, size: tuple[int, int]) -> np.ndarray:
    """`count` of some uint8 images as float32 in [0, 1], (height, width) of them, or of repeats."""
    chosen = images[np.linspace(0, len(images) - 1, count).astype(int)]
    more = [wanted - side for wanted, side in zip(size, chosen.shape[1:3], strict=True)]
    whole = np.pad(chosen, [(0, 0), (0, more[0]), (0, more[1]), (0, 0)], mode="wrap")
    return whole / np.float32(255)


def next_floats(values: np.ndarray) -> np.ndarray:
    """Floats, each with the next one above or below in its place, by chance; integers as they are.

    What a model makes of these tells how exact it is: no rounding of its inputs is smaller.
    """
    if values.dtype.kind != "f":
        return values
    up = np.random.default_rng(0).random(values.shape) < 0.5
    return np.nextafter(values, np.where(up, np.inf, -np.inf).astype(values.dtype))


def difference(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """How far outputs are from the expected ones, which of codes and points may be large.

    Returns:
        Absolute differences, divided by the largest expected value where that is above 1.
    """
    return np.abs(found - expected) / max(1.0, np.abs(expected).max())


class Reference:
    """The reference in a folder, opened; its arrays are read one case at a time.

    Attributes:
        graphs: names of the graphs that it has arrays of, sorted.
    """

    def __init__(self, folder: Path):
        self.path = Path(folder) / REFERENCE
        try:
            with zipfile.ZipFile(self.path) as archive:
                self._members = _checked(archive.infolist())
        except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
            raise self._refused(error) from error
        self.graphs = sorted({name.split("/")[0] for name in self._members})

    def inputs(self, graph: str, inputs: Inputs, case: str, batch: int, size: Size) -> Arrays:
        """What a graph is given in a case, checked against the graph's own inputs.

        Args:
            graph: its name.
            inputs: its inputs, as of `export.runtime.Graph`.
            case, batch, size: of `cases`.

        Raises:
            RequestError: an array is missing, damaged, or of another shape or type.
        """
        return {
            name: self._array(
                f"{graph}/{case}/in/{name}.npy",
                (batch, *runtime.input_shape(spec, size)),
                spec["dtype"],
            )
            for name, spec in inputs.items()
        }

    def output(self, graph: str, case: str, shape: Sequence[int | None]) -> np.ndarray:
        """What the trained model made of a case, float32 of a shape; None for any size."""
        return self._array(f"{graph}/{case}/out.npy", shape, "float32")

    def rounding(self, graph: str, tried: Cases) -> float:
        """The largest `difference` of the trained model from itself, of inputs that are all but
        the same, in batches of another size."""
        members = [f"{graph}/{case}/alone.npy" for case in tried]
        return max(float(self._array(name, (1,), "float32")[0]) for name in members)

    def _array(self, name: str, shape: Sequence[int | None], dtype: str) -> np.ndarray:
        """A member of the archive, whose header is compared before anything is allocated."""
        try:
            member = self._members[name]
            with zipfile.ZipFile(self.path) as archive, archive.open(member) as file:
                real, described = _header(file)
                kind = np.dtype(dtype)
                fits = len(real) == len(shape) and all(
                    wanted in (None, size) for size, wanted in zip(real, shape, strict=True)
                )
                if not fits or described != kind.str:
                    found = dtype if described == kind.str else described
                    wanted = ", ".join("any" if n is None else str(n) for n in shape)
                    raise ValueError(f"{found} {real} where {dtype} ({wanted}) belongs")
                size = math.prod(real) * kind.itemsize
                data = file.read(size + 1) if 0 <= size <= member.file_size else b""
            if len(data) != size or size == 0:
                raise ValueError("another number of bytes than its header says")
        except KeyError as error:
            raise self._refused(f"no {name}") from error
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise self._refused(f"{name}: {error}") from error
        return np.frombuffer(data, kind).reshape(real)

    def _refused(self, why: object) -> RequestError:
        reason = str(why).splitlines()[0] if str(why) else type(why).__name__
        return RequestError(
            f"{REFERENCE} must be the one that `export` wrote. Received: {self.path} ({reason})"
        )


def _header(file: IO[bytes]) -> tuple[tuple[int, ...], str]:
    """(shape, numpy's word for the type) of a .npy file that numpy wrote, by its header.

    numpy's own reader has Python parse the header, which ends the process where it is crafted.
    """
    start = file.read(10)
    length = int.from_bytes(start[8:], "little")
    text = file.read(length)
    match = HEADER.fullmatch(text) if len(text) == length else None
    if start[:8] != b"\x93NUMPY\x01\x00" or match is None:
        raise ValueError("no header as numpy writes it")
    return tuple(int(n) for n in match[2].split(b",") if n.strip()), match[1].decode()


def _checked(members: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The members by name, or a ValueError for what `write` does not make."""
    if len(members) > MOST:
        raise ValueError(f"more than {MOST} arrays")
    if sum(member.file_size for member in members) > LARGEST:
        raise ValueError(f"arrays of more than {LARGEST} bytes")
    for member in members:
        if not MEMBER.fullmatch(member.filename):
            raise ValueError(f"the name {member.filename!r:.80}")
        if member.compress_type not in COMPRESSIONS or member.flag_bits & ENCRYPTED:
            raise ValueError(f"another compression of {member.filename}")
    found = {member.filename: member for member in members}
    if len(found) != len(members) or not found:
        raise ValueError("no arrays, or one twice")
    return found
