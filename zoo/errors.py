"""The two kinds of error that end a command, and how their messages are worded.

A message states the rule and then, where a value was given, that value:
"latent_dim must be a positive integer. Received: -3".
"""

import difflib
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

# Control, format (bidirectional marks among them) and surrogate characters, line and paragraph
# separators: what can move, hide or reverse text on a terminal, or cannot be written to one.
UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


class RequestError(ValueError):
    """The request was wrong (unknown name, bad value, missing file). Exit code 2."""


class FailedError(RuntimeError):
    """The request was right, but the work failed (download, verification). Exit code 1."""


@contextmanager
def as_request() -> Iterator[None]:
    """Turns a ValueError of `export.runtime`, which stands alone, into a `RequestError`."""
    try:
        yield
    except ValueError as error:
        raise error if isinstance(error, RequestError) else RequestError(str(error)) from error


def unknown(kind: str, received: str, known: Iterable[str]) -> RequestError:
    """A `RequestError` for a name that does not exist, with the nearest ones that do."""
    known = sorted(known)
    hint = nearest(received, known)
    return RequestError(f"{kind} must be one of {', '.join(known)}.{hint} Received: {received!r}")


def nearest(received: str, known: Iterable[str]) -> str:
    """The sentence " Nearest: ..." for a mistyped name, "" when none is near."""
    near = difflib.get_close_matches(received, list(known), n=3, cutoff=0.5)
    return f" Nearest: {', '.join(near)}." if near else ""


def printable(text: str) -> str:
    """The text with "?" for each character that could steer a terminal, but for newlines.

    Names and messages can come out of files that a stranger made.
    """
    return "".join(
        "?" if character != "\n" and unicodedata.category(character) in UNPRINTABLE else character
        for character in text
    )
