"""Exporting a run: reference images, conversion, verification; a folder only when all agree."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import keras

from export import runtime
from export.convert import verify
from zoo import files
from zoo.errors import FailedError, RequestError
from zoo.metrics import samples
from zoo.metrics.classifier import FOLDER as CLASSIFIERS
from zoo.metrics.classifier import find_classifier, load_classifier
from zoo.pictures import grids
from zoo.training.loop import trained_model

ROOT = Path(__file__).parents[2]
DRAWINGS = 2_000


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


def export_run(run, folder, formats=("onnx",), precisions=(), force=False):
    """Writes model.onnx, other graphs, reference.npz and verification.json to `folder`.

    Args:
        run: `zoo.training.run.Run`, of this process' backend.
        folder: made when it is missing; an earlier export there is replaced.
        formats: "onnx", "tflite" or both.
        precisions: "fp16", "int8" or both, beside fp32.
        force: whether a precision that makes the model slower, or worse than its floor, is kept.

    Returns:
        The report of `verify.verify`, with each file's bytes, milliseconds and, where there are
        smaller precisions and a classifier of what is drawn, Fréchet Classifier Distance.

    Raises:
        FailedError: the conversion failed or the numbers differ; `folder` is then as it was.
    """
    folder = Path(folder)
    for format_ in formats:
        try:
            runtime.check_installed(f".{format_}")
        except ValueError as error:
            raise RequestError(str(error)) from error
    with _beside(folder) as name:
        work = Path(name)
        trained = RunSampler(run)
        verify.write_reference(work / verify.REFERENCE, trained)
        wanted = ",".join(("fp32", *precisions))
        _process("export.convert.graphs", str(run.path), str(work), ",".join(formats), wanted)
        _process("export.convert.verify", str(work), *(["--force"] if force else []))
        report = json.loads((work / verify.REPORT).read_text())
        if precisions and not trained.image_input:
            report["fcd"] = _distances(run, sorted(work.glob("model*")))
            files.write_json(work / verify.REPORT, report)
        folder.mkdir(exist_ok=True)
        written = {file.name for file in work.iterdir()}
        for name in verify.reported(folder).keys() - written:  # in a format not asked for now
            (folder / name).unlink(missing_ok=True)
        for file in sorted(work.iterdir()):
            os.replace(file, folder / file.name)
    return report


def _beside(folder):
    """A temporary directory beside a folder, that can be written if the folder can."""
    try:
        if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK)):
            raise NotADirectoryError(None, "no folder that can be written")
        folder.parent.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-")
    except OSError as error:
        raise RequestError(
            f"An export needs a folder that can be written. Received: {folder} ({error.strerror})"
        ) from error


def _distances(run, paths):
    """Dict of a generator's file to the Fréchet Classifier Distance of 2,000 of its drawings.

    Empty where there is no classifier of the data or no data here.
    """
    try:
        train, test = (run.dataset(split) for split in ("train", "test"))
        classifier = load_classifier(find_classifier(train, run.path.parent))
    except (FailedError, RequestError):
        return {}
    found = {}
    reference = samples.Reference(classifier, train, test, run.path.parent / CLASSIFIERS)
    for path in paths:
        images = grids.to_uint8(runtime.load(path).generate(DRAWINGS))
        score = samples.Comparison(reference, samples.parts(images)).score("fcd")
        found[path.name] = round(score["fcd"], 4)
    return found


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
