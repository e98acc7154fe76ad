"""Smaller files: what they hold, how near they draw, and when they are refused."""

import json
import shutil
import zipfile

import keras
import numpy as np
import onnx
import pytest
from onnx import TensorProto

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made under TensorFlow", allow_module_level=True)

from export import runtime
from export.convert import folder as export_folder  # noqa: E402
from export.convert import verify  # noqa: E402
from tests.export.test_export import in_this_process, saved_run  # noqa: E402
from zoo.errors import FailedError  # noqa: E402

FORMATS = ("onnx", "tflite")


@pytest.fixture(scope="module", params=["cgan", "vae"])
def exported(request, tmp_path_factory):
    """A run of convolutions, and one of dense layers with an encoder, in every precision."""
    run = saved_run(tmp_path_factory.mktemp("runs"), request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export_folder, "_process", in_this_process)
        report = export_folder.export_run(
            run, run.path / "export", FORMATS, ("fp16", "int8"), force=True
        )
    return run.path / "export", report


def test_every_graph_in_every_precision(exported):
    folder, report = exported
    graphs = ["model", "encoder"] if (folder / "encoder.onnx").is_file() else ["model"]
    tags = ("", "_fp16", "_int8")
    expected = {f"{g}{tag}.{f}" for g in graphs for tag in tags for f in FORMATS}
    assert report["sha256"].keys() == report["errors"].keys() == expected
    assert {path.name for path in folder.iterdir()} - expected == {
        verify.REFERENCE,
        verify.REPORT,
    }
    for name in expected:
        _, precision = verify.parts(name)
        graph = runtime.open_graph(folder / name)
        assert graph.metadata["precision"] == precision
        assert {dtype for _, dtype in graph.tensors[0].values()} <= {"float32", "int32"}
        assert {dtype for _, dtype in graph.tensors[1].values()} == {"float32"}
    assert report == json.loads((folder / verify.REPORT).read_text())
    assert report["fcd"] == {}  # there is no classifier of noise


def test_the_floors_are_kept_and_the_precisions_differ(exported):
    _, report = exported
    for name, cases in report["errors"].items():
        _, precision = verify.parts(name)
        psnr = min(error["psnr"] for error in cases.values())
        assert psnr >= {"fp32": 100.0, **verify.FLOORS}[precision], name
        if precision == "int8":
            assert psnr < 90.0, name  # it has been quantized


def test_weights_are_stored_in_the_precision(exported):
    folder, _ = exported
    kinds = {
        tag: {
            tensor.data_type
            for tensor in onnx.load(folder / f"model{tag}.onnx").graph.initializer
            if np.prod(tensor.dims) > 200
        }
        for tag in ("", "_fp16", "_int8")
    }
    assert kinds[""] == {TensorProto.FLOAT} and kinds["_fp16"] == {TensorProto.FLOAT16}
    assert TensorProto.UINT8 in kinds["_int8"]
    operators = {node.op_type for node in onnx.load(folder / "model_int8.onnx").graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= operators


def test_a_precision_can_be_opened_by_its_file(exported):
    folder, _ = exported
    full, half = (runtime.load(folder / name) for name in ("model.onnx", "model_fp16.onnx"))
    images = full.generate(5, seed=2)
    np.testing.assert_allclose(half.generate(5, seed=2), images, atol=0.01)
    if (folder / "encoder.onnx").is_file():  # the one of the same precision
        np.testing.assert_allclose(half.encode(images), full.encode(images), atol=0.05)
        assert np.any(half.encode(images) != full.encode(images))


def copy_with_forced(folder, names, path):
    """A copy of an export whose report says that these files were forced."""
    copy = shutil.copytree(folder, path)
    report = json.loads((copy / verify.REPORT).read_text())
    report["forced"] = dict.fromkeys(names, "wanted")
    (copy / verify.REPORT).write_text(json.dumps(report))
    return copy


def test_an_encoder_is_found_beside_a_renamed_generator(exported, tmp_path):
    folder, _ = exported
    if not (folder / "encoder_fp16.onnx").is_file():
        return
    shutil.copy(folder / "model_fp16.onnx", tmp_path / "clothes.onnx")
    shutil.copy(folder / "encoder_fp16.onnx", tmp_path)
    renamed = runtime.load(tmp_path / "clothes.onnx")
    assert len(renamed.encode(renamed.generate(3))) == 3


def test_below_its_floor_a_precision_is_refused_until_it_is_forced(exported, tmp_path, monkeypatch):
    folder = copy_with_forced(exported[0], [], tmp_path / "copy")
    monkeypatch.setitem(verify.FLOORS, "int8", 95.0)
    with pytest.raises(
        FailedError, match=r"rejected \(--force keeps it\): .*model_int8.onnx, [\d.]+ dB, and"
    ):
        verify.verify(folder)
    forced = verify.verify(folder, force=True)["forced"]
    assert "model_int8.onnx" in forced and "model_fp16.onnx" not in forced
    assert all("the floor is 95" in why for why in forced.values())
    names = [name for name in exported[1]["sha256"] if "int8" in name]
    folder = copy_with_forced(exported[0], names, tmp_path / "forced")
    assert verify.verify(folder)["forced"].keys() == set(names)


def test_a_precision_that_takes_longer_is_refused():
    times = {
        "model.onnx": {"1": 1.0, "16": 10.0},
        "model_fp16.onnx": {"1": 2.0, "16": 11.9},
        "model_int8.onnx": {"1": 0.5, "16": 14.0},
        "model.tflite": {"1": 1.0, "16": 5.0},
        "model_int8.tflite": {"1": 1.0, "16": 5.0},
        "encoder.onnx": {"1": 0.01, "16": 0.02},
        "encoder_int8.onnx": {"1": 0.01, "16": 0.11},  # ten times nothing
    }
    reasons = verify.slower(times)
    assert reasons == {"model_int8.onnx": "1.4 times the milliseconds of fp32"}
    with pytest.raises(FailedError, match="keeps it.: model_int8.onnx, 1.4 times the milli"):
        verify.refuse(reasons)
    verify.refuse({})


@pytest.mark.parametrize("kind", ["cut short", "no metadata", "another shape"])
def test_a_broken_tflite_file_is_refused(exported, tmp_path, kind):
    data = (exported[0] / "model.tflite").read_bytes()
    metadata = runtime.open_graph(exported[0] / "model.tflite").metadata
    graph = data[: data.rfind(b"PK\x03\x04")]
    path = tmp_path / "model.tflite"
    path.write_bytes(graph if kind == "no metadata" else data[:-50])
    if kind == "another shape":
        metadata["inputs"]["z"]["shape"] = [1000]
        path.write_bytes(graph)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(runtime.graphs.TFLITE_METADATA, json.dumps(metadata))
    reason = "metadata describe z as" if kind == "another shape" else "BadZipFile"
    with pytest.raises(ValueError, match=f"with this project's metadata. Received: .*{reason}"):
        runtime.load(path)
