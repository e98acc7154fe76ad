"""A run that draws: the trained model itself, in the backend that trained it."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from export import runtime
from zoo.training.loop import trained_model
from zoo.training.run import Run


class RunSampler(runtime.Sampler):
    """Draws with a run's model. Keras must run on the run's backend."""

    def __init__(self, run: Run):
        self.model = trained_model(run)
        super().__init__(self.model.inputs_spec, run.config["dataset"]["class_names"])

    @property
    def encoded_shape(self) -> tuple[int, ...] | None:
        return tuple(self.model.image_shape) if self.model.has_encoder else None

    def encode(self, images: Any, classes: Sequence[str | int] | None = None) -> np.ndarray:
        return self.model.encode(images, self._labels(classes))

    def decode(self, z: Any, classes: Sequence[str | int] | None = None) -> np.ndarray:
        labels = self._labels(classes)
        return self.model.generate({"z": z} if labels is None else {"z": z, "label": labels})

    def _labels(self, classes: Sequence[str | int] | None) -> np.ndarray | None:
        if classes is None:
            return None
        return np.array([self.class_index(wanted) for wanted in classes], "int32")

    @property
    def graphs(self) -> tuple[str, ...]:
        """Names of the model's graphs, which are what is exported."""
        return tuple(self.model.graphs)

    def inputs_of(self, graph: str) -> tuple[str, ...]:
        """Names of a graph's inputs."""
        return tuple(self.model.graphs[graph].inputs)

    def draw(self, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return self.model.generate(inputs)

    def run(self, graph: str, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """The output of one of the model's graphs for a dict of arrays."""
        tensors = {name: keras.ops.convert_to_tensor(value) for name, value in inputs.items()}
        return keras.ops.convert_to_numpy(self.model.graphs[graph].function(tensors))
