"""What is exported computes the same with batch norm in the weights before it."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made under TensorFlow", allow_module_level=True)

from export.convert.simplify import simplify  # noqa: E402

layers = keras.layers


def nested():
    """Norms after every kind of layer, inside another network, and one that cannot be folded."""
    z, label = keras.Input((5,), name="z"), keras.Input((), dtype="int32", name="label")
    x = layers.BatchNormalization()(layers.Dense(4 * 4 * 3, use_bias=False)(z))
    x = layers.Reshape((4, 4, 3))(layers.ReLU()(x))
    x = layers.Conv2DTranspose(6, 4, strides=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(epsilon=1e-5)(x))
    x = layers.BatchNormalization()(layers.Conv2D(2, 3, padding="same")(x))
    rows = layers.Embedding(3, 2)(label)[:, None, None]
    columns = layers.Dense(2, name="joined")(layers.Embedding(3, 5)(label))[:, None, None]
    inner = keras.Model({"z": z, "label": label}, x + rows + columns)
    inputs = {
        "z": keras.Input((5,), name="z"),
        "label": keras.Input((), dtype="int32", name="label"),
    }
    after_activation = layers.BatchNormalization(name="kept")(layers.ReLU()(inner(inputs)))
    return keras.Model(inputs, {"image": keras.ops.tanh(after_activation)})


def test_folding_changes_nothing_but_the_layers():
    rng, network = np.random.default_rng(0), nested()
    for weight in network.weights:
        low = 0.5 if "variance" in weight.path else -1.0
        weight.assign(rng.uniform(low, 1.5, weight.shape))
    inputs = {"z": rng.normal(size=(7, 5)).astype("float32"), "label": np.arange(7) % 3}
    plain = simplify(network)
    norms = [[x.name for x in model._flatten_layers() if isinstance(x, layers.BatchNormalization)]
             for model in (network, plain)]  # fmt: skip
    assert len(norms[0]) == 4 and norms[1] == ["kept"]
    assert "joined" not in [layer.name for layer in plain._flatten_layers()]
    expected, got = (model(inputs)["image"] for model in (network, plain))
    np.testing.assert_allclose(got, expected, atol=1e-5)
    assert np.std(expected) > 0.05


def test_a_norm_of_what_others_use_too_is_kept():
    image = keras.Input((4, 4, 1), name="image")
    x = layers.Conv2D(2, 3, padding="same")(image)
    norm = layers.BatchNormalization()
    network = keras.Model({"image": image}, {"y": norm(x) + x})
    norm.set_weights([np.full(2, v, "float32") for v in (2.0, 1.0, 0.5, 0.3)])
    inputs = {"image": np.random.default_rng(0).random((3, 4, 4, 1), "float32")}
    np.testing.assert_array_equal(simplify(network)(inputs)["y"], network(inputs)["y"])


def test_a_row_that_is_made_dense_and_normed():
    label = keras.Input((), dtype="int32", name="label")
    norm = layers.BatchNormalization()
    network = keras.Model(
        {"label": label}, {"y": norm(layers.Dense(2)(layers.Embedding(3, 5)(label)))}
    )
    norm.set_weights([np.full(2, v, "float32") for v in (2.0, 1.0, 0.5, 0.3)])
    inputs = {"label": np.arange(3)}
    np.testing.assert_allclose(simplify(network)(inputs)["y"], network(inputs)["y"], atol=1e-6)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_upsampling_is_one_resize(interpolation):
    image = keras.Input((3, 5, 2), name="image")
    enlarged = layers.UpSampling2D((2, 3), interpolation=interpolation)(image)
    network = keras.Model({"image": image}, {"y": enlarged})
    inputs = {"image": np.random.default_rng(0).random((4, 3, 5, 2), "float32")}
    np.testing.assert_allclose(simplify(network)(inputs)["y"], network(inputs)["y"], atol=1e-6)
