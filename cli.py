"""The command line: each command parses its options, calls one function and prints.

What is heavy is imported inside the commands, so that --help is quick.
"""
# ruff: noqa: B008 (a call as a default: that is how typer is told of an option)

import json
import os
import shlex
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Literal

import typer

from export.options import (
    BACKEND,
    BATCH_SIZE,
    BUNDLED,
    CLASSIFIER,
    COLOR,
    DATA_DIR,
    DATASET,
    EPOCHS,
    EVERY,
    HUB,
    IMAGE_SIZE,
    IMAGES,
    MODEL,
    NAMED,
    PATIENCE,
    PRESET,
    RUNS_DIR,
    SOURCE,
    STEPS,
    VALIDATION,
    Color,
    EngineName,
    Precision,
    Scheduler,
    Task,
    argument,
    data_option,
    engine_option,
    model_option,
    option,
    score_option,
    training_option,
)
from zoo import Backend, Policy
from zoo.errors import FailedError, RequestError, printable
from zoo.registry import Preset
from zoo.start import child_command, start_backend
from zoo.views.kinds import DATA_PLOTS, PLOTS, SEVERAL_PLOTS, THEORY_PLOTS, check

WRONG_PATHS = (FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)

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


# ---- printing


def show(*lines: object) -> None:
    """Prints lines of text; what a stranger's file says in them cannot steer the terminal."""
    for line in lines:
        print(printable(str(line)))


def new_console(quiet: bool = False) -> Any:
    """A `rich.console.Console` for progress, which takes what it is given as text, not markup."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False, quiet=quiet)


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
    what: Literal["models", "pretrained", "datasets", "presets", "classifiers", "runs"] = argument(
        "models", "What to list; pretrained are trained models that come with the project."
    ),
    owner: str | None = option(
        None, "List this owner's pretrained models on the Hugging Face Hub instead."
    ),
    long: bool = option(False, "Print everything, not one line for each entry.", "--long"),
    as_json: bool = option(False, "Print everything as JSON.", "--json"),
    data_dir: Path | None = DATA_DIR,
    runs_dir: Path = RUNS_DIR,
) -> None:
    """List the models, trained models, datasets, presets, classifiers or runs."""
    from export.hub import bundled
    from zoo.inventory import catalog, tables

    if owner is not None and what != "pretrained":
        raise RequestError(f"--owner is for list pretrained. Received: list {what} --owner {owner}")
    if what in ("models", "presets", "classifiers"):
        start_backend(None)
    rows: list[dict[str, Any]] = {
        "models": catalog.models,
        "pretrained": lambda: bundled.rows() if owner is None else bundled.rows_of(owner),
        "datasets": lambda: catalog.datasets(data_dir),
        "presets": catalog.presets,
        "classifiers": lambda: catalog.classifiers(runs_dir),
        "runs": lambda: catalog.runs(runs_dir),
    }[what]()
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        show(*tables.lines_of(rows, long, tables.terminal_width()))


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
    stream: bool = data_option(
        False,
        "Decode a folder's images as they are needed; for more than fit in memory.",
        "--stream",
    ),
    split: Literal["train", "all"] | None = data_option(
        None, "Train on the training images, or on all: the test images too.", default="train"
    ),
    validation: float | None = VALIDATION,
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
    patience: int | None = PATIENCE,
    classifier: Path | None = CLASSIFIER,
    precision: Policy | None = training_option(
        None,
        "Numbers that the networks compute with; 16 bits are quicker on a GPU.",
        default="float32",
    ),
    on_nan: Literal["stop", "retry"] | None = training_option(
        None,
        "Where a number stops being finite: stop, or retry at half the learning rate, thrice.",
        default="stop",
    ),
    devices: int | None = training_option(
        None, "Devices to divide each batch among.", default="1", metavar="N"
    ),
    sync_batch_norm: bool | None = training_option(
        None,
        "Take the moments of batch norm over all devices, or on each over its part of a batch.",
        "--sync-batch-norm/--no-sync-batch-norm",
        default="sync-batch-norm",
    ),
    backend: Backend | None = BACKEND,
    data_dir: Path | None = DATA_DIR,
    runs_dir: Path = RUNS_DIR,
    name: str | None = option(None, "Name of the run's folder.", default="a new name"),
    tensorboard: bool = option(
        False, "Write losses, scores and samples for TensorBoard too.", "--tensorboard"
    ),
    profile: Path | None = option(
        None, "Write a trace of some steps to this folder, and say where the time went."
    ),
) -> None:
    """Train a model, or continue a run that was stopped."""

    from export import sources

    given: dict[str, Any] = {
        "dataset": dataset,
        "image_size": image_size,
        "color": color,
        "task": task,
        "direction": direction,
        "stream": stream or None,
        "split": split,
        "validation": validation,
        "preset": preset,
        "settings": [*(settings or ()), *(["conditional=true"] if conditional else ())],
        "epochs": epochs,
        "steps": steps,
        "batch_size": batch_size,
        "seed": seed,
        "evaluate_every": evaluate_every,
        "patience": patience,
        "classifier": classifier,
        "precision": precision,
        "on_nan": on_nan,
        "sync_batch_norm": sync_batch_norm,
        "data_dir": data_dir,
    }
    if resume:
        if name is not None:
            raise RequestError(f"A resumed run keeps its name. Received: --name {name}")
        run = sources.find_run(model, runs_dir)
        start_backend(run.config["backend"])
    else:
        if model is None:
            raise RequestError(
                "Name a model to train (`genzoo list models` shows them), or continue a run with "
                "--resume"
            )
        given |= {"backend": start_backend(backend), "runs_dir": runs_dir, "name": name}
    from zoo.backend import devices as group
    from zoo.training import shared
    from zoo.training.report import Watching, train_and_report

    group.start(devices, run.config.get("devices", 1) if resume else 1)
    # Refuses what cannot work before there is a run; of several processes the first one watches.
    watching = group.together(lambda: Watching(profile, tensorboard) if group.is_first() else None)
    if resume:
        run, batches = shared.resumed_run(run, backend=backend, **given)
    else:
        command = shlex.join(["genzoo", *sys.argv[1:]])
        run, batches = shared.new_run(str(model), command=command, **given)
    lines = train_and_report(run, batches, new_console(quiet=not group.is_first()), watching)
    group.finish()
    show(*(lines if group.is_first() else ()))


@app.command()
def generate(
    source: str | None = SOURCE,
    count: int | None = option(
        None, "Number of images; in a grid or a folder, of each class.", "-n",
        default="16, or 8 of each",
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
        Path("generated.png"),
        "A .png file for a grid, a folder for single images, or a .npz, .tar (WebDataset) or "
        ".parquet file for any number of them.",
    ),
    part: str | None = option(
        None, "Write only this part of a .npz, .tar or .parquet file's images, such as 2/8."
    ),
    runs_dir: Path = RUNS_DIR,
) -> None:  # fmt: skip
    """Generate images with a run, an exported file, a published or a bundled model."""

    from export import arguments, sources
    from export.inference import series
    from export.inference.generate import draw

    if out.suffix.lower() in series.WRITERS:
        if count is None:
            raise RequestError(
                f"A {out.suffix} file needs the number of images, -n. Received: none"
            )
        sampler, progress = sources.open_source(source, runs_dir), progress_on(new_console())
        options = (count, wanted, seed, fix or (), part or "1/1", progress)
        show(f"{series.draw_series(sampler, out, *options):,} images in {out}")
        return
    arguments.refuse_given({"--part": part}, "is for .npz, .tar and .parquet files")
    sampler = sources.open_source(source, runs_dir)
    show(draw(sampler, out, count, wanted, seed, fix or ()))


@app.command()
def translate(
    words: list[str] = argument(
        ...,
        IMAGES,
        "[SOURCE] IMAGE...",
    ),
    out: Path = option(Path("translated"), "Folder for the results."),
    seed: int = option(0, "Seed of the noise, for a model trained with stochastic=true."),
    runs_dir: Path = RUNS_DIR,
) -> None:
    """Turn images into other images, with an image-to-image model such as pix2pix."""

    from export import arguments, sources
    from export.inference.translate import translate as translate_images

    source, images = arguments.split_images(words)
    translator, progress = sources.open_source(source, runs_dir), progress_on(new_console())
    written, failed = translate_images(translator, images, out, seed, progress)
    show(f"{len(written)} images in {out}")
    if failed:
        reasons = "\n".join(f"  {reason}" for reason in failed)
        raise FailedError(f"{len(failed)} images were left out, the others are done:\n{reasons}")


@app.command()
def reconstruct(
    words: list[str] = argument(..., IMAGES, "[SOURCE] IMAGE..."),
    out: Path = option(Path("reconstructed.png"), "A .png file for the picture."),
    wanted: str | None = option(
        None, "Name or number of the class of all the images, where the model takes one.", "--class"
    ),
    runs_dir: Path = RUNS_DIR,
) -> None:
    """Show images beside their reconstructions, with a model that has an encoder."""

    from export import arguments, sources
    from export.inference.reconstruct import reconstruct as reconstruct_images

    source, images = arguments.split_images(words)
    sampler = sources.open_source(source, runs_dir)
    show(reconstruct_images(sampler, images, out, wanted))


@app.command()
def gallery(
    source: str | None = MODEL,
    count: int = option(
        24, "Number of test pairs; with --quiz, of real and of drawn images.", "-n"
    ),
    quiz: bool = option(
        False, "Write a page that shows real and drawn images and asks which is which.", "--quiz"
    ),
    out: Path | None = option(
        None,
        "Folder for the page; with --quiz, an .html file.",
        default="RUN/gallery, or RUN/quiz.html",
    ),
    data_dir: Path | None = DATA_DIR,
    runs_dir: Path = RUNS_DIR,
) -> None:
    """Write a web page of test pairs, or of real and drawn images to tell apart."""

    from export import sources

    run = sources.find_model(source, runs_dir)
    start_backend(run.config["backend"])
    from zoo.views import gallery as pairs
    from zoo.views import quiz as question

    if quiz:
        show(question.write(run, run.path / "quiz.html" if out is None else out, count, data_dir))
    else:
        show(pairs.write(run, run.path / "gallery" if out is None else out, count, data_dir))


@app.command()
def playground(
    words: list[str] | None = typer.Argument(
        None,
        help=f"Runs that are exported, exported files or folders, {BUNDLED}, or {HUB}.",
        metavar="[SOURCE]...",
        show_default="all bundled models",
    ),
    out: Path | None = option(None, "Folder for the site."),
    serve: bool = option(False, "Serve the site on this machine until Ctrl-C.", "--serve"),
    port: int = option(8000, "Port for --serve; 0 for any that is free."),
    runs_dir: Path = RUNS_DIR,
) -> None:
    """Write a web site that runs exported models in the browser, or serve it here."""
    import tempfile

    if out is None and not serve:
        raise RequestError("A playground is written to a folder, --out, or served, with --serve")
    from export.playground import serve as serving
    from export.playground.write import write

    with tempfile.TemporaryDirectory() as place:
        site = write(words or (), Path(place) / "site" if out is None else out, runs_dir)
        if not serve:
            show(site)
            return
        with serving.server(site, port) as server:
            show(f"http://{serving.HOST}:{server.server_port}/")
            sys.stdout.flush()
            with suppress(KeyboardInterrupt):
                server.serve_forever()


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

    from export import sources

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
        "A run, its exported folder, or a bundled model (by default the newest run), then "
        "owner/name; with --all, an owner; with --space, any sources of a playground first.",
        "[SOURCE] REPO_ID",
    ),
    all_: bool = option(
        False, "Publish every bundled model, each in its repository, and a collection.", "--all"
    ),
    space: bool = option(
        False, "Publish a playground as a Space: of all bundled models, or the sources.", "--space"
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
    """Publish a run's export or a bundled model on the Hugging Face Hub, with a model card."""
    from export import arguments, sources
    from export.hub import bundled
    from export.hub.repository import check_id, require_token

    there: dict[str, Any] = {"private": private, "revision": revision, "pull_request": pull_request}
    here: dict[str, Any] = {"to": to, "dry_run": dry_run}
    licences = {"--license": licence, "--data-license": data_licence}
    if all_:
        owner = arguments.find_owner(words, {"--space": space, **licences, **here, **there})
        for line in bundled.publish_all(owner, private=private, dry_run=dry_run):
            show(line)
        return
    if space:
        arguments.refuse_given({**licences, "--to": to}, "is not for a Space")
        from export.playground.space import publish as publish_space

        check_id(words[-1])
        show(*publish_space(words[:-1], words[-1], runs_dir, dry_run=dry_run, **there))
        return
    if len(words) > 2:
        raise RequestError(f"push takes a SOURCE and a REPO_ID. Received: {shlex.join(words)}")
    *source, repository = words
    check_id(repository)
    if source and bundled.find(source[0]):
        arguments.refuse_given(licences, "is in the card of a bundled model already")
        show(*bundled.publish(source[0], repository, **here, **there))
        return
    run, folder = sources.find_export(source[0] if source else None, runs_dir)
    if not (dry_run or to):
        require_token()  # before the seconds that Keras takes to start
    start_backend(run.config["backend"])
    from export.hub.publish import publish

    show(*publish(run, folder, repository, licence, data_licence, **here, **there))


@app.command()
def pull(
    source: str = argument(..., f"A published model: {HUB}.", "REPO_ID[@REVISION]"),
    out: Path | None = option(None, "Folder for the files.", default="the Hub's cache"),
) -> None:
    """Download a published model, and check each file against its manifest."""
    from export.hub.repository import pull as fetch

    repository, folder = fetch(source, out)
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
    split: Literal["test", "validation"] | None = option(
        None, "Images of a run to score it with.", default="test"
    ),
    against: str | None = option(
        None, "Dataset of other images, which anomaly tells from those of the run."
    ),
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
    The scores of a published model are kept in NAME/scores.json, those of a bundled one in
    NAME-scores/scores.json.
    """

    from export import arguments, sources

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
        split=split,
        against=against,
        judge=None if judge is None else sources.find_run(str(judge), runs_dir),
        classifier=classifier,
        runs_dir=runs_dir,
        progress=progress_on(console),
        say=partial(console.print, soft_wrap=True),
    )
    if run is None and source is not None and dataset is not None:
        size = {"image_size": image_size, "color": color}
        found = scores.evaluate_folder(source, dataset, metrics or (), protocol, **size)
    else:
        from export.hub.graph_model import graph_model

        found = scores.evaluate(run, metrics or (), protocol, graph_model(run))
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
    size: str | None = option(None, "One of the sizes of a plan's file, for example small."),
    jobs: int | None = option(
        None,
        "Number of runs at a time.",
        default="one for every two cores; on a cluster, as many as there is room for",
    ),
    engine: EngineName = engine_option(
        "local", "Run them here, on a Ray cluster, or by Slurm on machines that share the folder."
    ),
    settings_of_engine: list[str] | None = engine_option(
        None,
        "A setting of Ray or Slurm, for example num_gpus or partition; may be repeated.",
        "--with",
        metavar="KEY=VALUE",
    ),
    scheduler: Scheduler | None = engine_option(
        None, "Stop the runs early that do worse than others, with Ray Tune."
    ),
    watch: str | None = engine_option(
        None,
        "The score or loss that --scheduler compares after each epoch.",
        default="fcd with --evaluate-every, else val_loss",
    ),
    dataset: str | None = DATASET,
    image_size: int | None = IMAGE_SIZE,
    color: Color | None = COLOR,
    preset: Preset | None = PRESET,
    epochs: int | None = EPOCHS,
    steps: int | None = STEPS,
    batch_size: int | None = BATCH_SIZE,
    validation: float | None = VALIDATION,
    evaluate_every: int | None = EVERY,
    patience: int | None = PATIENCE,
    backend: Backend | None = BACKEND,
    data_dir: Path | None = DATA_DIR,
    runs_dir: Path = RUNS_DIR,
    name: str | None = option(
        None, "Name of the sweep's folder.", default="as the source and the size"
    ),
) -> None:
    """Train a run for each combination of settings, several at a time, and compare them."""
    start_backend(backend)
    from zoo.study import plans
    from zoo.study.engines.choice import engine_of
    from zoo.study.sweep import carry_out

    shared = {
        "dataset": dataset,
        "data_dir": data_dir and data_dir.resolve(),
        "image_size": image_size,
        "color": color,
        "epochs": epochs,
        "steps": steps,
        "batch_size": batch_size,
        "validation": validation,
        "evaluate_every": evaluate_every,
        "patience": patience,
        "backend": backend,
    }
    scores = {"metrics": metrics, "samples": samples}
    plan = plans.plan_of(source, settings or (), preset, shared, scores, size)
    folder = runs_dir / (name or "-".join([Path(source).stem, *([size] if size else [])]))
    chosen = engine_of(engine, plan, jobs, settings_of_engine or (), scheduler, watch)
    lines, failed = carry_out(folder, plan, child_command("cli"), chosen)
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
    runs: list[str] | None = argument(
        None,
        f"A run, {BUNDLED}, or a published model: {HUB}. For {', '.join(SEVERAL_PLOTS)} one or "
        f"more of them, or a folder of runs; for {', '.join(DATA_PLOTS)} a dataset.",
        "[SOURCE]...",
    ),
    out: Path | None = option(None, "A .png file for the figure.", default="KIND.png"),
    data_dir: Path | None = DATA_DIR,
    runs_dir: Path = RUNS_DIR,
) -> None:
    """Draw a figure: what a run has learned, or what the papers prove."""
    from export import sources

    out = Path(f"{kind}.png") if out is None else out
    named = runs or []
    check(kind, out, len(named))
    without = kind in (*THEORY_PLOTS, *DATA_PLOTS)
    found = [] if without else sources.find_models(named, runs_dir)
    check(kind, out, len(found))
    start_backend(found[0].config["backend"] if found else None)
    from zoo.views import plots

    dataset = named[0] if kind in DATA_PLOTS and named else None
    show(plots.write(kind, found, out, data_dir, dataset))


@app.command()
def doctor(data_dir: Path | None = DATA_DIR) -> None:
    """Show versions, backends and datasets, and what is wrong with the installation."""
    from zoo.inventory.doctor import examine

    facts, problems = examine(data_dir)
    show(*(f"{name:<24} {value}" for name, value in facts.items()))
    show(*(f"! {problem}" for problem in problems))
    raise typer.Exit(1 if problems else 0)


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
