"""The tables of the documentation: written by commands, up to date, and in their places."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks import advice, exports, published, receipts, tables
from tests.training.configs import config_of
from zoo import registry
from zoo.training.schema import FORMAT
from zoo.versions import versions

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
    path, _ = {**tables.OF_THE_PROJECT, **tables.OF_RUNS}[name]
    return rows(tables.read_between_markers(path, name))


@pytest.fixture
def keep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes evaluated runs on MNIST of `seconds`, and keeps the receipts of all of them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(receipts, "FOLDER", tmp_path / "receipts")

    def made(
        model: str, *settings: str, preset: str = "default", seed: int = 0, seconds: float = 30,
        validation: float | None = None, **scores: dict[str, Any],
    ) -> None:  # fmt: skip
        values = registry.entry(model).configure(preset, settings)
        steps = values.pop("steps")
        config = config_of(model, hyperparameters=values, total_steps=steps, seed=seed)
        config |= {"format": FORMAT, "created": "2026-01-01T00:00:00+00:00", "preset": preset}
        config |= {"command": f"genzoo train {model} --runs-dir=/home/me", "versions": versions()}
        config["dataset"] |= {"name": "mnist", "request": "mnist", "count": 60_000}
        config["dataset"] |= {"fingerprint": "0" * 64, "validation": validation}
        # The receipt of each score says how many weights there are, and of which versions.
        scores = {name: {**score, "parameters": 9000} for name, score in scores.items()}
        path = evaluated(f"run-{len(list(Path('runs').glob('*')))}", config, **scores)
        row = {"epoch": 1, "step": 1, "seconds": seconds}
        (path / "history.jsonl").write_text(json.dumps(row) + "\n")
        manifest = {"step": steps, "file": f"step-{steps:07d}.safetensors", "sha256": "0" * 64}
        (path / "checkpoints").mkdir()
        (path / "checkpoints" / "manifest.json").write_text(json.dumps(manifest))
        receipts.keep([Path("runs")])

    return made


def test_likelihoods_of_receipts(keep: Callable[..., None]) -> None:
    of = {"importance_samples": 5000, "images": 10_000}
    keep("iwae", "stochastic_layers=2", "k=50", nll={"nll": 90.774, "elbo": -93.0, **of})
    keep("sbn", nll={"nll": 118.0, "elbo": -120.676, **of})
    keep("vae", preset="quick", nll={"nll": 100.0, "elbo": -101.0, **of})  # no row is of it
    keep("vae", preset="best", nll={"nll": 86.5, "elbo": -90.0, **of})
    found = rows(published.likelihoods())
    assert {row[0]: row[3:] for row in found[2:] if any(row[3:])} == {
        "VAE, which is IWAE with k=1": ["", "", "86.50"],
        "IWAE, 2 layers, k=50": ["90.77", "5,000 x 10,000", ""],
        "SBN, 1 layer of 200, NVIL, upper bound": ["120.68", "5,000 x 10,000", ""],
    }
    assert [row[:3] for row in found] == [row[:3] for row in place("likelihoods")]


def test_errors_of_receipts(keep: Callable[..., None]) -> None:
    keep("ssvae", "stack=m2", "alpha=10", error={"error": 0.168})
    keep("ssvae", "labels=1000", error={"error": 0.05})
    for seed, error in enumerate((0.09, 0.11)):
        keep("ssvae", seed=seed, error={"error": error})
    keep("ssvae", "hidden=9", error={"error": 0.5})  # no row is of it
    keep("infogan", category_error={"category_error": 0.182})
    found = rows(published.errors())
    assert [row[4] for row in found[2:]] == ["16.8 %", "", "10.0 ± 1.4 %", "5.0 %", "18.2 %", ""]
    assert [row[:4] for row in found] == [row[:4] for row in place("errors")]


def test_cifar10_is_told_with_the_options_of_the_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "FOLDER", tmp_path)
    real = {"fcd": 0.016, "class_accuracy": 0.855, "precision": 0.9, "recall": 0.8, "coverage": 0.7}
    for name, fcd, options in (
        ("worse", 3.0, "--name worse --set width=8 --seed=1"),
        ("better", 2.0, "--conditional --backend jax --set=width=64 --steps 60"),
    ):
        scores = {key: {key: fcd if key == "fcd" else 0.5, "floor": real[key]} for key in real}
        config = {"model": "dcgan", "command": f"genzoo train dcgan {options}"}
        receipts.write("cifar10", name, {"config": config, "minutes": 9.7, "scores": scores})
    halves = ["50 %", "0.50", "0.50", "0.50", "10"]
    assert rows(published.cifar10())[2:] == [
        ["*real test images*", "0.02", "86 %", "0.90", "0.80", "0.70", ""],
        ["`dcgan --conditional --set width=64 --steps 60`", "2.00", *halves],
        ["`dcgan --set width=8`", "3.00", *halves],
    ]


def test_a_receipt_has_nothing_of_the_machine(keep: Callable[..., None], tmp_path: Path) -> None:
    keep("vae", fcd={"fcd": 4.0, "dataset": "mnist", "extractor": "/home/me/c.safetensors"})
    (path,) = (tmp_path / "receipts" / "mnist").iterdir()
    kept = json.loads(path.read_text())
    assert kept["minutes"] == 0.5 and kept["parameters"] == 9000
    expected = {"fcd": 4.0, "dataset": "mnist", "extractor": "c.safetensors"}
    assert kept["scores"] == {"fcd": expected}
    assert "/home/me" not in path.read_text()


def test_changes_are_of_runs_that_left_a_validation_part_out(
    keep: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    keep("vae", nll={"nll": 93.456})
    keep("vae", validation=0.1, nll={"nll": 93.541})
    keep("vae", "hidden=9", validation=0.1, nll={"nll": 91.163})
    assert list(receipts.read("mnist")) == ["run-0"]
    changes = {("mnist", "nll"): (("nine hidden units", "run-1", "run-2"),)}
    monkeypatch.setattr(advice, "CHANGES", changes)
    found = rows(advice.changes("mnist", "nll"))
    assert found[2:] == [["nine hidden units", "93.54", "91.16"]]
    assert found[0] == place("changes-mnist")[0]


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


def test_the_leaderboard_of_receipts(
    keep: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cards = tmp_path / "model_cards" / "cgan-mnist"
    cards.mkdir(parents=True)
    (cards / "samples.png").write_bytes(b"a picture")
    report = {
        "bytes": {"model_fp16.onnx": 123_400},
        "milliseconds": {"model_fp16.onnx": {"16": 1.24}},
    }
    (cards / "verification.json").write_text(json.dumps(report))
    monkeypatch.setattr(tables, "ROOT", tmp_path)
    keep("vae", fcd={"fcd": 8.0, "floor": 0.0071}, nll={"nll": 87.26})
    keep("cgan", seconds=300, fcd={"fcd": 4.0, "floor": 0.0071})
    keep("cgan", seed=1, seconds=420, fcd={"fcd": 6.0, "floor": 0.0071})
    keep("cgan", "width=4", fcd={"fcd": 1.0, "floor": 0.0071})  # not the default: left out
    found = rows(tables.leaderboard("mnist"))
    assert found[0] == place("leaderboard-mnist")[0] == place("leaderboard-fashion_mnist")[0]
    assert found[2][:3] == ["*real test images*", "0.007", ""]
    picture = '<img src="../model_cards/cgan-mnist/samples.png" width="150" alt="cgan-mnist">'
    of_gan = ["5.00 ± 1.41", *[""] * 5, "9,000", "6.0 ± 1.4", "123", "1.2", picture]
    assert found[3] == ["`cgan`", *of_gan]
    assert found[4] == ["`vae`", "8.00", *[""] * 4, "87.3", "9,000", "0.5", "", "", ""]
    assert len(found) == 5

    pixels = {"fcd": {"fcd": 91.234}, "recall": {"recall": 0.0}, "nll": {"nll": 206.79}}
    receipts.write("mnist", receipts.PIXELS, {"scores": pixels})
    again = rows(tables.leaderboard("mnist"))
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
