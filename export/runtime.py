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
BATCH = 64  # images per call of the graph, which bounds the memory
BATCH_PIXELS = 2**18  # the same for image-to-image models, whose images may be large
# Bounds for a file, which may be a stranger's: numbers in one input, and classes.
LARGEST_INPUT = 2**24
MOST_CLASSES = 10_000


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
        return Noise(self.inputs, seed, size).next(count, labels)

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
        drawn = [
            self.draw({key: array[start : start + rows] for key, array in inputs.items()})
            for start in range(0, count, rows)
        ]
        return np.concatenate(drawn)[:, :height, :width]

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
        if "classes" in spec and not 0 <= given < spec["classes"]:
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
            self.inputs: Inputs = self.metadata["inputs"]
            self.class_names: Sequence[str] = self.metadata["class_names"]
            self.output: str = self.metadata["output"]
            self.output_shape = self._check()
        except Exception as error:  # onnxruntime's own classes derive from Exception alone
            reason = str(error).splitlines()[0] if str(error) else ""
            raise ValueError(
                "An exported generator is an ONNX or TFLite file with this project's metadata. "
                f"Received: {path} ({type(error).__name__}: {reason})"
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
            _check_spec(name, spec)
            shape, dtype = inputs[name]
            sides = [
                None if follows_size(spec) and i < 2 else n for i, n in enumerate(spec["shape"])
            ]
            if dtype != spec["dtype"] or [None, *sides] != shape:
                raise ValueError(
                    f"the metadata describe {name} as {spec['dtype']} {[None, *sides]}, "
                    f"the graph as {dtype} {shape}"
                )
            if spec["prior"] == "class" and spec["classes"] != len(self.class_names):
                raise ValueError(f"{spec['classes']} classes have {len(self.class_names)} names")
        return outputs[self.output][0]

    def run(self, inputs: Mapping[str, Array]) -> Array:
        """The graph's output for a dict of arrays."""
        raise NotImplementedError


class OnnxGraph(Graph):
    """An exported ONNX file."""

    runtime = "onnxruntime"

    def _open(self, path: str, threads: int | None) -> None:
        import onnxruntime

        if has_external_data(path):
            raise ValueError("its weights are in another file")
        self.version = onnxruntime.__version__
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or 0
        available = onnxruntime.get_available_providers()
        providers = [name for name in PROVIDERS if name in available]
        self.session = onnxruntime.InferenceSession(path, options, providers=providers)
        self.provider = self.session.get_providers()[0]
        if self.provider != providers[0]:
            _warn_once(f"{providers[0]} could not be started; {self.provider} is used instead")
        properties = self.session.get_modelmeta().custom_metadata_map
        self.metadata = {key: json.loads(value) for key, value in properties.items()}
        self.tensors = [
            {v.name: ([_fixed(n) for n in v.shape], ONNX_TYPES.get(v.type, v.type)) for v in values}
            for values in (self.session.get_inputs(), self.session.get_outputs())
        ]

    def run(self, inputs: Mapping[str, Array]) -> Array:
        return self.session.run([self.output], inputs)[0]


class TfliteGraph(Graph):
    """An exported TFLite file."""

    runtime = "ai-edge-litert"
    provider = "CPU"

    def _open(self, path: str, threads: int | None) -> None:
        import zipfile
        from importlib import metadata  # imported here: it takes as long as all else together

        from ai_edge_litert import interpreter

        self.version = metadata.version("ai-edge-litert")
        with zipfile.ZipFile(path) as archive:
            self.metadata = json.loads(archive.read(TFLITE_METADATA))
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

    def run(self, inputs: Mapping[str, Array]) -> Array:
        with self.lock:
            return self.runner(**inputs)[self.output]


def is_installed(suffix: str) -> bool:
    """Whether the runtime for a suffix is on this machine."""
    return importlib.util.find_spec(RUNTIMES[suffix][1]) is not None


def _check_spec(name: str, spec: Spec) -> None:
    """Refuses an input that could not be drawn, or only by filling the memory."""
    counts = {key: spec[key] for key in ("multiple", "divisor", "classes") if key in spec}
    for value in (*spec["shape"], *counts.values()):
        if type(value) is not int or value < 1:
            raise ValueError(f"the sizes of {name} must be integers from 1, not {value!r:.40}")
    if math.prod(spec["shape"]) > LARGEST_INPUT or counts.get("classes", 1) > MOST_CLASSES:
        raise ValueError(
            f"{name} must have at most {LARGEST_INPUT} numbers, {MOST_CLASSES} classes"
        )
    if follows_size(spec) and len(spec["shape"]) != 3:
        raise ValueError(f"the shape of {name} must be height, width, channels")
    if spec["prior"] == "mask" and not 0 < spec["keep"] <= 1:
        raise ValueError(f"{name} must keep a fraction from above 0 to 1, not {spec['keep']!r:.40}")


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


# Where tensors are in an ONNX file: the fields of each kind of message that lead to another kind.
ONNX_FIELDS = {
    "model": {7: "graph"},
    "graph": {1: "node", 5: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph"},
}
EXTERNAL_DATA, DATA_LOCATION, EXTERNAL = 13, 14, 1  # fields of a tensor, and a value


def has_external_data(path: str | Path) -> bool:
    """Whether an ONNX file keeps weights in other files, which onnxruntime would open."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        waiting = [("model", 0, len(data))]
        while waiting:
            kind, start, end = waiting.pop()
            for field, low, high in _protobuf_fields(data, start, end):
                elsewhere = field == DATA_LOCATION and data[low] == EXTERNAL
                if kind == "tensor" and (elsewhere or field == EXTERNAL_DATA):
                    return True
                if field in ONNX_FIELDS.get(kind, ()):
                    waiting.append((ONNX_FIELDS[kind][field], low, high))
    return False


def _protobuf_fields(data: mmap.mmap, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yields (number, start, end) of each field of a protobuf message."""

    def varint() -> int:
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while position < end:
        key = varint()
        kind, start = key & 7, position
        if kind == 0:
            varint()
        elif kind == 2:
            size = varint()
            start, position = position, position + size
        elif kind in (1, 5):
            position += 8 if kind == 1 else 4
        else:
            raise ValueError("it is not an ONNX file")
        if position > end:
            raise ValueError("it is cut short")
        yield key >> 3, start, position


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
