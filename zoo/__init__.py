"""A Keras 3 model zoo of the classic deep generative models."""

from typing import Literal, get_args

__version__ = "0.1.0"

Backend = Literal["tensorflow", "jax", "torch"]
BACKENDS: tuple[str, ...] = get_args(Backend)
