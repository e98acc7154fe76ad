"""The suite runs once per backend, chosen by KERAS_BACKEND (see `python -m tests`)."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
