"""A run that draws: the trained model itself, in the backend that trained it."""

from collections.abc import Mapping

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
