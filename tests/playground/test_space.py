"""A playground that is pushed as a static Space."""

from pathlib import Path

import pytest
import yaml

from export.playground import space
from export.playground.serve import THREADS
from tests.test_cli import done, genzoo
from tests.test_cli_errors import refused
from zoo import files

pytestmark = pytest.mark.once
CGAN, ID = "cgan-fashion_mnist", "alice/zoo"
ADDED = {".gitattributes", "README.md"}  # to what `playground --out` writes


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_space_holds_the_site(hub):
    done("playground", CGAN, "--out", "site")
    address = f"{hub.url}/spaces/{ID}/commit/"
    assert done("push", CGAN, ID, "--space").startswith(address)
    repository = hub.repositories[f"spaces/{ID}"]
    first = repository.find("main")
    site = {p.relative_to("site").as_posix(): p for p in Path("site").rglob("*") if p.is_file()}
    assert first.files.keys() == site.keys() | ADDED  # the Hub's own style.css is gone
    for name, path in site.items():
        assert first.files[name].sha256 == files.sha256(path), name
    text = first.files["README.md"].data.decode()
    about = yaml.safe_load(text.split("---")[1])
    assert about["sdk"] == "static"
    assert about["custom_headers"] == {name.lower(): value for name, value in THREADS.items()}

    out = done("push", "--space", CGAN, ID)
    assert out == f"{address}{first.oid}: nothing had changed\n"
    hub.write(f"spaces/{ID}", {"LICENSE": b"words", "models/old/model.onnx": b"an earlier one"})
    assert done("push", CGAN, ID, "--space").endswith(": models/old/model.onnx\n")
    last = repository.find("main").files
    assert last.keys() == site.keys() | ADDED | {"LICENSE"}


def test_options_of_a_space(hub, monkeypatch):
    done("push", CGAN, ID, "--space", "--private", "--revision=next")
    repository = hub.repositories[f"spaces/{ID}"]
    assert repository.private and "models.json" not in repository.find("main").files
    assert "models.json" in repository.find("next").files
    requests = len(hub.requests)
    monkeypatch.delenv("HF_TOKEN")
    out = done("push", CGAN, ID, "--space", "--dry-run")
    assert f"models/{CGAN}/model_fp16.onnx" in out and "sdk: static" in out
    assert len(hub.requests) == requests


def test_a_space_whose_first_push_went_elsewhere_is_filled(hub):
    """To a branch, to a pull request, or nowhere: what the Hub made is no page of a person's."""
    space_id = f"spaces/{ID}"
    hub.fail("POST /api/spaces/.*/commit/", 500, times=100)
    code, _, error = genzoo("push", CGAN, ID, "--space")
    assert code == 1 and error.count("\n") == 1
    hub.faults.clear()
    made = hub.repositories[space_id].find("main").files
    assert made.keys() == space.SPACE.made
    done("push", CGAN, ID, "--space", "--pull-request")
    done("push", CGAN, ID, "--space", "--revision=next")
    assert hub.repositories[space_id].find("main").files == made
    done("push", CGAN, ID, "--space")
    assert "models.json" in hub.repositories[space_id].find("main").files


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (f"push --space {CGAN} {ID} --to here", ["--to is not for a Space", "--to here"]),
        (f"push --space {ID} --license mit", ["--license is not for a Space", "mit"]),
        (f"push --space {ID} --all", ["--space", "--all"]),
        (f"push --space {CGAN}", ["owner/name", CGAN]),
        (f"push --space nothing {ID}", ["Received: nothing"]),
    ],
)
def test_bad_requests(hub, line, words):
    refused(line, *words)
    assert not hub.repositories


@pytest.mark.parametrize(
    "there",
    [
        {"index.html": b"my own page"},
        {"app.py": b"print()", "models.json": b"{}"},
        {"models.json": b"{}", "assets/page.py": b""},
        {"models.json": b"{}", "models/a/../../x.onnx": b""},
    ],
)
def test_a_space_of_another_kind_is_left_alone(hub, there):
    before = hub.write(f"spaces/{ID}", there)
    refused(f"push {CGAN} {ID} --space", "holds a playground and nothing else", f"{ID} with '")
    assert hub.repositories[f"spaces/{ID}"].find("main").oid == before


def test_what_is_written_is_what_is_known_as_its_own(tmp_path):
    assert done("playground", "--out", "site")
    for path in Path("site").rglob("*"):
        name = path.relative_to("site").as_posix()
        assert path.is_dir() or space.SPACE.own.fullmatch(name), name
