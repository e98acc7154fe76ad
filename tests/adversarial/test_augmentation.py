"""Differentiable augmentation: the operations, and that both players see nothing else."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.adversarial.test_levers import TRAINED, numpy, train
from tests.helpers import repeats, small_arrays, small_model
from zoo import registry
from zoo.adversarial import base
from zoo.backend import Batch, input_gradient
from zoo.errors import RequestError
from zoo.networks import augment

AUGMENTED = [name for name in TRAINED if "augment" in registry.entry(name).hyperparameters]


def rolled(image, down, right):
    """An image (height, width, channels) rolled by numpy; zeros replace what came round."""
    height, width, _ = image.shape
    rows, columns = np.arange(height) - down, np.arange(width) - right
    kept = (rows >= 0) & (rows < height), (columns >= 0) & (columns < width)
    return np.roll(image, (down, right), (0, 1)) * np.outer(*kept)[..., None]


def test_a_translation_is_a_roll_that_zeros_come_into():
    image = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "float32")[None, ..., None]
    moved = augment.translate(*map(ops.convert_to_tensor, (image, [1], [-1])))
    np.testing.assert_array_equal(numpy(moved)[0, ..., 0], [[0, 0, 0], [2, 3, 0]])

    images = np.random.default_rng(0).uniform(-1, 1, (5, 6, 4, 2)).astype("float32")
    down, right = [0, 2, -3, 6, -1], [0, -1, 4, 0, 3]
    moved = numpy(augment.translate(*map(ops.convert_to_tensor, (images, down, right))))
    for index, image in enumerate(images):
        np.testing.assert_array_equal(moved[index], rolled(image, down[index], right[index]))


def test_a_cutout_may_lie_partly_outside():
    top, left = ops.convert_to_tensor([1, -1, 3]), ops.convert_to_tensor([2, -2, 4])
    cut = numpy(augment.cut_out(ops.ones((3, 4, 5, 2)), top, left, (2, 3)))
    expected = np.ones((3, 4, 5, 2))
    expected[0, 1:3, 2:5] = 0
    expected[1, :1, :1] = 0
    expected[2, 3:, 4:] = 0
    np.testing.assert_array_equal(cut, expected)


def test_the_bounds_of_the_random_augmentations():
    """Up to an eighth of a side, and half the sides around any centre, each equally likely."""
    count = 4000
    seed = keras.random.SeedGenerator(0)
    point = np.zeros((count, 17, 8, 1), "float32")
    point[:, 8, 4] = 1.0
    moved = numpy(augment.augment(ops.convert_to_tensor(point), "translation", seed))
    _, rows, columns, _ = np.nonzero(moved)
    for places, expected in ((rows, range(6, 11)), (columns, range(3, 6))):
        values, counts = np.unique(places, return_counts=True)
        assert list(values) == list(expected) and len(places) == count
        assert abs(counts * len(expected) / count - 1).max() < 0.15

    blank = augment.augment(ops.ones((count, 9, 8, 1)), "cutout", seed)
    holes = numpy(blank)[..., 0] == 0
    heights, widths = holes.any(axis=2).sum(axis=1), holes.any(axis=1).sum(axis=1)
    # 5 of 9 rows with their centre in one of 9; 4 of 8 columns with it on one of 9 edges.
    assert np.bincount(heights).nonzero()[0].tolist() == [3, 4, 5]
    assert np.bincount(widths).nonzero()[0].tolist() == [2, 3, 4]
    assert abs((heights == 5).mean() - 5 / 9) < 0.03
    assert abs((widths == 4).mean() - 5 / 9) < 0.03


@pytest.mark.parametrize("policy", ["translation", "cutout", "translation_cutout"])
def test_the_gradient_reaches_the_image(policy):
    """It is 1 where a pixel is still to be seen, and 0 where it has left or is covered."""
    images = np.random.default_rng(2).uniform(0.5, 1, (6, 8, 16, 1)).astype("float32")
    weights = np.random.default_rng(3).uniform(1, 2, images.shape).astype("float32")
    factors = ops.convert_to_tensor(weights)

    def value(x):
        return ops.sum(augment.augment(x, policy, seed=4) * factors, axis=(1, 2, 3))

    slopes = numpy(input_gradient(value, ops.convert_to_tensor(images)))
    seen = numpy(augment.augment(ops.convert_to_tensor(images), policy, seed=4))
    assert 0 < (slopes == 0).mean() < 0.8
    # Each value that is seen is that of one pixel, whose slope is the weight of its new place.
    for image, slope, view, weight in zip(images, slopes, seen, weights, strict=True):
        received = dict(zip(image[slope > 0], slope[slope > 0], strict=True))
        assert received == dict(zip(view[view > 0], weight[view > 0], strict=True))


@pytest.mark.once
@pytest.mark.parametrize("name", AUGMENTED)
def test_no_loss_sees_an_image_that_is_not_augmented(name, monkeypatch):
    """The real images and the generated ones, in the losses of both players and in a penalty."""
    options = {"augment": "cutout"}
    hyperparameters = registry.entry(name).hyperparameters
    if "r1" in hyperparameters:
        options |= {"r1": 1.0}
        options |= {} if name == "gan" else {"discriminator_norm": "none"}
    model = small_model(name, **options)
    seen = []
    monkeypatch.setattr(base, "augment", lambda images, *_: 0.0 * images + 0.25)
    for key, network in model.named_networks.items():
        if key.startswith(model.opponent):

            def call(inputs, network=network, original=network.call, **settings):
                seen.append(numpy(ops.stop_gradient(inputs["image"])))
                return original(inputs, **settings)

            object.__setattr__(network, "call", call)
    model.compile(run_eagerly=True)
    rows = 8 * repeats(model)
    images, labels = small_arrays(rows)
    model.fit(images, labels, batch_size=rows, verbose=0)
    assert len(seen) >= 3
    assert all((images == 0.25).all() for images in seen)


@pytest.mark.once
def test_feature_matching_compares_augmented_images(monkeypatch):
    model = small_model("dcgan", feature_matching=True, augment="cutout")
    batch = Batch(*map(ops.convert_to_tensor, small_arrays(8)))
    monkeypatch.setattr(base, "augment", lambda images, *_: 0.0 * images)
    loss = model.feature_matching_or(batch, 0.5 * batch.images, lambda: pytest.fail("its own"))
    assert numpy(loss) == 0.0


@pytest.mark.once
def test_an_energy_is_that_of_the_augmented_image(monkeypatch):
    model = small_model("ebgan", augment="translation")
    images, labels = map(ops.convert_to_tensor, small_arrays(8))
    shift = ops.ones(8, "int32")
    monkeypatch.setattr(base, "augment", lambda images, *_: augment.translate(images, shift, shift))
    moved = augment.translate(images, shift, shift)
    outputs = model.discriminate(images, labels)
    drawn = numpy(model.discriminator({"image": moved}, training=True)["reconstruction"])
    expected = np.mean((drawn - numpy(moved)) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(numpy(outputs["energy"]), expected, rtol=1e-5)


@pytest.mark.parametrize("name", AUGMENTED)
def test_an_augmented_game_is_trained(name):
    """Both players' weights move, a penalty on the slope at augmented images included."""
    options = {"dropout": 0.0, "augment": "translation_cutout"}
    if "r1" in registry.entry(name).hyperparameters:
        options |= {"r1": 1.0, "discriminator_norm": "layer"}
    model = small_model(name, **options)
    networks = model.named_networks.values()
    before = [[numpy(weight) for weight in network.trainable_variables] for network in networks]
    train(model, steps=2)
    for network, old in zip(networks, before, strict=True):
        pairs = zip(old, network.trainable_variables, strict=True)
        moved = [(numpy(weight) != start).mean() for start, weight in pairs]
        assert np.mean(moved) > 0.5, network.name


@pytest.mark.once
def test_the_models_own_seed_draws_the_augmentation():
    images = ops.convert_to_tensor(small_arrays(8)[0])
    first, second, other = (
        [numpy(small_model("dcgan", seed=seed, augment="translation").augmented(images))]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
    model = small_model("dcgan")
    state = numpy(model.noise_seed.state)
    assert model.augmented(images) is images
    np.testing.assert_array_equal(numpy(model.noise_seed.state), state)


@pytest.mark.once
@pytest.mark.parametrize("name", ["gan", "cgan", "wgan", "wgan_gp"])
def test_points_are_not_augmented(name):
    options = {} if name == "gan" else {"networks": "mlp"}
    small_model(name, image_shape=(2,), **options)
    with pytest.raises(RequestError, match="needs images: .* Received: points of 2 dimensions"):
        small_model(name, image_shape=(2,), augment="translation", **options)
