"""What the export linter refuses, each thing by a graph that has it, and that it is looked for."""

import keras
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made under TensorFlow", allow_module_level=True)

from export.convert import graphs  # noqa: E402
from export.convert import onnx as onnx_format  # noqa: E402
from export.convert.lint import lint  # noqa: E402
from tests.export.test_export import saved_run  # noqa: E402
from zoo.errors import FailedError  # noqa: E402

layers = keras.layers


def onnx_file(path, nodes, constants=(), opsets=(("", 17),)):
    """A file of nodes from the input x (1, 4, 4, 2), or i (3,) of indices, to the output y."""
    value = helper.make_tensor_value_info
    inputs = [value("x", TensorProto.FLOAT, [1, 4, 4, 2]), value("i", TensorProto.INT64, [3])]
    output = [value("y", TensorProto.FLOAT, None)]
    tensors = [numpy_helper.from_array(array, name) for name, array in dict(constants).items()]
    graph = helper.make_graph(nodes, "graph", inputs, output, tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(*o) for o in opsets])
    onnx.save(model, path)
    return path


ONES = np.ones((2, 2), "float32")
NODE = helper.make_node
# A thing that is refused: the words for it, nodes, constants.
REFUSED = {
    "a domain of its own": (
        "operators of 'com.example'",
        [NODE("Bend", ["x"], ["y"], domain="com.example")],
        {},
    ),
    "randomness": (
        "operators that exports do not have, RandomNormalLike",
        [NODE("RandomNormalLike", ["x"], ["y"])],
        {},
    ),
    "dropout": ("operators that exports do not have, Dropout", [NODE("Dropout", ["x"], ["y"])], {}),
    "a norm": (
        "a batch norm that could be folded into the linear layer before it",
        [NODE("MatMul", ["x", "w"], ["h"]), NODE("BatchNormalization", ["h", *"sbmv"], ["y"])],
        {"w": ONES, **dict.fromkeys("sbmv", ONES[0])},
    ),
    "a norm's scale": (
        "a scale that could be folded into the linear layer before it",
        [
            NODE("MatMul", ["x", "w"], ["h"]),
            NODE("Add", ["h", "b"], ["a"]),
            NODE("Mul", ["a", "s"], ["y"]),
        ],
        {"w": ONES, "b": ONES[0], "s": ONES[0]},
    ),
    "an index check": (
        "a check of an embedding's index",
        [
            NODE("Less", ["i", "zero"], ["low"]),
            NODE("Add", ["i", "two"], ["up"]),
            NODE("Where", ["low", "up", "i"], ["safe"]),
            NODE("Gather", ["w", "safe"], ["y"]),
        ],
        {"w": ONES, "zero": np.int64(0), "two": np.int64(2)},
    ),
    "tiles": (
        "upsampling by tiles",
        [
            NODE("Tile", ["x", "times"], ["large"]),
            NODE("Transpose", ["large"], ["turned"]),
            NODE("Conv", ["turned", "w"], ["y"]),
        ],
        {"times": np.array([1, 2, 2, 1]), "w": ONES[:, :, None, None]},
    ),
}  # fmt: skip


def test_a_scale_stays_where_a_shortcut_takes_the_same_numbers(tmp_path):
    nodes = [
        NODE("MatMul", ["x", "w"], ["h"]),
        NODE("Mul", ["h", "s"], ["scaled"]),
        NODE("Add", ["scaled", "h"], ["y"]),
    ]
    assert lint(onnx_file(tmp_path / "model.onnx", nodes, {"w": ONES, "s": ONES[0]})) == []


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name, tmp_path):
    words, nodes, constants = REFUSED[name]
    domains = [("", 17), *((n.domain, 1) for n in nodes if n.domain)]
    assert lint(onnx_file(tmp_path / "m.onnx", nodes, constants, domains)) == [words]


def test_weights_elsewhere_are_refused(tmp_path):
    path = onnx_file(tmp_path / "m.onnx", [NODE("MatMul", ["x", "w"], ["y"])], {"w": ONES})
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="weights", size_threshold=0)
    assert lint(path) == ["weights in another file"]


def test_what_may_stay(tmp_path):
    """A number for all channels, a scale after an activation, a shape that is tiled."""
    nodes = [
        NODE("MatMul", ["x", "w"], ["h"]),
        NODE("Mul", ["h", "half"], ["a"]),
        NODE("Relu", ["a"], ["r"]),
        NODE("Mul", ["r", "s"], ["y"]),
    ]
    constants = {"w": ONES, "half": np.float32(0.5), "s": ONES[0]}
    assert lint(onnx_file(tmp_path / "m.onnx", nodes, constants)) == []


@pytest.mark.filterwarnings("ignore")  # tf2onnx's own
def test_keras_own_export_is_refused(tmp_path):
    """The leftovers for whose sake `simplify` is there, as the converters leave them today."""
    z, label = keras.Input((3,), name="z"), keras.Input((), dtype="int32", name="label")
    x = layers.Reshape((2, 2, 3))(layers.Dense(12)(z) + layers.Embedding(4, 12)(label))
    x = layers.BatchNormalization()(layers.Conv2DTranspose(2, 3, strides=2, padding="same")(x))
    x = layers.UpSampling2D()(layers.ReLU()(x))
    network = keras.Model({"z": z, "label": label}, {"image": layers.Conv2D(1, 3)(x)})
    for weight in network.weights:
        weight.assign(np.random.default_rng(0).uniform(0.5, 1.5, weight.shape))
    signature = {
        "z": keras.InputSpec(shape=(None, 3), dtype="float32", name="z"),
        "label": keras.InputSpec(shape=(None,), dtype="int32", name="label"),
    }
    metadata = {"inputs": {}, "output": "image"}
    onnx_format.write(network, signature, metadata, {"fp32": tmp_path / "m.onnx"})
    assert lint(tmp_path / "m.onnx") == [
        "a check of an embedding's index",
        "a scale that could be folded into the linear layer before it",
        "upsampling by tiles",
    ]


@pytest.mark.filterwarnings("ignore")
def test_an_export_that_is_refused_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(graphs, "simplify", lambda network: network)
    run = saved_run(tmp_path / "runs", "dcgan-options")
    with pytest.raises(
        FailedError,
        match="Received: model.tflite with operators that exports do not have, FlexConv2D",
    ):
        graphs.convert(run, tmp_path, ["tflite"])
