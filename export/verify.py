"""Does the exported file draw what the trained model drew? Checked with the runtime alone.

`reference.npz` beside the model holds inputs and the training backend's images for several batch
sizes. `python -m export.verify FOLDER` runs the check in a process that has imported nothing but
numpy and onnxruntime.
"""

import json
import platform
import sys
import zipfile
from pathlib import Path

import numpy as np

from export import runtime
from zoo import files
from zoo.errors import FailedError, RequestError

BATCHES = (1, 5, 64)
TOLERANCE = 1e-5  # largest absolute difference of a pixel in [0, 1], fp32
REFERENCE = "reference.npz"
REPORT = "verification.json"


def write_reference(path, sampler):
    """Stores inputs and `sampler`'s images for each batch size of `BATCHES`."""
    arrays = {}
    for batch in BATCHES:
        labels = np.arange(batch) % max(1, len(sampler.class_names))
        inputs = sampler.noise(batch, labels, seed=batch)
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
    path = Path(folder)
    folder = path if path.is_dir() else path.parent
    if path not in (folder, folder / runtime.FILE) or not (folder / REFERENCE).is_file():
        raise RequestError(
            f"An exported folder holds {runtime.FILE} and {REFERENCE}. Received: {path}"
        )
    if not (folder / runtime.FILE).is_file():
        raise RequestError(f"An exported folder holds {runtime.FILE}. Received: {path}")
    digest = files.sha256(folder / runtime.FILE)
    report = folder / REPORT
    if report.is_file():
        try:
            expected = json.loads(report.read_text())["sha256"][runtime.FILE]
        except (ValueError, KeyError, TypeError) as error:
            raise RequestError(
                f"{REPORT} must be what `export` wrote. Received: {report} ({error})"
            ) from error
        if expected != digest:
            raise FailedError(
                f"{runtime.FILE} must have the sha256 that {REPORT} names. Received: {digest}"
            )
    try:
        sampler = runtime.load(folder)
    except ValueError as error:
        raise RequestError(str(error)) from error

    errors = {}
    try:
        with open(folder / REFERENCE, "rb") as file, np.load(file, allow_pickle=False) as reference:
            for batch in BATCHES:
                inputs = {name: reference[f"{batch}/{name}"] for name in sampler.inputs}
                difference = np.abs(sampler.draw(inputs) - reference[f"{batch}/image"])
                errors[str(batch)] = {
                    "max": float(difference.max()),
                    "mean": float(difference.mean()),
                }
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise RequestError(
            f"{REFERENCE} must be what `export` wrote. Received: {folder / REFERENCE} ({error})"
        ) from error
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
