"""A published model without weights for Keras, as the scores of samples look at it."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from export import runtime
from export.hub.pretrained import PublishedRun
from zoo.errors import as_request
from zoo.training.loop import build_model
from zoo.training.run import Run


class GraphModel:
    """What draws with a model's exported graph.

    An untrained model of the same settings gives the noise, so that the
    samples are those of the run it was exported from.
    """

    has_likelihood = classifies = False  # the weights for that are not there

    def __init__(self, run: PublishedRun):
        with as_request():
            self._sampler = runtime.load(run.repository.generator())
        untrained = build_model(run.config)
        self.conditional, self.translates = untrained.conditional, untrained.translates
        self.image_shape, self.averages = untrained.image_shape, untrained.averages
        self.named_networks = untrained.named_networks
        self.sample_inputs = untrained.sample_inputs

    def generate(self, inputs: Mapping[str, Any]) -> np.ndarray:
        """Images (n, h, w, c) in [0, 1] of a dict of noise and labels."""
        with as_request():
            return self._sampler.draw({name: np.asarray(value) for name, value in inputs.items()})

    def translate(self, images: np.ndarray, seed: int = 0) -> np.ndarray:
        """Translations of uint8 images (n, h, w, c), in [0, 1]."""
        with as_request():
            return self._sampler.translate(images / np.float32(255), seed)


def graph_model(run: Run) -> GraphModel | None:
    """What draws for a published run of which there are exported graphs alone; None for others."""
    return GraphModel(run) if isinstance(run, PublishedRun) and not run.has_weights else None
