"""The command line: each command parses its options, calls one function and prints.

What is heavy is imported inside the commands, so that --help is quick.
"""
# ruff: noqa: B008 (a call as a default: that is how typer is told of an option)

import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Literal

import typer

from zoo import Backend
from zoo.errors import FailedError, RequestError, printable, unknown
from zoo.registry import Preset
from zoo.start import start_backend

# What `list` shows of each entry without --long.
SHORT = {
    "models": ("model", "family", "conditional", "paper"),
    "datasets": ("dataset", "shape", "found", "description"),
    "presets": ("model", "preset", "steps", "batch_size"),
    "classifiers": ("file", "dataset", "shape", "accuracy"),
    "runs": ("run", "model", "dataset", "backend", "step", "of"),
}
NARROWEST = 8  # characters of a column
WRONG_PATHS = (FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)
RUN_PLOTS = (
    "arithmetic",
    "canvas",
    "history",
    "interpolation",
    "manifold",
    "neighbours",
    "pca",
    "reconstructions",
    "theory-surface",
)
PLOTS = (
    *RUN_PLOTS,
    "theory-optimal-discriminator",
    "theory-parallel-lines",
    "theory-ring",
    "theory-xy-game",
)

app = typer.Typer(
    name="genzoo",
    help="Train, export and run the classic deep generative models.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={
        "help_option_names": ["-h", "--help"],
        # --batch_size is --batch-size
        "token_normalize_func": lambda token: token.replace("_", "-"),
    },
)


# ---- options


def option(
    value: object,
    text: str,
    *names: str,
    default: str | None = None,
    panel: str | None = None,
    metavar: str | None = None,
) -> Any:
    """An option of a command.

    Args:
        value: its default.
        text: the help.
        names: None for that of the parameter.
        default: what the help says of a default None.
        panel: title of the group of options that the help shows it in.
        metavar: what the help shows as its value.
    """
    return typer.Option(
        value,
        *names,
        help=text,
        show_default=default or True,
        rich_help_panel=panel,
        metavar=metavar,
    )


def argument(value: object, text: str, metavar: str | None = None) -> Any:
    """An argument of a command: its default ("..." where it must be given) and its help."""
    default = "the newest run" if value is None else True
    return typer.Argument(value, help=text, metavar=metavar, show_default=default)


data_option = partial(option, panel="Data")
model_option = partial(option, panel="Model")
training_option = partial(option, panel="Training")
score_option = partial(option, panel="Scores")
folder_option = partial(option, panel="Folders")

HUB = "owner/name\\[@revision] on the Hugging Face Hub"  # rich would take [@...] for markup
NAMED = "One of `genzoo list datasets`, or the path of a folder or an archive of images."

Task = Literal["pairs", "colorize", "edges", "inpaint", "superres", "denoise"]
Color = Literal["gray", "rgb"]
Precision = StrEnum("Precision", ["fp32", "fp16", "int8"])  # typer takes no list of Literals

SOURCE = argument(None, f"A run, an exported file or folder, or {HUB}.")
MODEL = argument(None, f"A run, or a published model: {HUB}.")
DATASET = data_option(None, NAMED, default="digits")
IMAGE_SIZE = data_option(None, "Crop images to squares, and resize them to this side.", metavar="N")
COLOR = data_option(None, "Convert images to grey or to colour.")
PRESET = model_option(None, "Hyperparameters to start from: `genzoo list presets` shows them.")
EPOCHS = training_option(None, "Train until this many epochs are done.")
STEPS = training_option(None, "Train until this many steps are done, instead of --epochs.")
BATCH_SIZE = training_option(None, "Number of images in a batch.")
EVERY = score_option(None, "Score generated images every N epochs, and keep the best.", metavar="N")
CLASSIFIER = score_option(
    None, "Classifier file to compute the scores with.", default="that of the dataset"
)
BACKEND = option(None, "Keras backend to run on.", default="KERAS_BACKEND, else tensorflow")
DATA_DIR = folder_option(
    None, "Folder that holds the datasets.", default="ZOO_DATA_DIR, else ~/.keras/datasets"
)
RUNS_DIR = folder_option(Path("runs"), "Folder that holds the runs.")


# ---- printing


def show(*lines: object) -> None:
    """Prints lines of text; what a stranger's file says in them cannot steer the terminal."""
    for line in lines:
        print(printable(str(line)))


def new_console() -> Any:
    """A `rich.console.Console` for progress, which takes what it is given as text, not markup."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False)


def progress_on(console: Any) -> Callable[..., Any]:
    """What wraps a loop over images, so that it shows a progress bar."""
    from rich.progress import track

    return partial(track, description="images", console=console)


# ---- the commands


@app.callback()
def options(debug: bool = option(False, "Show the traceback of an error.", "--debug")) -> None:
    pass  # `main` reads --debug itself: it also covers errors of the parser


@app.command("list")
def list_(
    what: Literal["models", "datasets", "presets", "classifiers", "runs"] = argument(
        "models", "What to list."
    ),
    long: bool = option(False, "Print everything, not one line for each entry.", "--long"),
    as_json: bool = option(False, "Print everything as JSON.", "--json"),
    data_dir: Path | None = DATA_DIR,
    runs_dir: Path = RUNS_DIR,
) -> None:
    """List the models, datasets, presets, classifiers or runs."""
    from zoo.inventory import catalog

    if what in ("models", "presets", "classifiers"):
        start_backend(None)
    rows: list[dict[str, Any]] = {
        "models": catalog.models,
        "datasets": lambda: catalog.datasets(data_dir),
        "presets": catalog.presets,
        "classifiers": lambda: catalog.classifiers(runs_dir),
        "runs": lambda: catalog.runs(runs_dir),
    }[what]()
    if as_json:
        print(json.dumps(rows, indent=2))
    elif not rows:
        show("none")
    elif long:
        print_records(rows)
    else:
        print_rows(rows, SHORT[what])


@app.command()
def train(
    model: str | None = typer.Argument(
        None, help="One of `genzoo list models`; with --resume, a run."
    ),
    resume: bool = option(False, "Continue the run given, by default the newest.", "--resume"),
    dataset: str | None = DATASET,
    image_size: int | None = IMAGE_SIZE,
    color: Color | None = COLOR,
    task: Task | None = data_option(
        None,
        "Train on pairs that the data has (pairs), or on pairs made of its images in this way.",
    ),
    direction: Literal["AtoB", "BtoA"] | None = data_option(
        None, "Which image of a pair is the input.", default="AtoB"
    ),
    preset: Preset | None = PRESET,
    settings: list[str] | None = model_option(
        None,
        "Set a hyperparameter, such as latent_dim=32; may be repeated.",
        "--set",
        metavar="KEY=VALUE",
    ),
    conditional: bool = model_option(
        False, "Give the networks the class labels: --set conditional=true.", "--conditional"
    ),
    epochs: int | None = EPOCHS,
    steps: int | None = STEPS,
    batch_size: int | None = BATCH_SIZE,
    seed: int | None = training_option(
        None, "Seed of the weights, the noise and the order of images.", default="0"
    ),
    evaluate_every: int | None = EVERY,
    classifier: Path | None = CLASSIFIER,
    backend: Backend | None = BACKEND,
    data_dir: Path | None = DATA_DIR,
    runs_dir: Path = RUNS_DIR,
    name: str | None = option(None, "Name of the run's folder.", default="a new name"),
) -> None:
    """Train a model, or continue a run that was stopped."""

    from export.inference import sources

    given: dict[str, Any] = {
        "dataset": dataset,
        "image_size": image_size,
        "color": color,
        "task": task,
        "direction": direction,
        "preset": preset,
        "settings": [*(settings or ()), *(["conditional=true"] if conditional else ())],
        "epochs": epochs,
        "steps": steps,
        "batch_size": batch_size,
        "seed": seed,
        "evaluate_every": evaluate_every,
        "classifier": classifier,
        "data_dir": data_dir,
    }
    if resume:
        if name is not None:
            raise RequestError(f"A resumed run keeps its name. Received: --name {name}")
        run = sources.find_run(model, runs_dir)
        start_backend(run.config["backend"])
        from zoo.training import setup

        run, batches = setup.resumed_run(run, backend=backend, **given)
    else:
        if model is None:
            raise RequestError(
                "Name a model to train (`genzoo list models` shows them), or continue a run with "
                "--resume"
            )
        given |= {"backend": start_backend(backend), "runs_dir": runs_dir, "name": name}
        from zoo.training import setup

        command = shlex.join(["genzoo", *sys.argv[1:]])
        run, batches = setup.new_run(model, command=command, **given)
    from zoo.training.report import train_and_report

    show(*train_and_report(run, batches, new_console()))


@app.command()
def generate(
    source: str | None = SOURCE,
    count: int | None = option(
        None, "Number of images, or of images of each class.", "-n", default="16, or 8 of each"
    ),
    wanted: str | None = option(
        None, "Name or number of a class, or all.", "--class", default="all, where there are any"
    ),
    seed: int = option(0, "Seed of the noise."),
    fix: list[str] | None = option(
        None,
        "Give all images this value of an input, such as category=3; may be repeated.",
        metavar="INPUT=NUMBER",
    ),
    out: Path = option(
        Path("generated.png"), "A .png file for a grid, or a folder for single images."
    ),
    runs_dir: Path = RUNS_DIR,
) -> None:
    """Generate images with a run, an exported file or a published model."""

    from export.inference import sources
    from export.inference.generate import draw

    sampler = sources.open_source(source, runs_dir)
    show(draw(sampler, out, count, wanted, seed, fix or ()))


@app.command()
def translate(
    words: list[str] = argument(
        ...,
        f"A run, an exported file or folder, or {HUB} (by default the newest run); then images, "
        "folders of images or glob patterns.",
        "[SOURCE] IMAGE...",
    ),
    out: Path = option(Path("translated"), "Folder for the results."),
    seed: int = option(0, "Seed of the noise, for a model trained with stochastic=true."),
    runs_dir: Path = RUNS_DIR,
) -> None:
    """Turn images into other images, with an image-to-image model such as pix2pix."""

    from export.inference import arguments, sources
    from export.inference.translate import translate as translate_images

    source, images = arguments.split_images(words)
    translator, progress = sources.open_source(source, runs_dir), progress_on(new_console())
    written, failed = translate_images(translator, images, out, seed, progress)
    show(f"{len(written)} images in {out}")
    if failed:
        reasons = "\n".join(f"  {reason}" for reason in failed)
        raise FailedError(f"{len(failed)} images were left out, the others are done:\n{reasons}")


@app.command()
def gallery(
    source: str | None = MODEL,
    count: int = option(24, "Number of test pairs.", "-n"),
    out: Path | None = option(None, "Folder for the page.", default="RUN/gallery"),
    data_dir: Path | None = DATA_DIR,
    runs_dir: Path = RUNS_DIR,
) -> None:
    """Write a web page of test pairs: input, output and target side by side."""

    from export.inference import sources

    run = sources.find_model(source, runs_dir)
    start_backend(run.config["backend"])
    from zoo.views.gallery import write

    show(write(run, run.path / "gallery" if out is None else out, count, data_dir))


@app.command()
def export(
    source: str | None = argument(None, "A run."),
    format_: Literal["onnx", "tflite", "all"] = option("onnx", "Format of the files.", "--format"),
    precisions: list[Precision] | None = option(
        None, "Write files of this precision too; may be repeated.", "--precision"
    ),
    force: bool = option(
        False, "Keep those files even if they are too slow or inexact.", "--force"
    ),
    out: Path | None = option(None, "Folder for the files.", default="RUN/export"),
    runs_dir: Path = RUNS_DIR,
) -> None:
    """Export a run's model to files, and check them against the trained model."""

    from export.inference import sources

    run = sources.find_run(source, runs_dir)
    start_backend(run.config["backend"])
    from export.convert.folder import export_run
    from export.convert.summary import lines_of

    folder = run.path / "export" if out is None else out
    formats = ("onnx", "tflite") if format_ == "all" else (format_,)
    smaller = sorted({precision.value for precision in precisions or ()} - {"fp32"})
    show(*lines_of(export_run(run, folder, formats, smaller, force)))


@app.command()
def verify(path: Path = argument(..., "An exported folder, or a file in it.")) -> None:
    """Check exported files again, without any training library."""
    from export.convert.summary import lines_of
    from export.convert.verify import verify as verify_again

    show(*lines_of(verify_again(path)))


@app.command()
def push(
    words: list[str] = argument(
        ...,
        "A run or its exported folder (by default the newest run), then owner/name.",
        "[SOURCE] REPO_ID",
    ),
    licence: str | None = option(
        None, "Licence of the model, for example mit.", "--license",
        default="apache-2.0, if the licence of the data allows it", panel="Licences",
    ),
    data_licence: str | None = option(
        None, "Licence of your own images, in words.", "--data-license", panel="Licences"
    ),
    private: bool = option(False, "Make a new repository private.", "--private"),
    revision: str | None = option(None, "Branch to push to.", default="main"),
    pull_request: bool = option(
        False, "Open a pull request, and leave the branch as it is.", "--pull-request"
    ),
    to: Path | None = option(None, "Write the repository to this folder, not to the Hub."),
    dry_run: bool = option(False, "Print files and model card, and send nothing.", "--dry-run"),
    runs_dir: Path = RUNS_DIR,
) -> None:  # fmt: skip
    """Publish a run's export on the Hugging Face Hub, with a model card."""

    from export.hub import repository as hub
    from export.inference import sources

    if len(words) > 2:
        raise RequestError(f"push takes a SOURCE and a REPO_ID. Received: {shlex.join(words)}")
    *source, repository = words
    hub.check_id(repository)
    run, folder = sources.find_export(source[0] if source else None, runs_dir)
    if not (dry_run or to):
        hub.require_token()  # before the seconds that Keras takes to start
    start_backend(run.config["backend"])
    from export.hub.publish import publish

    there: dict[str, Any] = {"private": private, "revision": revision, "pull_request": pull_request}
    here: dict[str, Any] = {"to": to, "dry_run": dry_run}
    show(*publish(run, folder, repository, licence, data_licence, **here, **there))


@app.command()
def pull(
    source: str = argument(..., f"A published model: {HUB}.", "REPO_ID[@REVISION]"),
    out: Path | None = option(None, "Folder for the files.", default="the Hub's cache"),
) -> None:
    """Download a published model, and check each file against its manifest."""
    from export.hub import repository as hub

    repository, folder = hub.pull(source, out)
    show(f"{folder}: {len(repository.files)} files of {repository.origin}, all checked")


@app.command()
def evaluate(
    source: str | None = argument(None, f"A run, {HUB}, or images together with --dataset."),
    metrics: list[str] | None = option(
        None,
        "Compute this metric, for example fcd or nll; may be repeated.",
        default="all that apply",
    ),
    samples: int | None = option(
        None,
        "Number of images to generate, or to take of a folder.",
        default="10,000, or the whole folder",
    ),
    images: int | None = option(None, "Number of test images to use.", default="all"),
    importance_samples: int = option(
        5_000, "Importance samples for each image, for nll.", "-k", "--importance-samples"
    ),
    seed: int = option(0, "Seed of the noise, the labels and the binarization."),
    judge: Path | None = score_option(
        None, "A run that turns photographs into label maps, to score one that does the opposite."
    ),
    classifier: Path | None = CLASSIFIER,
    dataset: str | None = data_option(None, "Dataset to compare a folder of images with."),
    image_size: int | None = IMAGE_SIZE,
    color: Color | None = COLOR,
    as_json: bool = option(False, "Print the scores as JSON, with how they were taken.", "--json"),
    backend: Backend | None = BACKEND,
    data_dir: Path | None = DATA_DIR,
    runs_dir: Path = RUNS_DIR,
) -> None:
    """Score a run, a published model or a folder of images.

    A run is scored on the backend that trained it, and its scores.json keeps the scores.
    The scores of a published model are kept in NAME/scores.json.
    """

    from export.inference import arguments, sources

    run = arguments.find_scored(source, dataset, runs_dir, backend)
    start_backend(backend if run is None else run.config["backend"])
    from zoo.study import evaluate as scores
    from zoo.study.report import lines_of

    console = new_console()
    protocol = scores.Protocol(
        importance_samples=importance_samples,
        images=images,
        samples=samples,
        seed=seed,
        data_dir=data_dir,
        judge=None if judge is None else sources.find_run(judge, runs_dir),
        classifier=classifier,
        runs_dir=runs_dir,
        progress=progress_on(console),
        say=partial(console.print, soft_wrap=True),
    )
    if run is None:
        size = {"image_size": image_size, "color": color}
        found = scores.evaluate_folder(source, dataset, metrics or (), protocol, **size)
    else:
        found = scores.evaluate(run, metrics or (), protocol)
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        show(*lines_of(found))


@app.command()
def compare(
    runs: list[str] = argument(..., "Runs, or folders of runs.", "RUN..."),
    metric: str = option("fcd", "Metric to plot against the epoch, and to sort the table by."),
    by: str | None = option(
        None, "Hyperparameter, model, seed or backend to colour by.", default="what differs"
    ),
    out: Path = option(
        Path("comparison.png"),
        "A .png file for the plot; a .csv and a .md file are written beside it.",
    ),
) -> None:
    """Compare runs: a table of their scores, and a plot of their curves."""
    from zoo.study.comparison import compare as compare_runs

    start_backend(None)
    table, written = compare_runs(runs, out, metric, by)
    show(table, *written)


@app.command()
def sweep(
    source: str = argument(..., "One of `genzoo list models`, or a .toml file with a plan."),
    settings: list[str] | None = model_option(
        None,
        "Try these values of a hyperparameter or of the seed; may be repeated.",
        "--set",
        metavar="KEY=A,B,...",
    ),
    metrics: list[str] | None = score_option(
        None, "Score each run by this metric; may be repeated."
    ),
    samples: int | None = score_option(
        None, "Number of images to generate for --metrics.", default="10,000"
    ),
    jobs: int | None = option(None, "Number of runs at a time.", default="one for every two cores"),
    dataset: str | None = DATASET,
    image_size: int | None = IMAGE_SIZE,
    color: Color | None = COLOR,
    preset: Preset | None = PRESET,
    epochs: int | None = EPOCHS,
    steps: int | None = STEPS,
    batch_size: int | None = BATCH_SIZE,
    evaluate_every: int | None = EVERY,
    backend: Backend | None = BACKEND,
    data_dir: Path | None = DATA_DIR,
    runs_dir: Path = RUNS_DIR,
    name: str | None = option(None, "Name of the sweep's folder.", default="as the source"),
) -> None:
    """Train a run for each combination of settings, several at a time, and compare them."""
    start_backend(backend)
    from zoo.study import sweep as sweeps

    shared = {
        "dataset": dataset,
        "data_dir": data_dir and data_dir.resolve(),
        "image_size": image_size,
        "color": color,
        "epochs": epochs,
        "steps": steps,
        "batch_size": batch_size,
        "evaluate_every": evaluate_every,
        "backend": backend,
    }
    scores = {"metrics": metrics, "samples": samples}
    plan = sweeps.plan_of(source, settings or (), preset, shared, scores)
    folder = runs_dir / (name or Path(source).stem)
    lines, failed = sweeps.carry_out(
        folder, plan, [sys.executable, str(Path(__file__).resolve())], jobs
    )
    show(*lines)
    if failed:
        raise FailedError(
            f"{len(failed)} of {len(plan.jobs)} runs failed: {', '.join(failed)}. Their logs are "
            f"in {folder}; the same command tries them again"
        )


@app.command()
def classifier(
    dataset: str = argument(..., NAMED),
    epochs: int | None = option(None, "Number of epochs.", default="as the dataset needs"),
    image_size: int | None = IMAGE_SIZE,
    color: Color | None = COLOR,
    width: int = option(32, "Number of filters of the first layers."),
    seed: int = option(0, "Seed of the weights and of the order of images."),
    backend: Backend | None = BACKEND,
    data_dir: Path | None = DATA_DIR,
    out: Path = option(Path("runs/classifiers"), "Folder for the file."),
) -> None:
    """Train the classifier that the scores of a dataset are computed with."""
    start_backend(backend)
    from zoo import data
    from zoo.metrics.classifier import train_classifier

    load = partial(data.load, dataset, data_dir=data_dir, image_size=image_size, color=color)
    path, about = train_classifier(
        load(split="train"), load(split="test"), out, epochs, width, seed, verbose=2
    )
    show(
        f"{path}: {100 * about['accuracy']:.2f} % of {about['test_images']} test images right, "
        f"{about['epochs']} epochs in {about['minutes']} minutes"
    )


@app.command()
def plot(
    kind: str = argument(..., f"One of {', '.join(PLOTS)}."),
    source: str | None = MODEL,
    out: Path | None = option(None, "A .png file for the figure.", default="KIND.png"),
    data_dir: Path | None = DATA_DIR,
    runs_dir: Path = RUNS_DIR,
) -> None:
    """Draw a figure: what a run has learned, or what the papers prove."""

    from export.inference import sources
    from zoo import files

    if kind not in PLOTS:
        raise unknown("plot", kind, PLOTS)
    out = Path(f"{kind}.png") if out is None else out
    if out.suffix.lower() != ".png":
        raise RequestError(f"--out must be a .png file. Received: {out}")
    run = None
    if kind in RUN_PLOTS:
        run = sources.find_model(source, runs_dir)
    elif source is not None:
        raise RequestError(f"{kind} is drawn without a run. Received: {source}")
    start_backend(run and run.config["backend"])
    from zoo import theory
    from zoo.views import plots

    if kind.startswith("theory-"):
        picture = theory.picture(kind.removeprefix("theory-"), run)
    else:
        picture = plots.picture(kind, run, data_dir)
    with files.atomic_path(out) as temporary:
        picture.save(temporary)
    show(out)


@app.command()
def doctor(data_dir: Path | None = DATA_DIR) -> None:
    """Show versions, backends and datasets, and what is wrong with the installation."""
    from zoo.inventory.doctor import examine

    facts, problems = examine(data_dir)
    show(*(f"{name:<24} {value}" for name, value in facts.items()))
    show(*(f"! {problem}" for problem in problems))
    raise typer.Exit(1 if problems else 0)


def print_rows(rows: list[dict[str, Any]], columns: Sequence[str]) -> None:
    """Prints a table, a line for each row, which is cut to the width of the terminal.

    Args:
        rows: dicts with the keys `columns`.
        columns: what is shown; the first, which one types, is never cut.
    """
    lines = [list(columns), *([_cell(row[key]) for key in columns] for row in rows)]
    widths = [max(map(len, texts)) for texts in zip(*lines, strict=True)]
    spare = shutil.get_terminal_size().columns - 2 * (len(widths) - 1)
    while sum(widths) > spare and max(widths[1:], default=0) > NARROWEST:
        widths[1 + widths[1:].index(max(widths[1:]))] -= 1
    for line in lines:
        pairs = zip(line, widths, strict=True)
        cut = [text if len(text) <= width else f"{text[: width - 1]}…" for text, width in pairs]
        show("  ".join(map(str.ljust, cut, widths)).rstrip())


def print_records(rows: list[dict[str, Any]]) -> None:
    """Prints all that rows say, a line for each value."""
    for row in rows:
        show(*(f"{key:<24} {_cell(value)}" for key, value in row.items()), "")


def _cell(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "-" if value is None else str(value)


# ---- starting and ending


def main() -> None:
    """Runs the command line: exit code 0 done, 1 tried and failed, 2 a wrong request."""
    words = [word for word in sys.argv[1:] if word != "--debug"]
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # they are for terminals
    try:
        code = app(words, standalone_mode=False)
    except (typer.TyperException, RequestError, FailedError, OSError) as error:
        if "--debug" in sys.argv:
            raise
        failed = isinstance(error, (FailedError, OSError)) and not isinstance(error, WRONG_PATHS)
        message = _sentence(error, words)
        if message:
            print(f"Error: {printable(message)}", file=sys.stderr)
        sys.exit(1 if failed else 2)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(code)


def _sentence(error: Exception, words: list[str]) -> str:
    """What an error says; "" where the help was printed in its place."""
    if isinstance(error, typer.TyperException):
        message = error.format_message().rstrip(".")
        return message and f"{message}. Received: {shlex.join(words)}"
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.strerror}: {error.filename}"
    return str(error)


if __name__ == "__main__":
    main()
