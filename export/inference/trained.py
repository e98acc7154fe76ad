"""A run that draws: the trained model itself, or its exported graph in the model's place."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from export import runtime
from export.hub.pretrained import PublishedRun
from zoo.training.loop import build_model, trained_model
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


class GraphModel:
    """A published model without weights for Keras, as the scores of samples look at it.

    Its exported graph draws. An untrained model of the same settings gives the noise, so that the
    samples are those of the run it was exported from.
    """

    has_likelihood = classifies = False  # the weights for that are not there

    def __init__(self, run: PublishedRun):
        self._sampler = runtime.load(run.repository.generator())
        untrained = build_model(run.config)
        self.conditional, self.translates = untrained.conditional, untrained.translates
        self.image_shape, self.averages = untrained.image_shape, untrained.averages
        self.named_networks = untrained.named_networks
        self.sample_inputs = untrained.sample_inputs

    def generate(self, inputs: Mapping[str, Any]) -> np.ndarray:
        """Images (n, h, w, c) in [0, 1] of a dict of noise and labels."""
        return self._sampler.draw({name: np.asarray(value) for name, value in inputs.items()})

    def translate(self, images: Any, seed: int = 0) -> np.ndarray:
        """Translations of uint8 images (n, h, w, c), in [0, 1]."""
        return self._sampler.translate(images, seed)


def graph_model(run: Run) -> GraphModel | None:
    """What draws for a published run of which there are exported graphs alone; None for others."""
    return GraphModel(run) if isinstance(run, PublishedRun) and not run.has_weights else None
