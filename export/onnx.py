"""A run's networks as ONNX files: one route for every backend.

The weights are rebuilt under TensorFlow, whatever trained them, and converted by tf2onnx, in a
process of its own (`python -m export.onnx RUN FOLDER`): Keras' backend cannot change in a running
one. The generator's graph takes all noise as inputs and gives images in [0, 1], NHWC; an encoder's
takes such images.
"""

import json
import sys
from pathlib import Path

import keras
import onnx

from zoo.errors import RequestError
from zoo.training.loop import build_model
from zoo.training.run import Run, versions

OPSET = 17


def convert(run, folder):
    """Writes each of the model's `graphs` to `folder`, as NAME.onnx.

    Inputs have the names of the graph's spec; the batch is dynamic. The files' metadata holds
    JSON values.
    """
    model = build_model(run.config)
    run.load_checkpoint(model, groups=("weights",))
    for name, (spec, function, output) in model.graphs.items():
        path = str(Path(folder) / f"{name}.onnx")
        inputs = {
            key: keras.Input(tuple(value["shape"]), dtype=value["dtype"], name=key)
            for key, value in spec.items()
        }
        signature = {
            key: keras.InputSpec(shape=(None, *value["shape"]), dtype=value["dtype"], name=key)
            for key, value in spec.items()
        }
        keras.Model(inputs, function(inputs)).export(
            path, format="onnx", opset_version=OPSET, input_signature=[signature], verbose=False
        )
        proto = onnx.load(path)
        _name_output(proto.graph, output)
        for value in (*proto.graph.input, *proto.graph.output):
            value.type.tensor_type.shape.dim[0].dim_param = "batch"
        metadata = {**describe(run, model), "inputs": spec, "output": output}
        onnx.helper.set_model_props(proto, {k: json.dumps(v) for k, v in metadata.items()})
        onnx.checker.check_model(proto, full_check=True)
        onnx.save(proto, path)


def describe(run, model):
    """What the exported file says of itself: dict of key to JSON value."""
    dataset = run.config["dataset"]
    return {
        "model": run.config["model"],
        "dataset": dataset["name"],
        "class_names": dataset["class_names"],
        "image_shape": dataset["image_shape"],
        "latent_dim": model.latent_dim,
        "prior": {name: spec["prior"] for name, spec in model.inputs_spec.items()},
        "value_range": [0.0, 1.0] if len(model.image_shape) > 1 else None,  # points have none
        "run": run.id,
        "step": run.manifest()["step"],
        "average": bool(model.averages),
        "versions": {
            "training": {"backend": run.config["backend"], **run.config["versions"]},
            "export": versions(("tf2onnx", "onnx")),
        },
    }


def _name_output(graph, name):
    (output,) = graph.output
    for node in graph.node:
        node.output[:] = [name if edge == output.name else edge for edge in node.output]
    output.name = name


if __name__ == "__main__":
    try:
        convert(Run.open(sys.argv[1]), sys.argv[2])
    except RequestError as failure:
        sys.exit(str(failure))
