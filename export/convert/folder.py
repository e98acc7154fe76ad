"""Exporting a run: reference images, conversion, verification; a folder only when all agree."""

import os
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from export import runtime
from export.convert import reference, report
from export.inference.trained import RunSampler
from zoo import files
from zoo.errors import FailedError, RequestError, as_request
from zoo.metrics import samples
from zoo.metrics.classifier import FOLDER as CLASSIFIERS
from zoo.metrics.classifier import find_classifier, load_classifier
from zoo.pictures import grids
from zoo.start import child_command, child_environment
from zoo.training.run import Run

DRAWINGS = 2_000


def export_run(
    run: Run,
    folder: Path,
    formats: Sequence[str] = ("onnx",),
    precisions: Sequence[str] = (),
    force: bool = False,
) -> report.Report:
    """Writes model.onnx, other graphs, reference.npz and verification.json to `folder`.

    Args:
        run: of this process' backend.
        folder: made when it is missing; an earlier export there is replaced, and all else kept.
        formats: "onnx", "tflite" or both.
        precisions: "fp16", "int8" or both, beside fp32.
        force: whether to keep a smaller precision that is slower than fp32 or below its floor.

    Returns:
        The report of `verify.verify`, with each file's bytes, milliseconds and, where there are
        smaller precisions and a classifier of the data, Fréchet Classifier Distance.

    Raises:
        FailedError: the conversion failed or the numbers differ; `folder` is then as it was.
        RequestError: `folder` cannot be written, or holds files that no export wrote; or int8 is
            asked for of a translator whose data is not on this machine.
    """
    folder = Path(folder)
    for format_ in formats:
        with as_request():
            runtime.check_installed(f".{format_}")
    if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise RequestError(
            f"An export needs a folder that can be written. Received: {folder}, which is none"
        )
    with files.place_beside(folder, "An export") as work:
        models = [f"model.{format_}" for format_ in formats]
        _refuse_foreign(folder, models)  # before the work is done
        trained = RunSampler(run)
        images = _images(run, "int8" in precisions) if trained.image_input else None
        reference.write(work / reference.REFERENCE, trained, images)
        wanted = ",".join(("fp32", *precisions))
        _process("export.convert.graphs", str(run.path), str(work), ",".join(formats), wanted)
        _process("export.convert.verify", str(work), *(["--force"] if force else []))
        found = report.read(work)
        if found is None:
            raise FailedError("The export failed and left nothing behind: there is no report")
        if precisions and not trained.image_input:
            found["fcd"] = _distances(run, sorted(work.glob("model*")))
            files.write_json(work / report.REPORT, found)
        folder.mkdir(exist_ok=True)
        with files.in_turn(folder):
            _move(work, folder)
    return found


def _images(run: Run, needed: bool) -> np.ndarray | None:
    """The images that a translator was trained to translate, uint8 (n, height, width, channels).

    Integers take their ranges from them, and ranges of noise fit no image.

    Raises:
        RequestError: they are needed, and the data is not on this machine.
    """
    try:
        return run.dataset().inputs
    except RequestError:
        if needed:
            raise
        return None


def _move(work: Path, folder: Path) -> None:
    """Moves the files of an export to a folder, in place of those of an earlier one."""
    written = [path.name for path in work.iterdir()]
    _refuse_foreign(folder, written)
    for path in _left_over(folder, written):
        path.unlink()
    # The report goes first: whatever stops this, a later export knows whose the files are.
    for name in sorted(written, key=lambda name: name != report.REPORT):
        os.replace(work / name, folder / name)


def _refuse_foreign(folder: Path, names: Iterable[str]) -> None:
    """Refuses to write names that are in the folder without being in the report of an export."""
    earlier = report.read(folder)
    ours = {*earlier["sha256"], report.REPORT, reference.REFERENCE} if earlier else set()
    for name in names:
        if os.path.lexists(folder / name) and name not in ours:
            raise RequestError(
                f"An export replaces only files of an earlier export, which {report.REPORT} names. "
                f"Received: {folder / name}, which it does not name"
            )
        if name in ours and os.path.lexists(folder / name):
            report.require_regular(folder, [name])


def _left_over(folder: Path, written: Iterable[str]) -> list[Path]:
    """The files of an earlier export that a new one does not replace, unchanged since."""
    earlier = report.read(folder)
    digests = earlier["sha256"] if earlier else {}
    found = []
    for name in digests.keys() - set(written):
        path = folder / name
        if os.path.lexists(path):
            report.require_regular(folder, [name])
            if files.sha256(path) != digests[name]:
                raise RequestError(
                    "A file of an earlier export is removed only if it is unchanged. "
                    f"Received: {path}, which was changed since"
                )
            found.append(path)
    return found


def _distances(run: Run, paths: Iterable[Path]) -> dict[str, float]:
    """The Fréchet Classifier Distance of 2,000 images of each generator's file, by file name.

    Empty where the data or a classifier of it is not on this machine.
    """
    try:
        train, test = (run.dataset(split) for split in ("train", "test"))
        classifier = load_classifier(find_classifier(train, run.path.parent))
    except (FailedError, RequestError):
        return {}
    found = {}
    real = samples.Reference(classifier, train, test, run.path.parent / CLASSIFIERS)
    for path in paths:
        images = grids.to_uint8(runtime.load(path).generate(DRAWINGS))
        score = samples.Comparison(real, samples.parts(images)).score("fcd")
        found[path.name] = round(score["fcd"], 4)
    return found


def _process(module: str, *arguments: str) -> None:
    """Runs a module of this project in a process of its own, under TensorFlow."""
    done = subprocess.run(
        child_command(module, *arguments),
        env=child_environment(KERAS_BACKEND="tensorflow"),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise FailedError(f"The export failed and left nothing behind: {reason}")
