"""Exporting a run: reference images, conversion, verification; a folder only when all agree."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras

from export import runtime, verify
from zoo.errors import FailedError
from zoo.training.loop import trained_model

ROOT = Path(__file__).parent.parent


class RunSampler(runtime.Sampler):
    """The trained model itself, in the backend that trained it."""

    def __init__(self, run):
        self.model = trained_model(run)
        super().__init__(self.model.inputs_spec, run.config["dataset"]["class_names"])

    @property
    def graphs(self):
        """Names of what is exported of the model."""
        return tuple(self.model.graphs)

    def inputs_of(self, graph):
        """Names of a graph's inputs."""
        spec, _, _ = self.model.graphs[graph]
        return tuple(spec)

    def draw(self, inputs):
        return self.model.generate(inputs)

    def run(self, graph, inputs):
        """The output of one of the model's `graphs` for a dict of arrays."""
        _, function, _ = self.model.graphs[graph]
        tensors = {name: keras.ops.convert_to_tensor(value) for name, value in inputs.items()}
        return keras.ops.convert_to_numpy(function(tensors))


def export_run(run, folder, formats=("onnx",)):
    """Writes model.onnx, other graphs, reference.npz and verification.json to `folder`.

    Args:
        run: `zoo.training.run.Run`, of this process' backend.
        folder: made when it is missing; an earlier export there is replaced.
        formats: "onnx", "tflite" or both.

    Returns:
        The report of `verify.verify`.

    Raises:
        FailedError: the conversion failed or the numbers differ; `folder` is then as it was.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as name:
        work = Path(name)
        verify.write_reference(work / verify.REFERENCE, RunSampler(run))
        _process("export.convert", str(run.path), str(work), *formats)
        _process("export.verify", str(work))
        folder.mkdir(exist_ok=True)
        written = {file.name for file in work.iterdir()}
        for name in verify.reported(folder).keys() - written:  # in a format not asked for now
            (folder / name).unlink(missing_ok=True)
        for file in sorted(work.iterdir()):
            os.replace(file, folder / file.name)
    return json.loads((folder / verify.REPORT).read_text())


def _process(module, *arguments):
    """Runs a module of this project in a process of its own, under TensorFlow."""
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise FailedError(f"The export failed and left nothing behind: {reason}")
