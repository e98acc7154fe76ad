"""A run's networks as files: one route for every backend and format.

The weights are rebuilt under TensorFlow, whatever trained them, in a process of its own
(`python -m export.convert.graphs RUN FOLDER FORMATS PRECISIONS`): Keras' backend cannot change in a
running one. The generator's graph takes all noise as inputs and gives images in [0, 1], NHWC; an
encoder's takes such images. The batch is dynamic, and so are the sides of what a translator is
given.
"""

import sys
from pathlib import Path

import keras

from export.convert import onnx, tflite, verify
from export.convert.lint import lint
from export.convert.simplify import simplify
from export.runtime import follows_size
from zoo.errors import FailedError, RequestError
from zoo.training.loop import trained_model
from zoo.training.run import Run
from zoo.versions import versions

FORMATS = {"onnx": onnx.write, "tflite": tflite.write}


def convert(run, folder, formats, precisions=("fp32",)):
    """Writes each of the model's `graphs` to `folder`: NAME.onnx, NAME_int8.onnx, NAME.tflite, ...

    int8 takes its ranges from the inputs in the folder's reference.npz.

    Inputs and outputs have the names of the graph's spec. The files' metadata is a dict of JSON
    values: `describe`, with the inputs and the output.

    Raises:
        FailedError: a file holds what `lint` refuses.
    """
    model = trained_model(run)
    examples = verify.examples(folder) if "int8" in precisions else {}
    for name, (spec, function, output) in model.graphs.items():
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
            paths = {p: Path(folder) / verify.file_name(name, p, f".{format_}") for p in precisions}
            FORMATS[format_](network, signature, metadata, paths, examples.get(name))
            for path in paths.values():
                if wrong := lint(path):
                    raise FailedError(
                        "An exported graph draws from its inputs alone, with default operators "
                        f"and nothing left over. Received: {path.name} with {', '.join(wrong)}"
                    )


def symbolic_shape(spec):
    """An input's shape without the batch, None for the sides that follow the image's."""
    if follows_size(spec):
        return (None, None, spec["shape"][-1])
    return tuple(spec["shape"])


def describe(run, model):
    """What the exported file says of itself: dict of key to JSON value."""
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
        convert(Run.open(sys.argv[1]), sys.argv[2], *(words.split(",") for words in sys.argv[3:]))
    except (FailedError, RequestError) as failure:
        sys.exit(str(failure))
