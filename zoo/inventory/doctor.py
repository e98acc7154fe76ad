"""What this machine has for the zoo, and what is wrong with it."""

import importlib.util

from zoo import BACKENDS, data
from zoo.versions import versions

EXPORT = ("onnx", "tf2onnx", "onnxruntime", "onnxruntime-gpu")
LIBRARIES = ("scikit-learn", "scipy", "matplotlib", "safetensors", "pillow", "huggingface-hub")


def examine(data_dir=None):
    """Looks at packages, runtimes and data.

    Returns:
        (facts, problems): a dict of name to what was found, and a list of sentences.
    """
    found = versions(("genzoo", "keras", *BACKENDS, "numpy", *EXPORT, *LIBRARIES))
    facts, problems = dict(found), []
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
        facts[f"dataset {name}"] = data.locate(name, data_dir) or "not here, would be downloaded"
    return facts, problems
