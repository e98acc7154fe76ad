"""Choosing Keras' backend, which is done before anything imports Keras."""

import importlib
import importlib.util
import os
from collections.abc import Iterator
from contextlib import contextmanager

from zoo import BACKENDS
from zoo.errors import RequestError, unknown


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
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
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
