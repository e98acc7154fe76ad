"""train, evaluate, gallery, translate and export of pix2pix, from the command line."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export import runtime
from tests.data.build import encode, png, write_folder
from tests.test_cli import TRAINING, done, genzoo, imported_by, small_settings
from tests.test_cli_errors import refused, table
from zoo import data
from zoo.errors import RequestError
from zoo.training.run import Run

pytestmark = pytest.mark.once


def pixels(path):
    return np.asarray(Image.open(path))


def pairs(folder):
    """A folder of coloured pairs of 12x12 side by side, B the negative of A."""
    rng = np.random.default_rng(0)
    contents = {}
    for split, count in (("train", 8), ("test", 3)):
        for index in range(count):
            a = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
            contents[f"{split}/{index}.png"] = encode(np.concatenate([a, 255 - a], axis=1))
    return write_folder(folder, contents)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with pairs, a run on them and an export of it in both formats."""
    home = tmp_path_factory.mktemp("translation")
    small = [*small_settings("pix2pix"), f"--runs-dir={home}", "--batch-size=4", "--epochs=2"]
    done("train", "pix2pix", "--dataset", pairs(home / "pairs"), "--name=run", *small,
         "--set=jitter=2", "--set=stochastic=true")  # fmt: skip
    done("export", home / "run", "--format=all")
    return home


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_run_remembers_its_pairs(home):
    run = Run.open(home / "run")
    dataset = run.config["dataset"]
    assert (dataset["task"], dataset["direction"], dataset["input_channels"]) == ("pairs", None, 3)
    assert [row["step"] for row in run.history()] == [2, 4]
    assert {"discriminator_loss", "generator_loss", "l1"} <= run.history()[0].keys()
    height, width, _ = pixels(run.path / "samples/epoch-0002.png").shape
    assert height == 3 * 60 + 4 and width > 8 * 60  # three rows of eight, enlarged fivefold


def test_derived_pairs_are_trained_on_and_resumed(home):
    options = [*small_settings("pix2pix"), "--batch-size=8", "--runs-dir=runs", "--name=sharp"]
    done(
        "train",
        "pix2pix",
        "--dataset=digits",
        "--task=edges",
        "--direction=BtoA",
        "--steps=2",
        *options,
    )
    dataset = Run.open("runs/sharp").config["dataset"]
    assert dataset["image_shape"] == [8, 8, 1] and dataset["input_channels"] == 1
    refused("train --resume runs/sharp --steps 3 --task colorize", "keeps its task, 'edges'")
    done("train", "--resume", "runs/sharp", "--steps=3", "--task=edges")
    assert Run.open("runs/sharp").manifest()["step"] == 3


def test_scores_have_receipts(home):
    found = json.loads(done("evaluate", home / "run", "--json"))
    assert set(found) == {"l1", "psnr", "ssim"}
    for name, receipt in found.items():
        assert receipt["images"] == 3 and receipt["split"] == "test" and receipt["step"] == 4
        assert np.isfinite(receipt[name]) and receipt["standard_error"] > 0
    lines = done("evaluate", home / "run", "--metrics=psnr", "--images=2").splitlines()
    assert re.fullmatch(r"psnr \d+\.\d+ \(standard error .*\)", lines[0])
    assert "2 test images of pairs, step 4" in lines[1]
    refused(f"evaluate {home / 'run'} --metrics parts", "or photographs of them and a --judge. R")


def test_parts_of_facades_both_ways(tmp_path):
    """A run that draws label maps is scored by them, and judges one that draws photographs."""
    pairs(Path("data/facades"))
    small = [*small_settings("pix2pix"), "--batch-size=4", "--steps=1", "--dataset=facades"]
    for name, direction in (("maps", "AtoB"), ("photos", "BtoA")):
        done("train", "pix2pix", *small, "--data-dir=data", f"--direction={direction}",
             f"--name={name}")  # fmt: skip
    (maps,) = json.loads(done("evaluate", "runs/maps", "--metrics=parts", "--json")).values()
    assert 0 <= maps["iou"] <= maps["class_accuracy"] <= 1 and "of_real" not in maps
    judged = ["evaluate", "runs/photos", "--metrics=parts", "--judge=runs/maps"]
    (photos,) = json.loads(done(*judged, "--json")).values()
    # What the judge makes of the real photographs is what it was itself scored by.
    for name, score in photos["of_real"].items():
        assert score == pytest.approx(maps[name])
    assert photos["judge"]["run"] == "maps" and photos["judge"]["step"] == 1
    assert done(*judged).startswith("parts: ") and "of real photographs: " in done(*judged)
    assert "parts" not in json.loads(done("evaluate", "runs/photos", "--json"))
    refused(
        "evaluate runs/maps --judge runs/photos",
        "--judge must be a run from photographs",
        "runs/photos",
    )


def test_gallery(home):
    page = Path(done("gallery", home / "run", "-n", 2, "--out", "page").strip())
    assert page == Path("page/index.html")
    text = page.read_text()
    shown = re.findall(r'src="([^"]+)"', text)
    assert len(shown) == 6 and text.count("psnr") == 3
    assert {pixels(page.parent / name).shape for name in shown} == {(12, 12, 3)}
    target, given = pixels("page/0001-target.png"), pixels("page/0001-input.png")
    np.testing.assert_array_equal(target, 255 - given)
    done("gallery", home / "run", "-n", 1, "--out", "page")  # in place of the other
    assert len(list(Path("page").iterdir())) == 4
    write_folder(Path("mine"), {"note.txt": b"mine", "index.html": b"mine too"})
    refused(f"gallery {home / 'run'} --out mine", "a new or an empty one. Received: mine")


def test_translate_files_folders_and_globs(home):
    write_folder(Path("in"), {"a.png": png((1, 2, 3), 9, 7), "deep/a.jpg": png(5, 12, 12)})
    write_folder(Path("more"), {"b1.png": png(7, 30, 8), "b2.png": png(8, 8, 30)})
    out = done("translate", home / "run", "in", "more/b*.png", "in/a.png", "--out", "out")
    assert out == "5 images in out\n"
    sizes = {path.name: pixels(path).shape for path in Path("out").iterdir()}
    assert sizes == {
        "a.png": (7, 9, 3),
        "a-2.png": (12, 12, 3),
        "b1.png": (8, 30, 3),
        "b2.png": (30, 8, 3),
        "a-3.png": (7, 9, 3),
    }
    np.testing.assert_array_equal(pixels("out/a.png"), pixels("out/a-3.png"))


def test_run_and_files_translate_alike(home):
    rng = np.random.default_rng(1)
    write_folder(Path("."), {"x.png": encode(rng.integers(0, 256, (11, 14, 3), dtype=np.uint8))})
    sources = {
        "run": home / "run",
        "folder": home / "run/export",
        "onnx": home / "run/export/model.onnx",
        "tflite": home / "run/export/model.tflite",
    }
    drawn = {}
    for name, source in sources.items():
        done("translate", source, "x.png", "--out", name, "--seed", 3)
        drawn[name] = pixels(f"{name}/x.png").astype(int)
    for image in drawn.values():
        np.testing.assert_allclose(image, drawn["run"], atol=1)
    done("translate", home / "run", "x.png", "--out", "other", "--seed", 4)
    assert np.abs(pixels("other/x.png").astype(int) - drawn["run"]).max() > 0


def test_a_published_translator_translates_alike(home, hub):
    licences = ["--license=cc0-1.0", "--data-license=my own pictures"]
    done("push", home / "run", "alice/faces", *licences)
    card = hub.repositories["alice/faces"].find("main").files["README.md"].data.decode()
    assert "image-to-image" in card and "my own pictures" in card and str(home) not in card
    Path("x.png").write_bytes(png((7, 8, 9), 40, 24))
    for source, out in ((home / "run" / "export", "one"), ("alice/faces", "two")):
        done("translate", source, "x.png", "--out", out)
    assert Path("one/x.png").read_bytes() == Path("two/x.png").read_bytes()
    refused("generate alice/faces", "nothing to draw from: call translate with images")
    refused(f"generate {home / 'run'}", "nothing to draw from: call translate with images")


def test_a_file_translates_without_any_training_library(home, tmp_path):
    image = write_folder(tmp_path, {"x.png": png((9, 9, 9), 8, 8)}) / "x.png"
    for suffix in ("onnx", "tflite"):
        source = home / f"run/export/model.{suffix}"
        imported = imported_by("translate", source, image, "--out", tmp_path / suffix)
        assert not imported & {*TRAINING, "scipy", "sklearn", "skimage", "jinja2"}
        assert pixels(f"{suffix}/x.png").shape == (8, 8, 3)


def test_padding_is_cut_off_again(home):
    """A size that the network takes is drawn as it is; another as its mirrored enlargement."""
    translator = runtime.load(home / "run/export")
    images = np.random.default_rng(0).random((2, 12, 16, 3), dtype="float32")
    noise = translator.noise(2, seed=0, size=(12, 16))
    expected = translator.draw({**noise, "input": images})
    np.testing.assert_allclose(translator.translate(images), expected, atol=1e-6)
    cut = images[:, :11, :14]
    mirrored = np.pad(cut, ((0, 0), (0, 1), (0, 2), (0, 0)), mode="symmetric")
    expected = translator.draw({**noise, "input": mirrored})[:, :11, :14]
    np.testing.assert_allclose(translator.translate(cut), expected, atol=1e-6)
    for wrong in (images[0], images[..., :1], images[:0]):
        with pytest.raises(ValueError, match=r"must be \(n, height, width, 3\). Received: \("):
            translator.translate(wrong)


def test_bad_images_do_not_stop_the_others(home):
    good = {"a.png": png(1, 8, 8), "z.png": png(2, 8, 8)}
    write_folder(Path("in"), {**good, "broken.png": png(3, 8, 8)[:40], "text.jpg": b"text"})
    code, out, err = genzoo("translate", home / "run", "in", "--out", "out")
    assert code == 1 and out == "2 images in out\n"
    assert sorted(path.name for path in Path("out").iterdir()) == ["a.png", "z.png"]
    assert "2 images were left out, the others are done:" in err
    assert "in/broken.png" in err and "in/text.jpg (not one of" in err and "Traceback" not in err


@table(
    ("translate {run} nowhere.png", ["a file, a folder with images or a glob", "nowhere.png"]),
    ("translate {run} empty", ["Received: empty"]),
    ("translate {run} x.png --seed -1", ["seed must be an integer from 0. Received: -1"]),
    ("train pix2pix", ["trains on pairs", "Received: single images of fashion_mnist_10k"]),
    ("train pix2pix --task colorize", ["colour images. Received: grey"]),
    ("train pix2pix --task paint", ["'paint' is not one of"]),
    ("train pix2pix --task edges --direction sideways", ["sideways"]),
    ("train cgan --task edges", ["only for image-to-image models", "edges for cgan"]),
    ("train cgan --direction AtoB", ["only for image-to-image models", "AtoB for cgan"]),
    ("train pix2pix --dataset odd", ["odd.png in", "7x4"]),
    ("train pix2pix --dataset lone", ["1 and 1", "Received: A/x.png"]),
    ("train pix2pix --dataset half", ["A/ and B/", "Received: half without train/B"]),
    ("train pix2pix --dataset sixes", ["multiples of 4", "Received: 6x6"]),
    ("train pix2pix --dataset digits --task edges", ["With patch=70", "patch=16 fits", "8x8"]),
    ("train pix2pix --task edges --set depth=4", ["multiples of 16", "Received: 28x28"]),
    ("train pix2pix --task edges --set patch=71", ["patch must be one of 1, 16, 70, 286", "71"]),
    ("train pix2pix --task edges --set latent_dim=3", ["Pix2Pix does not support", "dropout"]),
    ("train pix2pix --task edges --conditional", ["Pix2Pix does not support", "an image"]),
    ("train pix2pix --task edges --set jitter=-1", ["jitter must be at least 0", "-1"]),
    ("train pix2pix --task edges --set l1_weight=0", ["l1_weight must be a positive", "0.0"]),
    ("train pix2pix --task edges --set objective=l3", ["objective must be", "'l3'"]),
)  # fmt: skip
def test_wrong_requests(home, line, words):
    write_folder(Path("empty"), {"note.txt": b"no image"})
    write_folder(Path("odd"), {"odd.png": png(0, 7, 4)})
    write_folder(Path("lone"), {"A/x.png": png(), "B/y.png": png()})
    write_folder(Path("half"), {"train/A/x.png": png()})
    write_folder(Path("sixes"), {f"{i}.png": png(0, 12, 6) for i in range(8)})
    write_folder(Path("."), {"x.png": png(0, 8, 8)})
    assert "Received: " in refused(line.format(run=home / "run"), *words)
    assert not Path("runs").exists() and not Path("translated").exists()


def test_a_source_alone_is_refused(home):
    refused(f"translate {home / 'run'}", f"the images after the source {home / 'run'}")


def test_other_models_do_not_translate(home):
    done("train", "gan", "--dataset=digits", "--steps=1", "--batch-size=8", "--name=gan",
         *small_settings("gan"))  # fmt: skip
    write_folder(Path("."), {"x.png": png(0, 8, 8)})
    refused("translate runs/gan x.png", "needs an image-to-image model such as pix2pix")
    refused("gallery runs/gan", "needs an image-to-image model such as pix2pix. Received: gan")


def test_an_export_is_tried_on_images_that_the_model_was_trained_to_translate(home):
    """From the first to the last of the eight, and beyond their side once more from its start."""
    inputs = Run.open(home / "run").dataset().inputs / np.float32(255)
    with np.load(home / "run/export/reference.npz") as stored:
        five = stored["model/5 of 12x12/in/input"]
        (wide,) = [name for name in stored if re.fullmatch(r"model/2 of \d+x12/in/input", name)]
        two = stored[wide]
    np.testing.assert_array_equal(five, inputs[[0, 1, 3, 5, 7]])
    np.testing.assert_array_equal(two[:, :, :12], inputs[[0, 7]])
    np.testing.assert_array_equal(two[:, :, 12:], inputs[[0, 7], :, : two.shape[2] - 12])


def test_integers_need_images_to_take_their_ranges_from(home, monkeypatch):
    def load(*names, **options):
        raise RequestError("data_dir must be there. Received: nowhere")

    monkeypatch.setattr(data, "load", load)
    refused(f"export {home / 'run'} --precision int8", "data_dir must be there. Received: nowhere")


def test_a_card_shows_test_pairs(home):
    """Three of them, each target the negative of its input."""
    done("push", home / "run", "alice/negatives", "--to=card", "--license=mit",
         "--data-license=mine")  # fmt: skip
    card = Path("card/README.md").read_text()
    assert "*Pairs spread evenly over the test images: inputs, the model's outputs" in card
    picture = pixels("card/samples.png")
    side, right = 60, picture.shape[1] - 3 * 62 + 2
    given, target = picture[:side, right:], picture[-side:, right:]
    test = Run.open(home / "run").dataset("test")
    for index, (image, wanted) in enumerate(zip(test.inputs, test.images, strict=True)):
        place = slice(62 * index, 62 * index + side, 5)
        np.testing.assert_array_equal(given[::5, place], image)
        np.testing.assert_array_equal(target[::5, place], wanted)


def test_where_there_are_no_test_pairs_a_card_shows_those_of_the_training(home):
    folder = shutil.copytree(home / "pairs/train", "flat")
    done("train", "pix2pix", "--dataset", folder, "--name=run", "--runs-dir=runs", "--steps=2",
         "--batch-size=4", *small_settings("pix2pix"))  # fmt: skip
    done("export", "runs/run")
    done("push", "runs/run", "alice/negatives", "--to=card", "--license=mit",
         "--data-license=mine")  # fmt: skip
    assert "*Pairs spread evenly over the training images:" in Path("card/README.md").read_text()
