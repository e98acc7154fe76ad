"""The model card of a run: `model_cards/card.md` filled from the run's record and its export.

Whatever is put into the template is escaped unless it is a `Verbatim`, so that the name of a class
or a folder cannot become markup; the metadata are written by the Hub library's own classes. A field
that is not filled is an error: a card is whole or it is not.
"""

import inspect
import json
import math
import re
import shlex
import sys
import tomllib
import unicodedata
from importlib import resources
from pathlib import PurePath

import jinja2
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from export import runtime
from export.convert import verify
from export.hub import repository as hub
from zoo import data, registry
from zoo.errors import FailedError, RequestError
from zoo.study.evaluate import read_scores
from zoo.study.report import in_words, on_what

HOME = "https://huggingface.co"
DRAWN = 16  # images in the example
# What the expressions of the examples draw from an input's prior, in Python and in JavaScript.
PYTHON = {
    "normal": 'rng.standard_normal({shape}, dtype="float32")',
    "uniform": '2 * rng.random({shape}, dtype="float32") - 1',
    "category": 'rng.integers({classes}, size={shape}, dtype="{dtype}")',
    "class": 'np.arange({count}, dtype="{dtype}") % {classes}',
    "mask": '(rng.random({shape}) < {keep}).astype("float32") / np.float32({keep})',
    "mixture": "np.float32({means})[rng.integers({kinds}, size={count})] "
    '+ np.float32({std}) * rng.standard_normal({shape}, dtype="float32")',
    "image": 'np.asarray(Image.open("photo.png").convert("{mode}").resize(({width}, {height})), '
    '"float32").reshape({shape}) / 255',
}
BROWSER = {
    "normal": "Float32Array.from({{ length: {size} }}, normal)",
    "uniform": "Float32Array.from({{ length: {size} }}, () => 2 * Math.random() - 1)",
    "category": "Int32Array.of(Math.floor({classes} * Math.random()))",
    "class": "Int32Array.of(0)",
    "mask": "Float32Array.from({{ length: {size} }}, () => (Math.random() < {keep}) / {keep})",
    "mixture": "Float32Array.from({means}[Math.floor({kinds} * Math.random())], "
    "(mean) => mean + {std} * normal())",
    "image": "pixels",
}
NORMAL = """const normal = () =>
    Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
"""


class Verbatim(str):
    """Text that goes into a card as it is."""


def make(run, folder, model, repository, licence=None, data_licence=None):
    """The card of a run.

    Args:
        run: `zoo.training.run.Run` with a checkpoint.
        folder: its export, verified.
        model: the run's.
        repository: "owner/name", where it goes.
        licence: of the model, a word of the Hub's list; by default apache-2.0, where the data's
            licence leaves that open.
        data_licence: in words, of images that are not a named data set.

    Returns:
        A `huggingface_hub.ModelCard`.
    """
    config, about = run.config, _about("models")[run.config["model"]]
    dataset = _dataset(config["dataset"], data_licence)
    entry = registry.entry(config["model"])
    graph = runtime.open_graph(folder / "model.onnx")
    report = json.loads((folder / verify.REPORT).read_text())
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
    template = environment.from_string(_text("card.md"))
    try:
        body = template.render(
            title=about["title"],
            paper=entry.paper,
            data=dataset,
            repository=repository,
            size=f"{height}x{width} {'grey' if channels == 1 else 'colour'}",
            translator=entry.cls.translates,
            pairs=_pairs(config["dataset"]),
            conditional="label" in graph.inputs,
            class_names=graph.metadata["class_names"] if "label" in graph.inputs else (),
            value_range=str(list(entry.cls.value_range)),
            samples=hub.SAMPLES,
            curves=hub.CURVES,
            python=python_example(repository, graph),
            browser=browser_example(repository, graph),
            count=f"{config['dataset']['count']:,}",
            fingerprint=config["dataset"]["fingerprint"],
            command=public_command(config["command"]),
            steps=f"{run.manifest()['step']:,}",
            batch_size=config["hyperparameters"]["batch_size"],
            seed=config["seed"],
            parameters=f"{sum(n.count_params() for n in model.named_networks.values()):,}",
            backend=config["backend"],
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
        raise FailedError(f"A card has no gaps, or is not published. Received: {error}") from error
    task = "image-to-image" if entry.cls.translates else "unconditional-image-generation"
    card_data = ModelCardData(
        license=_licence(licence, dataset),
        library_name="genzoo",
        pipeline_tag=task,
        tags=["keras", "onnx", entry.family, entry.name, _plain(config["dataset"]["name"])],
        datasets=[dataset["hub"]] if dataset.get("hub") else None,
        model_name=repository.split("/")[1],
        eval_results=_results(scores, task, dataset, config["dataset"]["name"]) or None,
        widget=[{"text": f"{about['title']}, seed 0", "output": {"url": hub.SAMPLES}}],
    )
    return ModelCard(f"---\n{card_data.to_yaml()}\n---\n\n{body}\n")


def published_scores(run):
    """The receipts of a run's scores that were taken of the checkpoint that it has now."""
    now = run.manifest()["sha256"]
    found = read_scores(run.path).items()
    return {name: receipt for name, receipt in found if receipt.get("checkpoint") == now}


def public_command(command):
    """A command without the folders of the machine it ran on: their last parts stay."""
    if not isinstance(command, str):
        raise TypeError("no command")
    words = []
    for word in shlex.split(command):
        key, equals, value = word.rpartition("=")
        if value.startswith(("/", "~")) or re.match(r"[A-Za-z]:\\", value):
            value = PurePath(value.replace("\\", "/")).name
        words.append(f"{key}{equals}{value}")
    return shlex.join(words)


def python_example(repository, graph):
    """Lines that draw with numpy and onnxruntime alone."""
    translator = runtime.image_input(graph.inputs)
    count = 1 if translator else DRAWN
    shape = ", ".join(map(str, (count, *graph.metadata["image_shape"])))
    return "\n".join(
        [
            "import numpy as np, onnxruntime",
            "from huggingface_hub import hf_hub_download",
            *(["from PIL import Image"] if translator else []),
            "",
            "rng = np.random.default_rng(0)",
            "inputs = {",
            *(f'    "{n}": {_expression(PYTHON, s, count)},' for n, s in graph.inputs.items()),
            "}",
            f'file = hf_hub_download("{repository}", "onnx/model.onnx")',
            f'images = onnxruntime.InferenceSession(file).run(["{graph.output}"], inputs)[0]',
            f"# images: float32 ({shape}) in [0, 1]",
        ]
    )


def browser_example(repository, graph):
    """A page's script that draws one image with onnxruntime-web."""
    tensors = [
        f'const {name} = new ort.Tensor("{spec["dtype"]}", {_expression(BROWSER, spec, 1)}, '
        f"{[1, *spec['shape']]});"
        for name, spec in graph.inputs.items()
    ]
    noise = any(spec["prior"] in ("normal", "mixture") for spec in graph.inputs.values())
    given = ["// pixels: Float32Array, rows of RGB or grey in [0, 1]"]
    return "\n".join(
        [
            '<script type="module">',
            'import * as ort from "onnxruntime-web";',
            *([NORMAL.rstrip()] if noise else []),
            "const session = await ort.InferenceSession.create(",
            f'    "{HOME}/{repository}/resolve/main/onnx/model.onnx");',
            *(given if runtime.image_input(graph.inputs) else []),
            *tensors,
            f"const {{ {graph.output} }} = await session.run({{ {', '.join(graph.inputs)} }});",
            f"// {graph.output}.data: Float32Array, {graph.metadata['image_shape']}, in [0, 1]",
            "</script>",
        ]
    )


def _expression(language, spec, count):
    shape = (count, *spec["shape"])
    values = {**spec, "shape": shape, "count": count, "size": math.prod(spec["shape"])}
    if spec["prior"] == "image":
        height, width, channels = spec["shape"]
        values |= {"height": height, "width": width, "mode": "L" if channels == 1 else "RGB"}
    if spec["prior"] == "mixture":
        values["kinds"] = len(spec["means"])
    return language[spec["prior"]].format(**values)


def _dataset(config, licence):
    """What the card says of the data: a named set's entry, or of images of one's own."""
    known = _about("datasets")
    if config["name"] in known and config["request"] in data.DATASETS:
        return {"hub": "", **known[config["name"]]}
    if not licence:
        raise RequestError(
            "The licence of images of one's own is said in words, --data-license. Received: none "
            f"for {config['name']}"
        )
    return {
        "title": f"images of one's own, {config['name']}",
        "url": "",
        "limits": "They are not published with the model.",
        "licence": licence,
        "open": False,
    }


def _pairs(config):
    """What a translator was shown, in words: "colorize", or "pairs, BtoA"."""
    return ", ".join(config[key] for key in ("task", "direction") if config.get(key)) or "pairs"


def _licence(licence, dataset):
    if licence is None and not dataset["open"]:
        raise RequestError(
            "A model needs a licence, --license, where its data's leaves open which: "
            f"{dataset['title']} has {dataset['licence']}. Received: none"
        )
    licence = licence or "apache-2.0"
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]*", licence):
        raise RequestError(
            f"--license is a word of the Hub's list, as apache-2.0 or other. Received: {licence!r}"
        )
    return licence


def _results(scores, task, dataset, name):
    """Scores with their receipts as the entries of a `model-index`."""
    taken = ("samples", "images", "split", "importance_samples", "extractor", "extractor_sha256")
    taken += ("preprocessing", "seed", "step", "checkpoint", "fingerprint", "floor")
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


def _exports(report):
    """Rows of the table of exported files, of `verification.json`."""
    rows = []
    for name, errors in report["errors"].items():
        times = report["milliseconds"][name]
        precision = verify.parts(name)[1]
        rows.append(
            {
                "name": hub.GRAPHS[PurePath(name).suffix] + name,
                "precision": precision,
                "kilobytes": f"{report['bytes'][name] / 1000:,.0f}",
                "milliseconds": ", ".join(f"{ms:.2f} ({batch})" for batch, ms in times.items()),
                "largest": f"{max(error['max'] for error in errors.values()):.1g}",
                "psnr": f"{min(error['psnr'] for error in errors.values()):.1f}",
                "fcd": f"{report['fcd'][name]:.3f}" if name in report.get("fcd", {}) else "-",
            }
        )
    return rows


def _docstring(cls):
    """The first words of a model's file: its paper, what is faithful and what differs."""
    text = inspect.getdoc(sys.modules[cls.__module__])
    return re.sub(r"\n(?=(Faithful|Different)\b)", "\n\n", text)


def _about(kind):
    """The entries of `model_cards/KIND.toml` by name."""
    return tomllib.loads(_text(f"{kind}.toml"))


def _text(name):
    return resources.files("model_cards").joinpath(name).read_text(encoding="utf-8")


def _plain(text):
    """Text on one line, without characters that are not seen."""
    seen = "".join(c if c.isspace() or unicodedata.category(c)[0] != "C" else "" for c in text)
    return " ".join(seen.split())


def _escaped(value):
    """A value as Markdown that shows it, whatever it holds."""
    if isinstance(value, Verbatim):
        return value
    if value is None:
        raise TypeError("a field that is not filled")
    if isinstance(value, bool):
        return str(value).lower()
    text = re.sub(r"([\\`*_\[\]<>|~&$#!@{}])", r"\\\1", _plain(str(value)))
    return re.sub(r":(?=//)|(?<=www)\.", r"\\\g<0>", text, flags=re.IGNORECASE)  # else a link


def _verbatim(value):
    """What the project itself wrote, as it is."""
    if not isinstance(value, str):
        raise TypeError("a field that is not filled")
    return Verbatim(value)


def _fenced(text):
    """Text as a block of code, whose fence is longer than any in it."""
    longest = max((len(ticks) for ticks in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Verbatim(f"{fence}\n{_plain(text)}\n{fence}")
