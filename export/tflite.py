"""A network as a TFLite file, by Keras' export and TensorFlow's converter, in three precisions.

They are those of `export.onnx`. The metadata is a JSON file in a zip archive at the file's end,
which is where the format keeps associated files: an interpreter does not see it, and Python's
zipfile reads it.
"""

import json
import zipfile

import tensorflow as tf

from export.runtime import TFLITE_METADATA


def write(network, signature, metadata, path, precision="fp32", examples=None):
    """Writes a `keras.Model` to `path`; the arguments are those of `export.onnx.write`."""
    options = {}
    if precision != "fp32":
        options["optimizations"] = [tf.lite.Optimize.DEFAULT]
    if precision == "fp16":
        options["target_spec"] = {"supported_types": [tf.float16]}
    elif precision == "int8":
        options["representative_dataset"] = lambda: iter([examples])
    network.export(
        str(path), format="litert", input_signature=[signature], verbose=False, **options
    )
    with zipfile.ZipFile(path, "a") as archive:
        # A ZipInfo has a fixed date, so that the same network gives the same bytes.
        archive.writestr(zipfile.ZipInfo(TFLITE_METADATA), json.dumps(metadata))
