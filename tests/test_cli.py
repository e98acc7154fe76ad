"""Requests that are right, from the command line to the files they leave."""

import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import typer
from PIL import Image

import cli
from tests.data.build import png, write_folder, write_mnist
from tests.helpers import MODELS, SMALL
from zoo import data, files, registry
from zoo.data import DATASETS
from zoo.data.mnist import FASHION_CLASSES
from zoo.start import start_backend
from zoo.training.run import Run

pytestmark = pytest.mark.once

ROOT = Path(cli.__file__).parent
COMMANDS = sorted(typer.main.get_command(cli.app).commands)
TRAINING = {"keras", "tensorflow", "jax", "torch", "matplotlib"}
HEAVY = TRAINING | {"numpy", "onnxruntime"}


def genzoo(*arguments):
    """(exit code, stdout, stderr) of a command line, run in this process."""
    out, err = StringIO(), StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["genzoo", *map(str, arguments)])
        with pytest.raises(SystemExit) as ending:
            cli.main()
    return ending.value.code or 0, out.getvalue(), err.getvalue()


def done(*arguments):
    """The stdout of a command line that must succeed."""
    code, out, err = genzoo(*arguments)
    assert code == 0, err
    return out


def small_settings(model):
    """What makes a model small, as options."""
    known = registry.entry(model).hyperparameters
    return [f"--set={key}={value}" for key, value in SMALL.items() if key in known]


def pictures(folder):
    """The single images of a folder: dict of file name to array."""
    return {path.name: np.asarray(Image.open(path)) for path in sorted(Path(folder).iterdir())}


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """Every test works in an empty folder of its own; tables are wide enough not to fold."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "400")


def train_on_clothes(home):
    """A conditional run on 20 images with the classes of Fashion-MNIST: 2 epochs of 2 steps.

    At a usual rate four steps would leave every pixel at the same grey.
    """
    write_mnist(home / "data" / "fashion_mnist", n=20)
    data = ["--dataset=fashion_mnist", f"--data-dir={home / 'data'}"]
    options = [f"--runs-dir={home / 'runs'}", "--name=clothes", "--batch-size=8", "--epochs=2"]
    done("train", "cgan", *data, *options, *small_settings("cgan"),
         "--set=ema=0", "--set=learning_rate=0.05")  # fmt: skip
    return home / "runs" / "clothes"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train_on_clothes(tmp_path_factory.mktemp("fashion"))


@pytest.fixture(scope="module")
def exported(run):
    done("export", run)
    return run / "export"


# ---- help, and what a command imports


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(command):
    code, out, err = genzoo(*command.split(), "--help")
    assert (code, err) == (0, "")
    assert f"{command} [OPTIONS]" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_help_and_many_are_in_groups(command):
    parameters = typer.main.get_command(cli.app).commands[command].params
    assert not [parameter.name for parameter in parameters if not parameter.help]
    options = [parameter for parameter in parameters if parameter.param_type_name == "option"]
    groups = {option.rich_help_panel for option in options}
    assert len(options) <= 8 or len(groups) > 2


def test_brackets_are_shown_in_help():
    """`rich` takes [@...] for markup of its own, and leaves it out."""
    for command in ("generate", "translate", "pull", "evaluate", "plot"):
        assert "owner/name[@revision]" in done(command, "--help")


def test_the_tasks_of_the_command_line_are_those_of_the_data():
    assert get_args(cli.Task) == (data.PAIRS, *data.TASKS)


def test_nothing_is_imported_from_the_current_folder():
    """From anywhere, as a script and as the installed command, and by what a sweep starts."""
    trap = "raise SystemExit('imported from the current folder')\n"
    for name in ("cli.py", "export/__init__.py", "zoo/__init__.py", "model_cards.py", "keras.py"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(trap)
    Path("bin").mkdir()
    Path("bin/genzoo").write_text("import sys\nfrom cli import main\nsys.exit(main())\n")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}  # where an installation has them
    command = [sys.executable, ROOT / "cli.py", "list", "models", "--json"]
    output = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    assert [row["model"] for row in json.loads(output)] == MODELS
    sweep = ["sweep", "gan", "--set=seed=0", "--dataset=mnist", "--data-dir=nowhere"]
    command = [sys.executable, "bin/genzoo", *sweep]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("1/1 gan: train\n1/1 gan: failed, Error: data_dir must be an")


@pytest.mark.parametrize(("set_", "expected"), [(None, "1"), ("0", "0")])
def test_tensorflow_has_onednn_unless_the_user_says_otherwise(set_, expected, monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if set_ is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", set_)
    start_backend(None)
    assert os.environ["TF_ENABLE_ONEDNN_OPTS"] == expected


def imported_by(*arguments):
    """The top-level modules of a fresh process after a command."""
    script = (
        "import sys, cli\n"
        "try:\n    cli.main()\n"
        "except SystemExit as ending:\n    assert not ending.code\n"
        "print(*sys.modules)"
    )
    command = [sys.executable, "-c", script, *map(str, arguments)]
    output = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return set(output.splitlines()[-1].split())


@pytest.mark.parametrize("command", [["--help"], ["train", "--help"]], ids=" ".join)
def test_help_imports_nothing_heavy(command):
    imported = imported_by(*command)
    assert {"cli", "typer"} <= imported
    assert not imported & HEAVY


def test_an_exported_file_is_used_without_any_training_library(exported, tmp_path):
    imported = imported_by("generate", exported, "--out", tmp_path / "grid.png")
    assert {"onnxruntime", "numpy", "PIL"} <= imported
    assert not imported & TRAINING
    assert (tmp_path / "grid.png").exists()
    assert not imported_by("verify", exported) & TRAINING


# ---- list


def test_list_json(run):
    def rows(what, *options):
        return json.loads(done("list", what, "--json", *options))

    assert [row["model"] for row in rows("models")] == MODELS
    assert {row["model"]: row["conditional"] for row in rows("models")}["cgan"] == "always"
    assert {row["model"]: row["conditional"] for row in rows("models")}["iwae"] == "never"
    assert [row["dataset"] for row in rows("datasets")] == list(DATASETS)
    found = {row["dataset"]: row["found"] for row in rows("datasets", "--data-dir", ".")}
    assert found["digits"] == "sklearn.datasets.load_digits"
    assert found["fashion_mnist_10k"] == "zoo.data.fashion_mnist_10k"
    assert found["mnist"] is None
    presets = {(row["model"], row["preset"]): row for row in rows("presets")}
    assert len(presets) == len(registry.PRESETS) * len(MODELS)
    assert presets["dcgan", "paper"]["width"] == 128
    (row,) = rows("runs", "--runs-dir", run.parent)
    assert row["run"] == str(run)
    assert (row["model"], row["dataset"], row["step"], row["of"]) == ("cgan", "fashion_mnist", 4, 4)
    assert rows("runs") == []


def test_list_tables(run):
    assert done("list") == done("list", "models")
    for model in MODELS:
        assert f"\n{model} " in done("list", "models")
    assert "T-shirt/top, Trouser" in done("list", "datasets", "--long", "--data-dir", ".")
    quick = "\naae          quick    steps=2000 learning_rate=0.001 ema=0.99\n"
    assert quick in done("list", "presets")
    assert str(run) in done("list", "runs", "--runs-dir", run.parent)
    assert done("list", "runs") == "none\n"


def test_a_line_for_each_model_fits_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    header, *lines = done("list").splitlines()
    assert header.split() == ["model", "family", "conditional", "paper"]
    assert [line.split()[0] for line in lines] == MODELS
    assert max(map(len, lines)) <= 80
    gan = lines[MODELS.index("gan")]
    assert gan == "gan          adversarial  optional     Goodfellow et al. 2014"
    assert "Generative Adversarial Nets" in done("list", "--long")
    monkeypatch.setenv("COLUMNS", "1")  # what one types is never cut
    assert [line for line in done("list").splitlines() if line in MODELS] == MODELS


def test_names_of_others_are_text(run, monkeypatch):
    """Neither markup of `rich` nor what steers a terminal: a folder can have any name."""
    place = Path("[/b]:bug:")
    shutil.copytree(run, place / "a\x1b[2Jb\u202ec")
    line = done("list", "runs", "--runs-dir", place).splitlines()[1]
    assert line.startswith("[/b]:bug:/a?[2Jb?c  cgan")
    out, err = genzoo(
        "train", "gan", "--dataset=digits", "--steps=1", f"--runs-dir={place}", "--name=x"
    )[1:]
    assert out.startswith("[/b]:bug:/x at step 1, ")
    assert err.startswith("Run [/b]:bug:/x. ")


# ---- train


@pytest.mark.parametrize("model", ["gan", "lapgan", "wgan"])
def test_train_on_digits(model):
    out = done("train", model, "--dataset", "digits", "--preset", "quick", "--steps", 3,
               *small_settings(model))  # fmt: skip
    (path,) = Path("runs").iterdir()
    assert path.name.startswith(f"{model}-digits-")
    run = Run.open(path)
    checkpoint = path / "checkpoints/step-0000003.safetensors"
    assert out == f"{path} at step 3, checkpoint sha256 {files.sha256(checkpoint)}\n"
    assert (run.config["model"], run.config["preset"]) == (model, "quick")
    assert run.config["hyperparameters"]["latent_dim"] == SMALL["latent_dim"]
    assert run.config["total_steps"] == run.manifest()["step"] == 3
    assert run.config["command"].startswith(
        f"genzoo train {model} --dataset digits --preset quick --steps 3"
    )
    assert [file.name for file in (path / "samples").iterdir()] == ["step-0000003.png"]


def test_train_without_a_dataset_takes_the_clothes_that_are_included():
    done("train", "gan", "--steps", 2, *small_settings("gan"))
    (path,) = Path("runs").glob("gan-fashion_mnist_10k-*")
    dataset = Run.open(path).config["dataset"]
    assert (dataset["name"], dataset["count"]) == ("fashion_mnist_10k", 9_000)
    assert dataset["image_shape"] == [28, 28, 1] and dataset["class_names"][7] == "Sneaker"
    assert Run.open(path).dataset("test").images.shape == (1_000, 28, 28, 1)
    assert "[default: (fashion_mnist_10k)]" in done("train", "--help")


def test_train_on_a_folder():
    images = {f"{name}/{i}.png": png(i) for name in ("cats", "dogs") for i in range(4)}
    write_folder(Path("pets"), images)
    # Underscores are as good as hyphens, in front of values that keep theirs.
    options = ["--image_size=8", "--batch_size", 4, "--runs_dir=my_runs", "--epochs", 2]
    done("train", "cgan", "--dataset", "pets", *options, *small_settings("cgan"))
    (path,) = Path("my_runs").glob("cgan-pets-*")
    config = Run.open(path).config
    assert config["dataset"]["class_names"] == ["cats", "dogs"]
    assert config["dataset"]["image_shape"] == [8, 8, 1]
    assert [row["step"] for row in Run.open(path).history()] == [2, 4]


def test_train_on_points():
    """The history of a toy distribution tells how much of it is found; no picture is drawn."""
    options = ["--dataset", "ring", "--batch-size", 5000, "--epochs", 2]
    done("train", "gan", *options, *small_settings("gan"))
    (path,) = Path("runs").iterdir()
    rows = Run.open(path).history()
    assert [row["step"] for row in rows] == [10, 20]
    for row in rows:
        assert 0 <= row["modes_covered"] <= 8 and 0 <= row["good_share"] <= 1
    with Image.open(path / "samples/epoch-0002.png") as picture:
        assert picture.width > 300
    code, out, err = genzoo("generate", path)
    assert (code, out) == (2, "")
    assert "plot theory-surface" in err and "points of 2 dimensions" in err


def test_resume_takes_the_newest_run():
    gan = ["train", "gan", "--dataset=digits", "--batch-size=700", *small_settings("gan")]
    for name in ("older", "newer"):
        done(*gan, "--name", name, "--steps=1")
    assert done("train", "--resume", "--steps=3").startswith("runs/newer at step 3, ")
    assert [row["step"] for row in Run.open("runs/newer").history()] == [2]
    assert Run.open("runs/older").manifest()["step"] == 1
    # Options that say what the run has are no change.
    same = ["--dataset=digits", "--seed=0", "--backend", Run.open("runs/older").config["backend"]]
    same += ["--preset=default", "--batch-size=700", "--set=latent_dim=6"]
    assert "runs/older at step 2, " in done("train", "--resume", "runs/older", "--epochs=1", *same)


def test_ctrl_c_saves_and_resume_finishes(tmp_path):
    gan = ["train", "gan", "--dataset=digits", "--batch-size=32", "--epochs=12",
           *small_settings("gan")]  # fmt: skip
    command = [*gan, f"--runs-dir={tmp_path}", "--name=stopped"]
    with subprocess.Popen(
        [sys.executable, "cli.py", *command],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        before = []
        for line in process.stderr:
            before.append(line)
            if line.startswith("epoch 1/12 "):
                break
        process.send_signal(signal.SIGINT)
        out, after = process.communicate(timeout=120)
    assert process.returncode == 0, [*before, after]
    assert before[0] == f"Run {tmp_path / 'stopped'}. Ctrl-C saves and stops.\n"
    assert "Traceback" not in after

    run = Run.open(tmp_path / "stopped")
    step = run.manifest()["step"]
    assert 44 <= step < 528  # 44 steps an epoch
    saved, advice = out.splitlines()
    assert saved == f"{run.path} at step {step}, checkpoint sha256 {run.manifest()['sha256']}"
    assert advice == f"Stopped. Continue with: train --resume {run.path}"

    epochs = step // 44 + 1  # the one that it was stopped in is the last
    finished = done(*advice.split(": ")[1].split(), "--epochs", epochs)
    assert finished.startswith(f"{run.path} at step {44 * epochs}, ")
    assert "Stopped" not in finished
    assert [row["epoch"] for row in run.history()] == list(range(1, epochs + 1))


# ---- generate


def test_generate_a_grid(run):
    assert done("generate", "--runs-dir", run.parent) == "generated.png\n"
    with Image.open("generated.png") as grid:
        assert grid.height == 10 * (56 + 2) - 2  # a row per class
    # Two files of one seed have the same bytes, of another seed they have not.
    digests = []
    for seed in (0, 0, 1):
        done("generate", run, "--class=Bag", "-n", 3, "--seed", seed, "--out=bags.png")
        digests.append(files.sha256("bags.png"))
    assert digests[0] == digests[1] != digests[2]


def test_generate_single_images(run):
    assert done("generate", run, "-n", 2, "--out=all") == "all\n"
    single = pictures("all")
    assert len(single) == 2 * len(FASHION_CLASSES)
    assert list(single)[:3] == ["0000-T-shirt_top.png", "0001-T-shirt_top.png", "0002-Trouser.png"]
    assert list(single)[-1] == "0019-Ankle_boot.png"
    assert {image.shape for image in single.values()} == {(28, 28)}


def test_a_class_by_name_or_number(run):
    for out, wanted in [("name", "T-shirt/top"), ("lower", "t-SHIRT/TOP"), ("number", 0)]:
        done("generate", run, "--class", wanted, "-n", 2, "--out", out)
    names = ["0000-T-shirt_top.png", "0001-T-shirt_top.png"]
    assert list(pictures("name")) == list(pictures("number")) == names
    for name in names:
        np.testing.assert_array_equal(pictures("name")[name], pictures("number")[name])
        np.testing.assert_array_equal(pictures("name")[name], pictures("lower")[name])


# ---- export and verify


def test_export_is_verified(exported):
    names = ["model.onnx", "reference.npz", "verification.json"]
    assert sorted(path.name for path in exported.iterdir()) == names
    digest = files.sha256(exported / "model.onnx")
    for source in (exported, exported / "model.onnx"):
        *batches, verdict = done("verify", source).splitlines()
        assert [line.split(":")[0] for line in batches] == [
            f"model.onnx batch {size}" for size in (1, 5, 64)
        ]
        assert verdict == f"model.onnx matches the trained model within 1e-05, sha256 {digest}"


def test_the_export_draws_what_the_run_draws(run, exported):
    sources = {"run": run, "folder": exported, "file": exported / "model.onnx"}
    for out, source in sources.items():
        done("generate", source, "-n", 1, "--seed", 7, "--out", out)
    expected = pictures("run")
    for out in ("folder", "file"):
        drawn = pictures(out)
        assert list(drawn) == list(expected)
        for name, image in drawn.items():
            np.testing.assert_allclose(image, expected[name].astype(int), atol=1)
