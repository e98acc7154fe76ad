"""Rules of the tree that a reader relies on."""

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.once
ROOT = Path(__file__).parents[1]
SOURCES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("zoo", "export")
    for path in (ROOT / folder).rglob("*.py")
)
# Exports are made under TensorFlow, in a process of their own; all else runs on any backend.
KNOWING = ("zoo/backend/", "export/convert/simplify.py", "export/convert/tflite.py")


def imports(path, nodes=ast.walk):
    """Top-level packages that a file imports, anywhere in it; `nodes` of its tree may be fewer."""
    for node in nodes(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield path.split("/")[0] if node.level else node.module.split(".")[0]


@pytest.mark.parametrize("path", SOURCES)
def test_one_file_knows_the_backend(path):
    if path.startswith(KNOWING):
        return
    assert not {"tensorflow", "jax", "torch"} & set(imports(path))
    names = {n.attr for n in ast.walk(ast.parse((ROOT / path).read_text()))
             if isinstance(n, ast.Attribute)}  # fmt: skip
    assert "backend" not in names, "keras.backend belongs in zoo/backend/"


# Each folder of zoo/ imports from those before it alone.
ORDER = (
    "backend", "objectives", "pictures", "data", "networks", "core", "adversarial", "latent",
    "translation", "metrics", "training", "study", "views", "theory", "inventory",
)  # fmt: skip


@pytest.mark.parametrize("path", [path for path in SOURCES if path.count("/") > 1])
def test_folders_import_from_those_before_them(path):
    top, folder, *_ = path.split("/")
    if top != "zoo":
        return
    assert folder in ORDER
    later = ORDER[ORDER.index(folder) + 1 :]
    names = []
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "zoo":
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("zoo."):
            names.append(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            names += [a.name.split(".")[1] for a in node.names if a.name.startswith("zoo.")]
    assert not set(names) & set(later)


@pytest.mark.parametrize("path", SOURCES)
def test_dependencies_point_one_way(path):
    forbidden = {"cli"} if path.startswith("export") else {"cli", "export"}
    if path == "export/runtime.py":  # can be copied; what is published it leaves to a neighbour
        forbidden |= {"zoo", "keras"}
        assert "export" not in set(imports(path, ast.iter_child_nodes))
    assert not forbidden & set(imports(path))
    assert (ROOT / path).read_text().startswith('"""') or path.endswith("__init__.py")
