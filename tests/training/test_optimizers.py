import keras
import numpy as np
import pytest

from zoo.training.optimizers import OptimizerGroup


def make_group(generator_rate=1e-3, critic_rate=4e-3):
    group = OptimizerGroup(
        {
            "generator": keras.optimizers.Adam(generator_rate, beta_1=0.5),
            "critic": keras.optimizers.RMSprop(critic_rate),
        }
    )
    weights = {"generator": [keras.Variable([1.0])], "critic": [keras.Variable([2.0, 3.0])]}
    group.build_players(weights)
    return group, weights


def test_variables_are_every_players():
    group, _ = make_group()
    own = [v for player in ("generator", "critic") for v in group[player].variables]
    assert [id(v) for v in group.variables] == [id(v) for v in own]


def test_every_player_needs_an_optimizer():
    group = OptimizerGroup({"generator": keras.optimizers.SGD(0.1)})
    with pytest.raises(ValueError, match="generator, critic. Received: generator"):
        group.build_players({"generator": [], "critic": []})
    with pytest.raises(ValueError, match="at least one player"):
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
