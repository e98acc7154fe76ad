"""Does the exported file draw what the trained model drew? Checked with the runtime alone.

`reference.npz` beside the model holds inputs and the training backend's images for several batch
sizes. `python -m export.verify FOLDER` runs the check in a process that has imported nothing but
numpy and onnxruntime.
"""

import json
import platform
import sys
from pathlib import Path

import numpy as np

from export import runtime
from zoo import files
from zoo.errors import FailedError, RequestError

BATCHES = (1, 5, 64)
TOLERANCE = 1e-5  # largest absolute difference of a pixel in [0, 1], fp32
REFERENCE = "reference.npz"
REPORT = "verification.json"


def write_reference(path, sampler, seed=0):
    """Stores inputs and `sampler`'s images for each batch size of `BATCHES`."""
    arrays = {}
    for batch in BATCHES:
        labels = np.arange(batch) % max(1, len(sampler.class_names))
        inputs = sampler.noise(batch, labels, seed + batch)
        arrays.update({f"{batch}/{name}": array for name, array in inputs.items()})
        arrays[f"{batch}/image"] = sampler.draw(inputs)
    np.savez_compressed(path, **arrays)


def verify(folder):
    """Runs the exported model on the reference's inputs.

    Args:
        folder: of `model.onnx` and `reference.npz`.

    Returns:
        Dict with the errors per batch, the tolerance, the file's sha256 and versions.

    Raises:
        FailedError: a batch differs by more than `TOLERANCE`, or the file was changed since.
    """
    folder = Path(folder)
    folder = folder.parent if folder.suffix == ".onnx" else folder
    if not (folder / REFERENCE).is_file():
        raise RequestError(
            f"An exported folder holds {runtime.FILE} and {REFERENCE}. Received: {folder}"
        )
    try:
        sampler = runtime.load(folder)
    except ValueError as error:
        raise RequestError(str(error)) from error

    digest = files.sha256(folder / runtime.FILE)
    report = folder / REPORT
    if report.is_file() and json.loads(report.read_text())["sha256"][runtime.FILE] != digest:
        raise FailedError(
            f"{runtime.FILE} must have the sha256 that {REPORT} names. Received: {digest}"
        )

    errors = {}
    with np.load(folder / REFERENCE, allow_pickle=False) as reference:
        for batch in BATCHES:
            inputs = {name: reference[f"{batch}/{name}"] for name in sampler.inputs}
            difference = np.abs(sampler.draw(inputs) - reference[f"{batch}/image"])
            errors[str(batch)] = {"max": float(difference.max()), "mean": float(difference.mean())}
    worst = max(error["max"] for error in errors.values())
    if not worst <= TOLERANCE:
        raise FailedError(
            f"The exported graph must match the trained model within {TOLERANCE:g}. "
            f"Received: a difference of {worst:.3g}"
        )
    return {
        "tolerance": TOLERANCE,
        "errors": errors,
        "sha256": {runtime.FILE: digest},
        "provider": sampler.session.get_providers()[0],
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "onnxruntime": sampler.version,
        },
    }


if __name__ == "__main__":
    try:
        files.write_json(Path(sys.argv[1]) / REPORT, verify(sys.argv[1]))
    except (FailedError, RequestError) as failure:
        sys.exit(str(failure))
