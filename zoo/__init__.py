"""A Keras 3 model zoo of the classic deep generative models."""

from typing import Literal, get_args

__version__ = "0.1.0"

DEFAULT_DATASET = "fashion_mnist_10k"  # one of `zoo.data.DATASETS`, which comes with the package

Backend = Literal["tensorflow", "jax", "torch"]
BACKENDS: tuple[str, ...] = get_args(Backend)
Policy = Literal["float32", "mixed_bfloat16", "mixed_float16"]  # what networks compute in
POLICIES: tuple[str, ...] = get_args(Policy)
