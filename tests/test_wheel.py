"""The wheel: built, installed in a clean environment with what inference needs, and run."""

import os
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

import pytest
from filelock import FileLock

from export.hub import bundled
from export.hub.repository import open_repository
from export.playground.write import PAGE
from tests.export.test_runtime import generator
from zoo import data

pytestmark = pytest.mark.once
ROOT = Path(__file__).parents[1]


def run(*command, cwd, check=True):
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [str(word) for word in command], cwd=cwd, env=environment, check=check,
        capture_output=True, text=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    # Both processes of a suite may build it, and they would meet in the folder `build`.
    with FileLock(Path(tempfile.gettempdir()) / "genzoo-wheel.lock"):
        run(sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", folder, ROOT, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def environment(wheel):
    """The folder of the programs of an environment that holds the wheel and its `cpu` extra."""
    place = wheel.parent / "environment"
    venv.create(place)
    programs = place / ("Scripts" if os.name == "nt" else "bin")
    pip = [sys.executable, "-m", "pip", "--python", programs / "python"]  # its own takes seconds
    run(*pip, "install", "-q", "--no-compile", f"{wheel}[cpu]", cwd=wheel.parent)
    return programs


def test_the_wheel_holds_what_is_needed_and_no_more(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"cli.py", "genzoo.py", "zoo", "export", "model_cards"}
    assert {"zoo/py.typed", "export/py.typed", "model_cards/card.md"} <= names
    assert sum(name.endswith(".safetensors") for name in names) == 3
    sources = {
        p.relative_to(ROOT).as_posix() for t in ("zoo", "export") for p in (ROOT / t).rglob("*.py")
    }
    assert sources <= names
    page = {p.relative_to(ROOT).as_posix() for p in PAGE.rglob("*") if p.is_file()}
    assert page <= names and not any("playground/page" in name for name in names)
    clothes = "zoo/data/fashion_mnist_10k"
    assert {f"{clothes}/images-idx3-ubyte.gz", f"{clothes}/LICENSE"} <= names
    for name in bundled.names():
        assert {f"model_cards/{name}/{file}" for file in open_repository(name).files} <= names


def test_the_installed_package_reads_the_images_that_are_included(environment, tmp_path):
    code = "import genzoo; print(genzoo.load_dataset('fashion_mnist_10k').fingerprint)"
    done = run(environment / "python", "-P", "-c", code, cwd=tmp_path)
    assert done.stdout.strip() == data.load("fashion_mnist_10k").fingerprint


def test_the_installed_program_runs_where_other_names_lie(environment, tmp_path):
    """It draws with numpy and onnxruntime, in a folder with modules of our names."""
    for name in ("export", "zoo", "cli", "model_cards", "genzoo"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the wrong place')")
    generator(tmp_path / "model.onnx")
    done = run(environment / "genzoo", "generate", "model.onnx", "--out", "drawn.png", cwd=tmp_path)
    assert (tmp_path / "drawn.png").is_file(), done.stdout + done.stderr
    done = run(environment / "genzoo", "--help", cwd=tmp_path)
    assert "generate" in done.stdout
    code = "import genzoo, sys; print(genzoo.__file__, 'keras' in sys.modules)"
    done = run(environment / "python", "-P", "-c", code, cwd=tmp_path)
    place, heavy = done.stdout.split()
    assert Path(place).parent.name == "site-packages" and heavy == "False"
    done = run(environment / "genzoo", "list", cwd=tmp_path, check=False)
    assert done.returncode == 2 and "pip install 'genzoo[train]'" in done.stderr
