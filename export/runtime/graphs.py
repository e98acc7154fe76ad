"""An exported file, ONNX or TFLite, opened by its runtime and checked against what it says."""

import functools
import importlib.util
import math
import os
import threading
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from export.runtime.anatomy import check_onnx
from export.runtime.lite import check_tflite
from export.runtime.metadata import (
    LARGEST_EXAMPLE,
    LARGEST_METADATA,
    checked_metadata,
    from_json,
)
from export.runtime.noise import Array, Inputs, follows_size, image_input, input_shape
from export.runtime.work import check_work

Tensors = dict[str, tuple[list[int | None], str]]  # name to (shape, dtype)

FILES = ("model.onnx", "model.tflite")  # in order of preference
TFLITE_METADATA = "genzoo.json"  # in the zip archive at the end of a .tflite file
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")  # in order of preference
ONNX_TYPES = {"tensor(float)": "float32", "tensor(int32)": "int32"}
# For each suffix its runtime, the runtime's module, and the extra of this project that installs it.
RUNTIMES = {
    ".onnx": ("onnxruntime", "onnxruntime", "cpu"),
    ".tflite": ("ai-edge-litert", "ai_edge_litert", "litert"),
}


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
            self.metadata = checked_metadata(self._read(str(path)))
            self.inputs: Inputs = self.metadata["inputs"]
            self.class_names: Sequence[str] = self.metadata["class_names"]
            self.output: str = self.metadata["output"]
            self._open(str(path), threads)
            self.output_shape = self._check()
        except Exception as error:  # onnxruntime's own classes derive from Exception alone
            raise ValueError(
                "An exported generator is an ONNX or TFLite file with this project's metadata. "
                f"Received: {path} ({_in_a_line(error)})"
            ) from error

    def _read(self, path: str) -> dict[str, Any]:
        """Looks at the file, before the runtime opens it; returns its metadata."""
        raise NotImplementedError

    def _open(self, path: str, threads: int | None) -> None:
        """Sets version, provider and tensors."""
        raise NotImplementedError

    def _check(self) -> list[int | None]:
        """Compares the metadata with the graph; returns the output's shape."""
        inputs, outputs = self.tensors
        self._check_names(inputs, outputs)
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

    def _check_names(self, inputs: Collection[str], outputs: Collection[str]) -> None:
        if {*inputs} != self.inputs.keys() or self.output not in outputs:
            raise ValueError(
                f"the metadata name {', '.join(self.inputs)} and {self.output}, the graph has "
                f"{', '.join(inputs)} and {', '.join(outputs)}"
            )

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

    def _read(self, path: str) -> dict[str, Any]:
        self.plan, properties = check_onnx(path)
        self.checked: set[tuple[tuple[int, ...], ...]] = set()  # shapes of what may be given
        return {key: from_json(value) for key, value in properties.items()}

    def _open(self, path: str, threads: int | None) -> None:
        import onnxruntime

        self._check_names(self.plan.inputs, self.plan.outputs)
        # What does not depend on how many there are is computed when the file is opened.
        self._bound_work({name: (1, *input_shape(s, None)) for name, s in self.inputs.items()})
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
        self.tensors = [
            {v.name: ([_fixed(n) for n in v.shape], ONNX_TYPES.get(v.type, v.type)) for v in values}
            for values in (self.session.get_inputs(), self.session.get_outputs())
        ]

    def _bound_work(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        key = tuple(shapes[name] for name in self.inputs)
        if key not in self.checked:
            check_work(self.plan, self.output, shapes)
            self.checked.add(key)

    def _run(self, inputs: Mapping[str, Array]) -> Any:
        self._bound_work({name: np.shape(array) for name, array in inputs.items()})
        return self.session.run([self.output], inputs)[0]


class TfliteGraph(Graph):
    """An exported TFLite file."""

    runtime = "ai-edge-litert"
    provider = "CPU"

    def _read(self, path: str) -> dict[str, Any]:
        import zipfile

        check_tflite(path)
        with zipfile.ZipFile(path) as archive, archive.open(TFLITE_METADATA) as file:
            found: dict[str, Any] = from_json(file.read(LARGEST_METADATA + 1))
            return found

    def _open(self, path: str, threads: int | None) -> None:
        from importlib import metadata  # imported here: it takes as long as all else together

        from ai_edge_litert import interpreter

        self.version = metadata.version("ai-edge-litert")
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


def _in_a_line(error: Exception) -> str:
    """An error's name and the beginning of its first line."""
    words = str(error).strip().splitlines()
    return f"{type(error).__name__}: {words[0] if words else ''}"[:400]


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
