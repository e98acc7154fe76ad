"""A run's networks as files: one route for every backend and format.

The model is rebuilt under TensorFlow, whatever trained it, in a process of its own
(`python -m export.convert.graphs RUN FOLDER FORMATS PRECISIONS`), because Keras' backend cannot
change in a running one. The generator's graph takes all noise as inputs and returns images in
[0, 1], NHWC; an encoder's takes such images. The batch size is dynamic, and so are the sides of the
images that an image-to-image model takes.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras

from export.convert import onnx, tflite
from export.convert.lint import lint
from export.convert.reference import Reference, largest_case
from export.convert.report import file_name
from export.convert.simplify import simplify
from export.runtime import follows_size
from zoo.errors import FailedError, RequestError
from zoo.training.loop import trained_model
from zoo.training.run import Run
from zoo.versions import versions

FORMATS = {"onnx": onnx.write, "tflite": tflite.write}


def convert(
    run: Run, folder: Path, formats: Iterable[str], precisions: Sequence[str] = ("fp32",)
) -> None:
    """Writes each of the model's `graphs` to `folder`: NAME.onnx, NAME_int8.onnx, NAME.tflite, ...

    Inputs and outputs have the names in the graph's spec. The files' metadata are a dict of JSON
    values: `describe`, with the inputs and the output.

    Args:
        run: one with a checkpoint.
        folder: an existing one; int8 takes its ranges from the inputs in its reference.npz.
        formats: "onnx", "tflite" or both.
        precisions: "fp32", "fp16" and "int8", any of them.

    Raises:
        FailedError: a file holds what `lint` refuses.
    """
    model = trained_model(run)
    case, (batch, size) = largest_case(model.inputs_spec)
    for name, (spec, function, output) in model.graphs.items():
        examples = None
        if "int8" in precisions:
            examples = Reference(folder).inputs(name, spec, case, batch, size)
        inputs = {
            key: keras.Input(symbolic_shape(value), dtype=value["dtype"], name=key)
            for key, value in spec.items()
        }
        network = simplify(keras.Model(inputs, {output: function(inputs)}))
        signature = {
            key: keras.InputSpec(
                shape=(None, *symbolic_shape(value)), dtype=value["dtype"], name=key
            )
            for key, value in spec.items()
        }
        metadata = {**describe(run, model), "inputs": spec, "output": output}
        for format_ in formats:
            paths = {p: folder / file_name(name, p, f".{format_}") for p in precisions}
            FORMATS[format_](network, signature, metadata, paths, examples)
            for path in paths.values():
                if wrong := lint(path):
                    raise FailedError(
                        "An exported graph must consist of default operators and draw from its "
                        f"inputs alone. Received: {path.name} with {', '.join(wrong)}"
                    )


def symbolic_shape(spec: Mapping[str, Any]) -> tuple[int | None, ...]:
    """An input's shape without the batch, with None for sides that follow the image's."""
    if follows_size(spec):
        return (None, None, spec["shape"][-1])
    return tuple(spec["shape"])


def describe(run: Run, model: Any) -> dict[str, Any]:
    """What the exported file says about itself: dict of key to JSON value."""
    dataset = run.config["dataset"]
    return {
        "model": run.config["model"],
        "dataset": dataset["name"],
        "class_names": dataset["class_names"],
        "image_shape": dataset["image_shape"],
        "latent_dim": None if model.translates else model.latent_dim,
        "prior": {name: spec["prior"] for name, spec in model.inputs_spec.items()},
        "value_range": [0.0, 1.0] if len(model.image_shape) > 1 else None,  # points have none
        "run": run.id,
        "step": run.manifest()["step"],
        "average": bool(model.averages),
        "versions": {
            "training": {"backend": run.config["backend"], **run.config["versions"]},
            "export": versions(("tensorflow", "tf2onnx", "onnx")),
        },
    }


if __name__ == "__main__":
    try:
        lists = (words.split(",") for words in sys.argv[3:])
        convert(Run.open(sys.argv[1]), Path(sys.argv[2]), *lists)
    except (FailedError, RequestError) as failure:
        sys.exit(str(failure))
