"""Publishing and fetching, against a Hub on loopback that speaks with the real client."""

import errno
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import HfApi, ModelCard
from PIL import Image

import cli
from export import runtime, sources
from export.hub import layout
from export.hub.repository import open_repository
from tests.conftest import CACHE
from tests.test_cli import TRAINING, done, genzoo, imported_by, train_on_clothes
from tests.test_cli_errors import contents, refused
from zoo import files
from zoo.errors import FailedError, RequestError

pytestmark = pytest.mark.once

ID = "alice/clothes"
CLI = str(Path(cli.__file__))
WHOLE = {
    "README.md",
    "config.json",
    "curves.png",
    "model.tflite",
    "model.weights.h5",
    "onnx/model.onnx",
    "samples.png",
    "verification.json",
}


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """Every test works in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """The client waits for seconds before it asks again."""
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small conditional run with the classes of Fashion-MNIST, exported to both formats."""
    run = train_on_clothes(tmp_path_factory.mktemp("fashion"))
    done("export", run, "--format=all")
    return run


@pytest.fixture(scope="module")
def folder(run):
    """The run's repository, in a folder."""
    folder = run.parent.parent / "repository"
    done("push", run, ID, "--to", folder)
    return folder


@pytest.fixture
def copy(folder, tmp_path):
    """A copy of the repository that a test may damage."""
    return Path(shutil.copytree(folder, tmp_path / "copy"))


@pytest.fixture
def published(hub, folder):
    """The repository on the Hub, as if pushed."""
    hub.write(ID, {name: (folder / name).read_bytes() for name in (*WHOLE, layout.MANIFEST)})
    return hub


def commits(hub):
    return hub.repositories[ID].history()


def remanifest(folder):
    """Gives a changed repository the manifest that fits it: an attacker's would."""
    (folder / layout.MANIFEST).unlink()
    layout.write_manifest(folder)


def in_another_process(*arguments, **environment):
    """A command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, CLI, *map(str, arguments)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


# ---- push


def test_a_run_is_pushed_pulled_and_draws_the_same(hub, run, folder):
    out = done("push", run, ID)
    head = hub.repositories[ID].find("main")
    assert out.startswith(f"{hub.url}/{ID}/commit/{head.oid}: ")
    assert len(commits(hub)) == 2  # the Hub's own first one, and ours
    assert head.files.keys() == WHOLE | {layout.MANIFEST, ".gitattributes"}

    assert f"{len(WHOLE)} files of {ID}@{head.oid}" in done("pull", ID, "--out=here")
    assert {p.relative_to("here").as_posix() for p in Path("here").rglob("*") if p.is_file()} == {
        *WHOLE, layout.MANIFEST, layout.PULLED}  # fmt: skip
    assert json.loads(Path("here/pulled.json").read_text()) == {"source": ID, "commit": head.oid}

    done("generate", run, "--out=run.png")
    for source in (ID, f"{ID}@main", f"{ID}@{head.oid}", "here", "here/model.tflite"):
        done("generate", source, "--out=pulled.png")
        images = [np.asarray(Image.open(name), int) for name in ("run.png", "pulled.png")]
        assert np.abs(images[0] - images[1]).max() <= 1, source  # of 255: the last bit of a float
    assert files.sha256("here/samples.png") == files.sha256(folder / "samples.png")
    np.testing.assert_array_equal(
        sources.load(ID).generate(3), runtime.load(run / "export").generate(3)
    )


def test_nothing_is_committed_when_nothing_changed(hub, run, folder):
    done("push", run, ID)
    state = dict(hub.repositories[ID].branches)
    assert "nothing had changed" in done("push", run, ID)
    assert hub.repositories[ID].branches == state
    assert contents(folder).keys() == contents(folder).keys()
    # What somebody else adds stays; what was damaged is put right, what is gone comes back.
    hub.write(ID, {"LICENSE": b"words", "samples.png": b"", "old.tflite": b"of an earlier push"})
    out = done("push", run, ID)
    assert out.split(": ", 1)[1] == "samples.png, old.tflite\n"
    head = hub.repositories[ID].find("main").files
    assert "old.tflite" not in head and head["LICENSE"].data == b"words"
    assert done("pull", ID)


def test_push_options(hub, run, folder):
    done("push", run / "export", ID, "--private", "--revision=small")
    repository = hub.repositories[ID]
    assert repository.private
    assert layout.MANIFEST in repository.find("small").files
    assert layout.MANIFEST not in repository.find("main").files
    out = done("push", run, ID, "--pull-request")
    assert out.startswith(f"{hub.url}/{ID}/discussions/")
    assert layout.MANIFEST in repository.find("refs/pr/1").files
    assert layout.MANIFEST not in repository.find("main").files
    assert done("generate", f"{ID}@refs/pr/1") and done("generate", f"{ID}@small")
    hub.write("alice/open", {})
    refused(f"push {run} alice/open --private", "--private", "alice/open, which is public")


def test_an_exported_folder_is_pushed_with_its_runs_record(run, folder):
    shutil.copytree(run / "export", "elsewhere")
    refused(
        f"push elsewhere {ID} --to here",
        "clothes is not in runs, --runs-dir",
        "Received: elsewhere",
    )
    done("push", "elsewhere", ID, "--to=here", f"--runs-dir={run.parent}")
    assert files.sha256("here/manifest.json") == files.sha256(folder / "manifest.json")


def test_a_dry_run_shows_all_and_sends_nothing(hub, run, folder, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    out = done("push", run, ID, "--dry-run")
    card = (folder / "README.md").read_text()
    assert card in out and "onnx/model.onnx" in out
    assert not hub.requests and not any(Path.cwd().iterdir())


def test_a_repository_is_the_same_whenever_it_is_built(run, folder):
    before = contents(folder)
    done("push", run, ID, "--to", "again")
    assert {p.relative_to(folder): s for p, s in before.items()} == {
        p.relative_to("again"): s for p, s in contents(Path("again")).items()
    }
    done("push", run, ID, "--to", "again")  # in the place of the first
    Path("other").mkdir()
    Path("other/mine.txt").write_text("words")
    refused(f"push {run} {ID} --to other", "new, empty", "Received: other")
    refused(f"push {run} {ID} --to other/mine.txt/x", "can be written", "other/mine.txt/x (")


def test_no_machine_and_no_token_in_what_is_published(run, folder, monkeypatch):
    for path in folder.rglob("*"):
        if path.suffix in (".md", ".json"):
            text = path.read_text()
            assert str(run.parent.parent) not in text and str(Path.home()) not in text
            assert "hf_" + "alice" not in text


@pytest.mark.parametrize(
    "line, words",
    [
        ("push", ["Missing argument"]),
        ("push RUN", ["owner/name"]),
        ("push RUN clothes", ["owner/name, in full", "Received: clothes"]),
        ("push RUN alice/a/b", ["owner/name", "Received: alice/a/b"]),
        ("push RUN RUN alice/clothes", ["a SOURCE and a REPO_ID"]),
        ("push nowhere alice/clothes", ["a run, or its exported folder", "Received: nowhere"]),
        (
            "push RUN alice/clothes --license 'my own: x'",
            ["--license must be an identifier", "'my own: x'"],
        ),
        ("push RUN alice/clothes --token hf_x", ["--token"]),
        ("push RUN bob/clothes", ["token", "Received: 403 for bob/clothes"]),
    ],
)
def test_push_bad_requests(hub, run, line, words):
    refused(line.replace("RUN", str(run)), *words)
    assert not hub.repositories


def test_push_without_a_token_or_with_a_wrong_one(hub, run, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    refused(f"push {run} {ID}", "Pushing needs a token", "set HF_TOKEN")
    for token in ("hf_nobody", "hf_reader"):
        monkeypatch.setenv("HF_TOKEN", token)
        assert token not in refused(f"push {run} {ID}", "token", "Received: 40")
    assert not hub.repositories


def test_only_what_is_verified_and_current_is_pushed(hub, run, tmp_path):
    copied = Path(shutil.copytree(run, tmp_path / "clothes"))
    report = copied / "export" / "verification.json"
    kept = report.read_text()
    report.unlink()
    refused(f"push {copied} {ID}", "Only a verified ONNX export can be published", "Received: ")
    report.write_text(kept)
    graph = copied / "export" / "model.onnx"
    whole = graph.read_bytes()
    shutil.copy(copied / "export" / "model.tflite", graph)
    refused(f"push {copied} {ID}", "Received: ")
    graph.write_bytes(whole)
    done("train", "--resume", copied, "--epochs=3")
    refused(f"push {copied} {ID}", "step 6 of clothes: export it again", "of step 4 of clothes")
    assert not hub.repositories


def test_somebody_else_was_faster(hub, run, monkeypatch):
    done("push", run, ID)
    hub.write(ID, {"samples.png": b""})
    tree = HfApi.list_repo_tree

    def slow(self, *arguments, **options):
        yield from tree(self, *arguments, **options)
        hub.write(ID, {"notes.md": b"words"})

    monkeypatch.setattr(HfApi, "list_repo_tree", slow)
    refused(f"push {run} {ID}", "changed by somebody else", "try again", code=1)
    assert hub.repositories[ID].find("main").files["samples.png"].data == b""


@pytest.mark.parametrize("status", [500, 503])
def test_a_hub_that_is_ill(hub, run, status):
    hub.fail("POST /api/models/.*/commit", status, times=100)
    refused(f"push {run} {ID}", f"The Hub answered {status}", code=1)
    assert len(commits(hub)) == 1
    hub.reset()
    hub.fail(".", status, times=1000)
    refused(f"pull {ID}", ID, code=1)


def test_no_way_to_the_hub(hub, run):
    for request in ("GET /api/models", "PUT ", "POST /api/models/.*/commit"):
        hub.reset()
        hub.drop(request, times=100)
        refused(f"push {run} {ID}", "The Hub cannot be reached for", code=1)
    assert len(commits(hub)) == 1
    hub.reset()
    done("push", run, ID)


def test_a_full_disk_leaves_no_half_of_a_pull(published, monkeypatch):
    def full(source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    refused(f"pull {ID} --out here", "No space left on device", code=1)


def test_killed_in_mid_upload_and_repeated(hub, run):
    stalled = hub.stall("PUT ")
    process = in_another_process("push", run, ID)
    assert stalled.reached.wait(60), process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    stalled.release.set()
    assert layout.MANIFEST not in hub.repositories[ID].find("main").files
    done("push", run, ID)
    assert hub.repositories[ID].find("main").files.keys() >= WHOLE
    assert done("pull", ID)


# ---- pull


def test_killed_in_mid_download_and_repeated(published, folder):
    stalled = published.stall("GET /.*(onnx|[0-9a-f]{64})")
    process = in_another_process("pull", ID, "--out=here")
    assert stalled.reached.wait(60), process.communicate()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    stalled.release.set()
    assert not Path("here").exists()
    refused_offline = in_another_process("generate", ID, HF_HUB_OFFLINE="1")
    _, err = refused_offline.communicate()
    assert refused_offline.returncode == 1 and "HF_HUB_OFFLINE is set" in err
    done("pull", ID, "--out=here")
    assert {k.name: v for k, v in contents(folder).items()} == {
        k.name: v for k, v in contents(Path("here")).items() if k.name != layout.PULLED
    }


def test_a_dropped_connection_is_taken_up_again(published):
    published.drop("GET /.*[0-9a-f]{64}", after=1000, times=2)
    assert done("pull", ID)


def test_a_pull_is_fetched_once(published):
    body = re.compile("GET /(.*/resolve|objects)/")
    done("pull", ID)
    assert len([r for r in published.requests if body.match(r)]) == len(WHOLE) + 1
    published.requests.clear()
    snapshot = done("pull", ID).split(": ")[0]
    done("generate", ID)
    done("generate", snapshot)
    assert published.requests and not [r for r in published.requests if body.match(r)]


def test_generate_fetches_what_it_needs_and_imports_no_training_library(published, tmp_path):
    imported = imported_by("generate", ID, "--out", tmp_path / "grid.png")
    assert {"onnxruntime", "huggingface_hub"} <= imported and not imported & TRAINING
    fetched = {r.split("/main/")[-1].split("/", 5)[-1] for r in published.requests if "HEAD" in r}
    assert fetched == {"manifest.json", "onnx/model.onnx"}, fetched


def test_the_generators_file_is_of_a_runtime_that_is_here(published, folder, monkeypatch):
    more = {"onnx/encoder.onnx": b"1", "onnx/model_int8.onnx": b"2", "encoder.tflite": b"3"}
    manifest = json.loads((folder / layout.MANIFEST).read_text())
    for name, content in more.items():
        digest = hashlib.sha256(content).hexdigest()
        manifest["files"][name] = {"bytes": len(content), "sha256": digest}
    published.write(ID, {**more, layout.MANIFEST: json.dumps(manifest).encode()})
    beside = open_repository(ID).generator().parent
    assert sorted(path.name for path in beside.iterdir()) == ["encoder.onnx", "model.onnx"]
    monkeypatch.setattr(runtime, "is_installed", lambda suffix: suffix == ".tflite")
    path = open_repository(ID).generator()
    assert path.name == "model.tflite" and (path.parent / "encoder.tflite").is_file()
    assert not (path.parent / "onnx" / "model_int8.onnx").exists()


def test_a_published_model_is_scored_and_drawn_as_the_run_is(published, run):
    data = f"--data-dir={run.parent.parent / 'data'}"
    scores = [
        json.loads(done("evaluate", source, "--metrics=fcd", "--samples=20", data, "--json"))
        for source in (run, ID, f"{ID}@main")
    ]
    head = published.repositories[ID].find("main").oid
    assert scores[1]["fcd"]["run"] == f"{ID}@{head}" and scores[1]["fcd"]["step"] == 4
    assert json.loads(Path("clothes/scores.json").read_text()) == scores[2]
    np.testing.assert_allclose(*(found["fcd"]["fcd"] for found in scores[:2]), rtol=1e-6)
    done("plot", "neighbours", ID, data, "--out=neighbours.png")
    refused(f"plot history {ID}", "a run that has ended an epoch")
    for command in ("export", "train --resume"):
        refused(f"{command} {ID}", "Received: ")


def test_without_a_network_the_cache_is_used(published, monkeypatch):
    done("pull", ID)
    published.fail(".", 503, times=1000)
    code, out, err = genzoo("generate", ID)
    assert code == 0 and Path("generated.png").is_file()
    published.reset()
    process = in_another_process("generate", ID, "--out=offline.png", HF_HUB_OFFLINE="1")
    _, err = process.communicate()
    assert process.returncode == 0 and "cached" in err
    closed = "http://127.0.0.1:9"
    process = in_another_process("generate", ID, "--out=closed.png", HF_ENDPOINT=closed)
    _, err = process.communicate()
    assert process.returncode == 0 and "Could not reach the Hub" in err
    process = in_another_process("pull", "alice/other", HF_ENDPOINT=closed)
    _, err = process.communicate()
    assert (process.returncode, err) == (
        1,
        "Error: No such run or file here: alice/other; it is not in the Hub's cache either, and "
        "the Hub cannot be reached\n",
    )


@pytest.mark.parametrize(
    "source, words",
    [
        (
            "alice/nothing",
            ["No such run or file here, and no such repository", "Received: alice/nothing"],
        ),
        (f"{ID}@gone", ["A revision must be", f"Received: {ID}@gone"]),
        (f"{ID}@{'0' * 40}", ["Received: "]),
        ("alice/--x..y", ["Received: alice/--x..y"]),
        ("a/b/c", ["Received: a/b/c"]),
    ],
)
@pytest.mark.parametrize("command", ["pull", "generate"])
def test_sources_that_are_none(published, command, source, words):
    refused(f"{command} {source}", *words)


def test_a_private_repository(published, monkeypatch):
    published.write("alice/own", {"manifest.json": b"{}"}, private=True)
    for token in (None, "hf_reader"):
        monkeypatch.delenv("HF_TOKEN") if token is None else monkeypatch.setenv("HF_TOKEN", token)
        refused("pull alice/own", "that you may read", "Received: alice/own")
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")
    assert "hf_nobody" not in refused("pull alice/own", "token")


def test_a_cache_that_was_damaged(published):
    done("generate", ID)
    blob = next(p for p in Path(CACHE.name).rglob("onnx/model.onnx"))
    blob.resolve().write_bytes(b"\0" * blob.stat().st_size)
    done("generate", ID)  # fetched again
    blob.resolve().write_bytes(b"")
    process = in_another_process("generate", ID, HF_HUB_OFFLINE="1")
    _, err = process.communicate()
    assert process.returncode in (1, 2) and err.splitlines()[-1].startswith("Error: ")


# ---- what somebody could put there


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_changed_file_is_named(hub, folder, name):
    changed = {n: (folder / n).read_bytes() for n in (*WHOLE, layout.MANIFEST)}
    changed[name] = changed[name][:-1] + b"?"
    hub.write(ID, changed)
    refused(f"pull {ID} --out here", "size and sha256", f"Received: {name} of {ID}")


@pytest.mark.parametrize(
    "name", ["model.pkl", "weights.pt", "model.py", "model.keras", "onnx/model.onnx.data", "a.npy"]
)
def test_a_pickle_or_code_in_the_repository(published, name):
    published.write(ID, {name: b"cos\nsystem\n(S'touch executed'\ntR."})
    for command in ("pull", "generate"):
        refused(f"{command} {ID}", "no pickle and no code", f"Received: {ID} with '{name}'")


@pytest.mark.parametrize(
    "name", ["../model.onnx", "/etc/passwd", "onnx/../../x.onnx", "onnx\\model.onnx", "evil.pkl"]
)
def test_names_that_lead_elsewhere(published, folder, name):
    manifest = json.loads((folder / layout.MANIFEST).read_text())
    manifest["files"][name] = manifest["files"]["onnx/model.onnx"]
    published.write(ID, {layout.MANIFEST: json.dumps(manifest).encode()})
    refused(f"pull {ID} --out here", "with the file name", name.replace("\\", "\\\\"))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"format": 2, "files": {}}', '{"format": 1, "files": {"a": 1}}', "[" * 99999],
)
def test_manifests_that_are_none(published, text):
    published.write(ID, {layout.MANIFEST: text.encode()})
    refused(f"pull {ID}", "manifest.json must name the files", f"of {ID}@")


def test_a_repository_without_a_manifest(hub):
    hub.write(ID, {"README.md": b"words", "onnx/model.onnx": b"x"})
    refused(f"pull {ID}", "must have a manifest.json", f"Received: {ID}, without")


def test_a_link_out_of_the_folder(copy):
    target = copy.parent / "secret.onnx"
    shutil.move(copy / "onnx" / "model.onnx", target)
    (copy / "onnx" / "model.onnx").symlink_to(target)
    refused(f"generate {copy}", "no link out of it", "onnx/model.onnx")


def test_a_graph_with_weights_elsewhere(copy):
    import onnx

    graph = copy / "onnx" / "model.onnx"
    model = onnx.load(graph)
    onnx.save(model, graph, save_as_external_data=True, location="weights", size_threshold=0)
    (copy / "onnx" / "weights").unlink()
    remanifest(copy)
    refused(f"generate {copy}", "weights in another file")


# ---- the card


def fields(card):
    """What a card's example does, as a dict of the names it sets."""
    example = re.search(r"```python\n(import numpy.*?)```", card, re.DOTALL)[1]
    names = {}
    exec(example, names)  # noqa: S102
    return names


def test_the_card_is_accepted_and_its_example_runs(published, folder):
    card = ModelCard.load(ID)
    card.validate()
    assert card.data.license == "apache-2.0" and card.data.library_name == "genzoo"
    assert card.data.pipeline_tag == "unconditional-image-generation"
    assert card.data.datasets == ["zalando-datasets/fashion_mnist"]
    images = fields((folder / "README.md").read_text())["images"]
    assert images.shape == (16, 28, 28, 1) and images.dtype == np.float32
    drawing = sources.load(folder)
    inputs = {"z": np.random.default_rng(0).standard_normal((16, 6), dtype="float32")}
    expected = drawing.draw({**inputs, "label": np.arange(16, dtype="int32") % 10})
    np.testing.assert_array_equal(images, expected)


def test_errors_of_the_library_are_of_two_kinds(published):
    with pytest.raises(RequestError, match="must be one of"):
        open_repository(ID).file("other.onnx")
    with pytest.raises(RequestError, match="owner/name on the Hugging Face Hub"):
        sources.load("no such thing")
    published.fail(".", 503, times=1000)
    with pytest.raises(FailedError):
        open_repository("alice/other")
