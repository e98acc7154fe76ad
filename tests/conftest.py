"""The suite runs once per backend, chosen by KERAS_BACKEND (see `python -m tests`)."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# PyTorch's threads spin while they wait: on busy cores a step takes many times as long with two.
os.environ.setdefault("OMP_NUM_THREADS", "1")
