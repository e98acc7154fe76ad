"""A Keras 3 model zoo of the classic deep generative models."""

__version__ = "0.1.0"

BACKENDS = ("tensorflow", "jax", "torch")
