"""The command line: parses, calls one function, prints. Heavy imports are inside the commands."""

import json
import os
import re
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from export.inference.sources import (
    find_export,
    find_model,
    find_run,
    is_source,
    open_source,
    published,
)
from zoo.errors import FailedError, RequestError, unknown
from zoo.start import child_command, start_backend

WRONG_PATHS = (FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError)
LONG_LIST = 12  # entries, above which a table's cell is shortened
LISTS = ("models", "datasets", "presets", "classifiers", "runs")
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

Source = Annotated[
    str | None,
    typer.Argument(
        help="A run, an exported file or folder, or owner/name[@revision] on the Hugging Face Hub; "
        "by default the newest run."
    ),
]
RunsDir = Annotated[Path, typer.Option(help="Folder of the runs.")]


class Color(StrEnum):
    gray = "gray"
    rgb = "rgb"


class Direction(StrEnum):
    a_to_b = "AtoB"
    b_to_a = "BtoA"


class Format(StrEnum):
    onnx = "onnx"
    tflite = "tflite"
    all = "all"


class Precision(StrEnum):
    fp32 = "fp32"
    fp16 = "fp16"
    int8 = "int8"


@app.callback()
def options(debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False):
    pass  # `main` reads --debug itself: it also covers errors of the parser


@app.command("list")
def list_(
    what: Annotated[
        str, typer.Argument(help="models, datasets, presets, classifiers or runs.")
    ] = "models",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Where datasets are looked for.")] = None,
    runs_dir: RunsDir = Path("runs"),
):
    """What there is: models, datasets, presets, classifiers or runs."""
    from zoo.inventory import catalog

    if what not in LISTS:
        raise unknown("list", what, LISTS)
    if what in ("models", "presets", "classifiers"):
        start_backend(None)
    rows = {
        "models": catalog.models,
        "datasets": lambda: catalog.datasets(data_dir),
        "presets": catalog.presets,
        "classifiers": lambda: catalog.classifiers(runs_dir),
        "runs": lambda: catalog.runs(runs_dir),
    }[what]()
    if as_json:
        print(json.dumps(rows, indent=2))
    else:
        print_table(rows)


@app.command()
def train(
    model: Annotated[str | None, typer.Argument(help="See `list models`.")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run instead: train --resume [RUN].")
    ] = False,
    dataset: Annotated[
        str | None, typer.Option(help="A name of `list datasets`, or a path. (default: digits)")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where datasets lie.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Resize images to this side.")] = None,
    color: Annotated[Color | None, typer.Option(help="Force grayscale or colour.")] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="Pairs to translate: pairs, colorize, edges, inpaint, superres, denoise."
        ),
    ] = None,
    direction: Annotated[Direction | None, typer.Option(help="Of pairs. (default: AtoB)")] = None,
    preset: Annotated[str | None, typer.Option(help="quick, default or paper.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A hyperparameter.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs in all.")] = None,
    steps: Annotated[int | None, typer.Option(help="Steps in all, instead of epochs.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images per step.")] = None,
    conditional: Annotated[
        bool, typer.Option("--conditional", help="Class labels are an input of the networks.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(help="Of weights, noise and order. (default: 0)")
    ] = None,
    evaluate_every: Annotated[
        int | None, typer.Option(help="Score the drawings every so many epochs, keep the best.")
    ] = None,
    classifier: Annotated[
        Path | None, typer.Option(help="To score through. (default: that of the data)")
    ] = None,
    backend: Annotated[
        str | None, typer.Option(help="tensorflow, jax or torch. (default: KERAS_BACKEND)")
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    name: Annotated[str | None, typer.Option(help="Name of the run's directory.")] = None,
):
    """Train a model, or go on with a run that stopped."""
    from rich.console import Console

    given = {
        "dataset": dataset,
        "image_size": image_size,
        "color": color and color.value,
        "task": task,
        "direction": direction and direction.value,
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
    console = Console(stderr=True, highlight=False)
    if resume:
        if name is not None:
            raise RequestError(f"A resumed run keeps its name. Received: --name {name}")
        run = find_run(model, runs_dir)
        start_backend(run.config["backend"])
        from zoo.training import loop, setup

        run, batches = setup.resumed_run(run, backend=backend, **given)
    else:
        if model is None:
            raise RequestError(
                "train takes a MODEL (see `list models`) or --resume. Received: neither"
            )
        backend = start_backend(backend)
        from zoo.training import loop, setup

        command = shlex.join(["genzoo", *sys.argv[1:]])
        run, batches = setup.new_run(
            model, runs_dir=runs_dir, backend=backend, name=name, command=command, **given
        )
    try:
        finished = loop.train(run, batches, console)
    except OSError as error:
        advice = "nothing is trained yet"
        if run.has_checkpoint:
            advice = (
                f"the checkpoint of step {run.manifest()['step']} is whole; go on with: "
                f"train --resume {run.path}"
            )
        raise FailedError(f"Writing the run failed: {error}; {advice}") from error
    manifest = run.manifest()
    print(f"{run.path} at step {manifest['step']}, checkpoint sha256 {manifest['sha256']}")
    if not finished:
        print(f"Stopped. Go on with: train --resume {run.path}")


@app.command()
def generate(
    source: Source = None,
    count: Annotated[
        int | None, typer.Option("-n", help="Images, or images per class. (default: 16, or 8)")
    ] = None,
    wanted: Annotated[
        str | None, typer.Option("--class", help="A class name or number, or all. (default: all)")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the noise.")] = 0,
    fix: Annotated[
        list[str] | None,
        typer.Option(metavar="INPUT=NUMBER", help="An input all share, as InfoGAN's category=3."),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="A .png file for one grid, else a folder of single images.")
    ] = Path("generated.png"),
    runs_dir: RunsDir = Path("runs"),
):
    """Draw pictures from a run or an exported file."""
    from export.inference.generate import draw

    print(draw(open_source(source, runs_dir), out, count, wanted, seed, fix or ()))


@app.command()
def translate(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="[SOURCE] IMAGE...",
            help="A run, an exported file or folder, or owner/name[@revision] on the Hugging Face "
            "Hub (by default the newest run), then images, folders of them or globs.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("translated"),
    seed: Annotated[int, typer.Option(help="Of a stochastic translator's masks.")] = 0,
    runs_dir: RunsDir = Path("runs"),
):
    """Turn images into others, with a run or an exported file of a translator."""
    from functools import partial

    from rich.console import Console
    from rich.progress import track

    from export.inference.translate import translate as turn
    from zoo.data.archive import IMAGE_SUFFIXES

    image = Path(paths[0]).suffix.lower() in IMAGE_SUFFIXES  # photos/a.jpg reads like a Hub id
    source = None if image or not is_source(paths[0]) else paths.pop(0)
    if not paths:
        raise RequestError(f"translate takes images after its source. Received: {source} alone")
    progress = partial(track, description="images", console=Console(stderr=True))
    written, failed = turn(open_source(source, runs_dir), paths, out, seed, progress)
    print(f"{len(written)} images in {out}")
    if failed:
        lines = "\n".join(f"  {reason}" for reason in failed)
        raise FailedError(f"{len(failed)} images were left out, the others are done:\n{lines}")


@app.command()
def gallery(
    source: Annotated[str | None, typer.Argument(help="A run; by default the newest.")] = None,
    count: Annotated[int, typer.Option("-n", help="Test pairs.")] = 24,
    out: Annotated[Path | None, typer.Option(help="Folder. (default: RUN/gallery)")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where datasets lie now.")] = None,
    runs_dir: RunsDir = Path("runs"),
):
    """Write a page of a translator's test pairs: input, output, target."""
    run = find_model(source, runs_dir)
    start_backend(run.config["backend"])
    from zoo.views.gallery import write

    print(write(run, run.path / "gallery" if out is None else out, count, data_dir))


@app.command()
def export(
    source: Source = None,
    format_: Annotated[Format, typer.Option("--format", help="Of the file.")] = Format.onnx,
    precisions: Annotated[
        list[Precision] | None,
        typer.Option("--precision", help="A smaller file beside it; may be repeated."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Keep a precision that is slower or below its floor.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder. (default: RUN/export)")] = None,
    runs_dir: RunsDir = Path("runs"),
):
    """Export a run's generator, verified against the trained model."""
    run = find_run(source, runs_dir)
    start_backend(run.config["backend"])
    from export.convert.folder import export_run

    folder = run.path / "export" if out is None else out
    formats = [f.value for f in Format if f != Format.all and format_ in (f, Format.all)]
    smaller = [p.value for p in precisions or () if p is not Precision.fp32]
    print_report(export_run(run, folder, formats, sorted(set(smaller)), force))


@app.command()
def verify(path: Annotated[Path, typer.Argument(help="An exported folder or a file of it.")]):
    """Check an exported folder again, with its runtime alone."""
    from export.convert.verify import verify as check

    print_report(check(path))


@app.command()
def push(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[SOURCE] REPO_ID",
            help="A run or its exported folder (by default the newest run), then owner/name.",
        ),
    ],
    licence: Annotated[
        str | None,
        typer.Option("--license", help="Of the model. (default: apache-2.0, if the data's allows)"),
    ] = None,
    data_licence: Annotated[
        str | None, typer.Option("--data-license", help="Of images of your own, in words.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="A new repository is private.")
    ] = False,
    revision: Annotated[str | None, typer.Option(help="Branch. (default: main)")] = None,
    pull_request: Annotated[
        bool, typer.Option("--pull-request", help="Open one instead of changing the branch.")
    ] = False,
    to: Annotated[
        Path | None, typer.Option(help="A folder to write the repository to, instead of the Hub.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the card and the files, and send nothing.")
    ] = False,
    runs_dir: RunsDir = Path("runs"),
):
    """Publish a run's verified export on the Hugging Face Hub, with its model card."""
    import tempfile

    from export.hub.folders import new_folder
    from export.hub.layout import files_of
    from export.hub.repository import check_id, require_token

    if len(words) > 2:
        raise RequestError(f"push takes a SOURCE and a REPO_ID. Received: {shlex.join(words)}")
    repository = words[-1]
    check_id(repository)
    run, folder = find_export(words[0] if len(words) == 2 else None, runs_dir)
    if not (dry_run or to):
        require_token()
    start_backend(run.config["backend"])
    from export.hub import publish

    place = tempfile.TemporaryDirectory() if dry_run or to is None else new_folder(to)
    with place as work:
        card = publish.build(run, folder, Path(work), repository, licence, data_licence)
        if dry_run or to:
            for name, path in files_of(Path(work)).items():
                print(f"{path.stat().st_size:>12,} {name}")
        if dry_run:
            print(f"\n{card}")
        elif to is None:
            options = {"private": private, "revision": revision, "pull_request": pull_request}
            address, changed = publish.push(Path(work), repository, **options)
            print(f"{address}: " + (", ".join(changed) or "nothing had changed"))
    if to and not dry_run:
        print(to)


@app.command()
def pull(
    source: Annotated[str, typer.Argument(metavar="REPO_ID[@REVISION]", help="owner/name.")],
    out: Annotated[Path | None, typer.Option(help="Folder. (default: the Hub's cache)")] = None,
):
    """Fetch a published model, each file checked against its manifest."""
    from export.hub.repository import pull as fetch

    repository, folder = fetch(source, out)
    print(f"{folder}: {len(repository.files)} files of {repository.origin}, as its manifest says")


@app.command()
def evaluate(
    source: Annotated[
        str | None,
        typer.Argument(
            help="A run (by default the newest), a published model, or images with a --dataset."
        ),
    ] = None,
    metrics: Annotated[
        list[str] | None,
        typer.Option(help="nll, fcd, cs, ... (default: all that there is for the model)"),
    ] = None,
    samples: Annotated[
        int | None, typer.Option(help="Images to draw. (default: 10,000; of a folder all)")
    ] = None,
    importance_samples: Annotated[int, typer.Option("-k", "--importance-samples")] = 5_000,
    images: Annotated[int | None, typer.Option(help="Test images. (default: all)")] = None,
    seed: Annotated[int, typer.Option(help="Of binarization, noise and labels.")] = 0,
    judge: Annotated[
        Path | None,
        typer.Option(help="A run that maps photographs to facades' labels, to judge some with."),
    ] = None,
    classifier: Annotated[
        Path | None, typer.Option(help="To look through. (default: that of the data)")
    ] = None,
    dataset: Annotated[
        str | None, typer.Option(help="What a folder's images are compared with.")
    ] = None,
    image_size: Annotated[int | None, typer.Option(help="Of that dataset.")] = None,
    color: Annotated[Color | None, typer.Option(help="Of that dataset.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipts.")] = False,
    backend: Annotated[
        str | None, typer.Option(help="For images or a published model; a run has its own.")
    ] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where datasets lie now.")] = None,
    runs_dir: RunsDir = Path("runs"),
):
    """Score a run, or a folder of images.

    A run's scores.json gets the receipts; of a published model, NAME/scores.json.
    """
    if dataset is not None and source is None:
        raise RequestError("--dataset goes with a folder of images. Received: no folder")
    run = None
    if dataset is None:
        if not (source is None or (Path(source) / "config.json").is_file() or published(source)):
            raise RequestError(
                "evaluate takes a run, a published model, or images and a --dataset to compare "
                f"them with. Received: {source}"
            )
        run = find_model(source, runs_dir, backend)
    start_backend(backend if run is None else run.config["backend"])
    from functools import partial

    from rich.console import Console
    from rich.progress import track

    from zoo.study import evaluate as scores

    console = Console(stderr=True, highlight=False)
    protocol = scores.Protocol(
        importance_samples=importance_samples,
        images=images,
        samples=samples,
        seed=seed,
        data_dir=data_dir,
        judge=None if judge is None else find_run(judge, runs_dir),
        classifier=classifier,
        runs_dir=runs_dir,
        progress=partial(track, description="images", console=console),
        say=partial(console.print, soft_wrap=True),
    )
    if run is None:
        options = {"image_size": image_size, "color": color and color.value}
        found = scores.evaluate_folder(source, dataset, metrics or (), protocol, **options)
    else:
        found = scores.evaluate(run, metrics or (), protocol)
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for name, receipt in found.items():
        print("\n".join(scores.in_words(name, receipt)))
    for line in dict.fromkeys(map(scores.on_what, found.values())):
        print(f"  {line}")


@app.command()
def compare(
    sources: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs, or folders of.")],
    metric: Annotated[
        str, typer.Option(help="Drawn against the epoch, and what the table is ordered by.")
    ] = "fcd",
    by: Annotated[
        str | None, typer.Option(help="A hyperparameter, model, seed or backend that colours.")
    ] = None,
    out: Annotated[Path, typer.Option(help="A .png file; a .csv and a .md beside it.")] = Path(
        "comparison.png"
    ),
):
    """Runs side by side: a table of their scores, and curves."""
    from zoo.study.comparison import compare as side_by_side

    start_backend(None)
    table, written = side_by_side(sources, out, metric, by)
    print(table, *written, sep="\n")


@app.command()
def sweep(
    source: Annotated[str, typer.Argument(help="A model, or a .toml file that is a plan.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=A,B,...", help="Values of a hyperparameter or seed."),
    ] = None,
    metrics: Annotated[
        list[str] | None, typer.Option(help="Scores to take of each run, see evaluate.")
    ] = None,
    samples: Annotated[int | None, typer.Option(help="Images to draw for them.")] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Runs at a time. (default: one for every two cores)")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="As in train, like those below.")] = None,
    data_dir: Annotated[Path | None, typer.Option()] = None,
    image_size: Annotated[int | None, typer.Option()] = None,
    color: Annotated[Color | None, typer.Option()] = None,
    preset: Annotated[str | None, typer.Option()] = None,
    epochs: Annotated[int | None, typer.Option()] = None,
    steps: Annotated[int | None, typer.Option()] = None,
    batch_size: Annotated[int | None, typer.Option()] = None,
    evaluate_every: Annotated[int | None, typer.Option()] = None,
    backend: Annotated[str | None, typer.Option()] = None,
    runs_dir: RunsDir = Path("runs"),
    name: Annotated[
        str | None, typer.Option(help="Of the sweep's folder. (default: of the model or file)")
    ] = None,
):
    """Train a run for each combination of settings, in parallel, and compare them."""
    start_backend(backend)
    from zoo.study import sweep as sweeps

    shared = {
        "dataset": dataset,
        "data_dir": data_dir and data_dir.resolve(),
        "image_size": image_size,
        "color": color and color.value,
        "epochs": epochs,
        "steps": steps,
        "batch_size": batch_size,
        "evaluate_every": evaluate_every,
        "backend": backend,
    }
    scores = {"metrics": metrics, "samples": samples} if metrics else None
    plan = sweeps.plan_of(source, settings or (), preset, shared, scores)
    folder = runs_dir / (name or Path(source).stem)
    workers = max(1, (os.cpu_count() or 1) // 2) if jobs is None else jobs
    failed = sweeps.Sweep(folder, plan, child_command("cli"), workers).run()
    table, written = sweeps.compare_all(folder, plan)
    print(table, *written, sep="\n")
    if failed:
        raise FailedError(
            f"{len(failed)} of {len(plan.jobs)} runs failed, see their logs in {folder}; the same "
            f"command tries them again: {', '.join(failed)}"
        )


@app.command()
def classifier(
    dataset: Annotated[str, typer.Argument(help="A name of `list datasets`, or a path.")],
    epochs: Annotated[int | None, typer.Option(help="By default the dataset's recipe.")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where datasets lie.")] = None,
    image_size: Annotated[int | None, typer.Option(help="Resize images to this side.")] = None,
    color: Annotated[Color | None, typer.Option(help="Force grayscale or colour.")] = None,
    width: Annotated[int, typer.Option(help="Filters of the first level.")] = 32,
    seed: Annotated[int, typer.Option(help="Of weights and order.")] = 0,
    backend: Annotated[
        str | None, typer.Option(help="tensorflow, jax or torch. (default: KERAS_BACKEND)")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the file.")] = Path("runs/classifiers"),
):
    """Train the classifier that a dataset's scores look through."""
    start_backend(backend)
    from zoo import data
    from zoo.metrics.classifier import train_classifier

    options = {"data_dir": data_dir, "image_size": image_size, "color": color and color.value}
    splits = [data.load(dataset, split=split, **options) for split in ("train", "test")]
    path, about = train_classifier(*splits, out, epochs, width, seed, verbose=2)
    print(
        f"{path}: {100 * about['accuracy']:.2f} % of {about['test_images']} test images right, "
        f"{about['epochs']} epochs in {about['minutes']} minutes"
    )


@app.command()
def plot(
    kind: Annotated[str, typer.Argument(help=", ".join(PLOTS) + ".")],
    source: Annotated[
        str | None, typer.Argument(help="A run, where one is drawn; by default the newest.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A .png file. (default: KIND.png)")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Where datasets lie now.")] = None,
    runs_dir: RunsDir = Path("runs"),
):
    """Draw a figure: what a run has learned, or what the papers prove, computed anew."""
    from zoo import files

    if kind not in PLOTS:
        raise unknown("plot", kind, PLOTS)
    out = Path(f"{kind}.png") if out is None else out
    if out.suffix.lower() != ".png":
        raise RequestError(f"--out is a .png file. Received: {out}")
    run = None
    if kind in RUN_PLOTS:
        run = find_model(source, runs_dir)
    elif source is not None:
        raise RequestError(f"{kind} is computed from nothing and takes no run. Received: {source}")
    start_backend(run and run.config["backend"])
    from zoo import theory
    from zoo.views import plots

    if kind.startswith("theory-"):
        picture = theory.picture(kind.removeprefix("theory-"), run)
    else:
        picture = plots.picture(kind, run, data_dir)
    with files.atomic_path(out) as temporary:
        picture.save(temporary)
    print(out)


@app.command()
def doctor(
    data_dir: Annotated[Path | None, typer.Option(help="Where datasets are looked for.")] = None,
):
    """Versions, backends, runtimes, data found, and what is wrong."""
    from zoo.inventory.doctor import examine

    facts, problems = examine(data_dir)
    for name, value in facts.items():
        print(f"{name:<24} {value}")
    for problem in problems:
        print(f"! {problem}")
    raise typer.Exit(1 if problems else 0)


def print_report(report):
    from export.convert.report import parts

    for file, errors in report["errors"].items():
        for batch, error in errors.items():
            largest, mean = error["max"], error["mean"]
            print(f"{file} batch {batch}: largest difference {largest:.2g}, mean {mean:.2g}")
    for file, digest in report["sha256"].items():
        times = report.get("milliseconds", {}).get(file, {})
        took = "".join(f", batch {batch} in {ms:.2f} ms" for batch, ms in times.items())
        size = f", {report['bytes'][file]:,} bytes" if file in report.get("bytes", {}) else ""
        psnr = min(error["psnr"] for error in report["errors"][file].values())
        exact = parts(file)[1] == "fp32"
        like = f"within {report['tolerance']:g}" if exact else f"at {psnr:.1f} dB"
        fcd = f", FCD {report['fcd'][file]:.3f}" if file in report.get("fcd", {}) else ""
        print(f"{file} matches the trained model {like}{size}{took}{fcd}, sha256 {digest}")
    for file, why in report["forced"].items():
        print(f"{file} was forced: {why}")


def print_table(rows):
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for key in rows[0] if rows else ():
        table.add_column(key, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    Console().print(table if rows else "none")


def _cell(value):
    if isinstance(value, list):
        shown = value if len(value) <= LONG_LIST else [*value[:3], "...", value[-1]]
        return ", ".join(map(str, shown)) + (f" ({len(value)})" if shown is not value else "")
    return "-" if value is None else str(value)


def main():
    """Runs the command line: exit code 0 done, 1 tried and failed, 2 a wrong request."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # they are for terminals
    try:
        code = app(arguments, standalone_mode=False)
    except (typer.TyperException, RequestError, FailedError, OSError) as error:
        if "--debug" in sys.argv:
            raise
        failed = isinstance(error, (FailedError, OSError)) and not isinstance(error, WRONG_PATHS)
        message = str(error)
        if isinstance(error, typer.TyperException):
            message = error.format_message().rstrip(".")
            message = message and f"{message}. Received: {shlex.join(arguments)}"
        if message:
            # Of what a stranger's file says nothing is to steer the terminal.
            shown = re.sub(r"[^\n\x20-\x7e\xa0-\U0010ffff]", "?", message)
            print(f"Error: {shown}", file=sys.stderr)
        sys.exit(1 if failed else 2)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(code)


if __name__ == "__main__":
    main()
