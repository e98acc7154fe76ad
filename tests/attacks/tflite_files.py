"""TFLite files made to harm: tables that point elsewhere, operators that exports do not have."""

import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from export import runtime
from tests.attacks.harness import Attack
from tests.attacks.mutations import WRONG, damaged, with_value
from tests.attacks.onnx_files import read
from tests.export.build import SPEC, lite

TABLES = "TFLite tables that lie (CVE-2020-15209, CVE-2020-15211)"
PARTS = "TFLite parts that exports do not have (CVE-2021-29591)"
WORK = "TFLite files that ask for huge work (CVE-2022-23558)"
ZERO = "TFLite options of zero (CVE-2021-37681, CVE-2021-29599)"
APPENDED = "the archive at the end of a TFLite file"
LIES = "metadata of a graph that lie"
DAMAGE = "damaged TFLite files"
METADATA = {"inputs": {"z": SPEC["z"]}, "output": "image", "class_names": []}
Model = Any
Change = Callable[[Model], None]


def _schema() -> Any:
    from ai_edge_litert import schema_py_generated

    return schema_py_generated


def _made(change: Change, folder: Path) -> Path:
    return lite(folder / "model.tflite", change=change)


def _attack(kind: str, name: str, change: Change, may_pass: bool = False) -> Attack:
    words = "" if may_pass else "Received: "
    return Attack(kind, name, partial(_made, change), read, words, may_pass)


def _set(path: str, value: Any, model: Model) -> None:
    """Sets an attribute, "subgraphs.0.tensors.1.buffer"."""
    place = model
    *outer, last = path.split(".")
    for part in outer:
        place = place[int(part)] if part.isdigit() else getattr(place, part)
    if last.isdigit():
        place[int(last)] = value
    else:
        setattr(place, last, value)


INDICES = (-2, -1, 6, 7, 100, 2**15, 2**31 - 1, -(2**31))
SHAPES = ([-1, 3], [0, 3], [2**31 - 1, 3], [2**16, 2**16], [2**31 - 1] * 3, [1] * 9, [1] * 5000, [])
PLACES = (
    *(f"subgraphs.0.operators.{i}.inputs.{j}" for i, j in ((0, 0), (0, 1), (0, 2), (1, 0), (2, 1))),
    *(f"subgraphs.0.operators.{i}.outputs.0" for i in range(3)),
    "subgraphs.0.inputs.0",
    "subgraphs.0.outputs.0",
    "signatureDefs.0.inputs.0.tensorIndex",
    "signatureDefs.0.outputs.0.tensorIndex",
)


def _table_attacks() -> Iterator[Attack]:
    for place in PLACES:
        for index in INDICES:
            if "tensorIndex" not in place or index >= 0:
                yield _attack(TABLES, f"{place} {index}", partial(_set, place, index), True)
    for index in range(6):
        for shape in SHAPES:
            change = partial(_set, f"subgraphs.0.tensors.{index}.shape", shape)
            yield _attack(TABLES, f"tensor {index} of shape {shape!s:.30}", change, True)
        for buffer in (0, 1, 2, 3, 2**31):
            change = partial(_set, f"subgraphs.0.tensors.{index}.buffer", buffer)
            yield _attack(TABLES, f"tensor {index} of buffer {buffer}", change, True)
        for kind in range(20):
            change = partial(_set, f"subgraphs.0.tensors.{index}.type", kind)
            yield _attack(TABLES, f"tensor {index} of type {kind}", change, True)
    for index in (1, 2, 3, 100, 2**32 - 1):
        change = partial(_set, "subgraphs.0.operators.1.opcodeIndex", index)
        yield _attack(TABLES, f"operator {index}", change, True)
    for path in ("subgraphs.0.tensors", "subgraphs.0.operators", "buffers", "operatorCodes"):
        yield _attack(TABLES, f"no {path}", partial(_set, path, []))
    yield _attack(TABLES, "no graph", partial(_set, "subgraphs", []))
    yield _attack(TABLES, "no signature", partial(_set, "signatureDefs", []))
    yield _attack(
        TABLES, "signature of no graph", partial(_set, "signatureDefs.0.subgraphIndex", 9)
    )
    for data in ([], [1], [0] * 47, [255] * 48, [0] * 10**6):
        yield _attack(
            TABLES, f"weights of {len(data)} bytes", partial(_set, "buffers.1.data", data), True
        )
    for shape in ([-1, -1, 2, 1], [0, 0, 0, 0], [2**30, 2, 2, 1], [-5, 2, 2, 1], [1, 2, 2, 1]):
        data = list(np.array(shape, "int32").tobytes())
        yield _attack(TABLES, f"reshaped to {shape}", partial(_set, "buffers.2.data", data), True)


def _code(name: str, model: Model) -> None:
    """Has the sigmoid be another operator."""
    kinds = vars(_schema().BuiltinOperator)
    model.operatorCodes[1].builtinCode = kinds[name]
    model.operatorCodes[1].deprecatedBuiltinCode = min(kinds[name], 127)


def _custom(name: str, model: Model) -> None:
    _code("CUSTOM", model)
    model.operatorCodes[1].customCode = name.encode()


def _second_graph(model: Model) -> None:
    model.subgraphs.append(model.subgraphs[0])


def _second_signature(model: Model) -> None:
    model.signatureDefs.append(model.signatureDefs[0])


def _external(model: Model) -> None:
    schema = _schema()
    group, buffer = schema.ExternalBufferGroupT(), schema.ExternalBufferT()
    group.name = b"../outside/weights"
    buffer.id, buffer.group, buffer.offset, buffer.length = 1, 0, 0, 48
    model.externalBufferGroups, model.externalBuffers = [group], [buffer]
    model.subgraphs[0].tensors[1].externalBuffer = 1


def _beyond(offset: int, model: Model) -> None:
    """Weights elsewhere in the file, or past its end."""
    model.buffers[1].data = None
    model.buffers[1].offset, model.buffers[1].size = offset, 48


def _miscounted(name: str, count: int, type_: int, model: Model) -> None:
    """Any operator, without options, on so many inputs of a type that may not be its own."""
    _code(name, model)
    graph = model.subgraphs[0]
    graph.operators[1].inputs = [2, 1, 5, 0][:count]
    graph.operators[1].builtinOptionsType, graph.operators[1].builtinOptions = 0, None
    graph.tensors[3].type = type_


def _sparse(model: Model) -> None:
    model.subgraphs[0].tensors[1].sparsity = _schema().SparsityParametersT()


OTHERS = ("WHILE", "IF", "CALL_ONCE", "VAR_HANDLE", "HASHTABLE", "HASHTABLE_FIND", "RANDOM_UNIFORM",
          "MULTINOMIAL", "LSTM", "RNN", "SVDF", "EMBEDDING_LOOKUP", "LSH_PROJECTION", "SKIP_GRAM",
          "DELEGATE", "CALL", "UNIQUE", "WHERE", "RANGE", "NON_MAX_SUPPRESSION_V4", "RFFT2D",
          "SPARSE_TO_DENSE", "BIDIRECTIONAL_SEQUENCE_LSTM", "STABLEHLO_CUSTOM_CALL",
          "STABLEHLO_WHILE", "PLACEHOLDER_FOR_GREATER_OP_CODES")  # fmt: skip


def _part_attacks() -> Iterator[Attack]:
    for name in OTHERS:
        yield _attack(PARTS, name, partial(_code, name))
    for name in (
        "FlexConv2D",
        "FlexReadFile",
        "FlexPyFunc",
        "TFLite_Detection_PostProcess",
        "x" * 9999,
    ):
        yield _attack(PARTS, f"custom {name[:30]}", partial(_custom, name))
    for name in " ".join(runtime.lite.LITE_OPERATORS.values()).split():
        for count in range(5):
            change = partial(_miscounted, name, count, count % 3)
            yield _attack(TABLES, f"{name} of {count} inputs", change, True)
    for change in (_second_graph, _second_signature, _external, _sparse):
        yield _attack(PARTS, change.__name__[1:], change)
    for offset in (1, 500, 2**40, 2**64 - 1):
        yield _attack(PARTS, f"weights at {offset}", partial(_beyond, offset))
    yield _attack(PARTS, "a variable", partial(_set, "subgraphs.0.tensors.2.isVariable", True))
    options = partial(_set, "subgraphs.0.operators.1.customOptions", [1, 2, 3])
    yield _attack(PARTS, "options of its own", options)


def _in_between(
    name: str, shape: list[int], numbers: np.ndarray, options: Any, model: Model
) -> None:
    """Replaces the sigmoid by an operator with a second, constant input."""
    schema, graph = _schema(), model.subgraphs[0]
    _code(name, model)
    buffer = schema.BufferT()
    buffer.data = list(numbers.tobytes())
    model.buffers.append(buffer)
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.buffer = (
        b"second",
        list(numbers.shape),
        len(model.buffers) - 1,
    )
    tensor.type = schema.TensorType.INT32
    graph.tensors.append(tensor)
    graph.operators[1].inputs = [2, len(graph.tensors) - 1]
    graph.tensors[3].shape = shape
    graph.tensors[3].shapeSignature = [-1, *shape[1:]]
    if options:
        kind, values = options
        made = getattr(schema, f"{kind}T")()
        for key, value in values.items():
            setattr(made, key, value)
        graph.operators[1].builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        graph.operators[1].builtinOptions = made


def _ints(*values: int) -> np.ndarray:
    return np.array(values, "int32")


GROWING = {
    "tiles": ("TILE", _ints(1, 2**28)),
    "tiles past 32 bits": ("TILE", _ints(2**20, 2**20)),
    "tiles past 64 bits": ("TILE", _ints(2**31 - 1, 2**31 - 1)),
    "broadcast": ("BROADCAST_TO", _ints(2**14, 2**14, 1, 4)),
    "broadcast past 64 bits": ("BROADCAST_TO", _ints(2**30, 2**30, 2**30, 4)),
    "padding": ("PAD", np.array([[0, 0], [0, 2**30]], "int32")),
    "padding below zero": ("PAD", np.array([[0, 0], [0, -(2**30)]], "int32")),
    "an expanded axis": ("EXPAND_DIMS", _ints(2**31 - 1)),
}
OPTIONS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "split in none": ("SPLIT", "SplitOptions", {"numSplits": 0}),
    "unpack of none": ("UNPACK", "UnpackOptions", {"num": 0, "axis": 0}),
    "unpack of many": ("UNPACK", "UnpackOptions", {"num": 2**31 - 1, "axis": 0}),
    "pools of none": ("MAX_POOL_2D", "Pool2DOptions", {"filterWidth": 0, "strideW": 0}),
    "convolution of none": ("CONV_2D", "Conv2DOptions", {"strideW": 0, "strideH": 0}),
    "depthwise of none": ("DEPTHWISE_CONV_2D", "DepthwiseConv2DOptions", {"depthMultiplier": 0}),
    "transposed of none": ("TRANSPOSE_CONV", "TransposeConvOptions", {"strideW": 0}),
    "blocks of none": ("SPACE_TO_DEPTH", "SpaceToDepthOptions", {"blockSize": 0}),
    "blocks below zero": ("DEPTH_TO_SPACE", "DepthToSpaceOptions", {"blockSize": -(2**31)}),
    "an axis past all": ("SOFTMAX", "SoftmaxOptions", {"beta": float("nan")}),
    "gathered past all": ("GATHER", "GatherOptions", {"axis": 2**31 - 1}),
    "joined past all": ("CONCATENATION", "ConcatenationOptions", {"axis": 2**31 - 1}),
    "squeezed past all": ("SQUEEZE", "SqueezeOptions", {"squeezeDims": [2**31 - 1] * 9}),
    "strides of none": ("STRIDED_SLICE", "StridedSliceOptions", {"beginMask": -1}),
    "an activation of none": ("ADD", "AddOptions", {"fusedActivationFunction": 99}),
    "options of another": ("ADD", "WhileOptions", {"condSubgraphIndex": 99}),
}


def _work_attacks() -> Iterator[Attack]:
    for name, (code, numbers) in GROWING.items():
        for shape in ([1, 4], [1, 2**24]):
            change = partial(_in_between, code, shape, numbers, None)
            yield _attack(WORK, f"{name}, said to be {shape}", change)
    for name, (code, kind, values) in OPTIONS.items():
        for numbers in (
            _ints(0),
            _ints(0, 0, 0, 0),
            _ints(2**31 - 1),
            np.zeros((1, 0, 0, 4), "int32"),
        ):
            change = partial(_in_between, code, [1, 4], numbers, (kind, values))
            yield _attack(ZERO, f"{name} {numbers.shape} {numbers.ravel()[:1]}", change, True)


# ---- the archive at the end


def _appended(write: Callable[[Path], None], folder: Path) -> Path:
    path = lite(folder / "model.tflite")
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"PK\3\4")])
    write(path)
    return path


def _zip(
    text: bytes | str, path: Path, name: str = "genzoo.json", kind: int = zipfile.ZIP_DEFLATED
) -> None:
    with zipfile.ZipFile(path, "a", kind) as archive:
        archive.writestr(name, text)


def _inflating(path: Path) -> None:
    """Four gigabytes of spaces, said to be 100 bytes."""
    with (
        zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("genzoo.json", "w", force_zip64=True) as file,
    ):
        for _ in range(256):
            file.write(b" " * (1 << 24))


def _bzipped(path: Path) -> None:
    _zip(b" " * (1 << 28), path, kind=zipfile.ZIP_BZIP2)
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", 1 << 28), struct.pack("<I", 100)))


def _locked(path: Path) -> None:
    _zip(json.dumps(METADATA), path)
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(mark) + place] |= 1
    path.write_bytes(content)


APPENDICES = {
    "none": lambda path: None,
    "another name": partial(_zip, "{}", name="other.json"),
    "a name that leads out": partial(_zip, "{}", name="../genzoo.json"),
    "no JSON": partial(_zip, b"\x80\x04cposix\nsystem\n(S'touch ../outside/owned'\ntR."),
    "YAML with tags (CVE-2017-18342)": partial(_zip, "!!python/object/apply:os.system ['touch x']"),
    "deep JSON": partial(_zip, "[" * 200_000),
    "four gigabytes": _inflating,
    "bzip2 that says 100 bytes": _bzipped,
    "encrypted": _locked,
    "UTF-16": partial(_zip, json.dumps(METADATA).encode("utf-32")),
}  # fmt: skip


def _with_metadata(metadata: Any, folder: Path) -> Path:
    return lite(folder / "model.tflite", metadata)


def attacks(count: int) -> Iterator[Attack]:
    """All by hand, and `count` damaged files."""
    yield from _table_attacks()
    yield from _part_attacks()
    yield from _work_attacks()
    for name, write in APPENDICES.items():
        passes = name == "UTF-16"  # which json reads
        make = partial(_appended, write)
        yield Attack(APPENDED, name, make, read, "" if passes else "Received: ", passes)
    for key in runtime.metadata.REQUIRED:
        for value in WRONG:
            make = partial(_with_metadata, with_value(METADATA, (key,), value))
            yield Attack(LIES, f"TFLite, {key} {value!r:.30}", make, read, "Received: ", True)
    for index in range(count):
        make = partial(damaged, lambda folder: lite(folder / "model.tflite"), index)
        yield Attack(DAMAGE, f"number {index}", make, read, may_pass=True)
