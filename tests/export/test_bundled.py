"""Trained models that come with the project: made, found by name, listed, used and published."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path, PurePath

import numpy as np
import pytest
from PIL import Image

import genzoo as package
import model_cards
from benchmarks import bundle as bundling
from export import runtime, sources
from export.convert import report
from export.hub import bundled, layout
from export.hub.graph_model import GraphModel
from export.hub.pretrained import PublishedRun
from export.hub.repository import open_repository
from tests.test_cli import ROOT, TRAINING, done, genzoo, train_on_clothes
from tests.test_cli_errors import contents, flip_byte, refused
from zoo import data, files
from zoo.errors import FailedError, RequestError
from zoo.metrics.translation import l1
from zoo.training.run import Run

pytestmark = pytest.mark.once

GAN, VAE = "cgan-fashion_mnist", "vae-fashion_mnist"
SHIPPED = bundled.names()  # of the project itself, before a test puts another folder there
USED = (
    "import sys\n"
    "from pathlib import Path\n"
    "import cli, model_cards\n"
    "model_cards.FOLDER = Path(sys.argv.pop(1))\n"
    "try:\n    cli.main()\n"
    "except SystemExit as ending:\n    assert not ending.code\n"
    "print(*sys.modules)"
)


def imported_by(folder, *arguments):
    """The top-level modules of a fresh process after a command, with bundled models of a folder."""
    command = [sys.executable, "-c", USED, str(folder), *map(str, arguments)]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return set(output.splitlines()[-1].split())


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """Every test works in an empty folder of its own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("COLUMNS", "400")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A small conditional run on 20 images, with an FCD."""
    run = train_on_clothes(tmp_path_factory.mktemp("fashion"))
    receipt = {
        "fcd": 12.3456,
        "dataset": "fashion_mnist",
        "split": "train",
        "images": 20,
        "samples": 100,
        "step": 4,
        "extractor": "classifier",
        "extractor_sha256": "a" * 64,
        "preprocessing": "uint8, to [-1, 1]",
        "checkpoint": Run.open(run).manifest()["sha256"],
        "run": "/home/somebody/runs/clothes",
    }
    files.write_json(run / "scores.json", {"fcd": receipt})
    return run


@pytest.fixture(scope="module")
def coded(run):
    """A small run with an encoder."""
    home = run.parent.parent
    data = ["--dataset=fashion_mnist", f"--data-dir={home / 'data'}", "--set=hidden=8"]
    options = [f"--runs-dir={run.parent}", "--name=coded", "--batch-size=8", "--epochs=1"]
    done("train", "vae", *data, "--set=latent_dim=3", *options)
    return run.parent / "coded"


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    """A copy of the run with an export, so that bundling it takes no time."""
    copy = Path(shutil.copytree(run, tmp_path_factory.mktemp("exported") / "clothes"))
    done("export", copy, "--precision=fp16", "--force")
    return copy


@pytest.fixture(scope="module")
def made(exported, coded, tmp_path_factory):
    """A folder that stands for model_cards, with a bundled model of each run.

    The first has an export, and the other's is made to bundle it.
    """
    folder = tmp_path_factory.mktemp("cards")
    (folder / GAN).mkdir()
    (folder / GAN / "width64.png").write_bytes(b"a picture of the README")
    (folder / GAN / "samples.png").write_bytes(b"one that the model has now")
    (folder / "pictures-only").mkdir()
    (folder / "pictures-only" / "samples.png").write_bytes(b"a picture")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_cards, "FOLDER", folder)
        bundling.bundle(Run.open(exported), seen="Grey [blots].")
        bundling.bundle(Run.open(coded), precision="int8")
    return folder


@pytest.fixture
def cards(made, monkeypatch):
    monkeypatch.setattr(model_cards, "FOLDER", made)
    return made


@pytest.fixture
def damaged(made, monkeypatch, tmp_path):
    """A copy of the folder that a test may change."""
    folder = Path(shutil.copytree(made, tmp_path / "cards"))
    monkeypatch.setattr(model_cards, "FOLDER", folder)
    return folder


# ---- what a bundled model is


def test_a_bundle_is_a_repository_without_keras_weights(cards, run):
    assert bundled.names() == [GAN, VAE]  # pictures alone are no model
    assert set(open_repository(GAN).files) == {
        "README.md", "config.json", "curves.png", "onnx/model_fp16.onnx", "samples.png",
        "scores.json", "verification.json",
    }  # fmt: skip
    assert (cards / GAN / "width64.png").read_bytes() == b"a picture of the README"
    assert {n for n in open_repository(VAE).files if "onnx" in n} == {
        "onnx/model_int8.onnx",
        "onnx/encoder_int8.onnx",
    }
    for name in bundled.names():
        check_bundle(cards / name)
    assert "\nGrey \\[blots\\].\n" in (cards / GAN / "README.md").read_text()
    assert not (run / "export").exists(), "the run's own export is its owner's"
    assert not [p for p in cards.iterdir() if p.name.startswith(".")], "left over"


def check_bundle(folder):
    """That each file is as the manifest says, and each graph was verified."""
    repository = open_repository(folder)
    for name in repository.files:
        assert repository.file(name).is_file()
    assert repository.files.keys() >= {"README.md", "samples.png", "curves.png", "config.json"}
    graphs = {Path(n).name: one for n, one in repository.files.items() if n.endswith(".onnx")}
    found = report.read(folder)
    assert found["sha256"] == {name: about["sha256"] for name, about in graphs.items()}
    assert found["errors"].keys() == graphs.keys()
    text = (folder / layout.CARD).read_text().replace("\\", "")  # in its tables _ is escaped
    assert f"{bundled.OWNER}/{folder.name}" in text and "from_pretrained" not in text
    for name in graphs:
        assert f"onnx/{name}" in text
    size = sum(path.stat().st_size for path in layout.files_of(folder).values())
    assert size < bundling.LARGEST


def test_the_wheel_takes_every_file(cards):
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = packaged["package-data"]["model_cards"]
    for name in bundled.names():
        for file in (layout.MANIFEST, layout.WEIGHTS, *open_repository(name).files):
            assert any(PurePath(name, file).match(pattern) for pattern in patterns), file


def test_scores_keep_their_receipts_but_no_path(cards):
    (receipt,) = json.loads((cards / GAN / "scores.json").read_text()).values()
    assert (receipt["fcd"], receipt["run"]) == (12.3456, "clothes")
    assert receipt["preprocessing"] == "uint8, to [-1, 1]"
    assert not (cards / VAE / "scores.json").exists()


def test_the_smallest_graph_is_taken(damaged):
    folder = damaged / GAN
    for name in ("model.onnx", "model_int8.onnx"):
        shutil.copy(folder / "onnx" / "model_fp16.onnx", folder / "onnx" / name)
    order = ["model_fp16.onnx", "model_int8.onnx", "model.onnx"]
    while order:
        (folder / layout.MANIFEST).unlink()
        (folder / "width64.png").unlink(missing_ok=True)
        layout.write_manifest(folder)
        assert open_repository(GAN).generator().name == order[0]
        whole = "model.onnx" if "model.onnx" in order else order[0]
        assert open_repository(folder).generator().name == whole  # published: the exact one
        (folder / "onnx" / order.pop(0)).unlink()
    (folder / layout.MANIFEST).unlink()
    layout.write_manifest(folder)
    with pytest.raises(RequestError, match=r"model_fp16.onnx.* Received: cgan-fashion_mnist"):
        open_repository(GAN).generator()


# ---- by name


def test_a_name_draws_what_its_card_shows(cards, run):
    done("generate", GAN, "--out=drawn.png")
    shown = Image.open(cards / GAN / "samples.png")
    assert np.array_equal(np.asarray(Image.open("drawn.png")), np.asarray(shown))
    drawn = package.load(GAN).generate(3, seed=5)
    trained = sources.load(str(run)).generate(3, seed=5)
    assert np.abs(drawn - trained).max() < 1e-4 < 1e-3 < np.ptp(drawn)  # weights of 16 bits


def test_what_lies_here_comes_first(cards, coded):
    assert sources.resolve(GAN) == sources.Source("bundled", GAN)
    shutil.copytree(cards / VAE, GAN)
    assert sources.resolve(GAN) == sources.Source("published", GAN)
    assert runtime.load(open_repository(GAN).generator()).metadata["model"] == "vae"
    shutil.rmtree(GAN)
    Path(GAN).write_text("words")
    refused(f"generate {GAN}", "which exists but is none of these")


@pytest.mark.parametrize(
    "line",
    [
        "generate cgan-fashon_mnist",
        "translate cgan-fashon_mnist photo.jpg",
        "reconstruct cgan-fashon_mnist photo.jpg",
        "evaluate cgan-fashon_mnist",
        "push cgan-fashon_mnist alice/clothes",
    ],
)
def test_an_unknown_name_gets_the_nearest_and_is_not_asked_of_the_hub(cards, hub, line):
    refused(line, f"Nearest: {GAN}", "Received: cgan-fashon_mnist")
    assert not hub.requests


@pytest.mark.parametrize("name", ["../cards", ".", "", "pictures-only", "models.toml"])
def test_other_names_are_no_bundled_model(cards, name):
    assert bundled.find(name) is None


def test_a_bundle_without_keras_weights_says_so(cards):
    words = (f"{GAN} holds no Keras weights (model.weights.h5)",)
    with pytest.raises(RequestError) as error:
        package.from_pretrained(GAN)
    assert words[0] in str(error.value) and "\n" not in str(error.value)
    for command in ("gallery", "plot history"):
        refused(f"{command} {GAN}", *words)


def test_a_bundle_is_scored_through_its_graph(cards, run):
    scored = f"--metrics=cs --samples=64 --data-dir={run.parent.parent / 'data'}"
    done("evaluate", GAN, *scored.split())
    there = scores_of(f"{GAN}-scores")["cs"]
    assert there["backend"] == "onnx/model_fp16.onnx" and there["step"] == 4
    assert there["checkpoint"] == open_repository(GAN).files["onnx/model_fp16.onnx"]["sha256"]
    copy = shutil.copytree(run, "copy")
    done("evaluate", copy, *scored.split())
    assert there["cs"] == pytest.approx(scores_of(copy)["cs"]["cs"], rel=2e-3)
    assert there["floor"] == scores_of(copy)["cs"]["floor"]
    refused(f"evaluate {VAE} --metrics nll", "nll needs a model with a likelihood")


def scores_of(run):
    return json.loads((Path(run) / "scores.json").read_text())


def test_a_damaged_bundle_is_refused(damaged):
    flip_byte(damaged / GAN / "onnx" / "model_fp16.onnx")
    refused(f"generate {GAN}", "model_fp16.onnx of cgan-fashion_mnist, which differs")
    (damaged / GAN / layout.MANIFEST).write_text("{}")
    refused("list pretrained", "manifest.json must name the files", GAN)
    refused(f"generate {GAN}", "manifest.json must name the files", GAN)


def check_start(folder, name, out):
    """That drawing by name starts with what inference needs alone."""
    imported = imported_by(folder, "generate", name, "--out", out)
    assert out.is_file() and "onnxruntime" in imported
    assert not imported & (TRAINING | {"huggingface_hub"})


def test_a_name_is_used_without_any_training_library(cards, tmp_path):
    check_start(cards, GAN, tmp_path / "drawn.png")
    assert not imported_by(cards, "list", "pretrained") & (TRAINING | {"huggingface_hub"})


@pytest.mark.parametrize("name", SHIPPED or [pytest.param("", marks=pytest.mark.skip("none yet"))])
def test_what_ships_is_whole_and_quick(name, tmp_path):
    check_bundle(model_cards.FOLDER / name)
    sampler = sources.load(name)
    if sampler.image_input is not None:
        return
    images = sampler.generate(4, seed=0)
    # The last step of the graph rounds: from tanh to [0, 1].
    assert np.isfinite(images).all() and images.min() >= -1e-6 and images.max() <= 1 + 1e-6
    assert np.ptp(images) > 0.1
    check_start(model_cards.FOLDER, name, tmp_path / "drawn.png")


def test_translators_that_ship_come_as_near_as_their_scores_say():
    """Tried on images that are part of the project, and were part of the training too."""
    tried = 0
    for name in SHIPPED:
        run = PublishedRun(name, weights=False)
        recorded = run.config["dataset"]
        if recorded["task"] is None:
            continue
        options = {"task": recorded["task"], "image_size": recorded["image_size"]}
        pairs = data.load("fashion_mnist_10k", split="test", **options)
        translated = GraphModel(run).translate(pairs.inputs[:128])
        scores = json.loads((model_cards.FOLDER / name / "scores.json").read_text())
        found = l1(translated, pairs.images[:128] / np.float32(255)).mean()
        assert found == pytest.approx(scores["l1"]["l1"], rel=0.1), name
        tried += 1
    assert tried == 3


def test_all_that_ships_is_small():
    sizes = [bundling._size(model_cards.FOLDER / name) for name in SHIPPED]
    assert sum(sizes) < bundling.LARGEST_TOGETHER


# ---- list pretrained


def test_bundled_models_are_listed(cards):
    header, *lines = done("list", "pretrained").splitlines()
    assert header.split() == ["name", "model", "dataset", "size", "fcd", "nll"]
    size = sum(about["bytes"] for about in open_repository(GAN).files.values())
    assert lines[0].split() == [
        GAN, "cgan", "fashion_mnist", f"{size / 1000:,.0f}", "kB", "12.35", "-"
    ]  # fmt: skip
    assert lines[1].split()[0] == VAE and lines[1].split()[-2:] == ["-", "-"]
    rows = json.loads(done("list", "pretrained", "--json"))
    assert [row["name"] for row in rows] == [GAN, VAE]


def test_an_owners_models_are_listed(cards, hub, monkeypatch):
    done("push", GAN, "alice/clothes")
    hub.write("alice/other", {"README.md": b"---\nlibrary_name: other\n---\n"})
    hub.write("bob/clothes", {"README.md": b"---\nlibrary_name: genzoo\n---\n"})
    header, *lines = done("list", "pretrained", "--owner=alice").splitlines()
    assert header.split()[:2] == ["name", "task"]
    assert [line.split()[:2] for line in lines] == [
        ["alice/clothes", "unconditional-image-generation"]
    ]
    assert done("list", "pretrained", "--owner=nobody") == "none\n"
    refused("list models --owner alice", "--owner is for list pretrained")
    refused("list pretrained --owner a/b", "owner/name")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.is_offline_mode", lambda: True)
    refused("list pretrained --owner alice", "The Hub cannot be reached for alice", code=1)


# ---- push


def test_a_bundled_model_is_pushed_and_draws_the_same(cards, hub):
    assert "nothing had changed" not in done("push", GAN, "alice/clothes", "--private")
    assert hub.repositories["alice/clothes"].private
    head = hub.repositories["alice/clothes"].find("main").files
    assert head.keys() == {*open_repository(GAN).files, layout.MANIFEST, ".gitattributes"}
    card = head["README.md"].data.decode()
    assert "OWNER" not in card and 'hf_hub_download("alice/clothes", "onnx/model_fp16' in card
    assert "nothing had changed" in done("push", GAN, "alice/clothes")
    done("generate", GAN, "--out=ours.png")
    done("generate", "alice/clothes", "--out=theirs.png")
    assert files.sha256("ours.png") == files.sha256("theirs.png")
    with pytest.raises(RequestError, match="alice/clothes@.* holds no Keras weights"):
        package.from_pretrained("alice/clothes")


def test_a_bundled_model_goes_to_a_folder_or_is_shown(cards, hub, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    done("push", GAN, "alice/clothes", "--to=folder")
    assert open_repository("folder").files.keys() == open_repository(GAN).files.keys()
    out = done("push", GAN, "alice/clothes", "--dry-run")
    assert "onnx/model_fp16.onnx" in out and (Path("folder") / "README.md").read_text() in out
    refused(f"push {GAN} alice/clothes --license mit", "--license is in the card")
    refused(f"push {GAN} alice/clothes", "Pushing needs a token", code=2)
    assert not hub.requests


def test_all_are_pushed_into_a_collection_and_only_once(cards, hub):
    shutil.copytree(cards / VAE, GAN)  # of a bundled model's name: not what is meant
    *lines, address = done("push", "--all", "alice").splitlines()
    assert [line.split("/commit/")[0] for line in lines] == [
        f"{hub.url}/alice/{name}" for name in (GAN, VAE)
    ]
    card = hub.repositories[f"alice/{GAN}"].find("main").files["README.md"].data.decode()
    assert f"alice/{GAN}" in card and "OWNER/" not in card
    (collection,) = hub.collections.values()
    assert address == f"{hub.url}/collections/{collection['slug']}"
    assert [item["id"] for item in collection["items"]] == [f"alice/{GAN}", f"alice/{VAE}"]
    state = [dict(repository.branches) for repository in hub.repositories.values()]
    hub.requests.clear()
    again = done("push", "--all", "alice").splitlines()
    assert [line.split(": ")[-1] for line in again[:-1]] == ["nothing had changed"] * 2
    assert [dict(repository.branches) for repository in hub.repositories.values()] == state
    assert [r for r in hub.requests if r.startswith("POST")] == ["POST /api/collections"]


def test_what_stopped_half_way_goes_on(cards, hub):
    hub.fail(f"POST /api/models/alice/{VAE}/commit", 500, times=10)
    code, out, err = genzoo("push", "--all", "alice")
    assert code == 1 and err.count("\n") == 1 and GAN in out
    (collection,) = hub.collections.values()
    assert [item["id"] for item in collection["items"]] == [f"alice/{GAN}"]
    hub.faults.clear()
    lines = done("push", "--all", "alice").splitlines()
    assert lines[0].endswith("nothing had changed") and "README.md" in lines[1]
    assert [item["id"] for item in collection["items"]] == [f"alice/{GAN}", f"alice/{VAE}"]


def test_push_all_of_other_requests(cards, hub, monkeypatch):
    out = done("push", "--all", "alice", "--dry-run")
    assert f"alice/{GAN}:" in out and "onnx/model_int8.onnx" in out and not hub.requests
    refused("push --all alice bob", "push --all takes one OWNER")
    refused("push --all alice/x", "owner/name")
    refused("push --all alice --revision small", "--revision is for a single repository")
    refused("push --all alice --license mit", "--license is for a single repository")
    refused("push --all bob", "403 for bob")
    done("push", "--all", "alice")
    refused("push --all alice --private", "--private is for a new collection", "which is public")
    monkeypatch.setattr(model_cards, "FOLDER", cards / "pictures-only")
    refused("push --all alice", "No trained models come with this installation")


# ---- reconstruct


@pytest.fixture
def photos():
    """A grey image of the model's size, and a larger one in colour."""
    Path("photos").mkdir()
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (28, 28), dtype=np.uint8)).save("photos/a.png")
    Image.fromarray(rng.integers(0, 256, (40, 56, 3), dtype=np.uint8)).save("photos/b.png")
    return Path("photos")


def test_images_stand_beside_their_reconstructions(cards, coded, photos):
    """By name through the runtime, and of the run through Keras."""
    assert done("reconstruct", VAE, photos, "--out=ours.png") == "ours.png\n"
    done("reconstruct", coded, "photos/*.png", "--out=theirs.png")
    ours, theirs = (np.asarray(Image.open(n), int) for n in ("ours.png", "theirs.png"))
    scale = 2  # tiles of 28 pixels are enlarged to 56, with 2 between them
    assert ours.shape == theirs.shape == (56, 4 * 58 - 2, 3)
    tiles = [ours[::scale, 58 * i : 58 * i + 56 : scale, 0] for i in range(4)]
    np.testing.assert_array_equal(tiles[0], np.asarray(Image.open("photos/a.png")))
    model = sources.load(str(coded)).model
    expected = model.reconstruct(np.uint8(tiles[0])[np.newaxis, ..., np.newaxis])[0, ..., 0]
    exact = theirs[::scale, 58:114:scale, 0]
    assert np.abs(exact - np.rint(255 * expected)).max() <= 1
    assert np.abs(tiles[1] - exact).max() <= 16  # of 255: integers of 8 bits
    # the larger image: the middle 40x40, resized
    middle = Image.open("photos/b.png").convert("L").crop((8, 0, 48, 40))
    fitted = np.asarray(middle.resize((28, 28), Image.Resampling.LANCZOS), int)
    np.testing.assert_array_equal(tiles[2], fitted)


def test_reconstruct_uses_no_training_library(cards, photos):
    imported = imported_by(
        cards, "reconstruct", VAE, photos.resolve() / "a.png", "--out", Path("x.png").resolve()
    )
    assert Path("x.png").is_file() and not imported & (TRAINING | {"huggingface_hub"})


def test_what_cannot_be_reconstructed(cards, run, coded, photos):
    for source in (GAN, run):
        refused(f"reconstruct {source} photos", "needs a model with an encoder")
    refused(f"reconstruct {VAE}", "Name the images after the source")
    refused(f"reconstruct {VAE} nowhere.png", "An image must be", "Received: nowhere.png")
    refused(f"reconstruct {VAE} photos --out x.jpg", "--out must be a .png file")
    refused(f"reconstruct {VAE} photos --class 3", "unconditional and takes no class")
    Path("photos/c.png").write_bytes(b"no image")
    refused(f"reconstruct {VAE} photos", "An image must be readable", "c.png")


def test_a_conditional_model_reconstructs_images_of_a_class(run, photos):
    home = run.parent.parent
    data = ["--dataset=fashion_mnist", f"--data-dir={home / 'data'}", "--set=hidden=8"]
    done("train", "cvae", *data, "--runs-dir=runs", "--name=c", "--batch-size=8", "--epochs=1")
    refused("reconstruct runs/c photos", "give --class, one of", "Sneaker")
    refused("reconstruct runs/c photos --class Hat", "The class must be one of", "Received: 'Hat'")
    done("reconstruct", "runs/c", photos, "--class=Sneaker", "--out=one.png")
    done("reconstruct", "runs/c", photos, "--class=Bag", "--out=other.png")
    assert files.sha256("one.png") != files.sha256("other.png")


# ---- the command that makes one


def test_a_bundle_that_is_too_large_is_not_kept(damaged, exported, monkeypatch):
    before = contents(damaged)
    monkeypatch.setattr(bundling, "LARGEST", 10_000)
    with pytest.raises(RequestError, match=r"smaller than 10,000 bytes. Received: [\d,]+ of cgan-"):
        bundling.bundle(Run.open(exported))
    monkeypatch.undo()
    monkeypatch.setattr(model_cards, "FOLDER", damaged)
    monkeypatch.setattr(bundling, "LARGEST_TOGETHER", bundling._size(damaged / VAE) + 10_000)
    with pytest.raises(RequestError, match="All bundled models together"):
        bundling.bundle(Run.open(exported))
    assert contents(damaged) == before


def test_an_inexact_export_is_not_bundled_even_if_it_was_forced(damaged, exported, monkeypatch):
    before = contents(damaged)
    monkeypatch.setitem(report.FLOORS, "fp16", 500.0)
    with pytest.raises(RequestError, match=r"within 500 dB .* Received: model_fp16.onnx, at \d+"):
        bundling.bundle(Run.open(exported))
    assert contents(damaged) == before


def test_only_an_earlier_bundle_is_replaced(damaged, exported, monkeypatch):
    with pytest.raises(RequestError, match="MODEL-DATASET of small letters"):
        bundling.bundle(Run.open(exported), "../x")
    (damaged / GAN / "notes.txt").write_text("mine")
    with pytest.raises(RequestError, match=r"pictures stay. Received: .*, with notes.txt"):
        bundling.bundle(Run.open(exported))
    (damaged / GAN / "notes.txt").unlink()
    before = contents(damaged)

    def fail(*arguments, **options):
        raise FailedError("the export does not match")

    monkeypatch.setattr("export.hub.publish.verify.verify", fail)
    with pytest.raises(FailedError):
        bundling.bundle(Run.open(exported))
    assert contents(damaged) == before


def test_an_exported_run_is_bundled_again(damaged, exported):
    """In place of the first, from the export that is there: the same files."""
    before = files.sha256(exported / "export" / "model_fp16.onnx")
    bundling.bundle(Run.open(exported), GAN)
    assert files.sha256(damaged / GAN / "onnx" / "model_fp16.onnx") == before
    check_bundle(damaged / GAN)
    assert (damaged / GAN / "width64.png").is_file()
