"""The classic deep generative models in Keras 3: the names to use from Python.

    import genzoo

    genzoo.list_models("*vae")                                  # ['cvae', 'ssvae', 'vae']
    images = genzoo.load_dataset("fashion_mnist").images        # uint8
    model = genzoo.create_model("cgan", image_shape=(28, 28, 1), num_classes=10)
    generator = genzoo.load("runs/RUN/export")                  # draws with numpy and onnxruntime

The classes (`genzoo.CGAN`, ...) are plain Keras models. Importing this module imports no framework:
Keras and its backend come with the first model. Choose the backend before that, with the
environment variable KERAS_BACKEND or in keras.json.
"""

import importlib
import importlib.util
import sys
from fnmatch import fnmatchcase
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).resolve().parent


def _own(name: str) -> ModuleType:
    """The top-level module `name` that lies beside this file, whatever else has that name.

    `cli`, `export` and `model_cards` are common names, and the folder of a script or a notebook
    comes before installed packages.
    """
    spec = PathFinder.find_spec(name, [str(HERE)])
    if spec is None or spec.loader is None:
        raise ImportError(f"genzoo is not whole: {name} is missing in {HERE}")
    known = sys.modules.get(name)
    if known is not None:
        if getattr(known, "__file__", None) == spec.origin:
            return known
        raise ImportError(
            f"genzoo has a module named {name!r}, and another of that name is imported already: "
            f"{getattr(known, '__file__', None)}. Rename that one, or import genzoo first"
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


__version__: str = _own("zoo").__version__
_own("export")
_own("model_cards")

if TYPE_CHECKING:
    from zoo.adversarial.aae import AAE as AAE
    from zoo.adversarial.base import AdversarialModel as AdversarialModel
    from zoo.adversarial.cgan import CGAN as CGAN
    from zoo.adversarial.dcgan import DCGAN as DCGAN
    from zoo.adversarial.ebgan import EBGAN as EBGAN
    from zoo.adversarial.gan import GAN as GAN
    from zoo.adversarial.infogan import InfoGAN as InfoGAN
    from zoo.adversarial.lapgan import LAPGAN as LAPGAN
    from zoo.adversarial.lsgan import LSGAN as LSGAN
    from zoo.adversarial.wgan import WGAN as WGAN
    from zoo.adversarial.wgan_gp import WGANGP as WGANGP
    from zoo.core.model import GenerativeModel as GenerativeModel
    from zoo.data.dataset import Dataset as Dataset
    from zoo.latent.autoencoder import Autoencoder as Autoencoder
    from zoo.latent.base import LatentModel as LatentModel
    from zoo.latent.cvae import CVAE as CVAE
    from zoo.latent.dlgm import DLGM as DLGM
    from zoo.latent.draw import DRAW as DRAW
    from zoo.latent.iwae import IWAE as IWAE
    from zoo.latent.sbn import SBN as SBN
    from zoo.latent.ssvae import SSVAE as SSVAE
    from zoo.latent.vae import VAE as VAE
    from zoo.registry import register as register
    from zoo.translation.pix2pix import Pix2Pix as Pix2Pix

# Where each name is found when it is first asked for.
_LAZY = {
    "AAE": "zoo.adversarial.aae",
    "AdversarialModel": "zoo.adversarial.base",
    "Autoencoder": "zoo.latent.autoencoder",
    "CGAN": "zoo.adversarial.cgan",
    "CVAE": "zoo.latent.cvae",
    "DCGAN": "zoo.adversarial.dcgan",
    "DLGM": "zoo.latent.dlgm",
    "DRAW": "zoo.latent.draw",
    "Dataset": "zoo.data.dataset",
    "EBGAN": "zoo.adversarial.ebgan",
    "GAN": "zoo.adversarial.gan",
    "GenerativeModel": "zoo.core.model",
    "IWAE": "zoo.latent.iwae",
    "InfoGAN": "zoo.adversarial.infogan",
    "LAPGAN": "zoo.adversarial.lapgan",
    "LSGAN": "zoo.adversarial.lsgan",
    "LatentModel": "zoo.latent.base",
    "Pix2Pix": "zoo.translation.pix2pix",
    "SBN": "zoo.latent.sbn",
    "SSVAE": "zoo.latent.ssvae",
    "VAE": "zoo.latent.vae",
    "WGAN": "zoo.adversarial.wgan",
    "WGANGP": "zoo.adversarial.wgan_gp",
    "register": "zoo.registry",
}
__all__ = [
    *_LAZY,
    "create_model",
    "from_pretrained",
    "list_models",
    "load",
    "load_dataset",
    "load_model",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'genzoo' has no attribute {name!r}")
    return getattr(importlib.import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_LAZY])


def list_models(pattern: str = "*") -> list[str]:
    """The names of the models, in alphabetical order.

    Args:
        pattern: of the names that are wanted, with `*` and `?` as in a shell.

    Example:

    >>> list_models("*vae")
    ['cvae', 'ssvae', 'vae']
    """
    from zoo import registry

    return [name for name in registry.entries() if fnmatchcase(name, pattern)]


def create_model(
    name: str,
    *,
    image_shape: tuple[int, ...],
    num_classes: int = 0,
    seed: int = 0,
    preset: str | None = None,
    **hyperparameters: Any,
) -> "GenerativeModel":
    """A new model, uncompiled: `compile()` gives it the optimizers of its hyperparameters.

    Args:
        name: one of `list_models()`.
        image_shape: (height, width, channels) of the images, or (dimensions,) of points.
        num_classes: number of classes of the data, 0 when it has no labels.
        seed: seed of the noise drawn while training.
        preset: "quick", "default" or "paper", whose hyperparameters are taken where none are
            given; None takes the class's own defaults.
        hyperparameters: as the class takes them; see `help(genzoo.CGAN)`.

    Raises:
        ValueError: an unknown name or hyperparameter, or a value that is out of bounds.

    Example:

    >>> model = create_model("cgan", image_shape=(28, 28, 1), num_classes=10, width=16)
    >>> model.generate(3, labels=[0, 5, 9], seed=0).shape
    (3, 28, 28, 1)
    """
    from zoo import registry

    model = registry.entry(name)
    settings = hyperparameters if preset is None else {**model.configure(preset), **hyperparameters}
    return model.build(settings, image_shape=image_shape, num_classes=num_classes, seed=seed)


def load_dataset(name: str, split: str = "train", **options: Any) -> "Dataset":
    """A dataset, found on this machine or downloaded.

    Args:
        name: a name of `genzoo list datasets`, or the path of a folder or archive of images.
        split: "train" or "test".
        options: `data_dir`, `image_size`, `color`, `task` and `direction`, as
            `zoo.data.load` takes them.

    Returns:
        A `Dataset`: `images` is uint8 (n, height, width, channels), `labels` int32 (n,) or None,
        `class_names` a tuple.

    Raises:
        ValueError: an unknown name, or files that are not what they should be.

    Example:

    >>> digits = load_dataset("digits", split="test")
    >>> digits.images.shape[1:], digits.class_names[:3]
    ((8, 8, 1), ('0', '1', '2'))
    """
    from zoo import data

    return data.load(name, split=split, **options)


def load(source: Any, **options: Any) -> Any:
    """What draws pictures, with the lightest runtime at hand and without Keras where it can.

    Args:
        source: an exported file or folder, a run's folder, owner/name[@revision] on the Hugging
            Face Hub, or a bundled model's name, such as "cgan-fashion_mnist", if no file or folder
            here has it.
        options: `threads` and others, as `export.runtime.load` takes them.

    Returns:
        An object with `generate(count, classes=..., seed=...)`, and `translate`, or `encode` and
        `decode`, where the model does that.

    Raises:
        ValueError: nothing to draw with is there.
    """
    from export import sources

    return sources.load(source, **options)


def from_pretrained(source: Any, **options: Any) -> "GenerativeModel":
    """A published model as a Keras model with its weights, to look into or to train further.

    Args:
        source: owner/name[@revision] on the Hugging Face Hub, the folder of a pulled one, or the
            name of a bundled model that has weights for Keras.
        options: as `export.hub.pretrained.from_pretrained` takes them.

    Raises:
        ValueError: the files are not what their manifest says, or describe no model of this zoo.
    """
    from export.hub import pretrained

    return pretrained.from_pretrained(source, **options)


def load_model(path: Any) -> "GenerativeModel":
    """A model that `model.save("x.keras")` wrote.

    `keras.saving.load_model` does the same once the model's class has been imported.

    Args:
        path: of the .keras file.

    Raises:
        ValueError: the file holds no model of this zoo.
    """
    import keras

    from zoo import registry
    from zoo.core.model import GenerativeModel
    from zoo.errors import RequestError

    if not Path(path).is_file():
        raise RequestError(f"load_model reads a .keras file. Received: {path}")
    registry.entries()  # so that Keras knows every class
    model = keras.saving.load_model(path)
    if not isinstance(model, GenerativeModel):
        raise RequestError(
            f"load_model reads models of this zoo. Received: {path}, a {type(model).__name__}"
        )
    return model


def main() -> None:
    """The command line."""
    _own("cli").main()


if __name__ == "__main__":
    main()
