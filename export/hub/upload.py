"""Sending a repository to the Hugging Face Hub: one commit of what has changed, or none."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.hub import layout
from export.hub.messages import explained
from export.hub.repository import refuse_foreign, require_token
from zoo import files
from zoo.errors import RequestError

if TYPE_CHECKING:
    from huggingface_hub import HfApi


def push(
    folder: Path,
    repository: str,
    *,
    private: bool = False,
    revision: str | None = None,
    pull_request: bool = False,
) -> tuple[str, list[str]]:
    """Makes a repository on the Hub equal to a folder, in one commit, or none if it is already.

    Args:
        folder: of a whole repository.
        repository: "owner/name", created if it does not exist.
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
    api, config = HfApi(), json.loads((folder / layout.CONFIG).read_bytes())
    with explained(repository, revision):
        _make_repository(api, repository, private)
        if revision is not None and not pull_request:
            api.create_branch(repository, branch=revision, exist_ok=True)
        head = api.model_info(repository, revision=revision).sha
        there = {
            entry.path: entry
            for entry in api.list_repo_tree(repository, revision=head, recursive=True)
            if hasattr(entry, "blob_id")  # a file
        }
        refuse_foreign(repository, there)
        additions = layout.files_of(folder)
        changed = [name for name, path in additions.items() if not _is_same(there.get(name), path)]
        # Files of an earlier push that this one does not have; what others added stays.
        gone = [n for n in there if n not in additions and layout.LAYOUT.fullmatch(n)]
        if not changed and not gone:
            return f"{api.endpoint}/{repository}/commit/{head}", []
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            *(CommitOperationAdd(name, additions[name]) for name in changed),
            *(CommitOperationDelete(name) for name in gone),
        ]
        commit = api.create_commit(
            repository,
            operations,
            commit_message=f"{config['model']}, step {config['step']}",
            revision=revision,
            create_pr=pull_request,
            parent_commit=head,
        )
    return commit.pr_url or commit.commit_url, [*changed, *gone]


def _make_repository(api: "HfApi", repository: str, private: bool) -> None:
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.model_info(repository)
    except RepositoryNotFoundError:
        api.create_repo(repository, private=private, exist_ok=True)
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
