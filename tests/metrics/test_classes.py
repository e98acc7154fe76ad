"""How often a model names the wrong class: counted by hand."""

import numpy as np
import pytest
from keras import ops

from zoo.metrics.classes import category_error, classification_error


class Reader:
    """Reads off an image's only pixel which class or category it is of."""

    def __init__(self, classes: int) -> None:
        self.classes = classes

    def classify(self, inputs):
        return ops.one_hot(ops.cast(inputs["image"][:, 0, 0, 0], "int32"), self.classes)

    categorize = classify


def images(values):
    return np.array(values, "float32").reshape(-1, 1, 1, 1)


def test_wrong_classes_are_counted():
    seen, labels = images([0, 1, 2, 1, 0]), np.array([0, 1, 1, 2, 0])
    assert classification_error(Reader(3), seen, labels) == pytest.approx(2 / 5)


@pytest.mark.parametrize(
    ("categories", "found", "labels", "right"),
    [
        # 0 stands for class 2, 1 for 0 and 2 for 1.
        (3, [0, 0, 1, 1, 2], [2, 2, 0, 1, 1], 4),
        # Both categories have most images of class 0, but only one can stand for it: 0 for 1 and 1
        # for 0 has five right, the other way round four.
        (2, [0, 0, 0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 0, 0, 0], 5),
        # More categories than classes: one is left over.
        (3, [0, 0, 1, 1, 2], [0, 0, 1, 1, 1], 4),
        # More classes than categories.
        (1, [0, 0, 0], [0, 1, 1], 2),
    ],
)
def test_categories_are_matched_with_classes_at_their_best(categories, found, labels, right):
    error = category_error(Reader(categories), images(found), np.array(labels))
    assert error == pytest.approx(1 - right / len(labels))
