"""Checks of what a person hands to `fit` and `evaluate`, before anything is trained on it."""

import itertools
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from zoo.errors import RequestError

KERAS_BATCH = 32  # what Keras takes where no batch_size is given


def checked_data(model: Any, x: Any, y: Any, options: dict[str, Any]) -> tuple[Any, Any]:
    """The data as Keras is to get them, or a `RequestError` that says what is wrong.

    Arrays are checked whole. Of a `tf.data.Dataset`, a `DataLoader`, a `PyDataset` or a generator
    the first batch is. A last batch of arrays with fewer examples than a step needs is left out.

    Args:
        model: a `GenerativeModel`.
        x, y: as in `keras.Model.fit`.
        options: the other arguments, of which `validation_data` is replaced.
    """
    validation = options.get("validation_data")
    if isinstance(validation, tuple):
        options["validation_data"] = checked_data(
            model, validation[0], validation[1] if len(validation) > 1 else None, {}
        )
    if x is None:
        return x, y
    if _is_array(x):
        model.check_data(x, y)
        return _whole_batches(model, x, y, options.get("batch_size") or KERAS_BATCH)
    first, x = _first_batch(x)
    images, labels, _ = keras.utils.unpack_x_y_sample_weight(first)
    model.check_data(images, labels)
    return x, y


def check_images(images: Any, shape: tuple[int | None, ...], limits: Any, words: str) -> None:
    """Refuses images of another shape or type, or with values outside (low, high) `limits`."""
    found = tuple(images.shape[1:])
    fits = len(found) == len(shape) and all(
        want is None or side == want for side, want in zip(found, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if side is None else str(side) for side in shape)
        raise RequestError(f"{words} must have the shape (n, {wanted}). Received: {images.shape}")
    values = np.asarray(keras.ops.convert_to_numpy(images))
    if values.dtype.kind != "f":
        raise RequestError(
            f"{words} must be floats, uint8 ones scaled before. Received: {values.dtype}"
        )
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RequestError(f"{words} must be finite. Received: NaN or infinity among them")
    if limits and not (low >= limits[0] - 1e-6 and high <= limits[1] + 1e-6):
        raise RequestError(
            f"{words} must be in [{limits[0]:g}, {limits[1]:g}]. "
            f"Received: values from {low:g} to {high:g}"
        )


def check_labels(labels: Any, count: int, lowest: int, num_classes: int) -> None:
    """Refuses labels that are not `count` integers from `lowest` to below `num_classes`."""
    if tuple(labels.shape) != (count,):
        raise RequestError(
            f"Labels must be class indices of shape ({count},). Received: {tuple(labels.shape)}"
        )
    values = np.asarray(keras.ops.convert_to_numpy(labels))
    if values.dtype.kind not in "iu":
        raise RequestError(f"Labels must be integers. Received: {values.dtype}")
    if num_classes and (values.min() < lowest or values.max() >= num_classes):
        raise RequestError(
            f"Labels must be from {lowest} to {num_classes - 1}. "
            f"Received: {values.min()} to {values.max()}"
        )


def _is_array(x: Any) -> bool:
    return hasattr(x, "shape") and hasattr(x, "__getitem__") and not hasattr(x, "element_spec")


def _whole_batches(model: Any, x: Any, y: Any, batch_size: int) -> tuple[Any, Any]:
    needed = model.step_parts * model.smallest_batch
    if min(len(x), batch_size) < needed:
        raise RequestError(
            f"A step of {type(model).__name__} takes at least {needed} examples. "
            f"Received: {len(x)} examples in batches of {batch_size}"
        )
    short = len(x) % batch_size
    if 0 < short < needed:
        x, y = x[:-short], None if y is None else y[:-short]
    return x, y


def _first_batch(x: Any) -> tuple[Any, Any]:
    """The first batch, and the source with that batch still in it."""
    if isinstance(x, keras.utils.PyDataset):
        return x[0], x
    if isinstance(x, Iterator):
        first = next(x)
        # A generator: Keras takes no other iterator.
        return first, (batch for batch in itertools.chain([first], x))
    return next(iter(x)), x
