"""A network as a TFLite file, by Keras' export and TensorFlow's converter, in some precisions.

They are those of `export.convert.onnx`. The metadata is a JSON file in a zip archive at the
file's end, which is where the format keeps associated files: an interpreter does not see it, and
Python's zipfile reads it.
"""

import json
import zipfile

import tensorflow as tf

from export.runtime import TFLITE_METADATA

SMALLER = {"optimizations": [tf.lite.Optimize.DEFAULT]}


def write(network, signature, metadata, paths, examples=None):
    """Writes a `keras.Model`; the arguments are those of `export.convert.onnx.write`."""
    options = {
        "fp32": {},
        "fp16": {**SMALLER, "target_spec": {"supported_types": [tf.float16]}},
        "int8": {**SMALLER, "representative_dataset": lambda: iter([examples])},
    }
    for precision, path in paths.items():
        network.export(
            str(path),
            format="litert",
            input_signature=[signature],
            verbose=False,
            **options[precision],
        )
        about = {**metadata, "precision": precision}
        with zipfile.ZipFile(path, "a") as archive:
            # A ZipInfo has a fixed date, so that the same network gives the same bytes.
            archive.writestr(zipfile.ZipInfo(TFLITE_METADATA), json.dumps(about))
