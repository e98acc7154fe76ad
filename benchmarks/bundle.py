"""A run as a trained model that comes with the project: a folder of model_cards/.

    python benchmarks/bundle.py RUN [--name NAME] [--precision fp16|int8|fp32] [--without encoder] \
        [--license LICENCE] [--seen "What one sees in the samples."]

The run is exported in that precision where its export lacks it. The folder holds what `push` would
send, without the weights for Keras: the graphs of that precision, the card, the scores and the
records. It is refused where it, or all bundled models together, would be too large.
"""

import argparse
import re
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
import model_cards  # noqa: E402
from export.convert import report  # noqa: E402
from export.hub import bundled  # noqa: E402
from export.hub.layout import MANIFEST, files_of  # noqa: E402
from zoo.errors import FailedError, RequestError  # noqa: E402
from zoo.start import start_backend  # noqa: E402
from zoo.training.run import Run  # noqa: E402

LARGEST, LARGEST_TOGETHER = 1_200_000, 15_000_000  # bytes
PICTURES = {".png"}  # what a folder may hold that is no model yet


def bundle(
    run: Run,
    name: str | None = None,
    precision: str = "fp16",
    licence: str | None = None,
    seen: str = "",
    without: Collection[str] = (),
) -> Path:
    """Writes a run's bundled model, whole or not at all, in place of an earlier one.

    Args:
        run: one with a checkpoint and a history, of this process' backend.
        name: of the model; by default that of the run's model and of its dataset.
        precision: "fp16", "int8" or "fp32".
        licence: of the model, where the data's licence leaves that open.
        seen: what the card says of the samples.
        without: kinds of graphs to leave out, where the folder is too large with them.

    Returns:
        The folder.

    Raises:
        FailedError: the export does not match the model.
        RequestError: it cannot be published, is too large, or its place holds something else.
    """
    from export.hub.publish import build

    name = name or f"{run.config['model']}-{run.config['dataset']['name']}"
    if not re.fullmatch(r"[a-z0-9][a-z0-9_]*(-[a-z0-9_]+)+", name, re.ASCII):
        raise RequestError(
            "A bundled model's name must be MODEL-DATASET of small letters, digits and '_'. "
            f"Received: {name!r}"
        )
    target = model_cards.FOLDER / name
    strange = [path.name for path in _own_files(target) if path.suffix not in PICTURES]
    if strange:
        raise RequestError(
            "A bundled model replaces an earlier one, and pictures stay. "
            f"Received: {target}, with {strange[0]}"
        )
    with (
        tempfile.TemporaryDirectory(dir=model_cards.FOLDER, prefix=f".{name}-") as place,
        _exported(run, precision) as export,
    ):
        _check_exact(export, precision)
        work = Path(place) / "new"
        work.mkdir()
        repository = f"{bundled.OWNER}/{name}"
        build(
            run,
            export,
            work,
            repository,
            licence,
            precision=precision,
            without=without,
            weights=False,
            seen=seen,
        )
        _check_sizes(work, name)
        for path in _own_files(target):
            if not (work / path.name).exists():
                shutil.copy2(path, work / path.name)
        old = Path(place) / "old"
        if target.exists():
            target.rename(old)
        try:
            work.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
    return target


def _own_files(folder: Path) -> list[Path]:
    """What lies in a folder beside the files of a bundled model."""
    known: set[str] = set()
    if (folder / MANIFEST).is_file():
        known = {MANIFEST, *bundled.manifest(folder)}
    return [path for name, path in files_of(folder).items() if name not in known]


@contextmanager
def _exported(run: Run, precision: str) -> Iterator[Path]:
    """The run's export where it is of the newest checkpoint and has the precision, else a new one.

    The run's own export is left as it is. A bundled model is to be small, so that files slower than
    fp32 pass; inexact ones are refused by `_check_exact`.
    """
    from export import runtime
    from export.convert.folder import export_run

    wanted = report.file_name("model", precision, ".onnx")
    export = run.path / "export"
    found = report.read(export)
    if found and wanted in found["sha256"] and (export / wanted).is_file():
        about = runtime.load(export / wanted).metadata
        if (about.get("run"), about.get("step")) == (run.id, run.manifest()["step"]):
            yield export
            return
    with tempfile.TemporaryDirectory() as place:
        smaller = () if precision == "fp32" else (precision,)
        export_run(run, Path(place) / "export", ("onnx",), smaller, force=True)
        yield Path(place) / "export"


def _check_exact(export: Path, precision: str) -> None:
    """Refuses files whose precision is below its limit, also where an export was forced."""
    found = report.read(export)
    for name, cases in (found or {"errors": {}})["errors"].items():
        psnr = min(case["psnr"] for case in cases.values())
        floor = report.FLOORS.get(precision, 0.0)  # fp32 was verified more strictly
        if report.parts(name)[1] == precision and not psnr >= floor:
            raise RequestError(
                f"A bundled model of {precision} must be within {floor:g} dB of "
                f"the trained one: try another precision. Received: {name}, at {psnr:.1f} dB"
            )


def _check_sizes(folder: Path, name: str) -> None:
    size = _size(folder)
    others = [model_cards.FOLDER / other for other in bundled.names() if other != name]
    together = size + sum(map(_size, others))
    if size >= LARGEST:
        largest = max(files_of(folder).items(), key=lambda item: item[1].stat().st_size)[0]
        raise RequestError(
            f"A bundled model must be smaller than {LARGEST:,} bytes. Received: {size:,} of "
            f"{name}, of which {largest} is the largest"
        )
    if together >= LARGEST_TOGETHER:
        raise RequestError(
            f"All bundled models together must be smaller than {LARGEST_TOGETHER:,} bytes. "
            f"Received: {together:,} with {name}"
        )


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in files_of(folder).values())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run")
    parser.add_argument("--name", help="by default MODEL-DATASET")
    parser.add_argument("--precision", choices=(*report.FLOORS, "fp32"), default="fp16")
    parser.add_argument("--without", nargs="*", default=[], help="kinds of graphs to leave out")
    parser.add_argument("--license", help="of the model, where the data's licence leaves that open")
    parser.add_argument("--seen", default="", help="what one sees in the samples, for the card")
    options = parser.parse_args()
    try:
        run = Run.open(options.run)
        start_backend(run.config["backend"])
        folder = bundle(
            run,
            options.name,
            options.precision,
            options.license,
            options.seen,
            options.without,
        )
    except (FailedError, RequestError) as error:
        sys.exit(f"Error: {error}")
    print(f"{folder}: {_size(folder):,} bytes")


if __name__ == "__main__":
    main()
