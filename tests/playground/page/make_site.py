"""A site for the end-to-end tests: the bundled conditional GAN, and a toy of every other kind.

python tests/playground/page/make_site.py OUT  # a folder that does not exist
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import toys
from PIL import Image

from export.runtime import load

ROOT = Path(__file__).parents[3]
SITE = ROOT / "export" / "playground" / "site"


def bundled(models: Path) -> dict:
    """The conditional GAN of Fashion-MNIST, with two directions and two real images."""
    folder = models / "cgan-fashion_mnist"
    folder.mkdir(parents=True)
    source = ROOT / "model_cards" / "cgan-fashion_mnist" / "onnx" / "model_fp16.onnx"
    data = source.read_bytes()
    shutil.copy(source, folder / source.name)
    meta = load(source).metadata
    # Pictures of the model itself stand for real ones: the tests only need files.
    for i, picture in enumerate(load(source).generate(3, seed=99)):
        Image.fromarray(np.uint8(np.rint(255 * picture[..., 0]))).save(folder / f"real-{i}.png")
    axes = np.eye(64)[:2].tolist()
    return toys.entry(
        "cgan-fashion_mnist",
        title="Conditional GAN of Fashion-MNIST", model="cgan", dataset="fashion_mnist",
        licence="Apache-2.0", bytes=len(data), sha256=hashlib.sha256(data).hexdigest(),
        file=f"models/cgan-fashion_mnist/{source.name}",
        facts=[["Parameters", "318,233"], ["Classifier score", "7.16 (real images: 8.37)"]],
        inputs=meta["inputs"], class_names=meta["class_names"], output=meta["output"],
        directions=[{"input": "z", "vector": v, "deviation": 1.0} for v in axes],
        real=[f"models/cgan-fashion_mnist/real-{i}.png" for i in range(3)],
    )  # fmt: skip


def main(out: Path) -> None:
    shutil.copytree(SITE, out)
    models = out / "models"
    makers = (toys.translator, toys.autoencoder, toys.semi_supervised, toys.coded)
    listed = [bundled(models), *(make(models) for make in makers)]
    missing = toys.entry("missing", inputs=listed[0]["inputs"], file="models/missing/model.onnx")
    missing |= {"sha256": "0" * 64, "bytes": 10}
    corrupt = listed[0] | {"id": "corrupt", "title": "corrupt", "sha256": "0" * 64}
    listed += [missing, corrupt]
    (out / "models.json").write_text(json.dumps({"format": 1, "models": listed}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
