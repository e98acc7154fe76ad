import keras
import numpy as np

from zoo.networks.layers import Maxout, label_channel


def test_maxout_takes_the_largest_piece():
    layer = Maxout(units=2, pieces=2)
    layer.build((None, 1))
    layer.set_weights([np.array([[1.0, -1.0, 2.0, 0.0]]), np.array([0.0, 0.0, 0.0, 1.0])])
    # x = 3: unit 0 has pieces 3 and -3, unit 1 has 6 and 1; x = -3: -3 and 3, -6 and 1.
    out = keras.ops.convert_to_numpy(layer(np.array([[3.0], [-3.0]], "float32")))
    np.testing.assert_array_equal(out, [[3.0, 6.0], [3.0, 1.0]])


def test_label_channel_depends_on_the_label_alone():
    label = keras.Input((), dtype="int32")
    model = keras.Model(label, label_channel(label, num_classes=3, height=2, width=5))
    channel = keras.ops.convert_to_numpy(model(np.array([0, 2, 0], "int32")))
    assert channel.shape == (3, 2, 5, 1)
    np.testing.assert_array_equal(channel[0], channel[2])
    assert np.abs(channel[0] - channel[1]).max() > 0
    table, kernel, bias = model.get_weights()
    np.testing.assert_allclose(channel[1].ravel(), table[2] @ kernel + bias, atol=1e-6)
