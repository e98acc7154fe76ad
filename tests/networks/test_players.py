"""The networks that have a name: layers counted and worked by hand, and all of them trained."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from tests.adversarial.test_levers import numpy, train
from tests.helpers import MODELS, small_hyperparameters, small_model
from zoo import registry
from zoo.backend import input_gradient
from zoo.errors import RequestError
from zoo.networks.dcgan import convolutions, dcgan_generator
from zoo.networks.layers import Gate
from zoo.networks.mlp import mlp_critic, mlp_discriminator, mlp_generator
from zoo.networks.norms import ExampleNorm
from zoo.networks.resnet import block, doubled, halved

once = pytest.mark.once
CHOSEN = [
    name
    for name in MODELS
    if registry.entry(name).family == "adversarial"
    and "networks" in registry.entry(name).hyperparameters
]
ANY = [name for name in CHOSEN if name != "cgan"]
SOME = {"torch": ANY, "tensorflow": ["infogan", "wgan_gp"], "jax": ["wgan_gp"]}
ARCHITECTURES = [
    {"nonlinearity": "gated"},
    {"networks": "resnet", "OPPONENT_norm": "layer", "generator_norm": "none", "depth": 1},
    {"generator_norm": "layer"},
    {"generator_norm": "none", "filters": "constant"},
    {"nonlinearity": "tanh"},
    {"generator_dense": 5, "OPPONENT_dense": 7},
    {"networks": "mlp_generator"},
    {"networks": "mlp", "activation": "maxout", "depth": 1},
    {"networks": "resnet", "depth": 1},
]
# On JAX the first two, whose second derivatives are those that a penalty might get wrong.
TRIED = ARCHITECTURES[: 2 if keras.backend.backend() == "jax" else None]


def kinds(network):
    return [type(layer).__name__ for layer in network.layers]


def all_layers(network):
    """Those of the networks inside it too."""
    inner = [all_layers(x) if isinstance(x, keras.Model) else [x] for x in network.layers]
    return list(itertools.chain(*inner))


def filters(network):
    """Of the 4x4 convolutions, in order."""
    return [x.filters for x in network.layers if getattr(x, "kernel_size", 0) == (4, 4)]


def with_random_weights(network, scale=1.0):
    rng = np.random.default_rng(0)
    network.set_weights([scale * rng.standard_normal(w.shape) for w in network.weights])
    return network


# ---- norms, filters and nonlinearities


@once
@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_the_generators_norm(norm):
    """After the dense layer and each hidden upsampling; a bias where nothing else shifts."""
    network = dcgan_generator((16, 16, 3), {"z": 5}, width=4, norm=norm)
    found = kinds(network)
    assert found.count("BatchNormalization") == 2 * (norm == "batch")
    assert found.count("ExampleNorm") == 2 * (norm == "layer")
    hidden = [x for x in network.layers if hasattr(x, "use_bias")][:-1]
    assert [layer.use_bias for layer in hidden] == [norm == "none"] * 2
    inputs = np.random.default_rng(1).standard_normal((4, 5)).astype("float32")
    alone = numpy(network({"z": inputs[:1]}, training=True))[0]
    together = numpy(network({"z": inputs}, training=True))[0]
    assert np.allclose(alone, together, atol=1e-5) == (norm != "batch")


def test_a_generator_without_norm_by_hand():
    """Every number of a generator for 8x8 pixels, of one filter and a constant weight."""
    network = dcgan_generator(
        (8, 8, 1), {"z": 1}, 1, norm="none", doubling=False, nonlinearity="tanh"
    )
    dense, first, last = [x for x in network.layers if x.weights]
    dense.set_weights([np.full((1, 4), 0.5), np.full(4, 0.25)])
    first.set_weights([np.zeros((4, 4, 1, 1)), np.array([0.5])])
    last.set_weights([np.zeros((4, 4, 1, 1)), np.array([-0.25])])
    drawn = numpy(network({"z": np.float32([[3.0]])}))
    np.testing.assert_allclose(drawn, np.full((1, 8, 8, 1), np.tanh(-0.25)), rtol=1e-5)
    # The base is tanh(0.5 * 3 + 0.25); a 1 in the kernel's corner puts it on one pixel in four.
    corner = np.zeros((4, 4, 1, 1))
    corner[1, 1] = 1.0
    first.set_weights([corner, np.array([0.5])])
    inner = keras.Model(network.input, first.output)
    drawn = numpy(inner({"z": np.float32([[3.0]])}))
    expected = np.full((4, 4), 0.5)
    expected[::2, ::2] += np.tanh(1.75)
    np.testing.assert_allclose(drawn[0, ..., 0], expected, rtol=1e-5)


@pytest.mark.parametrize("classes", [0, 2])
def test_a_dense_layer_before_the_base_by_hand(classes):
    """Two units, of which the base has the first once and the second twice.

    The label, class 1 of 2, is a one-hot vector beside the noise.
    """
    network = dcgan_generator(
        (8, 8, 1),
        {"z": 1},
        1,
        classes,
        norm="none",
        doubling=False,
        nonlinearity="tanh",
        dense_units=2,
    )
    hidden, dense = [x for x in network.layers if isinstance(x, keras.layers.Dense)]
    rows = [[0.5, -1.0], [9.0, 9.0], [0.25, -0.5]][: 1 + classes]
    hidden.set_weights([np.array(rows), np.array([0.0, 0.25])])
    dense.set_weights([np.array([[1.0] * 4, [2.0] * 4]), np.array([0.0, 0.0, 0.0, 0.125])])
    reshape = next(x for x in network.layers if isinstance(x, keras.layers.Reshape))
    inputs = {"z": np.float32([[3.0]]), **({"label": np.int32([1])} if classes else {})}
    drawn = numpy(keras.Model(network.input, reshape.output)(inputs))
    units = np.tanh(np.array([1.5, -2.75]) + np.array([0.25, -0.5]) * bool(classes))
    base = units[0] + 2 * units[1] + np.array([0.0, 0.0, 0.0, 0.125])
    np.testing.assert_allclose(drawn.ravel(), np.tanh(base), rtol=1e-5)


@once
@pytest.mark.parametrize("norm", ["layer", "none"])
@pytest.mark.parametrize("name", CHOSEN)
def test_a_dense_layer_in_either_network(name, norm):
    """Before the base, with the generator's norm, and after the convolutions with the other's."""
    opponent = registry.entry(name).cls.opponent
    norms = {"generator_norm": norm, f"{opponent}_norm": norm}
    plain = small_model(name, **norms).named_networks
    model = small_model(name, generator_dense=6, **norms, **{f"{opponent}_dense": 7})
    for role, units in (("generator", 6), (opponent, 7)):
        layers, before = all_layers(model.named_networks[role]), all_layers(plain[role])
        hidden = [layer for layer in layers if getattr(layer, "units", 0) == units]
        # The decoder of ebgan's autoencoder is the mirror image of its encoder.
        assert len(hidden) == 1 + ((name, role) == ("ebgan", "discriminator"))
        assert {layer.use_bias for layer in hidden} == {norm == "none"}
        norms = [sum(isinstance(x, ExampleNorm) for x in found) for found in (before, layers)]
        assert norms[1] - norms[0] == len(hidden) * (norm == "layer")
    assert model.named_networks[opponent].get_layer("features").output.shape == (None, 7)


@once
@pytest.mark.parametrize(
    ("name", "networks"),
    [
        ("cgan", "mlp"),
        *itertools.product(ANY, ("mlp", "mlp_generator", "resnet")),
    ],
)
def test_a_preset_leaves_out_what_other_networks_have_no_use_for(name, networks):
    entry = registry.entry(name)
    assert entry.configure()["generator_dense"] == 64
    values = entry.configure(settings=[f"networks={networks}", "width=4"])
    assert values["generator_dense"] == 0
    entry.build(values, image_shape=(8, 8, 1), num_classes=3)


@once
@pytest.mark.parametrize(
    ("choice", "generator", "opponent"),
    [
        ("doubling", [8, 4, 3], [4, 8, 16]),
        ("constant_generator", [4, 4, 3], [4, 8, 16]),
        ("constant", [4, 4, 3], [4, 4, 4]),
    ],
)
@pytest.mark.parametrize("name", ["dcgan", "wgan"])
def test_the_number_of_filters(name, choice, generator, opponent):
    model = small_model(name, (32, 32, 3), filters=choice)
    assert filters(model.generator) == generator
    assert filters(getattr(model, model.opponent)) == opponent
    (base,) = [x for x in model.generator.layers if isinstance(x, keras.layers.Dense)]
    assert base.units == 4 * 4 * (16 if choice == "doubling" else 4)


def test_the_gate_by_hand():
    x = np.float32([[0.0, np.log(3.0), 1.0, -2.0]])
    received = numpy(Gate()(ops.convert_to_tensor(x)))
    np.testing.assert_allclose(received, [[np.tanh(1) / 2, 0.75 * np.tanh(-2)]], rtol=1e-5)
    gradient = numpy(input_gradient(lambda v: ops.sum(Gate()(v), axis=1), x))
    step = 1e-2
    for index in range(4):
        moved = [x + sign * step * np.eye(4, dtype="float32")[index] for sign in (1, -1)]
        up, down = (float(numpy(ops.sum(Gate()(ops.convert_to_tensor(v))))) for v in moved)
        assert gradient[0, index] == pytest.approx((up - down) / (2 * step), abs=1e-3)


@once
@pytest.mark.parametrize("nonlinearity", ["relu", "tanh", "gated"])
def test_the_nonlinearity_is_everywhere(nonlinearity):
    model = small_model("wgan_gp", (16, 16, 1), nonlinearity=nonlinearity)
    found = [kinds(model.generator), kinds(model.critic)]
    rectifiers = [sum("ReLU" in kind for kind in each) for each in found]
    gates = [each.count("Gate") for each in found]
    assert rectifiers == ([2, 2] if nonlinearity == "relu" else [0, 0])
    assert gates == ([2, 2] if nonlinearity == "gated" else [0, 0])
    # Twice the channels before a gate, and as many as ever after it.
    scale = 2 if nonlinearity == "gated" else 1
    assert filters(model.critic) == [4 * scale, 8 * scale]
    assert filters(model.generator) == [4 * scale, 1]
    assert model.critic.get_layer("features").output.shape == (None, 4 * 4 * 8)


def test_gated_convolutions_by_hand():
    """One filter that sums each patch of an 8x8 image: sigmoid(sum) * tanh(half of it)."""
    inputs, x = convolutions((8, 8, 1), 1, norm="none", doubling=False, nonlinearity="gated")
    first = keras.Model(inputs, x).layers[1]
    network = keras.Model(inputs, x)
    gate = next(layer for layer in network.layers if isinstance(layer, Gate))
    kernel = np.ones((4, 4, 1, 2))
    kernel[..., 1] = 0.5
    first.set_weights([kernel, np.zeros(2)])
    image = np.full((1, 8, 8, 1), 0.01, "float32")
    drawn = numpy(keras.Model(inputs, gate.output)({"image": image}))
    assert drawn.shape == (1, 4, 4, 1)
    np.testing.assert_allclose(
        drawn[0, 1, 1, 0], np.tanh(0.08) / (1 + np.exp(-0.16)), rtol=1e-4
    )  # 16 pixels


# ---- fully connected


def test_an_mlp_of_one_layer_by_hand():
    """A layer of two units each: generator, and critic of rectifiers and of maxout."""
    generator = with_random_weights(mlp_generator((2,), 3, hidden=2, depth=1))
    kernel, bias, out, shift = map(numpy, generator.weights)
    z = np.float32([[1.0, -2.0, 0.5], [0.0, 1.0, 1.0]])
    expected = np.maximum(z @ kernel + bias, 0) @ out + shift
    np.testing.assert_allclose(numpy(generator({"z": z})), expected, rtol=1e-4, atol=1e-5)

    x = np.float32([[1.0, -0.5]])
    for activation, pieces in (("relu", 1), ("maxout", 5)):
        for critic in (
            mlp_critic((2,), 2, depth=1, activation=activation),
            mlp_discriminator((2,), 2, 5, 0.0, 0, depth=1, activation=activation),
        ):
            kernel, bias, out, shift = map(numpy, with_random_weights(critic).weights)
            hidden = (x @ kernel + bias).reshape(1, 2, pieces).max(axis=-1)
            hidden = np.maximum(hidden, 0) if activation == "relu" else hidden
            received = numpy(critic({"image": x}))
            np.testing.assert_allclose(received, hidden @ out + shift, rtol=1e-4, atol=1e-5)


@once
@pytest.mark.parametrize("depth", [1, 4])
def test_depth_and_activation_of_every_fully_connected_game(depth):
    for name in ["gan", *CHOSEN]:
        networks = {} if name == "gan" else {"networks": "mlp"}
        conditional = name == "cgan"
        model = small_model(
            name,
            (2,),
            depth=depth,
            activation="maxout",
            **({} if conditional else {"conditional": False}),
            **({"label_input": "plane"} if "label_input" in small_hyperparameters(name) else {}),
            **networks,
        )
        opponent = kinds(getattr(model, model.opponent))
        extra = {"gan": 0, "cgan": 2}.get(name, 1)  # cgan: one of the image, one of the label
        assert opponent.count("Maxout") == depth + extra, name
        generator = model.generator
        if name == "infogan":
            generator = next(x for x in generator.layers if isinstance(x, keras.Model))
        dense = kinds(generator).count("Dense")
        assert dense == depth + 1 + (2 if conditional else 0), name


@once
def test_the_four_layers_of_the_wgan_paper():
    """ReLU layers of 512 units, then the pixels; the critic is the convolutional one."""
    settings = registry.entry("wgan").configure(settings=["networks=mlp_generator", "depth=4"])
    model = registry.entry("wgan").build(settings, image_shape=(28, 28, 1), num_classes=10)
    shapes = [tuple(w.shape) for w in model.generator.weights if len(w.shape) == 2]
    assert shapes == [(64, 512), (512, 512), (512, 512), (512, 512), (512, 784)]
    assert filters(model.critic) == [32, 64]


# ---- residual


def test_a_residual_block_by_hand():
    """Kernels that only pass their middle on: x + b2 + relu(relu(x) + b1)."""
    x = keras.Input((2, 2, 1))
    network = keras.Model(x, block(x, 1, "none"))
    centre = np.zeros((3, 3, 1, 1))
    centre[1, 1] = 1.0
    network.set_weights([centre, np.array([0.5]), centre, np.array([0.25])])
    image = np.float32([[1.0, -2.0], [0.0, 3.0]])
    received = numpy(network(image[None, ..., None]))[0, ..., 0]
    expected = image + 0.25 + np.maximum(np.maximum(image, 0) + 0.5, 0)
    np.testing.assert_allclose(received, expected, rtol=1e-6)


def test_a_residual_block_that_changes_the_sides():
    """With kernels of 0 the shortcut is left: pixels twice, and the means of four."""
    x = keras.Input((2, 2, 1))
    up = keras.Model(x, block(x, 1, "none", before=doubled))
    down = keras.Model(x, block(x, 1, "none", after=halved))
    image = np.float32([[1.0, -2.0], [0.0, 3.0]])
    for network, expected in (
        (up, image.repeat(2, axis=0).repeat(2, axis=1)),
        (down, [[0.5]]),
    ):
        network.set_weights([0 * numpy(w) for w in network.weights])
        received = numpy(network(image[None, ..., None]))[0, ..., 0]
        np.testing.assert_allclose(received, expected, rtol=1e-6)


@once
@pytest.mark.parametrize(("blocks", "layers"), [(1, 6), (2, 10), (12, 50)])
def test_the_layers_of_a_residual_network(blocks, layers):
    """Two in each block, one at each end; 1x1 convolutions in shortcuts are not counted."""
    model = small_model("wgan_gp", (28, 28, 1), networks="resnet", depth=blocks)
    for network in (model.generator, model.critic):
        deep = [x for x in network.layers if getattr(x, "kernel_size", 0) == (3, 3)]
        assert len(deep) + 1 == layers  # and a dense one
    norms = kinds(model.generator).count("BatchNormalization")
    assert norms == layers - 1  # before each 3x3 convolution


# ---- all of them


@pytest.mark.parametrize(
    "options",
    TRIED,
    ids=lambda options: "-".join(map(str, options.values())),
)
@pytest.mark.parametrize("name", SOME[keras.backend.backend()])
def test_every_architecture_is_trained(name, options):
    """Both players' weights move; with labels, on sides that do not halve evenly."""
    opponent = registry.entry(name).cls.opponent
    options = {key.replace("OPPONENT", opponent): value for key, value in options.items()}
    model = small_model(name, (9, 12, 3), conditional=True, **options)
    assert model.generate(3, seed=0).shape == (3, 9, 12, 3)
    networks = model.named_networks.values()
    before = [[numpy(weight) for weight in network.trainable_variables] for network in networks]
    train(model, steps=2)
    for network, old in zip(networks, before, strict=True):
        pairs = zip(old, network.trainable_variables, strict=True)
        moved = [(numpy(weight) != start).mean() for start, weight in pairs]
        assert np.mean(moved) > 0.5, network.name


@once
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "dcgan",
            {"generator_norm": "layer", "networks": "mlp"},
            "generator_norm needs networks=d",
        ),
        ("wgan", {"filters": "constant", "networks": "mlp"}, "filters needs networks=dcgan"),
        ("lsgan", {"nonlinearity": "tanh", "networks": "mlp"}, "nonlinearity needs networks=dcgan"),
        ("dcgan", {"generator_norm": "layer", "networks": "mlp_generator"}, "needs networks=dcgan"),
        ("dcgan", {"nonlinearity": "tanh", "networks": "resnet"}, "the residual networks have"),
        ("dcgan", {"virtual_batch_norm": 4, "networks": "resnet"}, "the residual networks have"),
        ("dcgan", {"virtual_batch_norm": 4, "generator_norm": "layer"}, "Received: layer"),
        ("dcgan", {"r1": 1.0, "networks": "resnet"}, "r1 needs discriminator_norm=layer or none"),
        ("cgan", {"networks": "resnet"}, "networks must be one of dcgan, mlp"),
        ("cgan", {"hidden": 3}, "CGAN does not support hidden: it has generator_hidden"),
        ("wgan", {"discriminator_norm": "none"}, "WGAN does not support discriminator_norm"),
        ("wgan", {"discriminator_dense": 4}, "WGAN does not support discriminator_dense"),
        ("dcgan", {"generator_dense": 4, "networks": "resnet"}, "the residual networks have"),
        ("lsgan", {"discriminator_dense": 4, "networks": "mlp"}, "fully connected networks have"),
        ("dcgan", {"generator_dense": 4, "networks": "mlp_generator"}, "and hidden layers already"),
        ("dcgan", {"depth": 0}, "depth must be a positive integer"),
    ],
)
def test_what_does_not_fit_is_refused(name, options, message):
    values = {**small_hyperparameters(name, label_input="plane"), **options}
    with pytest.raises(RequestError, match=message):
        registry.entry(name).build(values, image_shape=(8, 8, 1), num_classes=3)
