"""What `huggingface_hub` raises, as this project's errors of one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from zoo.errors import FailedError, RequestError


@contextmanager
def explained(
    repository: str, revision: str | None = None, name: str | None = None
) -> Iterator[None]:
    """Turns what `huggingface_hub` raises into one line, without what was sent with a request."""
    asked = repository if revision is None else f"{repository}@{revision}"
    try:
        yield
    except (RequestError, FailedError):
        raise
    except Exception as error:
        # An upload runs in a thread, and its error comes wrapped.
        cause = error.__cause__ if type(error) is RuntimeError else None
        raise _in_words(cause or error, asked, name) from error


def _in_words(error: BaseException, asked: str, name: str | None) -> BaseException:
    """This project's error for one of the Hub's library, or the same where there is none."""
    import httpx2
    from huggingface_hub import errors

    status = error.response.status_code if isinstance(error, errors.HfHubHTTPError) else None
    if isinstance(error, errors.GatedRepoError):
        return RequestError(
            f"Access to this gated repository must first be granted, on its page. Received: {asked}"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return RequestError(
            "No such run or file here, and no such repository on the Hub that you may read (a "
            f"private one needs a token: `hf auth login`, or HF_TOKEN). Received: {asked}"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return RequestError(f"A revision must be a branch, a tag or a commit. Received: {asked}")
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return RequestError(f"A published model must have a {name}. Received: {asked}, without one")
    if isinstance(error, errors.HFValidationError):
        return RequestError(
            "A Hub id is owner/name of letters, digits, '-', '_' and '.', at most 96 of them. "
            f"Received: {asked}"
        )
    if status in (401, 403):
        return RequestError(
            "The Hub refused the token, or it does not allow this; log in with `hf auth login` or "
            f"set HF_TOKEN. Received: {status} for {asked}"
        )
    if status in (409, 412):
        return FailedError(
            f"{asked} was changed by somebody else in the meantime; nothing was written, try again"
        )
    if status:
        return FailedError(f"The Hub answered {status} for {asked}; try again later")
    if isinstance(error, (errors.LocalEntryNotFoundError, errors.RevisionResolutionError)):
        offline = isinstance(error.__cause__, errors.OfflineModeIsEnabled)
        why = "HF_HUB_OFFLINE is set" if offline else "the Hub cannot be reached"
        return FailedError(
            f"No such run or file here: {asked}; it is not in the Hub's cache either, and {why}"
        )
    if isinstance(error, (httpx2.TransportError, errors.OfflineModeIsEnabled)):
        return FailedError(f"The Hub cannot be reached for {asked}; try again later")
    if isinstance(error, (OSError, ValueError)):  # a full disk, a card that is not accepted, ...
        return FailedError(f"{asked}: {' '.join(str(error).split())}")
    return error
