"""Requests that are wrong: one line that says so, exit code 2, and nothing written or lost."""

import errno
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import urllib.error
from pathlib import Path

import keras
import onnx
import pytest
from onnx import TensorProto, helper

import cli
from export import runtime
from export.convert import reference, verify
from tests.data.build import png, write_folder, write_mnist
from tests.test_cli import done, genzoo, small_settings
from zoo import files
from zoo.errors import RequestError, printable
from zoo.training.run import Run

pytestmark = pytest.mark.once

ROOT = Path(cli.__file__).parent
BACKEND = keras.backend.backend()
OTHER_BACKEND = "torch" if BACKEND == "jax" else "jax"


def contents(folder):
    """Dict of path to sha256 of every file in or below a folder."""
    return {path: files.sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def refused(line, *words, code=2):
    """Runs a command line that must be refused in one line with these words; returns the line."""
    assert Path.cwd() != ROOT, "what is left must not hang on other tests"
    before = contents(Path.cwd())
    received, out, err = genzoo(*shlex.split(line))
    assert (received, out) == (code, "")
    assert err.startswith("Error: ")
    assert err.count("\n") == 1 and err.endswith("\n"), "one line only"
    for word in words:
        assert word in err
    assert contents(Path.cwd()) == before, "files were written, changed or lost"
    return err


def table(*rows):
    """A test for each command line, with the words to expect."""
    return pytest.mark.parametrize("line, words", rows, ids=[line or "nothing" for line, _ in rows])


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


def flip_byte(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def write_model(folder, activation="Sigmoid"):
    """A model.onnx, noise of length 4 to images of 2x2, and a bare.onnx without its metadata."""
    nodes = [
        helper.make_node(activation, ["z"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["image"]),
    ]
    graph = helper.make_graph(
        nodes,
        "generator",
        [helper.make_tensor_value_info("z", TensorProto.FLOAT, ["batch", 4])],
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 2, 2, 1])],
        [helper.make_tensor("shape", TensorProto.INT64, [4], [-1, 2, 2, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, folder / "bare.onnx")
    inputs = {"z": {"shape": [4], "dtype": "float32", "prior": "normal"}}
    about = {"inputs": inputs, "output": "image", "class_names": []}
    helper.set_model_props(model, {key: json.dumps(value) for key, value in about.items()})
    onnx.save(model, folder / "model.onnx")


def write_export(folder):
    """An exported folder as `export` leaves it, without any training."""
    folder.mkdir()
    write_model(folder)
    sampler = runtime.load(folder)
    sampler.graphs = ("model",)
    sampler.inputs_of = lambda graph: tuple(sampler.inputs)
    sampler.run = lambda graph, inputs: sampler.draw(inputs)
    reference.write(folder / verify.REFERENCE, sampler)
    files.write_json(folder / verify.REPORT, verify.verify(folder))


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """Every test works in a folder of its own with data sets that are wrong in some way."""
    monkeypatch.chdir(tmp_path)
    write_folder(Path("flat"), {f"{i}.png": png(i, 8, 8) for i in range(4)})
    write_folder(Path("small"), {f"{i}.png": png(i, 6, 6) for i in range(4)})
    write_folder(Path("odd"), {f"{i}.png": png(i, 10, 9) for i in range(4)})
    write_folder(Path("mixed"), {"0.png": png(0, 8, 8), "1.png": png(0, 9, 9)})
    write_folder(Path("corrupt"), {"cat/0.png": png(0, 8, 8), "cat/1.png": png(0, 8, 8)[:40]})
    write_folder(Path("texts"), {"cat/notes.txt": b"no image"})
    for suffix in ("", ".gz"):
        home = Path(f"cut{suffix}") / "mnist"
        write_mnist(home, suffix=suffix)
        cut(home / f"train-images-idx3-ubyte{suffix}", 1000)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A conditional run on the digits with 2 of its 44 steps."""
    home = tmp_path_factory.mktemp("trained")
    done("train", "cgan", "--dataset=digits", "--steps=2", "--batch-size=32",
         f"--runs-dir={home}", "--name=cgan", *small_settings("cgan"))  # fmt: skip
    return home / "cgan"


@pytest.fixture
def run(trained):
    """A copy of the trained run, at runs/mine."""
    return Path(shutil.copytree(trained, "runs/mine"))


# ---- the command line itself


@table(
    ("trian", ["trian", "'train'"]),
    ("list modles", ["'modles' is not one of 'models', 'pretrained', 'datasets'"]),
    ("train gan --preset qiuck", ["'qiuck' is not one of 'quick', 'default', 'best', 'paper'"]),
    ("train gan --backend tensorflo", ["'tensorflo' is not one of 'tensorflow', 'jax', 'torch'"]),
    ("train gan --profile /dev/null", ["needs a folder that can be written", "/dev/null"]),
    ("train gan --task paint", ["'paint' is not one of 'pairs', 'colorize'"]),
    ("train gan --direction sideways", ["'sideways' is not one of 'AtoB', 'BtoA'"]),
    ("train gan --epoch 3", ["--epoch", "--epochs"]),
    ("train gan --bogus", ["No such option", "--bogus"]),
    ("train gan more", ["unexpected", "more"]),
    ("train gan --epochs 1.5", ["--epochs", "1.5"]),
    ("train gan --batch_size many", ["--batch-size", "many"]),
    ("train gan --color blue", ["--color", "blue", "gray", "rgb"]),
    ("export --format onxx", ["--format", "onxx", "tflite"]),
    ("export --precision int4", ["--precision", "int4", "fp16"]),
    ("verify", ["argument"]),
)
def test_parser(line, words):
    refused(line, *words)


def test_train_without_a_model():
    refused("train", "Name a model to train", "`genzoo list models`", "--resume")


def test_a_backend_of_the_environment(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflo")
    refused("train gan", "backend must be one of", "Nearest: tensorflow", "'tensorflo'")


def test_what_a_name_holds_does_not_steer_the_terminal():
    """Escapes, marks that reverse the direction of text and a newline that is none."""
    name = "a\x1b[2J\u202eb\u2066c\x9bd\u2028e\xade.onnx"
    assert refused(f"verify '{name}'", "a?[2J?b?c?d?e?e.onnx")[:-1].isprintable()
    assert printable("Ärger im Café, 中文 😀\nzwei") == "Ärger im Café, 中文 😀\nzwei"


def test_a_sweep_that_is_not_scored_takes_no_samples():
    refused("sweep gan --set seed=0,1 --samples 100", "--samples", "--metrics")


@table(
    ("plot theory-ring flat", ["theory-ring is computed from nothing and takes no run"]),
    ("plot theory-rign", ["Nearest: theory-ring", "'theory-rign'"]),
    ("plot theory-ring --out a.jpg", ["--out must be a .png file. Received: a.jpg"]),
    ("evaluate --dataset digits", ["--dataset", "name that folder too"]),
    ("evaluate flat", ["together with the --dataset", "Received: flat"]),
    ("train --resume flat --name x", ["keeps its name", "Received: --name x"]),
    ("push a b c", ["a SOURCE and a REPO_ID", "Received: a b c"]),
    ("translate exported.onnx", ["Name the images after the source exported.onnx"]),
)
def test_requests_that_do_not_fit_together(line, words):
    refused(line, *words)


def test_no_command():
    code, out, err = genzoo()
    assert (code, err) == (2, "")
    assert "Usage" in out and "train" in out


@pytest.mark.parametrize("line", ["--debug train gna", "train gna --debug"])
def test_debug_shows_the_traceback(monkeypatch, line):
    monkeypatch.setattr(sys, "argv", ["genzoo", *line.split()])
    with pytest.raises(RequestError, match="model must be one of"):
        cli.main()


@table(
    ("train gan --steps=1 --runs-dir=flat/0.png", ["flat/0.png"]),
    ("generate runs/mine --out=flat/0.png/0", ["flat/0.png"]),
    ("export runs/mine --out=flat/0.png", ["flat/0.png"]),
)
def test_a_folder_that_is_a_file(run, line, words):
    refused(line, *words)


# ---- train


@table(
    ("train gna", ["model must be one of", "Nearest: gan", "'gna'"]),
    # the data
    ("train gan --dataset mnits", ["dataset", "Nearest: mnist", "'mnits'"]),
    ("train gan --dataset no/where", ["must exist", "'no/where'"]),
    ("train gan --dataset cgan.zip", ["must exist", "'cgan.zip'"]),
    ("train gan --dataset texts", ["must hold images", "texts"]),
    ("train gan --dataset corrupt", ["must be readable", "cat/1.png in corrupt"]),
    ("train gan --dataset mixed", ["--image-size", "0.png with 8x8 and 1.png with 9x9"]),
    ("train gan --dataset mnist --data-dir cut", ["train-images-idx3-ubyte, truncated"]),
    ("train gan --dataset mnist --data-dir cut.gz", ["train-images-idx3-ubyte.gz"]),
    ("train gan --dataset mnist --data-dir nowhere", ["existing folder", "'nowhere'"]),
    ("train gan --image-size 0", ["image_size must be", "Received: 0"]),
    ("train cgan --dataset flat", ["conditional model needs", "labels", "unlabeled"]),
    ("train lsgan --dataset flat --conditional", ["conditional model needs", "unlabeled"]),
    ("train cgan --set conditional=false", ["always conditional", "Received: conditional=False"]),
    ("train lapgan --dataset odd", ["must be even", "--image-size", "9x10"]),
    ("train dcgan --dataset ring", ["Convolutional networks need images", "2 dimensions"]),
    ("train gan --dataset ring --image-size 8", ["points", "Received"]),
    # what does not fit
    ("train wgan --set label_smoothing=0.1", ["WGAN does not support", "no labels to smooth"]),
    ("train wgan_gp --set critic_norm=batch", ["one of none, layer", "Received: 'batch'"]),
    ("train wgan --set clip=0", ["clip must be a positive", "Received: 0.0"]),
    ("train wgan_gp --set n_critic=0", ["n_critic must be a positive", "Received: 0"]),
    ("train ebgan --set margin=-1", ["margin must be a positive", "Received: -1.0"]),
    ("train dcgan --dataset small", ["at least 8 pixels", "6x6"]),
    # the hyperparameters
    ("train gan --set lerning_rate=1", ["Nearest: learning_rate", "'lerning_rate'"]),
    ("train dcgan --set dropout=0", ["DCGAN has the hyperparameters", "width", "'dropout'"]),
    ("train gan --set latent_dim", ["KEY=VALUE", "'latent_dim'"]),
    ("train gan --set =3", ["Received: ''"]),
    ("train gan --set latent_dim=ten", ["latent_dim must be", "a positive integer", "'ten'"]),
    ("train gan --set latent_dim=3.5", ["latent_dim must be", "a positive integer", "'3.5'"]),
    ("train gan --set latent_dim=true", ["latent_dim must be", "a positive integer", "'true'"]),
    (
        "train gan --set learning_rate=fast",
        ["learning_rate must be a positive number", "'fast'"],
    ),
    ("train gan --set ema=yes", ["ema must be", "at least 0", "'yes'"]),
    (
        "train gan --set objective=minmax",
        ["objective must be", "minimax", "'minmax'"],
    ),
    ("train gan --set optimizer_name=", ["optimizer_name must be", "adam", "sgd", "''"]),
    ("train gan --set latent_dim=-3", ["latent_dim must be a positive integer", "-3"]),
    (f"train gan --set latent_dim={10**20}", ["latent_dim must be", str(10**20)]),
    ("train dcgan --set width=0", ["width must be a positive integer", "Received: 0"]),
    ("train gan --set learning_rate=0", ["learning_rate must be a positive number", "0"]),
    ("train gan --set learning_rate=nan", ["learning_rate must be a positive number", "nan"]),
    ("train gan --set learning_rate=inf", ["learning_rate must be", "inf"]),
    ("train gan --set ema=1.5", ["ema must be at least 0 and below 1", "1.5"]),
    ("train gan --set beta_1=1", ["beta_1 must be at least 0 and below 1", "1.0"]),
    ("train gan --set dropout=-0.1", ["dropout must be at least 0 and below 1", "-0.1"]),
    # length, batches and seed
    (
        "train gan --dataset digits --batch-size 1439",
        ["batch_size must be", "1438", "Received: 1439"],
    ),
    ("train gan --batch_size 0", ["batch_size must be a positive integer", "Received: 0"]),
    ("train gan --set batch_size=0", ["batch_size must be a positive integer", "Received: 0"]),
    ("train gan --epochs 0", ["epochs must be at least 1", "Received: 0"]),
    ("train gan --set steps=-1", ["steps must be a positive integer", "Received: -1"]),
    ("train gan --steps 0", ["steps must be at least 1", "Received: 0"]),
    ("train gan --epochs 2 --steps 3", ["epochs or after steps", "2 epochs, 3 steps"]),
    ("train gan --seed -1", ["seed must be from 0", "Received: -1"]),
    (f"train gan --seed {2**31}", ["seed must be from 0", f"Received: {2**31}"]),
    # the run's name and place
    ("train gan --name a/b", ["name must be letters", "'a/b'"]),
    ("train gan --name ../a", ["name must be letters", "'../a'"]),
    ("train gan --name ''", ["name must be letters", "''"]),
)
def test_train(line, words):
    assert "Received: " in refused(line, *words)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    "missing, backend, words",
    [
        ("keras", BACKEND, ["package keras", "pip install 'genzoo[train]'"]),
        ("tensorflow", "tensorflow", ["package tensorflow", "pip install 'genzoo[train]'"]),
        ("jax", "jax", ["package jax", "pip install 'genzoo[jax]'"]),
        ("torch", "torch", ["package torch", "pip install 'genzoo[torch]'"]),
    ],
)
def test_missing_backend(monkeypatch, missing, backend, words):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else find_spec(name)
    )
    refused(f"train gan --backend {backend}", *words, "is not installed")


# ---- runs, damaged or not there


def edit_config(run, **changes):
    config = json.loads((run / "config.json").read_text())
    files.write_json(run / "config.json", {**config, **changes})


def checkpoint(run):
    """The newest."""
    return max((run / "checkpoints").glob("*.safetensors"))


def each_checkpoint(run, spoil):
    for path in (run / "checkpoints").glob("*.safetensors"):
        spoil(path)


DAMAGES = {
    "no config": (lambda run: (run / "config.json").unlink(), ["config.json", "none"]),
    "broken config": (lambda run: cut(run / "config.json", 100), ["JSON", "config.json"]),
    "config is a list": (lambda run: (run / "config.json").write_text("[]"), ["config.json"]),
    "thin config": (lambda run: files.write_json(run / "config.json", {"format": 1}), ["config"]),
    "other format": (lambda run: edit_config(run, format=99), ["of format 1.", "of format 99"]),
    "unknown model": (lambda run: edit_config(run, model="gna"), ["model must be", "'gna'"]),
    "no manifest": (lambda run: (run / "checkpoints/manifest.json").unlink(), ["manifest.json"]),
    "thin manifest": (lambda run: (run / "checkpoints/manifest.json").write_text("{}"), ["manif"]),
    "no checkpoint": (lambda run: each_checkpoint(run, Path.unlink), ["step-0000002", "missing"]),
    "changed checkpoint": (
        lambda run: each_checkpoint(run, flip_byte),
        ["step-0000002", "changed"],
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("command", ["train --steps=9 --resume", "generate", "export"])
def test_damaged_run(run, command, damage):
    spoil, words = DAMAGES[damage]
    spoil(run)
    words = ["model.onnx"] if (command, damage) == ("generate", "no config") else words
    assert "Received: " in refused(f"{command} {run}", *words)


def test_damaged_runs_are_not_listed(run):
    shutil.copytree(run, "runs/thin")
    files.write_json(Path("runs/thin/config.json"), {"format": 1})
    assert [row["run"] for row in json.loads(done("list", "runs", "--json"))] == [str(run)]


@pytest.mark.parametrize("command", ["train --resume", "generate", "export"])
def test_no_run(command):
    refused(command, "No runs in 'runs'. Start one with `genzoo train MODEL`")
    assert "Received: " in refused(f"{command} nowhere", "run", "nowhere")


# ---- going on


@table(
    ("--set width=5", ["its width, 4", "Received: 5"]),
    ("--set ema=0.5", ["its ema, 0.999", "Received: 0.5"]),
    ("--set steps=9", ["keeps its steps, 2"]),
    ("--set widht=4", ["Nearest: width", "'widht'"]),
    ("--batch-size 31", ["its batch_size, 32", "Received: 31"]),
    ("--dataset mnist", ["its dataset, 'digits'", "Received: 'mnist'"]),
    ("--dataset flat", ["its dataset, 'digits'", "flat'"]),
    ("--image-size 16", ["its image_size", "Received: 16"]),
    ("--color rgb", ["its color", "Received: 'rgb'"]),
    ("--seed 1", ["its seed, 0", "Received: 1"]),
    (f"--backend {OTHER_BACKEND}", ["its backend", f"Received: '{OTHER_BACKEND}'"]),
    ("--preset paper", ["its preset, 'default'", "Received: 'paper'"]),
    ("--name other", ["keeps its name", "other"]),
    ("--epochs 1 --steps 50", ["epochs or after steps"]),
    ("--epochs 0", ["epochs must be at least 1"]),
    ("", ["already at step 2; pass --steps greater than 2", "Received: 2 steps"]),
    ("--steps 2", ["already at step 2; pass --steps greater than 2", "Received: 2 steps"]),
    ("--steps 1", ["already at step 2; pass --steps greater than 2", "Received: 1 steps"]),
)
def test_resume(run, line, words):
    refused(f"train --resume {run} {line}", *words)


def test_resume_with_fewer_epochs(run):
    done("train", "--resume", run, "--epochs", 2)
    refused(f"train --resume {run} --epochs 1", "already at step 88", "Received: 44 steps")
    assert Run.open(run).config["total_steps"] == 88


def test_resume_on_changed_data():
    options = ["--batch-size=2", "--steps=1", "--name=mine", *small_settings("gan")]
    done("train", "gan", "--dataset=flat", *options)
    Path("flat/3.png").write_bytes(png(200, 8, 8))
    words = ["needs the data it began with: 4 images", "other images"]
    refused("train --resume runs/mine --steps 3", *words)
    shutil.rmtree("flat")
    refused("train --resume runs/mine --steps 3", "must exist", "flat")


def test_a_name_that_is_taken(run):
    refused("train gan --name mine", "name that is free", "train --resume runs/mine", "'mine'")


# ---- requests that are right and fail


def test_failed_download(monkeypatch):
    def urlopen(*arguments, **options):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    refused("train gan --dataset mnist --data-dir flat", "by hand", "no network", code=1)


def test_failed_export(run, monkeypatch):
    failure = subprocess.CompletedProcess([], 1, stdout="", stderr="Traceback\nNo such operator\n")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: failure)
    refused(f"export {run}", "left nothing behind", "No such operator", code=1)


def test_diverging_training():
    options = ["--dataset=digits", "--name=mine", "--set=learning_rate=1e9", *small_settings("gan")]
    code, out, err = genzoo("train", "gan", *options)
    assert (code, out) == (1, "")
    line = err.splitlines()[-1]
    assert line.startswith("Error: ")
    step = int(re.search(r"stopped being finite .* checkpoint of step (\d+) is kept", line)[1])
    assert checkpoint(Path("runs/mine")).name == f"step-{step:07d}.safetensors"


@pytest.mark.parametrize("full_at, kept", [("step-0000000", None), ("step-0000004", 2)])
def test_full_disk(monkeypatch, full_at, kept):
    write = Path.write_bytes

    def write_until_full(path, data):
        if full_at in path.name:
            write(path, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(path, data)

    gan = ["train", "gan", "--dataset=digits", "--batch-size=700", "--epochs=3",
           *small_settings("gan")]  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_until_full)
        code, out, err = genzoo(*gan, "--name=mine")
    assert (code, out) == (1, "")
    (line,) = (line for line in err.splitlines() if line.startswith("Error: "))
    assert err.endswith(f"{line}\n")
    assert "No space left on device" in line
    whole = ["step-0000000.safetensors", "step-0000002.safetensors", "manifest.json"]
    whole = whole if kept else []
    left = Path("runs/mine/checkpoints").iterdir()
    assert sorted(path.name for path in left) == sorted(whole), "half a file was left"
    if kept:
        assert f"step {kept} is whole; continue with: train --resume runs/mine" in line
        assert "runs/mine at step 6, " in done("train", "--resume", "runs/mine")


# ---- generate and verify


@table(
    ("--class seven", ["class must be one of 0", "Received: 'seven'"]),
    ("--class 10", ["class must be one of 0", "Received: '10'"]),
    ("--class=-1", ["class must be one of 0", "Received: '-1'"]),
    ("-n 0", ["number of images must be at least 1", "Received: 0"]),
    ("--seed -1", ["seed must be", "Received: -1"]),
    ("--fix z=a", ["--fix takes INPUT=NUMBER", "'z=a'"]),
    ("--fix label=1", ["An input to fix must be one of z", "Received: label"]),
    ("--out grid.jpg", [".png", "Received: grid.jpg"]),
)
def test_generate(run, line, words):
    refused(f"generate {run} {line}", *words)


def test_generate_from_other_sources():
    write_export(Path("exported"))
    Path("text.onnx").write_text("no ONNX")
    for source in ("text.onnx", "exported/bare.onnx"):
        assert "metadata. Received: " in refused(f"generate {source}", f"Received: {source} (")
    refused("generate nowhere.onnx", "Received: nowhere.onnx")
    refused("generate flat", "run", "model.onnx", "Received: flat")
    refused("generate exported --class 1", "unconditional", "Received: '1'")
    refused("generate exported --class all", "conditional", "Received: --class all")
    assert done("generate", "exported", "--out=grid.png") == "grid.png\n"


@pytest.mark.parametrize("command", ["generate", "verify"])
def test_missing_runtime(monkeypatch, command):
    write_export(Path("exported"))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    refused(f"{command} exported", "onnxruntime", "pip install 'genzoo[cpu]'")


@pytest.mark.parametrize("source", ["nowhere", "flat", "text.onnx", "exported/none.onnx"])
def test_verify_what_is_no_export(source):
    write_export(Path("exported"))
    Path("text.onnx").write_text("no ONNX")
    refused(f"verify {source}", "model.onnx", f"Received: {source}")


def redraw(folder):
    write_model(folder, "Tanh")
    (folder / verify.REPORT).unlink()


EXPORT_DAMAGES = {
    "other numbers": (redraw, 1, ["must match the trained model", "a difference of"]),
    "changed": (lambda folder: flip_byte(folder / "model.onnx"), 1, ["model.onnx"]),
    "truncated": (lambda folder: cut(folder / "model.onnx", 200), 1, ["model.onnx"]),
    "no model": (lambda folder: (folder / "model.onnx").unlink(), 2, ["model.onnx"]),
    "no reference": (lambda folder: (folder / "reference.npz").unlink(), 2, ["reference.npz"]),
    "cut reference": (lambda folder: cut(folder / "reference.npz", 99), 2, ["reference.npz"]),
    "cut report": (lambda folder: cut(folder / "verification.json", 9), 2, ["verification.json"]),
}


@pytest.mark.parametrize("damage", EXPORT_DAMAGES)
def test_verify_a_damaged_export(damage):
    spoil, code, words = EXPORT_DAMAGES[damage]
    write_export(Path("exported"))
    assert "model.onnx matches" in done("verify", "exported")
    spoil(Path("exported"))
    refused("verify exported", *words, code=code)
