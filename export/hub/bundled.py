"""The trained models that come with the project: found by name, listed and published.

A bundled model is a folder of `model_cards/` that holds what `push` would send, as its
manifest.json says, mostly without the weights for Keras. Its card says OWNER/NAME where the id of
its repository belongs, which is filled in when it is published.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import model_cards
from export.hub.layout import (
    CARD,
    CONFIG,
    MANIFEST,
    SCORES,
    FileRecord,
    commit_message,
    read_manifest,
    write_manifest,
)
from zoo import errors, files
from zoo.errors import RequestError

OWNER = "OWNER"  # in the cards of bundled models
COLLECTION = "genzoo"  # title of the collection that `push --all` makes
SHOWN = ("fcd", "nll")  # scores that are listed
Row = dict[str, Any]


def names() -> list[str]:
    """The names of the bundled models, in alphabetical order."""
    return sorted(path.parent.name for path in model_cards.FOLDER.glob(f"*/{MANIFEST}"))


def find(source: str | Path) -> Path | None:
    """The folder of a bundled model by its name; None for what is none, or is a path here."""
    name = str(source)
    if not name or Path(name).name != name or name.startswith(".") or os.path.lexists(name):
        return None
    folder = model_cards.FOLDER / name
    return folder if (folder / MANIFEST).is_file() else None


def nearest(source: str | Path) -> str:
    """The sentence " Nearest: ..." for a mistyped name, "" for a path and where none is near."""
    name = str(source)
    plain = Path(name).name == name and not os.path.lexists(name)
    return errors.nearest(name, names()) if plain else ""


def rows() -> list[Row]:
    """A row for each bundled model, for `list pretrained`.

    Raises:
        RequestError: one of them is damaged.
    """
    from zoo.training.schema import NUMBER, read_object

    found = []
    for name in names():
        folder = model_cards.FOLDER / name
        config = read_object(folder / CONFIG, CONFIG)
        scores = read_object(folder / SCORES, SCORES) if (folder / SCORES).is_file() else {}
        shown = {metric: scores.get(metric, {}).get(metric) for metric in SHOWN}
        size = sum(about["bytes"] for about in manifest(folder).values())
        found.append(
            {
                "name": name,
                "model": config["model"],
                "dataset": config["dataset"]["name"],
                "size": f"{size / 1000:,.0f} kB",
                **{metric: f"{n:.4g}" if NUMBER.holds(n) else None for metric, n in shown.items()},
            }
        )
    return found


def rows_of(owner: str) -> list[Row]:
    """A row for each of an owner's models of this library on the Hub.

    Raises:
        RequestError: the owner's name is none.
        FailedError: the Hub does not answer.
    """
    from huggingface_hub import HfApi

    from export.hub.messages import explained
    from export.hub.repository import check_id

    check_id(f"{owner}/{COLLECTION}")
    with explained(owner):
        models = list(HfApi().list_models(author=owner, filter="genzoo", full=True))
    return [
        {
            "name": info.id,
            "task": info.pipeline_tag,
            "downloads": info.downloads,
            "changed": info.last_modified and f"{info.last_modified:%Y-%m-%d}",
        }
        for info in sorted(models, key=lambda info: info.id)
    ]


def copy(name: str, repository: str, folder: Path) -> tuple[str, str]:
    """Writes a bundled model to an empty folder; returns what `upload.publish` asks for.

    Raises:
        RequestError: a file is not as its manifest says.
    """
    from export.hub.repository import open_repository

    bundle = open_repository(model_cards.FOLDER / name)  # whatever lies here of that name
    for file in bundle.files:
        (folder / file).parent.mkdir(exist_ok=True)
        shutil.copyfile(bundle.file(file), folder / file)
    card = (folder / CARD).read_text(encoding="utf-8").replace(f"{OWNER}/{name}", repository)
    files.write_bytes(folder / CARD, card.encode())
    write_manifest(folder)
    return commit_message(folder), card


def publish(name: str, repository: str, **options: Any) -> list[str]:
    """Publishes a bundled model; options and result are those of `upload.publish`."""
    from export.hub import upload

    return upload.publish(lambda folder: copy(name, repository, folder), repository, **options)


def publish_all(owner: str, *, private: bool = False, dry_run: bool = False) -> Iterator[str]:
    """Publishes each bundled model in a repository of its own, and a collection of them.

    What the Hub has already is not sent again, so that the same call goes on where one stopped.

    Args:
        owner: a user or an organization on the Hub.
        private: whether new repositories and a new collection are private; those that exist must
            be private already.
        dry_run: whether nothing is sent.

    Yields:
        Lines that say what was done, each when it is done.
    """
    from huggingface_hub import HfApi

    from export.hub.messages import explained
    from export.hub.repository import check_id, require_token

    wanted = {name: f"{owner}/{name}" for name in names()}
    for repository in (f"{owner}/{COLLECTION}", *wanted.values()):
        check_id(repository)
    if not wanted:
        raise RequestError(
            "No trained models come with this installation, so there is nothing to publish"
        )
    if dry_run:
        for name, repository in wanted.items():
            *lines, _ = publish(name, repository, dry_run=True)
            yield from (f"{repository}:", *lines)
        return
    require_token()
    api = HfApi()
    with explained(owner):
        collection = api.create_collection(
            COLLECTION,
            namespace=owner,
            description="Classic deep generative models, trained with genzoo",
            private=private,
            exists_ok=True,
        )
    if private and not collection.private:
        raise RequestError(
            "--private is for a new collection and leaves an existing one as it is. "
            f"Received: {collection.slug}, which is public"
        )
    there = {item.item_id for item in collection.items}
    for name, repository in wanted.items():
        yield from publish(name, repository, private=private)
        if repository not in there:
            with explained(repository):
                api.add_collection_item(collection.slug, repository, "model", exists_ok=True)
    yield collection.url


def manifest(folder: Path) -> dict[str, FileRecord]:
    """What the manifest of a bundled model says of its files, by name."""
    try:
        return read_manifest(folder / MANIFEST)
    except ValueError as error:
        raise RequestError(
            f"{MANIFEST} must name the files of a bundled model. Received: {folder / MANIFEST}, "
            f"with {error}"
        ) from error
