"""Data sets in memory: the named ones, and any folder or archive of images."""

from zoo.data.dataset import DATASETS, PAIRS, Dataset, load, locate

__all__ = ["DATASETS", "PAIRS", "Dataset", "load", "locate"]
