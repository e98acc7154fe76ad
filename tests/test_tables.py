"""The tables of the documentation: written by commands, up to date, and in their places."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from benchmarks import exports, tables
from tests.training.configs import config_of
from zoo import registry
from zoo.training.schema import FORMAT

pytestmark = pytest.mark.once
ROOT = Path(__file__).parents[1]


def test_tables_of_the_project_are_up_to_date() -> None:
    for name, (path, make_table) in tables.OF_THE_PROJECT.items():
        said = tables.read_between_markers(path, name)
        assert said == make_table(), f"python benchmarks/tables.py {name}"


def evaluated(name: str, config: dict[str, Any], **scores: dict[str, Any]) -> Path:
    """A folder with the record and the scores of a run that was never trained."""
    path = Path("runs") / name
    path.mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(config))
    (path / "scores.json").write_text(json.dumps(scores))
    return path


def trained(model: str, values: dict[str, Any], dataset: dict[str, Any]) -> dict[str, Any]:
    """The part of a run's config that the tables look at."""
    steps = values.pop("steps")
    found = {"model": model, "hyperparameters": values, "total_steps": steps}
    return {**found, "dataset": dataset}


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]


def place(name: str) -> list[list[str]]:
    """The table `name` as it stands in the documentation."""
    return rows(tables.read_between_markers(ROOT / "docs" / tables.OF_RUNS[name][0].name, name))


def test_likelihoods_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mnist = {"name": "mnist"}
    iwae = registry.entry("iwae").configure("default", ["stochastic_layers=2", "k=50"])
    evaluated("a", trained("iwae", iwae, mnist),
              nll={"nll": 90.774, "elbo": -93.0})  # fmt: skip
    sbn = registry.entry("sbn").configure()
    evaluated("b", trained("sbn", sbn, mnist),
              nll={"nll": 118.0, "elbo": -120.676})  # fmt: skip
    vae = registry.entry("vae").configure("quick")  # not the preset that the table is of
    evaluated("c", trained("vae", vae, mnist),
              nll={"nll": 100.0, "elbo": -101.0})  # fmt: skip
    found = rows(tables.likelihoods(Path("runs")))
    ours = {row[0]: row[3] for row in found[2:] if row[3]}
    assert ours == {
        "IWAE, 2 layers, k=50": "90.77",
        "SBN, 1 layer of 200, NVIL, upper bound": "120.68",
    }
    assert [row[:3] for row in found] == [row[:3] for row in place("likelihoods")]


def test_objectives_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = {"model": "pix2pix", "hyperparameters": {"objective": "l1"}}
    scores = {
        "l1": {"l1": 0.1634},
        "psnr": {"psnr": 13.731},
        "ssim": {"ssim": 0.2917},
        "parts": {"pixel_accuracy": 0.4449, "class_accuracy": 0.2218, "iou": 0.1432},
    }
    evaluated("a", {**settings, "dataset": {"name": "facades", "direction": "BtoA"}}, **scores)
    labels = {**settings, "dataset": {"name": "facades", "direction": "AtoB"}}
    evaluated("b", labels, l1={"l1": 0.5})  # the judge
    found = rows(tables.objectives(Path("runs")))
    assert found[2] == ["`l1`", "0.163", "13.73", "0.292", "44.5 %, 22.2 %, 14.3 %"]
    assert found[3] == ["`l1_cgan`", "", "", "", ""]
    assert [row[0] for row in found[2:]] == [row[0] for row in place("objectives")[2:]]


def test_the_leaderboard_of_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cards = tmp_path / "model_cards" / "cgan-mnist"
    cards.mkdir(parents=True)
    (cards / "samples.png").write_bytes(b"a picture")
    report = {
        "bytes": {"model_fp16.onnx": 123_400},
        "milliseconds": {"model_fp16.onnx": {"16": 1.24}},
    }
    (cards / "verification.json").write_text(json.dumps(report))
    monkeypatch.setattr(tables, "ROOT", tmp_path)

    def made(name: str, model: str, seed: int, seconds: float, fcd: float, *settings: str) -> None:
        values = registry.entry(model).configure("default", settings)
        steps = values.pop("steps")
        config = config_of(model, hyperparameters=values, total_steps=steps, seed=seed)
        config |= {"created": "2026-01-01T00:00:00+00:00", "format": FORMAT}
        config["dataset"]["name"] = "mnist"
        scores: dict[str, dict[str, Any]] = {
            "fcd": {"fcd": fcd, "floor": 0.0071, "parameters": 9000}
        }
        if model == "vae":
            scores["nll"] = {"nll": 87.26, "parameters": 9000}
        path = evaluated(name, config, **scores)
        row = {"epoch": 1, "step": 1, "seconds": seconds}
        (path / "history.jsonl").write_text(json.dumps(row) + "\n")

    made("a", "vae", 0, 30, 8.0)
    made("b", "cgan", 0, 300, 4.0)
    made("c", "cgan", 1, 420, 6.0)
    made("d", "cgan", 2, 60, 1.0, "width=4")  # not the default, and so left out
    found = rows(tables.leaderboard(Path("runs")))
    assert found[0] == place("leaderboard-mnist")[0] == place("leaderboard-fashion_mnist")[0]
    assert found[2][:3] == ["*real test images*", "0.007", ""]
    picture = '<img src="../model_cards/cgan-mnist/samples.png" width="150" alt="cgan-mnist">'
    of_gan = ["5.00 ± 1.41", *[""] * 5, "9,000", "6.0 ± 1.4", "123", "1.2", picture]
    assert found[3] == ["`cgan`", *of_gan]
    assert found[4] == ["`vae`", "8.00", *[""] * 4, "87.3", "9,000", "0.5", "", "", ""]
    assert len(found) == 5

    pixels = {"fcd": {"fcd": 91.234}, "recall": {"recall": 0.0}, "nll": {"nll": 206.79}}
    (tmp_path / "runs" / tables.PIXELS).write_text(json.dumps(pixels))
    again = rows(tables.leaderboard(Path("runs")))
    assert again[3] == ["*independent pixels*", "91.23", "", "", "0.00", "", "206.8", *[""] * 5]
    assert [*again[:3], *again[4:]] == found


def test_a_row_of_the_exports() -> None:
    report = {
        "bytes": {"model.onnx": 957_400, "model.tflite": 961_000},
        "milliseconds": {"model.onnx": {"1": 0.3, "16": 1.62}, "model.tflite": {"16": 4.7}},
        "errors": {
            "model.onnx": {"1": {"max": 6e-8}, "16": {"max": 2.4e-7}},
            "encoder.tflite": {"1": {"max": 1.2e-6}},
            "model.tflite": {"1": {"max": 5e-8}},
        },
    }
    cells = exports.row("cgan", {"jax": report, "torch": "no room"})
    expected = ["957 kB", "1.6 (16)", "961 kB", "4.7 (16)", "2e-7, 1e-6", "no room"]
    assert cells == ["`cgan`", *expected]
    assert rows(tables.read_between_markers(ROOT / "docs" / "export.md", "exports"))[2:]


def test_every_model_has_its_words() -> None:
    about = tomllib.loads((ROOT / "model_cards" / "models.toml").read_text(encoding="utf-8"))
    assert list(about) == list(registry.entries())
    for name, entry in registry.entries().items():
        assert {"title", "offers", "citation"} <= set(about[name])
        assert all(url.startswith("https://") for _, url in tables.papers(entry, about[name]))


def test_a_table_replaces_the_one_before_it(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(
        "one\n<!-- t: written by x -->\nold\n<!-- end of t -->\ntwo\n<!-- end of u -->\n"
    )
    for _ in range(2):
        tables.write_between_markers(path, "t", tables.markdown_table(["a", "b"], [["1", "2"]]))
        assert path.read_text() == (
            "one\n<!-- t: written by x -->\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n"
            "<!-- end of t -->\ntwo\n<!-- end of u -->\n"
        )
    assert tables.read_between_markers(path, "t") == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
    with pytest.raises(ValueError, match="one table between the comments of 'u'"):
        tables.write_between_markers(path, "u", "")
