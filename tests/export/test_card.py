"""Model cards: nothing that is put in becomes markup, nothing is left out, the examples run."""

import json
import re
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pytest
from huggingface_hub import ModelCard
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from PIL import Image

import model_cards
from export import runtime
from export.convert import verify
from export.hub import card, examples, publish
from export.hub.record import public_config
from tests.export.test_runtime import METADATA, generator
from tests.helpers import MODELS, own_options, small_model
from zoo import data, files, registry
from zoo.errors import FailedError, RequestError
from zoo.training.run import Run

pytestmark = pytest.mark.once

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "`code` and ``more``",
    "``` fence",
    "| a | b |\n|---|---|",
    "a\n\n# Heading\n\n- item",
    "---\nlicense: mit\n---",
    "*bold* _slanted_ ~~struck~~",
    "{{ 7 * 7 }} {% raw %}",
    "&lt;b&gt; \\",
    "http://evil.example www.evil.example",
    "\u202eturned round\u0000",
    "$x^2$ @somebody #1",
]
SEEN = [" ".join(re.sub("[\u202e\u0000]", "", name).split()) for name in HOSTILE]
# The name of a folder, which has no slash.
FOLDER = " ".join(name for name in HOSTILE if not re.search(r"[/\\]", name))
HEADINGS = [
    "Intended use",
    "Use",
    "Training data",
    "Training",
    "Scores",
    "Files",
    "Differences from the paper",
    "Citation",
]


class Page(HTMLParser):
    """What a rendered card holds: tags with what they lead to, and its text."""

    def __init__(self, html):
        super().__init__()
        self.last = None
        self.tags, self.targets, self.text, self.headings = set(), [], "", []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.last = tag
        self.targets += [value for key, value in attributes if key in ("href", "src")]
        assert not [key for key, _ in attributes if key.startswith("on")]

    def handle_data(self, text):
        self.text += text
        if self.last == "h2" and text.strip():
            self.headings.append(text)

    def handle_endtag(self, tag):
        self.last = None


def rendered(text):
    """The page that a Markdown reader makes of a card, without its metadata."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return Page(reader.render(text))


@pytest.fixture
def record(tmp_path):
    """(run, export) of a conditional model of a folder whose names are all hostile."""
    names = HOSTILE[:2]
    metadata = {**METADATA, "class_names": names, "image_shape": [2, 2, 1]}
    config = {
        "model": "cgan",
        "preset": "default",
        "hyperparameters": {**registry.entry("cgan").configure(), "batch_size": 8},
        "total_steps": 3,
        "dataset": {
            "name": FOLDER,
            "request": "/home/me/secret/photos",
            "image_shape": [8, 8, 1],
            "class_names": names,
            "count": 12_345,
            "fingerprint": "0123",
        },
        "seed": 0,
        "backend": "torch",
        "command": "genzoo train cgan --dataset=/home/me/secret/photos --name '```\n# Heading'",
    }
    run = Run.create(tmp_path, config, "run")
    checkpoint = {"file": "step-0000003.safetensors", "sha256": "b" * 64, "step": 3}
    files.write_json(run.path / "checkpoints" / "manifest.json", checkpoint)
    export = run.path / "export"
    export.mkdir()
    generator(export / "model.onnx", metadata)
    errors = {"1": {"max": 1e-7, "mean": 1e-8, "psnr": 140.0}}
    report = {
        "tolerance": 1e-5,
        "floors": verify.FLOORS,
        "errors": {"model.onnx": errors},
        "sha256": {"model.onnx": files.sha256(export / "model.onnx")},
        "forced": {},
        "bytes": {"model.onnx": 1500},
        "milliseconds": {"model.onnx": {"1": 0.5, "16": 2.0}},
        "versions": {"onnxruntime": "1"},
    }
    files.write_json(export / verify.REPORT, report)
    return run, export


def make(record, licence="other", data_licence=SEEN[0]):
    player = SimpleNamespace(count_params=lambda: 1_234)
    model = SimpleNamespace(named_networks={"generator": player})
    run, export = record
    config = public_config(run)
    return card.make(run, config, export, model, "alice/mine", licence, data_licence)


def test_nothing_becomes_markup(record, monkeypatch):
    everything = [*HOSTILE, "the last"]
    monkeypatch.setattr(Run, "manifest", lambda self: {"step": 3, "sha256": "b"})
    graph = runtime.open_graph(record[1] / "model.onnx")
    graph.metadata["class_names"] = everything
    monkeypatch.setattr(card.runtime, "open_graph", lambda path: graph)
    made = make(record)
    page = rendered(made.text)
    for name in SEEN:
        assert name in page.text, name
    assert not page.tags & {"script", "del", "strong"}
    assert set(page.targets) == {"samples.png", "curves.png"}
    assert page.headings == HEADINGS
    assert not re.search(r"(?<!\\)http://evil|http://evil|(?<!\\)www\.evil", made.text)
    assert "49" not in page.text.split("Scores")[0]
    assert "/home/me" not in str(made) and "--dataset=photos" in made.text


MARKUP = st.text(st.sampled_from("ab 1.-+*_`~#|<>[]()!&;:/\\\"'={}\n\twhpsx@$")) | st.text()


@given(MARKUP)
@settings(max_examples=200, derandomize=True, deadline=None)
def test_any_text_is_shown_as_it_is(text):
    for line in ("in the manner of {}, from noise", "| a | b |\n|---|---|\n| x{} | y |"):
        page, plain = rendered(line.format(card._escaped(text))), rendered(line.format("Q"))
        assert page.text == plain.text.replace("Q", card._plain(text))
        assert page.tags == plain.tags


def test_the_metadata_are_what_was_meant(record):
    again = ModelCard(str(make(record)))
    found = again.data.to_dict()
    assert found["license"] == "other"
    assert found["tags"][-1] == " ".join(re.sub("[\u202e\u0000]", "", FOLDER).split())
    assert found["pipeline_tag"] == "unconditional-image-generation"
    assert "model-index" not in found and "datasets" not in found
    assert found["widget"] == [
        {"text": "Conditional GAN, seed 0", "output": {"url": "samples.png"}}
    ]


def test_scores_of_another_checkpoint_are_left_out(record):
    run, _ = record
    receipt = {
        "fcd": 1.5,
        "checkpoint": "b" * 64,
        "split": "train",
        "samples": 10,
        "images": 20,
        "dataset": "noise",
        "step": 3,
        "extractor": "classifier",
        "extractor_sha256": "0" * 64,
    }
    receipts = {"fcd": receipt, "cs": {**receipt, "cs": 2.0, "checkpoint": "another"}}
    (run.path / "scores.json").write_text(json.dumps(receipts))
    made = make(record)
    assert "fcd 1.5" in made.text and "cs 2" not in made.text and "1,234 weights" in made.text
    (result,) = made.data.eval_results
    assert (result.metric_type, result.metric_value) == ("fcd", 1.5)
    assert result.metric_args["extractor_sha256"] == "0" * 64


@pytest.mark.parametrize("gap", ["command", "seed", "backend", "fingerprint"])
def test_a_card_with_a_gap_is_none(record, gap):
    config = record[0].config
    part = config["dataset"] if gap in config["dataset"] else config
    part[gap] = None
    with pytest.raises(RequestError, match=f"whole record: {gap} must be .*. Received: None"):
        make(record)
    del part[gap]
    with pytest.raises(RequestError, match=f"whole record: {gap} must be"):
        make(record)


def test_a_report_with_a_gap_makes_no_card(record):
    report = json.loads((record[1] / verify.REPORT).read_text())
    del report["milliseconds"]
    files.write_json(record[1] / verify.REPORT, report)
    with pytest.raises(FailedError, match="The model card is incomplete: 'milliseconds'"):
        make(record)


def test_only_images_with_a_history_are_published(record, tmp_path):
    run, export = record
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(RequestError, match="needs at least one whole epoch"):
        publish.build(run, export, empty, "alice/mine")
    run.write_history([{"epoch": 1, "step": 3, "loss": 1.0}])
    with pytest.raises(RequestError, match="step 3 of run: export it again"):
        publish.build(run, export, empty, "alice/mine")
    generator(export / "model.onnx", {**METADATA, "image_shape": [2]})
    with pytest.raises(
        RequestError, match="models of images can be published. Received: .*, a model of points"
    ):
        publish.build(run, export, empty, "alice/mine")
    assert not any(empty.iterdir())


def test_licences(record):
    with pytest.raises(
        RequestError, match=r"does not decide the model's (.|\n)*: give one with --license"
    ):
        make(record, licence=None)
    with pytest.raises(RequestError, match="need a licence in words: give --data-license for"):
        make(record, data_licence=None)


def test_every_model_and_data_set_of_images_is_described():
    models, sets = model_cards.about("models"), model_cards.about("datasets")
    assert sorted(models) == MODELS
    for about in models.values():
        assert about["title"] and about["citation"].strip().startswith("@")
        assert about["citation"].count("{") == about["citation"].count("}")
    images = {name for name, entry in data.DATASETS.items() if entry.mixture is None}
    assert sets.keys() == images
    for about in sets.values():
        assert all(about[key] for key in ("title", "url", "licence", "limits"))


@pytest.mark.parametrize("options", [False, True], ids=["plain", "options"])
@pytest.mark.parametrize("name", MODELS)
def test_the_example_draws_each_input_from_its_prior(tmp_path, monkeypatch, name, options):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (30, 20)).save("photo.png")
    translates = registry.entry(name).cls.translates
    if translates:
        entry = registry.entry(name)
        changes = own_options(name) if options else {}
        model = entry.cls(image_shape=(16, 16, 3), input_channels=3, width=4, patch=16, **changes)
    else:
        model = small_model(name, **(own_options(name) if options else {}))
    graph = SimpleNamespace(
        inputs=model.inputs_spec, output="image", metadata={"image_shape": list(model.image_shape)}
    )
    lines = examples.python_example("alice/mine", graph).split("\nfile = ")[0]
    given = {}
    exec(lines, given)  # noqa: S102
    count = 1 if translates else examples.DRAWN
    expected = runtime.Sampler(graph.inputs, ["a"] * 3).noise(count, np.arange(count) % 3)
    assert given["inputs"].keys() == expected.keys()
    for key, array in expected.items():
        assert given["inputs"][key].shape == array.shape, key
        assert given["inputs"][key].dtype == array.dtype, key
        if graph.inputs[key]["prior"] in ("class", "category", "mask"):
            assert set(given["inputs"][key].ravel()) <= set(array.ravel()) | {0, 1, 2}
    assert "undefined" not in examples.browser_example("alice/mine", graph)
