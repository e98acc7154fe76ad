"""Seeded minibatches that can start at any step, which is what makes a resumed run exact."""

import itertools
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from zoo.data.dataset import Dataset, grey_values
from zoo.data.streamed import StreamedImages, ahead
from zoo.errors import RequestError
from zoo.pictures.grids import to_image


class Batches:
    """Endless shuffled minibatches of a dataset.

    Epoch e visits the data in an order that depends on (seed, e) alone, so the batch of a step is
    known without the steps before it. The last, incomplete batch of an epoch is left out.

    Args:
        dataset: `zoo.data.Dataset` of uint8 images, or of points, which stay as they are.
        batch_size: images per batch.
        value_range: (low, high), what 0 and 255 become.
        seed: of the order.
        repeats: batches that one step takes, as one of `repeats` times the size.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        value_range: tuple[float, float],
        seed: int,
        repeats: int = 1,
    ) -> None:
        count = len(dataset.images)
        if not 1 <= batch_size * repeats <= count:
            shared = f", divided by the {repeats} batches of a step" if repeats > 1 else ""
            raise RequestError(
                f"batch_size must be from 1 to the {count} images of the data{shared}. "
                f"Received: {batch_size}"
            )
        batch_size *= repeats
        self.dataset = dataset
        self.batch_size = batch_size
        self.seed = seed
        self.steps_per_epoch = count // batch_size
        self.values = grey_values(*value_range)

    @property
    def whole(self) -> np.ndarray | None:
        """All images, uint8 or points, where those of a batch are some of them as they are."""
        images = self.dataset.images
        return images if isinstance(images, np.ndarray) else None

    def batch(self, step: int, order: np.ndarray) -> tuple[np.ndarray, ...]:
        """The batch of global step `step`, given its epoch's order: (images[, labels])."""
        chosen, *labels = self.chosen(step, order)
        images = self.dataset.images[chosen]
        return images if self.dataset.points else self.values[images], *labels

    def chosen(self, step: int, order: np.ndarray) -> tuple[np.ndarray, ...]:
        """As `batch`, with the indices of its images in their place."""
        start = step % self.steps_per_epoch * self.batch_size
        chosen = order[start : start + self.batch_size]
        return (chosen,) if self.dataset.labels is None else (chosen, self.dataset.labels[chosen])

    def from_step(self, step: int) -> Iterator[tuple[np.ndarray, ...]]:
        """Yields the batches of steps `step`, `step` + 1, ... without end."""
        batches = self._from_step(step, self.batch)
        return ahead(batches) if isinstance(self.dataset.images, StreamedImages) else batches

    def indices_from_step(self, step: int) -> Iterator[tuple[np.ndarray, ...]]:
        """As `from_step`, with the indices of a batch's images in their place."""
        return self._from_step(step, self.chosen)

    def _from_step(
        self, step: int, make: Callable[[int, np.ndarray], tuple[np.ndarray, ...]]
    ) -> Iterator[tuple[np.ndarray, ...]]:
        order = None
        for now in itertools.count(step):
            epoch, position = divmod(now, self.steps_per_epoch)
            if position == 0 or order is None:
                rng = np.random.default_rng([self.seed, epoch])
                order = rng.permutation(len(self.dataset.images))
            yield make(now, order)


class SemiSupervisedBatches(Batches):
    """Batches whose labels are -1 but for one image in ten, which is one of a few labelled ones.

    The labelled images are chosen once, by the seed, as many of each class as the count allows.

    Args:
        batches: the `Batches` whose labels are hidden.
        labels: how many images keep their label.
    """

    def __init__(self, batches: Batches, labels: int) -> None:
        vars(self).update(vars(batches))
        if self.dataset.labels is None:
            raise RequestError(
                "Training with few labels needs data with class labels. "
                f"Received: {self.dataset.name}"
            )
        self.labels = self.dataset.labels
        self.labelled = choose_labelled(self.dataset, labels, self.seed)

    def chosen(self, step: int, order: np.ndarray) -> tuple[np.ndarray, ...]:
        chosen, labels = super().chosen(step, order)
        rng = np.random.default_rng([self.seed, step, 1])
        shown = rng.choice(self.labelled, max(1, len(chosen) // 10))
        labels = np.full_like(labels, -1)
        labels[: len(shown)] = self.labels[shown]
        return np.concatenate([shown, chosen[len(shown) :]]), labels


class PairedBatches(Batches):
    """Batches (inputs, images) of a paired dataset, each pair moved as one.

    Args:
        dataset, batch_size, value_range, seed: see `Batches`.
        jitter: pixels by which a pair is enlarged (bicubic) before a window of the old size, at a
            random place, is cut out; 0 for none (30 at 256 pixels in Isola et al. 2017).
        mirror: whether half of the pairs are mirrored, left to right.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        value_range: tuple[float, float],
        seed: int,
        jitter: int = 0,
        mirror: bool = True,
    ) -> None:
        super().__init__(dataset, batch_size, value_range, seed)
        self.jitter = jitter
        self.mirror = mirror

    @property
    def whole(self) -> None:
        return None

    def batch(self, step: int, order: np.ndarray) -> tuple[np.ndarray, ...]:
        rng = np.random.default_rng([self.seed, step, 2])
        pairs = [self._moved(index, rng) for index in self.chosen(step, order)[0]]
        return tuple(self.values[np.stack(images)] for images in zip(*pairs, strict=True))

    def _moved(self, index: int, rng: np.random.Generator) -> list[np.ndarray]:
        """The pair of an index, uint8."""
        assert self.dataset.inputs is not None
        pair = [self.dataset.inputs[index], self.dataset.images[index]]
        if self.jitter:
            sides = np.array(self.dataset.image_shape[1::-1])  # width, height
            corner = rng.integers(self.jitter + 1, size=2) * sides / (sides + self.jitter)
            opposite = corner + sides * sides / (sides + self.jitter)
            box = (corner[0], corner[1], opposite[0], opposite[1])
            pair = [enlarge(image, box) for image in pair]
        if self.mirror and rng.random() < 0.5:
            pair = [image[:, ::-1] for image in pair]
        return pair


def enlarge(image: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """The part `box` (left, top, right, bottom) of a uint8 image, at the image's size."""
    whole = to_image(image)
    part = whole.resize(whole.size, Image.Resampling.BICUBIC, box=box)
    return np.asarray(part).reshape(image.shape)


def choose_labelled(dataset: Dataset, count: int, seed: int) -> np.ndarray:
    """Indices of `count` images, as many of each class, the first classes having one more."""
    assert dataset.labels is not None
    classes = dataset.num_classes
    labels = dataset.labels
    available = np.bincount(labels, minlength=classes)
    wanted = count // classes + (np.arange(classes) < count % classes)
    if (wanted > available).any():
        scarce = int(np.argmax(wanted > available))
        raise RequestError(
            f"labels must be a count that every class can share in; {dataset.class_names[scarce]} "
            f"has {available[scarce]} images. Received: {count}"
        )
    order = np.random.default_rng([seed, 0]).permutation(len(labels))
    return np.concatenate([order[labels[order] == c][:number] for c, number in enumerate(wanted)])
