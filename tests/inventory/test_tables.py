"""`list` as a person reads it: on 80 columns, on 40, in a file."""

import sys

import pytest

from tests.helpers import MODELS
from zoo import registry
from zoo.inventory import catalog, tables

pytestmark = pytest.mark.once


def test_models_fit_80_columns_a_line_each():
    header, *lines = tables.lines_of(catalog.models(), width=80)
    assert header.split() == ["model", "family", "conditional", "paper"]
    assert [line.split()[0] for line in lines] == MODELS
    assert max(map(len, lines)) <= 80
    (gan,) = (line for line in lines if line.startswith("gan "))
    assert gan.split()[1:3] == ["adversarial", "optional"]
    assert gan.endswith("  Goodfellow et al. 2014")
    whole = tables.lines_of(catalog.models(), long=True)
    assert len(whole) == 1 + len(MODELS)  # in a file a line is never folded
    (gan,) = (line for line in whole if line.startswith("gan "))
    assert "Generative Adversarial Nets, arXiv:1406.2661" in gan


def test_each_preset_has_its_own_settings():
    rows = catalog.presets()
    lines = tables.lines_of(rows)
    assert lines[0].split() == ["model", "preset", "changes"]
    for model in MODELS:
        entry = registry.entry(model)
        own = {key: field.default for key, field in entry.hyperparameters.items()}
        for preset in ("quick", "default", "paper"):
            (line,) = (line for line in lines if line.split()[:2] == [model, preset])
            changed = {k: v for k, v in entry.configure(preset).items() if v != own[k]}
            if changed.get("decay_steps") == changed.get("steps"):
                changed.pop("decay_steps", None)
            assert dict(word.split("=") for word in line.split()[2:]) == {
                key: str(value).lower() if isinstance(value, bool) else str(value)
                for key, value in changed.items()
            }
    (line,) = (x for x in tables.lines_of(rows, long=True) if x.split()[:2] == ["gan", "default"])
    words = dict(word.split("=") for word in line.split()[2:])
    assert words.keys() == registry.entry("gan").hyperparameters.keys()


@pytest.mark.parametrize("rows", [catalog.models, catalog.presets, catalog.datasets])
@pytest.mark.parametrize("width", [40, 60, 80])
@pytest.mark.parametrize("long", [False, True])
def test_no_line_is_wider_than_the_terminal(rows, width, long):
    lines = tables.lines_of(rows(), long, width)
    assert max(map(len, lines)) <= width
    assert all(line.split() for line in lines)


def test_a_narrow_terminal_gets_a_paragraph_a_row():
    rows = [{"model": "gan", "paper": "Goodfellow et al. 2014, Nets", "conditional": "optional"}]
    assert tables.lines_of(rows, long=True, width=24) == [
        "gan",
        "  paper: Goodfellow et",
        "    al. 2014, Nets",
        "  conditional: optional",
    ]


def test_a_file_is_not_cut_to_a_width(monkeypatch, capsys):
    rows = [{"run": "runs/" + "x" * 100, "step": None}, {"run": "runs/y", "step": 3}]
    monkeypatch.delenv("COLUMNS", raising=False)
    print(*tables.lines_of(rows, width=tables.terminal_width()), sep="\n")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["run", "step"], ["runs/" + "x" * 100, "-"], ["runs/y", "3"]
    ]  # fmt: skip
    monkeypatch.setenv("COLUMNS", "40")
    print(*tables.lines_of(rows[1:], width=tables.terminal_width()), sep="\n")
    print(*tables.lines_of([]), sep="\n")
    assert capsys.readouterr().out == "run     step\nruns/y  3\nnone\n"
    assert not sys.stdout.isatty()
