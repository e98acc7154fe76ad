"""Starting: Keras' backend, chosen before anything imports Keras, and Python processes of ours."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zoo import BACKENDS
from zoo.errors import RequestError, unknown

ROOT = Path(__file__).resolve().parents[1]  # the folder that this project is imported from
# What TensorFlow reads when it is imported, unless the user has set it: no notes, and the kernels
# of oneDNN. By default it takes them only on Linux and on processors with AVX512_VNNI or newer
# instructions; on others a step without them takes up to twice as long (docs/speed.md).
TENSORFLOW = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}


def child_command(module: str, *arguments: str) -> list[str]:
    """The words that run one of this project's modules in a process of its own.

    -P keeps the current folder out of the import path: a file `export.py` or a folder `zoo` there
    is somebody else's. Start it with `child_environment`, where this project is found.
    """
    return [sys.executable, "-P", "-m", module, *arguments]


def child_environment(**changes: str) -> dict[str, str]:
    """The environment of such a process: this one's, with this project first in the import path."""
    known = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    # An empty entry would mean the current folder.
    path = [str(ROOT), *(entry for entry in known if entry not in ("", str(ROOT)))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), **changes}


def chosen_backend(name: str | None) -> str:
    """The name of the backend to use: the one asked for, else KERAS_BACKEND's, else the first."""
    name = name or os.environ.get("KERAS_BACKEND") or BACKENDS[0]
    if name not in BACKENDS:
        raise unknown("backend", name, BACKENDS)
    return name


def start_backend(name: str | None) -> str:
    """Starts Keras on a backend; must be called before anything else imports Keras.

    Args:
        name: one of `BACKENDS`, None for the default of `chosen_backend`.

    Returns:
        The name of the backend.

    Raises:
        RequestError: there is no such backend, or a package that it needs is not installed.
    """
    name = chosen_backend(name)
    for package, extra in (("keras", "train"), (name, name.replace("tensorflow", "train"))):
        if importlib.util.find_spec(package) is None:
            raise RequestError(
                f"The {name} backend needs the package {package}, which is not installed. Install "
                f"it with: pip install 'genzoo[{extra}]'"
            )
    os.environ["KERAS_BACKEND"] = name
    os.environ |= {**TENSORFLOW, **os.environ}
    with quiet_stderr():
        importlib.import_module("keras")
    return name


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Hides what libraries write past Python: TensorFlow's start-up notes obey no log level."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
