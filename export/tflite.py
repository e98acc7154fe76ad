"""A network as a TFLite file, by Keras' export and TensorFlow's converter.

The metadata is a JSON file in a zip archive at the file's end, which is where the format keeps
associated files: an interpreter does not see it, and Python's zipfile reads it.
"""

import json
import zipfile

from export.runtime import TFLITE_METADATA


def write(network, signature, metadata, path):
    """Writes a `keras.Model` to `path`; the arguments are those of `export.onnx.write`."""
    network.export(str(path), format="litert", input_signature=[signature], verbose=False)
    with zipfile.ZipFile(path, "a") as archive:
        # A ZipInfo has a fixed date, so that the same network gives the same bytes.
        archive.writestr(zipfile.ZipInfo(TFLITE_METADATA), json.dumps(metadata))
