"""The rules of the tree that a reader relies on.

Imports point one way. A folder of `zoo/` may import from itself, from the modules at the root, and
from the folders before it in `ORDER`; `export/` may import from `zoo/` too, in the order of its
own; `cli.py` and `genzoo.py` stand on top of both.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
ROOT = Path(__file__).parents[1]
FAMILIES = ("adversarial", "latent", "translation")
ORDER = [
    ("backend",),
    ("objectives",),
    ("pictures",),
    ("data",),
    ("networks",),
    ("core",),
    FAMILIES,
    ("metrics",),
    ("training",),
    ("study",),
    ("theory",),
    ("views",),
    ("inventory",),
]
EXPORT_PLACES = ("runtime", "inference", "convert", "hub", "sources", "playground")
EXPORT_PLACES += ("arguments", "options")
EXPORT_ORDER = [(name,) for name in EXPORT_PLACES]
# Exports are made under TensorFlow, in a process of their own; all else runs on any backend.
BACKEND_FILES = ("zoo/backend/", "export/convert/simplify.py", "export/convert/tflite.py")
SOURCES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("zoo", "export")
    for path in (ROOT / folder).rglob("*.py")
)


def imports(path):
    """The dotted names that a file imports, anywhere in it, with what it takes of a module."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def rank(name, order):
    """The place of a folder in an order; 0 of a module at the root, which stands under all."""
    return next((1 + index for index, folders in enumerate(order) if name in folders), 0)


@pytest.mark.parametrize("path", SOURCES)
def test_imports_point_one_way(path):
    top, *rest = path.removesuffix(".py").split("/")
    own = rest[0] if rest else ""
    for name in imports(path):
        package, _, inner = name.partition(".")
        inner = inner.split(".")[0]
        assert package not in ("cli", "genzoo", "tests"), name
        if top == "zoo":
            assert package != "export", name
        if package == top == "zoo" and inner != own:
            assert rank(inner, ORDER) < max(rank(own, ORDER), 1), f"{path} imports {name}"
        if package == top == "export" and inner != own:
            assert rank(inner, EXPORT_ORDER) < rank(own, EXPORT_ORDER), f"{path} imports {name}"


def test_every_folder_has_its_place():
    folders = {path.split("/")[1] for path in SOURCES if path.count("/") > 1}
    modules = ("sources", "arguments", "options")  # at the root of export/
    places = {folder for group in (*ORDER, *EXPORT_ORDER) for folder in group}
    assert folders == places - {*modules}


def test_the_runtime_can_be_copied():
    found = {name for path in SOURCES if "export/runtime/" in path for name in imports(path)}
    assert len(found) > 10
    foreign = {"zoo", "keras", "huggingface_hub", "typer", "PIL"}
    assert not foreign & {name.split(".")[0] for name in found}
    ours = {name for name in found if name.split(".")[0] == "export"}
    assert all(name.startswith("export.runtime") for name in ours)


@pytest.mark.parametrize("path", SOURCES)
def test_one_package_knows_the_backend(path):
    if path.startswith(BACKEND_FILES):
        return
    assert not {"tensorflow", "jax", "torch"} & {name.split(".")[0] for name in imports(path)}
    tree = ast.parse((ROOT / path).read_text())
    asked = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    assert "keras.backend.backend" not in asked, "which backend runs is asked in zoo/backend/"


@pytest.mark.parametrize("path", SOURCES)
def test_files_say_what_they_are(path):
    text = (ROOT / path).read_text()
    assert text.startswith('"""') or (path.endswith("__init__.py") and len(text) < 300)


def test_types():
    """Every function is annotated, and the annotations agree."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3_000:]
