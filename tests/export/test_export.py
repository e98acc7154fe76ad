"""Every registered model, trained on the backend that runs, as verified ONNX and TFLite files."""

import json
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from keras import ops

from export import runtime
from export.convert import folder as export_folder
from export.convert import reference, verify
from export.convert.graphs import FORMATS, convert
from export.convert.onnx import OPSET
from export.inference.trained import RunSampler
from export.playground import entries
from export.runtime.shapes import Value
from export.runtime.work import compute
from tests.export.build import results_of
from tests.helpers import CLASS_NAMES, MODELS, odd_shape, own_options, small_hyperparameters
from zoo import files
from zoo.errors import FailedError, RequestError
from zoo.training import loop
from zoo.training.run import Run

ROOT = Path(__file__).parents[2]


# Every backend's weights take the same way; the models' graphs do not depend on the backend.
VARIANTS = [*MODELS, *(f"{m}-options" for m in ("dcgan", "lapgan", "iwae", "ssvae", "pix2pix"))]
PROCESSES = ["aae", "cgan"]  # to start one takes longer than to convert, so the others do without
EXPORTED = VARIANTS if keras.backend.backend() == "tensorflow" else PROCESSES[:1]


def saved_run(path, variant):
    """A run with an average and weights as if trained, on images of odd sides where it can."""
    model, _, options = variant.partition("-")
    options = own_options(model) if options else {}
    shape = odd_shape(model)
    config = {
        "model": model,
        "hyperparameters": small_hyperparameters(model, ema=0.9, **options),
        "total_steps": 2,
        "dataset": {
            "name": "noise",
            "request": str(path / "no data"),
            "data_dir": None,
            "image_shape": shape,
            "class_names": list(CLASS_NAMES),
        },
        "seed": 0,
        "backend": keras.backend.backend(),
    }
    run = Run.create(path, config, model)
    built = loop.build_model(run.config)
    built.compile()
    rng = np.random.default_rng(1)
    for weight in built.weights:
        value = rng.standard_normal(weight.shape) * 0.2
        weight.assign(np.abs(value) + 0.5 if "variance" in weight.path else value)
    run.save_checkpoint(built, 2)
    return run


def pictures(sampler, count, seed):
    """Drawn ones, or of images of a size that the network cannot take as it is."""
    if sampler.image_input is None:
        return sampler.generate(count, seed=seed)
    images = np.random.default_rng(0).random((70, 11, 14, 3), dtype="float32")[:count]
    return sampler.translate(images, seed)


def in_this_process(module, *arguments):
    """What `export.convert.folder` has processes of their own do, where TensorFlow runs already."""
    if module == "export.convert.graphs":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tf2onnx's own, which a process keeps to itself
            lists = (words.split(",") for words in arguments[2:])
            convert(Run.open(arguments[0]), Path(arguments[1]), *lists)
    else:
        verify.main(Path(arguments[0]), "--force" in arguments)


@pytest.fixture(scope="module", params=EXPORTED)
def exported(request, tmp_path_factory):
    run = saved_run(tmp_path_factory.mktemp("runs"), request.param)
    with pytest.MonkeyPatch.context() as patch:
        if keras.backend.backend() == "tensorflow" and request.param not in PROCESSES:
            patch.setattr(export_folder, "_process", in_this_process)
        export_folder.export_run(run, run.path / "export", list(FORMATS))
    return run, run.path / "export"


def test_the_graph_and_its_description(exported):
    run, folder = exported
    model = loop.build_model(run.config)
    graph = onnx.load(folder / "model.onnx")
    shapes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*graph.graph.input, *graph.graph.output)
    }
    expected = {name: ["batch", *spec["shape"]] for name, spec in model.inputs_spec.items()}
    expected["image"] = ["batch", *model.image_shape]
    if model.translates:
        sides = ["batch", "height", "width", 3]
        halves = ["batch", "height/2", "width/2", 4]
        masks = {"mask_0": halves} if model.stochastic else {}
        expected = {"input": sides, **masks, "image": sides}
    assert shapes == expected
    for name, (spec, _, _) in model.graphs.items():
        if name != "model":  # only what a translator is given is of any size
            inputs = onnx.load(folder / f"{name}.onnx").graph.input
            sides = [d.dim_value for value in inputs for d in value.type.tensor_type.shape.dim[1:]]
            assert sides == [side for value in inputs for side in spec[value.name]["shape"]]
    for file in folder.glob("*.onnx"):  # all that they compute is of the sizes known before
        given = runtime.open_graph(file)
        arrays = runtime.Noise(given.inputs, 0).next(3, [0, 1, 0])
        values = dict(given.plan.constants)
        values |= {name: Value(array.shape) for name, array in arrays.items()}
        for node in given.plan.nodes:
            compute(node, values)
        found = {name: value.shape for name, value in values.items()}
        made = results_of(file, arrays)
        assert {name: found[name] for name in made} == {n: array.shape for n, array in made.items()}
    operations = {node.op_type for node in graph.graph.node}
    assert not [name for name in operations if name.startswith("Random")]
    assert not {"BatchNormalization", "Not"} & operations  # "Not": of an index that may be negative
    assert [(entry.domain, entry.version) for entry in graph.opset_import] == [("", OPSET)]
    if model.translates:  # the sides vary, and no operation is there for that
        assert not {"Shape", "Slice", "Pad"} & operations
    if run.config["model"] == "cgan":  # as one writes it by hand
        label, vector = ["Gather", "Reshape"], ["Gemm", "Relu", "Reshape"]
        levels = ["Concat", "Transpose", "ConvTranspose", "Relu", "ConvTranspose"]
        picture = ["Slice", "Tanh", "Sub", "Mul"]
        wanted = [*label, *vector, *levels, *picture, "Transpose"]
        assert sorted(node.op_type for node in graph.graph.node) == sorted(wanted)

    metadata = runtime.load(folder).metadata
    assert metadata["model"] == run.config["model"] and metadata["run"] == run.id
    assert metadata["dataset"] == "noise" and metadata["class_names"] == list(CLASS_NAMES)
    assert metadata["latent_dim"] == (None if model.translates else model.latent_dim)
    assert metadata["prior"] == {k: spec["prior"] for k, spec in model.inputs_spec.items()}
    assert metadata["value_range"] == [0, 1]
    assert metadata["image_shape"] == list(model.image_shape)
    assert metadata["average"] is bool(model.averages) and metadata["step"] == 2
    assert metadata["versions"]["training"]["backend"] == keras.backend.backend()
    assert {"onnx", "tf2onnx"} <= metadata["versions"]["export"].keys()


def test_one_seed_gives_one_picture_from_run_and_file(exported):
    run, folder = exported
    trained, file = RunSampler(run), runtime.load(folder)
    images = pictures(file, 70, seed=5)  # more than one batch
    shape = odd_shape(run.config["model"]) if file.image_input is None else (11, 14, 3)
    assert images.dtype == np.float32 and images.shape == (70, *shape)
    assert 0 <= images.min() < images.max() <= 1
    np.testing.assert_allclose(pictures(trained, 70, seed=5), images, atol=verify.TOLERANCE)
    np.testing.assert_allclose(pictures(file, 3, seed=5), images[:3], atol=1e-6)
    noisy = file.inputs.keys() != {"input"}
    assert (np.abs(pictures(file, 3, seed=6) - images[:3]).max() > 1e-6) == noisy
    other = pictures(runtime.load(folder / "model.tflite"), 70, seed=5)
    np.testing.assert_allclose(other, images, atol=verify.TOLERANCE)


def test_the_report(exported):
    run, folder = exported
    report = json.loads((folder / verify.REPORT).read_text())
    model = loop.build_model(run.config)
    names = {f"{name}.{format_}" for name in model.graphs for format_ in FORMATS}
    assert set(report["errors"]) == set(report["sha256"]) == names
    for name in names:
        sizes = {"1 of 16x12", "5 of 16x12", "2 of 20x12"} if model.translates else {"1", "5", "64"}
        assert set(report["errors"][name]) == sizes
        assert all(error["max"] <= 1e-5 for error in report["errors"][name].values())
        assert report["sha256"][name] == files.sha256(folder / name)
        assert report["bytes"][name] == (folder / name).stat().st_size
        sizes = {"1", "5"} if model.translates else {"1", "16"}
        assert report["milliseconds"][name].keys() == sizes
    assert report["forced"] == {}
    assert verify.verify(folder)["errors"].keys() == report["errors"].keys()


def test_a_changed_file_fails_the_check(exported, tmp_path):
    _, folder = exported
    copy = shutil.copytree(folder, tmp_path / "copy")
    graph = onnx.load(copy / "model.onnx")
    onnx.helper.set_model_props(graph, {"class_names": "[]", "inputs": "{}"})
    onnx.save(graph, copy / "model.onnx")
    with pytest.raises(FailedError, match="was changed after the export"):
        verify.verify(copy)


def test_other_numbers_fail_the_check(exported, tmp_path):
    _, folder = exported
    copy = shutil.copytree(folder, tmp_path / "copy")
    with np.load(copy / verify.REFERENCE) as stored:
        arrays = dict(stored)
    last = list(reference.cases(runtime.load(folder).inputs))[-1]
    assert max(arrays[name][0] for name in arrays if name.endswith("/alone")) < 3e-6
    arrays[f"model/{last}/out"][-1, 0, 0, 0] += 2e-5
    np.savez(copy / verify.REFERENCE, **arrays)
    with pytest.raises(
        FailedError, match="within 1e-05. Received: a difference of .* of model.onnx"
    ):
        verify.verify(copy)
    # As much as that is rounding where the model differs from itself by half of it ...
    arrays[f"model/{last}/alone"] = np.float32([1e-5])
    np.savez(copy / verify.REFERENCE, **arrays)
    verify.verify(copy)
    # ... but not everything is, whatever the file says.
    arrays[f"model/{last}/alone"] = np.float32([1.0])
    arrays[f"model/{last}/out"][-1, 0, 0, 0] += 2e-4
    np.savez(copy / verify.REFERENCE, **arrays)
    with pytest.raises(FailedError, match="within 0.0001. Received: a difference"):
        verify.verify(copy)


def test_next_floats():
    """Each is a neighbour, above or below; what a label is stays."""
    values = np.float32([1.0, -1.0, 0.0, 3e4] * 8)
    moved = reference.next_floats(values)
    above = np.nextafter(values, np.float32(np.inf))
    below = np.nextafter(values, np.float32(-np.inf))
    assert moved.dtype == values.dtype
    assert ((moved == above) | (moved == below)).all()
    assert 0 < (moved == above).sum() < len(values)
    labels = np.arange(3, dtype="int32")
    assert reference.next_floats(labels) is labels


def test_an_encoder_and_its_decoder_go_round(exported):
    """What the file encodes and decodes is what the trained model does of the same images."""
    run, folder = exported
    sampler, model = runtime.load(folder), loop.build_model(run.config)
    if "encoder" not in model.graphs:
        with pytest.raises(ValueError, match="Encoding needs encoder.onnx beside model.onnx"):
            sampler.encode(np.zeros((1, *model.image_shape)))
        return
    images = sampler.generate(7, seed=3)
    labels = np.array([0, 1, 2, 0, 1, 2, 0], "int32")
    label = {"label": labels} if model.conditional else {}
    codes = sampler.encode(images, labels if label else None)
    assert codes.shape == (7, *model.inputs_spec["z"]["shape"])
    run.load_checkpoint(model, groups=("weights",))
    images, label = (keras.tree.map_structure(ops.convert_to_tensor, x) for x in (images, label))
    expected = ops.convert_to_numpy(model.encode_inputs({"image": images, **label}))
    size = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(codes / size, expected / size, atol=2e-5)
    again = model.sample({"z": ops.convert_to_tensor(codes), **label})
    drawn = sampler.draw({"z": codes, **({"label": labels} if label else {})})
    np.testing.assert_allclose(drawn, ops.convert_to_numpy(again), atol=2e-5)


def test_the_playground_shows_it(exported, tmp_path):
    run, folder = exported
    site = tmp_path / "models"
    opened = entries.Opened("tiny", folder / "model.onnx", run.path)
    (shown,) = entries.entries([opened], site)
    beside = set(loop.build_model(run.config).graphs) - {"model"}
    assert {graph for graph in entries.BESIDE if shown[graph]} == beside
    for graph in (shown, *(shown[name] for name in beside)):
        assert files.sha256(tmp_path / graph["file"]) == graph["sha256"]
    assert (shown["kind"] == "translator") == bool(runtime.load(folder).image_input)


def test_classes_by_name_and_number(exported):
    run, folder = exported
    sampler = runtime.load(folder)
    if sampler.image_input:
        with pytest.raises(ValueError, match="nothing to draw from: call translate with images"):
            sampler.generate(1)
        return
    if not loop.build_model(run.config).conditional:
        with pytest.raises(ValueError, match="unconditional and takes no class"):
            sampler.generate(1, classes=0)
        return
    by_name = sampler.generate(4, classes="one")
    np.testing.assert_array_equal(by_name, sampler.generate(4, classes=1))
    np.testing.assert_array_equal(by_name, sampler.generate(4, classes="ONE"))
    np.testing.assert_array_equal(by_name, sampler.generate(4, classes=["one", 1, "1", 1]))
    in_turn = sampler.generate(4)
    np.testing.assert_array_equal(in_turn[1], by_name[1])
    with pytest.raises(ValueError, match="0 zero, 1 one, 2 two. Received: 'three'"):
        sampler.generate(1, classes="three")
    with pytest.raises(ValueError, match="4 images need 4 classes. Received: 1"):
        sampler.generate(4, classes=["one"])


def test_noise_of_every_prior():
    inputs = {
        "z": {"shape": [3], "dtype": "float32", "prior": "normal"},
        "code": {"shape": [2], "dtype": "float32", "prior": "uniform"},
        "category": {"shape": [], "dtype": "int32", "prior": "category", "classes": 4},
        "place": {
            "shape": [2],
            "dtype": "float32",
            "prior": "mixture",
            "means": [[5.0, 0.0], [0.0, -5.0]],
            "std": 0.1,
        },
    }
    sampler = runtime.Sampler(inputs, [])
    noise = sampler.noise(4000, seed=1)
    for name, spec in inputs.items():
        assert noise[name].dtype == spec["dtype"] and noise[name].shape == (4000, *spec["shape"])
    np.testing.assert_allclose([noise["z"].mean(), noise["z"].std()], [0, 1], atol=0.03)
    assert -1 <= noise["code"].min() < -0.99 and 0.99 < noise["code"].max() <= 1
    np.testing.assert_allclose(np.bincount(noise["category"]) / 4000, 0.25, atol=0.03)
    first = noise["place"][:, 0] > 2.5
    np.testing.assert_allclose(first.mean(), 0.5, atol=0.03)
    np.testing.assert_allclose(noise["place"][first].mean(axis=0), [5, 0], atol=0.02)
    np.testing.assert_allclose(noise["place"][~first].std(axis=0), 0.1, atol=0.01)
    # A longer series begins with a shorter one, whatever the number of inputs.
    for name, array in sampler.noise(10, seed=1).items():
        np.testing.assert_array_equal(array, noise[name][:10])
    with pytest.raises(ValueError, match="must be a known one. Received: 'gamma'"):
        runtime.Sampler({"z": {**inputs["z"], "prior": "gamma"}}, []).noise(1)


def test_inputs_that_all_pictures_share():
    class Echo(runtime.Sampler):
        def draw(self, inputs):
            return np.concatenate([inputs["category"][:, None], inputs["code"]], axis=1)

    inputs = {
        "category": {"shape": [], "dtype": "int32", "prior": "category", "classes": 4},
        "code": {"shape": [2], "dtype": "float32", "prior": "uniform"},
    }
    sampler = Echo(inputs, [])
    drawn = sampler.generate(70, fixed={"category": 3.0, "code": [0.5, -1]})
    np.testing.assert_array_equal(drawn, np.tile([3, 0.5, -1], (70, 1)))
    free = sampler.generate(70, fixed={"category": 3})
    np.testing.assert_array_equal(free[:, 1:], sampler.generate(70)[:, 1:])
    for fixed, message in (
        ({"codes": 1}, "one of category, code. Received: codes"),
        ({"category": 4}, "category must be from 0 to 3. Received: 4"),
        ({"category": [1, 2]}, r"category takes 1 numbers. Received: \[1, 2\]"),
        ({"code": 1.0}, "code takes 2 numbers. Received: 1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            sampler.generate(1, fixed=fixed)


def test_an_integer_is_an_index_whatever_the_classes_are_called():
    spec = {"label": {"shape": [], "dtype": "int32", "prior": "class", "classes": 3}}
    sampler = runtime.Sampler(spec, ["1", "2", "10"])
    assert [sampler.class_index(index) for index in range(3)] == [0, 1, 2]
    assert [sampler.class_index(name) for name in ("1", "2", "10", "0")] == [0, 1, 2, 0]
    for wrong in (3, -1, "3"):
        with pytest.raises(ValueError, match="The class must be one of"):
            sampler.class_index(wrong)


def test_the_runtime_needs_numpy_and_onnxruntime_alone(exported, tmp_path):
    """Copied out of the project, in a fresh process."""
    _, folder = exported
    script = (
        "import sys, numpy; from export import runtime; sampler = runtime.load(sys.argv[1]); "
        "images = sampler.translate(numpy.zeros((2, 9, 9, 3))) if sampler.image_input "
        "else sampler.generate(2); assert len(images) == 2; "
        "assert runtime.__file__.startswith(sys.argv[2]); "
        "bad = {'keras', 'tensorflow', 'jax', 'torch', 'matplotlib', 'zoo'} & sys.modules.keys(); "
        "sys.exit(', '.join(bad) or 0)"
    )
    copied = tmp_path / "export" / "runtime"
    shutil.copytree(Path(runtime.__file__).parent, copied)
    command = [sys.executable, "-c", script, str(folder), str(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_failed_export_leaves_what_was_there(tmp_path, monkeypatch):
    run, folder = saved_run(tmp_path / "runs", "gan"), tmp_path / "export"
    folder.mkdir()
    (folder / "notes.txt").write_text("an earlier one")

    def fail(*arguments):
        raise FailedError("no")

    monkeypatch.setattr(export_folder, "_process", fail)
    with pytest.raises(FailedError):
        export_folder.export_run(run, folder)
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert not list(tmp_path.rglob(".*-????????"))
    assert (folder / "notes.txt").read_text() == "an earlier one"


@pytest.mark.once
def test_a_reason_reaches_the_user(tmp_path):
    with pytest.raises(FailedError, match="left nothing behind: A run is a directory"):
        export_folder._process(
            "export.convert.graphs", str(tmp_path / "none"), str(tmp_path), "onnx"
        )


def test_what_is_no_export_is_refused(tmp_path):
    with pytest.raises(RequestError, match="model.tflite, and reference.npz. Received"):
        verify.verify(tmp_path)
    with pytest.raises(ValueError, match="a folder with model.onnx or model.tflite. Received"):
        runtime.load(tmp_path)
    (tmp_path / "model.onnx").write_text("text")
    with pytest.raises(ValueError, match="with this project's metadata. Received"):
        runtime.load(tmp_path)
