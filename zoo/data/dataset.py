"""`load`: one way to a `Dataset`, whether it has a name or lies in a folder or an archive."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from zoo import DEFAULT_DATASET
from zoo.data import celeba, cifar, digits, facades, fashion_10k, flowers, mnist, toy
from zoo.data.archive import SUFFIXES, open_images, stem
from zoo.data.images import MAX_SIDE, adjust, arrange, left_out, read_images
from zoo.data.mixtures import Mixture
from zoo.data.pairs import read_pairs
from zoo.data.streamed import StreamedImages
from zoo.data.tasks import TASKS, derive
from zoo.errors import RequestError, unknown


@dataclass(frozen=True, eq=False)
class Dataset:
    """One split of a dataset, decoded and in memory, or else streamed from a folder.

    Images are kept as uint8. A model is trained on floats in its own range of values, which
    `floats` gives: `model.fit(dataset.floats(*model.value_range), dataset.labels)`.

    Args:
        name: "fashion_mnist" for example, or the stem of the path.
        images: uint8 (n, height, width, channels), channels 1 or 3; or points, float32 (n, d).
        labels: int32 (n,), indices into `class_names`; None when unlabeled.
        class_names: () when unlabeled.
        source: where it was found, for the run's record.
        mixture: the distribution that points were drawn from.
        inputs: of pairs, uint8 (n, height, width, channels): what `images` are to be drawn from.
        part_of: name of the dataset whose training split all these images come from, test images
            included; None for a dataset of its own.
        notes: sentences that the person who loads it should read, as on files that were left out.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray | None
    class_names: tuple[str, ...]
    source: str
    mixture: Mixture | None = None
    inputs: np.ndarray | None = None
    part_of: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(height, width, channels), or (d,) for points."""
        return self.images.shape[1:]

    @property
    def points(self) -> bool:
        """Whether `images` are points of a space and not pictures."""
        return len(self.image_shape) == 1

    @property
    def num_classes(self) -> int:
        """How many classes there are; 0 when unlabeled."""
        return len(self.class_names)

    def floats(self, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """The images as float32 of the same shape, 0 becoming `low` and 255 `high`.

        Points stay as they are.

        Args:
            low, high: a model's `value_range`; `encode` and the like take images in [0, 1].
        """
        return self.images if self.points else grey_values(low, high)[self.images]

    def spread(self, count: int) -> np.ndarray:
        """Indices of `count` images, of all where there are fewer, spread evenly over the set."""
        total = len(self.images)
        return np.linspace(0, total - 1, min(count, total)).astype(int)

    def binarized(self, seed: int) -> "Dataset":
        """The same with each pixel 0 or 255, drawn once with its grey level as probability."""
        grey = np.asarray(self.images)  # refused of images that are streamed
        coins = np.random.default_rng(seed).random(grey.shape, dtype="float32")
        images = np.where(coins * 255.0 < grey, np.uint8(255), np.uint8(0))
        return replace(self, images=images)

    @cached_property
    def fingerprint(self) -> str:
        """The sha256, as hex, over the shape, the images and the labels.

        Of images that are streamed, their names and sizes stand for them.
        """
        digest = hashlib.sha256(repr(tuple(map(int, self.images.shape))).encode())
        if isinstance(self.images, StreamedImages):
            digest.update(self.images.fingerprint.encode())
        else:
            digest.update(np.ascontiguousarray(self.images).data)
        if self.labels is not None:
            digest.update(b"labels")
            digest.update(np.ascontiguousarray(self.labels, "<i4").data)
        if self.inputs is not None:
            digest.update(f"inputs {tuple(map(int, self.inputs.shape))}".encode())
            digest.update(np.ascontiguousarray(self.inputs).data)
        return digest.hexdigest()


def grey_values(low: float, high: float) -> np.ndarray:
    """float32 (256,): what each of the 256 grey levels becomes, 0 `low` and 255 `high`."""
    return np.linspace(low, high, 256).astype("float32")


@dataclass(frozen=True)
class NamedDataset:
    """A dataset that `load` knows by name."""

    description: str
    image_shape: tuple[int, ...]  # without --image-size: (height, width, channels), or (d,)
    class_names: tuple[str, ...]  # () when unlabeled
    # (data directory, split, image_size) -> images, labels and source as in `Dataset`. Where the
    # originals are large they are resized as they are read; else the one size that there is comes.
    read: Callable[[Path, str, int | None], tuple[np.ndarray, np.ndarray | None, str]]
    # (data directory) -> the source `read` would use without downloading, or None.
    locate: Callable[[Path], str | None]
    mixture: Mixture | None = None
    part_of: str | None = None  # as in `Dataset`


def _toy(name: str, description: str) -> NamedDataset:
    mixture = toy.MIXTURES[name]
    return NamedDataset(
        f"{description} (50,000 + 10,000)",
        mixture.means.shape[1:],
        toy.CLASSES[name],
        read=lambda folder, split, image_size: toy.read(name, split),
        locate=lambda folder: toy.SOURCE,
        mixture=mixture,
    )


DIRECTIONS = ("AtoB", "BtoA")
PAIRS = "pairs"  # the task of those that lie there, beside the TASKS that make them

DATASETS = {
    fashion_10k.NAME: NamedDataset(
        "28x28 articles of clothing, a part of fashion_mnist that is included (9,000 + 1,000)",
        mnist.IMAGE_SHAPE,
        mnist.FASHION_CLASSES,
        read=lambda folder, split, image_size: fashion_10k.read(split),
        locate=lambda folder: fashion_10k.locate(),
        part_of="fashion_mnist",
    ),
    "digits": NamedDataset(
        "8x8 handwritten digits that come with scikit-learn (1,438 + 359)",
        digits.IMAGE_SHAPE,
        digits.CLASSES,
        read=lambda folder, split, image_size: digits.read(split),
        locate=lambda folder: digits.locate(),
    ),
    "mnist": NamedDataset(
        "28x28 handwritten digits (60,000 + 10,000)",
        mnist.IMAGE_SHAPE,
        digits.CLASSES,
        read=lambda folder, split, image_size: mnist.read("mnist", folder, split),
        locate=partial(mnist.locate, "mnist"),
    ),
    "fashion_mnist": NamedDataset(
        "28x28 articles of clothing (60,000 + 10,000)",
        mnist.IMAGE_SHAPE,
        mnist.FASHION_CLASSES,
        read=lambda folder, split, image_size: mnist.read("fashion_mnist", folder, split),
        locate=partial(mnist.locate, "fashion_mnist"),
    ),
    "cifar10": NamedDataset(
        "32x32 colour photographs of animals and vehicles (50,000 + 10,000)",
        cifar.IMAGE_SHAPE,
        cifar.CLASSES,
        read=lambda folder, split, image_size: cifar.read(folder, split),
        locate=cifar.locate,
    ),
    "flowers102": NamedDataset(
        "photographs of 102 kinds of flowers, at 48x48 or --image-size (6,149 + 2,040)",
        flowers.IMAGE_SHAPE,
        flowers.CLASSES,
        read=flowers.read,
        locate=flowers.locate,
    ),
    "celeba": NamedDataset(
        "photographs of faces, unlabeled, at 48x48 or --image-size (162,770 + 19,962)",
        celeba.IMAGE_SHAPE,
        (),
        read=celeba.read,
        locate=celeba.locate,
    ),
    facades.NAME: NamedDataset(
        "house fronts, for pix2pix in pairs with maps of their parts, at 256x256 or --image-size "
        "(400 + 106)",
        facades.IMAGE_SHAPE,
        (),
        read=facades.read,
        locate=facades.locate,
    ),
    "gaussian": _toy("gaussian", "points of one Gaussian on the line"),
    "ring": _toy("ring", "points of 8 Gaussians on a circle"),
    "grid": _toy("grid", "points of 25 Gaussians on a square grid"),
    "swiss_roll": _toy("swiss_roll", "points along a spiral in the plane"),
}


def load(
    name: str | os.PathLike = DEFAULT_DATASET,
    *,
    split: str = "train",
    data_dir: str | os.PathLike | None = None,
    image_size: int | None = None,
    color: str | None = None,
    task: str | None = None,
    direction: str | None = None,
    stream: bool | None = None,
) -> Dataset:
    """Loads one split of a dataset into memory.

    Args:
        name: one of `DATASETS`, or the path of a folder or an archive of images (see
            `zoo.data.images` for the layouts). A named dataset is looked up first: write
            "./mnist" for a folder of that name.
        split: "train", "test", or "all" for the training images and then the test images.
        data_dir: where the named datasets lie and are downloaded to. By default the environment
            variable ZOO_DATA_DIR, or else ~/.keras/datasets.
        image_size: None keeps the images as they are (they must then share one size); a number
            makes them square: centre crop to the short side, then a Lanczos resize. Images that
            already have that size stay bit for bit. flowers102 and celeba, whose originals are
            large, come at 48 when it is None. Points take neither a size nor a colour.
        color: "gray" or "rgb" converts; None keeps, which for a folder or an archive means grey
            when every image is single-channel and RGB otherwise.
        task: makes pairs, whose one image is to be drawn from the other. "pairs": they lie so in
            the folder or archive (see `zoo.data.pairs`), or in facades, which is photographs alone
            without. Else one of `zoo.data.tasks`, which makes the input A of each image B.
        direction: of pairs, "AtoB" (the default) or "BtoA".
        stream: decodes the images of a folder each time they are needed, instead of all at once
            into memory. Needs `image_size` and `color`.

    Returns:
        A `Dataset`. Its `notes` say what of a folder or an archive was left out.

    Raises:
        RequestError: an unknown name, a bad value, or files that are not what they should be.
        FailedError: a download failed; the message says which files to put where by hand.

    Example:

    >>> import genzoo
    >>> train = genzoo.load_dataset("fashion_mnist_10k")
    >>> train.images.shape, train.images.dtype.name, train.num_classes
    ((9000, 28, 28, 1), 'uint8', 10)
    >>> train.floats(-1.0, 1.0).min().item()
    -1.0
    >>> faces = genzoo.load_dataset("photos/faces.zip", image_size=64)  # doctest: +SKIP
    """
    if split not in ("train", "test", "all"):
        raise RequestError(f"split must be 'train', 'test' or 'all'. Received: {split!r}")
    if color not in (None, "gray", "rgb"):
        raise RequestError(f"color must be 'gray' or 'rgb'. Received: {color!r}")
    if image_size is not None and (
        isinstance(image_size, bool)
        or not isinstance(image_size, int)
        or not 1 <= image_size <= MAX_SIDE
    ):
        raise RequestError(
            f"image_size must be an integer from 1 to {MAX_SIDE}. Received: {image_size!r}"
        )
    if split == "all":
        if stream:
            raise RequestError("split all joins two splits in memory, which stream does not")
        options: dict[str, Any] = {"image_size": image_size, "color": color}
        options |= {"data_dir": data_dir, "task": task, "direction": direction}
        return _joined(*(load(name, split=part, **options) for part in ("train", "test")))
    name = os.fspath(name)
    if stream:
        return _stream(name, split, image_size, color, task)
    folder = _data_folder(data_dir)
    if task is not None:
        return _load_pairs(name, folder, split, image_size, color, task, direction or "AtoB")
    if direction is not None:
        raise RequestError(
            f"direction goes with a task, as only pairs have one. Received: {direction!r}"
        )
    return _load_images(name, folder, split, image_size, color)


def _joined(train: Dataset, test: Dataset) -> Dataset:
    """The images of two splits of a dataset as one."""
    if train.image_shape != test.image_shape:
        raise RequestError(
            "The training and the test images must have the same size to be joined; --image-size "
            f"may help. Received: {train.image_shape} and {test.image_shape}"
        )
    fields: dict[str, Any] = {}
    for name in ("images", "labels", "inputs"):
        both = (getattr(train, name), getattr(test, name))
        fields[name] = None if both[0] is None else np.concatenate(both)
    return replace(train, **fields, notes=tuple(dict.fromkeys(train.notes + test.notes)))


def _load_images(
    name: str, folder: Path, split: str, image_size: int | None, color: str | None
) -> Dataset:
    if name in DATASETS:
        named = DATASETS[name]
        if named.mixture is not None:
            _refuse_options(name, image_size=image_size, color=color)
        images, labels, source = named.read(folder, split, image_size)
        if named.mixture is None:
            images = adjust(images, image_size, color)
        return Dataset(
            name,
            images,
            labels,
            named.class_names,
            source,
            mixture=named.mixture,
            part_of=named.part_of,
        )

    path = _existing_path(name)
    images, labels, class_names, notes = read_images(path, split, image_size, color)
    return Dataset(stem(path), images, labels, class_names, str(path), notes=notes)


def _stream(
    name: str, split: str, image_size: int | None, color: str | None, task: str | None
) -> Dataset:
    path = None if name in DATASETS else _existing_path(name)
    if path is None or not path.is_dir():
        raise RequestError(
            f"stream is for a folder of images. Received: {name}, which is read into memory"
        )
    if image_size is None or color is None:
        raise RequestError(
            "stream needs an image size and a colour, gray or rgb, as it looks at no image before. "
            f"Received: size {image_size}, colour {color}"
        )
    if task is not None:
        raise RequestError(f"stream takes single images, no pairs. Received: task {task}")
    with open_images(path) as files:
        chosen, labels, class_names, notes = arrange(sorted(files), split, path)
        notes = [*left_out(files), *notes]
    images = StreamedImages(path, ["/".join(parts) for parts in chosen], image_size, color)
    return Dataset(
        stem(path), cast(np.ndarray, images), labels, class_names, str(path), notes=tuple(notes)
    )


def _load_pairs(
    name: str,
    folder: Path,
    split: str,
    image_size: int | None,
    color: str | None,
    task: str,
    direction: str,
) -> Dataset:
    if direction not in DIRECTIONS:
        raise RequestError(f"direction must be 'AtoB' or 'BtoA'. Received: {direction!r}")
    if task not in (PAIRS, *TASKS):
        raise unknown("task", task, (PAIRS, *TASKS))
    if task != PAIRS:
        if name in DATASETS and DATASETS[name].mixture is not None:
            raise RequestError(
                f"A task makes pairs of images, and {name} holds points. Received: {task}"
            )
        single = _load_images(name, folder, split, image_size, color)
        a, b, notes = derive(single.images, task), single.images, single.notes
        source, name = single.source, single.name
    else:
        if not lies_in_pairs(name):
            raise RequestError(
                f"{name} holds single images; a task makes pairs of them, one of "
                f"{', '.join(TASKS)}. Received: {task}"
            )
        path = facades.find(folder) if name == facades.NAME else _existing_path(name)
        a, b, notes = read_pairs(path, split, image_size, color)
        source, name = str(path), stem(path)
    inputs, images = (a, b) if direction == "AtoB" else (b, a)
    # Its labels are those of single images: a translator draws from the input alone.
    return Dataset(name, images, None, (), source, inputs=inputs, notes=notes)


def lies_in_pairs(name: str) -> bool:
    """Whether what a name stands for may be pairs as it is: facades, or a path."""
    return name == facades.NAME or name not in DATASETS


def locate(name: str | os.PathLike, data_dir: str | os.PathLike | None = None) -> str | None:
    """Where `load` would read the dataset from, or None when any of it is yet to be downloaded.

    Raises:
        RequestError: neither a named dataset nor an existing path.
    """
    name = os.fspath(name)
    folder = _data_folder(data_dir)
    return DATASETS[name].locate(folder) if name in DATASETS else str(_existing_path(name))


def _refuse_options(name: str, **options: object) -> None:
    for option, value in options.items():
        if value is not None:
            raise RequestError(
                f"{name} holds points, not images; image_size and color must be left out. "
                f"Received: {option} {value}"
            )


def _data_folder(data_dir: str | os.PathLike | None) -> Path:
    if data_dir is None:
        # Not required to exist: it is made when the first download needs it.
        return Path(os.environ.get("ZOO_DATA_DIR") or "~/.keras/datasets").expanduser()
    folder = Path(data_dir).expanduser()
    if not folder.is_dir():
        raise RequestError(f"data_dir must be an existing folder. Received: {str(data_dir)!r}")
    return folder


def _existing_path(name: str) -> Path:
    path = Path(name).expanduser()
    if name and path.exists():
        return path
    if os.sep in name or name.lower().endswith(SUFFIXES):
        raise RequestError(
            f"A folder or an archive of images must exist at the path. Received: {name!r}"
        )
    raise unknown("dataset name (when it is not the path of a folder or archive)", name, DATASETS)
