"""Downloads that are either whole and checked or not there."""

import http.client
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from zoo import files
from zoo.errors import FailedError, RequestError

TIMEOUT = 30  # seconds without an answer or without a byte


def fetch(url: str, path: Path, sha256: str, by_hand: list[str], note: str = "") -> None:
    """Downloads `url` to `path`; nothing stands at `path` unless its sha256 is the one given.

    Args:
        by_hand: the names of the files to put beside `path` when the download fails.
        note: what else the person should know then.

    Raises:
        FailedError: no connection, an error from the server, a wrong sha256, or no room to write.
    """
    try:
        with files.atomic_path(path) as temporary:
            with (
                urllib.request.urlopen(url, timeout=TIMEOUT) as response,
                open(temporary, "wb") as file,
            ):
                shutil.copyfileobj(response, file)
            received = files.sha256(temporary)
            if received != sha256:
                # An OSError, to get the same advice as every other way to fail.
                raise OSError(f"a file with sha256 {received} instead of {sha256}")
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the connection on which the server answered
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FailedError(
            f"{path.name} must be in {path.parent} or downloadable; without a download put "
            f"{', '.join(by_hand)} there by hand{note}. Received: {reason} from {url}"
        ) from error


def verify(path: Path, sha256: str) -> None:
    """Raises a RequestError unless the file that is already at `path` has the sha256 given."""
    received = files.sha256(path)
    if received != sha256:
        raise RequestError(
            f"{path.name} must have the sha256 {sha256}. Received: {path} with {received}"
        )
