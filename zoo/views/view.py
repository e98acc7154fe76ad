"""`View`: what a picture is made of, a run's model with its weights and its data."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from zoo.data import Dataset
from zoo.errors import RequestError
from zoo.metrics.classifier import find_classifier, load_classifier
from zoo.metrics.samples import parts
from zoo.pictures import grids
from zoo.training.loop import trained_model
from zoo.training.run import Run

ROWS, COLUMNS = 8, 10  # of a grid of images

Inputs = dict[str, np.ndarray]  # what drawings are made of, by the names of a model's `inputs_spec`


@dataclass(frozen=True)
class View:
    """A run's model with its weights, and its data.

    Args:
        run: of this process' backend, or with weights alone that any backend reads.
        data_dir: where the run's dataset lies now, when it moved.
    """

    run: Run
    data_dir: Path | None = None

    @cached_property
    def model(self) -> Any:
        return trained_model(self.run)

    def dataset(self, split: str = "test") -> Dataset:
        return self.run.dataset(split, self.data_dir)

    def require(self, fits: Any, what: str) -> None:
        """Refuses a run that this kind of picture does not fit."""
        if not fits:
            raise RequestError(f"This picture needs {what}. Received: {self.run.path}")

    def encode(self, images: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Codes of uint8 images."""
        self.require(self.model.has_encoder, "a model with an encoder, such as vae or aae")
        return self.model.encode(images, labels if self.model.encoder_labels else None)

    def decode(self, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """uint8 images of codes."""
        inputs: dict[str, Any] = {"z": z.astype("float32")}
        if self.model.conditional:
            inputs["label"] = labels
        return self.draw(inputs)

    def draw(self, inputs: Inputs) -> np.ndarray:
        """uint8 images of whatever the model draws from."""
        return grids.to_uint8(self.model.generate(inputs))

    def noise(self, count: int, labels: np.ndarray | None = None) -> Inputs:
        """What `count` drawings are made of, from seed 0, as arrays."""
        self.require(not self.model.translates, "a model that draws images from noise")
        inputs = self.model.sample_inputs(count, labels, seed=0)
        return {name: ops.convert_to_numpy(value) for name, value in inputs.items()}

    def require_normal(self) -> None:
        """Refuses a model whose `z` has another prior than a standard normal."""
        spec = {} if self.model.translates else self.model.inputs_spec["z"]
        self.require(spec.get("prior") == "normal", "a model that draws from normal noise z")

    def classify(self, images: np.ndarray) -> np.ndarray:
        """The classes (n,) that the dataset's classifier finds likeliest, of uint8 images."""
        path = find_classifier(self.dataset(), self.run.path.parent)
        classifier = load_classifier(path)
        return np.concatenate(
            [classifier.look(part)[1].argmax(axis=1) for part, _ in parts(images)]
        )


def with_z(inputs: Inputs, z: np.ndarray) -> Inputs:
    """Other values of z for each drawing, all else that the drawing is made of as it is.

    Args:
        inputs: of n drawings.
        z: (n, m, ...), m values for each of them.

    Returns:
        The inputs of n * m drawings, those of one after another.
    """
    found = {name: value.repeat(z.shape[1], axis=0) for name, value in inputs.items()}
    return {**found, "z": z.reshape(-1, *z.shape[2:]).astype("float32")}
