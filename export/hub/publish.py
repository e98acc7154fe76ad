"""Publishing a run: a repository of what was verified, to the Hugging Face Hub or a folder."""

import json
import shutil
import tempfile
from pathlib import Path

import keras

from export import runtime
from export.convert import verify
from export.hub import card
from export.hub import repository as hub
from export.inference.generate import draw
from zoo import files
from zoo.errors import RequestError
from zoo.pictures import figures
from zoo.training.loop import trained_model
from zoo.training.run import Run

# What a run's config says of the machine it ran on.
PRIVATE = ("data_dir", "source")


def build(run, export, folder, repository, licence=None, data_licence=None):
    """Writes a run's repository to a folder.

    Args:
        run: `zoo.training.run.Run` with a checkpoint, of this process' backend.
        export: its exported folder, which is verified again.
        folder: an empty one.
        repository, licence, data_licence: as for `card.make`.

    Returns:
        The card.

    Raises:
        FailedError: the export does not match the model any more, or the card has a gap.
    """
    if not (export / verify.REPORT).is_file() or not (export / "model.onnx").is_file():
        raise RequestError(
            f"What is published was exported to ONNX and verified, `export {run.path}`. "
            f"Received: {export}, without"
        )
    history = run.history()
    if not history:
        raise RequestError(
            f"A card shows a run's curves, from its first whole epoch on. Received: {run.path}"
        )
    sampler = _current_sampler(run, export)
    verify.verify(export)
    for name in verify.reported(export):
        target = folder / (hub.GRAPHS[Path(name).suffix] + name)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(export / name, target)
    shutil.copyfile(export / verify.REPORT, folder / verify.REPORT)
    files.write_json(folder / hub.CONFIG, public_config(run))
    keras.utils.clear_session(free_memory=False)  # names of layers, which are in the file, count on
    model = trained_model(run)
    model.save_weights(folder / hub.WEIGHTS)
    _draw_samples(run, sampler, folder / hub.SAMPLES)
    figures.history(history).save(folder / hub.CURVES)
    made = card.make(run, export, model, repository, licence, data_licence)
    files.write_bytes(folder / hub.CARD, str(made).encode())
    hub.write_manifest(folder)
    return made


def _current_sampler(run, export):
    """What draws from an export; one of another run, or of an earlier step of it, is refused."""
    try:
        sampler = runtime.load(export)
    except ValueError as error:
        raise RequestError(str(error)) from error
    metadata = sampler.metadata
    expected = (run.id, run.manifest()["step"])
    found = (metadata.get("run"), metadata.get("step"))
    if metadata.get("image_shape") and len(metadata["image_shape"]) == 1:
        raise RequestError(f"What is published draws images. Received: {run.path}, of points")
    if found != expected:
        raise RequestError(
            f"What is published is the run as it now is, step {expected[1]} of {expected[0]}: "
            f"export it again. Received: {export}, of step {found[1]} of {found[0]}"
        )
    return sampler


def public_config(run):
    """A run's config with its step, without what names the machine it ran on."""
    config = run.config
    dataset = {key: value for key, value in config["dataset"].items() if key not in PRIVATE}
    dataset |= {"request": Path(dataset["request"]).name, "data_dir": None}
    evaluation = config.get("evaluation")
    if evaluation:
        evaluation = {**evaluation, "classifier": Path(evaluation["classifier"]).name}
    return {
        **config,
        "dataset": dataset,
        "evaluation": evaluation,
        "command": card.public_command(config["command"]),
        "step": run.manifest()["step"],
    }


def _draw_samples(run, sampler, path):
    """What `generate` draws of the published file; of a translator the pairs of its last epoch."""
    if sampler.image_input is None:
        draw(sampler, path)
        return
    pictures = sorted((run.path / "samples").glob("epoch-*.png"))
    if not pictures:
        raise RequestError(f"A translator's card shows pairs. Received: none in {run.path}/samples")
    shutil.copyfile(pictures[-1], path)


def push(folder, repository, *, private=False, revision=None, pull_request=False):
    """Makes a repository on the Hub what a folder is, in one commit, or none where it is so.

    Args:
        folder: of a whole repository.
        repository: "owner/name", made where it is missing.
        private: whether it is then private; one that exists must be so already.
        revision: branch, made where it is missing; None for the main one.
        pull_request: whether the commit goes to a pull request, and the branch stays as it is.

    Returns:
        (address of the commit or the pull request, names of changed files): no name where nothing
        had changed.

    Raises:
        RequestError: no token, or one that may not do this; a repository of something else.
        FailedError: the Hub does not answer, or somebody else was faster.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    hub.require_token()
    api, config = HfApi(), json.loads((folder / hub.CONFIG).read_bytes())
    with hub.explained(repository, revision):
        _make_repository(api, repository, private)
        if revision is not None and not pull_request:
            api.create_branch(repository, branch=revision, exist_ok=True)
        head = api.model_info(repository, revision=revision).sha
        there = {
            entry.path: entry
            for entry in api.list_repo_tree(repository, revision=head, recursive=True)
            if hasattr(entry, "blob_id")  # a file
        }
        hub.refuse_foreign(repository, there)
        additions = hub.files_of(folder)
        changed = [name for name, path in additions.items() if not _is_same(there.get(name), path)]
        # Files of an earlier push that this one does not have; what others added is left alone.
        gone = [n for n in there if n not in additions and hub.LAYOUT.fullmatch(n)]
        if not changed and not gone:
            return f"{api.endpoint}/{repository}/commit/{head}", []
        operations = [CommitOperationAdd(name, additions[name]) for name in changed]
        operations += [CommitOperationDelete(name) for name in gone]
        commit = api.create_commit(
            repository,
            operations,
            commit_message=f"{config['model']}, step {config['step']}",
            revision=revision,
            create_pr=pull_request,
            parent_commit=head,
        )
    return commit.pr_url or commit.commit_url, [*changed, *gone]


def _make_repository(api, repository, private):
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.model_info(repository)
    except RepositoryNotFoundError:
        api.create_repo(repository, private=private, exist_ok=True)
        return
    if private and not info.private:
        raise RequestError(
            f"--private makes a new repository private. Received: {repository}, which is public"
        )


def _is_same(entry, path):
    """Whether a file of the Hub is that of a path: by its sha256, or by git's own hash."""
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
    aside = tempfile.TemporaryDirectory() if dry_run or to is None else hub.new_folder(to)
    with aside as work:
        folder = Path(work)
        card = build(run, export, folder, repository, licence, data_licence)
        if not dry_run and to is None:
            options = {"private": private, "revision": revision, "pull_request": pull_request}
            address, changed = push(folder, repository, **options)
            return [f"{address}: {', '.join(changed) or 'nothing had changed'}"]
        there = hub.files_of(folder).items()
        lines = [f"{path.stat().st_size:>12,} {name}" for name, path in there]
    return [*lines, "", str(card)] if dry_run else [*lines, str(to)]
