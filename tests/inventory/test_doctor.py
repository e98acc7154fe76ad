"""What `doctor` finds on a machine, and what it calls wrong."""

import importlib.util

import pytest

from tests.data.build import write_mnist
from tests.test_cli import genzoo
from zoo.data import DATASETS
from zoo.inventory import doctor

pytestmark = pytest.mark.once

WHOLE = {"python": "3.11", "keras": "3.15", "tensorflow": "2.21", "onnxruntime": "1.31"}


@pytest.fixture
def machine(monkeypatch):
    """Replaces what is installed: `machine(**versions)`."""
    find_spec = importlib.util.find_spec

    def install(**found):
        found = {name.replace("_", "-"): version for name, version in found.items()}
        runs_exports = any(name.startswith("onnxruntime") for name in found)
        monkeypatch.setattr(doctor, "versions", lambda packages: found)
        monkeypatch.setattr(
            importlib.util,
            "find_spec",
            lambda name, *rest: (
                None if name == "onnxruntime" and not runs_exports else find_spec(name, *rest)
            ),
        )

    return install


def without(*names):
    return {name: version for name, version in WHOLE.items() if name not in names}


def test_this_machine():
    code, out, err = genzoo("doctor")
    facts = {line.partition(" ")[0] for line in out.splitlines() if line[0] != "!"}
    assert {"python", "keras", "tensorflow", "numpy", "onnx"} <= facts
    assert code == ("\n! " in out)
    assert err == ""


def test_a_whole_machine_has_no_problem(machine):
    machine(**WHOLE)
    code, out, err = genzoo("doctor")
    assert (code, err) == (0, "")
    assert "!" not in out
    for name, version in WHOLE.items():
        assert f"{name:<24} {version}\n" in out
    assert "execution providers      " in out
    assert "CPUExecutionProvider" in out


@pytest.mark.parametrize(
    "found, problem",
    [
        (without("onnxruntime"), "No onnxruntime: pip install 'genzoo[cpu]'"),
        (without("tensorflow"), "No backend: pip install 'genzoo[train]', [jax] or [torch]."),
        ({**WHOLE, "onnxruntime_gpu": "1.31"}, "overwrite each other: uninstall one."),
    ],
    ids=["no onnxruntime", "no backend", "both onnxruntimes"],
)
def test_problems(machine, found, problem):
    machine(**found)
    code, out, err = genzoo("doctor")
    (line,) = (line for line in out.splitlines() if line.startswith("! "))
    assert (code, err) == (1, "")
    assert problem in line


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_any_backend_is_enough(machine, backend):
    machine(**without("tensorflow"), **{backend: "1.0"})
    assert doctor.examine()[1] == []


def test_an_install_for_inference_alone_is_whole(machine):
    machine(**without("keras", "tensorflow"))
    facts, problems = doctor.examine()
    assert problems == []
    assert "pip install 'genzoo[train]'" in facts["training"]


def test_two_problems_are_both_told(machine):
    machine(keras="3.15.1")
    code, out, _ = genzoo("doctor")
    assert code == 1
    assert out.count("\n! ") == 2


def test_where_data_is_found(tmp_path, monkeypatch):
    write_mnist(tmp_path / "mnist")
    facts, _ = doctor.examine(tmp_path)
    found = {name: facts[f"dataset {name}"] for name in DATASETS}
    assert found["digits"] == "sklearn.datasets.load_digits"
    assert found["fashion_mnist_10k"] == "zoo.data.fashion_mnist_10k"
    assert found["mnist"] == str(tmp_path / "mnist")
    assert found["cifar10"] == found["fashion_mnist"] == "not here, would be downloaded"
    for name in ("celeba", "facades"):  # nothing downloads these
        assert found[name].startswith("not here, is put there by hand, from http")
    monkeypatch.setenv("ZOO_DATA_DIR", str(tmp_path))
    assert f"dataset mnist            {tmp_path / 'mnist'}\n" in genzoo("doctor")[1]


def test_a_data_dir_that_is_none(tmp_path):
    code, out, err = genzoo("doctor", "--data-dir", tmp_path / "nowhere")
    assert (code, out) == (2, "")
    assert err.startswith("Error: data_dir must be an existing folder. Received: ")
