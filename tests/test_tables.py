"""The tables of the documentation: written by commands, up to date, and in their places."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from benchmarks import exports, tables
from zoo import registry

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


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]


def place(name: str) -> list[list[str]]:
    """The table `name` as it stands in the documentation."""
    return rows(tables.read_between_markers(tables.OF_RUNS[name][0], name))


def test_likelihoods_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mnist = {"name": "mnist"}
    iwae = registry.entry("iwae").configure("default", ["stochastic_layers=2", "k=50"])
    evaluated("a", {"model": "iwae", "hyperparameters": iwae, "dataset": mnist},
              nll={"nll": 90.774, "elbo": -93.0})  # fmt: skip
    sbn = registry.entry("sbn").configure()
    evaluated("b", {"model": "sbn", "hyperparameters": sbn, "dataset": mnist},
              nll={"nll": 118.0, "elbo": -120.676})  # fmt: skip
    vae = registry.entry("vae").configure("quick")  # not the preset that the table is of
    evaluated("c", {"model": "vae", "hyperparameters": vae, "dataset": mnist},
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
    evaluated("a", {}, fcd={"fcd": 5.0, "floor": 0.0071}, cs={"cs": 4.0, "floor": 8.374})
    Path("runs/comparison.csv").write_text(
        "run,model,seed,fcd,cs,nll,parameters,minutes\n"
        "a,vae,0,8.0,3.0,247.26,425284,0.31\n"
        "b,cgan,0,4.0,4.0,,1000,5.0\n"
        "c,cgan,1,6.0,4.5,,1000,7.0\n"
    )
    found = rows(tables.leaderboard(Path("runs")))
    assert found[0] == place("leaderboard")[0]
    assert found[2][:3] == ["*real test images*", "0.007", "8.37"]
    spread = ["5.00 ± 1.41", "4.25 ± 0.35", "", "", "", "", "1,000", "6.0 ± 1.4"]
    assert found[3] == ["`cgan`", *spread]
    assert found[4] == ["`vae`", "8.00", "3.00", "", "", "", "247.3", "425,284", "0.3"]


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
