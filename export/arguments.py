"""What the arguments of a command mean that takes a source or something else."""

from pathlib import Path
from typing import Any

from export.sources import find_model, is_source, published
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
        return find_model(source, runs_dir, backend)
    raise RequestError(
        "evaluate takes a run, a published model, or images together with the --dataset to "
        f"compare them with. Received: {source}"
    )


def split_images(words: list[str]) -> tuple[str | None, list[str]]:
    """(source or None, images) of the words [SOURCE] IMAGE... of `translate`."""
    from zoo.data.archive import IMAGE_SUFFIXES

    # photos/a.jpg reads like a Hub id
    image = Path(words[0]).suffix.lower() in IMAGE_SUFFIXES
    source, images = (None, words) if image or not is_source(words[0]) else (words[0], words[1:])
    if not images:
        raise RequestError(f"Name the images to translate after the source {source}")
    return source, images
