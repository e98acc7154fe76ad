"""What the runtime makes of files that are broken, lie or want too much; threads and providers."""

import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from export import runtime
from tests.export.build import METADATA, SPEC, WEIGHTS, generator
from tests.test_cli_errors import refused

pytestmark = pytest.mark.once


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """Every test works in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def file(tmp_path):
    return generator(tmp_path / "model.onnx")


def test_draws_decodes_and_says_what_it_is(file):
    sampler = runtime.load(file, threads=1)
    assert sampler.provider == "CPUExecutionProvider"
    assert sampler.graph.output == "image" and sampler.graph.output_shape == [None, 2, 2, 1]
    z = np.array([[1.0, 0.0, -1.0], [0.5, 0.5, 0.5]], "float32")
    expected = 1 / (1 + np.exp(-(z @ WEIGHTS + np.array([[1.0], [0.0]]))))
    np.testing.assert_allclose(
        sampler.decode(z, ["one", 0]), expected.reshape(2, 2, 2, 1), rtol=1e-5
    )
    np.testing.assert_array_equal(sampler.generate(5), runtime.load(file).generate(5))


@pytest.mark.parametrize(
    "z, classes, message",
    [
        (np.zeros((2, 4)), [0, 1], r"z must be of shape \(n, 3\). Received: \(2, 4\)"),
        (np.zeros((0, 3)), [], r"z must be of shape \(n, 3\). Received: \(0, 3\)"),
        (np.zeros((2, 3)), None, "Each of the 2 examples needs a class. Received: None"),
        (np.zeros((2, 3)), [0, 2], "one of 0 zero, 1 one. Received: 2"),
    ],
)
def test_what_cannot_be_decoded(file, z, classes, message):
    with pytest.raises(ValueError, match=message):
        runtime.load(file).decode(z, classes)


def test_threads_are_a_count(file):
    with pytest.raises(ValueError, match="threads must be at least 1. Received: 0"):
        runtime.load(file, threads=0)


def changed(name, **changes):
    return {**METADATA, "inputs": {**SPEC, name: {**SPEC[name], **changes}}}


def without(name):
    return {key: value for key, value in METADATA.items() if key != name}


# Each lie with what the error says of it.
LIES = {
    "none": ({}, "its metadata must have inputs, output, class_names"),
    "no output": (without("output"), "its metadata must have output"),
    "another output": ({**METADATA, "output": "picture"}, "z, label and picture, the graph has"),
    "no label": ({**METADATA, "inputs": {"z": SPEC["z"]}}, "the graph has z, label and image"),
    "a shape": (changed("z", shape=[5]), r"z is declared as \[None, 3\], and is \(1, 5\)"),
    "an absurd shape": (changed("z", shape=[10**9]), "inputs have 1000000001 numbers, of at most"),
    "a shape of text": (changed("z", shape=["3"]), r"shape of z must be .*integers.*\['3'\]"),
    "a shape of five": (changed("z", shape=[1] * 5), "shape of z must be at most 4"),
    "an empty shape": (changed("z", shape=[0]), "shape of z must be .* from 1"),
    "a side of noise": (changed("z", multiple=2), "z has 'multiple', which no normal has"),
    "an unknown key": (changed("z", more=1), "z has 'more', which no normal has"),
    "absurd classes": (changed("label", classes=10**6), "classes of label must be .* to 10000"),
    "a mask that keeps none": (changed("z", prior="mask", keep=0), "keep of z must be from 0.001"),
    "a mask of little": (changed("z", prior="mask", keep=1e-300), "keep of z must be from 0.001"),
    "a mask of nothing": (changed("z", prior="mask"), "z must have keep"),
    "a category of none": (changed("z", prior="category"), "z must have classes"),
    "a mixture of none": (changed("z", prior="mixture"), "z must have means, std"),
    "a mixture of words": (changed("z", prior="mixture", means="a", std=1), "means of z must be"),
    "a mixture elsewhere": (
        changed("z", prior="mixture", means=[[1, 2]], std=1),
        "the means of z must be of 3 numbers",
    ),
    "a spread that is none": (
        changed("z", prior="mixture", means=[[1, 2, 3]], std={}),
        "std of z must be a number above 0, not {}",
    ),
    "a prior of another type": (changed("z", prior=["normal"]), "prior of z must be a known one"),
    "two channels": (changed("z", prior="image", shape=[1, 1, 2]), "1 or 3 channels"),
    "a type": (changed("label", dtype="int64"), "dtype of label must be float32 or int32"),
    "another type": (changed("z", dtype="int32"), "dtype of z must be float32, not int32"),
    "half": (changed("z", dtype="float16"), "dtype of z must be float32 or int32"),
    "classes": (changed("label", classes=5), "5 classes have 2 names"),
    "inputs that are none": ({**METADATA, "inputs": [1]}, "inputs must be specifications by name"),
    "an input of text": ({**METADATA, "inputs": {"z": "z"}}, "inputs must be specifications"),
    "names of numbers": ({**METADATA, "class_names": [0, 1]}, "class_names must be a list"),
    "null for a name": ({**METADATA, "class_names": [None, "a"]}, "class_names must be a list"),
    "a long name": ({**METADATA, "class_names": ["a" * 300_000, "b"]}, "class_names must be"),
    "a step of text": ({**METADATA, "step": "9"}, "step must be an integer from 0, not '9'"),
    "a run that is none": ({**METADATA, "run": {}}, "run must be a short text or null"),
    "versions of numbers": ({**METADATA, "versions": {"a": {"b": 1}}}, "versions must be texts"),
    "not a number": ({**METADATA, "value_range": [0, float("nan")]}, "the number NaN"),
    "infinite": ({**METADATA, "value_range": [0, float("inf")]}, "the number Infinity"),
}


@pytest.mark.parametrize("lie", LIES)
def test_metadata_that_lie_are_refused(tmp_path, lie):
    metadata, message = LIES[lie]
    with pytest.raises(ValueError, match=f"with this project's metadata. Received: .*{message}"):
        runtime.load(generator(tmp_path / "model.onnx", metadata))


def test_a_strangers_words_do_not_steer_the_terminal(tmp_path):
    names = ["\x1b[2Jcat", "\x9bdog\r\x07"]
    path = generator(tmp_path / "model.onnx", {**METADATA, "class_names": names})
    refused(f"generate {path} --class bird", "one of 0 ?[2Jcat, 1 ?dog??. Received: 'bird'")


def test_a_file_of_other_files_is_refused(tmp_path):
    """onnxruntime would open what the name points to."""
    path = generator(
        tmp_path / "model.onnx",
        save_as_external_data=True,
        location="weights",
        size_threshold=0,
    )
    assert (tmp_path / "weights").is_file()
    with pytest.raises(ValueError, match="weights in another file"):
        runtime.load(path)


def test_weights_elsewhere_are_found_inside_nodes_too(tmp_path, file):
    runtime.anatomy.check_onnx(file)
    tensor = numpy_helper.from_array(WEIGHTS)
    onnx.external_data_helper.set_external_data(tensor, "secret")
    model = onnx.load(file)
    model.graph.node.append(helper.make_node("ConstantOfShape", ["z"], ["c"], value=tensor))
    (tmp_path / "other.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match="weights in another file"):
        runtime.anatomy.check_onnx(tmp_path / "other.onnx")


def test_an_unknown_domain_is_refused(tmp_path):
    with pytest.raises(ValueError, match="with this project's metadata. Received: .*com.example"):
        runtime.load(generator(tmp_path / "model.onnx", domain="com.example"))


@pytest.mark.parametrize("keep", [0, 1, 100, 300])
def test_a_file_cut_short_is_refused_in_one_line(file, keep):
    file.write_bytes(file.read_bytes()[:keep])
    refused(f"generate {file}", "with this project's metadata. Received:")


def test_a_folder_that_is_a_file_is_refused(file, tmp_path):
    refused(f"generate {file} --out={file}/picture.png", "model.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_a_missing_runtime_says_what_to_install(file, monkeypatch):
    monkeypatch.setattr(runtime.graphs.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs onnxruntime, .*: pip install 'genzoo\[cpu\]'"):
        runtime.load(file)
    with pytest.raises(
        ValueError, match=r"needs ai-edge-litert, .*: pip install 'genzoo\[litert\]'"
    ):
        runtime.check_installed(".tflite")


def test_a_gpu_that_does_not_start_is_told_once(file, monkeypatch):
    opened = onnxruntime.InferenceSession
    monkeypatch.setattr(
        onnxruntime, "get_available_providers", lambda: list(runtime.graphs.PROVIDERS)
    )
    monkeypatch.setattr(
        onnxruntime,
        "InferenceSession",
        lambda path, options, providers: opened(path, options, providers=providers[1:]),
    )
    runtime.graphs._warn_once.cache_clear()
    with pytest.warns(UserWarning, match="CUDAExecutionProvider could not be started; CPUExecut"):
        assert runtime.load(file).provider == "CPUExecutionProvider"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runtime.load(file)
