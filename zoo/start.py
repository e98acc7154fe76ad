"""Choosing Keras' backend, which is done before anything imports Keras."""

import importlib
import importlib.util
import os
from contextlib import contextmanager

from zoo import BACKENDS
from zoo.errors import RequestError, unknown


def chosen_backend(name):
    """The name of the backend that is meant: the one asked for, KERAS_BACKEND's or the first."""
    name = name or os.environ.get("KERAS_BACKEND") or BACKENDS[0]
    if name not in BACKENDS:
        raise unknown("backend", name, BACKENDS)
    return name


def start_backend(name):
    """Chooses Keras' backend before anything imports Keras; returns its name."""
    name = chosen_backend(name)
    for package, extra in (("keras", "train"), (name, name.replace("tensorflow", "train"))):
        if importlib.util.find_spec(package) is None:
            raise RequestError(
                f"The {name} backend needs the package {package}; install with: "
                f"pip install 'genzoo[{extra}]'. Received: no {package} on this machine"
            )
    os.environ["KERAS_BACKEND"] = name
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with quiet_stderr():
        importlib.import_module("keras")
    return name


@contextmanager
def quiet_stderr():
    """Hides what libraries write past Python: TensorFlow's start-up notes obey no log level."""
    kept = os.dup(2)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
