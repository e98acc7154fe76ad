"""A page that asks of real and drawn images which is which, and counts: one file, no addresses."""

import base64
import io
from pathlib import Path

import jinja2
import numpy as np

from zoo import files
from zoo.errors import RequestError
from zoo.metrics.samples import generated_batches
from zoo.pictures import grids
from zoo.training.run import Run
from zoo.views.view import View

SIDE = 280  # pixels of the screen, about, that an image is shown at
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
      content="default-src 'none'; img-src data:; style-src 'unsafe-inline';
               script-src 'unsafe-inline'">
<title>Real or drawn? {{ run }}</title>
<style>
  body { font: 17px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 32rem;
         padding: 0 1rem; text-align: center }
  h1 { font-size: 1.5rem; margin-bottom: 0 }
  p { margin: .5rem 0 }
  .of { color: #555; font-size: 15px }
  img { background: #ddd; display: block; image-rendering: pixelated; margin: 1rem auto }
  button { border: 2px solid #00798c; border-radius: .5rem; background: white; color: #005965;
           cursor: pointer; font: inherit; margin: .25rem; min-width: 9rem; padding: .5rem 1rem }
  button:hover { background: #e3f2f4 }
  button:focus-visible { outline: 3px solid #d1495b; outline-offset: 2px }
  button:disabled { opacity: .5; cursor: default }
  kbd { border: 1px solid #999; border-radius: .2rem; font-size: 13px; padding: 0 .3rem }
  #said { font-weight: 600; min-height: 3rem }
  .right { color: #00665e } .wrong { color: #b3243a }
</style>
<h1>Real or drawn?</h1>
<p class="of">{{ run }}: {{ model }} on {{ dataset }}, step {{ step }}.
{{ count }} test images and {{ count }} drawings in random order, none of them chosen.</p>
<noscript><p>This page needs JavaScript to ask and to count.</p></noscript>
<img id="image" width="{{ width }}" height="{{ height }}" alt="the image in question">
<p><button id="real" type="button">Real <kbd>R</kbd></button>
<button id="drawn" type="button">Drawn <kbd>D</kbd></button></p>
<p id="said" role="status" aria-live="polite"></p>
<p id="count"></p>
<p><button id="again" type="button" hidden>Once more <kbd>A</kbd></button></p>
<script>
"use strict";
const images = {{ images | tojson }};  // of each: whether it is real, and the picture
const at = id => document.getElementById(id);
let order, asked, right;
function start() {
  order = images.map((_, index) => index);
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  asked = right = 0;
  at("said").textContent = "";
  at("again").hidden = true;
  show();
}
function show() {
  const over = asked === order.length;
  at("real").disabled = at("drawn").disabled = over;
  at("again").hidden = !over;
  at("count").textContent = `${right} of ${asked} right, ${order.length - asked} to go`;
  if (over) {
    at("said").className = "";
    at("said").textContent += ` You were right ${right} of ${asked} times; a guess is` +
      " right half the time.";
    at("again").focus();
  } else {
    at("image").src = "data:image/png;base64," + images[order[asked]][1];
  }
}
function answer(real) {
  if (asked === order.length) return;
  const truth = images[order[asked]][0], good = truth === real;
  asked += 1;
  right += good ? 1 : 0;
  at("said").className = good ? "right" : "wrong";
  at("said").textContent = (good ? "Right" : "Wrong") + ", the last one was " +
    (truth ? "real." : "drawn.");
  show();
}
at("real").onclick = () => answer(true);
at("drawn").onclick = () => answer(false);
at("again").onclick = start;
document.onkeydown = event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.toLowerCase();
  if (key === "r") answer(true);
  else if (key === "d") answer(false);
  else if (key === "a" && !at("again").hidden) start();
};
start();
</script>
</html>
"""


def write(
    run: Run, out: str | Path, count: int = 24, data_dir: str | Path | None = None, seed: int = 0
) -> Path:
    """Writes the page, in place of an earlier one.

    Args:
        run: `zoo.training.run.Run` of a model that draws images from noise, of this process'
            backend.
        out: a .html file.
        count: real images, and as many drawings.
        data_dir: where the dataset lies now, when it moved.
        seed: of the drawings and of which test images are shown.

    Returns:
        The path of the page.
    """
    out = Path(out)
    check(out)
    if count < 1:
        raise RequestError(f"The number of images must be at least 1. Received: {count}")
    view = View(run, None if data_dir is None else Path(data_dir))
    view.require(len(run.config["dataset"]["image_shape"]) == 3, "a run on images, not on points")
    view.require(not view.model.translates, "a model that draws images from noise")
    dataset = view.dataset()
    count = min(count, len(dataset.images))
    shown = np.random.default_rng(seed).permutation(len(dataset.images))[:count]
    drawn = np.concatenate(
        [part for part, _ in generated_batches(view.model, count, seed, dataset)]
    )
    images = [(True, encoded(image)) for image in dataset.images[shown]]
    images += [(False, encoded(image)) for image in drawn]
    height, width = dataset.image_shape[:2]
    scale = max(1, round(SIDE / max(height, width)))
    page = jinja2.Environment(autoescape=True).from_string(PAGE)
    text = page.render(
        run=run.id,
        model=run.config["model"],
        dataset=run.config["dataset"]["name"],
        step=run.manifest()["step"],
        count=count,
        images=images,
        width=width * scale,
        height=height * scale,
    )
    files.write_bytes(out, text.encode())
    return out


def check(out: Path) -> None:
    """Refuses what is no file for the page, before any work is done for it."""
    if out.suffix.lower() != ".html" or out.is_dir():
        raise RequestError(f"--out must be an .html file for a quiz. Received: {out}")


def encoded(image: np.ndarray) -> str:
    """A uint8 image (height, width, 1 or 3) as the base64 of a .png file."""
    buffer = io.BytesIO()
    grids.to_image(image).save(buffer, "png")
    return base64.b64encode(buffer.getvalue()).decode("ascii")
