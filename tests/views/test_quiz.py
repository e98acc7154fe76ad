"""The page that asks which images are real."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.test_cli import done, genzoo, small_settings
from zoo import data
from zoo.views import quiz

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("quiz")
    for model, dataset in (("gan", "digits"), ("pix2pix", "digits"), ("gan", "swiss_roll")):
        task = ["--task=denoise"] if model == "pix2pix" else []
        where = [f"--runs-dir={home / 'runs'}", f"--name={model}-{dataset}"]
        options = [f"--dataset={dataset}", "--steps=1", "--batch-size=8", *task]
        done("train", model, *options, *where, *small_settings(model))
    return home / "runs"


def images_of(page):
    """(whether it is real, uint8 (h, w)) of each image, as the page's script holds them."""
    found = json.loads(re.search(r"const images = (.*?);  //", page).group(1))
    return [
        (real, np.asarray(Image.open(io.BytesIO(base64.b64decode(picture)))))
        for real, picture in found
    ]


def test_the_page_holds_real_and_drawn_images(home, tmp_path):
    said = done("gallery", home / "gan-digits", "--quiz", "-n", 7).strip()
    assert Path(said) == home / "gan-digits" / "quiz.html"
    page = Path(said).read_text(encoding="utf-8")
    images = images_of(page)
    assert [real for real, _ in images] == [True] * 7 + [False] * 7
    test = data.load("digits", split="test").images[..., 0]
    for real, image in images:
        assert image.shape == (8, 8) and image.dtype == np.uint8
        assert (test == image).all(axis=(1, 2)).any() == real
    assert len({image.tobytes() for _, image in images}) == 14
    done("gallery", home / "gan-digits", "--quiz", "-n", 2, f"--out={tmp_path / 'a.html'}")
    assert len(images_of((tmp_path / "a.html").read_text())) == 4


def test_the_page_needs_nothing_else(home):
    page = Path(done("gallery", home / "gan-digits", "--quiz", "-n", 2).strip()).read_text()
    assert not re.search(r"https?:|//[a-z]|src=|href=|@import|url\(", page)
    assert "default-src 'none'" in page
    # What is not asked yet cannot be read off the page's elements.
    assert page.count("<img") == 1 and 'alt="the image in question"' in page


def test_a_name_is_text_and_no_markup(monkeypatch, home):
    from zoo.training.run import Run

    run = Run.open(home / "gan-digits")
    run.config["dataset"]["name"] = "</script><b>digits"
    page = quiz.write(run, home / "marked.html", 1).read_text()
    assert "<b>" not in page and page.count("</script>") == 1


def test_what_is_refused(home, tmp_path):
    for words, said in (
        ([home / "pix2pix-digits"], "draws images from noise. Received: "),
        ([home / "gan-swiss_roll"], "a run on images, not on points. Received: "),
        ([home / "gan-digits", "-n", 0], "must be at least 1. Received: 0"),
        ([home / "gan-digits", f"--out={tmp_path}"], "must be an .html file for a quiz. Received"),
        ([home / "gan-digits", "--out=quiz.png"], "must be an .html file for a quiz. Received"),
    ):
        code, out, err = genzoo("gallery", "--quiz", *words)
        assert (code, out, err.count("\n")) == (2, "", 1) and said in err, err
    assert not list(tmp_path.iterdir())
