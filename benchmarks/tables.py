"""The tables of README.md and docs/, written by a command from what was measured.

    python benchmarks/tables.py models                        # from the registry
    python benchmarks/tables.py classifiers                   # from the files that are included
    python benchmarks/tables.py leaderboard-mnist             # from benchmarks/receipts/
    python benchmarks/tables.py likelihoods                   # likewise, as are errors, cifar10,
        # which-model and changes-fashion_mnist
    python benchmarks/tables.py study                         # from benchmarks/study/results/, as
        # is study-varied
    python benchmarks/tables.py training                      # from benchmarks/speed/results/, as
        # are kernels, dispatch, scaling, memory, drawing, starting, scoring and devices
    python benchmarks/tables.py objectives runs               # from the scores of a folder of runs

A table stands between two comments, `<!-- NAME: written by COMMAND -->` and `<!-- end of NAME -->`;
what is between them is replaced, the rest of the file is left as it is. Runs that have not been
made leave their cells empty; `benchmarks/receipts.py` keeps those that have.
"""

import argparse
import functools
import json
import re
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
import model_cards  # noqa: E402
from benchmarks import advice, published, receipts, verdicts  # noqa: E402
from benchmarks.speed import (  # noqa: E402
    devices,
    dispatch,
    drawing,
    kernels,
    scaling,
    scoring,
    starting,
    training,
)

SPEED, WHICH = ROOT / "docs" / "speed.md", ROOT / "docs" / "which-model.md"
README, RESULTS = ROOT / "README.md", ROOT / "docs" / "results.md"
BOARDS = ROOT / "docs" / "leaderboard.md"
SAMPLES_WIDTH = 150  # pixels

OBJECTIVES = ("l1", "l1_cgan", "cgan", "l1_gan", "gan")  # of pix2pix, as the paper lists them
LEADERBOARD = {"fcd": 2, "cs": 2, "precision": 2, "recall": 2, "coverage": 2, "nll": 1}  # decimals


def write_between_markers(path: Path, name: str, markdown: str) -> None:
    """Replaces what stands between the two comments of the table `name` in a file.

    Raises:
        ValueError: the file has not exactly one such table.
    """
    text = path.read_text(encoding="utf-8")
    start, end = _span(text, name, path)
    path.write_text(f"{text[:start]}\n{markdown}\n{text[end:]}", encoding="utf-8")


def read_between_markers(path: Path, name: str) -> str:
    """The table `name` of a file, as `write_between_markers` writes it."""
    text = path.read_text(encoding="utf-8")
    start, end = _span(text, name, path)
    return text[start:end].strip("\n") + "\n"


def _span(text: str, name: str, path: Path) -> tuple[int, int]:
    begins = list(re.finditer(rf"<!-- {re.escape(name)}: [^\n]* -->\n", text))
    ends = list(re.finditer(rf"<!-- end of {re.escape(name)} -->", text))
    if len(begins) != 1 or len(ends) != 1 or ends[0].start() < begins[0].end():
        raise ValueError(f"{path.name} must have one table between the comments of {name!r}")
    return begins[0].end(), ends[0].start()


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, one line a row."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


# ---- of the project itself


def models() -> str:
    """Every registered model: paper, what it offers, steps of the default preset, samples."""
    from zoo import registry

    about = model_cards.about("models")
    found = registry.entries().values()
    in_order = sorted(found, key=lambda e: (registry.FAMILIES.index(e.family), e.name))
    rows = [
        [
            f"`{entry.name}`",
            ", ".join(f"[{label}]({url})" for label, url in papers(entry, about[entry.name])),
            about[entry.name]["offers"],
            f"{entry.configure()['steps']:,}",
            _picture(entry.name, about[entry.name]),
        ]
        for entry in in_order
    ]
    return markdown_table(["model", "paper", "what it offers", "steps", "samples"], rows)


def papers(entry: Any, about: dict[str, Any]) -> list[tuple[str, str]]:
    """(label, address) of each paper: those of models.toml, else the one that was registered."""
    if "papers" in about:
        return [(paper["label"], paper["url"]) for paper in about["papers"]]
    arxiv = entry.paper.rsplit("arXiv:", 1)[1]
    return [(entry.paper.partition(",")[0], f"https://arxiv.org/abs/{arxiv}")]


def _picture(name: str, about: dict[str, Any]) -> str:
    found = sorted((ROOT / "model_cards").glob(f"{name}-*/samples.png"))
    path = found[0].relative_to(ROOT).as_posix() if found else about.get("picture", "")
    return f'<img src="{path}" width="{SAMPLES_WIDTH}" alt="{name}">' if path else ""


def classifiers() -> str:
    """The classifiers that come with the project, as their files describe themselves."""
    from zoo.metrics import classifier

    rows = [
        [
            f"`{about['dataset']}`",
            f"{100 * about['accuracy']:.2f} %",
            str(about["epochs"]),
            str(about["minutes"]),
        ]
        for _, about in classifier.classifiers_in(classifier.SHIPPED)
    ]
    return markdown_table(["dataset", "test accuracy", "epochs", "minutes"], rows)


# ---- of receipts


def trained_by_default(dataset: str) -> dict[str, list[dict[str, Any]]]:
    """The receipts of the runs that have a model's `default` preset, by model."""
    from zoo import registry

    found: dict[str, list[dict[str, Any]]] = {}
    for name, receipt in receipts.read(dataset).items():
        model = receipt["config"]["model"] if name != receipts.PIXELS else ""
        if model and settings_of(receipt["config"]) == registry.entry(model).configure():
            found.setdefault(model, []).append(receipt)
    return found


def leaderboard(dataset: str) -> str:
    """Models by FCD, of the runs of default presets on one dataset; several seeds with a spread.

    Size and milliseconds are those of the bundled model of that name, and so are the samples.
    Independent pixels, where they were measured, are a row of their own.
    """
    pixels = receipts.read(dataset).get(receipts.PIXELS)
    by_model = {
        model: scored
        for model, group in trained_by_default(dataset).items()
        if (scored := [receipt for receipt in group if "fcd" in receipt["scores"]])
    }
    rows = []
    if by_model:
        scores = next(iter(by_model.values()))[0]["scores"]
        real = [
            _floor(scores[s]["floor"], n) if "floor" in scores.get(s, ()) else ""
            for s, n in LEADERBOARD.items()
        ]
        rows.append(["*real test images*", *real, "", "", "", "", ""])
    if pixels:
        rows.append(["*independent pixels*", *_cells([pixels]), "", "", "", "", ""])
    for model, group in sorted(by_model.items(), key=lambda pair: _mean_of(pair[1], "fcd")):
        minutes = spread([receipt["minutes"] for receipt in group], 1)
        picture, size, speed = _bundled(f"{model}-{dataset}")
        weights = f"{group[0]['parameters']:,}"
        rows.append([f"`{model}`", *_cells(group), weights, minutes, size, speed, picture])
    heads = ["model", *(name.upper() if len(name) < 4 else name for name in LEADERBOARD)]
    return markdown_table([*heads, "parameters", "minutes", "kB", "ms", "samples"], rows)


def _cells(group: Sequence[dict[str, Any]]) -> list[str]:
    """The scores of a row of the leaderboard."""
    found = [receipt["scores"] for receipt in group]
    return [
        spread([scores[s][s] for scores in found if s in scores], n) for s, n in LEADERBOARD.items()
    ]


def _bundled(name: str) -> tuple[str, str, str]:
    """(samples, kB, milliseconds for 16 images) of the bundled model of a name, "" for what lacks.

    Size and time are those of the file that draws.
    """
    folder = ROOT / "model_cards" / name
    samples = folder / "samples.png"
    source = f"../{samples.relative_to(ROOT).as_posix()}"
    picture = (
        f'<img src="{source}" width="{SAMPLES_WIDTH}" alt="{name}">' if samples.is_file() else ""
    )
    if not (folder / "verification.json").is_file():
        return picture, "", ""
    report = json.loads((folder / "verification.json").read_text())
    file = next(iter(name for name in report["bytes"] if name.startswith("model")))
    times = report["milliseconds"][file]
    return (
        picture,
        f"{report['bytes'][file] / 1000:.0f}",
        f"{times.get('16', times[min(times)]):.1f}",
    )


def study() -> str:
    """The study's findings, and whether they hold here."""
    rows = [
        [text, f"`{dataset}`", "; ".join(spread(side, 2) for side in sides if all(sides)), verdict]
        for text, dataset, sides, verdict in verdicts.judged()
    ]
    return markdown_table(["the study found", "on", "FCD here", "verdict"], rows)


def study_varied() -> str:
    """What the study varies without a finding that is known here."""
    rows = [
        [column, f"`{dataset}`", "; ".join(f"{v}: {spread(s, 2)}" for v, s in found.items())]
        for column, dataset, found in verdicts.varied()
    ]
    return markdown_table(["of `dcgan`", "on", "FCD here"], rows)


# ---- of folders of runs


def objectives(folder: Path) -> str:
    """pix2pix on facades, labels to photographs, by objective."""
    found: dict[str, list[str]] = {}
    for config, scores in _scores(folder):
        dataset = config["dataset"]
        if dataset["name"] == "facades" and dataset.get("direction") == "BtoA" and "l1" in scores:
            parts = scores.get("parts", {})
            shares = [parts[k] for k in ("pixel_accuracy", "class_accuracy", "iou") if k in parts]
            digits = {"l1": 3, "psnr": 2, "ssim": 3}
            found[config["hyperparameters"]["objective"]] = [
                *(f"{scores[name][name]:.{n}f}" for name, n in digits.items()),
                ", ".join(f"{100 * share:.1f} %" for share in shares),
            ]
    rows = [[f"`{name}`", *found.get(name, [""] * 4)] for name in OBJECTIVES]
    return markdown_table(["objective", "L1", "PSNR", "SSIM", "parts"], rows)


def settings_of(config: dict[str, Any]) -> dict[str, Any]:
    """What a run was trained with, as `configure` gives it."""
    from zoo import registry
    from zoo.training.setup import recorded_values

    values = recorded_values(registry.entry(config["model"]), config)
    return {**values, "steps": config["total_steps"]}


def _scores(folder: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """(config, scores) of every run of a folder that has been evaluated, in order of the names."""
    for path in sorted(folder.glob("*/scores.json")):
        yield json.loads((path.parent / "config.json").read_text()), json.loads(path.read_text())


def _mean_of(group: Sequence[dict[str, Any]], score: str) -> float:
    return statistics.mean(receipt["scores"][score][score] for receipt in group)


def _floor(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if value >= 0.1 else f"{value:.3f}"


def spread(found: Sequence[float | None], digits: int) -> str:
    """The mean of some values, and the standard deviation of several."""
    values = [value for value in found if value is not None]
    if not values:
        return ""
    mean = f"{statistics.mean(values):.{digits}f}"
    return f"{mean} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean


OF_THE_PROJECT: dict[str, tuple[Path, Callable[[], str]]] = {
    "models": (README, models),
    "classifiers": (ROOT / "docs" / "measure.md", classifiers),
    "leaderboard-fashion_mnist": (BOARDS, functools.partial(leaderboard, "fashion_mnist")),
    "leaderboard-mnist": (BOARDS, functools.partial(leaderboard, "mnist")),
    "likelihoods": (RESULTS, published.likelihoods),
    "errors": (RESULTS, published.errors),
    "cifar10": (RESULTS, published.cifar10),
    "which-model": (WHICH, advice.table),
    "changes-fashion_mnist": (WHICH, functools.partial(advice.changes, "fashion_mnist", "fcd")),
    "changes-mnist": (WHICH, functools.partial(advice.changes, "mnist", "nll")),
    "changes-mnist-error": (WHICH, functools.partial(advice.changes, "mnist", "error")),
    "study": (ROOT / "benchmarks" / "study" / "README.md", study),
    "study-varied": (ROOT / "benchmarks" / "study" / "README.md", study_varied),
    "training": (SPEED, training.table),
    "kernels": (SPEED, kernels.table),
    "dispatch": (SPEED, dispatch.table),
    "scaling": (SPEED, scaling.table),
    "memory": (SPEED, scaling.memory_table),
    "drawing": (SPEED, drawing.table),
    "starting": (SPEED, starting.table),
    "scoring": (SPEED, scoring.table),
    "devices": (ROOT / "docs" / "scale.md", devices.table),
}
OF_RUNS: dict[str, tuple[Path, Callable[[Path], str]]] = {"objectives": (RESULTS, objectives)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", choices=[*OF_THE_PROJECT, *OF_RUNS])
    parser.add_argument("folder", type=Path, nargs="?", help="Folder of the runs, where needed.")
    options = parser.parse_args()
    if (options.name in OF_RUNS) != bool(options.folder):
        parser.error(f"a folder of runs is for {', '.join(OF_RUNS)}")
    if options.name in OF_THE_PROJECT:
        path, make_table = OF_THE_PROJECT[options.name]
        table = make_table()
    else:
        path, make_of_runs = OF_RUNS[options.name]
        table = make_of_runs(options.folder)
    write_between_markers(path, options.name, table)
    print(f"{path.relative_to(ROOT)}: {options.name}")


if __name__ == "__main__":
    main()
