"""What this machine has for the zoo, and what is wrong with it."""

import importlib.util
from pathlib import Path

from zoo import BACKENDS, data
from zoo.data import celeba, facades
from zoo.versions import versions

EXPORT = ("onnx", "tf2onnx", "onnxruntime", "onnxruntime-gpu")
BY_HAND = {celeba.NAME: celeba.URL, facades.NAME: facades.URL}
LIBRARIES = ("scikit-learn", "scipy", "matplotlib", "safetensors", "pillow", "huggingface-hub")


def examine(data_dir: Path | None = None) -> tuple[dict[str, str], list[str]]:
    """Looks at packages, runtimes and data.

    Args:
        data_dir: where datasets are looked for; None for the default folder.

    Returns:
        (facts, problems): a dict of name to what was found, and a list of sentences.
    """
    found = versions(("genzoo", "keras", *BACKENDS, "numpy", *EXPORT, *LIBRARIES))
    facts, problems = dict(found), list[str]()
    if importlib.util.find_spec("onnxruntime"):
        import onnxruntime

        facts["execution providers"] = ", ".join(onnxruntime.get_available_providers())
    else:
        problems.append("No onnxruntime: pip install 'genzoo[cpu]' (or [gpu]) to run exports.")
    if {"onnxruntime", "onnxruntime-gpu"} <= found.keys():
        problems.append("onnxruntime and onnxruntime-gpu overwrite each other: uninstall one.")
    if "keras" not in found:
        facts["training"] = "not installed: pip install 'genzoo[train]' to train and export"
    elif not found.keys() & set(BACKENDS):
        problems.append("No backend: pip install 'genzoo[train]', [jax] or [torch].")
    for name in data.DATASETS:
        absent = "not here, would be downloaded"
        if name in BY_HAND:
            absent = f"not here, is put there by hand, from {BY_HAND[name]}"
        facts[f"dataset {name}"] = data.locate(name, data_dir) or absent
    return facts, problems
