"""What the page is told of each model: an entry of models.json, and the files beside it."""

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import model_cards
from export import runtime, sources
from export.hub.layout import CARD, CONFIG, SCORES
from export.hub.repository import open_repository
from export.playground.directions import leading_directions
from zoo import files
from zoo.errors import RequestError, as_request
from zoo.pictures import grids

SHOWN = {  # scores that are shown, and what they are called
    "fcd": "Fréchet distance (FCD)",
    "cs": "Classifier Score (CS)",
    "class_accuracy": "Drawings of the class asked for",
    "nll": "Bound on the likelihood (NLL), nats",
}
PRIORS = {"class", "category", "normal", "uniform", "image", "mask", "mixture"}
# Where the data are not included, images that stand for them, and how many are shown.
REAL = {"fashion_mnist": "fashion_mnist_10k", "fashion_mnist_10k": "fashion_mnist_10k"}
SHOWN_REAL = 12
BESIDE = ("encoder", "classifier", "steps")  # graphs that the page runs beside the generator's
EDGES = {"no edge": [0, 0, 0], "edge": [255, 255, 255]}  # what the colours of `edges` stand for


@dataclass(frozen=True)
class Opened:
    """A source's generator as an ONNX file, and the folder of its card and scores, if any."""

    name: str
    path: Path
    folder: Path | None


def open_onnx(source: str, runs_dir: Path) -> Opened:
    """The ONNX file of a source: half precision where it is exported, since that is smaller.

    Raises:
        RequestError: there is no such source, or it has no ONNX file.
    """
    found = sources.resolve(source, runs_dir)
    path, name = Path(found.name), found.name
    if found.kind in sources.PUBLISHED:
        repository = open_repository(source)
        chosen = repository.generator()
        folder = chosen.parents[1] if chosen.parent.name == "onnx" else chosen.parent
        opened = Opened(Path(repository.origin.partition("@")[0]).name, chosen, folder)
    elif found.kind == "run":
        opened = Opened(path.resolve().name, _smallest(path / "export", source), path)
    else:
        chosen = path if path.is_file() else _smallest(path, source)
        opened = Opened(path.resolve().stem, chosen, None)
    if opened.path.suffix != ".onnx":
        raise RequestError(f"The playground runs ONNX files. Received: {name}, as {opened.path}")
    return opened


def _smallest(folder: Path, source: str) -> Path:
    for name in ("model_fp16.onnx", "model.onnx"):
        if (folder / name).is_file():
            return folder / name
    raise RequestError(
        "The playground runs exported models: `genzoo export RUN` writes the ONNX file. "
        f"Received: {source}, which has none"
    )


def entries(opened: Iterable[Opened], models: Path) -> list[dict[str, Any]]:
    """The entries of some generators, whose files are copied to a folder of each in `models`."""
    found: dict[str, dict[str, Any]] = {}
    for one in opened:
        plain = re.sub(r"[^a-z0-9._-]+", "-", one.name.casefold()).strip("-.") or "model"
        ids = (plain, *(f"{plain}-{n}" for n in range(2, 1000)))
        name = next(name for name in ids if name not in found)
        found[name] = _entry(one, name, models / name)
    return list(found.values())


def _entry(opened: Opened, name: str, folder: Path) -> dict[str, Any]:
    with as_request():
        sampler = runtime.load(opened.path)
    _check_shown(sampler, opened.path)
    folder.mkdir(parents=True)
    about, inputs = sampler.metadata, sampler.inputs
    z = inputs.get("z", {})
    continuous = [k for k, spec in inputs.items() if spec["prior"] not in ("class", "category")]
    with as_request():
        directions = leading_directions(sampler)
    data = model_cards.about("datasets").get(_text(about.get("dataset")), {})
    return {
        "id": name,
        "title": opened.name,
        "model": _text(about.get("model")),
        "dataset": _text(about.get("dataset")),
        "kind": "translator" if sampler.image_input else "generator",
        "licence": _licence(opened.folder),
        "bytes": opened.path.stat().st_size,
        "facts": [*([["Images", data["title"]]] if data else []), *_scores(opened.folder)],
        **_graph(sampler.graph, opened.path, folder),
        "class_names": list(sampler.class_names),
        **{graph: _beside(sampler.beside(graph), folder) for graph in BESIDE},
        "directions": directions,
        "manifold": continuous == ["z"] and list(z.get("shape", ())) == [2],
        "codes": [
            key
            for key, spec in inputs.items()
            if spec["prior"] == "category" or (spec["prior"] == "uniform" and key != "z")
        ],
        "palette": _palette(opened.folder, data) if sampler.image_input else None,
        "real": _real(_text(about.get("dataset")), sampler, folder),
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _graph(graph: runtime.Graph, path: Path, folder: Path) -> dict[str, Any]:
    """A graph's file, copied, and how it is run."""
    shutil.copyfile(path, folder / path.name)
    return {
        "file": f"models/{folder.name}/{path.name}",
        "sha256": files.sha256(path),
        "inputs": graph.inputs,
        "output": graph.output,
    }


def _beside(path: Path, folder: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    with as_request():
        return _graph(runtime.open_graph(path), path, folder)


def _check_shown(sampler: runtime.FileSampler, path: Path) -> None:
    """Refuses what the page has no controls for, or cannot draw on a canvas."""
    priors = {spec["prior"] for spec in sampler.inputs.values()}
    shape = sampler.graph.output_shape
    if priors - PRIORS or len(shape) != 4 or shape[-1] not in (1, 3):
        raise RequestError(
            "The playground shows grey or coloured images, drawn from noise of a known prior or "
            f"from an image. Received: {path}, with {', '.join(sorted(priors))} and output {shape}"
        )


def _licence(folder: Path | None) -> str | None:
    """What a card's front matter says."""
    if folder is None or not (folder / CARD).is_file():
        return None
    said = re.search(r"^license: (\S+)$", (folder / CARD).read_text(encoding="utf-8"), re.M)
    return said[1] if said else None


def _scores(folder: Path | None) -> list[list[str]]:
    """The scores of a run or a card in words, with those of real images beside them."""
    if folder is None or not (folder / SCORES).is_file():
        return []
    scores = json.loads((folder / SCORES).read_text(encoding="utf-8"))
    found = []
    for name, label in SHOWN.items():
        value, floor = (scores.get(name, {}).get(key) for key in (name, "floor"))
        if isinstance(value, float):
            real = f" (real images: {floor:.3g})" if isinstance(floor, float) else ""
            found.append([label, f"{value:.3g}{real}"])
    weights = next((s["parameters"] for s in scores.values() if "parameters" in s), None)
    return [*found, *([["Parameters", f"{weights:,}"]] if isinstance(weights, int) else [])]


def _palette(folder: Path | None, data: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The colours to draw with for a translator, the background's first; None for any."""
    path = folder / CONFIG if folder else None
    config = json.loads(path.read_text(encoding="utf-8")) if path and path.is_file() else {}
    edges = config.get("dataset", {}).get("task") == "edges"
    named = EDGES if edges else data.get("palette", {})
    return [{"name": name, "colour": colour} for name, colour in named.items()] or None


def _real(dataset: str, sampler: runtime.FileSampler, folder: Path) -> list[str]:
    """Real images for the question which is which, of data that are included here."""
    from zoo import data

    if dataset not in REAL or sampler.image_input:
        return []
    images = data.load(REAL[dataset], split="test").images[:SHOWN_REAL]
    if images.shape[1:] != tuple(sampler.graph.output_shape[1:]):
        return []
    for i, image in enumerate(images):
        grids.to_image(image).save(folder / f"real-{i}.png")
    return [f"models/{folder.name}/real-{i}.png" for i in range(len(images))]
