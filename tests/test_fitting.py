"""What `fit` and `train_step` refuse: too few examples, and data that the model is not made for."""

import keras
import numpy as np
import pytest
from keras import ops

from tests.helpers import small_arrays, small_model
from zoo.backend import Batch
from zoo.errors import RequestError

# A model whose step needs several examples, and how many.
NEEDY = [
    ("gan", {"discriminator_steps": 3}, 3),
    ("wgan", {"n_critic": 3}, 3),
    ("wgan_gp", {"n_critic": 3}, 3),
    ("ebgan", {}, 2),
]
needy = pytest.mark.parametrize(("name", "options", "needed"), NEEDY, ids=[n[0] for n in NEEDY])
one_of_them = pytest.mark.parametrize(("name", "options", "needed"), [NEEDY[1], NEEDY[3]])


def compiled(name, **options):
    model = small_model(name, **options)
    model.compile()
    return model


# ---- too few examples


@needy
def test_fewer_examples_than_a_step_takes(name, options, needed):
    model = compiled(name, **options)
    images, labels = small_arrays(needed - 1)
    with pytest.raises(
        RequestError, match=f"takes at least {needed} examples. Received: {needed - 1}"
    ):
        model.fit(images, labels, verbose=0)


@needy
def test_a_batch_size_below_what_a_step_takes(name, options, needed):
    model = compiled(name, **options)
    images, labels = small_arrays(12)
    with pytest.raises(RequestError, match=f"takes at least {needed} .* batches of {needed - 1}$"):
        model.fit(images, labels, batch_size=needed - 1, verbose=0)


@one_of_them
def test_a_last_short_batch_of_arrays_is_left_out(name, options, needed):
    model = compiled(name, **options)
    for rows, steps in ((6 + needed - 1, 1), (6 + needed, 2)):
        before = int(model.optimizer.iterations)
        images, labels = small_arrays(rows)
        history = model.fit(images, labels, batch_size=6, verbose=0).history
        assert int(model.optimizer.iterations) - before == steps
        assert all(np.isfinite(values).all() for values in history.values())


@needy
def test_a_step_on_a_short_batch(name, options, needed):
    model = compiled(name, **options)
    images, labels = map(ops.convert_to_tensor, small_arrays(needed - 1))
    before = [np.array(ops.convert_to_numpy(w.value)) for w in model.weights]
    with pytest.raises(
        RequestError, match=f"at least {needed} .* Received: a batch of {needed - 1}"
    ):
        model.train_step(Batch(images, labels))
    for old, weight in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, ops.convert_to_numpy(weight.value))


def batches_of(kind, rows, size):
    images, labels = small_arrays(rows)
    starts = range(0, rows, size)
    if kind == "generator":
        return ((images[i : i + size], labels[i : i + size]) for i in starts)
    if kind == "DataLoader":
        torch = pytest.importorskip("torch")
        tensors = torch.from_numpy(images), torch.from_numpy(labels)
        return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(*tensors), size)
    tf = pytest.importorskip("tensorflow")
    return tf.data.Dataset.from_tensor_slices((images, labels)).batch(size)


KIND = {"torch": "DataLoader", "tensorflow": "tf.data", "jax": "generator"}


@pytest.mark.parametrize("kind", sorted({KIND[keras.backend.backend()], "generator"}))
@one_of_them
def test_a_source_whose_last_batch_is_short(name, options, needed, kind):
    """It is refused when it comes: NaN weights would not say why."""
    model = compiled(name, **options)
    source = batches_of(kind, 6 + needed - 1, 6)
    # On TensorFlow the graph refuses it, by an error of TensorFlow's own.
    with pytest.raises(Exception, match=f"at least {needed} examples") as caught:
        model.fit(source, shuffle=False, verbose=0)
    assert type(caught.value).__name__ in ("RequestError", "InvalidArgumentError")
    assert all(np.isfinite(ops.convert_to_numpy(w.value)).all() for w in model.weights)


@pytest.mark.parametrize("kind", sorted({KIND[keras.backend.backend()], "generator"}))
def test_a_source_whose_first_batch_is_short(kind):
    model = compiled("wgan", n_critic=3)
    with pytest.raises(Exception, match="at least 3 examples"):
        model.fit(batches_of(kind, 4, 2), shuffle=False, verbose=0)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="XLA leaves assertions out")
def test_a_short_batch_under_xla():
    model = small_model("wgan", n_critic=3)
    model.compile(jit_compile=True)
    with pytest.raises(Exception, match="but got 3"):
        model.fit(batches_of("tf.data", 8, 6), shuffle=False, verbose=0)


# ---- labels and images that the model is not made for


CONDITIONAL = [("gan", {"conditional": True}), ("cgan", {}), ("ssvae", {})]
LABELS = {
    "of shape (n, 1)": (lambda labels: labels[:, None], r"shape \(8,\). Received: \(8, 1\)$"),
    "too high": (lambda labels: labels + 1, r"to 2. Received: \d to 3$"),
    "too low": (lambda labels: labels - 2, r"to 2. Received: -2 to \d$"),
    "floats": (lambda labels: labels.astype("float32"), "integers. Received: float32$"),
    "one-hot": (lambda labels: np.eye(3)[labels], r"shape \(8,\). Received: \(8, 3\)$"),
    "too few": (lambda labels: labels[:7], r"shape \(8,\). Received: \(7,\)$"),
    "none": (lambda labels: None, "needs class labels"),
}


def refused(model, images, labels, message):
    """`fit` says in one line what is wrong, and trains nothing."""
    with pytest.raises(RequestError, match=message) as caught:
        model.fit(images, labels, batch_size=8, verbose=0)
    assert "\n" not in str(caught.value)
    assert int(model.optimizer.iterations) == 0


@pytest.mark.once
@pytest.mark.parametrize(("name", "options"), CONDITIONAL, ids=[c[0] for c in CONDITIONAL])
@pytest.mark.parametrize("fault", LABELS)
def test_labels_that_are_refused(name, options, fault):
    model = compiled(name, **options)
    images, labels = small_arrays(8, value_range=model.value_range)
    labels = np.arange(8, dtype="int32") % 3
    change, message = LABELS[fault]
    refused(model, images, change(labels), message)


@pytest.mark.once
def test_minus_one_is_a_label_of_ssvae_alone():
    model = compiled("ssvae")
    images, _ = small_arrays(8, value_range=model.value_range)
    unknown = np.full(8, -1, "int32")
    history = model.fit(images, unknown, batch_size=8, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    refused(compiled("cgan"), images, unknown, "from 0 to 2. Received: -1 to -1$")


IMAGES = {
    "0 to 255": (lambda images: np.rint(np.abs(images) * 255), r"must be in \[-?\d, 1\]. Received"),
    "uint8": (lambda images: np.uint8(np.abs(images) * 255), "must be floats.* Received: uint8$"),
    "another size": (lambda images: images[:, :7], r"\(n, 8, 8, 1\). Received: \(8, 7, 8, 1\)$"),
    "without channels": (lambda images: images[..., 0], r"Received: \(8, 8, 8\)$"),
    "not finite": (lambda images: images * np.float32("inf"), "must be finite. Received: NaN or"),
}


@pytest.mark.once
@pytest.mark.filterwarnings("ignore:invalid value encountered in multiply:RuntimeWarning")
@pytest.mark.parametrize("name", ["gan", "cgan", "ssvae", "vae", "pix2pix"])
@pytest.mark.parametrize("fault", IMAGES)
def test_images_that_are_refused(name, fault):
    model = compiled(name)
    images, labels = small_arrays(8, value_range=model.value_range, pairs=model.translates)
    change, message = IMAGES[fault]
    refused(model, change(images), labels, message)
    if model.translates:
        refused(model, images, change(labels), message)


@pytest.mark.once
def test_pix2pix_needs_targets():
    model = compiled("pix2pix")
    images, _ = small_arrays(8, pairs=True)
    refused(model, images, None, r"call fit\(inputs, targets\)")
    refused(model, images, np.zeros(8, "int32"), r"Targets must have the shape")


@pytest.mark.once
def test_the_first_batch_of_a_source_is_checked():
    model = compiled("gan", conditional=True)
    images, labels = small_arrays(8)
    with pytest.raises(RequestError, match=r"must be in \[-1, 1\]"):
        model.fit(iter([(images * 255, labels)]), verbose=0)
    with pytest.raises(RequestError, match="Labels must be integers"):
        model.fit(iter([(images, labels.astype("float32"))]), verbose=0)
