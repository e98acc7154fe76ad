"""The two ways a command can end badly, and the sentence that says so.

Messages state the rule, then what was received:
"latent_dim must be a positive integer. Received: -3".
"""

import difflib
from collections.abc import Iterable


class RequestError(ValueError):
    """The request was wrong (unknown name, bad value, missing file). Exit code 2."""


class FailedError(RuntimeError):
    """The request was right, but the work failed (download, verification). Exit code 1."""


def unknown(kind: str, received: str, known: Iterable[str]) -> RequestError:
    """A `RequestError` for a name that does not exist, with the nearest ones that do."""
    known = sorted(known)
    hint = nearest(received, known)
    return RequestError(f"{kind} must be one of {', '.join(known)}.{hint} Received: {received!r}")


def nearest(received: str, known: Iterable[str]) -> str:
    """The sentence " Nearest: ..." for a mistyped name, "" when none is near."""
    near = difflib.get_close_matches(received, list(known), n=3, cutoff=0.5)
    return f" Nearest: {', '.join(near)}." if near else ""
