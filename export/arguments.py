"""What the arguments of a command mean that takes a source or something else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export.hub import bundled
from export.sources import find_model, is_source, published, resolve
from zoo.errors import RequestError


def find_scored(
    source: str | None, dataset: str | None, runs_dir: Path, backend: str | None
) -> Any:
    """What `evaluate` scores: a run or a published model, or None where it is a folder of images.

    Args:
        source: of the command line, None for the newest run.
        dataset: what a folder of images is compared with, None for a run.
        runs_dir: folder of the runs.
        backend: for a published model.
    """
    if dataset is not None:
        if source is None:
            raise RequestError(
                "--dataset is what a folder of images is compared with: name that folder too"
            )
        return None
    if source is None or (Path(source) / "config.json").is_file() or published(source):
        return find_model(source, runs_dir, backend, weights=False)
    raise RequestError(
        "evaluate takes a run, a published or a bundled model, or images together with the "
        f"--dataset to compare them with.{bundled.nearest(source)} Received: {source}"
    )


def split_images(words: list[str]) -> tuple[str | None, list[str]]:
    """(source or None, images) of the words [SOURCE] IMAGE... of `translate` and `reconstruct`."""
    from zoo.data.archive import IMAGE_SUFFIXES

    # photos/a.jpg reads like a Hub id
    image = Path(words[0]).suffix.lower() in IMAGE_SUFFIXES
    if not image and not is_source(words[0]) and bundled.nearest(words[0]):
        resolve(words[0])  # a mistyped name: the error has the nearest ones
    source, images = (None, words) if image or not is_source(words[0]) else (words[0], words[1:])
    if not images:
        raise RequestError(f"Name the images after the source {source}")
    return source, images


def find_owner(words: list[str], given: Mapping[str, Any]) -> str:
    """The owner that `push --all` publishes for; options that fit one repository are refused."""
    if len(words) != 1:
        raise RequestError(f"push --all takes one OWNER. Received: {' '.join(words)}")
    single = {"--to": "to", "--revision": "revision", "--pull-request": "pull_request"}
    names = {name: given[key] for name, key in single.items()}
    names |= {name: value for name, value in given.items() if name.startswith("--")}
    refuse_given(
        names, "is for a single repository, and push --all makes one of each bundled model"
    )
    return words[0]


def refuse_given(options: Mapping[str, Any], why: str) -> None:
    """Refuses the first of some options that was given; `why` goes on from its name."""
    for name, value in options.items():
        if value:
            raise RequestError(f"{name} {why}: leave it out. Received: {name} {value}")
