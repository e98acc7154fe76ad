"""A Hub that fails, changes or redirects while a model is fetched, and where the token goes."""

import json
import logging
from pathlib import Path

import pytest

from export import runtime
from export.hub import layout
from export.hub.repository import open_repository
from tests.attacks.record_files import _published
from tests.export.build import generator
from tests.export.test_hub import ID, no_waiting, workplace  # noqa: F401 (fixtures)
from tests.test_cli import done, genzoo
from tests.test_cli_errors import refused
from zoo import files
from zoo.errors import RequestError

pytestmark = pytest.mark.once
GRAPH = "onnx/model.onnx"
TOKEN = "hf_alice"


@pytest.fixture
def published(hub, tmp_path):
    """A small repository on the Hub, whose graph lies on the storage."""
    folder = _published("README.md", "words", tmp_path)
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.*")]
    hub.write(ID, {name: (folder / name).read_bytes() for name in names})
    return hub


def asked_of_storage(hub):
    return [request for request in hub.requests if "/objects/" in request]


def test_the_token_stays_with_the_hub(published):
    """A private model's graph is redirected to another origin, which is not told the token."""
    published.repositories[ID].private = True
    done("pull", ID, "--out=here")
    assert asked_of_storage(published) and not published.leaks
    for path in Path("here").rglob("*.*"):
        assert TOKEN.encode() not in path.read_bytes()


@pytest.mark.parametrize("status", [401, 403, 404, 409, 429, 500, 503])
def test_the_token_is_in_no_message_and_no_log(published, status, caplog):
    caplog.set_level(logging.DEBUG)
    published.fail(".", status, times=1000)
    code, out, err = genzoo("pull", ID)
    assert code in (1, 2) and "Traceback" not in err
    assert TOKEN not in out + err + caplog.text


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_hub_is_asked_again(published, status):
    published.fail("/resolve/|/objects/", status, times=2)
    assert done("pull", ID)
    published.fail(".", status, times=1000)
    refused("pull alice/other", "Error: ", code=1)


@pytest.mark.parametrize("quarter", range(5))
def test_a_transfer_that_is_dropped(published, quarter):
    size = len(published.repositories[ID].find("main").files[GRAPH].data)
    published.drop("GET /objects/", after=size * quarter // 4, times=1)
    done("pull", ID, "--out=here")
    runtime.load("here/" + GRAPH)


@pytest.mark.parametrize("offline", [False, True])
def test_a_manifest_that_was_changed_in_the_cache(published, monkeypatch, tmp_path, offline):
    """With another graph that fits it: both are fetched anew, or offline refused."""
    done("pull", ID, "--out=here")
    manifest = open_repository(ID).manifest
    (tmp_path / "other").mkdir()
    other = generator(tmp_path / "other" / "model.onnx")
    other.write_bytes(other.read_bytes() + b"\x12\0")
    graph = manifest.parent / GRAPH
    record = json.loads(manifest.read_text())
    record["files"][GRAPH] = {"bytes": other.stat().st_size, "sha256": files.sha256(other)}
    for path, content in ((graph, other.read_bytes()), (manifest, json.dumps(record).encode())):
        path.resolve().write_bytes(content)
    if offline:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        refused(f"pull {ID} --out=there", "Error: ", code=1)
        assert not Path("there").exists()
        return
    done("pull", ID, "--out=there")
    for name in (GRAPH, layout.MANIFEST):
        assert Path("there", name).read_bytes() == Path("here", name).read_bytes()


def test_a_repository_that_changes_between_manifest_and_file(published, tmp_path):
    repository = open_repository(ID)
    (tmp_path / "other").mkdir()
    other = generator(tmp_path / "other" / "model.onnx", {"inputs": {}, "output": "image"})
    published.write(ID, {GRAPH: other.read_bytes(), layout.MANIFEST: b"{}"})
    assert runtime.load(repository.generator()).class_names == ("zero", "one"), "of the old commit"
    with pytest.raises(RequestError, match="manifest.json must name the files"):
        open_repository(ID)


def test_a_hub_that_gives_another_file_for_the_same_commit(published):
    head = published.repositories[ID].find("main")
    manifest = json.loads(head.files[layout.MANIFEST].data)
    manifest["files"][GRAPH]["sha256"] = "0" * 64
    published.write(ID, {layout.MANIFEST: json.dumps(manifest).encode()})
    refused(f"generate {ID}", "size and sha256", f"Received: {GRAPH} of {ID}")
