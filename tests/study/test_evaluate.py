"""`evaluate` and the plots of a run, from the command line, on real digits."""

import itertools
import json
import shlex

import keras
import numpy as np
import pytest
from PIL import Image

from tests.test_cli import done, small_settings
from tests.test_cli_errors import refused, table
from zoo import data
from zoo.training.loop import trained_model
from zoo.training.run import Run
from zoo.views import plots

pytestmark = pytest.mark.once

RUNS = {
    "vae": "vae --set latent_dim=2",
    "cvae": "cvae",
    "linear": "autoencoder --set linear=true --set likelihood=gaussian",
    "ssvae": "ssvae --set labels=20",
    "draw": "draw",
    "gaussian": "vae --set likelihood=gaussian",
    "infogan": "infogan --set categories=3",
    "infogan-of-classes": "infogan --conditional",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A short run of each of `RUNS` on the embedded digits."""
    folder = tmp_path_factory.mktemp("runs")
    for name, request in RUNS.items():
        model, *options = shlex.split(request)
        small = [
            "--dataset=digits",
            *small_settings(model),
            *options,
            "--steps=5",
            "--batch-size=32",
        ]
        done("train", model, *small, f"--runs-dir={folder}", f"--name={name}")
    return folder


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_nll_has_a_receipt_and_is_repeated(runs):
    scores = [
        json.loads(done("evaluate", runs / "vae", "-k", k, "--images=30", "--json"))["nll"]
        for k in (1, 1, 200)
    ]
    assert scores[0] == scores[1]
    assert scores[2]["nll"] < scores[0]["nll"] == -scores[0]["elbo"]
    expected = {
        "likelihood": "bernoulli",
        "binarization": "dynamic",
        "importance_samples": 200,
        "dataset": "digits",
        "split": "test",
        "images": 30,
        "seed": 0,
        "run": "vae",
        "step": 5,
    }
    assert scores[2].items() >= expected.items()
    kept = json.loads((runs / "vae" / "scores.json").read_text())["nll"]
    assert kept == scores[2]
    out = done("evaluate", runs / "vae", "-k", 200, "--images=30")
    assert f"nll {kept['nll']:.2f} nats per image" in out and "dynamic binarization" in out


@pytest.mark.parametrize("name", ["cvae", "draw", "gaussian"])
def test_every_model_with_a_prior_has_a_likelihood(runs, name):
    receipt = json.loads(done("evaluate", runs / name, "-k", 3, "--images=10", "--json"))["nll"]
    assert np.isfinite(receipt["nll"]) and receipt["binarization"] == (
        "none" if name == "gaussian" else "dynamic"
    )


def test_error_of_few_labels(runs):
    both = json.loads(done("evaluate", runs / "ssvae", "-k", 2, "--json"))
    assert set(both) == {"nll", "error"}
    assert both["error"]["labels"] == 20 and both["error"]["images"] == 359
    test = data.load("digits", split="test")
    images = test.images.astype("float32") / 255
    probability = trained_model(Run.open(runs / "ssvae")).classify({"image": images})
    wrong = np.mean(keras.ops.convert_to_numpy(probability).argmax(axis=1) != test.labels)
    assert both["error"]["error"] == pytest.approx(wrong, abs=1e-12)
    again = done("evaluate", runs / "ssvae", "--metrics=error")
    assert f"error {100 * both['error']['error']:.2f} % with 20 labels" in again


def test_the_error_of_categories(runs):
    receipt = json.loads(done("evaluate", runs / "infogan", "--metrics=category_error", "--json"))[
        "category_error"
    ]
    assert receipt["categories"] == 3 and receipt["images"] == 359
    test = data.load("digits", split="test")
    model = trained_model(Run.open(runs / "infogan"))
    q = model.discriminator({"image": test.images.astype("float32") / 127.5 - 1}, training=False)
    found = keras.ops.convert_to_numpy(q["category"]).argmax(axis=1)
    right = max(
        sum(((found == i) & (test.labels == label)).sum() for i, label in enumerate(chosen))
        for chosen in itertools.permutations(range(10), 3)
    )
    assert receipt["category_error"] == pytest.approx(1 - right / 359)


@pytest.mark.parametrize(
    ("kind", "name", "tiles"),
    [
        ("reconstructions", "vae", (8, 10)),
        ("reconstructions", "cvae", (8, 10)),
        ("interpolation", "vae", (8, 10)),
        ("interpolation", "cvae", (8, 10)),
        ("arithmetic", "vae", (10, 11)),
        ("manifold", "vae", (20, 20)),
        ("neighbours", "vae", (8, 10)),
        ("neighbours", "cvae", (8, 10)),
        ("canvas", "draw", (8, 3)),
        ("pca", "linear", (3, 10)),
    ],
)
def test_plots_of_runs(runs, kind, name, tiles):
    assert done("plot", kind, runs / name) == f"{kind}.png\n"
    with Image.open(f"{kind}.png") as picture:
        pixels = np.asarray(picture)
    rows, columns = tiles
    side, gap = 56, 2
    assert pixels.shape[0] == rows * (side + gap) - gap
    margin = pixels.shape[1] - (columns * (side + gap) - gap)
    assert margin >= 0 if kind in ("arithmetic", "pca") else margin == 0
    tile = pixels[:side, margin : margin + side]
    assert tile.std() > 0


def test_originals_lie_above_their_reconstructions(runs):
    from zoo import data
    from zoo.training.run import Run

    view = plots.View(Run.open(runs / "vae"))
    first = data.load("digits", split="test").images[0]
    code = view.encode(first[None])
    done("plot", "reconstructions", runs / "vae")
    pixels = np.asarray(Image.open("reconstructions.png"))[..., 0]
    np.testing.assert_array_equal(pixels[3:56:7, 3:56:7], first[..., 0])
    again = view.decode(code)[0, ..., 0].astype(int)
    np.testing.assert_allclose(pixels[58 + 3 : 58 + 56 : 7, 3:56:7], again, atol=1)


@table(
    ("evaluate RUNS/linear", ["`genzoo classifier DATASET`", "No classifier for digits of 8x8x1"]),
    ("evaluate RUNS/vae --metrics error", ["needs a model that classifies", "Received: vae"]),
    (
        "evaluate RUNS/vae --metrics fdi",
        ["one of anomaly, balance, category_error, class_accuracy", "fid", "Received: 'fdi'"],
    ),
    (
        "evaluate RUNS/infogan-of-classes --metrics category_error",
        ["needs a model with categories of its own", "Received: infogan"],
    ),
    ("evaluate RUNS/vae -k 0", ["importance_samples must be a positive integer", "Received: 0"]),
    ("evaluate RUNS/vae --images 360", ["from 1 to the 359 of the test split", "Received: 360"]),
    ("evaluate RUNS/vae --images 0", ["from 1 to the 359 of the test split", "Received: 0"]),
    ("evaluate RUNS/vae --seed -1", ["integer from 0", "Received: -1"]),
    ("evaluate nowhere", ["a run, a published or a bundled model", "Received: nowhere"]),
    ("plot manifold RUNS/cvae", ["unconditional model with latent_dim=2", "Received: "]),
    ("plot canvas RUNS/vae", ["draws in steps", "Received: "]),
    ("plot pca RUNS/vae", ["an autoencoder with linear=true", "Received: "]),
    ("plot arithmetic RUNS/cvae", ["not told the classes", "Received: "]),
    ("train vae --set latent_dim=0", ["latent_dim must be a positive integer", "Received: 0"]),
    ("train iwae --set k=0", ["k must be a positive integer", "Received: 0"]),
    ("train iwae --set stochastic_layers=3", ["layers must be one of 1, 2", "Received: '3'"]),
    ("train sbn --set stochastic_layers=4", ["layers must be one of 1, 2, 3", "Received: '4'"]),
    ("train ssvae --set labels=9", ["at least one per class, 10", "Received: 9"]),
    (
        "train ssvae --dataset digits --set labels=1439",
        ["every class can share in", "Received: 1439"],
    ),
    ("train vae --dataset ring", ["Bernoulli likelihood needs data in [0, 1]", "Received: points"]),
    ("train draw --dataset digits --set read_size=9", ["read_size must be at most", "Received: 9"]),
    (
        "train draw --dataset digits --set write_size=9",
        ["write_size must be at most", "Received: 9"],
    ),
    ("train vae --set warm_up=-1", ["warm_up must be at least 0", "Received: -1"]),
    ("train vae --set pixel_std=0", ["pixel_std must be a positive number", "Received: 0"]),
    (
        "train vae --conditional",
        ["VAE does not support conditional", "cvae", "Received: conditional"],
    ),
    ("train autoencoder --set kind=variational", ["one of bottleneck", "Received: 'variational'"]),
)
def test_wrong_requests(runs, line, words):
    refused(line.replace("RUNS", str(runs)), *words)
