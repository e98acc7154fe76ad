"""`import genzoo`: what a person guesses is there, typed, documented and without a framework."""

import doctest
import inspect
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import genzoo
from tests.helpers import MODELS, small_model
from zoo import registry
from zoo.core import model as core_model
from zoo.errors import RequestError

ROOT = Path(genzoo.__file__).parent
once = pytest.mark.once


def python(code, folder, *options):
    """Runs code in a folder, with the project on the path as an installation puts it there."""
    return subprocess.run(
        [sys.executable, *options, "-c", f"import sys; sys.path.append({str(ROOT)!r})\n{code}"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@once
def test_importing_it_imports_no_framework(tmp_path):
    code = (
        "import genzoo\n"
        "heavy = {'keras', 'tensorflow', 'jax', 'torch', 'onnxruntime', 'huggingface_hub'}\n"
        "print(sorted(heavy & set(sys.modules)), 'CGAN' in dir(genzoo), genzoo.__version__)"
    )
    done = python(code, tmp_path)
    assert done.stdout == f"[] True {genzoo.__version__}\n", done.stderr


@once
def test_names_of_the_current_folder_are_not_taken_for_ours(tmp_path):
    for name in ("export", "zoo", "cli", "model_cards"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported from the wrong place')")
    done = python("import genzoo, export.runtime; print(export.runtime.__file__)", tmp_path)
    assert done.stdout.strip() == str(ROOT / "export" / "runtime" / "__init__.py"), done.stderr
    (tmp_path / "export.py").write_text("")
    done = python("import export, genzoo", tmp_path)
    assert "another of that name is imported already" in done.stderr.splitlines()[-1]


@once
def test_every_model_is_a_name_of_the_module():
    assert genzoo.list_models() == MODELS
    assert genzoo.list_models("*vae") == ["cvae", "ssvae", "vae"]
    classes = {registry.entry(name).cls for name in MODELS}
    assert classes <= {getattr(genzoo, name) for name in genzoo._LAZY}
    assert set(genzoo.__all__) <= set(dir(genzoo))
    with pytest.raises(AttributeError, match="no attribute 'BigGAN'"):
        genzoo.BigGAN  # noqa: B018


@once
def test_the_types_of_lazy_names_are_those_that_are_found():
    """What a type checker reads of the module is what an import gives."""
    import ast

    tree = ast.parse((ROOT / "genzoo.py").read_text())
    block = next(
        n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING"
    )
    assert {a.name: n.module for n in block.body for a in n.names} == genzoo._LAZY


@once
@pytest.mark.parametrize("name", MODELS)
def test_signatures_are_complete(name):
    """Every hyperparameter is a keyword with its type and default."""
    cls = registry.entry(name).cls
    parameters = inspect.signature(cls).parameters
    assert {"image_shape", "num_classes", "seed"} <= set(parameters)
    shared = {"adversarial": {"learning_rate"}, "latent": {"learning_rate", "decay"}}
    assert shared.get(cls.family, set()) <= set(parameters)
    assert not set(cls.unsupported) & set(parameters)
    for parameter in parameters.values():
        assert parameter.kind is parameter.KEYWORD_ONLY
        assert parameter.annotation is not parameter.empty


@once
def test_create_model():
    model = genzoo.create_model("gan", image_shape=(4, 4, 1), generator_hidden=3)
    assert isinstance(model, genzoo.GAN) and model.generator_hidden == 3
    paper = genzoo.create_model("gan", image_shape=(2,), preset="paper", latent_dim=7)
    assert (paper.latent_dim, paper.optimizer_name) == (7, "sgd")
    with pytest.raises(RequestError, match="Nearest: dcgan"):
        genzoo.create_model("dgcan", image_shape=(8, 8, 1))
    with pytest.raises(RequestError, match="GAN has the hyperparameters.*Received: 'heads'"):
        genzoo.create_model("gan", image_shape=(8, 8, 1), heads=3)


@pytest.mark.parametrize("module", [genzoo, core_model])
def test_examples_run(module):
    failed, tried = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert tried and not failed


@once
def test_what_is_no_model_of_the_zoo_is_not_loaded(tmp_path):
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    other.save(tmp_path / "other.keras")
    with pytest.raises(RequestError, match="models of this zoo. Received: .*a Sequential"):
        genzoo.load_model(tmp_path / "other.keras")
    with pytest.raises(RequestError, match="reads a .keras file. Received: .*none.keras"):
        genzoo.load_model(tmp_path / "none.keras")


@once
def test_what_cannot_be_read_back_is_not_saved(tmp_path):
    model = small_model("vae")
    with pytest.raises(RequestError, match="save writes a .keras file. Received: .*model.h5"):
        model.save(tmp_path / "model.h5")
    model.set_networks(decoder=model.decoder, encoder=model.encoder)
    with pytest.raises(RequestError, match="networks given to set_networks"):
        model.save(tmp_path / "model.keras")
    with pytest.raises(RequestError, match="genzoo export"):
        model.export(tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


@once
def test_a_model_of_ones_own_is_one_class_in_a_script(tmp_path):
    """Registered, created by name, trained, saved and read again: outside the package.

    The process also loads a model that another, this one, has saved.
    """
    model = small_model("vae")
    model.save(tmp_path / "vae.keras")
    np.save(tmp_path / "drawn.npy", model.generate(3, seed=1))
    (tmp_path / "mine.py").write_text(
        "import keras, numpy as np, genzoo\n"
        "from zoo.hyperparameters import PositiveInt\n"
        "from zoo.networks.mlp import mlp_generator\n"
        "@genzoo.register('mine', paper='Me 2026')\n"
        "@keras.saving.register_keras_serializable('mine')\n"
        "class Mine(genzoo.GenerativeModel):\n"
        "    '''Draws the mean image.'''\n"
        "    units: PositiveInt = 3\n"
        "    def build_networks(self):\n"
        "        self.track('loss')\n"
        "        self.set_networks(\n"
        "            generator=mlp_generator(self.image_shape, self.latent_dim, self.units))\n"
        "    def default_optimizers(self):\n"
        "        return {'generator': keras.optimizers.Adam(1e-2)}\n"
        "    def train_step(self, batch):\n"
        "        inputs = self.sample_inputs(keras.ops.shape(batch.images)[0])\n"
        "        def loss():\n"
        "            drawn = self.generator(inputs, training=True)\n"
        "            return keras.ops.mean(keras.ops.square(drawn - batch.images))\n"
        "        self.record(loss=self.minimize(loss, 'generator'))\n"
        "        return self.get_metrics_result()\n"
        "model = genzoo.create_model('mine', image_shape=(4, 4, 1), units=5)\n"
        "model.compile()\n"
        "x = np.full((32, 4, 4, 1), 0.5, 'float32')\n"
        "losses = model.fit(x, batch_size=8, epochs=30, verbose=0).history['loss']\n"
        "assert losses[-1] < losses[0] / 4, losses\n"
        "model.save('mine.keras')\n"
        "again = genzoo.load_model('mine.keras')\n"
        "assert again.units == 5 and 'mine' in genzoo.list_models()\n"
        "print('fine', genzoo.list_models('min*'))\n"
        "vae = genzoo.load_model('vae.keras')\n"
        "same = np.array_equal(vae.generate(3, seed=1), np.load('drawn.npy'))\n"
        "print(type(vae).__name__, same)\n"
    )
    done = python("import runpy; runpy.run_path('mine.py', run_name='__main__')", tmp_path)
    assert done.stdout == "fine ['mine']\nVAE True\n", done.stderr


@once
def test_a_name_that_is_taken_is_not_taken_over():
    with pytest.raises(RequestError, match="name must be free; gan is"):

        @genzoo.register("gan", paper="Other 2026")
        class Other:
            pass
