"""The weights in a published HDF5 file, which a stranger may have made.

HDF5's library is large and follows what a file says. So a process of its own, with bounds on its
memory and time, reads the file and gives back plain arrays as safetensors: a file that breaks the
library ends that process alone. It runs as the same user, and is no sandbox.

`python -m export.hub.weights FROM.h5 TO.safetensors` is that process.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from zoo.start import child_command, child_environment

MEMORY = 4 << 30  # bytes of addresses, beside those for the arrays
SECONDS = 120  # of the processor
MOST_ARRAYS = 10_000
Arrays = dict[str, np.ndarray]  # by the path in the file


def read_arrays(path: Path) -> Arrays:
    """The arrays in an HDF5 file of weights.

    Raises:
        ValueError: it holds anything but arrays of numbers as Keras writes them, each complete and
            in the file itself: a link, a reference to another file, compressed data; or it is no
            HDF5 file.
    """
    import safetensors.numpy

    with tempfile.TemporaryDirectory(prefix="genzoo-weights-") as work:
        found = Path(work, "weights.safetensors")
        done = subprocess.run(
            child_command(__name__, str(path.resolve()), str(found)),
            env=child_environment(),
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines()
            crash = f"what ends its reader ({done.returncode})"
            raise ValueError(lines[-1][:300] if done.returncode == 2 and lines else crash)
        return safetensors.numpy.load_file(found)


def write_arrays(arrays: Arrays, path: Path) -> None:
    """Writes arrays to a new HDF5 file, for Keras."""
    import h5py

    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


def _arrays(path: str) -> Arrays:
    """The arrays of a file that holds nothing else; see `read_arrays`."""
    import h5py

    found, seen = {}, set()
    with h5py.File(path, "r") as file:
        waiting: list[Any] = [file]
        while waiting:
            group = waiting.pop()
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise ValueError(f"a link, {name!r}")
                item = group[name]
                address = h5py.h5o.get_info(item.id).addr
                if address in seen:
                    raise ValueError(f"{name!r} twice")
                seen.add(address)
                if len(seen) > MOST_ARRAYS:
                    raise ValueError(f"more than {MOST_ARRAYS} parts")
                if isinstance(item, h5py.Group):
                    waiting.append(item)
                    continue
                plain = isinstance(item, h5py.Dataset) and item.dtype.kind in "fiu"
                if not plain or item.is_virtual or item.external or item.chunks:
                    raise ValueError(f"{name!r}, which is no plain array")
                # What is not in the file is filled in when it is read.
                if item.id.get_storage_size() != item.nbytes:
                    raise ValueError(f"{name!r}, of which not all is there")
                found[item.name.lstrip("/")] = np.asarray(item[()]).astype(
                    item.dtype.newbyteorder("=")
                )
    return found


def _bound(size: int) -> None:
    """Bounds this process, where the system can: Windows cannot."""
    try:
        import resource
    except ImportError:
        return
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY + 4 * size),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, 2 * size + (1 << 20)),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


if __name__ == "__main__":
    import safetensors.numpy

    _bound(Path(sys.argv[1]).stat().st_size)
    try:
        safetensors.numpy.save_file(_arrays(sys.argv[1]), sys.argv[2])
    except Exception as error:  # h5py raises nearly anything on a damaged file
        print(" ".join(str(error).split()) or type(error).__name__, file=sys.stderr)
        sys.exit(2)
