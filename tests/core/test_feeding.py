"""What `fit` and `evaluate` take, what they refuse, and with which optimizers."""

import keras
import numpy as np
import pytest

from tests.helpers import LATENT, small_arrays, small_model
from zoo import backend, registry
from zoo.errors import RequestError

once = pytest.mark.once


def weights(model):
    return [np.array(keras.ops.convert_to_numpy(w.value)) for w in model.weights]


class Pairs(keras.utils.PyDataset):
    """Batches of eight of what `small_arrays` gives."""

    def __init__(self, images, labels):
        super().__init__()
        self.arrays = images, labels

    def __len__(self):
        return len(self.arrays[0]) // 8

    def __getitem__(self, index):
        return tuple(array[8 * index : 8 * index + 8] for array in self.arrays)


def sources(images, labels):
    """The same batches as every kind of source that Keras takes."""
    import tensorflow as tf
    import torch

    batches = [(images[i : i + 8], labels[i : i + 8]) for i in range(0, len(images), 8)]
    tensors = torch.utils.data.TensorDataset(torch.from_numpy(images), torch.from_numpy(labels))
    return {
        "arrays": ((images, labels), {"batch_size": 8}),
        "tf.data": ((tf.data.Dataset.from_tensor_slices((images, labels)).batch(8),), {}),
        "DataLoader": ((torch.utils.data.DataLoader(tensors, batch_size=8),), {}),
        "PyDataset": ((Pairs(images, labels),), {}),
        "generator": ((iter(batches),), {"steps_per_epoch": len(batches)}),
    }


@pytest.mark.parametrize("kind", ["arrays", "tf.data", "DataLoader", "PyDataset", "generator"])
def test_every_kind_of_source_trains_alike(kind):
    images, labels = small_arrays(16, value_range=(0, 1))
    results = []
    for source in ("arrays", kind):
        keras.utils.set_random_seed(1)
        model = small_model("cvae", depth=0)
        model.compile()
        arguments, options = sources(images, labels)[source]
        model.fit(*arguments, **options, shuffle=False, verbose=0)
        results.append(weights(model))
    for first, second in zip(*results, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-6)


def wrong(**changes):
    """Images and labels of which something is wrong."""
    images, labels = small_arrays(16)
    return {"images": images, "labels": labels, **changes}


@once
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (wrong(labels=np.zeros((16, 1), "int32")), r"shape \(16,\). Received: \(16, 1\)"),
        (wrong(labels=np.zeros(15, "int32")), r"shape \(16,\). Received: \(15,\)"),
        (wrong(labels=np.full(16, 3)), "from 0 to 2. Received: 3 to 3"),
        (wrong(labels=np.full(16, -1)), "from 0 to 2. Received: -1 to -1"),
        (wrong(labels=np.zeros(16, "float32")), "integers. Received: float32"),
        (wrong(labels=None), "CGAN is conditional and needs class labels"),
        (wrong(images=np.zeros((16, 8, 8, 1), "uint8")), "floats, .* Received: uint8"),
        (wrong(images=np.full((16, 8, 8, 1), 255.0)), r"in \[-1, 1\]. Received: values from 255"),
        (wrong(images=np.full((16, 8, 8, 1), np.nan)), "finite. Received: NaN"),
        (wrong(images=np.zeros((16, 8, 8), "float32")), r"\(n, 8, 8, 1\). Received: \(16, 8, 8\)"),
        (wrong(images=np.zeros((16, 9, 8, 1), "float32")), r"Received: \(16, 9, 8, 1\)"),
    ],
)
def test_data_that_do_not_fit_are_refused(data, message):
    model = small_model("cgan")
    model.compile()
    before = weights(model)
    with pytest.raises(RequestError, match=message):
        model.fit(data["images"], data["labels"], batch_size=8, verbose=0)
    with pytest.raises(RequestError, match=message):
        labels = () if data["labels"] is None else (data["labels"],)
        model.fit(iter([(data["images"], *labels)]), steps_per_epoch=1, verbose=0)
    for first, second in zip(before, weights(model), strict=True):
        np.testing.assert_array_equal(first, second)


@once
def test_unlabelled_images_of_a_semi_supervised_model_have_a_label_too():
    model = small_model("ssvae")
    images, labels = small_arrays(16, value_range=(0, 1))
    model.check_data(images, np.where(np.arange(16) < 8, labels, -1))
    with pytest.raises(RequestError, match="from -1 to 2. Received: -2"):
        model.check_data(images, labels - 2)


@pytest.mark.parametrize(
    ("name", "options", "least"),
    [
        ("wgan", {"n_critic": 3, "networks": "mlp"}, 3),
        ("gan", {"discriminator_steps": 3}, 3),
        ("ebgan", {}, 2),
    ],
)
def test_batches_that_are_too_short(name, options, least):
    """A step of several batches needs an example for each: else it would divide by nothing."""
    cls = registry.entry(name).cls
    images, _ = small_arrays(16, value_range=cls.value_range)
    model = small_model(name, **options)
    model.compile()
    short = images[: least - 1]
    for attempt in ({"x": short}, {"x": images, "batch_size": least - 1}):
        with pytest.raises(RequestError, match=f"at least {least} examples. Received: "):
            model.fit(**attempt, verbose=0)
    with pytest.raises(Exception, match=f"takes at least {least} examples"):
        model.train_step((short,))
    # A last batch that is too short is left out; every weight stays finite.
    model.fit(images[: 8 + least - 1], batch_size=8, verbose=0)
    assert int(model.optimizer.iterations) == 1
    assert all(np.isfinite(w).all() for w in weights(model))


def test_one_optimizer_is_copied_for_each_network():
    model = small_model("dcgan")
    model.compile("adam")
    kinds = {name: type(o).__name__ for name, o in model.optimizer.members.items()}
    assert kinds == {"generator": "Adam", "discriminator": "Adam"}
    model.compile(keras.optimizers.SGD(0.25, momentum=0.5))
    members = model.optimizer.members
    assert members["generator"] is not members["discriminator"]
    assert [float(o.learning_rate) for o in members.values()] == [0.25, 0.25]
    model.compile({"generator": keras.optimizers.SGD(0.1), "discriminator": "rmsprop"})
    with pytest.raises(RequestError, match="for each of generator, discriminator. Received: gen"):
        model.compile({"generator": keras.optimizers.SGD(0.1)})


def test_gradients_accumulate():
    """Two steps of half a batch with accumulation move the weights once."""
    images, _ = small_arrays(16, value_range=(0, 1))
    model = small_model("vae")
    model.compile(keras.optimizers.Adam(1e-2, gradient_accumulation_steps=2))
    model.fit(images, batch_size=8, verbose=0, shuffle=False)
    member = model.optimizer["networks"]
    assert int(member.iterations) == 1


@pytest.mark.parametrize("name", LATENT)
def test_latent_models_have_a_validation_loss(name):
    if keras.backend.backend() != "torch" and name not in ("vae", "sbn"):
        pytest.skip("each compiles for seconds; two stand for all")
    model = small_model(name)
    model.compile()
    images, labels = small_arrays(24, value_range=(0, 1))
    stop = keras.callbacks.EarlyStopping("val_loss", patience=0, min_delta=1e9)
    history = model.fit(
        images, labels, batch_size=8, epochs=5, verbose=0, callbacks=[stop], validation_split=1 / 3
    ).history
    assert len(history["val_loss"]) == 2  # nothing improves by so much
    found = model.evaluate(images, labels, batch_size=8, verbose=0)
    assert np.isfinite(found) and found > 0


@once
def test_images_of_other_kinds_are_encoded():
    model = small_model("cvae")
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), dtype="uint8")
    labels = np.array([0, 1, 2, 0, 1])
    codes = model.encode(images, labels)
    assert codes.shape == (5, model.latent_dim)
    np.testing.assert_allclose(codes, model.encode(images / 255.0, labels), atol=1e-5)
    assert model.reconstruct(images, labels).shape == images.shape
    with pytest.raises(RequestError, match="encodes an image with its label"):
        model.encode(images)


@once
def test_seeded_drawings():
    model = small_model("cgan")
    first = model.generate(4, labels=[0, 1, 2, 0], seed=3)
    np.testing.assert_array_equal(first, model.generate(4, labels=[0, 1, 2, 0], seed=3))
    assert not np.array_equal(first, model.generate(4, labels=[0, 1, 2, 0], seed=4))
    assert not np.array_equal(model.generate(4), model.generate(4))  # its own stream goes on


@once
def test_what_the_networks_cannot_be_is_refused(monkeypatch):
    monkeypatch.setattr(backend, "HALF_TYPES", ("float16",))
    with pytest.raises(RequestError, match=r"float32 or mixed_float16 .* Received: mixed_bfloat16"):
        small_model("gan", dtype="mixed_bfloat16")
    keras.config.set_image_data_format("channels_first")
    try:
        with pytest.raises(RequestError, match="channels_last in keras.json"):
            small_model("gan")
    finally:
        keras.config.set_image_data_format("channels_last")
