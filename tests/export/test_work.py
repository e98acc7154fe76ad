"""How much a graph computes is known before it does, by shapes that are those of the runtime."""

import math

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from export import runtime
from export.runtime import work
from export.runtime.shapes import RULES
from tests.attacks.onnx_files import LAST, SLICED, _file_of
from tests.export.build import generator, results_of

pytestmark = pytest.mark.once

IMAGE = (2, 4, 9, 7)  # NCHW
KERNEL = np.ones((8, 2, 3, 2), "float32")  # of two groups
UP = np.ones((4, 3, 3, 2), "float32")


@pytest.fixture
def file(tmp_path):
    return generator(tmp_path / "model.onnx")


def ints(*numbers):
    return np.array(numbers, "int64")


# Nodes as (operator, shape of the first input, its other inputs, its options, results).
ALIKE = """
    Abs Ceil Cos Elu Erf Exp Floor HardSigmoid HardSwish Identity LeakyRelu Log LogSoftmax Neg
    Reciprocal Relu Round Selu Sigmoid Sign Sin Softmax Softplus Softsign Sqrt Tan Tanh Clip Max
    Flatten Transpose ReduceMax ReduceL2 ArgMax
"""
PAIRS = """
    Add Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mul Pow Sub Sum
"""
CASES = [
    *((name, (3, 4), [], {}, 1) for name in ALIKE.split()),
    *((name, (3, 1, 4), [np.ones((5, 1), "float32")], {}, 1) for name in PAIRS.split()),
    ("PRelu", (3, 4), [np.ones(4, "float32")], {}, 1),
    ("Cast", (3, 4), [], {"to": TensorProto.INT64}, 1),
    ("QuantizeLinear", (3, 4), [np.float32(0.1), np.uint8(3)], {}, 1),
    ("LayerNormalization", (3, 4), [np.ones(4, "float32")], {}, 1),
    ("BatchNormalization", IMAGE, [np.ones(4, "float32")] * 4, {}, 1),
    ("InstanceNormalization", IMAGE, [np.ones(4, "float32")] * 2, {}, 1),
    ("GlobalAveragePool", IMAGE, [], {}, 1),
    ("GlobalMaxPool", IMAGE, [], {}, 1),
    ("ReduceSum", IMAGE, [ints(1, -1)], {}, 1),
    ("ReduceSum", IMAGE, [ints(1, -1)], {"keepdims": 0}, 1),
    ("ReduceSum", IMAGE, [], {"noop_with_empty_axes": 1}, 1),
    ("ReduceMean", IMAGE, [], {"axes": [-2, 0], "keepdims": 0}, 1),
    ("ReduceMin", IMAGE, [], {"keepdims": 0}, 1),
    ("ArgMax", IMAGE, [], {"axis": -1}, 1),
    ("ArgMin", IMAGE, [], {"axis": 1, "keepdims": 0}, 1),
    ("MatMul", (3, 4), [np.ones((4, 5), "float32")], {}, 1),
    ("MatMul", (2, 1, 3, 4), [np.ones((5, 4, 6), "float32")], {}, 1),
    ("MatMul", (4,), [np.ones((5, 4, 6), "float32")], {}, 1),
    ("MatMul", (3, 4), [np.ones(4, "float32")], {}, 1),
    ("Gemm", (3, 4), [np.ones((4, 5), "float32"), np.ones(5, "float32")], {}, 1),
    ("Gemm", (4, 3), [np.ones((5, 4), "float32")], {"transA": 1, "transB": 1}, 1),
    ("Conv", IMAGE, [KERNEL], {"group": 2}, 1),
    ("Conv", IMAGE, [KERNEL], {"group": 2, "strides": [2, 3], "pads": [1, 0, 2, 1]}, 1),
    ("Conv", IMAGE, [KERNEL], {"group": 2, "dilations": [3, 2]}, 1),
    ("Conv", IMAGE, [KERNEL], {"group": 2, "auto_pad": "SAME_UPPER", "strides": [2, 3]}, 1),
    ("Conv", IMAGE, [KERNEL], {"group": 2, "auto_pad": "VALID", "strides": [2, 3]}, 1),
    ("ConvTranspose", IMAGE, [UP], {}, 1),
    ("ConvTranspose", IMAGE, [UP], {"strides": [2, 3], "pads": [1, 0, 1, 1]}, 1),
    ("ConvTranspose", IMAGE, [UP], {"strides": [2, 3], "output_padding": [1, 2]}, 1),
    ("ConvTranspose", IMAGE, [UP], {"strides": [2, 3], "output_shape": [18, 21]}, 1),
    ("ConvTranspose", IMAGE, [UP], {"strides": [2, 3], "auto_pad": "SAME_UPPER"}, 1),
    ("ConvTranspose", IMAGE, [UP], {"strides": [2, 2], "auto_pad": "SAME_LOWER"}, 1),
    ("ConvTranspose", IMAGE, [UP], {"auto_pad": "VALID", "strides": [2, 3]}, 1),
    ("ConvTranspose", IMAGE, [UP], {"group": 2, "dilations": [2, 1]}, 1),
    ("AveragePool", IMAGE, [], {"kernel_shape": [3, 2]}, 1),
    ("AveragePool", IMAGE, [], {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 1, 1, 0]},
     1),
    ("MaxPool", IMAGE, [], {"kernel_shape": [2, 2], "auto_pad": "SAME_LOWER", "strides": [2, 2]},
     1),
    ("MaxPool", IMAGE, [], {"kernel_shape": [2, 2], "dilations": [3, 2]}, 1),
    ("Concat", IMAGE, [np.ones((2, 1, 9, 7), "float32")], {"axis": -3}, 1),
    ("Split", IMAGE, [ints(1, 3)], {"axis": 1}, 2),
    ("Split", IMAGE, [], {"axis": 1}, 2),
    ("Slice", IMAGE, [ints(1, -3), ints(99, -1), ints(2, 3)], {}, 1),
    ("Slice", IMAGE, [ints(-1, 5), ints(-(2**62), 0), ints(2, -1), ints(-2, -3)], {}, 1),
    ("Slice", IMAGE, [ints(1, 0), ints(2, 2)], {}, 1),
    ("Gather", IMAGE, [ints(1, 0, 1, -1)[None]], {"axis": 2}, 1),
    ("Gather", IMAGE, [np.array(1)], {}, 1),
    ("Reshape", IMAGE, [ints(0, -1, 6)], {}, 1),
    ("Reshape", IMAGE, [ints(7, 72)], {}, 1),
    ("Transpose", IMAGE, [], {"perm": [0, 2, 3, 1]}, 1),
    ("Squeeze", (1, 3, 1), [], {}, 1),
    ("Squeeze", (1, 3, 1), [ints(-1)], {}, 1),
    ("Unsqueeze", (3, 4), [ints(0, -1)], {}, 1),
    ("Flatten", IMAGE, [], {"axis": -1}, 1),
    ("Expand", (3, 1), [ints(2, 1, 5)], {}, 1),
    ("Tile", (3, 2), [ints(2, 5)], {}, 1),
    ("Pad", (3, 2), [ints(1, 0, 2, 4)], {}, 1),
    ("Resize", IMAGE, [np.float32([]), np.float32([]), ints(2, 4, 18, 5)], {}, 1),
    ("Resize", IMAGE, [np.float32([]), np.float32([1, 1, 1.5, 0.4])], {"mode": "linear"}, 1),
    ("DepthToSpace", IMAGE, [], {"blocksize": 2}, 1),
    ("SpaceToDepth", (2, 4, 6, 8), [], {"blocksize": 2}, 1),
    ("Shape", IMAGE, [], {"start": 1, "end": -1}, 1),
]  # fmt: skip


def shapes_by_rule(path):
    """Shape by name of all that a file makes of the inputs given, and the effort of all."""
    plan, _ = runtime.anatomy.check_onnx(path)

    def of(shapes):
        values = {**plan.constants, **{name: work.Value(shape) for name, shape in shapes.items()}}
        effort = sum(work.compute(node, values) for node in plan.nodes)
        return {name: value.shape for name, value in values.items()}, effort

    return of


def save(path, nodes, constants, inputs, results):
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "graph",
        [value(name, TensorProto.FLOAT, [None] * len(shape)) for name, shape in inputs.items()],
        [helper.make_empty_tensor_value_info(name) for name in results],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("operator", "shape", "others", "options", "many"),
    CASES,
    ids=[f"{case[0]} {number}" for number, case in enumerate(CASES)],
)
def test_shapes_are_those_of_the_runtime(tmp_path, operator, shape, others, options, many):
    constants = {f"c{i}": np.asarray(array) for i, array in enumerate(others)}
    made = [f"y{i}" for i in range(many)]
    node = helper.make_node(operator, ["x", *constants], made, **options)
    path = save(tmp_path / "x.onnx", [node], constants, {"x": shape}, made)
    session = onnxruntime.InferenceSession(path)
    drawn = session.run(made, {"x": np.ones(shape, "float32")})
    found, _ = shapes_by_rule(path)({"x": shape})
    assert [found[name] for name in made] == [array.shape for array in drawn]


def test_every_operator_is_tried():
    """Those left are made of results of others, below."""
    others = {"And", "ConstantOfShape", "DequantizeLinear", "Not", "OneHot", "Or", "ReduceProd"}
    others |= {"ReduceSumSquare", "Where"}
    assert {case[0] for case in CASES} == RULES.keys() - others


def test_shapes_that_follow_from_shapes(tmp_path):
    """A matrix of as many rows as images, from the shape of what is given."""
    node = helper.make_node
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Gather", ["s", "zero"], ["n"]),
        node("Unsqueeze", ["n", "first"], ["n1"]),
        node("Slice", ["s", "one", "two"], ["m1"]),
        node("Max", ["m1", "six"], ["m2"]),
        node("Concat", ["n1", "m2"], ["both"], axis=0),
        node("Cast", ["both"], ["small"], to=TensorProto.INT32),
        node("Cast", ["small"], ["large"], to=TensorProto.INT64),
        node("ConstantOfShape", ["large"], ["zeros"]),
        node("Cast", ["zeros"], ["where"], to=TensorProto.BOOL),
        node("Not", ["where"], ["not"]),
        node("Or", ["not", "where"], ["or"]),
        node("And", ["or", "where"], ["and"]),
        node("Where", ["and", "zeros", "zeros"], ["w"]),
        node("ReduceProd", ["w"], ["p"], axes=[0]),
        node("ReduceSumSquare", ["p"], ["p2"], keepdims=0),
        node("Cast", ["x"], ["i"], to=TensorProto.INT64),
        node("OneHot", ["i", "depth", "values"], ["hot"], axis=1),
        node("QuantizeLinear", ["hot", "scale", "point"], ["q"]),
        node("DequantizeLinear", ["q", "scale", "point"], ["d"]),
    ]
    constants = {
        "zero": np.array(0), "first": ints(0), "one": ints(1), "two": ints(2), "six": ints(6),
        "depth": ints(5), "values": np.float32([0, 1]), "scale": np.array(0.1, "float32"),
        "point": np.array(0, "uint8"),
    }  # fmt: skip
    made = [name for each in nodes for name in each.output]
    path = save(tmp_path / "x.onnx", nodes, constants, {"x": (3, 4)}, ["p2", "d"])
    found, _ = shapes_by_rule(path)({"x": (3, 4)})
    real = results_of(path, {"x": np.zeros((3, 4), "float32")})
    assert {name: found[name] for name in made} == {name: real[name].shape for name in made}
    assert found["zeros"] == (3, 6) and found["hot"] == (3, 5, 4)


def effort_of(tmp_path, operator, shape, *others, **options):
    """The multiply-adds of an operator alone, without those for what it reads and writes."""
    constants = {f"c{i}": np.asarray(array) for i, array in enumerate(others)}
    node = helper.make_node(operator, ["x", *constants], ["y"], **options)
    path = save(tmp_path / "x.onnx", [node], constants, {"x": shape}, ["y"])
    found, effort = shapes_by_rule(path)({"x": shape})
    return effort - work.NODE - work.ELEMENT * sum(math.prod(each) for each in found.values())


def test_multiply_adds_by_hand(tmp_path):
    ones = np.ones
    assert effort_of(tmp_path, "MatMul", (2, 3, 4), ones((4, 5), "float32")) == 2 * 3 * 4 * 5
    assert effort_of(tmp_path, "Gemm", (3, 4), ones((4, 5), "float32")) == 60
    # 8 channels of 7x6 numbers in 2 images, each of 2 channels of 3x2.
    assert effort_of(tmp_path, "Conv", IMAGE, KERNEL, group=2) == 2 * 8 * 7 * 6 * (2 * 3 * 2)
    # Each of 2x4x9x7 numbers is added to 3 channels of 3x2.
    assert effort_of(tmp_path, "ConvTranspose", IMAGE, UP, strides=[2, 2]) == 504 * 18
    assert effort_of(tmp_path, "MaxPool", IMAGE, kernel_shape=[3, 2]) == 2 * 4 * 7 * 6 * 6
    assert effort_of(tmp_path, "Sin", (3, 4)) == 0


@pytest.fixture
def of_all_images(tmp_path):
    """A file whose images depend on all others that are drawn with them: z zT z zT ... z."""
    node = helper.make_node
    products = [node("MatMul", [f"m{i}", "m0"], [f"m{i + 1}"]) for i in range(5)]
    nodes = [
        node("Transpose", ["z"], ["zt"]),
        node("MatMul", ["z", "zt"], ["m0"]),
        *products,
        node("MatMul", ["m5", "z"], ["three"]),
        node("Concat", ["three", "three"], ["l"], axis=1),
        *LAST,
    ]
    return _file_of(nodes, SLICED, tmp_path)


def test_the_bound_is_that_of_a_call(of_all_images, monkeypatch):
    """A file that computes little for an image, and more for each the more there are."""
    graph = runtime.load(of_all_images).graph
    few = graph.run({"z": np.ones((4, 3), "float32")})
    assert few.shape == (4, 2, 2, 1)
    many = {"z": np.ones((30_000, 3), "float32")}
    # 5 products of 30,000^3 and 2 of 3 times 30,000^2 for at most 2^32 an image.
    with pytest.raises(ValueError, match=r"at most 1.3e\+14 multiply-adds, .* takes 1.4e\+14"):
        graph.run(many)
    monkeypatch.setattr(work, "LARGEST_EFFORT", 1)
    graph.run({"z": np.zeros((4, 3), "float32")})  # sizes that were looked at before
    with pytest.raises(ValueError, match=r"at most 2.5e\+04 multiply-adds"):
        graph.run({"z": np.ones((3, 3), "float32")})
    with pytest.raises(ValueError, match="metadata. Received: .* at most 8.2e"):
        runtime.load(of_all_images)


def test_shapes_must_be_those_that_the_file_says(file, tmp_path):
    """Also of what lies between: a runtime may go by them when it opens the file."""
    for name, sizes, words in (
        ("h", ["batch", 5], r"h is declared as \[None, 5\], and is \(1, 4\)"),
        ("h", [2, 4], "h is declared as"),
        ("h", ["batch", 4, 1], "h is declared as"),
        ("h", ["batch", 4], None),
        ("other", [2**40], None),
    ):
        model = onnx.load(file)
        value = helper.make_tensor_value_info(name, TensorProto.FLOAT, sizes)
        model.graph.value_info.append(value)
        path = tmp_path / "other.onnx"
        path.write_bytes(model.SerializeToString())
        if words is None:
            runtime.load(path).generate(2)
        else:
            with pytest.raises(ValueError, match=words):
                runtime.load(path)


@pytest.mark.parametrize("version", [12, 18])
def test_other_sets_of_operators_are_refused(file, tmp_path, version):
    model = onnx.load(file)
    model.opset_import[0].version = version
    (tmp_path / "other.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match="operators of other sets than 13 to 17"):
        runtime.load(tmp_path / "other.onnx")
