import keras
import numpy as np
import pytest
from keras import ops

from zoo.backend import minimize
from zoo.core.optimizers import OptimizerGroup, with_scaled_losses


def make_group(generator_rate=1e-3, critic_rate=4e-3):
    group = OptimizerGroup(
        {
            "generator": keras.optimizers.Adam(generator_rate, beta_1=0.5),
            "critic": keras.optimizers.RMSprop(critic_rate),
        }
    )
    weights = {"generator": [keras.Variable([1.0])], "critic": [keras.Variable([2.0, 3.0])]}
    group.build_members(weights)
    return group, weights


def test_variables_are_every_players():
    group, _ = make_group()
    own = [v for player in ("generator", "critic") for v in group[player].variables]
    assert [id(v) for v in group.variables] == [id(v) for v in own]


def test_every_player_needs_an_optimizer():
    group = OptimizerGroup({"generator": keras.optimizers.SGD(0.1)})
    with pytest.raises(ValueError, match="generator, critic. Received: generator"):
        group.build_members({"generator": [], "critic": []})
    with pytest.raises(ValueError, match="at least one network"):
        OptimizerGroup({})


def test_setting_the_rate_keeps_the_ratio():
    group, _ = make_group()
    group.learning_rate = 5e-4
    rates = [float(group[player].learning_rate) for player in ("generator", "critic")]
    np.testing.assert_allclose(rates, [5e-4, 2e-3], rtol=1e-6)
    assert float(group.learning_rate) == pytest.approx(5e-4)


def test_config_round_trip():
    group, _ = make_group()
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(group))
    assert isinstance(copy, OptimizerGroup)
    assert isinstance(copy["critic"], keras.optimizers.RMSprop)
    assert copy["generator"].beta_1 == 0.5


def test_iterations_are_the_first_players():
    group, weights = make_group()
    group["generator"].apply([keras.ops.ones((1,))], weights["generator"])
    assert int(group.iterations) == 1
    assert int(group["critic"].iterations) == 0


def test_adam_is_the_papers_on_every_backend():
    """Five steps against float64, of gradients that do not lie in memory as their weights do."""
    rng = np.random.default_rng(0)
    start, slope = rng.standard_normal((2, 3, 4))
    weights, slopes = rng.uniform(0.5, 1.5, (2, 2, 3, 4, 5))
    matrix, row = keras.Variable(start.astype("float32")), keras.Variable(np.float32([0.5, -2]))
    kernel = keras.Variable(weights.astype("float32"))
    group = OptimizerGroup({"one": keras.optimizers.Adam(0.1, beta_1=0.5, epsilon=1e-2)})
    group.build_members({"one": [matrix, row, kernel]})

    def loss():
        turned = ops.transpose(matrix) * ops.convert_to_tensor(slope.T.astype("float32", order="C"))
        swept = ops.sum(kernel * ops.convert_to_tensor(slopes.astype("float32")))
        return ops.sum(turned) + ops.sum(ops.exp(row)) + swept

    expected = [start.copy(), np.array([0.5, -2.0]), weights.copy()]
    moments = [[np.zeros_like(w), np.zeros_like(w)] for w in expected]
    for step in range(1, 6):
        minimize(loss, [matrix, row, kernel], group["one"])
        gradients = [slope, np.exp(expected[1]), slopes]
        for weight, gradient, (m, v) in zip(expected, gradients, moments, strict=True):
            m += 0.5 * (gradient - m)
            v += 0.001 * (gradient**2 - v)
            rate = 0.1 * np.sqrt(1 - 0.999**step) / (1 - 0.5**step)
            weight -= rate * m / (np.sqrt(v) + 1e-2)
    for weight, right in zip((matrix, row, kernel), expected, strict=True):
        np.testing.assert_allclose(ops.convert_to_numpy(weight), right, rtol=2e-5, atol=2e-6)
    assert ops.convert_to_numpy(group.iterations) == 5


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="of how PyTorch lies in memory")
def test_kernels_lie_as_pytorch_convolves():
    """Else it copies them for each convolution, and their gradients for each step."""
    import torch

    network = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 4, strides=2)])
    group = OptimizerGroup({"one": keras.optimizers.Adam(0.1)})
    group.build_members({"one": network.trainable_variables})
    images = ops.convert_to_tensor(np.random.default_rng(0).random((2, 8, 8, 3), "float32"))
    before = network.get_weights()[0]
    minimize(lambda: ops.sum(network(images)), network.trainable_variables, group["one"])
    optimizer = group["one"]
    for variable in (network.weights[0], optimizer._momentums[0], optimizer._velocities[0]):
        filters = variable.value.permute(3, 2, 0, 1)
        assert filters.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(before - network.get_weights()[0], 0.1, rtol=1e-4)  # a first step


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="of how PyTorch lies in memory")
@pytest.mark.parametrize("layer", [keras.layers.Conv2D, keras.layers.Conv2DTranspose])
def test_a_convolution_copies_neither_its_images_nor_its_kernel(layer):
    from torch.utils._python_dispatch import TorchDispatchMode

    network = keras.Sequential([keras.Input((8, 8, 3)), layer(4, 4, strides=2, padding="same")])
    group = OptimizerGroup({"one": keras.optimizers.Adam(0.1)})
    group.build_members({"one": network.trainable_variables})
    images = ops.convert_to_tensor(np.random.default_rng(0).random((2, 8, 8, 3), "float32"))
    called = []

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            called.append(str(function))
            return function(*args, **kwargs or {})

    with Watch():
        network(images)
    assert "aten.convolution.default" in called
    assert not {"aten.clone.default", "aten.copy_.default", "aten._to_copy.default"} & {*called}


def test_a_step_whose_scaled_gradient_overflows_is_left_out():
    """Float16 ends at 65,504: a gradient of 3 is too large at a scale of 2^15, and not at 2^14."""
    group = with_scaled_losses(OptimizerGroup({"one": keras.optimizers.SGD(0.5)}))
    weight = keras.Variable([2.0])
    group.build_members({"one": [weight]})
    optimizer = group["one"]
    optimizer.dynamic_growth_steps = 2

    def loss():
        return 3.0 * ops.sum(ops.cast(ops.cast(weight, "float16"), "float32"))

    told = []
    for _ in range(5):
        value = ops.convert_to_numpy(minimize(loss, [weight], optimizer))
        numbers = [optimizer.dynamic_scale, optimizer.iterations, weight[0]]
        told.append([float(value), *(float(ops.convert_to_numpy(n)) for n in numbers)])
    assert told == [
        [6.0, 2**14, 0, 2.0],  # the loss before the step, the scale, steps taken, the weight
        [6.0, 2**14, 1, 0.5],
        [1.5, 2**15, 2, -1.0],
        [-3.0, 2**14, 2, -1.0],
        [-3.0, 2**14, 3, -2.5],
    ]
    assert with_scaled_losses(group)["one"] is optimizer
