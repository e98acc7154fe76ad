"""The config of a run on no dataset, for tests of the directory itself."""

import keras

from tests.helpers import CLASS_NAMES


def config_of(model="gan", **changes):
    """What `Run.create` takes."""
    return {
        "model": model,
        "dataset": {
            "name": "noise",
            "image_shape": [8, 8, 1],
            "class_names": list(CLASS_NAMES),
        },
        "hyperparameters": {},
        "total_steps": 2,
        "seed": 0,
        "backend": keras.backend.backend(),
        **changes,
    }
