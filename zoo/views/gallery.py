"""A page of what a translator makes of test images: input, output and target side by side."""

import re
from pathlib import Path

import jinja2
import numpy as np

from zoo import files
from zoo.errors import RequestError
from zoo.metrics.translation import SIMILARITIES, SSIM_SIDE, translate_all
from zoo.pictures import grids
from zoo.registry import entry
from zoo.training.loop import trained_model
from zoo.training.run import Run

OWN = r"index\.html|\d{4,}-(input|output|target)\.png"  # files of a gallery
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ run }}</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem;
         padding: 0 1rem }
  table { border-collapse: collapse; width: 100% }
  th { text-align: left; font-weight: 600 }
  td { padding: .25rem .5rem .25rem 0; vertical-align: top; width: 28% }
  td:last-child { color: #555; font-variant-numeric: tabular-nums; white-space: nowrap;
                  width: 16% }
  img { display: block; image-rendering: pixelated; width: 100% }
</style>
<h1>{{ run }}</h1>
<p>{{ model }} on {{ dataset }} ({{ task }}, {{ direction }}), step {{ step }}.
{{ rows | length }} pairs, spread evenly over the test set and not chosen.
{% for name, value in means.items() %}Mean {{ name }} {{ "%.3g" | format(value) }}.
{% endfor %}</p>
<table>
<tr><th>input<th>output<th>target<th>
{% for row in rows %}
<tr>{% for image in row.images %}<td><img src="{{ image }}" alt="{{ image }}">{% endfor %}
<td>{% for name, value in row.scores.items() %}{{ name }} {{ "%.3g" | format(value) }}<br>
{% endfor %}{% endfor %}
</table>
"""


def write(
    run: Run, folder: str | Path, count: int = 24, data_dir: str | Path | None = None
) -> Path:
    """Writes index.html and its pictures to a folder, in place of an earlier gallery there.

    Args:
        run: `zoo.training.run.Run` of a translator, of this process' backend.
        folder: made when it is missing; one that holds something else is refused.
        count: test pairs, spread evenly over the set.
        data_dir: where the dataset lies now, when it moved.

    Returns:
        The path of the page.
    """
    folder, config = Path(folder), run.config
    if not entry(config["model"]).cls.translates:
        raise RequestError(
            f"A gallery needs an image-to-image model such as pix2pix. Received: {config['model']}"
        )
    others = [p for p in folder.glob("*") if not re.fullmatch(OWN, p.name)]
    if others or (folder.exists() and not folder.is_dir()):
        raise RequestError(
            f"A gallery goes to a folder of its own: a new or an empty one. Received: {folder}"
        )
    if count < 1:
        raise RequestError(f"The number of pairs must be at least 1. Received: {count}")
    model = trained_model(run)
    dataset = run.dataset("test", data_dir)
    assert dataset.inputs is not None  # a translator is trained on pairs alone
    shown = dataset.spread(count)
    inputs, targets = dataset.inputs[shown], dataset.images[shown]
    outputs = translate_all(model, inputs)
    scores = {
        name: score(outputs, targets / np.float32(255))
        for name, score in SIMILARITIES.items()
        if name != "ssim" or min(dataset.image_shape[:2]) >= SSIM_SIDE
    }
    rows = []
    with files.place_beside(folder, "A gallery") as temporary:
        work = temporary / "page"
        work.mkdir()
        for index, images in enumerate(zip(inputs, grids.to_uint8(outputs), targets, strict=True)):
            names = [f"{index:04d}-{kind}.png" for kind in ("input", "output", "target")]
            for name, image in zip(names, images, strict=True):
                grids.to_image(image).save(work / name)
            values = {name: values[index] for name, values in scores.items()}
            rows.append({"images": names, "scores": values})
        page = jinja2.Environment(autoescape=True).from_string(PAGE)
        text = page.render(
            run=run.id,
            model=config["model"],
            dataset=config["dataset"]["name"],
            task=config["dataset"]["task"],
            direction=config["dataset"]["direction"] or "AtoB",
            step=run.manifest()["step"],
            means={name: values.mean() for name, values in scores.items()},
            rows=rows,
        )
        (work / "index.html").write_text(text, encoding="utf-8")
        if folder.exists():
            folder.rename(temporary / "old")
        work.rename(folder)
    return folder / "index.html"
