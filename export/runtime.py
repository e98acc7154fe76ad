"""Pictures from an exported generator, with numpy and onnxruntime or LiteRT and nothing else.

    generator = load("model.onnx")
    images = generator.generate(16, classes="Sneaker", seed=0)  # float32 (16, h, w, c) in [0, 1]
    images = load("pix2pix/model.onnx").translate(images)       # with an image-to-image model

Noise is numpy's PCG64, `numpy.random.default_rng([seed, i])` for input number i of the graph. So
one seed gives the same picture from every file of a generator, and a longer series begins with the
images of a shorter one.

This file imports nothing else of the project: copy it to wherever the exported files are used.
`export.sources.load` also opens runs and models on the Hugging Face Hub.
"""

import functools
import importlib.util
import itertools
import json
import math
import mmap
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

Array = np.ndarray
Spec = Mapping[str, Any]  # of one input: "shape" of an example, "dtype", "prior" and what it needs
Inputs = Mapping[str, Spec]
Tensors = dict[str, tuple[list[int | None], str]]  # name to (shape, dtype)
Classes = str | int | Sequence[str | int] | Array

FILES = ("model.onnx", "model.tflite")  # in order of preference
TFLITE_METADATA = "genzoo.json"  # in the zip archive at the end of a .tflite file
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")  # in order of preference
ONNX_TYPES = {"tensor(float)": "float32", "tensor(int32)": "int32"}
# For each suffix its runtime, the runtime's module, and the extra of this project that installs it.
RUNTIMES = {
    ".onnx": ("onnxruntime", "onnxruntime", "cpu"),
    ".tflite": ("ai-edge-litert", "ai_edge_litert", "litert"),
}
PRECISIONS = ("fp32", "fp16", "int8")
BATCH = 64  # images per call of the graph, which bounds the memory
BATCH_PIXELS = 2**18  # the same for image-to-image models, whose images may be large
# Bounds for a file, which may be a stranger's.
LARGEST_EXAMPLE = 2**22  # numbers of one example: in all its inputs together, or in its output
LARGEST_WORK = 2**30  # numbers of all examples of a call, inputs and outputs together
LARGEST_TENSOR = 2**28  # numbers of a tensor in a TFLite file
LARGEST_METADATA = 2**22  # bytes of all metadata
LARGEST_SIDE = 4096  # of a drawn image, and the multiple that a translator's sides are extended to
LONGEST_TEXT = 255  # letters of a name; a folder's name, which a class may have, is no longer
MOST_CLASSES = 10_000
MOST_INPUTS = 100
MOST_PARTS = 1_000_000  # fields of an ONNX file, or tables of a TFLite file


class Noise:
    """The inputs of a series of pictures. Drawn in parts, they are those that are drawn at once."""

    def __init__(self, inputs: Inputs, seed: int = 0, size: Sequence[int] | None = None):
        self._inputs, self._size = inputs, size
        self._streams = [np.random.default_rng([seed, i]) for i in range(len(inputs))]
        # Which of a mixture's components: a stream of its own, so that it too can be cut anywhere.
        self._choices = [np.random.default_rng([seed, i, 1]) for i in range(len(inputs))]

    def next(self, count: int, labels: Sequence[int] | Array | None = None) -> dict[str, Array]:
        """The inputs of the next `count` pictures; the arguments are those of `Sampler.noise`."""
        arrays: dict[str, Array] = {}
        streams = zip(self._streams, self._choices, strict=True)
        for (name, spec), (rng, choice) in zip(self._inputs.items(), streams, strict=True):
            prior, shape = spec["prior"], (count, *input_shape(spec, self._size))
            if prior == "class":
                arrays[name] = np.asarray(labels, spec["dtype"])
            elif prior == "category":
                arrays[name] = rng.integers(spec["classes"], size=shape, dtype=spec["dtype"])
            elif prior == "normal":
                arrays[name] = rng.standard_normal(shape, dtype=spec["dtype"])
            elif prior == "uniform":
                arrays[name] = 2 * rng.random(shape, dtype=spec["dtype"]) - 1
            elif prior == "image":
                arrays[name] = rng.random(shape, dtype=spec["dtype"])
            elif prior == "mask":
                kept = rng.random(shape, dtype=spec["dtype"]) < spec["keep"]
                arrays[name] = kept.astype(spec["dtype"]) / np.float32(spec["keep"])
            elif prior == "mixture":
                means = np.asarray(spec["means"], spec["dtype"])
                chosen = choice.integers(len(means), size=count)
                noise = rng.standard_normal(shape, dtype=spec["dtype"])
                arrays[name] = means[chosen] + np.float32(spec["std"]) * noise
            else:
                raise ValueError(f"The prior of an input must be a known one. Received: {prior!r}")
        return arrays


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


def image_input(inputs: Inputs) -> str | None:
    """Name of the input that takes an image to translate, None where there is none."""
    return next((name for name, spec in inputs.items() if "multiple" in spec), None)


def follows_size(spec: Spec) -> bool:
    """Whether an input is as large as the image to translate, or a fixed part of it."""
    return "multiple" in spec or "divisor" in spec


def input_shape(spec: Spec, size: Sequence[int] | None = None) -> list[int]:
    """An input's shape, for images of `size` (height, width) where it depends on that."""
    if size is None or not follows_size(spec):
        return list(spec["shape"])
    return [side // spec.get("divisor", 1) for side in size] + list(spec["shape"][-1:])


class Graph:
    """An exported file. `open_graph` opens one by its suffix.

    Attributes:
        metadata: what the file says about itself: model, dataset, inputs, versions and more.
        inputs, class_names: as of `Sampler`.
        output, output_shape: the output's name, and its shape with None for what may vary.
        runtime, version: name and version of what runs it.
        provider: the part of the runtime in use, for example CUDAExecutionProvider.
        tensors: (inputs, outputs) of the graph itself, each a dict of name to (shape, dtype).
    """

    runtime: ClassVar[str]
    provider: str
    version: str
    metadata: dict[str, Any]
    tensors: list[Tensors]

    def __init__(self, path: str | Path, threads: int | None = None):
        check_installed(Path(path).suffix)
        try:
            self._open(str(path), threads)
            self.metadata = checked_metadata(self.metadata)
            self.inputs: Inputs = self.metadata["inputs"]
            self.class_names: Sequence[str] = self.metadata["class_names"]
            self.output: str = self.metadata["output"]
            self.output_shape = self._check()
        except Exception as error:  # onnxruntime's own classes derive from Exception alone
            raise ValueError(
                "An exported generator is an ONNX or TFLite file with this project's metadata. "
                f"Received: {path} ({_in_a_line(error)})"
            ) from error

    def _open(self, path: str, threads: int | None) -> None:
        """Sets version, provider, metadata and tensors."""
        raise NotImplementedError

    def _check(self) -> list[int | None]:
        """Compares the metadata with the graph; returns the output's shape."""
        inputs, outputs = self.tensors
        if inputs.keys() != self.inputs.keys() or self.output not in outputs:
            raise ValueError(
                f"the metadata name {', '.join(self.inputs)} and {self.output}, the graph has "
                f"{', '.join(inputs)} and {', '.join(outputs)}"
            )
        for name, spec in self.inputs.items():
            shape, dtype = inputs[name]
            sides = [
                None if follows_size(spec) and i < 2 else n for i, n in enumerate(spec["shape"])
            ]
            if dtype != spec["dtype"] or [None, *sides] != shape:
                raise ValueError(
                    f"the metadata describe {name} as {spec['dtype']} {[None, *sides]}, "
                    f"the graph as {dtype} {shape}"
                )
        shape, dtype = outputs[self.output]
        # Only the sides of a translated image vary, as its input's do.
        varying = 2 if image_input(self.inputs) and len(shape) == 4 else 0
        if shape[:1] != [None] or None in shape[1 + varying :] or not 2 <= len(shape) <= 5:
            raise ValueError(f"its output is of shape {shape}")
        if dtype != "float32" or 0 in shape or math.prod(filter(None, shape)) > LARGEST_EXAMPLE:
            raise ValueError(f"its output is {dtype} {shape}")
        return shape

    def run(self, inputs: Mapping[str, Array]) -> Array:
        """The graph's output for a dict of arrays.

        Raises:
            ValueError: the graph fails, or makes what it must not: another type or shape than it
                declares, or numbers that are not finite.
        """
        try:
            made = self._run(inputs)
        except Exception as error:
            raise ValueError(
                f"A graph must run on what its metadata describe. Received: {_in_a_line(error)}"
            ) from error
        count = len(next(iter(inputs.values())))
        shape = getattr(made, "shape", ())
        expected = [count, *self.output_shape[1:]]
        fits = len(shape) == len(expected) and all(
            wanted in (None, side) for wanted, side in zip(expected, shape, strict=True)
        )
        if not fits or made.dtype != np.float32 or not np.isfinite(made).all():
            raise ValueError(
                f"A graph must make finite float32 numbers of shape {expected}. Received: "
                f"{getattr(made, 'dtype', type(made).__name__)} {list(shape)}"
                + (", not all finite" if fits else "")
            )
        return made

    def _run(self, inputs: Mapping[str, Array]) -> Any:
        """What the runtime makes of the inputs."""
        raise NotImplementedError


class OnnxGraph(Graph):
    """An exported ONNX file."""

    runtime = "onnxruntime"

    def _open(self, path: str, threads: int | None) -> None:
        import onnxruntime

        check_onnx(path)
        _bound_memory()
        self.version = onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # its errors are raised as well
        options.add_session_config_entry("session.use_env_allocators", "1")  # see _bound_memory
        options.intra_op_num_threads = threads or 0
        available = onnxruntime.get_available_providers()
        providers = [name for name in PROVIDERS if name in available]
        self.session = onnxruntime.InferenceSession(path, options, providers=providers)
        self.provider = self.session.get_providers()[0]
        if self.provider != providers[0]:
            _warn_once(f"{providers[0]} could not be started; {self.provider} is used instead")
        properties = self.session.get_modelmeta().custom_metadata_map
        self.metadata = {key: _from_json(value) for key, value in properties.items()}
        self.tensors = [
            {v.name: ([_fixed(n) for n in v.shape], ONNX_TYPES.get(v.type, v.type)) for v in values}
            for values in (self.session.get_inputs(), self.session.get_outputs())
        ]

    def _run(self, inputs: Mapping[str, Array]) -> Any:
        return self.session.run([self.output], inputs)[0]


class TfliteGraph(Graph):
    """An exported TFLite file."""

    runtime = "ai-edge-litert"
    provider = "CPU"

    def _open(self, path: str, threads: int | None) -> None:
        import zipfile
        from importlib import metadata  # imported here: it takes as long as all else together

        from ai_edge_litert import interpreter

        check_tflite(path)
        self.version = metadata.version("ai-edge-litert")
        with zipfile.ZipFile(path) as archive, archive.open(TFLITE_METADATA) as file:
            self.metadata = _from_json(file.read(LARGEST_METADATA + 1))
        self.lock = threading.Lock()  # an interpreter has one place for inputs and outputs
        # All cores, which is onnxruntime's own default.
        opened = interpreter.Interpreter(path, num_threads=threads or os.cpu_count())
        self.runner = opened.get_signature_runner()
        self.tensors = [
            {
                name: ([_fixed(int(n)) for n in about["shape_signature"]], about["dtype"].__name__)
                for name, about in details.items()
            }
            for details in (self.runner.get_input_details(), self.runner.get_output_details())
        ]

    def _run(self, inputs: Mapping[str, Array]) -> Any:
        with self.lock:
            return self.runner(**inputs)[self.output]


def is_installed(suffix: str) -> bool:
    """Whether the runtime for a suffix is on this machine."""
    return importlib.util.find_spec(RUNTIMES[suffix][1]) is not None


def check_installed(suffix: str) -> None:
    """Refuses a suffix whose runtime is not on this machine."""
    runtime, _, extra = RUNTIMES[suffix]
    if not is_installed(suffix):
        raise ValueError(
            f"A {suffix} file needs {runtime}, which is not installed: "
            f"pip install 'genzoo[{extra}]'"
        )


def _fixed(size: int | str | None) -> int | None:
    """A size that is fixed, else None: ONNX has a name for one that varies, TFLite -1."""
    return size if isinstance(size, int) and size >= 0 else None


@functools.cache
def _warn_once(text: str) -> None:
    warnings.warn(text, stacklevel=2)


# ---- what an exported file says about itself


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_TEXT


def _is_count(value: Any) -> bool:
    return type(value) is int and 1 <= value < 2**31


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e9  # neither infinite nor NaN


def _are(holds: Callable[[Any], bool], values: Any, most: int) -> bool:
    return isinstance(values, list) and len(values) <= most and all(map(holds, values))


def _are_texts(values: Any) -> bool:
    return isinstance(values, dict) and _are(_is_text, [*values, *values.values()], 2 * MOST_INPUTS)


def _or_none(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or holds(value)


# The keys of the metadata, each with the words for what it must be and a test; others are ignored.
Rule = tuple[str, Callable[[Any], bool]]
METADATA: dict[str, Rule] = {
    "inputs": (
        "specifications by name",
        lambda found: (
            isinstance(found, dict)
            and 1 <= len(found) <= MOST_INPUTS
            and all(_is_text(name) and isinstance(spec, dict) for name, spec in found.items())
        ),
    ),
    "output": ("a name", _is_text),
    "class_names": (
        f"a list of at most {MOST_CLASSES} names",
        lambda names: _are(_is_text, names, MOST_CLASSES),
    ),
    **dict.fromkeys(("model", "dataset", "run"), ("a short text or null", _or_none(_is_text))),
    "precision": (
        f"one of {', '.join(PRECISIONS)}",
        lambda precision: isinstance(precision, str) and precision in PRECISIONS,
    ),
    "image_shape": ("a list of sizes", lambda sizes: _are(_is_count, sizes, 4)),
    "latent_dim": ("an integer from 1 or null", _or_none(_is_count)),
    "prior": ("texts by name", _are_texts),
    "value_range": (
        "two numbers or null",
        _or_none(lambda pair: _are(_is_number, pair, 2) and len(pair) == 2),
    ),
    "step": ("an integer from 0", lambda step: step == 0 and type(step) is int or _is_count(step)),
    "average": ("true or false", lambda value: isinstance(value, bool)),
    "versions": (
        "texts by name, for each part",
        lambda parts: isinstance(parts, dict) and _are(_are_texts, [*parts.values()], MOST_INPUTS),
    ),
}
REQUIRED = ("inputs", "output", "class_names")
# The keys of an input, and for each prior its type, the other keys that it needs, and one it may
# have.
SPEC: dict[str, Rule] = {
    "shape": ("at most 4 integers from 1", lambda shape: _are(_is_count, shape, 4)),
    "dtype": ("float32 or int32", lambda dtype: dtype in ("float32", "int32")),
    "prior": ("a known one", lambda prior: isinstance(prior, str) and prior in PRIORS),
    "classes": (
        f"an integer from 1 to {MOST_CLASSES}",
        lambda classes: _is_count(classes) and classes <= MOST_CLASSES,
    ),
    **dict.fromkeys(
        ("multiple", "divisor"),
        (
            f"an integer from 1 to {LARGEST_SIDE}",
            lambda side: _is_count(side) and side <= LARGEST_SIDE,
        ),
    ),
    "keep": ("from 0.001 to 1", lambda keep: _is_number(keep) and 0.001 <= keep <= 1),
    "std": ("a number above 0", lambda std: _is_number(std) and std > 0),
    "means": (
        f"at most {MOST_CLASSES} points",
        lambda points: _are(lambda p: _are(_is_number, p, MOST_CLASSES), points, MOST_CLASSES),
    ),
}
PRIORS: dict[str, tuple[str, tuple[str, ...], str | None]] = {
    "normal": ("float32", (), None),
    "uniform": ("float32", (), None),
    "image": ("float32", (), "multiple"),
    "mask": ("float32", ("keep",), "divisor"),
    "mixture": ("float32", ("means", "std"), None),
    "category": ("int32", ("classes",), None),
    "class": ("int32", ("classes",), None),
}


def checked_metadata(found: Any) -> dict[str, Any]:
    """The known keys of a file's metadata, which are all of their types and within their bounds.

    Raises:
        ValueError: one is missing, or not what it must be.
    """
    _refuse_missing(found, REQUIRED, "its metadata")
    known = {key: found[key] for key in METADATA if key in found}
    _refuse_unfit(known, METADATA, "")
    classes = len(known["class_names"])
    for name, spec in known["inputs"].items():
        _check_spec(name, spec, classes)
    numbers = sum(math.prod(spec["shape"]) for spec in known["inputs"].values())
    if numbers > LARGEST_EXAMPLE:
        raise ValueError(f"its inputs have {numbers} numbers, of at most {LARGEST_EXAMPLE}")
    return known


def _check_spec(name: str, spec: Any, classes: int) -> None:
    """Refuses an input that could not be drawn, or only by filling the memory."""
    _refuse_missing(spec, ("shape", "dtype", "prior"), name)
    basic = {key: spec[key] for key in ("shape", "dtype", "prior")}
    _refuse_unfit(basic, SPEC, f" of {name}")
    dtype, needed, possible = PRIORS[spec["prior"]]
    _refuse_missing(spec, needed, name)
    if unknown := spec.keys() - {*basic, *needed, possible}:
        raise ValueError(f"{name} has {min(unknown)!r:.40}, which no {spec['prior']} has")
    _refuse_unfit(spec, SPEC, f" of {name}")
    shape = spec["shape"]
    if spec["dtype"] != dtype:
        raise ValueError(f"the dtype of {name} must be {dtype}, not {spec['dtype']}")
    if (spec["prior"] == "class") != (name == "label") or (name == "label" and shape):
        raise ValueError(f"classes are one number named label, not {name} of shape {shape}")
    if name == "label" and spec["classes"] != classes:
        raise ValueError(f"{spec['classes']} classes have {classes} names")
    if follows_size(spec) and len(shape) != 3:
        raise ValueError(f"the shape of {name} must be height, width, channels, not {shape}")
    # Images are what is drawn on canvases; the encoders of points take points.
    if spec["prior"] == "image" and len(shape) != 1 and (len(shape) != 3 or shape[2] not in (1, 3)):
        raise ValueError(f"{name} must be of height, width and 1 or 3 channels, not {shape}")
    if spec["prior"] == "mixture" and not (spec["means"] and len(shape) == 1):
        raise ValueError(f"{name} must be a point around one of some means")
    if any(len(mean) != shape[0] for mean in spec.get("means", ())):
        raise ValueError(f"the means of {name} must be of {shape[0]} numbers")


def _refuse_missing(found: Any, keys: Sequence[str], what: str) -> None:
    if not isinstance(found, dict):
        raise ValueError(f"{what} must be a JSON object, not {found!r:.40}")
    if missing := [key for key in keys if key not in found]:
        raise ValueError(f"{what} must have {', '.join(missing)}")


def _refuse_unfit(found: Mapping[str, Any], rules: Mapping[str, Rule], of: str) -> None:
    for key, value in found.items():
        words, holds = rules[key]
        if not holds(value):
            raise ValueError(f"{key}{of} must be {words}, not {value!r:.40}")


def _from_json(text: str | bytes) -> Any:
    """The value of a JSON text that a stranger may have written."""
    if len(text) > LARGEST_METADATA:
        raise ValueError(f"metadata of more than {LARGEST_METADATA} bytes")

    def refuse(word: str) -> None:
        raise ValueError(f"the number {word} in its metadata")

    return json.loads(text, parse_constant=refuse)


def _in_a_line(error: Exception) -> str:
    """An error's name and the beginning of its first line."""
    words = str(error).strip().splitlines()
    return f"{type(error).__name__}: {words[0] if words else ''}"[:400]


# ---- what an exported file consists of

# Each kind of message in an ONNX file with its fields: another kind, or how the value is written.
# What exports do not have is not there: functions, graphs in nodes, sparse tensors, training.
ONNX: dict[str, dict[int, str]] = {
    "model": {1: "int", 2: "text", 3: "text", 4: "text", 5: "int", 6: "text", 7: "graph",
              8: "opset", 14: "property"},
    "opset": {1: "text", 2: "int"},
    "property": {1: "text", 2: "text"},
    "graph": {1: "node", 2: "text", 5: "tensor", 10: "text", 11: "value", 12: "value", 13: "value"},
    "node": {1: "text", 2: "text", 3: "text", 4: "text", 5: "attribute", 6: "text", 7: "text"},
    "attribute": {1: "text", 2: "float", 3: "int", 4: "bytes", 5: "tensor", 7: "floats", 8: "ints",
                  9: "bytes", 13: "text", 20: "int"},
    # "zero" says where the numbers are: 0 is here, 1 in another file.
    "tensor": {1: "ints", 2: "int", 4: "floats", 5: "ints", 7: "ints", 8: "text", 9: "bytes",
               12: "text", 14: "zero"},
    "value": {1: "text", 2: "type", 3: "text"},
    "type": {1: "tensor type", 6: "text"},
    "tensor type": {1: "int", 2: "shape"},
    "shape": {1: "dimension"},
    "dimension": {1: "int", 2: "text", 3: "text"},
}  # fmt: skip
# What a value's bytes are preceded by: 0 a number of 7 bits a byte, 2 a length, 5 four bytes.
WIRES = {"int": (0,), "zero": (0,), "ints": (0, 2), "float": (5,), "floats": (5, 2)}
# Operators that compute numbers from numbers, by one pass, and draw none. There is no loop, no
# sequence, no text, and nothing whose result's size depends on the numbers alone.
OPERATORS = """
    Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat ConstantOfShape
    Conv ConvTranspose Cos DepthToSpace DequantizeLinear Div Elu Equal Erf Exp Expand Flatten Floor
    Gather Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual HardSigmoid HardSwish
    Identity InstanceNormalization LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax
    MatMul Max MaxPool Mean Min Mul Neg Not OneHot Or PRelu Pad Pow QuantizeLinear Reciprocal
    ReduceL2 ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape Resize
    Round Selu Shape Sigmoid Sign Sin Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt
    Squeeze Sub Sum Tan Tanh Tile Transpose Unsqueeze Where
"""
# Of constants alone a runtime computes a result when it opens the file, before any bound on it.
OF_CONSTANTS = {"Cast", "DequantizeLinear", "Identity", "Reshape", "Squeeze", "Unsqueeze"}
# The same by their number of inputs, which the interpreter does not check; 0 is any.
LITE_OPERATORS = {
    0: "CONCATENATION PACK",
    1: """
        ABS AVERAGE_POOL_2D CAST CEIL COS DEPTH_TO_SPACE DEQUANTIZE ELU EXP FLOOR GELU HARD_SWISH
        LEAKY_RELU LOG LOGICAL_NOT LOGISTIC LOG_SOFTMAX MAX_POOL_2D NEG QUANTIZE RELU RELU6
        RELU_0_TO_1 RELU_N1_TO_1 ROUND RSQRT SHAPE SIGN SIN SOFTMAX SPACE_TO_DEPTH SQRT SQUARE
        SQUEEZE TANH ZEROS_LIKE
    """,
    2: """
        ADD BATCH_MATMUL BROADCAST_TO DIV EQUAL EXPAND_DIMS GATHER GREATER GREATER_EQUAL LESS
        LESS_EQUAL LOGICAL_AND LOGICAL_OR MAXIMUM MEAN MINIMUM MUL NOT_EQUAL PAD POW PRELU
        REDUCE_MAX REDUCE_MIN REDUCE_PROD RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR SPLIT
        SQUARED_DIFFERENCE SUB SUM TILE TRANSPOSE
    """,
    3: """
        CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED PADV2 SELECT SELECT_V2 SLICE TRANSPOSE_CONV
    """,
    4: "ONE_HOT STRIDED_SLICE TRANSPOSE_CONV",
}
LITE_TYPES = ("FLOAT32", "FLOAT16", "INT32", "INT64", "INT8", "UINT8", "BOOL")


def check_onnx(path: str | Path) -> None:
    """Refuses an ONNX file that is more than one flat graph of known operators.

    It is looked at before a runtime opens it, which would also open other files that it names.

    Raises:
        ValueError: it holds what exports do not, or is damaged.
    """
    operators: set[str] = set()
    nodes: list[tuple[list[str], list[str], str]] = []
    constants: set[str] = set()
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        waiting = [("model", 0, len(data))]
        left = MOST_PARTS
        while waiting:
            kind, start, end = waiting.pop()
            texts: dict[int, list[str]] = {}
            for number, rule, low, high in _fields(data, kind, start, end):
                left -= 1
                if left < 0:
                    raise ValueError(f"more than {MOST_PARTS} parts")
                if rule in ONNX:
                    waiting.append((rule, low, high))
                elif rule == "zero" and data[low:high] != b"\0":
                    raise ValueError("weights in another file")
                elif rule == "text":
                    texts.setdefault(number, []).append(data[low:high].decode())
            if kind == "node":
                operators |= {*texts.get(4, [""])}
                nodes.append((texts.get(1, []), texts.get(2, []), texts.get(4, [""])[-1]))
            if kind == "tensor":
                constants |= {*texts.get(8, [])}
            domains = texts.get({"node": 7, "opset": 1}.get(kind, 0), [])
            if {*domains} - {"", "ai.onnx"}:
                raise ValueError(f"operators of {domains[-1]!r:.80}")
    _refuse_operators(operators, OPERATORS)
    for inputs, outputs, operator in reversed(nodes):  # the last field was the first to be taken
        if constants.issuperset(inputs):
            if operator not in OF_CONSTANTS:
                raise ValueError(f"{operator} of constants alone")
            constants.update(outputs)


def _refuse_operators(found: set[str], known: str) -> None:
    if unknown := sorted(found - {*known.split()}):
        raise ValueError(f"operators that exports do not have, {', '.join(unknown)[:80]}")


def _fields(
    data: mmap.mmap, kind: str, position: int, end: int
) -> Iterator[tuple[int, str, int, int]]:
    """Yields (number, rule of ONNX, start, end) of each field of a protobuf message.

    A number of protobuf that is too long is cut by some readers, and refused here.
    """

    def varint(longest: int) -> int:
        nonlocal position
        value = 0
        for index in range(longest):
            byte = data[position]
            position += 1
            value |= (byte & 127) << 7 * index
            if byte < 128:
                return value
        raise ValueError("a number that is too long")

    while position < end:
        key = varint(5)
        number, wire = key >> 3, key & 7
        rule = ONNX[kind].get(number, "")
        if not rule or wire not in WIRES.get(rule, (2,)):
            elsewhere = kind == "tensor" and number == 13
            what = "weights in another file"
            raise ValueError(what if elsewhere else f"field {number} of type {wire} in a {kind}")
        start = position
        if wire == 0:
            varint(10)
        elif wire == 5:
            position += 4
        else:
            size = varint(5)
            start, position = position, position + size
        if position > end:
            raise ValueError("less than its parts say")
        yield number, rule, start, position


def check_tflite(path: str | Path) -> None:
    """Refuses a TFLite file that is more than one flat graph of known operators.

    The interpreter checks little of what a file says: a wrong index ends the process.

    Raises:
        ValueError: it holds what exports do not, or is damaged.
    """
    from ai_edge_litert import schema_py_generated as schema

    data = Path(path).read_bytes()
    if data[4:8] != b"TFL3":
        raise ValueError("no TFLite file")
    model = schema.Model.GetRootAs(data)
    if model.SubgraphsLength() != 1 or model.SignatureDefsLength() != 1:
        raise ValueError("other than one graph with one signature")
    if model.ExternalBuffersLength() or model.ExternalBufferGroupsLength():
        raise ValueError("weights in another file")
    known = {code: name for name, code in vars(schema.BuiltinOperator).items() if name.isupper()}
    operators = []
    for index in _bounded(model.OperatorCodesLength()):
        code = model.OperatorCodes(index)
        # Codes below 127 are also, in files of older converters only, in the field of one byte.
        number = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        custom = code.CustomCode() or b""
        operators.append(custom.decode() or known.get(number, str(number)))
    _refuse_operators({*operators}, " ".join(LITE_OPERATORS.values()))
    full = set()
    for index in _bounded(model.BuffersLength()):
        buffer = model.Buffers(index)
        if buffer.Offset() or buffer.Size():
            raise ValueError("weights outside its graph")
        if buffer.DataLength():
            full.add(index)
    graph = model.Subgraphs(0)
    types = {code: name for name, code in vars(schema.TensorType).items() if name.isupper()}
    constants = set()
    for index in _bounded(graph.TensorsLength()):
        tensor = graph.Tensors(index)
        shape = [tensor.Shape(axis) for axis in _bounded(tensor.ShapeLength())]
        if types.get(tensor.Type()) not in LITE_TYPES or tensor.Sparsity() or tensor.IsVariable():
            raise ValueError(f"a type that exports do not have, of tensor {index}")
        if len(shape) > 8 or min(shape, default=0) < 0 or math.prod(shape) > LARGEST_TENSOR:
            raise ValueError(f"tensor {index} of shape {shape!s:.80}")
        if tensor.Buffer() in full:
            constants.add(index)
    _check_order(graph, operators, model.SignatureDefs(0), constants)
    for index in range(graph.OperatorsLength()):
        operator, split = graph.Operators(index), schema.SplitOptions()
        if operators[operator.OpcodeIndex()] == "SPLIT":
            split.Init(operator.BuiltinOptions().Bytes, operator.BuiltinOptions().Pos)
            if split.NumSplits() != operator.OutputsLength():  # it divides by their number
                raise ValueError(f"operator {index} of {split.NumSplits()} parts")


def _check_order(graph: Any, operators: Sequence[str], signature: Any, constants: set[int]) -> None:
    """Refuses a TFLite graph that reads what was not made before, or makes what is there."""
    given = {graph.Inputs(index) for index in _bounded(graph.InputsLength())}
    made = {graph.Outputs(index) for index in _bounded(graph.OutputsLength())}
    inputs = {signature.Inputs(i).TensorIndex() for i in _bounded(signature.InputsLength())}
    outputs = {signature.Outputs(i).TensorIndex() for i in _bounded(signature.OutputsLength())}
    if signature.SubgraphIndex() or inputs != given or outputs != made:
        raise ValueError("a signature of another graph")
    there = constants | given
    if constants & given or not all(0 <= index < graph.TensorsLength() for index in there):
        raise ValueError("inputs that are constants, or none")
    for index in _bounded(graph.OperatorsLength()):
        operator = graph.Operators(index)
        if operator.CustomOptionsLength() or operator.LargeCustomOptionsSize():
            raise ValueError(f"operator {index} with options of its own")
        if operator.OpcodeIndex() >= len(operators):
            raise ValueError(f"operator {index} of no kind")
        needed = [operator.Inputs(i) for i in _bounded(operator.InputsLength())]
        kind = operators[operator.OpcodeIndex()]
        if kind not in f"{LITE_OPERATORS[0]} {LITE_OPERATORS.get(len(needed), '')}".split():
            raise ValueError(f"{kind} of {len(needed)} inputs")
        if kind == "FULLY_CONNECTED" and needed[2:] == [-1]:
            needed = needed[:2]  # without a bias
        if not there.issuperset(needed):
            raise ValueError(f"operator {index} of what is not there")
        results = [operator.Outputs(i) for i in _bounded(operator.OutputsLength())]
        if there & {*results} or not all(0 <= i < graph.TensorsLength() for i in results):
            raise ValueError(f"operator {index} that makes what is there")
        there.update(results)
    if not there.issuperset(made):
        raise ValueError("outputs that no operator makes")


def _bounded(count: int) -> range:
    """The indices of a table, which is not absurdly long."""
    if count > MOST_PARTS:
        raise ValueError(f"more than {MOST_PARTS} parts")
    return range(count)


@functools.cache
def _bound_memory() -> None:
    """Has onnxruntime refuse what takes more than half of this machine's memory.

    The numbers between a graph's operators can be far more than those in its file and its images.
    The bound is for all graphs of the process together.
    """
    import onnxruntime

    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        memory = 2**33
    kind, place = onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR, onnxruntime.OrtMemType.DEFAULT
    onnxruntime.create_and_register_allocator(
        onnxruntime.OrtMemoryInfo("Cpu", kind, 0, place),
        onnxruntime.OrtArenaCfg({"max_mem": memory // 2}),
    )


GRAPHS: dict[str, type[Graph]] = {".onnx": OnnxGraph, ".tflite": TfliteGraph}


def open_graph(path: str | Path, threads: int | None = None) -> Graph:
    """The `Graph` in a .onnx or .tflite file.

    Args:
        path: of the file.
        threads: how many compute; None for one per core.
    """
    suffix = Path(path).suffix
    if suffix not in GRAPHS:
        raise ValueError(f"An exported file ends with {' or '.join(GRAPHS)}. Received: {path}")
    if threads is not None and threads < 1:
        raise ValueError(f"The number of threads must be at least 1. Received: {threads}")
    return GRAPHS[suffix](path, threads)


class FileSampler(Sampler):
    """An exported generator, with the encoder beside it where there is one."""

    def __init__(self, path: str | Path, threads: int | None = None):
        self.path, self.threads = Path(path), threads
        self.graph = open_graph(path, threads)
        super().__init__(self.graph.inputs, self.graph.class_names)
        shape = self.graph.output_shape
        sides = [n or 1 for n in shape[1:3]]
        if len(shape) != 2 and (
            len(shape) != 4 or shape[-1] not in (1, 3) or max(sides) > LARGEST_SIDE
        ):
            raise ValueError(
                f"Points, or images of 1 or 3 channels and sides to {LARGEST_SIDE}, can be drawn. "
                f"Received: {path}, whose output is of shape {shape}"
            )

    @property
    def drawn_size(self) -> int:
        return math.prod(n or 0 for n in self.graph.output_shape[1:])

    @property
    def metadata(self) -> dict[str, Any]:
        """What the file says about itself: model, dataset, inputs, versions and more."""
        return self.graph.metadata

    @property
    def provider(self) -> str:
        """What runs the graph, for example CPUExecutionProvider."""
        return self.graph.provider

    def draw(self, inputs: Mapping[str, Array]) -> Array:
        return self.graph.run(inputs)

    @property
    def encoded_shape(self) -> tuple[int, ...] | None:
        spec = self._encoder.inputs.get("image") if self.beside("encoder").is_file() else None
        return None if spec is None else tuple(spec["shape"])

    def beside(self, graph: str) -> Path:
        """Where another graph of the model lies in the same precision, such as "encoder"."""
        precision = self.metadata.get("precision", "fp32")
        return self.path.with_stem(graph if precision == "fp32" else f"{graph}_{precision}")

    @functools.cached_property
    def _encoder(self) -> Graph:
        file = self.beside("encoder")
        if not file.is_file():
            raise ValueError(
                f"Encoding needs {file.name} beside {self.path.name}, and there is no {file}"
            )
        return open_graph(file, self.threads)

    def encode(self, images: Any, classes: Sequence[str | int] | None = None) -> Array:
        return self._run_on(self._encoder, "image", images, classes)

    def decode(self, z: Any, classes: Sequence[str | int] | None = None) -> Array:
        return self._run_on(self.graph, "z", z, classes)

    def _run_on(
        self, graph: Graph, name: str, array: Any, classes: Sequence[str | int] | None
    ) -> Array:
        """The output of a graph that takes one input, and labels where it is conditional."""
        array = np.asarray(array, "float32")
        if graph.inputs.keys() - {"label"} != {name}:
            raise ValueError(
                f"The graph must take {name} alone, or {name} and labels. "
                f"Received: a graph of {', '.join(graph.inputs)}"
            )
        shape = tuple(graph.inputs[name]["shape"])
        if array.shape[1:] != shape or not array.size:
            size = ", ".join(map(str, shape))
            raise ValueError(f"{name} must be of shape (n, {size}). Received: {array.shape}")
        inputs = {name: array}
        if "label" in graph.inputs:
            if classes is None or len(classes) != len(array):
                raise ValueError(
                    f"Each of the {len(array)} examples needs a class. Received: {classes}"
                )
            inputs["label"] = np.array([self.class_index(wanted) for wanted in classes], "int32")
        return graph.run(inputs)


def load(path: str | Path, threads: int | None = None) -> FileSampler:
    """The generator in an exported file or folder.

    Args:
        path: a .onnx or .tflite file, or a folder with `model.onnx` or `model.tflite`: where it
            has both, the one whose runtime is installed, and ONNX if both are.
        threads: how many compute; None for one per core.

    Raises:
        ValueError: there is none, it is damaged, or its runtime is not installed.
    """
    path = Path(path)
    if path.is_file():
        return FileSampler(path, threads)
    inside = [path / name for name in FILES if (path / name).is_file()]
    if not inside:
        raise ValueError(
            f"An exported generator is a .onnx or .tflite file, or a folder with "
            f"{' or '.join(FILES)}. Received: {path}"
        )
    return FileSampler(next((p for p in inside if is_installed(p.suffix)), inside[0]), threads)
