"""What a SOURCE on the command line is: a run, something exported or something published.

Nothing heavy is imported before it is known.
"""

from pathlib import Path

from zoo.errors import RequestError
from zoo.start import start_backend


def find_run(path, runs_dir):
    """The run at a path, by default the newest."""
    from zoo.training.run import Run, newest

    return newest(runs_dir) if path is None else Run.open(path)


def find_model(source, runs_dir, backend=None):
    """What can be looked into with Keras: a run, or a published model, on the backend asked for."""
    if source is None or not published(source):
        return find_run(source, runs_dir)
    from export.hub.pretrained import PublishedRun

    return PublishedRun(source, backend)


def find_export(source, runs_dir):
    """(run, exported folder) of a run, or of a folder exported from one that is known."""
    from export import runtime
    from zoo.training.run import Run

    if source is None or (Path(source) / "config.json").is_file():
        run = find_run(source, runs_dir)
        return run, run.path / "export"
    if (Path(source).parent / "config.json").is_file():
        return Run.open(Path(source).parent), Path(source)
    try:
        name = runtime.load(source).metadata["run"]
    except (ValueError, KeyError):
        raise RequestError(
            f"What is published is a run, or its exported folder. Received: {source}"
        ) from None
    if not (runs_dir / name / "config.json").is_file():
        raise RequestError(
            f"A card is filled from the record of a run, and {name} must lie in {runs_dir}. "
            f"Received: {source} alone"
        )
    return Run.open(runs_dir / name), Path(source)


def published(source):
    """Whether a source is a repository's folder or reads like a Hub id."""
    from export.hub.repository import is_published

    return is_published(source)


def is_source(path):
    """Whether a path is a run, something exported or something published, by its looks."""
    from export import runtime

    inside = any((Path(path) / name).is_file() for name in ("config.json", *runtime.FILES))
    return inside or Path(path).suffix in runtime.GRAPHS or published(path)


def open_source(path, runs_dir):
    """What draws: what was exported or published by its runtime alone, a run by its backend."""
    from export import runtime

    if path is not None and (published(path) or not (Path(path) / "config.json").is_file()):
        if not is_source(path):
            raise RequestError(
                "A source is a run, an exported folder with model.onnx or model.tflite, such a "
                f"file, or owner/name on the Hub. Received: {path}"
            )
        try:
            return runtime.load(path)
        except ValueError as error:
            raise RequestError(str(error)) from error
    run = find_run(path, runs_dir)
    start_backend(run.config["backend"])
    from export.convert.folder import RunSampler

    return RunSampler(run)
