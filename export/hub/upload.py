"""Sending a repository to the Hugging Face Hub: one commit of what has changed, or none."""

import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.hub.folders import new_folder
from export.hub.layout import MODEL, Kind, files_of
from export.hub.messages import explained
from export.hub.repository import refuse_foreign, require_token
from zoo import files
from zoo.errors import RequestError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

FIRST_COMMIT = "initial commit"  # what the Hub calls its own


def publish(
    fill: Callable[[Path], tuple[str, str]],
    repository: str,
    *,
    kind: Kind = MODEL,
    to: Path | None = None,
    dry_run: bool = False,
    private: bool = False,
    revision: str | None = None,
    pull_request: bool = False,
) -> list[str]:
    """Publishes a repository on the Hub, or writes what would be published to a folder.

    Args:
        fill: writes the files to an empty folder, and returns (message of the commit, card).
        to: a folder for the repository, instead of the Hub.
        dry_run: whether nothing is to be kept or sent.
        repository, kind, private, revision, pull_request: as for `push`.

    Returns:
        Lines that say what was published: the address and the changed files; of a folder or a dry
        run the files with their sizes, and then the folder, or the card.
    """
    aside = tempfile.TemporaryDirectory() if dry_run or to is None else new_folder(to)
    with aside as work:
        folder = Path(work)
        message, card = fill(folder)
        if not dry_run and to is None:
            address, changed = push(
                folder,
                repository,
                message,
                kind=kind,
                private=private,
                revision=revision,
                pull_request=pull_request,
            )
            return [f"{address}: {', '.join(changed) or 'nothing had changed'}"]
        lines = [f"{path.stat().st_size:>12,} {name}" for name, path in files_of(folder).items()]
    return [*lines, "", card] if dry_run else [*lines, str(to)]


def push(
    folder: Path,
    repository: str,
    message: str,
    *,
    kind: Kind = MODEL,
    private: bool = False,
    revision: str | None = None,
    pull_request: bool = False,
) -> tuple[str, list[str]]:
    """Makes a repository on the Hub equal to a folder, in one commit, or none if it is already.

    Args:
        folder: of a whole repository.
        repository: "owner/name", created if it does not exist.
        message: of the commit.
        kind: of repository.
        private: whether a new one is private; one that exists must be private already.
        revision: branch, created if it does not exist; None for the main one.
        pull_request: whether the commit goes to a pull request, which leaves the branch as it is.

    Returns:
        (address of the commit or the pull request, names of changed files), with no names if
        nothing had changed.

    Raises:
        RequestError: there is no token, it does not allow this, or the repository holds something
            else.
        FailedError: the Hub does not answer, or somebody else changed the repository meanwhile.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    require_token()
    api = HfApi()
    with explained(repository, revision):
        _make_repository(api, repository, kind, private)
        if revision is not None and not pull_request:
            api.create_branch(repository, branch=revision, repo_type=kind.type, exist_ok=True)
        head = api.repo_info(repository, revision=revision, repo_type=kind.type).sha
        tree = api.list_repo_tree(repository, revision=head, repo_type=kind.type, recursive=True)
        there = {entry.path: entry for entry in tree if hasattr(entry, "blob_id")}  # the files
        if not _is_untouched(api, repository, kind, there, head):
            refuse_foreign(repository, there, kind)
        additions = files_of(folder)
        changed = [name for name, path in additions.items() if not _is_same(there.get(name), path)]
        # Files of an earlier push that this one does not have; what others added stays.
        gone = [name for name in there if name not in additions and kind.own.fullmatch(name)]
        if not changed and not gone:
            return f"{kind.address(api.endpoint, repository)}/commit/{head}", []
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            *(CommitOperationAdd(name, additions[name]) for name in changed),
            *(CommitOperationDelete(name) for name in gone),
        ]
        commit = api.create_commit(
            repository,
            operations,
            commit_message=message,
            repo_type=kind.type,
            revision=revision,
            create_pr=pull_request,
            parent_commit=head,
        )
    return commit.pr_url or commit.commit_url, [*changed, *gone]


def _is_untouched(
    api: "HfApi", repository: str, kind: Kind, names: Collection[str], head: str | None
) -> bool:
    """Whether a repository holds what the Hub itself has put there and no more.

    So it is when it is new, or when an earlier push made it and its commit went to a branch, to a
    pull request, or nowhere. A person's page can have the same names, and has a commit of its own.
    """
    if not kind.made.issuperset(names):
        return False
    commits = api.list_repo_commits(repository, revision=head, repo_type=kind.type)
    return [commit.title for commit in commits] == [FIRST_COMMIT]


def _make_repository(api: "HfApi", repository: str, kind: Kind, private: bool) -> None:
    """Creates a repository if it does not exist."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.repo_info(repository, repo_type=kind.type)
    except RepositoryNotFoundError:
        sdk = "static" if kind.type == "space" else None
        api.create_repo(
            repository, repo_type=kind.type, space_sdk=sdk, private=private, exist_ok=True
        )
        return
    if private and not info.private:
        raise RequestError(
            "--private is for a new repository and leaves an existing one as it is. "
            f"Received: {repository}, which is public"
        )


def _is_same(entry: Any, path: Path) -> bool:
    """Whether a file on the Hub equals a local one, by its sha256 or by git's own hash."""
    from huggingface_hub.utils.sha import git_hash

    if entry is None or entry.size != path.stat().st_size:
        return False
    if entry.lfs is not None:
        return entry.lfs.sha256 == files.sha256(path)
    return entry.blob_id == git_hash(path.read_bytes())
