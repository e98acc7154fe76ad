"""Datasets in memory: the named ones, and any folder or archive of images."""

from zoo.data.dataset import DATASETS, PAIRS, TASKS, Dataset, lies_in_pairs, load, locate

__all__ = ["DATASETS", "PAIRS", "TASKS", "Dataset", "lies_in_pairs", "load", "locate"]
