"""A network as a TFLite file, by Keras' export and TensorFlow's converter, in some precisions.

The precisions are those of `export.convert.onnx`. The metadata are a JSON file in a zip archive at
the end of the file, where the format keeps associated files: interpreters ignore it, and Python's
zipfile reads it.
"""

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from export.runtime.graphs import TFLITE_METADATA

SMALLER: dict[str, Any] = {"optimizations": [tf.lite.Optimize.DEFAULT]}


def write(
    network: Any,
    signature: Mapping[str, Any],
    metadata: Mapping[str, Any],
    paths: Mapping[str, Path],
    examples: Mapping[str, np.ndarray] | None = None,
) -> None:
    """Writes a `keras.Model`; the arguments are those of `export.convert.onnx.write`."""
    options: dict[str, dict[str, Any]] = {
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
            # A ZipInfo has a fixed date, so the same network gives the same bytes.
            archive.writestr(zipfile.ZipInfo(TFLITE_METADATA), json.dumps(about))
