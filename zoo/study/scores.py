"""The scores of a run by name, what each needs, and how it is taken of the run's test images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from zoo import data
from zoo.data import PAIRS, Dataset
from zoo.data.facades import NAME
from zoo.errors import RequestError
from zoo.latent.base import STATIC_SEED
from zoo.metrics import samples, translation
from zoo.metrics.anomaly import BOUND, BOUND_SAMPLES, anomaly_kind, anomaly_scores, auroc
from zoo.metrics.classes import category_error, classification_error
from zoo.metrics.classifier import FOLDER, find_classifier, load_classifier
from zoo.metrics.inception import Inception
from zoo.metrics.likelihood import estimate_nll
from zoo.metrics.samples import Extractor
from zoo.pictures.grids import to_uint8
from zoo.training.loop import trained_model
from zoo.training.run import Run
from zoo.training.schema import Record

SAMPLES = 10_000


@dataclass(frozen=True)
class Protocol:
    """How a score is taken.

    Args:
        importance_samples: per image, of "nll".
        images: how many images of the split, from the first; None for all.
        samples: images that are generated; None for 10,000, of a folder all.
        seed: of binarization, noise and labels, from 0.
        data_dir: where the dataset lies now, when it moved.
        split: "test" or "validation"; None for `Run.scored_split`.
        against: the dataset of other images for "anomaly", a name or a path.
        judge: a run from photographs to label maps, for a run from label maps to photographs:
            "parts" compares its maps of the generated photographs with the original maps.
        classifier: path of the classifier to use; None for `find_classifier`'s.
        runs_dir: folder of the runs, whose `classifiers` keeps what is seen of real images.
        progress: wraps the loops over batches.
        say: takes what is worth a sentence.
    """

    importance_samples: int = 5_000
    images: int | None = None
    samples: int | None = None
    seed: int = 0
    data_dir: Path | None = None
    split: str | None = None
    against: str | None = None
    judge: Run | None = None
    classifier: Path | None = None
    runs_dir: Path = Path("runs")
    progress: Callable[[Any], Any] = iter
    say: Callable[[str], Any] = lambda sentence: None

    @property
    def folder(self) -> Path:
        """Where what an extractor sees of real images is kept."""
        return Path(self.runs_dir) / FOLDER

    def extractor(self, kind: str, dataset: Dataset) -> Extractor:
        """The extractor of a kind, "classifier" or "inception", for a dataset."""
        if kind == "inception":
            return Inception()
        return load_classifier(self.classifier or find_classifier(dataset, self.runs_dir))


@dataclass(frozen=True)
class TestSet:
    """What a score is taken of: a model, and the first `count` images of a split of its data."""

    model: Any
    run: Run
    split: str
    dataset: Dataset
    count: int
    protocol: Protocol
    extractors: Mapping[str, Extractor] = field(default_factory=dict)  # that are needed
    _comparisons: dict[str, samples.Comparison] = field(default_factory=dict)

    @property
    def labels(self) -> np.ndarray | None:
        """int32 (n,), None of unlabeled images."""
        return None if self.dataset.labels is None else self.dataset.labels[: self.count]

    @cached_property
    def images(self) -> np.ndarray:
        """In [0, 1], or points as they are, float32."""
        return _unit(self.dataset)[: self.count]

    @property
    def seen(self) -> np.ndarray:
        """The images as the model's likelihood sees them, binarized once."""
        return self.as_seen(self.dataset)

    def as_seen(self, dataset: Dataset) -> np.ndarray:
        """The first `count` images of a dataset as the model's likelihood sees them."""
        if self.model.binarized != "none":
            static = self.model.binarized == "static"
            dataset = dataset.binarized(STATIC_SEED if static else self.protocol.seed)
        return _unit(dataset)[: self.count]

    @cached_property
    def train(self) -> Dataset:
        """The training split."""
        return self.run.dataset("train", self.protocol.data_dir)

    @cached_property
    def inputs(self) -> np.ndarray:
        """uint8 (n, h, w, c), of pairs."""
        assert self.dataset.inputs is not None
        return self.dataset.inputs[: self.count]

    @cached_property
    def translations(self) -> np.ndarray:
        """The model's translations of the pairs' inputs, in [0, 1]."""
        return self.translate_with(self.model, self.inputs)

    def translate_with(self, model: Any, inputs: np.ndarray) -> np.ndarray:
        """A model's translations of uint8 images (n, h, w, c), in [0, 1]."""
        return translation.translate_all(model, inputs, self.protocol.seed, self.protocol.progress)

    def comparison(self, kind: str) -> samples.Comparison:
        """The `samples.Comparison` of the model's samples through a kind of extractor."""
        if kind not in self._comparisons:
            protocol = self.protocol
            real, other = self.train, self.dataset
            if self.split == "validation":
                real, other = other, real
            reference = samples.Reference(self.extractors[kind], real, other, protocol.folder)
            count = SAMPLES if protocol.samples is None else protocol.samples
            batches = samples.generated_batches(self.model, count, protocol.seed, self.train)
            self._comparisons[kind] = samples.Comparison(reference, batches, protocol.seed)
        return self._comparisons[kind]


def _unit(dataset: Dataset) -> np.ndarray:
    return dataset.images if dataset.points else dataset.images.astype(np.float32) / 255.0


def _nll(test: TestSet) -> Record:
    k = test.protocol.importance_samples
    scores = estimate_nll(
        test.model, test.seen, test.labels, k, test.protocol.seed, test.protocol.progress
    )
    how = {"likelihood": test.model.likelihood, "binarization": test.model.binarized}
    return {**scores, **how, "importance_samples": k}


def _error(test: TestSet) -> Record:
    assert test.labels is not None  # a model that classifies was trained on labels
    error = classification_error(test.model, test.images, test.labels)
    return {"error": error, "labels": test.run.config["hyperparameters"]["labels"]}


def _category_error(test: TestSet) -> Record:
    assert test.labels is not None  # see `_has_categories`
    error = category_error(test.model, test.images, test.labels)
    return {"category_error": error, "categories": test.model.categories}


def _similarity(name: str, test: TestSet) -> Record:
    values = translation.SIMILARITIES[name](test.translations, test.images)
    error = float(values.std() / np.sqrt(len(values)))
    return {name: float(values.mean()), "standard_error": error}


def _parts(test: TestSet) -> Record:
    judge = test.protocol.judge
    if judge is None:
        return translation.part_scores(test.translations, test.images)
    model = trained_model(judge)
    maps = test.inputs.astype(np.float32) / 255.0
    ours, real = (
        translation.part_scores(test.translate_with(model, photographs), maps)
        for photographs in (to_uint8(test.translations), test.dataset.images[: test.count])
    )
    return {**ours, "of_real": real, "judge": {"run": judge.id, **judge.manifest()}}


def _of_samples(name: str, kind: str, test: TestSet) -> Record:
    comparison = test.comparison(kind)
    weights = "average" if test.model.averages else "trained"
    receipt = comparison.receipt()
    receipt["split"] = "validation" if test.split == "validation" else receipt["split"]
    return {**comparison.score(name), **receipt, "weights": weights}


def _anomaly(test: TestSet) -> Record:
    """AUROC of the run's images against the test images of another dataset."""
    protocol = test.protocol
    assert protocol.against is not None  # `evaluate` has seen to it
    options = {key: test.run.config["dataset"].get(key) for key in ("image_size", "color")}
    other = data.load(protocol.against, split="test", data_dir=protocol.data_dir, **options)
    if other.image_shape != test.dataset.image_shape:
        raise RequestError(
            f"--against must be a dataset whose images have the shape {test.dataset.image_shape}. "
            f"Received: {other.name} of shape {other.image_shape}"
        )
    kind = anomaly_kind(test.model)
    of_bound = kind == BOUND
    usual, unusual = (
        anomaly_scores(
            test.model,
            test.as_seen(dataset) if of_bound else _unit(dataset)[: test.count],
            protocol.seed,
            protocol.progress,
        )
        for dataset in (test.dataset, other)
    )
    how: Record = {"anomaly_score": kind}
    if of_bound:
        how |= {"binarization": test.model.binarized, "importance_samples": BOUND_SAMPLES}
    against = {
        "dataset": other.name,
        "images": len(unusual),
        "fingerprint": other.fingerprint,
    }
    return {"anomaly": auroc(usual, unusual), **how, "against": against}


@dataclass(frozen=True)
class Metric:
    """A score: function of a `TestSet` to a dict, and what it needs, as a test and in words.

    `extractor` is the kind of it that generated images are looked at through, if they are.
    """

    score: Callable[[TestSet], Record]
    fits: Callable[[Any, Run, Run | None], bool]  # of (model, run, judge)
    needs: str
    extractor: str | None = None


def _translates(model: Any, run: Run, judge: Run | None) -> bool:
    return model.translates


def _draws_images(model: Any, run: Run, judge: Run | None) -> bool:
    return not model.translates and len(model.image_shape) == 3


def _draws_classes(model: Any, run: Run, judge: Run | None) -> bool:
    return _draws_images(model, run, judge) and model.conditional


def _has_parts(model: Any, run: Run, judge: Run | None) -> bool:
    return draws_parts(run) or judge is not None


def _has_categories(model: Any, run: Run, judge: Run | None) -> bool:
    named = bool(run.config["dataset"]["class_names"])
    return hasattr(model, "categorize") and not model.conditional and named


def draws_parts(run: Run) -> bool:
    """Whether a run's pictures are label maps of facades."""
    dataset = run.config["dataset"]
    pairs = dataset["name"] == NAME and dataset.get("task") == PAIRS
    return pairs and dataset.get("direction") != "BtoA"


def check_judge(run: Run, judge: Run | None) -> None:
    """Refuses a judge that does not translate back what the run translates."""
    if judge is None:
        return
    shapes = [r.config["dataset"]["image_shape"] for r in (run, judge)]
    dataset = run.config["dataset"]
    photographs = (dataset["name"], dataset.get("task"), dataset.get("direction"))
    fits = photographs == (NAME, PAIRS, "BtoA") and draws_parts(judge)
    if not fits or shapes[0] != shapes[1]:
        raise RequestError(
            "--judge must be a run from photographs of facades to label maps, for a run from label "
            "maps to photographs of the same size. "
            f"Received: {judge.path} for {run.path}"
        )


def _sample_metric(name: str) -> Metric:
    inception = name in samples.OF_INCEPTION
    fits, needs = _draws_images, "a model that draws images from noise, such as dcgan"
    if name == "class_accuracy":
        fits, needs = _draws_classes, "a conditional model of images, such as cgan"
    kind = "inception" if inception else "classifier"
    return Metric(partial(_of_samples, name, kind), fits, needs, kind)


METRICS = {
    "nll": Metric(
        _nll,
        lambda model, run, judge: model.has_likelihood,
        "a model with a likelihood, such as vae",
    ),
    "error": Metric(
        _error,
        lambda model, run, judge: model.classifies,
        "a model that classifies, such as ssvae",
    ),
    "category_error": Metric(
        _category_error,
        _has_categories,
        "a model with categories of its own, such as infogan, of labelled images whose labels it "
        "is not given",
    ),
    "anomaly": Metric(
        _anomaly,
        lambda model, run, judge: not model.translates and anomaly_kind(model) is not None,
        "a model that says how unusual an image is without its label, such as vae or ebgan",
    ),
    **{
        name: Metric(
            partial(_similarity, name), _translates, "an image-to-image model such as pix2pix"
        )
        for name in translation.SIMILARITIES
    },
    "parts": Metric(
        _parts,
        _has_parts,
        "a model that draws label maps of facades, or photographs of them and a --judge",
    ),
    **{name: _sample_metric(name) for name in samples.SAMPLE_SCORES},
}
