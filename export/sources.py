"""What a SOURCE is: a run, an exported file or folder, a published or a bundled model.

`resolve` decides that, for every command and for `load`, by looking at the disk alone: the Hub is
asked only for a source that cannot be a path here. Nothing heavy is imported before it is known.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from export.hub import bundled, layout
from export.hub.layout import RUNS
from zoo.errors import RequestError, as_request
from zoo.start import start_backend

if TYPE_CHECKING:
    from export import runtime
    from zoo.training.run import Run

Kind = Literal["run", "exported", "published", "bundled"]
PUBLISHED = ("published", "bundled")  # what is opened through its manifest


@dataclass(frozen=True)
class Source:
    """Something that draws: what kind of thing it is, and its path, id on the Hub or name."""

    kind: Kind
    name: str


def resolve(source: str | Path | None, runs_dir: Path = RUNS) -> Source:
    """What a source is.

    Args:
        source: the folder of a run; a .onnx or .tflite file, or a folder with `model.onnx` or
            `model.tflite`; the folder of a published model; "owner/name[@revision]" on the Hugging
            Face Hub; the name of a bundled model, if no file or folder here has it; None for the
            newest run.
        runs_dir: folder of the runs.

    Raises:
        RequestError: there is nothing at that path, or something else.
    """
    from export import runtime

    if source is None:
        from zoo.training.run import newest

        return Source("run", str(newest(runs_dir).path))
    if kind := _kind(source, runs_dir):
        return Source(kind, str(source))
    why = layout.why_a_path(source, runs_dir)
    raise RequestError(
        "A source is a run (a folder with config.json), an exported .onnx or .tflite file, a "
        f"folder with {' or '.join(runtime.FILES)}, owner/name on the Hugging Face Hub, or one of "
        f"`genzoo list pretrained`.{bundled.nearest(source)} Received: {source}"
        + (f", {why}" if why else "")
    )


def _kind(source: str | Path, runs_dir: Path = RUNS) -> Kind | None:
    """The kind of a source, by what lies at that path and else by how it reads."""
    from export import runtime

    path = Path(source)
    if (path / layout.MANIFEST).is_file():
        return "published"
    if (path / "config.json").is_file():
        return "run"
    if path.suffix in runtime.GRAPHS and path.is_file():
        return "exported"
    if any((path / name).is_file() for name in runtime.FILES):
        return "exported"
    if bundled.find(source):
        return "bundled"
    if layout.why_a_path(source, runs_dir) is None and layout.parse_id(source):
        return "published"
    return None


def load(source: str | Path, threads: int | None = None) -> "runtime.Sampler":
    """What draws: a run, something exported, published or bundled.

    A run draws with the backend that trained it. The others need neither Keras nor a training
    library: they draw with onnxruntime where it is installed, else with LiteRT.

    Args:
        source: as for `resolve`.
        threads: how many compute for what is no run; None for one per core.

    Raises:
        RequestError: there is none, or it is damaged.
        FailedError: the Hub does not answer, and the cache does not have it.

    >>> images = load("owner/name").generate(16, seed=0)
    """
    return _open(resolve(source), threads)


def open_source(source: str | None, runs_dir: Path) -> "runtime.Sampler":
    """`load` for the command line, where None is the newest run in `runs_dir`."""
    return _open(resolve(source, runs_dir))


def _open(source: Source, threads: int | None = None) -> "runtime.Sampler":
    from export import runtime

    if source.kind == "run":
        from zoo.training.run import Run

        run = Run.open(source.name)
        start_backend(run.config["backend"])
        from export.inference.trained import RunSampler

        return RunSampler(run)
    path = Path(source.name)
    if source.kind in PUBLISHED:
        from export.hub.repository import open_repository

        path = open_repository(source.name).generator()
    with as_request():
        return runtime.load(path, threads)


def find_run(path: str | None, runs_dir: Path) -> "Run":
    """The run at a path, by default the newest."""
    from zoo.training.run import Run, newest

    return newest(runs_dir) if path is None else Run.open(path)


def find_model(
    source: str | None, runs_dir: Path, backend: str | None = None, weights: bool = True
) -> "Run":
    """A run, or a published or bundled model on the backend asked for: what Keras can look into.

    Without `weights` a published model is taken too of which there are exported graphs alone.
    """
    if source is None or _kind(source, runs_dir) not in PUBLISHED:
        return find_run(source, runs_dir)
    from export.hub.pretrained import PublishedRun

    return PublishedRun(source, backend, weights)


def find_models(paths: list[str], runs_dir: Path) -> "list[Run]":
    """The runs at some paths, each a run, a folder of runs or a published model; else the newest.

    See `find_model`.
    """
    from zoo.training.run import list_runs

    found: list[Run] = []
    for path in paths:
        inside = list_runs(Path(path)) if _kind(path, runs_dir) is None else []
        found += inside or [find_model(path, runs_dir)]
    return found or [find_model(None, runs_dir)]


def find_export(source: str | None, runs_dir: Path) -> tuple["Run", Path]:
    """(run, exported folder) of a run, or of a folder exported from one that is known."""
    from export import runtime
    from zoo.training.run import Run

    if source is None or (Path(source) / "config.json").is_file():
        run = find_run(source, runs_dir)
        return run, run.path / "export"
    folder = Path(source)
    if (folder.parent / "config.json").is_file():
        return Run.open(folder.parent), folder
    try:
        name = runtime.load(folder).metadata["run"]
    except (ValueError, KeyError):
        raise RequestError(
            "What is published is a run, or its exported folder, or a bundled model."
            f"{bundled.nearest(source)} Received: {source}"
        ) from None
    recorded = isinstance(name, str) and Path(name).name == name
    if not recorded or not (runs_dir / name / "config.json").is_file():
        raise RequestError(
            f"A model card needs the record of the run: {name} is not in {runs_dir}, --runs-dir "
            f"says where it is. Received: {source}"
        )
    return Run.open(runs_dir / name), folder


def published(source: str | Path) -> bool:
    """Whether a source is a published model (its folder, or an id and no path here) or bundled."""
    return _kind(source) in PUBLISHED


def is_source(path: str | Path) -> bool:
    """Whether a path is a run, something exported, published or bundled, by its looks."""
    from export import runtime

    return Path(path).suffix in runtime.GRAPHS or _kind(path) is not None
