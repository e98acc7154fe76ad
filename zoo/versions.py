"""Which versions of Python and of packages a record was made with."""

import importlib.metadata
import platform
from collections.abc import Iterable

from zoo import BACKENDS

PACKAGES = ("genzoo", "keras", *BACKENDS, "numpy")


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """The version of Python, and of each of `packages` that is installed, by name."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
