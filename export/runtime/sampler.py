"""What draws pictures: from explicit inputs, from noise, or from images."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from export.runtime.noise import Array, Inputs, Noise, image_input, input_shape

Classes = str | int | Sequence[str | int] | Array

BATCH = 64  # images per call of the graph, which bounds the memory
BATCH_PIXELS = 2**18  # the same for image-to-image models, whose images may be large
LARGEST_WORK = 2**30  # numbers of all examples of a call, inputs and outputs together


class Sampler:
    """Draws pictures from explicit inputs. A subclass defines `draw`.

    Attributes:
        inputs: dict of input name to {"shape", "dtype", "prior"} of one example.
        class_names: names of the classes, () where labels are not an input.
    """

    def __init__(self, inputs: Inputs, class_names: Sequence[str]):
        self.inputs = inputs
        self.class_names = tuple(class_names) if "label" in inputs else ()

    @property
    def encoded_shape(self) -> tuple[int, ...] | None:
        """Shape of an image that `encode` takes; None where there is no encoder."""
        return None

    @property
    def drawn_size(self) -> int:
        """Numbers of one image, 0 where that is not known before it is drawn."""
        return 0

    def draw(self, inputs: Mapping[str, Array]) -> Array:
        """Images float32 (n, height, width, channels) in [0, 1] from a dict of arrays."""
        raise NotImplementedError

    def encode(self, images: Any, classes: Sequence[str | int] | None = None) -> Array:
        """The inputs `z` from which `decode` draws images as close to these as the model can.

        Args:
            images: float32 (n, height, width, channels) in [0, 1].
            classes: class names or indices, n of them, where the encoder takes labels.

        Returns:
            float32 (n, ...) for `decode`.
        """
        raise NotImplementedError

    def decode(self, z: Any, classes: Sequence[str | int] | None = None) -> Array:
        """Images from inputs `z`, for a generator that takes nothing else except labels.

        Args:
            z: float32 (n, ...), drawn from its prior or returned by `encode`.
            classes: as for `encode`.

        Returns:
            float32 (n, height, width, channels) in [0, 1].
        """
        raise NotImplementedError

    def class_index(self, wanted: str | int) -> int:
        """The index of a class that is given by its index or, as a text, by its name or index."""
        if not self.class_names:
            raise ValueError(
                f"This generator is unconditional and takes no class. Received: {wanted!r}"
            )
        if isinstance(wanted, str):
            if wanted in self.class_names:
                return self.class_names.index(wanted)
            folded = [name.casefold() for name in self.class_names]
            if wanted.casefold() in folded:
                return folded.index(wanted.casefold())
        if str(wanted).isdecimal() and int(wanted) < len(self.class_names):
            return int(wanted)
        names = ", ".join(
            name if name == str(index) else f"{index} {name}"
            for index, name in enumerate(self.class_names)
        )
        raise ValueError(f"The class must be one of {names}. Received: {wanted!r}")

    def noise(
        self,
        count: int,
        labels: Sequence[int] | Array | None = None,
        seed: int = 0,
        size: Sequence[int] | None = None,
    ) -> dict[str, Array]:
        """A dict of arrays for `draw`: noise from each input's prior, and the labels.

        Args:
            count: how many examples.
            labels: class indices, `count` of them, where labels are an input.
            seed: integer from 0.
            size: (height, width) of an image-to-image model's images, by default those it was
                trained on.
        """
        self._bound_work(count, size)
        return Noise(self.inputs, seed, size).next(count, labels)

    def _bound_work(self, count: int, size: Sequence[int] | None = None) -> None:
        """Refuses more examples than memory should be asked for, before any is made."""
        each = sum(math.prod(input_shape(spec, size)) for spec in self.inputs.values())
        each += self.drawn_size or (3 * math.prod(size) if size else 0)
        if count * each > LARGEST_WORK:
            raise ValueError(
                f"One call may take and make at most {LARGEST_WORK} numbers: ask for fewer or "
                f"smaller images. Received: {count} times {each} numbers"
            )

    def generate(
        self,
        count: int,
        classes: Classes | None = None,
        seed: int = 0,
        fixed: Mapping[str, Any] | None = None,
    ) -> Array:
        """Draws `count` pictures.

        Args:
            count: how many, at least 1.
            classes: one class name or index, or a sequence of `count` of them; None takes the
                classes in turn. For conditional generators only.
            seed: integer from 0.
            fixed: dict of input name to a value that all pictures share, such as {"category": 3};
                the other inputs are drawn from their priors.

        Returns:
            float32 (count, height, width, channels) in [0, 1].
        """
        self._bound_work(count)
        return np.concatenate([images for images, _ in self.stream(count, classes, seed, fixed)])

    def stream(
        self,
        count: int,
        classes: Classes | None = None,
        seed: int = 0,
        fixed: Mapping[str, Any] | None = None,
        first: int = 0,
    ) -> Iterator[tuple[Array, Array | None]]:
        """The pictures that `generate` draws in batches, of which only one is in memory.

        Args:
            count, classes, seed, fixed: as for `generate`.
            first: the number of the picture to begin with, from 0; those before it are not drawn.

        Yields:
            (float32 (n, height, width, channels) in [0, 1], class indices (n,) or None).
        """
        if self.image_input:
            raise ValueError(
                "An image-to-image model has nothing to draw from: call translate with images"
            )
        if count < 1:
            raise ValueError(f"The number of images must be at least 1. Received: {count}")
        if seed < 0:
            raise ValueError(f"The seed must be an integer from 0. Received: {seed}")
        self._bound_work(min(count, BATCH))
        labels = self._chosen(count, classes)
        shared = {k: self._shared(k, value, BATCH) for k, value in (fixed or {}).items()}
        noise = Noise(self.inputs, seed)
        edges = sorted({*range(0, count, BATCH), first, count})
        for start, end in itertools.pairwise(edges):
            chosen = labels(np.arange(start, end)) if labels else None
            inputs = noise.next(end - start, chosen)
            if start >= first:
                fixed_now = {name: value[: end - start] for name, value in shared.items()}
                yield self.draw({**inputs, **fixed_now}), chosen

    def _chosen(self, count: int, classes: Classes | None) -> Callable[[Array], Array] | None:
        """What gives the class indices of the pictures with some numbers; None without classes."""
        if classes is None:
            names = len(self.class_names)
            return (lambda numbers: numbers % names) if names else None
        if isinstance(classes, (str, int, np.integer)):
            index = self.class_index(classes)
            return lambda numbers: np.full_like(numbers, index)
        every = np.array([self.class_index(wanted) for wanted in classes])
        if len(every) != count:
            raise ValueError(f"{count} images need {count} classes. Received: {len(every)}")
        return lambda numbers: every[numbers]

    @property
    def image_input(self) -> str | None:
        """Name of the input that takes an image to translate, None where there is none."""
        return image_input(self.inputs)

    def translate(self, images: Any, seed: int = 0) -> Array:
        """What an image-to-image model makes of images.

        The network takes sides that are a multiple of some number. Other images are extended to
        one by mirroring them at the edges, and the result is cut back to their size.

        Args:
            images: (n, height, width, channels) in [0, 1]; all have one size, which may be any.
            seed: of the dropout masks, where the model has some; an integer from 0.

        Returns:
            float32 (n, height, width, channels) in [0, 1].
        """
        name, images = self.image_input, np.asarray(images, "float32")
        if name is None:
            raise ValueError("translate needs an image-to-image model such as pix2pix")
        spec = self.inputs[name]
        channels, multiple = spec["shape"][-1], spec["multiple"]
        if images.ndim != 4 or images.shape[-1] != channels or not images.size:
            raise ValueError(
                f"Images to translate must be (n, height, width, {channels}). "
                f"Received: {images.shape}"
            )
        count, height, width, _ = images.shape
        more = [-side % multiple for side in (height, width)]
        images = np.pad(images, ((0, 0), (0, more[0]), (0, more[1]), (0, 0)), mode="symmetric")
        size = images.shape[1:3]
        inputs = {**self.noise(count, seed=seed, size=size), name: images}
        rows = max(1, BATCH_PIXELS // (size[0] * size[1]))
        drawn = np.concatenate(
            [
                self.draw({key: array[start : start + rows] for key, array in inputs.items()})
                for start in range(0, count, rows)
            ]
        )
        if drawn.shape[1:3] != size:
            raise ValueError(
                f"A translation must be as large as the image, {size}. Received: {drawn.shape[1:3]}"
            )
        return drawn[:, :height, :width]

    def _shared(self, name: str, value: Any, count: int) -> Array:
        """An array that repeats one value `count` times, for an input other than the label."""
        free = [key for key, spec in self.inputs.items() if spec["prior"] != "class"]
        if name not in free:
            raise ValueError(f"An input to fix must be one of {', '.join(free)}. Received: {name}")
        spec = self.inputs[name]
        given = np.asarray(value, dtype=spec["dtype"])
        if given.shape != tuple(spec["shape"]):
            size = "x".join(map(str, spec["shape"])) or "1"
            raise ValueError(f"{name} takes {size} numbers. Received: {value}")
        if "classes" in spec and not np.all((given >= 0) & (given < spec["classes"])):
            raise ValueError(f"{name} must be from 0 to {spec['classes'] - 1}. Received: {value}")
        return np.repeat(given[np.newaxis], count, axis=0)
