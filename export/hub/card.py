"""The model card of a run: `model_cards/card.md` filled from the run's record and its export.

Whatever is put into the template is escaped unless it is a `Verbatim`, so that the name of a class
or a folder cannot become markup. The metadata are written by the Hub library's own classes. A field
that is not filled in is an error: an incomplete card is not published.
"""

import inspect
import re
import sys
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

import jinja2
from huggingface_hub import EvalResult, ModelCard, ModelCardData

import model_cards
from export import runtime
from export.convert import report as reports
from export.hub import layout
from export.hub.examples import browser_example, python_example
from zoo import data, registry
from zoo.errors import FailedError, RequestError
from zoo.study.evaluate import read_scores
from zoo.study.report import in_words, on_what
from zoo.training.run import Run

TEMPLATE = Path(model_cards.__file__).with_name("card.md")


class Verbatim(str):
    """Text that goes into a card as it is."""


def make(
    run: Run,
    config: dict[str, Any],
    folder: Path,
    model: Any,
    repository: str,
    licence: str | None = None,
    data_licence: str | None = None,
    *,
    generator: str = "model.onnx",
    weights: bool = True,
    shown: str = "",
    seen: str = "",
) -> ModelCard:
    """The card of a run.

    Args:
        run: one with a checkpoint.
        config: its `record.public_config`.
        folder: of its verified files and their report.
        model: the run's.
        repository: "owner/name", where it goes.
        licence: of the model, an identifier from the Hub's list; by default apache-2.0, if the
            data's licence leaves that open.
        data_licence: of images that are not a named dataset, in words.
        generator: name of the generator's ONNX file in the folder.
        weights: whether the weights for Keras are published too.
        shown: the split of the pairs in the picture of an image-to-image model, in words.
        seen: what a person saw who looked at the samples, in words.

    Raises:
        FailedError: a field of the card cannot be filled in.
        RequestError: a licence is missing, or is not one.
    """
    about = model_cards.about("models")[config["model"]]
    dataset = _dataset(config["dataset"], data_licence)
    entry = registry.entry(config["model"])
    graph = runtime.open_graph(folder / generator)
    report = reports.read(folder) or {}
    scores = published_scores(run)
    height, width, channels = config["dataset"]["image_shape"]
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        finalize=_escaped,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # for HTML, which would not keep Markdown out; `_escaped` keeps out both
    )
    environment.filters |= {"verbatim": _verbatim, "fenced": _fenced}
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    try:
        body = template.render(
            title=about["title"],
            paper=entry.paper,
            data=dataset,
            repository=repository,
            size=f"{height}x{width} {'grey' if channels == 1 else 'colour'}",
            translator=entry.cls.translates,
            pairs=_pairs(config["dataset"]),
            shown=shown,
            conditional="label" in graph.inputs,
            class_names=graph.metadata["class_names"] if "label" in graph.inputs else (),
            value_range=str(list(entry.cls.value_range)),
            samples=layout.SAMPLES,
            curves=layout.CURVES,
            weights=weights,
            seen=seen,
            python=python_example(repository, graph, PurePath(generator).name),
            browser=browser_example(repository, graph, PurePath(generator).name),
            count=f"{config['dataset']['count']:,}",
            fingerprint=config["dataset"]["fingerprint"],
            command=config["command"],
            steps=f"{run.manifest()['step']:,}",
            batch_size=config["hyperparameters"]["batch_size"],
            seed=config["seed"],
            parameters=f"{sum(n.count_params() for n in model.named_networks.values()):,}",
            backend=config["backend"],
            precision=config["precision"] or "float32",
            versions=config["versions"]
            | {f"{name}, export": version for name, version in report["versions"].items()},
            hyperparameters=config["hyperparameters"],
            scores=[line for name, receipt in scores.items() for line in in_words(name, receipt)],
            measured=list(dict.fromkeys(map(on_what, scores.values()))),
            exports=_exports(report),
            faithful=_docstring(entry.cls),
            citation=about["citation"].strip(),
        )
    except (jinja2.UndefinedError, KeyError, TypeError) as error:
        raise FailedError(f"The model card is incomplete: {error}") from error
    task = "image-to-image" if entry.cls.translates else "unconditional-image-generation"
    card_data = ModelCardData(
        license=_licence(licence, dataset),
        library_name="genzoo",
        pipeline_tag=task,
        tags=["keras", "onnx", entry.family, entry.name, _plain(config["dataset"]["name"])],
        datasets=[dataset["hub"]] if dataset.get("hub") else None,
        model_name=repository.split("/")[1],
        eval_results=_results(scores, task, dataset, config["dataset"]["name"]) or None,
        widget=[{"text": f"{about['title']}, seed 0", "output": {"url": layout.SAMPLES}}],
    )
    return ModelCard(f"---\n{card_data.to_yaml()}\n---\n\n{body}\n")


def published_scores(run: Run) -> dict[str, dict[str, Any]]:
    """The scores of the checkpoint that a run has now, with their provenance, by metric."""
    now = run.manifest()["sha256"]
    found = read_scores(run.path).items()
    return {name: receipt for name, receipt in found if receipt.get("checkpoint") == now}


def _dataset(config: Mapping[str, Any], licence: str | None) -> dict[str, Any]:
    """What the card says about the data: a named dataset's entry, or that of a person's images."""
    known = model_cards.about("datasets")
    if config["name"] in known and config["request"] in data.DATASETS:
        return {"hub": "", **known[config["name"]]}
    if not licence:
        raise RequestError(
            f"Images of your own need a licence in words: give --data-license for {config['name']}"
        )
    return {
        "title": f"{config['name']} (the author's own images)",
        "url": "",
        "limits": "They are not published with the model.",
        "licence": licence,
        "open": False,
    }


def _pairs(config: Mapping[str, Any]) -> str:
    """What an image-to-image model was trained on: "colorize", or "pairs, BtoA"."""
    return ", ".join(config[key] for key in ("task", "direction") if config.get(key)) or "pairs"


def _licence(licence: str | None, dataset: Mapping[str, Any]) -> str:
    if licence is None and not dataset["open"]:
        raise RequestError(
            f"The licence of the data does not decide the model's ({dataset['title']}: "
            f"{dataset['licence']}): give one with --license"
        )
    licence = licence or "apache-2.0"
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", licence):
        raise RequestError(
            "--license must be an identifier from the Hub's list, such as apache-2.0 or other. "
            f"Received: {licence!r}"
        )
    return licence


def _results(
    scores: Mapping[str, dict[str, Any]], task: str, dataset: Mapping[str, Any], name: str
) -> list[EvalResult]:
    """Scores with their provenance as the entries of a `model-index`."""
    taken = ["samples", "images", "split", "importance_samples", "fingerprint", "extractor"]
    taken += ["extractor_sha256", "extractor_dataset", "preprocessing", "seed", "step"]
    taken += ["checkpoint", "floor"]
    return [
        EvalResult(
            task_type=task,
            dataset_type=dataset.get("hub") or _plain(name),
            dataset_name=_plain(dataset["title"]),
            dataset_split=receipt["split"],
            metric_type=metric,
            metric_name=metric.upper() if len(metric) <= 3 else metric,
            metric_value=receipt[metric],
            metric_args={key: receipt[key] for key in taken if key in receipt},
        )
        for metric, receipt in scores.items()
        if isinstance(receipt.get(metric), (int, float))
    ]


def _exports(report: reports.Report) -> list[dict[str, str]]:
    """The rows of the table of exported files, from `verification.json`."""
    rows = []
    for name, errors in report["errors"].items():
        times = report["milliseconds"][name]
        precision = reports.parts(name)[1]
        rows.append(
            {
                "name": layout.GRAPHS[PurePath(name).suffix] + name,
                "precision": precision,
                "kilobytes": f"{report['bytes'][name] / 1000:,.0f}",
                "milliseconds": ", ".join(f"{ms:.2f} ({batch})" for batch, ms in times.items()),
                "largest": f"{max(error['max'] for error in errors.values()):.1g}",
                "psnr": f"{min(error['psnr'] for error in errors.values()):.1f}",
                "fcd": f"{report['fcd'][name]:.3f}" if name in report.get("fcd", {}) else "-",
            }
        )
    return rows


def _docstring(cls: type) -> str:
    """The docstring of a model's file: its paper, what is faithful and what differs."""
    text = inspect.getdoc(sys.modules[cls.__module__]) or ""
    return re.sub(r"\n(?=(Faithful|Different)\b)", "\n\n", text)


def _plain(text: str) -> str:
    """Text on one line, without invisible characters."""
    seen = "".join(c if c.isspace() or unicodedata.category(c)[0] != "C" else "" for c in text)
    return " ".join(seen.split())


def _escaped(value: Any) -> str:
    """A value as Markdown that shows it, whatever it contains."""
    if isinstance(value, Verbatim):
        return value
    if value is None:
        raise TypeError("a field that is not filled in")
    if isinstance(value, bool):
        return str(value).lower()
    text = re.sub(r"([\\`*_\[\]<>|~&$#!@{}])", r"\\\1", _plain(str(value)))
    return re.sub(r":(?=//)|(?<=www)\.", r"\\\g<0>", text, flags=re.IGNORECASE)  # else a link


def _verbatim(value: Any) -> Verbatim:
    """Text that the project itself wrote, as it is."""
    if not isinstance(value, str):
        raise TypeError("a field that is not filled in")
    return Verbatim(value)


def _fenced(text: str) -> Verbatim:
    """Text as a block of code, whose fence is longer than any in the text."""
    longest = max((len(ticks) for ticks in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Verbatim(f"{fence}\n{_plain(text)}\n{fence}")
