"""The number type that losses are computed in."""

from typing import Any

import keras
from keras import ops


def full_precision(outputs: Any) -> Any:
    """What networks give, as losses take it: in Keras' own float type, float32 unless configured.

    Under a mixed policy networks compute in bfloat16 or float16, of which a sum over the pixels of
    an image keeps two or three digits; float16 also ends at 65,504.

    Args:
        outputs: a tensor of floats, or a dict, list or tuple of them.

    Returns:
        The same structure; tensors that are already of that type as they are.
    """
    wanted = keras.config.floatx()

    def cast(tensor: Any) -> Any:
        found = keras.backend.standardize_dtype(tensor.dtype)
        return tensor if found == wanted else ops.cast(tensor, wanted)

    return keras.tree.map_structure(cast, outputs)
