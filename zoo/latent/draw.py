"""The deep recurrent attentive writer of Gregor et al. (2015), https://arxiv.org/abs/1502.04623.

Faithful: a recurrent encoder and decoder of 256 LSTM units that pass each other a Gaussian z of 100
at every step, a canvas that the decoder adds to, the encoder shown the image and the error of the
canvas so far; selective attention by a grid of Gaussian filters, one for all colours; the bound
with its divergence in closed form. The `paper` preset has the 64 steps of MNIST, windows of 2 x 2
to read and 5 x 5 to write, and pixels binarized once.
Different: 10 steps and 5 x 5 to read unless asked, since time grows with the one and little is seen
of MNIST by 2 x 2 before the windows have learned to move; windows begin wide (see `window_head`);
the canvas begins at learned logits, the recurrent states at zero. The batches of 100, the rate of
3e-4 and the 100 passes of the `paper` preset are those of later reimplementations, as is clipping
the gradient, here to a norm of 10, without which learning was slower.
"""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from zoo.backend import Batch
from zoo.core.model import Graph, Inputs, Tensor
from zoo.core.priors import Seed, Spec
from zoo.errors import RequestError
from zoo.hyperparameters import PositiveInt
from zoo.latent.base import LatentModel
from zoo.networks.layers import PixelOutput
from zoo.networks.recurrence import recur
from zoo.objectives import likelihoods
from zoo.objectives.precision import full_precision
from zoo.registry import register

MIN_VARIANCE = 1e-6  # of a filter, in pixels squared: a narrower one sees the nearest pixel too


@register(
    "draw",
    paper="Gregor et al. 2015, DRAW: A Recurrent Neural Network For Image Generation, "
    "arXiv:1502.04623",
    presets={
        "quick": {"steps": 1_500, "batch_size": 50, "hidden": 128, "learning_rate": 2e-3},
        "default": {
            "steps": 20_000,
            "batch_size": 50,
            "learning_rate": 2e-3,
            "decay": "cosine",
        },
        "paper": {
            "steps": 60_000,
            "batch_size": 100,
            "glimpses": 64,
            "read_size": 2,
            "learning_rate": 3e-4,
            "binarization": "static",
        },
    },
)
@keras.saving.register_keras_serializable("genzoo")
class DRAW(LatentModel):
    """Deep recurrent attentive writer.

    `z` holds the latent variables of all steps, (batch, glimpses, latent_dim).

    Args:
        image_shape, num_classes, seed, latent_dim and others: see `LatentModel`.
        glimpses: steps, each of which reads the image once and writes to the canvas once.
        attention: windows are read and written; otherwise the whole image is.
        read_size, write_size: points along a side of the windows.
        hidden: units of each LSTM.
    """

    draws_in_steps = True
    glimpses: PositiveInt = 10
    attention: bool = True
    read_size: PositiveInt = 5
    write_size: PositiveInt = 5
    hidden: PositiveInt = 256
    latent_dim: PositiveInt = 100

    def validate(self) -> None:
        super().validate()
        if len(self.image_shape) == 1:
            raise RequestError(
                f"draw needs images. Received: points of {self.image_shape[0]} dimensions"
            )
        short = min(self.image_shape[:2])
        for name, size in (("read_size", self.read_size), ("write_size", self.write_size)):
            if self.attention and size > short:
                raise RequestError(
                    f"{name} must be at most the image's short side, {short} pixels. "
                    f"Received: {size}"
                )

    def build_networks(self) -> None:
        self.track("loss", "reconstruction_loss", "divergence")
        self.set_networks(
            decoder=decoder_step(self, self.write_size if self.attention else None),
            encoder=encoder_step(self, self.read_size if self.attention else None),
        )

    def default_optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {"networks": self.adam(global_clipnorm=10.0)}

    @property
    def inputs_spec(self) -> dict[str, Spec]:
        shape = [self.glimpses, self.latent_dim]
        return {"z": {"shape": shape, "dtype": "float32", "prior": "normal"}}

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        images, weight = self.binarize(batch.images), self.divergence_weight()

        def negative_bound() -> Tensor:
            return self.negative_bound(images, weight=weight)

        self.record(loss=self.minimize(negative_bound, "networks"))
        return self.get_metrics_result()

    # ---- the bound

    def bound_terms(
        self, images: Tensor, labels: Tensor = None, samples: int = 1
    ) -> tuple[Tensor, Tensor]:
        """log p(x | z) and the sum of the steps' divergences, (samples, batch) each.

        A step's posterior depends on the samples of those before it, so the sum does too.
        """
        _, mean, log_variance, canvas = self.infer_samples(images, samples)
        divergence = ops.sum(likelihoods.gaussian_divergence(mean, log_variance), axis=1)
        return self.log_likelihood(images, canvas), ops.reshape(divergence, (samples, -1))

    def log_weights(
        self, images: Tensor, labels: Tensor = None, samples: int = 1, seed: Seed = None
    ) -> Tensor:
        z, mean, log_variance, canvas = self.infer_samples(images, samples, seed)
        posterior = likelihoods.gaussian_log_density(z, mean, log_variance)
        ratio = ops.sum(likelihoods.gaussian_log_density(z) - posterior, axis=1)
        return self.log_likelihood(images, canvas) + ops.reshape(ratio, (samples, -1))

    def infer_samples(
        self, images: Tensor, samples: int, seed: Seed = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`infer` with noise, for `samples` copies of images (batch, ...), samples first."""
        # One draw for all steps: an integer seed gives the same noise every time it is asked.
        shape = (samples, ops.shape(images)[0], self.glimpses, self.latent_dim)
        noise = ops.reshape(self.noise(shape, seed), (-1, self.glimpses, self.latent_dim))
        return self.infer(ops.tile(images, (samples, 1, 1, 1)), noise)

    def infer(self, images: Tensor, noise: Tensor = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Reads images and draws them: each z_t is a sample of q(z_t | x, z_1 ... z_t-1).

        Args:
            images: (batch, *image_shape).
            noise: standard normal (batch, glimpses, latent_dim); None takes the means.

        Returns:
            z and its mean and log variance, (batch, glimpses, latent_dim) each, and the last
            canvas, (batch, *image_shape).
        """
        zero = ops.zeros_like(images[:, 0, :1, 0])  # (batch, 1)
        if noise is None:
            noise = ops.tile(zero[..., None], (1, self.glimpses, self.latent_dim))
        nothing = ops.tile(zero, (1, self.latent_dim))

        def step(state: dict[str, Any], noise: Tensor) -> dict[str, Any]:
            encoded, decoded = state["encoded"], state["decoded"]
            error = images - self.pixel_means(decoded["canvas"])
            glimpse = {"image": images, "error": error, "decoded": decoded["hidden"]}
            encoded = full_precision(self.encoder({**glimpse, **encoded}))
            posterior = {name: encoded.pop(name) for name in ("mean", "log_variance")}
            z = posterior["mean"] + ops.exp(0.5 * posterior["log_variance"]) * noise
            decoded = self.decode_step(decoded, z)
            return {"encoded": encoded, "decoded": decoded, "z": z, **posterior}

        decoded = self.start(zero)
        encoded = {"hidden": decoded["hidden"], "cell": decoded["cell"]}
        first = {"encoded": encoded, "decoded": decoded}
        first |= dict.fromkeys(("z", "mean", "log_variance"), nothing)
        last, states = recur(step, first, noise)
        z, mean, log_variance = (states[name] for name in ("z", "mean", "log_variance"))
        return z, mean, log_variance, last["decoded"]["canvas"]

    def decode_step(self, decoded: dict[str, Tensor], z: Tensor) -> dict[str, Tensor]:
        """The decoder's state and canvas after one step with z (batch, latent_dim)."""
        return full_precision(self.decoder({"z": z, **decoded}))

    def start(self, column: Tensor) -> dict[str, Tensor]:
        """The decoder's inputs, except z, at the first step; `column` is any (batch, 1)."""
        zero = ops.zeros_like(column)  # a symbolic batch, as in an export, has no count to ask for
        blank = ops.convert_to_tensor(self.decoder.get_layer("next_canvas").blank)
        state = ops.tile(zero, (1, self.hidden))
        return {"canvas": zero[..., None, None] + blank, "hidden": state, "cell": state}

    # ---- drawing

    def drawn(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The decoder's last canvas (batch, *image_shape) and those after each step, of z."""
        last, states = recur(self.decode_step, self.start(z[:, 0, :1]), z)
        return last["canvas"], states["canvas"]

    def canvases(self, inputs: Inputs) -> Tensor:
        """The expected images of all steps, (batch, glimpses, *image_shape) in [0, 1]."""
        return self.pixel_means(self.drawn(inputs["z"])[1])

    def call(self, inputs: Inputs, training: bool = False) -> Tensor:
        return self.pixel_means(self.drawn(inputs["z"])[0])

    def encode_inputs(self, inputs: Inputs) -> Tensor:
        return self.infer(inputs["image"])[0]

    @property
    def graphs(self) -> dict[str, Graph]:
        return {**super().graphs, "steps": Graph(self.inputs_spec, self.canvases, "images")}


# ---- one step of each network


@keras.saving.register_keras_serializable("genzoo")
class Canvas(keras.layers.Layer):
    """Adds what is written to the canvas, and holds the canvas that every drawing begins with.

    Input two tensors (batch, height, width, channels), output one.
    """

    def build(self, input_shape: Any) -> None:
        self.blank = self.add_weight(shape=input_shape[0][1:], initializer="zeros", name="blank")

    def call(self, inputs: list[Tensor]) -> Tensor:
        canvas, written = inputs
        return canvas + written


def encoder_step(model: DRAW, size: int | None) -> keras.Model:
    """One step of the encoder, which reads the image and the error of the canvas.

    Args:
        model: its sizes are taken.
        size: points along a side of the window that is read, None for the whole image.

    Returns:
        A model of {"image", "error": (batch, *image_shape), "decoded": the decoder's state, and the
        encoder's own "hidden", "cell": (batch, hidden)} to {"mean", "log_variance": (batch,
        latent_dim) of z_t, "hidden", "cell"}.
    """
    inputs = {name: keras.Input(model.image_shape, name=name) for name in ("image", "error")}
    for name in ("decoded", "hidden", "cell"):
        inputs[name] = keras.Input((model.hidden,), name=name)
    both = keras.layers.Concatenate()([inputs["image"], inputs["error"]])
    if size:
        both = read(both, window_head(size, model.image_shape)(inputs["decoded"]), size)
    x = keras.layers.Concatenate()([keras.layers.Flatten()(both), inputs["decoded"]])
    outputs = recurrent(x, inputs)
    for name in ("mean", "log_variance"):
        outputs[name] = keras.layers.Dense(model.latent_dim, name=name)(outputs["hidden"])
    return keras.Model(inputs, outputs, name="encoder")


def decoder_step(model: DRAW, size: int | None) -> keras.Model:
    """One step of the decoder, which adds to the canvas.

    Args:
        model: its sizes are taken.
        size: points along a side of the window that is written, None for the whole image.

    Returns:
        A model of {"z": (batch, latent_dim), "canvas": (batch, *image_shape), "hidden", "cell":
        (batch, hidden)} to the next {"canvas", "hidden", "cell"}.
    """
    inputs = {"z": keras.Input((model.latent_dim,), name="z")}
    inputs["canvas"] = keras.Input(model.image_shape, name="canvas")
    for name in ("hidden", "cell"):
        inputs[name] = keras.Input((model.hidden,), name=name)
    height, width, channels = model.image_shape
    outputs = recurrent(inputs["z"], inputs)
    shape = (size, size, channels) if size else model.image_shape
    written = keras.layers.Dense(math.prod(shape), name="writing")(outputs["hidden"])
    written = keras.layers.Reshape(shape)(written)
    if size:
        window = window_head(size, model.image_shape, writes=True)(outputs["hidden"])
        written = write(written, window, height, width)
    # A sum over many steps, so it is kept in full precision whatever the policy.
    full = keras.config.floatx()
    canvas = Canvas(name="next_canvas", dtype=full)([inputs["canvas"], written])
    if model.likelihood != "bernoulli":
        output = PixelOutput(math.log(model.pixel_std), model.learn_std, name="pixels", dtype=full)
        canvas = output(canvas)
    return keras.Model(inputs, {"canvas": canvas, **outputs}, name="decoder")


def window_head(
    size: int, image_shape: tuple[int, ...], writes: bool = False
) -> keras.layers.Layer:
    """The layer from a state (batch, hidden) to a window (batch, 5), see `filter_bank`.

    Before training the window spans the image, and its filters have a norm of one and a deviation
    of half their distance. Zero biases, for variance and intensity of one, would begin with
    separate points, which for 2 x 2 are the four corners, where MNIST has nothing.

    Args:
        size: points along a side of the window.
        image_shape: (height, width, channels).
        writes: whether the window is written, not read.
    """
    deviation = (max(*image_shape[:2], 2) - 1) / max(size - 1, 1) / 2
    intensity = math.log(2.0 * math.sqrt(math.pi) * deviation)
    bias = [0.0, 0.0, 2.0 * math.log(deviation), 0.0, -intensity if writes else intensity]
    return keras.layers.Dense(5, bias_initializer=keras.initializers.Constant(bias), name="window")


def recurrent(x: Tensor, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """The next "hidden" and "cell" of an LSTM that sees `x`, after those in `inputs`."""
    state = [inputs["hidden"], inputs["cell"]]
    _, (hidden, cell) = keras.layers.LSTMCell(state[0].shape[-1], name="lstm")(x, state)
    return {"hidden": hidden, "cell": cell}


# ---- windows (equations 21 to 29)


def filter_bank(
    window: Tensor, size: int, height: int, width: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The Gaussian filters of a `size` x `size` grid on an image of `height` x `width`.

    Args:
        window: (batch, 5): the centre across and down, 0 in the middle and -1 and 1 near the
            edges; logs of the filters' variance, of the stride as a share of the one that
            spans the image, and of the intensity.
        size: points along a side of the grid.
        height, width: of the image, in pixels.

    Returns:
        Filters of rows (batch, size, height) and of columns (batch, size, width), each of which
        sums to one over the pixels, and the intensity (batch, 1, 1, 1).
    """
    window = full_precision(window)  # a place in the image needs more than bfloat16's two digits
    across, down, log_variance, log_stride, log_intensity = ops.split(window[..., None], 5, axis=1)
    precision = 1.0 / (ops.exp(log_variance) + MIN_VARIANCE)
    stride = (max(height, width) - 1) / max(size - 1, 1) * ops.exp(log_stride)
    points = np.arange(size, dtype="float32")[:, None] - (size - 1) / 2

    def filters(centre: Tensor, side: int) -> Tensor:
        places = 0.5 * (side + 1) * (centre + 1.0) + ops.multiply(stride, points)
        distances = ops.subtract(places, np.arange(1, side + 1, dtype="float32"))
        # The softmax normalises, also where the window is so far outside that all weights are 0.
        return ops.softmax(-0.5 * precision * ops.square(distances), axis=-1)

    intensity = ops.exp(log_intensity[..., None])
    return filters(down, height), filters(across, width), intensity


def read(image: Tensor, window: Tensor, size: int) -> Tensor:
    """The window (batch, size, size, channels) of an image (batch, height, width, channels)."""
    rows, columns, intensity = filter_bank(window, size, *image.shape[1:3])
    strips = ops.einsum("nih,nhwc->niwc", rows, full_precision(image))
    return intensity * ops.einsum("njw,niwc->nijc", columns, strips)


def write(patch: Tensor, window: Tensor, height: int, width: int) -> Tensor:
    """The image (batch, height, width, channels) of a patch (batch, size, size, channels)."""
    rows, columns, intensity = filter_bank(window, patch.shape[1], height, width)
    strips = ops.einsum("njw,nijc->niwc", columns, full_precision(patch))
    return ops.einsum("nih,niwc->nhwc", rows, strips) / intensity
