"""Publishing a run: a repository of what was verified, to the Hugging Face Hub or a folder."""

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from export import runtime
from export.convert import report, verify
from export.hub import card, layout, record
from export.hub.folders import new_folder
from export.hub.messages import explained
from export.hub.repository import refuse_foreign, require_token
from export.inference.generate import draw
from zoo import files
from zoo.errors import RequestError
from zoo.pictures import figures
from zoo.training.loop import trained_model
from zoo.training.run import Run

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelCard


def build(
    run: Run,
    export: Path,
    folder: Path,
    repository: str,
    licence: str | None = None,
    data_licence: str | None = None,
) -> "ModelCard":
    """Writes a run's repository to a folder.

    Args:
        run: one with a checkpoint, of this process' backend.
        export: its exported folder, which is verified again.
        folder: an empty one.
        repository, licence, data_licence: as for `card.make`.

    Returns:
        The card.

    Raises:
        FailedError: the export no longer matches the model, or the card is incomplete.
        RequestError: the run or its export is not what can be published.
    """
    found = report.read(export)
    if found is None or not (export / "model.onnx").is_file():
        raise RequestError(
            f"Only a verified ONNX export can be published: run `export {run.path}` first. "
            f"Received: {export}, which has none"
        )
    history = run.history()
    if not history:
        raise RequestError(
            "A model card shows the run's curves, so the run needs at least one whole epoch. "
            f"Received: {run.path}"
        )
    sampler = _current_sampler(run, export)
    config = record.public_config(run)
    verify.verify(export)
    for name in found["sha256"]:
        target = folder / (layout.GRAPHS[Path(name).suffix] + name)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(export / name, target, follow_symlinks=False)
    files.write_json(folder / report.REPORT, found)
    files.write_json(folder / layout.CONFIG, config)
    keras.utils.clear_session(free_memory=False)  # names of layers, which are in the file, count on
    model = trained_model(run)
    model.save_weights(folder / layout.WEIGHTS)
    _draw_samples(run, sampler, folder / layout.SAMPLES)
    figures.history(history).save(folder / layout.CURVES)
    made = card.make(run, config, export, model, repository, licence, data_licence)
    files.write_bytes(folder / layout.CARD, str(made).encode())
    layout.write_manifest(folder)
    return made


def _current_sampler(run: Run, export: Path) -> runtime.Sampler:
    """What draws from an export; one of another run, or of an earlier step of it, is refused."""
    try:
        sampler = runtime.load(export)
    except ValueError as error:
        raise RequestError(str(error)) from error
    metadata = sampler.metadata
    expected = (run.id, run.manifest()["step"])
    found = (metadata.get("run"), metadata.get("step"))
    if metadata.get("image_shape") and len(metadata["image_shape"]) == 1:
        raise RequestError(
            f"Only models of images can be published. Received: {run.path}, a model of points"
        )
    if found != expected:
        raise RequestError(
            f"The export must be of the run as it now is, step {expected[1]} of {expected[0]}: "
            f"export it again. Received: {export}, of step {found[1]} of {found[0]}"
        )
    return sampler


def _draw_samples(run: Run, sampler: runtime.Sampler, path: Path) -> None:
    """Writes what `generate` draws, or the pairs of the last epoch of an image-to-image model."""
    if sampler.image_input is None:
        draw(sampler, path)
        return
    pictures = sorted((run.path / "samples").glob("epoch-*.png"))
    if not pictures:
        raise RequestError(
            "The card of an image-to-image model shows pairs of images, which an epoch of training "
            f"writes; there are none in {run.path}/samples"
        )
    report.require_regular(pictures[-1].parent, [pictures[-1].name])
    shutil.copyfile(pictures[-1], path)


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


def publish(
    run: Run,
    export: Path,
    repository: str,
    licence: str | None = None,
    data_licence: str | None = None,
    *,
    to: Path | None = None,
    dry_run: bool = False,
    private: bool = False,
    revision: str | None = None,
    pull_request: bool = False,
) -> list[str]:
    """Publishes a run's export on the Hub, or writes what would be published to a folder.

    Args:
        run, export, repository, licence, data_licence: as for `build`.
        to: a folder for the repository, instead of the Hub.
        dry_run: whether nothing is to be kept or sent.
        private, revision, pull_request: as for `push`.

    Returns:
        Lines that say what was published: the address and the changed files; of a folder or a dry
        run the files with their sizes, and then the folder, or the card.
    """
    aside = tempfile.TemporaryDirectory() if dry_run or to is None else new_folder(to)
    with aside as work:
        folder = Path(work)
        card = build(run, export, folder, repository, licence, data_licence)
        if not dry_run and to is None:
            address, changed = push(
                folder, repository, private=private, revision=revision, pull_request=pull_request
            )
            return [f"{address}: {', '.join(changed) or 'nothing had changed'}"]
        there = layout.files_of(folder).items()
        lines = [f"{path.stat().st_size:>12,} {name}" for name, path in there]
    return [*lines, "", str(card)] if dry_run else [*lines, str(to)]
