"""What others put into a folder: nothing outside it is deleted, published, run or asked for."""

import io
import json
import os
import shlex
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from export import sources
from export.convert import folder as export_folder
from export.convert import reference, report, verify
from export.hub import layout
from export.hub.folders import new_folder
from export.hub.record import public_command, public_config
from export.inference.trained import RunSampler
from tests.test_cli import done, genzoo, small_settings
from tests.test_cli_errors import contents, refused, write_export
from zoo import files, registry
from zoo.errors import RequestError
from zoo.start import ROOT, child_command, child_environment
from zoo.training.run import Run

pytestmark = pytest.mark.once
PRECISE = {"max": 1e-7, "mean": 1e-8, "psnr": 140.0}
REPORT = {
    "tolerance": 1e-5,
    "floors": {"fp16": 50.0, "int8": 30.0},
    "errors": {"model.onnx": {"1": PRECISE, "2 of 20x12": PRECISE}},
    "sha256": {"model.onnx": "0" * 64},
    "forced": {},
    "versions": {"python": "3.11", "onnxruntime": "1.31 (CPUExecutionProvider)"},
}


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """Every test works in an empty folder of its own, below which it looks for what was lost."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def write_report(folder, **changes):
    Path(folder).mkdir(exist_ok=True)
    files.write_json(Path(folder) / report.REPORT, {**REPORT, **changes})


# ---- verification.json


def test_a_report_is_read_without_what_is_unknown():
    write_report("out", secret="/home/me", bytes={"model.onnx": 3})
    found = report.read(Path("out"))
    assert found == {**REPORT, "bytes": {"model.onnx": 3}}
    assert report.read(Path("nowhere")) is None


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"sha256": {"../secret.onnx": "0" * 64}}, "sha256 has the name '../secret.onnx'"),
        ({"sha256": {"/etc/passwd": "0" * 64}}, "the name '/etc/passwd'"),
        ({"sha256": {"a/b.onnx": "0" * 64}}, "the name 'a/b.onnx'"),
        ({"sha256": {"notes.txt": "0" * 64}}, "the name 'notes.txt'"),
        ({"sha256": {"model.onnx\n": "0" * 64}}, "the name"),
        ({"sha256": {"model.onnx": "0"}}, "not a sha256"),
        ({"sha256": ["model.onnx"]}, "sha256 is not a short JSON object"),
        ({"forced": {"model_int8.onnx": "slow"}}, "model_int8.onnx, which has no sha256"),
        ({"forced": {"model.onnx": "a\nb"}}, "not a line of text"),
        ({"errors": {"model.onnx": {"1": {"max": 1}}}}, "without max, mean or psnr"),
        ({"errors": {"model.onnx": {"1": {**PRECISE, "max": float("nan")}}}}, "finite number"),
        ({"tolerance": True}, "finite number"),
        ({"bytes": {"model.onnx": -1}}, "not an integer from 0"),
        ({"versions": {"My Package": "1"}}, "versions has the name 'My Package'"),
    ],
)
def test_reports_that_are_refused(changes, words):
    write_report("out", **changes)
    with pytest.raises(RequestError, match="a report that `export` wrote. Received: ") as refusal:
        report.read(Path("out"))
    assert words in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "[" * 99_999, "{}", " " * 2**21 + "{}"])
def test_reports_that_are_no_reports(text):
    Path(report.REPORT).write_text(text)
    with pytest.raises(RequestError, match="a report that `export` wrote"):
        report.read(Path())


def test_a_report_that_is_a_link_is_refused():
    write_report("elsewhere")
    Path(report.REPORT).symlink_to(Path("elsewhere", report.REPORT).resolve())
    with pytest.raises(RequestError, match="must be a regular file, not a link"):
        report.read(Path())


# ---- export


def train():
    """A run at runs/mine."""
    done("train", "vae", "--dataset=digits", "--steps=1", "--batch-size=4", "--name=mine",
         *small_settings("vae"))  # fmt: skip


def export_to(folder, monkeypatch, names=("model.onnx",)):
    """`export_run` with what its processes write put there at once."""

    def written(module, work, *rest):
        if module.endswith("verify"):
            for name in names:
                (Path(work) / name).write_text("new")
            digests = {name: files.sha256(Path(work) / name) for name in names}
            write_report(work, sha256=digests, errors={})

    monkeypatch.setattr(export_folder, "_process", written)
    monkeypatch.setattr(export_folder, "RunSampler", lambda run: SimpleNamespace(image_input=None))
    monkeypatch.setattr(reference, "write", lambda path, *given: path.write_text("new"))
    return export_folder.export_run(SimpleNamespace(path="runs/mine"), Path(folder), ["onnx"])


def test_an_export_deletes_nothing_but_its_own(monkeypatch):
    Path("../secret.onnx").write_text("precious")
    for name in ("../secret.onnx", str(Path("../secret.onnx").resolve())):
        write_report("out", sha256={name: files.sha256("../secret.onnx")}, errors={})
        before = contents(Path.cwd().parent)
        with pytest.raises(RequestError, match="the name "):
            export_to("out", monkeypatch)
        assert contents(Path.cwd().parent) == before
    # A file that is not what the report says, and one that no report names.
    Path("out/encoder.onnx").write_text("a person's")
    write_report("out", sha256={"encoder.onnx": "0" * 64}, errors={})
    with pytest.raises(RequestError, match="only if it is unchanged. Received: out/encoder.onnx"):
        export_to("out", monkeypatch)
    os.rename("out/encoder.onnx", "out/model.onnx")
    with pytest.raises(RequestError, match="Received: out/model.onnx, which it does not name"):
        export_to("out", monkeypatch)
    assert Path("out/model.onnx").read_text() == "a person's"


def test_an_export_replaces_an_earlier_one_and_keeps_the_rest(monkeypatch):
    export_to("out", monkeypatch, ["encoder.onnx", "model.onnx", "model_int8.onnx"])
    Path("out/notes.txt").write_text("precious")
    Path("out/model.onnx").write_text("damaged")
    export_to("out", monkeypatch)
    left = {path.name for path in Path("out").iterdir()}
    assert left == {"model.onnx", "notes.txt", reference.REFERENCE, report.REPORT}
    assert Path("out/model.onnx").read_text() == "new"


# ---- reference.npz


def rewritten(change):
    """An exported folder whose reference went through `change`, a dict of member to bytes."""
    write_export(Path("exported"))
    path = Path("exported") / reference.REFERENCE
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def npy(array, shape=None):
    """A .npy file, whose header may lie about the shape."""
    file = io.BytesIO()
    np.save(file, array)
    data = file.getvalue()
    if shape is not None:
        header = {"descr": array.dtype.str, "fortran_order": False, "shape": shape}
        file = io.BytesIO()
        np.lib.format.write_array_header_1_0(file, header)
        data = file.getvalue() + array.tobytes()
    return data


Z = np.zeros((5, 4), "float32")
NPYS = {
    "many numbers": (npy(Z, (5, 2**40)), "float32 (5, 1099511627776) where float32 (5, 4) belongs"),
    "another width": (npy(Z[:, :3]), "where float32 (5, 4) belongs"),
    "another type": (npy(Z.astype("float64")), "<f8 (5, 4) where float32"),
    "text": (npy(np.full((5, 4), "a")), "<U1 (5, 4) where float32"),
    "other bytes": (npy(Z.astype(">f4")), ">f4 (5, 4) where float32"),
    "cut short": (npy(Z)[:-4], "another number of bytes"),
    "too long": (npy(Z) + b"1234", "another number of bytes"),
    "no header": (b"\x93NUMPY\x01", "in/z.npy"),
    "nothing": (b"", "in/z.npy"),
    "a header of code": (b"\x93NUMPY\x01\x00\x10\x00__import__('os')", "in/z.npy"),
    "a pickle": (npy(np.array([{}] * 20, object).reshape(5, 4)), "|O (5, 4) where float32"),
}


@pytest.mark.parametrize("kind", NPYS)
def test_arrays_that_are_refused(kind):
    data, words = NPYS[kind]
    rewritten(lambda members: members.update({"model/5/in/z.npy": data}))
    refused("verify exported", "reference.npz must be the one that `export` wrote", words)


@pytest.mark.parametrize(
    "name", ["../../x.npy", "/etc/x.npy", "model/5/in/z.npy/../x.npy", "x.npy", "model/5/z.pkl"]
)
def test_members_that_are_refused(name):
    rewritten(lambda members: members.update({name: b"1"}))
    refused("verify exported", "reference.npz must be", f"the name {name!r}")


def test_a_missing_array_is_named():
    rewritten(lambda members: members.pop("model/64/out.npy"))
    refused("verify exported", "reference.npz must be", "no model/64/out.npy")


def test_other_compressions_are_refused():
    path = rewritten(lambda members: None)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_LZMA) as archive:
        archive.writestr("model/7/out.npy", npy(Z))
    refused("verify exported", "another compression of model/7/out.npy")


def test_a_gigabyte_of_zeros_is_not_unpacked(monkeypatch):
    monkeypatch.setattr(reference, "LARGEST", 2**22)
    rewritten(lambda members: members.update({"model/64/out.npy": b"\0" * (2**22 + 1)}))
    tracemalloc.start()
    with pytest.raises(RequestError, match="arrays of more than 4194304 bytes"):
        verify.verify(Path("exported"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20
    # Within the bound, an array is compared with the graph before it is unpacked.
    shutil.rmtree("exported")
    bomb = npy(np.zeros(2**19, "float32"))
    rewritten(lambda members: members.update({"model/1/in/z.npy": bomb}))
    tracemalloc.start()
    with pytest.raises(RequestError, match=r"float32 \(524288,\) where float32 \(1, 4\) belongs"):
        verify.verify(Path("exported"))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**20


def test_verify_follows_no_link_and_no_name_that_leads_elsewhere():
    write_export(Path("exported"))
    found = json.loads(Path("exported", report.REPORT).read_text())
    digest = found["sha256"]["model.onnx"]
    shutil.copy("exported/model.onnx", "../outside.onnx")
    found["sha256"]["../outside.onnx"] = digest
    files.write_json(Path("exported", report.REPORT), found)
    refused("verify exported", "the name '../outside.onnx'")
    os.unlink(Path("exported", report.REPORT))
    os.unlink("exported/model.onnx")
    Path("exported/model.onnx").symlink_to(Path("../outside.onnx").resolve())
    refused("verify exported", "model.onnx must be a regular file, not a link")


# ---- folders of repositories


def fill(work, **contents):
    for name, text in {"README.md": "words", **contents}.items():
        (work / name.replace("__", "/")).parent.mkdir(exist_ok=True)
        (work / name.replace("__", "/").replace("_onnx", ".onnx")).write_text(text)
    layout.write_manifest(work)


def test_a_repository_is_replaced_and_notes_beside_it_are_kept():
    with new_folder(Path("out")) as work:
        fill(work, onnx__encoder_onnx="1", onnx__model_onnx="1")
    Path("out/notes.txt").write_text("precious")
    Path("out/onnx/mine.txt").write_text("precious")
    Path("out/pulled.json").write_text("{}")
    with new_folder(Path("out")) as work:
        fill(work, onnx__model_onnx="2")
    found = layout.files_of(Path("out"))
    own = {"README.md", "manifest.json", "onnx/model.onnx"}
    assert found.keys() == own | {"notes.txt", "onnx/mine.txt"}
    assert found["onnx/model.onnx"].read_text() == "2"
    assert found["notes.txt"].read_text() == found["onnx/mine.txt"].read_text() == "precious"


def test_a_folder_that_empties_goes_too():
    with new_folder(Path("out")) as work:
        fill(work, onnx__model_onnx="1")
    with new_folder(Path("out")) as work:
        fill(work)
    assert sorted(path.name for path in Path("out").iterdir()) == ["README.md", "manifest.json"]


FOREIGN = {
    "a browser extension": {
        "manifest.json": '{"manifest_version": 3, "name": "x", "version": "1"}'
    },
    "a run's checkpoints": {
        "manifest.json": '{"file": "step-1.safetensors", "sha256": "0", "step": 1}',
        "step-1.safetensors": "weights",
    },
    "names that lead elsewhere": {
        "manifest.json": '{"format": 1, "files": {"../x": {"bytes": 1, "sha256": "0"}}}'
    },
    "notes alone": {"notes.txt": "precious"},
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_folder_of_something_else_is_refused(kind):
    Path("out").mkdir()
    for name, text in FOREIGN[kind].items():
        Path("out", name).write_text(text)
    Path("../x").write_text("precious")
    before = contents(Path.cwd().parent)
    with (
        pytest.raises(RequestError, match="new, empty or holds an earlier one"),
        new_folder(Path("out")),
    ):
        pytest.fail("the work is not begun")
    assert contents(Path.cwd().parent) == before


def test_what_a_person_changed_is_not_replaced():
    with new_folder(Path("out")) as work:
        fill(work)
    Path("out/README.md").write_text("a person's words")
    with pytest.raises(RequestError, match="README.md, which was changed"), new_folder(Path("out")):
        pytest.fail("the work is not begun")
    Path("out/README.md").unlink()
    Path("secret").write_text("words")
    Path("out/README.md").symlink_to(Path("secret").resolve())
    with pytest.raises(RequestError, match="README.md, which was changed"), new_folder(Path("out")):
        pytest.fail("the work is not begun")
    Path("out/README.md").unlink()
    Path("out/model.tflite").write_text("a person's")
    before = contents(Path("out"))
    with (
        pytest.raises(
            RequestError, match="does not name is not replaced. Received: .*model.tflite"
        ),
        new_folder(Path("out")) as work,
    ):
        (work / "model.tflite").write_text("new")
        fill(work)
    assert contents(Path("out")) == before and Path("secret").read_text() == "words"


# ---- what is published


@pytest.mark.parametrize(
    "command, public",
    [
        ("genzoo train gan --set width=4", "genzoo train gan --set width=4"),
        ("train --dataset /home/me/photos", "train --dataset photos"),
        ("train --dataset=/home/me/photos/", "train --dataset=photos"),
        ("train --dataset ../me/photos --data-dir=./a/b", "train --dataset photos --data-dir=b"),
        ("train --dataset me/photos --data-dir=~me", "train --dataset photos '--data-dir=~'"),
        (r"train --dataset C:\Users\me\photos", "train --dataset photos"),
        (r"train --dataset='C:\Users\me\my photos'", "train '--dataset=my photos'"),
        ("train --dataset D:photos", "train --dataset photos"),
        (r"train --dataset \\server\share\photos", "train --dataset photos"),
        ("train --dataset //server/share/photos", "train --dataset photos"),
        ("train --dataset file:///home/me/photos", "train --dataset photos"),
        ("train --dataset=file:%2Fhome%2Fme%2Fphotos", "train --dataset=photos"),
        ("train --set=data=/home/me/photos", "train --set=photos"),
        ("train '$HOME/me/photos' /", "train photos ''"),
        (shlex.join(["train", "/home/it's me/a b"]), "train 'a b'"),
    ],
)  # fmt: skip
def test_a_command_is_published_without_its_folders(command, public):
    assert public_command(command) == public


@pytest.mark.parametrize("command", ["train 'gan", 'train "gan', "", " ", None, 7, ["train"]])
def test_what_is_no_command(command):
    with pytest.raises(ValueError):
        public_command(command)


@pytest.fixture
def recorded():
    """A run with a whole record, and what must not be published in every part of it."""
    secret = {"token": "hf_secret", "home": "/home/me"}
    config = {
        "model": "gan",
        "preset": "default",
        "hyperparameters": {**registry.entry("gan").configure(), **secret},
        "total_steps": 3,
        "dataset": {
            "name": "photos",
            "request": r"C:\Users\me\photos",
            "data_dir": "/home/me/data",
            "source": "/home/me/photos",
            "image_shape": [8, 8, 1],
            "class_names": ["a", "b"],
            "validation": 0.1,
            "count": 12,
            "fingerprint": "0123abcd",
            **secret,
        },
        "evaluation": {
            "every": 1,
            "classifier": "/home/me/c.safetensors",
            "sha256": "0" * 64,
            **secret,
        },
        "seed": 0,
        "backend": "torch",
        "command": "genzoo train gan --dataset /home/me/photos",
        **secret,
    }
    run = Run.create(Path("runs"), config, "mine")
    manifest = {"file": "step-0000003.safetensors", "sha256": "b" * 64, "step": 3}
    files.write_json(run.path / "checkpoints" / "manifest.json", manifest)
    return run


def test_only_known_keys_are_published(recorded):
    config = public_config(recorded)
    text = json.dumps(config)
    assert "secret" not in text and "/home" not in text and "Users" not in text
    assert config["step"] == 3 and config["seed"] == 0 and config["format"] == 1
    assert config["hyperparameters"].keys() == registry.entry("gan").hyperparameters.keys() - {
        "steps"
    }
    assert config["evaluation"] == {"every": 1, "classifier": "c.safetensors", "sha256": "0" * 64}
    assert config["dataset"] == {
        "name": "photos",
        "request": "photos",
        "image_size": None,
        "color": None,
        "task": None,
        "direction": None,
        "stream": None,
        "split": None,
        "validation": 0.1,
        "input_channels": None,
        "image_shape": [8, 8, 1],
        "class_names": ["a", "b"],
        "count": 12,
        "fingerprint": "0123abcd",
        "data_dir": None,
    }


@pytest.mark.parametrize(
    "key, value",
    [
        ("command", "train 'gan"),
        ("command", ["train"]),
        ("seed", "0"),
        ("seed", True),
        ("backend", "numpy"),
        ("preset", {"a": 1}),
        ("created", "/home/me"),
        ("versions", {"python": "/home/me/python"}),
        ("versions", {"python": {}}),
        ("dataset", []),
        ("evaluation", "all"),
        ("hyperparameters", None),
    ],
)
def test_values_of_other_types_are_not_published(recorded, key, value):
    recorded.config[key] = value
    with pytest.raises(RequestError, match=f"whole record: {key} must be .*. Received: ") as error:
        public_config(recorded)
    assert "\n" not in str(error.value)


# ---- processes of ours

HOSTILE = "raise SystemExit('somebody else was run')"


@pytest.fixture
def hostile(monkeypatch):
    """A current folder, also in PYTHONPATH by an empty entry, with files of our names."""
    for name in ("export.py", "cli.py", "onnx.py", "zoo/__init__.py", "export/__init__.py"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(HOSTILE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep)


def test_a_process_of_ours_imports_ours(hostile):
    code = "import cli, export, zoo; print(cli.__file__, export.__file__, zoo.__file__)"
    command = child_command("export.convert.verify", "nowhere")
    assert command[-2:] == ["export.convert.verify", "nowhere"]
    done_ = subprocess.run(
        command, env=child_environment(), capture_output=True, text=True, check=False
    )
    assert done_.stderr.startswith("An exported folder holds model.onnx"), done_.stderr
    shown = subprocess.run(
        [sys.executable, "-P", "-c", code], env=child_environment(), capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    assert all(Path(path).is_relative_to(ROOT) for path in shown.split())
    assert child_environment(A="b")["A"] == "b"
    assert child_environment()["PYTHONPATH"].split(os.pathsep) == [str(ROOT)]


def test_a_run_is_exported_and_swept_beside_files_of_our_names(hostile):
    train()
    assert "model.onnx matches the trained model" in done("export", "runs/mine")
    options = ["--dataset=digits", "--set=latent_dim=2", "--set=hidden=4", "--epochs=1"]
    options += ["--batch-size=700"]
    code, out, err = genzoo("sweep", "vae", *options, "--jobs=1")
    assert code == 0, out + err
    assert Run.open("runs/vae/vae").manifest()["step"] == 2


# ---- what is asked of the Hub


@pytest.mark.parametrize(
    "source, words",
    [
        ("runs/gan-1", "it was looked for among the runs in runs, not on the Hub"),
        ("photos/model", "photos is a path here, so it was not looked for on the Hub"),
        ("./nowhere", "which does not exist"),
        ("../a", "which does not exist"),
        ("/nowhere/model", "which does not exist"),
        ("~/model", "which does not exist"),
        ("alice/model.onnx", "which does not exist"),
        ("photos/empty", "which exists but is none of these"),
    ],
)
def test_what_looks_like_a_path_is_not_asked_of_the_hub(hub, source, words):
    Path("photos/empty").mkdir(parents=True)
    with pytest.raises(RequestError, match=f"Received: {source}, ") as refusal:
        sources.load(source)
    assert words in str(refusal.value)
    refused(f"generate {source}", words)
    for command in ("evaluate", "plot neighbours", "gallery"):
        refused(f"{command} {source}", "Received: ")
    assert not hub.requests


def test_an_id_is_asked_of_the_hub_and_a_folder_of_runs_elsewhere_is_none(hub):
    refused("generate alice/model", "No such run or file here, and no such repository on the Hub")
    assert hub.requests
    hub.requests.clear()
    refused("generate kept/gan-1 --runs-dir kept", "among the runs in kept, not on the Hub")
    assert not hub.requests


def test_a_source_is_what_lies_there():
    write_export(Path("exported"))
    train()
    Path("published").mkdir()
    Path("published/manifest.json").write_text("{}")
    kinds = {
        "exported": "exported",
        "exported/model.onnx": "exported",
        "runs/mine": "run",
        "published": "published",
        "alice/model@main": "published",
    }
    assert {name: sources.resolve(name).kind for name in kinds} == kinds
    assert sources.resolve(None) == sources.Source("run", "runs/mine")
    assert isinstance(sources.load("runs/mine"), RunSampler)
    assert sources.load("exported").generate(2).shape == (2, 2, 2, 1)
