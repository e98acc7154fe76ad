"""Any number of pictures in one file: the right ones, also in parts, and with little memory."""

import io
import json
import sys
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import genzoo
from export import runtime
from export.inference import series
from tests.test_cli import done
from tests.test_cli_errors import refused
from zoo import files

pytestmark = pytest.mark.once
CGAN, VAE = "cgan-fashion_mnist", "vae-mnist"
INPUTS = {
    "z": {"shape": [3], "dtype": "float32", "prior": "normal"},
    "code": {"shape": [], "dtype": "float32", "prior": "uniform"},
    "label": {"shape": [], "dtype": "int32", "prior": "class", "classes": 3},
    "category": {"shape": [], "dtype": "int32", "prior": "category", "classes": 7},
    "mask": {"shape": [5], "dtype": "float32", "prior": "mask", "keep": 0.5},
    "place": {
        "shape": [2],
        "dtype": "float32",
        "prior": "mixture",
        "means": [[5.0, 0.0], [0.0, -5.0], [1.0, 1.0]],
        "std": 0.1,
    },
}


class Echo(runtime.Sampler):
    """Draws its inputs as the pixels of one row."""

    def draw(self, inputs):
        rows = [np.reshape(array, (len(array), -1)) for array in inputs.values()]
        return np.concatenate(rows, axis=1)[:, None, :, None]


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("first", [0, 1, 63, 64, 65, 200])
def test_a_stream_is_what_is_drawn_at_once(first):
    sampler = Echo(INPUTS, ["a", "b", "c"])
    noise = sampler.noise(201, np.arange(201) % 3, seed=5)
    expected = sampler.draw(noise)[first:]
    batches = list(sampler.stream(201, seed=5, first=first))
    assert all(len(images) <= runtime.sampler.BATCH for images, _ in batches)
    np.testing.assert_array_equal(np.concatenate([images for images, _ in batches]), expected)
    labels = np.concatenate([labels for _, labels in batches])
    np.testing.assert_array_equal(labels, np.arange(first, 201) % 3)


def test_noise_drawn_in_parts():
    whole = runtime.Noise(INPUTS, seed=3).next(100, np.zeros(100))
    parts = runtime.Noise(INPUTS, seed=3)
    pieces = [parts.next(n, np.zeros(n)) for n in (1, 2, 30, 67)]
    for name, array in whole.items():
        np.testing.assert_array_equal(np.concatenate([p[name] for p in pieces]), array, name)


def read(path):
    """(images uint8 (n, h, w), labels or None, keys or None) of a file."""
    path = Path(path)
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return arrays["images"][..., 0], arrays.get("labels"), None
    if path.suffix == ".tar":
        with tarfile.open(path) as archive:
            content = {m.name: archive.extractfile(m).read() for m in archive}
        keys = sorted({name.partition(".")[0] for name in content})
        images = np.stack([pixels(content[f"{key}.png"]) for key in keys])
        labelled = f"{keys[0]}.cls" in content
        labels = [int(content[f"{key}.cls"]) for key in keys] if labelled else None
        return images, labels, [int(key) for key in keys]
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"} and features.keys() == set(table.column_names)
    images = np.stack([pixels(row["bytes"]) for row in table["image"].to_pylist()])
    return images, table["label"].to_pylist() if "label" in features else None, None


def pixels(png):
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.mark.parametrize("suffix", series.WRITERS)
def test_a_file_holds_what_generate_draws(suffix):
    expected = np.rint(255 * genzoo.load(CGAN).generate(150, seed=2)[..., 0])
    assert done("generate", CGAN, "-n150", "--seed=2", f"--out=all{suffix}") == (
        f"150 images in all{suffix}\n"
    )
    images, labels, keys = read(f"all{suffix}")
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(labels, np.arange(150) % 10)
    assert keys in (None, list(range(150)))
    for part, rows in (("1/4", (0, 37)), ("2/4", (37, 75)), ("4/4", (112, 150))):
        done("generate", CGAN, "-n150", "--seed=2", f"--out=part{suffix}", f"--part={part}")
        images, labels, keys = read(f"part{suffix}")
        np.testing.assert_array_equal(images, expected[slice(*rows)])
        np.testing.assert_array_equal(labels, np.arange(*rows) % 10)
        assert keys in (None, list(range(*rows)))
    done("generate", CGAN, "-n150", "--seed=2", f"--out=again{suffix}")
    assert files.sha256(f"again{suffix}") == files.sha256(f"all{suffix}")


@pytest.mark.parametrize("suffix", series.WRITERS)
def test_a_class_and_a_model_without_classes(suffix):
    done("generate", CGAN, "-n70", "--class=bag", f"--out=bags{suffix}")
    images, labels, _ = read(f"bags{suffix}")
    assert len(images) == 70 and set(labels) == {8}
    done("generate", VAE, "-n3", f"--out=digits{suffix}")
    images, labels, _ = read(f"digits{suffix}")
    assert images.shape == (3, 28, 28) and labels is None


@pytest.mark.parametrize("suffix", series.WRITERS)
def test_memory_does_not_grow_with_the_number(suffix):
    inputs = {"z": {"shape": [32, 32], "dtype": "float32", "prior": "uniform"}}

    class Noisy(runtime.Sampler):
        def draw(self, inputs):
            return inputs["z"][..., None] / 2 + 0.5

    peaks = []
    for count in (5_000, 40_000):
        tracemalloc.start()
        series.draw_series(Noisy(inputs, []), Path(f"much{suffix}"), count)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert Path(f"much{suffix}").stat().st_size > 40_000 * 1024
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--out=a.npz", ["needs the number of images, -n"]),
        ("-n0 --out=a.npz", ["at least 1", "0"]),
        ("-n5 --out=a.npz --part=0/2", ["--part must be K/N", "0/2"]),
        ("-n5 --out=a.npz --part=3/2", ["--part must be K/N", "3/2"]),
        ("-n5 --out=a.tar --part=half", ["--part must be K/N", "half"]),
        ("-n5 --out=a.tar --part=1/6", ["at least as many as the parts", "5 for 1/6"]),
        ("-n5 --out=a.npz --class=boat", ["class must be one of", "boat"]),
        ("-n5 --out=a.npz --seed=-1", ["seed must be", "-1"]),
        ("-n5 --out=a.npz --fix=z=1", ["z takes 64 numbers"]),
        ("-n5 --part=1/2", ["--part is for .npz, .tar and .parquet files", "1/2"]),
        ("-n5 --out=a.zip", ["--out must be", "a.zip"]),
    ],
)
def test_bad_requests(line, words):
    refused(f"generate {CGAN} {line}", *words)


def test_pyarrow_is_asked_for_by_name(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(f"generate {CGAN} -n5 --out a.parquet", "pip install 'genzoo[parquet]'")
