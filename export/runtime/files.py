"""The pictures of an exported file."""

import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from export.runtime.graphs import FILES, Graph, is_installed, open_graph
from export.runtime.metadata import LARGEST_SIDE
from export.runtime.noise import Array
from export.runtime.sampler import Sampler


class FileSampler(Sampler):
    """An exported generator, with the encoder beside it where there is one."""

    def __init__(self, path: str | Path, threads: int | None = None):
        self.path, self.threads = Path(path), threads
        self.graph = open_graph(path, threads)
        super().__init__(self.graph.inputs, self.graph.class_names)
        shape = self.graph.output_shape
        sides = [n or 1 for n in shape[1:3]]
        if len(shape) != 2 and (
            len(shape) != 4 or shape[-1] not in (1, 3) or max(sides) > LARGEST_SIDE
        ):
            raise ValueError(
                f"Points, or images of 1 or 3 channels and sides to {LARGEST_SIDE}, can be drawn. "
                f"Received: {path}, whose output is of shape {shape}"
            )

    @property
    def drawn_size(self) -> int:
        return math.prod(n or 0 for n in self.graph.output_shape[1:])

    @property
    def metadata(self) -> dict[str, Any]:
        """What the file says about itself: model, dataset, inputs, versions and more."""
        return self.graph.metadata

    @property
    def provider(self) -> str:
        """What runs the graph, for example CPUExecutionProvider."""
        return self.graph.provider

    def draw(self, inputs: Mapping[str, Array]) -> Array:
        return self.graph.run(inputs)

    @property
    def encoded_shape(self) -> tuple[int, ...] | None:
        spec = self._encoder.inputs.get("image") if self.beside("encoder").is_file() else None
        return None if spec is None else tuple(spec["shape"])

    def beside(self, graph: str) -> Path:
        """Where another graph of the model lies in the same precision, such as "encoder"."""
        precision = self.metadata.get("precision", "fp32")
        return self.path.with_stem(graph if precision == "fp32" else f"{graph}_{precision}")

    @functools.cached_property
    def _encoder(self) -> Graph:
        file = self.beside("encoder")
        if not file.is_file():
            raise ValueError(
                f"Encoding needs {file.name} beside {self.path.name}, and there is no {file}"
            )
        return open_graph(file, self.threads)

    def encode(self, images: Any, classes: Sequence[str | int] | None = None) -> Array:
        return self._run_on(self._encoder, "image", images, classes)

    def decode(self, z: Any, classes: Sequence[str | int] | None = None) -> Array:
        return self._run_on(self.graph, "z", z, classes)

    def _run_on(
        self, graph: Graph, name: str, array: Any, classes: Sequence[str | int] | None
    ) -> Array:
        """The output of a graph that takes one input, and labels where it is conditional."""
        array = np.asarray(array, "float32")
        if graph.inputs.keys() - {"label"} != {name}:
            raise ValueError(
                f"The graph must take {name} alone, or {name} and labels. "
                f"Received: a graph of {', '.join(graph.inputs)}"
            )
        shape = tuple(graph.inputs[name]["shape"])
        if array.shape[1:] != shape or not array.size:
            size = ", ".join(map(str, shape))
            raise ValueError(f"{name} must be of shape (n, {size}). Received: {array.shape}")
        inputs = {name: array}
        if "label" in graph.inputs:
            if classes is None or len(classes) != len(array):
                raise ValueError(
                    f"Each of the {len(array)} examples needs a class. Received: {classes}"
                )
            inputs["label"] = np.array([self.class_index(wanted) for wanted in classes], "int32")
        return graph.run(inputs)


def load(path: str | Path, threads: int | None = None) -> FileSampler:
    """The generator in an exported file or folder.

    Args:
        path: a .onnx or .tflite file, or a folder with `model.onnx` or `model.tflite`: where it
            has both, the one whose runtime is installed, and ONNX if both are.
        threads: how many compute; None for one per core.

    Raises:
        ValueError: there is none, it is damaged, or its runtime is not installed.
    """
    path = Path(path)
    if path.is_file():
        return FileSampler(path, threads)
    inside = [path / name for name in FILES if (path / name).is_file()]
    if not inside:
        raise ValueError(
            f"An exported generator is a .onnx or .tflite file, or a folder with "
            f"{' or '.join(FILES)}. Received: {path}"
        )
    return FileSampler(next((p for p in inside if is_installed(p.suffix)), inside[0]), threads)
