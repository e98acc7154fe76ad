"""Published models, on the Hugging Face Hub or in a folder: every file is checked before use.

Files that the Hub or a person adds are passed over where they can do no harm (`HARMLESS`). Cache,
offline mode, token and endpoint are those of `huggingface_hub`.
"""

import os
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from export import runtime
from export.convert.report import file_name, parts
from export.hub import bundled
from export.hub.folders import new_folder
from export.hub.layout import (
    GRAPHS,
    HARMLESS,
    LARGEST_JSON,
    MANIFEST,
    MODEL,
    PULLED,
    Kind,
    is_whole,
    parse_id,
    read_manifest,
    why_a_path,
)
from export.hub.messages import explained
from zoo import files
from zoo.errors import RequestError

HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# In order of preference, of a published model and of a bundled one, which is to be small and quick.
PUBLISHED, BUNDLED = ("fp32", "fp16", "int8"), ("fp16", "int8", "fp32")


class Fetch(Protocol):
    """Gives the path of a file of a repository by its name; fetched anew with `force`."""

    def __call__(self, name: str, force: bool = False) -> Path: ...


def check_id(repository: str) -> None:
    """Refuses what is not the full id of a repository, owner/name."""
    from huggingface_hub.utils import validate_repo_id

    with explained(repository):
        validate_repo_id(repository)
    if repository.count("/") != 1:
        raise RequestError(f"A repository's id is owner/name, in full. Received: {repository}")


def require_token() -> None:
    """Refuses to go on without a token; the Hub's library knows where one is kept."""
    from huggingface_hub import get_token

    if get_token() is None:
        raise RequestError(
            "Pushing needs a token of the Hub: log in with `hf auth login`, or set HF_TOKEN"
        )


class Repository:
    """A published model. `open_repository` opens one.

    Attributes:
        origin: what it is called in messages: "owner/name@commit", the folder, or the name of a
            bundled model.
        commit: its commit on the Hub, None for a folder.
        manifest: path of the manifest.
        files: dict of file name to {"bytes", "sha256"}, as the manifest has them.
    """

    def __init__(
        self,
        origin: str,
        fetch: Fetch,
        commit: str | None = None,
        precisions: Sequence[str] = PUBLISHED,
    ):
        self.origin, self.commit, self._fetch = origin, commit, fetch
        self.precisions = precisions
        self.manifest = fetch(MANIFEST)
        try:
            self.files = read_manifest(self.manifest)
        except ValueError as error:
            raise RequestError(
                f"{MANIFEST} must name the files of a published model. Received: {MANIFEST} of "
                f"{origin}, with {error}"
            ) from error

    def file(self, name: str) -> Path:
        """The path of a file, after its size and sha256 were compared with the manifest."""
        if name not in self.files:
            raise RequestError(
                f"The file must be one of {', '.join(self.files)}. Received: {name}, of "
                f"{self.origin}"
            )
        path = self._fetch(name)
        if self.commit and not is_whole(path, self.files[name]):  # in the cache, perhaps damaged
            path = self._fetch(name, force=True)
        if not is_whole(path, self.files[name]):
            raise RequestError(
                f"A published file must have the size and sha256 in {MANIFEST}. "
                f"Received: {name} of {self.origin}, which differs"
            )
        return path

    def generator(self) -> Path:
        """The path of the generator's graph, with the other graphs of its precision beside it."""
        chosen = self.generator_name()
        suffix, precision = Path(chosen).suffix, parts(chosen)[1]
        beside = [n for n in self.files if n.endswith(suffix) and parts(n)[1] == precision]
        paths = {name: self.file(name) for name in beside}
        return paths[chosen]

    def generator_name(self) -> str:
        """Which file is the generator's graph, a name of `files`.

        The first of `precisions` that there is: fp32 of a published model, and of a bundled one
        the smallest. Where there is ONNX and TFLite, the one whose runtime is installed, and ONNX
        if both are.
        """
        suffixes = [Path(name).suffix for name in runtime.FILES]
        graphs = [(p, suffix) for p in self.precisions for suffix in suffixes]
        names = [GRAPHS[suffix] + file_name("model", p, suffix) for p, suffix in graphs]
        there = [name for name in names if name in self.files]
        if not there:
            raise RequestError(
                f"A published generator is one of {', '.join(names)}. Received: {self.origin}, "
                "which has none of them"
            )
        return next((n for n in there if runtime.is_installed(Path(n).suffix)), there[0])


def open_repository(source: str | Path, of_hub: bool = False) -> Repository:
    """The `Repository` of an id on the Hub, a folder with a manifest.json, or a bundled model.

    Args:
        source: "owner/name[@revision]", the folder, or the name.
        of_hub: whether an id is meant whatever lies here. Else what could be a path is one, and
            the Hub is not asked for it.

    Raises:
        RequestError: there is none, it may not be read, or it holds what it must not.
        FailedError: the Hub does not answer, and the cache does not have it.
    """
    if (Path(source) / MANIFEST).is_file():
        return _in_folder(Path(source), str(Path(source)))
    if folder := bundled.find(source):
        return _in_folder(folder, folder.name, BUNDLED)
    why = None if of_hub and not os.path.lexists(source) else why_a_path(source)
    known = parse_id(source)
    if known is None or why:
        raise RequestError(
            f"A published model is owner/name[@revision] on the Hub, or a folder with a {MANIFEST}."
            f"{bundled.nearest(source)} Received: {source}" + (f", {why}" if why else "")
        )
    return _on_hub(*known)


def _in_folder(folder: Path, origin: str, precisions: Sequence[str] = PUBLISHED) -> Repository:
    # A snapshot in the Hub's cache consists of links to the blobs beside it.
    inside = folder.resolve().parents[1] if folder.parent.name == "snapshots" else folder.resolve()

    def fetch(name: str, force: bool = False) -> Path:
        path = folder / name
        if not path.resolve().is_relative_to(inside) or not path.is_file():
            raise RequestError(
                f"A published file must be in its folder, and no link out of it. Received: {path}"
            )
        return path

    return Repository(origin, fetch, precisions=precisions)


def _on_hub(repository: str, revision: str | None) -> Repository:
    from huggingface_hub import HfApi, hf_hub_download, resolve_revision, try_to_load_from_cache

    with explained(repository, revision):
        commit = resolve_revision(repository, revision=revision).resolved
        if not isinstance(try_to_load_from_cache(repository, MANIFEST, revision=commit), str):
            refuse_foreign(repository, HfApi().list_repo_files(repository, revision=commit))

    def fetch(name: str, force: bool = False) -> Path:
        with explained(repository, revision, name):
            path = hf_hub_download(repository, name, revision=commit, force_download=force)
            # Every other file is compared with the manifest.
            if name == MANIFEST and not _is_as_named(Path(path)):
                path = hf_hub_download(repository, name, revision=commit, force_download=True)
        return Path(path)

    return Repository(f"{repository}@{commit}", fetch, commit)


def _is_as_named(path: Path) -> bool:
    """Whether a short file in the Hub's cache is the one that the Hub has.

    The cache has files under the hash that the Hub knows them by, git's own or, of a large file,
    the sha256. Where it has no links the names are plain, and nothing can be told.
    """
    from huggingface_hub.utils.sha import git_hash

    name = path.resolve().name
    if not HASH.fullmatch(name):
        return True
    if path.stat().st_size > LARGEST_JSON:
        return False
    return name in (git_hash(path.read_bytes()), files.sha256(path))


def refuse_foreign(repository: str, names: Iterable[str], kind: Kind = MODEL) -> None:
    """Refuses a repository with files that this project does not write and that could do harm."""
    there = set(names)
    unmarked = kind.marker is not None and kind.marker not in there
    for name in sorted(there):
        ours = kind.own.fullmatch(name) and not unmarked
        if not ours and not HARMLESS.fullmatch(name):
            raise RequestError(f"{kind.rule} Received: {repository} with {name!r}")


def pull(source: str, out: Path | None = None) -> tuple[Repository, Path]:
    """Fetches a whole repository.

    Args:
        source: as for `open_repository`; an id is asked of the Hub whatever lies here.
        out: a folder for its files, as for `new_folder`, with `PULLED` beside them. None leaves
            them in the cache.

    Returns:
        (repository, folder of the files).
    """
    repository = open_repository(source, of_hub=True)
    paths = {name: repository.file(name) for name in repository.files}
    if out is None:
        return repository, repository.manifest.parent
    with new_folder(out) as work:
        for name, path in {**paths, MANIFEST: repository.manifest}.items():
            (work / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(path, work / name)
        files.write_json(work / PULLED, {"source": str(source), "commit": repository.commit})
    return repository, out
