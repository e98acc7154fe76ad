"""The classifiers whose features and class probabilities the scores of samples are made of.

One small convolutional network per dataset: levels of 3x3 convolutions with batch norm, the sides
halved between them, then the mean over the places, which is the feature vector, and one dense layer
to the classes. Trained by Nesterov momentum under a cosine schedule, on images moved by a few
pixels and, where a mirrored one keeps its class, mirrored.

A score can only be compared under the same classifier. So a file is named by its content,
<dataset>-<start of its sha256>.safetensors, checked when it is read, and nothing but
`train_classifier` makes one. Those in `zoo/metrics/classifiers/` come with the project.
"""

import hashlib
import itertools
import json
import math
import random
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from zoo import files
from zoo.core import limits
from zoo.data import Dataset
from zoo.errors import RequestError
from zoo.hyperparameters import PositiveInt, Rule, check
from zoo.versions import versions

FOLDER = "classifiers"  # in the folder of the runs
SHIPPED = Path(__file__).parent / FOLDER
SUFFIX = ".safetensors"
HASH_DIGITS = 16  # of the sha256, in a file's name
WIDTH = 32  # filters of the first level; doubled twice
BATCH = 128
LEARNING_RATE = 0.1
WEIGHT_DECAY = 5e-4
# What differs between datasets: (epochs, pixels moved, mirrored).
RECIPES = {"mnist": (4, 2, False), "fashion_mnist": (12, 2, True), "cifar10": (28, 4, True)}
RECIPE = (12, 2, False)
MOST_CLASSES, LARGEST_SIDE = 10_000, 4096
# What a file must say of itself: each key, and its rule.
ABOUT = {
    "dataset": Rule("a text", lambda value: isinstance(value, str)),
    "image_shape": Rule(
        "height, width and 1 or 3 channels",
        lambda shape: (
            isinstance(shape, list)
            and len(shape) == 3
            and all(type(n) is int and 1 <= n <= LARGEST_SIDE for n in shape)
            and shape[2] in (1, 3)
        ),
    ),
    "class_names": Rule(
        "a list of texts",
        lambda names: (
            isinstance(names, list)
            and 1 <= len(names) <= MOST_CLASSES
            and all(isinstance(name, str) for name in names)
        ),
    ),
    "width": Rule("an integer from 1", lambda width: type(width) is int and 1 <= width < 2**16),
    "accuracy": Rule("from 0 to 1", lambda share: type(share) in (int, float) and 0 <= share <= 1),
    "epochs": Rule("an integer from 1", lambda epochs: type(epochs) is int and epochs > 0),
    "minutes": Rule(
        "a number from 0", lambda minutes: type(minutes) in (int, float) and minutes >= 0
    ),
}


class Classifier:
    """A trained classifier: images to features and to probabilities of the classes.

    Attributes:
        name: "classifier".
        sha256: of the file it was read from.
        dataset: name of the one it was trained on.
        about: what the file says of itself: dataset, class_names, image_shape, accuracy and more.
        classes: how many.
        dimensions: of the feature vector.
        preprocessing: what is done to uint8 images, in words.
    """

    name = "classifier"
    preprocessing = "uint8, to [-1, 1]"

    def __init__(self, network: keras.Model, sha256: str, about: dict[str, Any]) -> None:
        self.sha256 = sha256
        self.about = about
        self.dataset: str = about["dataset"]
        self.classes = len(about["class_names"])
        features = network.get_layer("features").output
        self.dimensions = features.shape[-1]
        self._network = keras.Model(network.input, [features, network.output])

    def look(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features float32 (n, dimensions) and probabilities (n, classes) of uint8 images."""
        shape = tuple(self.about["image_shape"])
        if images.shape[1:] != shape:
            raise RequestError(
                f"The classifier of {self.about['dataset']} takes images of shape {shape}. "
                f"Received: {images.shape[1:]}"
            )
        return self._network.predict_on_batch(scale(images))


def scale(images: np.ndarray) -> np.ndarray:
    """uint8 images to float32 in [-1, 1]."""
    return images.astype("float32") / 127.5 - 1.0


def build_network(image_shape: Sequence[int], classes: int, width: int = WIDTH) -> keras.Model:
    """The untrained network: images in [-1, 1] (n, *image_shape) to probabilities (n, classes)."""
    layers = keras.layers
    x = image = keras.Input(image_shape, name="image")
    for level in range(1 + max(2, math.ceil(math.log2(min(image_shape[:2]) / 8)))):
        if level:
            x = layers.MaxPooling2D(padding="same")(x)
        for _ in range(2 if level else 1):  # the full size is the dearest
            filters = width * 2 ** min(level, 2)
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(image, layers.Dense(classes, activation="softmax")(x))


class AugmentedBatches(keras.utils.PyDataset):
    """Shuffled batches of moved, perhaps mirrored images; an epoch's are fixed by (seed, epoch).

    Args:
        dataset: a labelled `zoo.data.Dataset` of images.
        moved: pixels by which an image may move, with its edge repeated behind it.
        mirrored: whether half of them are mirrored.
        seed: of the order and the moves.
    """

    def __init__(self, dataset: Dataset, moved: int, mirrored: bool, seed: int) -> None:
        super().__init__()
        self.dataset, self.moved, self.mirrored, self.seed = dataset, moved, mirrored, seed
        self.labels: Any = dataset.labels
        self.epoch = 0
        self.on_epoch_begin()

    def __len__(self) -> int:
        return math.ceil(len(self.dataset.images) / BATCH)

    def on_epoch_begin(self) -> None:
        rng = np.random.default_rng([self.seed, self.epoch])
        self.order = rng.permutation(len(self.dataset.images))

    def on_epoch_end(self) -> None:
        self.epoch += 1
        self.on_epoch_begin()

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * BATCH : (index + 1) * BATCH]
        rng = np.random.default_rng([self.seed, self.epoch, index])
        images = move(self.dataset.images[chosen], self.moved, self.mirrored, rng)
        return scale(images), self.labels[chosen]


def move(images: np.ndarray, moved: int, mirrored: bool, rng: np.random.Generator) -> np.ndarray:
    """Each image moved by up to `moved` pixels along both sides, half of them mirrored."""
    count, height, width, _ = images.shape
    padding = ((0, 0), (moved, moved), (moved, moved), (0, 0))
    padded = np.pad(images, padding, mode="edge")
    down, right = rng.integers(2 * moved + 1, size=(2, count, 1))
    rows, columns = down + np.arange(height), right + np.arange(width)
    if mirrored:
        columns = np.where(rng.random((count, 1)) < 0.5, columns, columns[:, ::-1])
    return padded[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def train_classifier(
    train: Dataset,
    test: Dataset,
    folder: str | Path,
    epochs: int | None = None,
    width: int = WIDTH,
    seed: int = 0,
    verbose: int = 0,
) -> tuple[Path, dict[str, Any]]:
    """Trains a dataset's classifier and saves it.

    Args:
        train, test: the splits, labelled images of one shape.
        folder: of the file.
        epochs: None for the dataset's recipe.
        width: filters of the first level; the features are 4 times as many.
        seed: of weights, order and moves.
        verbose: as in `keras.Model.fit`.

    Returns:
        (path, about): the file, and what it says of itself, its test accuracy included.
    """
    if train.points or train.labels is None:
        kind = "points" if train.points else "unlabeled images"
        raise RequestError(f"A classifier needs images with labels. Received: {kind}")
    recipe_epochs, moved, mirrored = RECIPES.get(train.name, RECIPE)
    epochs = recipe_epochs if epochs is None else epochs
    for name, value in (("epochs", epochs), ("width", width)):
        check(name, value, PositiveInt)
    random.seed(seed)  # Keras draws initial weights from it
    network = build_network(train.image_shape, train.num_classes, width)
    batches = AugmentedBatches(train, moved, mirrored, seed)
    steps = epochs * len(batches)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // 5, warmup_target=LEARNING_RATE, warmup_steps=steps // 5
    )
    network.compile(
        keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, weight_decay=WEIGHT_DECAY),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    started = time.perf_counter()
    network.fit(batches, epochs=epochs, shuffle=False, verbose=verbose)
    minutes = (time.perf_counter() - started) / 60
    # Half precision halves the file; what is measured and used is what was rounded.
    weights = [weight.astype("float16") for weight in network.get_weights()]
    network.set_weights(weights)
    about = {
        "dataset": train.name,
        "fingerprint": train.fingerprint,
        "image_shape": list(train.image_shape),
        "class_names": list(train.class_names),
        "width": width,
        "epochs": epochs,
        "moved": moved,
        "mirrored": mirrored,
        "seed": seed,
        "minutes": round(minutes, 1),
        "accuracy": accuracy(network, test),
        "test_images": len(test.images),
        "versions": versions(),
    }
    return save_classifier(Path(folder), weights, about), about


def accuracy(network: keras.Model, dataset: Dataset) -> float:
    """The share of a dataset's images whose class a network finds most likely."""
    probabilities = network.predict(scale(dataset.images), batch_size=500, verbose=0)
    return float((probabilities.argmax(axis=-1) == dataset.labels).mean())


def save_classifier(folder: Path, weights: Sequence[np.ndarray], about: dict[str, Any]) -> Path:
    """Writes weights and `about` to <dataset>-<hash>.safetensors and returns the path."""
    import safetensors.numpy

    tensors = {f"{index:04d}": np.ascontiguousarray(w) for index, w in enumerate(weights)}
    data = safetensors.numpy.save(tensors, {"genzoo": json.dumps(about)})
    digest = hashlib.sha256(data).hexdigest()
    path = folder / f"{about['dataset']}-{digest[:HASH_DIGITS]}{SUFFIX}"
    files.write_bytes(path, data)
    return path


def load_classifier(path: str | Path) -> Classifier:
    """The `Classifier` of a file.

    Raises:
        RequestError: no file of that kind, or its content is not what its name says.
    """
    path = Path(path)
    if not path.is_file() or not re.search(rf"-[0-9a-f]{{{HASH_DIGITS}}}{SUFFIX}$", path.name):
        raise RequestError(
            f"A classifier is a file DATASET-HASH{SUFFIX}, as `genzoo classifier` writes it. "
            f"Received: {path}"
        )
    digest = files.sha256(path)
    if not path.stem.endswith(digest[:HASH_DIGITS]):
        raise RequestError(
            "A classifier's name ends with the beginning of its sha256. "
            f"Received: {path}, which is corrupt or was changed ({digest[:HASH_DIGITS]})"
        )
    about, weights = _read(path)
    try:
        with limits.at_most(sum(array.size for array in weights)), limits.bounded():
            shape, classes = about["image_shape"], len(about["class_names"])
            network = build_network(shape, classes, about["width"])
        network.set_weights(weights)
    except ValueError as error:  # other shapes, or more weights than the file has
        raise _unfit(path, error) from error
    return Classifier(network, digest, about)


def _read(path: Path, weights: bool = True) -> tuple[dict[str, Any], list[np.ndarray]]:
    """(what a file says of itself, its weights); a stranger may have made it.

    Raises:
        RequestError: it is no classifier's file, or says what cannot be.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            about = json.loads((file.metadata() or {})["genzoo"])
            names = sorted(file.keys()) if weights else []
            arrays = [file.get_tensor(name) for name in names]
        for key, rule in ABOUT.items():
            if not rule.holds(about[key]):
                raise ValueError(f"{key} must be {rule.words}, not {about[key]!r:.40}")
        if not all(array.dtype.kind == "f" and np.isfinite(array).all() for array in arrays):
            raise ValueError("weights must be finite floating-point numbers")
    except (
        AttributeError,
        SafetensorError,
        KeyError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise _unfit(path, error) from error
    return about, arrays


def _unfit(path: Path, error: Exception) -> RequestError:
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    return RequestError(
        "A classifier's file must hold what `genzoo classifier` writes. "
        f"Received: {path} ({reason:.200})"
    )


def find_classifier(dataset: Dataset, runs_dir: str | Path) -> Path:
    """The path of the classifier of a dataset's images.

    Looked for in the folder `classifiers` of the runs' folder, of the one above it (a sweep's runs
    lie one deeper), and among those that come with the project: the first that has one. Where none
    has and the dataset is a part of another, such as fashion_mnist_10k, the other's will do.

    Raises:
        RequestError: there is none, or a folder has several.
    """
    runs_dir = Path(runs_dir).absolute()
    datasets = [dataset.name, *([dataset.part_of] if dataset.part_of else [])]
    folders = (runs_dir / FOLDER, runs_dir.parent / FOLDER, SHIPPED)
    for name, folder in itertools.product(datasets, folders):
        fitting = [
            path
            for path, about in classifiers_in(folder, name)
            if about["image_shape"] == list(dataset.image_shape)
        ]
        if len(fitting) > 1:
            names = ", ".join(path.name for path in fitting)
            raise RequestError(
                f"Choose one of several classifiers with --classifier FILE. Received: {names} "
                f"in {folder}"
            )
        if fitting:
            return fitting[0]
    size = "x".join(map(str, dataset.image_shape))
    raise RequestError(
        f"No classifier for {dataset.name} of {size}, which these scores need. Train one with "
        "`genzoo classifier DATASET`"
    )


def classifiers_in(folder: str | Path, name: str = "*") -> list[tuple[Path, dict[str, Any]]]:
    """(path, what it says of itself) of a folder's classifiers, of a dataset or of all."""
    paths = sorted(Path(folder).glob(f"{name}-*{SUFFIX}"))
    return [(path, _read(path, weights=False)[0]) for path in paths]
