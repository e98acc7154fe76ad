"""Data sets in memory: the named ones, and any folder or archive of images."""

from zoo.data.dataset import DATASETS, Dataset, load, locate

__all__ = ["DATASETS", "Dataset", "load", "locate"]
