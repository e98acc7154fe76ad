"""pix2pix: its networks by their published sizes and receptive fields, its losses, its noise."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import small_arrays, small_dataset, small_inputs, small_model
from zoo.backend import Batch, input_gradient
from zoo.core.optimizers import ConstantThenLinear
from zoo.data.batches import PairedBatches, enlarge
from zoo.errors import RequestError
from zoo.networks.norms import ImageBatchNorm, InstanceNorm
from zoo.networks.patchgan import HALVINGS, patchgan
from zoo.networks.unet import dropped_levels, mask_shapes
from zoo.translation.pix2pix import Pix2Pix, levels


def numbers(tensor):
    return np.array(ops.convert_to_numpy(tensor))


def size(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


# ---- networks


@pytest.mark.once
def test_the_papers_networks_have_their_published_sizes():
    model = Pix2Pix(image_shape=(256, 256, 3))
    assert size(model.generator.weights) == 54_425_859
    assert size(model.generator.variables) == 54_425_865  # Keras counts three seeds of two numbers
    assert size(model.discriminator.weights) == 2_770_433


@pytest.mark.once
@pytest.mark.parametrize("patch", HALVINGS)
def test_a_logit_sees_its_patch(patch):
    """The gradient of one logit is where its patch is, and nowhere else."""
    side = 64 if patch < 70 else 192 if patch < 286 else 640
    network = patchgan((side, side, 1), 0, 1, patch)
    rng = np.random.default_rng(0)
    for weight in network.weights:
        weight.assign(rng.uniform(0.5, 1.0, weight.shape))
    image = ops.convert_to_tensor(rng.random((1, side, side, 1)).astype("float32"))

    def middle(x):
        logits = network({"image": x})
        return logits[:, logits.shape[1] // 2, logits.shape[2] // 2, 0]

    seen = numbers(input_gradient(middle, image))[0, :, :, 0] != 0
    rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
    assert rows[0] > 0 and rows[-1] < side - 1  # the border does not cut it
    assert rows[-1] - rows[0] + 1 == columns[-1] - columns[0] + 1 == patch


@pytest.mark.parametrize("skips", [True, False])
def test_skips_bring_detail_past_the_bottom(skips):
    """With the bottom's way up silenced, only a U-Net still sees its input."""
    model = small_model("pix2pix", (16, 16, 1), skips=skips, dropout=0.0)
    deepest = [
        layer for layer in model.generator.layers if isinstance(layer, keras.layers.Conv2DTranspose)
    ][0]
    deepest.kernel.assign(np.zeros(deepest.kernel.shape))
    images = np.random.default_rng(0).random((2, 16, 16, 1), dtype="float32")
    first, second = model.generate({"input": images})
    assert np.allclose(first, second, atol=1e-6) != skips


def test_depth_follows_the_sides():
    assert [levels((side, side, 3), 0) for side in (8, 28, 32, 64, 256, 512)] == [3, 2, 5, 6, 8, 8]
    assert levels((96, 64, 3), 0) == 5 and levels((64, 64, 3), 3) == 3
    for shape, depth, received in (
        ((30, 30, 3), 0, "multiples of 4, .* Received: 30x30"),
        ((64, 48, 3), 5, "multiples of 32, .* halves them 5 times; .* Received: 48x64"),
        ((64, 64, 3), 1, "Received: 64x64"),
        ((2,), 0, "needs images. Received: points of 2 dimensions"),
    ):
        with pytest.raises(RequestError, match=received):
            levels(shape, depth)
    with pytest.raises(RequestError, match="above 16; patch=16 fits. Received: 12x8"):
        Pix2Pix(image_shape=(12, 8, 1))


def test_instance_norm_is_that_of_each_image():
    rng = np.random.default_rng(0)
    images = rng.normal(3.0, 2.0, (4, 5, 6, 3)).astype("float32")
    layer = InstanceNorm(epsilon=1e-5)
    layer.build(images.shape)
    gamma, beta = rng.random(3), rng.random(3)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    x = images.astype("float64")
    mean, variance = x.mean(axis=(1, 2), keepdims=True), x.var(axis=(1, 2), keepdims=True)
    expected = gamma * (x - mean) / np.sqrt(variance + 1e-5) + beta
    np.testing.assert_allclose(numbers(layer(images)), expected, rtol=1e-4, atol=1e-5)


def test_image_statistics_test_as_a_batch_of_one_trains():
    """The paper's way: what is drawn is what the training's forward pass gives, one by one."""
    images = np.random.default_rng(0).normal(1.0, 2.0, (3, 4, 4, 2)).astype("float32")
    layer = ImageBatchNorm(epsilon=1e-5)
    layer.build(images.shape)
    tested = numbers(layer(images, training=False))
    for image, drawn in zip(images, tested, strict=True):
        trained = numbers(layer(image[None], training=True))
        np.testing.assert_allclose(drawn, trained[0], rtol=1e-4, atol=1e-5)


def test_statistics_are_stored_with_the_model():
    inputs = small_inputs(small_model("pix2pix"))
    weights = small_model("pix2pix").get_weights()
    drawn = {}
    for statistics in ("moving", "image"):
        model = small_model("pix2pix", statistics=statistics)
        model.set_weights(weights)
        drawn[statistics] = model.generate(inputs)
        again = type(model).from_config(model.get_config())
        again.set_weights(weights)
        np.testing.assert_array_equal(again.generate(inputs), drawn[statistics])
    assert np.abs(drawn["moving"] - drawn["image"]).max() > 1e-4


# ---- noise


def test_dropout_is_on_three_levels_of_the_papers_eight():
    assert [dropped_levels(depth) for depth in (2, 3, 5, 6, 7, 8)] == [1, 1, 1, 2, 3, 3]
    assert mask_shapes(64, 8) == {"mask_0": (128, 512), "mask_1": (64, 512), "mask_2": (32, 512)}
    model = Pix2Pix(image_shape=(64, 64, 3), width=2, discriminator_width=2, stochastic=True)
    shapes = {tensor.name: tuple(tensor.shape[1:]) for tensor in model.generator.inputs[1:]}
    assert shapes == {"mask_0": (None, None, 16), "mask_1": (None, None, 16)}
    spec = model.inputs_spec
    assert spec["mask_0"]["shape"] == [2, 2, 16] and spec["mask_1"]["shape"] == [4, 4, 16]


def test_masks_are_the_only_noise_of_what_is_drawn():
    model = small_model("pix2pix", stochastic=True, dropout=0.5)
    rng = np.random.default_rng(0)
    for weight in model.generator.trainable_weights:
        weight.assign(rng.normal(0.0, 0.3, weight.shape))
    plain = small_model("pix2pix", dropout=0.5)
    plain.set_weights(model.get_weights())
    first, second = (
        {name: numbers(value) for name, value in model.sample_inputs(5, seed=seed).items()}
        for seed in (1, 2)
    )
    assert set(np.unique(first["mask_0"])) == {0.0, 2.0}
    second["input"] = first["input"]
    drawn = model.generate(first)
    np.testing.assert_array_equal(drawn, model.generate(first))
    assert np.abs(drawn - model.generate(second)).max() > 1e-5
    ones = {**first, "mask_0": np.ones_like(first["mask_0"])}
    expected = plain.generate({"input": first["input"]})
    np.testing.assert_allclose(model.generate(ones), expected, atol=1e-6)


# ---- objectives


OBJECTIVES = ["l1_cgan", "l1", "cgan", "gan", "l1_gan", "l2", "l2_cgan", "l2_gan"]
SOME = OBJECTIVES if keras.backend.backend() == "torch" else ["l2_cgan"]


@pytest.mark.parametrize("objective", SOME)
def test_objectives_by_hand(objective):
    model = small_model(
        "pix2pix", objective=objective, l1_weight=7.0, dropout=0.0, learning_rate=1e-9
    )
    adversarial = "gan" in objective
    assert ("discriminator" in model.named_networks) == adversarial
    model.compile()
    source, target = map(ops.convert_to_tensor, small_arrays(8, pairs=True))
    recorded = model.train_step(Batch(source, target))
    recorded = {name: float(value) for name, value in recorded.items()}
    fake = model.generator({"input": source}, training=True)
    l1 = np.abs(numbers(target) - numbers(fake)).mean(dtype="float64")
    l2 = np.square(numbers(target) - numbers(fake)).mean(dtype="float64")
    loss = 7.0 * (l1 * ("l1" in objective) + l2 * ("l2" in objective))
    if adversarial:
        assert ("input" in model.discriminator.input) == ("cgan" in objective)
        seen = {"input": source} if "cgan" in objective else {}
        real, made = (
            numbers(model.discriminator({**seen, "image": image}, training=True)).astype("float64")
            for image in (target, fake)
        )
        halved = (np.log1p(np.exp(-real)).mean() + np.log1p(np.exp(made)).mean()) / 2
        np.testing.assert_allclose(recorded["discriminator_loss"], halved, rtol=1e-4)
        loss += np.log1p(np.exp(-made)).mean()
    np.testing.assert_allclose(recorded["l1"], l1, rtol=1e-4)
    np.testing.assert_allclose(recorded.get("l2", l2), l2, rtol=1e-4)
    assert ("l2" in recorded) == ("l2" in objective)
    np.testing.assert_allclose(recorded["generator_loss"], loss, rtol=1e-4)


def test_the_rate_stays_and_then_falls_to_nothing():
    schedule = ConstantThenLinear(0.2, constant_steps=10, decay_steps=4)
    rates = [float(schedule(step)) for step in (0, 10, 11, 12, 14, 20)]
    np.testing.assert_allclose(rates, [0.2, 0.2, 0.15, 0.1, 0.0, 0.0], atol=1e-7)
    assert ConstantThenLinear.from_config(schedule.get_config()).get_config() == {
        "rate": 0.2,
        "constant_steps": 10,
        "decay_steps": 4,
    }


# ---- batches


@pytest.mark.once
def test_a_pair_is_moved_as_one():
    dataset = small_dataset(20, (12, 16, 3), pairs=True)
    dataset.inputs[:] = dataset.images
    batches = PairedBatches(dataset, 5, (-1, 1), seed=0, jitter=4)
    stream = batches.from_step(2)
    first = next(stream)
    np.testing.assert_array_equal(*first)
    assert first[0].dtype == np.float32 and first[0].shape == (5, 12, 16, 3)
    np.testing.assert_array_equal(next(batches.from_step(2)), first)  # the step alone decides
    assert not np.array_equal(next(stream)[0], first[0])


@pytest.mark.once
def test_unmoved_and_mirrored_pairs():
    dataset = small_dataset(4, (8, 8, 1), pairs=True)
    inputs, images = next(PairedBatches(dataset, 4, (0, 1), 0, mirror=False).from_step(0))
    order = np.random.default_rng([0, 0]).permutation(4)
    np.testing.assert_allclose(inputs, dataset.inputs[order] / 255, atol=1e-6)
    np.testing.assert_allclose(images, dataset.images[order] / 255, atol=1e-6)
    mirrored = [
        not np.allclose(after, before[None] / 255, atol=1e-6)
        for step in range(20)
        for after, before in zip(
            next(PairedBatches(dataset, 4, (0, 1), 0).from_step(step))[0],
            dataset.inputs[np.random.default_rng([0, step]).permutation(4)],
            strict=True,
        )
    ]
    assert 20 < sum(mirrored) < 60


@pytest.mark.once
def test_jitter_enlarges_and_cuts():
    """A ramp stays a ramp, of the slope by which it was enlarged, beginning where it was cut."""
    ramp = np.tile(np.arange(0, 240, 10, dtype=np.uint8)[None, :, None], (24, 1, 1))
    moved = enlarge(ramp, (3.0, 0.0, 23.0, 20.0))[12, :, 0].astype(float)
    # Pixel i has its middle at 3 + (i + 1/2) * 20/24, where the ramp is 10 times that less a half.
    expected = 10 * (3 + (np.arange(24) + 0.5) * 20 / 24 - 0.5)
    np.testing.assert_allclose(moved[3:-3], expected[3:-3], atol=0.51)
    np.testing.assert_array_equal(enlarge(ramp, (0, 0, 24, 24)), ramp)
