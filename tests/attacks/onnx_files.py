"""ONNX files made to harm: those that open other files, compute without end, or lie."""

import itertools
import json
import os
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export import runtime
from tests.attacks.harness import Attack
from tests.attacks.mutations import WRONG, damaged, with_value
from tests.export.build import METADATA, WEIGHTS, generator

ELSEWHERE = "ONNX weights in other files (CVE-2022-25882, CVE-2024-27318)"
PARTS = "ONNX parts that exports do not have"
WORK = "ONNX files that ask for huge work"
LIES = "metadata of a graph that lie"
OUTPUTS = "outputs of a graph that lie"
DAMAGE = "damaged ONNX files"
Change = Callable[[onnx.ModelProto, Path], None]
NODE = helper.make_node


def read(path: object) -> None:
    """What `generate` and `verify` do with an exported file."""
    sampler = runtime.load(str(path), threads=1)
    sampler.generate(4)


def small_machine() -> None:
    """Has the runtime see a machine of 1 GiB, so that its bound on memory is the harness's."""
    pages = {"SC_PHYS_PAGES": (1 << 30) // 4096, "SC_PAGE_SIZE": 4096}
    known = os.sysconf
    os.sysconf = lambda name: pages.get(name) or known(name)


def _read_small(path: object) -> None:
    small_machine()
    read(path)


def changed(change: Change, folder: Path) -> Path:
    """The path of a good file to which a change was made."""
    path = generator(folder / "model.onnx")
    model = onnx.load(path)
    change(model, folder)
    path.write_bytes(model.SerializeToString())
    return path


# ---- weights in other files


def _elsewhere(tensor: onnx.TensorProto, location: str) -> onnx.TensorProto:
    """The tensor with its numbers in another file, as the format allows."""
    onnx.external_data_helper.set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    return tensor


def _write_weights(folder: Path) -> None:
    """Good weights where they must not be read: a reader that does so goes on."""
    (folder.parent / "outside" / "weights").write_bytes(WEIGHTS.tobytes())
    os.link(folder.parent / "outside" / "weights", folder / "hard")
    (folder / "soft").symlink_to("../outside/weights")


def _in_initializer(location: str, model: onnx.ModelProto, folder: Path) -> None:
    _write_weights(folder)
    _elsewhere(model.graph.initializer[0], location.format(folder=folder.parent))


def _tensor(folder: Path) -> onnx.TensorProto:
    _write_weights(folder)
    return _elsewhere(numpy_helper.from_array(WEIGHTS, "w"), "../outside/weights")


def _replace_w(model: onnx.ModelProto, node: onnx.NodeProto) -> None:
    """Has a node make the weights in place of the initializer."""
    del model.graph.initializer[0]
    model.graph.node.insert(0, node)


def _in_constant(model: onnx.ModelProto, folder: Path) -> None:
    _replace_w(model, NODE("Constant", [], ["w"], value=_tensor(folder)))


def _in_branch(model: onnx.ModelProto, folder: Path) -> None:
    value = helper.make_tensor_value_info("w", TensorProto.FLOAT, [3, 4])
    branch = helper.make_graph([NODE("Identity", ["v"], ["w"])], "b", [], [value])
    branch.initializer.append(_tensor(folder))
    branch.initializer[0].name = "v"
    model.graph.initializer.append(numpy_helper.from_array(np.array(True), "yes"))
    _replace_w(model, NODE("If", ["yes"], ["w"], then_branch=branch, else_branch=branch))


def _in_sparse(model: onnx.ModelProto, folder: Path) -> None:
    tensor = _tensor(folder)
    del tensor.dims[:]
    tensor.dims.append(12)
    indices = numpy_helper.from_array(np.arange(12))
    del model.graph.initializer[0]
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(tensor, indices, [3, 4]))


def _in_function(model: onnx.ModelProto, folder: Path) -> None:
    node = NODE("Constant", [], ["w"], value=_tensor(folder))
    opset = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("own", "F", [], ["w"], [node], opset))
    model.opset_import.append(helper.make_opsetid("own", 1))
    _replace_w(model, NODE("F", [], ["w"], domain="own"))


def _in_training(model: onnx.ModelProto, folder: Path) -> None:
    model.training_info.add().algorithm.initializer.append(_tensor(folder))


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _beyond(past: int, folder: Path) -> Path:
    """External data under a tag 2**32 too large, which onnxruntime takes modulo 2**32."""
    path = changed(partial(_in_initializer, "../outside/weights"), folder)
    model = onnx.load(path, load_external_data=False)
    tensor = model.graph.initializer[0]
    entry = tensor.external_data[0].SerializeToString()
    tensor.ClearField("external_data")
    tensor.ClearField("data_location")
    hidden = _varint((13 << 3 | 2) + past) + _varint(len(entry)) + entry
    hidden += _varint((14 << 3) + past) + b"\1"
    whole, plain = model.SerializeToString(), tensor.SerializeToString()
    graph = model.graph.SerializeToString()
    longer = graph.replace(_field(5, plain), _field(5, plain + hidden))
    assert longer != graph
    path.write_bytes(whole.replace(_field(7, graph), _field(7, longer)))
    return path


LOCATIONS = (
    "../outside/weights",
    "{folder}/outside/weights",
    "soft",
    "hard",
    "./../outside/weights",
    "x/../../outside/weights",
    "..//outside///weights",
    "/proc/self/cwd/../outside/weights",
    "/etc/passwd",
    "/dev/zero",
    "",
    "../outside/weights\0.bin",
    "*/_ORT_MEM_ADDR_/*",
)
WITHIN = (_in_constant, _in_branch, _in_sparse, _in_function, _in_training)


def _elsewhere_attacks() -> Iterator[Attack]:
    for location in LOCATIONS:
        make = partial(changed, partial(_in_initializer, location))
        yield Attack(ELSEWHERE, f"initializer at {location!r}", make, read, "Received: ")
    for change in WITHIN:
        yield Attack(ELSEWHERE, change.__name__[1:], partial(changed, change), read, "Received: ")
    for power in range(32, 64):
        make = partial(_beyond, 2**power)
        yield Attack(ELSEWHERE, f"tags beyond by 2**{power}", make, read, "Received: ")


# ---- parts and work


def _file_of(
    nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray], folder: Path, **more: object
) -> Path:
    """A file that takes z (n, 3) and says that it draws 2x2 images, of any nodes."""
    value = helper.make_tensor_value_info
    inputs = [value("z", TensorProto.FLOAT, ["batch", 3])]
    output = [
        value("image", more.get("type", TensorProto.FLOAT), more.get("shape", ["b", 2, 2, 1]))
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "graph", inputs, output, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    spec = {"z": {"shape": [3], "dtype": "float32", "prior": "normal"}}
    metadata = {"inputs": spec, "output": "image", "class_names": []}
    helper.set_model_props(model, {key: json.dumps(value) for key, value in metadata.items()})
    path = folder / "model.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def _ones(shape: tuple[int, ...]) -> np.ndarray:
    return np.array(shape, "int64")


LAST = [NODE("Slice", ["l", "from", "to"], ["s"]), NODE("Reshape", ["s", "shape"], ["image"])]
SLICED = {"from": _ones((0, 0)), "to": _ones((10**6, 4)), "shape": _ones((-1, 2, 2, 1))}


def _loop(turns: int, folder: Path) -> Path:
    """A Loop that adds, or doubles, without end."""
    body = helper.make_graph(
        [NODE("Identity", ["go"], ["on"]), NODE("Concat", ["a", "a"], ["b"], axis=1)],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("a", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("b", TensorProto.FLOAT, None),
        ],
    )
    nodes = [NODE("Loop", ["turns", "yes", "z"], ["l"], body=body), *LAST]
    return _file_of(nodes, {"turns": np.array(turns), "yes": np.array(True), **SLICED}, folder)


def _nested(folder: Path) -> Path:
    """Functions of functions: a million nodes in a small file (billion laughs)."""
    opset = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    functions = [
        helper.make_function("own", "f0", ["x"], ["y"], [NODE("Neg", ["x"], ["y"])], opset)
    ]
    for level in range(1, 7):
        edges = ["x", *(f"e{i}" for i in range(9)), "y"]
        calls = [NODE(f"f{level - 1}", [edges[i]], [edges[i + 1]], domain="own") for i in range(10)]
        functions.append(helper.make_function("own", f"f{level}", ["x"], ["y"], calls, opset))
    path = _file_of([NODE("f6", ["z"], ["l"], domain="own"), *LAST], SLICED, folder)
    model = onnx.load(path)
    model.opset_import.append(helper.make_opsetid("own", 1))
    model.functions.extend(functions)
    path.write_bytes(model.SerializeToString())
    return path


def _deep(levels: int, folder: Path) -> Path:
    """Graphs in graphs."""
    graph = helper.make_graph([NODE("Neg", ["z"], ["w"])], "g", [], [])
    for _ in range(levels):
        node = NODE("If", ["c"], ["w"], then_branch=graph)
        graph = helper.make_graph([node], "g", [], [])
    return _file_of([*graph.node, *LAST], SLICED, folder)


def _operator(node: onnx.NodeProto, folder: Path) -> Path:
    return _file_of([node, *LAST], {"n": _ones((2**33,)), **SLICED}, folder)


OTHERS = {
    "a domain of its own": NODE("Bend", ["z"], ["l"], domain="com.example"),
    "onnxruntime's own": NODE("FusedGemm", ["z", "z"], ["l"], domain="com.microsoft"),
    "random numbers": NODE("RandomNormalLike", ["z"], ["l"]),
    "a list": NODE("SequenceConstruct", ["z"], ["l"]),
    "texts": NODE("StringConcat", ["z", "z"], ["l"]),
    "a range": NODE("Range", ["z", "z", "z"], ["l"]),
    "what is not zero": NODE("NonZero", ["z"], ["l"]),
    "einsum": NODE("Einsum", ["z"], ["l"], equation="ij->ji"),
    "a name of none": NODE("", ["z"], ["l"]),
    "a cached context": NODE("EPContext", ["z"], ["l"], domain="com.microsoft"),
}
# Nodes that blow z up to l, with their constants. Those of constants alone are computed when a
# runtime opens the file.
BLOWN: dict[str, tuple[list[onnx.NodeProto], dict[str, np.ndarray]]] = {
    "a constant shape": ([NODE("ConstantOfShape", ["n"], ["l"])], {"n": _ones((2**33,))}),
    "a shape of constants": (
        [NODE("Expand", ["one", "n"], ["l"])],
        {"one": np.ones((1,), "float32"), "n": _ones((2**33,))},
    ),
    "tiles": ([NODE("Tile", ["z", "n"], ["l"])], {"n": _ones((1, 2**27))}),
    "tiles past 64 bits": ([NODE("Tile", ["z", "n"], ["l"])], {"n": _ones((2**40, 2**40))}),
    "expansion": (
        [NODE("Unsqueeze", ["z", "two"], ["u"]), NODE("Expand", ["u", "n"], ["l"])],
        {"two": _ones((2,)), "n": _ones((1, 1, 2**28))},
    ),
    "an outer product": (
        [
            NODE("Tile", ["z", "n"], ["t"]),
            NODE("Transpose", ["t"], ["u"], perm=[1, 0]),
            NODE("Unsqueeze", ["t", "two"], ["v"]),
            NODE("Mul", ["u", "v"], ["l"]),
        ],
        {"n": _ones((1, 30_000)), "two": _ones((2,))},
    ),
    "padding": (
        [NODE("Pad", ["z", "n"], ["l"])],
        {"n": _ones((0, 0, 0, 2**30))},
    ),
    "a resize": (
        [
            NODE("Unsqueeze", ["z", "two"], ["u"]),
            NODE("Unsqueeze", ["u", "two"], ["v"]),
            NODE("Resize", ["v", "", "n"], ["l"]),
        ],
        {"two": _ones((2,)), "n": np.array([1, 1, 2**16, 2**16], "float32")},
    ),
    "a transposed convolution": (
        [
            NODE("Unsqueeze", ["z", "axes"], ["u"]),
            NODE("ConvTranspose", ["u", "k"], ["l"], output_shape=[2**15, 2**15]),
        ],
        {"axes": _ones((2, 3)), "k": np.ones((3, 1, 2, 2), "float32")},
    ),
    "one hot": (
        [
            NODE("Cast", ["z"], ["i"], to=TensorProto.INT64),
            NODE("OneHot", ["i", "n", "v"], ["l"]),
        ],
        {"n": np.array(2**31), "v": np.array([0, 1], "float32")},
    ),
    "a gather": (
        [
            NODE("Tile", ["z", "n"], ["t"]),
            NODE("Cast", ["t"], ["i"], to=TensorProto.INT64),
            NODE("Mul", ["i", "zero"], ["j"]),
            NODE("Gather", ["table", "j"], ["l"]),
        ],
        {
            "n": _ones((1, 2000)),
            "zero": np.array(0),
            "table": np.ones((1, 2**18), "float32"),
        },
    ),
    "doubling": (
        [NODE("Concat", [f"c{i}"] * 2, [f"c{i + 1}"], axis=1) for i in range(40)],
        {},
    ),
}


def _blown(name: str, folder: Path) -> Path:
    nodes, constants = BLOWN[name]
    named = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    if name == "doubling":
        named[0].input[:] = ["z", "z"]
        named[-1].output[:] = ["l"]
    return _file_of([*named, *LAST], {**constants, **SLICED}, folder)


SQUARE = [NODE("Tile", ["z", "n"], ["s0"]), NODE("Reshape", ["s0", "square"], ["m"])]


def _many(
    operator: str, count: int, first: str, *rest: str, **options: object
) -> list[onnx.NodeProto]:
    """An operator `count` times, each of what the one before made; the last makes l."""
    edges = [first, *(f"m{i}" for i in range(1, count)), "l"]
    return [NODE(operator, [a, *rest], [b], **options) for a, b in itertools.pairwise(edges)]


# Work in tensors of no more than 32 MiB, which a bound on memory alone lets through: hours of it.
SLOW: dict[str, tuple[list[onnx.NodeProto], dict[str, np.ndarray]]] = {
    "products of matrices": (
        [*SQUARE, *_many("MatMul", 10_000, "m", "m")],
        {"n": _ones((1, 2**20)), "square": _ones((-1, 1024, 1024))},
    ),
    "steps that are cheap": (
        [NODE("Tile", ["z", "n"], ["t"]), *_many("Sin", 15_000, "t")],
        {"n": _ones((1, 2**21))},
    ),
    "one convolution": (
        [NODE("Tile", ["z", "n"], ["t"]), NODE("Reshape", ["t", "square"], ["m"]),
         NODE("Conv", ["m", "k"], ["l"], pads=[127, 127, 128, 128])],
        {"n": _ones((1, 2**18)), "square": _ones((-1, 3, 512, 512)),
         "k": np.ones((32, 3, 256, 256), "float32")},
    ),
    "pooling": (
        [NODE("Tile", ["z", "n"], ["t"]), NODE("Reshape", ["t", "square"], ["m"]),
         *_many("AveragePool", 50, "m", kernel_shape=[512] * 2, pads=[255, 255, 256, 256])],
        {"n": _ones((1, 2**18)), "square": _ones((-1, 3, 512, 512))},
    ),
    # Of sizes that do not vary a runtime makes constants when it opens the file.
    "products when it is opened": (
        [NODE("Shape", ["z"], ["three"], start=1), NODE("Gather", ["sizes", "three"], ["side"]),
         NODE("Concat", ["side", "side"], ["sides"], axis=0),
         NODE("ConstantOfShape", ["sides"], ["m"]), *_many("MatMul", 10_000, "m", "m")],
        {"sizes": _ones((0, 0, 0, 2048))},
    ),
}  # fmt: skip
OTHER_SLOW = {
    "too many operators": (_many("Neg", 25_000, "z"), {}, "operators"),
    "sizes that are drawn": (
        [NODE("Cast", ["z"], ["i"], to=TensorProto.INT64), NODE("ConstantOfShape", ["i"], ["l"])],
        {}, "not known before",
    ),
    "results in a ring": (
        [NODE("Add", ["b", "z"], ["a"]), NODE("Neg", ["a"], ["b"]), NODE("Neg", ["b"], ["l"])],
        {}, "which is not there",
    ),
}  # fmt: skip


def _slow(name: str, folder: Path) -> Path:
    nodes, constants = {**SLOW, **OTHER_SLOW}[name][:2]
    return _file_of([*nodes, *LAST], {**constants, **SLICED}, folder)


def _bytes(content: bytes, folder: Path) -> Path:
    (folder / "model.onnx").write_bytes(content)
    return folder / "model.onnx"


RAW = {
    "nothing": b"",
    "a megabyte of varint": b"\xff" * (1 << 20),
    "a long varint in a tag": b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    "a length past the end": b"\x3a\xff\xff\xff\x07",
    "a length below zero": b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + b"a" * 50,
    "groups": b"\x3b" * 100_000,
    "ends of groups": b"\x3c" * 100,
    "two million fields": b"\x08\x01" * 2_000_000,
    "graphs in a row": b"\x3a\0" * 1_500_000,
    "onnxruntime's own format": struct.pack("<I", 24) + b"ORTM" + bytes(64),
    "a zip": b"PK\3\4" + bytes(40),
    "a pickle": b"\x80\x04cposix\nsystem\n(S'touch ../outside/owned'\ntR.",
    "a page": b"<html><script>alert(1)</script></html>",
    "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
}


def _work_attacks() -> Iterator[Attack]:
    for turns in (2**62, 40, -1):
        yield Attack(WORK, f"a loop of {turns}", partial(_loop, turns), read, "Received: ")
    yield Attack(WORK, "functions of functions", _nested, read, "Received: ")
    for levels in (1, 10, 20):
        yield Attack(PARTS, f"graphs {levels} deep", partial(_deep, levels), read, "Received: ")
    for name, node in OTHERS.items():
        yield Attack(PARTS, name, partial(_operator, node), read, "operators")
    for name in BLOWN:
        yield Attack(WORK, name, partial(_blown, name), _read_small, "Received: ")
    for name in SLOW:
        yield Attack(WORK, name, partial(_slow, name), read, "multiply-adds")
    for name, (_, _, words) in OTHER_SLOW.items():
        yield Attack(WORK, name, partial(_slow, name), read, words)
    for name, content in RAW.items():
        yield Attack(PARTS, name, partial(_bytes, content), read, "Received: ")


# ---- lies


def _with_metadata(value: object, folder: Path) -> Path:
    return generator(folder / "model.onnx", value)


def _with_text(key: str, text: str, folder: Path) -> Path:
    """Metadata that are no JSON."""

    def change(model: onnx.ModelProto, folder: Path) -> None:
        for entry in model.metadata_props:
            if entry.key == key:
                entry.value = text

    return changed(change, folder)


TEXTS = ("", "{", "[" * 100_000, "nul", '{"a": NaN}', "1e999", "-Infinity", "\0", '"' + "a" * 2**23)
TEXTS += (
    "9" * 5_000,
    "{" * 2_000,
    '{"z": {"shape": [3], "shape": [4]}}',
    "\ud83d".encode("utf-16", "surrogatepass").hex(),
)
SPEC_KEYS = ("shape", "dtype", "prior", "classes", "multiple", "divisor", "keep", "means", "std")


def _lie_attacks() -> Iterator[Attack]:
    for key in ("inputs", "output", "class_names"):
        for text in TEXTS:
            make = partial(_with_text, key, text)
            yield Attack(LIES, f"{key} of {text[:12]!r}", make, read, "Received: ")
    for key in runtime.metadata.METADATA:
        for value in WRONG:
            metadata = with_value(METADATA, (key,), value)
            yield _lie(f"{key} {value!r:.30}", metadata)
    for name in ("z", "label"):
        for key in SPEC_KEYS:
            for value in WRONG:
                metadata = with_value(METADATA, ("inputs", name, key), value)
                yield _lie(f"{key} of {name} {value!r:.30}", metadata)
    for prior in runtime.metadata.PRIORS:
        yield _lie(f"z is {prior}", with_value(METADATA, ("inputs", "z", "prior"), prior))
    many = {f"z{i}": METADATA["inputs"]["z"] for i in range(60)}
    yield _lie("60 large inputs", with_value(METADATA, ("inputs",), many))


def _lie(name: str, metadata: dict[str, object]) -> Attack:
    """What may be taken is what is not wrong: 1 for a step, a text for a run's name."""
    return Attack(LIES, name, partial(_with_metadata, metadata), read, "Received: ", may_pass=True)


SHAPES = {
    "rank 1": (-1,),
    "rank 3": (-1, 2, 2),
    "rank 5": (-1, 1, 2, 2, 1),
    "rank 6": (-1, 1, 1, 2, 2, 1),
    "fewer images": (1, -1, 2, 1),
    "other sides": (-1, 4, 1, 1),
    "four channels": (-1, 1, 1, 4),
    "two channels": (-1, 1, 2, 2),
    "no images": (0, 2, 2, 1),
}


def _shaped(name: str, declared: list[object], folder: Path) -> Path:
    nodes = [NODE("Concat", ["z", "z"], ["l"], axis=1), LAST[0]]
    nodes.append(NODE("Reshape", ["s", "shape"], ["image"], allowzero=1))
    constants = {**SLICED, "shape": _ones(SHAPES[name])}
    return _file_of(nodes, constants, folder, shape=declared)


def _typed(to: int, folder: Path) -> Path:
    nodes = [NODE("Concat", ["z", "z"], ["l"], axis=1), LAST[0]]
    nodes += [NODE("Reshape", ["s", "shape"], ["r"]), NODE("Cast", ["r"], ["image"], to=to)]
    return _file_of(nodes, SLICED, folder, type=to)


def _numbers(operator: str, folder: Path) -> Path:
    """NaN and infinity."""
    nodes = [NODE("Concat", ["z", "z"], ["l"], axis=1), LAST[0]]
    nodes += [
        NODE("Sub", ["s", "s"], ["o"]),
        NODE(operator, ["o", "o"][: 1 + (operator == "Div")], ["p"]),
    ]
    nodes.append(NODE("Reshape", ["p", "shape"], ["image"]))
    return _file_of(nodes, SLICED, folder)


def _wide(shape: tuple[int, int], folder: Path) -> Path:
    """Images of absurd sides, of which a grid would make larger ones."""
    height, width = shape
    nodes = [NODE("Slice", ["z", "from", "to"], ["l"]), NODE("Tile", ["l", "n"], ["t"])]
    nodes.append(NODE("Reshape", ["t", "shape"], ["image"]))
    constants = {
        "from": _ones((0, 0)),
        "to": _ones((10**6, 1)),
        "n": _ones((1, height * width)),
        "shape": _ones((-1, height, width, 1)),
    }
    return _file_of(nodes, constants, folder, shape=["b", height, width, 1])


TYPES = ("DOUBLE", "FLOAT16", "BFLOAT16", "INT32", "INT64", "UINT8", "INT8", "BOOL", "STRING")


def _output_attacks() -> Iterator[Attack]:
    for name in SHAPES:
        for declared in (["b", 2, 2, 1], ["b", *SHAPES[name][1:]], None):
            make = partial(_shaped, name, declared)
            true = name == "other sides" and declared != ["b", 2, 2, 1]
            text = f"{name}, said to be {declared}"
            yield Attack(OUTPUTS, text, make, read, "" if true else "Received: ", true)
    for name in TYPES:
        make = partial(_typed, getattr(TensorProto, name))
        yield Attack(OUTPUTS, f"of type {name}", make, read, "Received: ")
    for operator in ("Log", "Div", "Reciprocal"):
        yield Attack(OUTPUTS, f"{operator} of 0", partial(_numbers, operator), read, "finite")
    for shape in ((1, 60_000), (60_000, 1), (1, 4097), (4096, 4096)):
        yield Attack(OUTPUTS, f"images of {shape}", partial(_wide, shape), read, "Received: ")


def attacks(count: int) -> Iterator[Attack]:
    """All by hand, and `count` damaged files."""
    yield from _elsewhere_attacks()
    yield from _work_attacks()
    yield from _lie_attacks()
    yield from _output_attacks()
    for index in range(count):
        make = partial(damaged, lambda folder: generator(folder / "model.onnx"), index)
        yield Attack(DAMAGE, f"number {index}", make, read, may_pass=True)
