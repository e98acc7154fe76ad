"""Publishing a run: a repository of what was verified, to the Hugging Face Hub or a folder."""

import shutil
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from export import runtime
from export.convert import report, verify
from export.hub import card, layout, record, upload
from export.inference.generate import draw
from zoo import files
from zoo.errors import RequestError, as_request
from zoo.pictures import figures, grids
from zoo.training.loop import trained_model
from zoo.training.run import Run

if TYPE_CHECKING:
    from huggingface_hub import ModelCard

PAIRS = 8  # that the card of an image-to-image model shows


def build(
    run: Run,
    export: Path,
    folder: Path,
    repository: str,
    licence: str | None = None,
    data_licence: str | None = None,
    *,
    precision: str | None = None,
    without: Collection[str] = (),
    weights: bool = True,
    seen: str = "",
) -> "ModelCard":
    """Writes a run's repository to a folder.

    Args:
        run: one with a checkpoint, of this process' backend.
        export: its exported folder, which is verified again.
        folder: an empty one.
        repository, licence, data_licence: as for `card.make`.
        precision: of the only graphs to take, all ONNX; None for every exported file.
        without: kinds of graphs beside the generator, such as "encoder", to leave out then.
        weights: whether the weights for Keras are among the files.
        seen: what the card says of the samples.

    Returns:
        The card.

    Raises:
        FailedError: the export no longer matches the model, or the card is incomplete.
        RequestError: the run or its export is not what can be published.
    """
    generator = report.file_name("model", precision or "fp32", ".onnx")
    found = report.read(export)
    if found is None or not (export / generator).is_file():
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
    sampler = _current_sampler(run, export / generator)
    config = record.public_config(run)
    verify.verify(export)
    if precision is not None:
        kept = [
            name
            for name in found["sha256"]
            if report.parts(name)[1] == precision and report.parts(name)[0] not in without
        ]
        found = report.only(found, [n for n in kept if n.endswith(".onnx")])
    for name in found["sha256"]:
        target = folder / (layout.GRAPHS[Path(name).suffix] + name)
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(export / name, target, follow_symlinks=False)
    files.write_json(folder / report.REPORT, found)
    if scores := card.published_scores(run):
        files.write_json(folder / layout.SCORES, record.public_scores(scores))
    files.write_json(folder / layout.CONFIG, config)
    keras.utils.clear_session(free_memory=False)  # names of layers, which are in the file, count on
    model = trained_model(run)
    if weights:
        model.save_weights(folder / layout.WEIGHTS)
    shown = _draw_samples(run, sampler, folder / layout.SAMPLES)
    # A plot has few colours: a palette of them takes a third of the bytes.
    figures.history(history).quantize(64).save(folder / layout.CURVES, optimize=True)
    made = card.make(
        run,
        config,
        folder,
        model,
        repository,
        licence,
        data_licence,
        generator=layout.GRAPHS[".onnx"] + generator,
        weights=weights,
        shown=shown,
        seen=seen,
    )
    files.write_bytes(folder / layout.CARD, str(made).encode())
    layout.write_manifest(folder)
    return made


def _current_sampler(run: Run, export: Path) -> runtime.Sampler:
    """What draws from an exported file; that of another run or an earlier step is refused."""
    with as_request():
        sampler = runtime.load(export)
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


def _draw_samples(run: Run, sampler: runtime.Sampler, path: Path) -> str:
    """Writes what `generate` draws, or what an image-to-image model makes of pairs of images.

    Returns:
        The split of the pairs, "" of a model that draws.
    """
    if sampler.image_input is None:
        draw(sampler, path)
        return ""
    split = run.scored_split
    try:
        dataset = run.dataset(split)
    except RequestError:  # there are no pairs but those that it was trained on
        split, dataset = "training", run.dataset()
    assert dataset.inputs is not None  # a translator is trained on pairs alone
    chosen = dataset.spread(PAIRS)
    inputs, targets = dataset.inputs[chosen], dataset.images[chosen]
    outputs = sampler.translate(inputs / np.float32(255))
    grids.translations(inputs, outputs, targets).save(path)
    return split


def publish(
    run: Run,
    export: Path,
    repository: str,
    licence: str | None = None,
    data_licence: str | None = None,
    **options: Any,
) -> list[str]:
    """Publishes a run's export on the Hub, or writes what would be published to a folder.

    Args:
        run, export, repository, licence, data_licence: as for `build`.
        options: those of `upload.publish`, whose result is returned.
    """

    def fill(folder: Path) -> tuple[str, str]:
        card = build(run, export, folder, repository, licence, data_licence)
        return layout.commit_message(folder), str(card)

    return upload.publish(fill, repository, **options)
