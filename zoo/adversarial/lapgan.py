"""The Laplacian pyramid of GANs of Denton et al. (2015), https://arxiv.org/abs/1506.05751.

Faithful: a plain fully connected GAN draws the smallest image; at each doubling a conditional
generator sees the enlarged image and a noise plane and draws the residual that is missing; its
discriminator sees residual plus enlarged image, real or generated. Every level trains by itself on
the pyramid of the real images: no gradient and no sample passes from one level to another, so
training them all in one step is training each alone. Sampling chains the levels.
Different: images are reduced by 2x2 means and enlarged bilinearly; sides are halved until they are
at most 8, once at least (32 -> 8, 28 -> 7, 64 -> 8, digits 8 -> 4); convolutions are 5x5 in the
generators and of stride 2 in the discriminators; Adam instead of SGD with momentum; the noise is
normal. What is drawn is clipped to the range of images.
"""

from typing import Any

import keras
from keras import ops

from zoo.adversarial.base import DEFAULT, QUICK, AdversarialModel
from zoo.backend import Batch
from zoo.core.model import Inputs, Tensor
from zoo.core.priors import Spec
from zoo.errors import RequestError
from zoo.hyperparameters import Fraction, PositiveInt
from zoo.networks.dcgan import convolution, labelled_image
from zoo.networks.layers import MinibatchDiscrimination, label_channel
from zoo.networks.mlp import mlp_discriminator, mlp_generator
from zoo.objectives.losses import accuracies
from zoo.objectives.precision import full_precision
from zoo.registry import register

SMALLEST = 8  # sides are halved until they are at most this
MAXOUT_PIECES = 5  # in the smallest discriminator, as in `gan`
ONE_PER_LEVEL = "it trains a GAN for each level, each with a discriminator of its own"

Shape = tuple[int, ...]


def halvings(image_shape: Shape) -> int:
    """How many levels there are above the smallest one, at least 1.

    Raises:
        RequestError: points, or sides that are not even each time they are halved.
    """
    if len(image_shape) == 1:
        raise RequestError(f"lapgan needs images. Received: points of {image_shape[0]} dimensions")
    levels, sides = 0, image_shape[:2]
    while levels == 0 or max(sides) > SMALLEST:
        if any(side % 2 for side in sides):
            raise RequestError(
                f"lapgan halves the image until its sides are at most {SMALLEST}, and they must be "
                "even each time; --image-size resizes the images. Received: "
                f"{image_shape[0]}x{image_shape[1]}, which is halved to {sides[0]}x{sides[1]}"
            )
        levels, sides = levels + 1, (sides[0] // 2, sides[1] // 2)
    return levels


def reduce(images: Tensor) -> Tensor:
    """Images (batch, h, w, c) of half the sides: means of 2x2 pixels."""
    return ops.average_pool(images, 2, strides=2)


def enlarge(images: Tensor) -> Tensor:
    """Images (batch, h, w, c) of twice the sides, bilinear."""
    height, width = images.shape[1:3]
    return ops.image.resize(images, (2 * height, 2 * width), interpolation="bilinear")


def build_pyramid(images: Tensor, levels: int) -> list[Tensor]:
    """The Laplacian pyramid of images (batch, h, w, c).

    Args:
        images: their sides are multiples of 2^levels.
        levels: how often they are halved.

    Returns:
        `levels` + 1 tensors: the smallest images, then the residuals from coarse to fine.
    """
    residuals = []
    for _ in range(levels):
        smaller = reduce(images)
        residuals.append(images - enlarge(smaller))
        images = smaller
    return [images, *reversed(residuals)]


def collapse_pyramid(pyramid: list[Tensor]) -> Tensor:
    """The images (batch, h, w, c) that `build_pyramid` took apart."""
    image, *residuals = pyramid
    for residual in residuals:
        image = enlarge(image) + residual
    return image


@register(
    "lapgan",
    paper="Denton et al. 2015, Deep Generative Image Models using a Laplacian Pyramid of "
    "Adversarial Networks, arXiv:1506.05751",
    presets={
        "quick": {**QUICK, "steps": 3_000},
        "default": {**DEFAULT, "steps": 12_000},
        "paper": {"steps": 200_000, "batch_size": 16, "width": 128, "latent_dim": 100},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class LAPGAN(AdversarialModel):
    """Laplacian pyramid of GANs.

    Besides `z`, for the smallest image, it draws from "noise_1", "noise_2", ...: a plane
    (batch, h, w, 1) of the same prior for each doubling.

    Args:
        image_shape, num_classes, seed and others: see `AdversarialModel`; the sides must halve.
        width: filters of the convolutions.
        generator_hidden: units of the smallest generator's two hidden layers.
        discriminator_hidden: maxout units of the smallest discriminator's two hidden layers.
        dropout: rate on the latter.
    """

    drawing_network = "generator_0"
    unsupported = {
        "feature_matching": ONE_PER_LEVEL,
        "matched_statistic": ONE_PER_LEVEL,
        "virtual_batch_norm": "it has no batch norm to replace",
        "r1": ONE_PER_LEVEL,
        "label_input": "its smallest discriminator takes the label as a vector",
        "freeze_above": ONE_PER_LEVEL,
    }

    width: PositiveInt = 32
    generator_hidden: PositiveInt = 512
    discriminator_hidden: PositiveInt = 240
    dropout: Fraction = 0.5

    def build_networks(self) -> None:
        self.levels = halvings(self.image_shape)
        generators, discriminators = {}, {}
        for level in range(self.levels + 1):
            shape = self.level_shape(level)
            classes, kernels = self.label_classes, self.minibatch_discrimination
            if level == 0:
                generator = mlp_generator(shape, self.latent_dim, self.generator_hidden, classes)
                discriminator = mlp_discriminator(
                    shape,
                    self.discriminator_hidden,
                    MAXOUT_PIECES,
                    self.dropout,
                    self.seed,
                    classes,
                    kernels,
                )
            else:
                generator = residual_generator(shape, self.width, classes)
                discriminator = image_discriminator(shape, self.width, classes, kernels)
            generators[f"generator_{level}"] = generator
            discriminators[f"discriminator_{level}"] = discriminator
            self.track(f"discriminator_loss_{level}", f"generator_loss_{level}")
            self.track(f"real_accuracy_{level}", f"fake_accuracy_{level}")
        self.set_networks(**generators, **discriminators)
        for name in list(generators)[1:]:
            self.keep_average(name)
        self.chain = self._chain()

    def level_shape(self, level: int) -> tuple[int, int, int]:
        """(height, width, channels) of a level's images, level 0 being the smallest."""
        height, width, channels = self.image_shape
        scale = 2 ** (self.levels - level)
        return height // scale, width // scale, channels

    @property
    def inputs_spec(self) -> dict[str, Spec]:
        planes = {}
        for level in range(1, self.levels + 1):
            height, width, _ = self.level_shape(level)
            spec = {"shape": [height, width, 1], "dtype": "float32", "prior": self.prior}
            planes[f"noise_{level}"] = spec
        return {**self.noise_spec, **planes, **self.label_spec}

    @property
    def sampler(self) -> keras.Model:
        """All generators, or their averages, as one network."""
        return self.chain

    def _chain(self) -> keras.Model:
        inputs = {
            name: keras.Input(tuple(spec["shape"]), dtype=spec["dtype"], name=name)
            for name, spec in self.inputs_spec.items()
        }
        image = None
        for level in range(self.levels + 1):
            name = f"generator_{level}"
            network = self.averages.get(name, self.named_networks[name])
            image = self.level_images(network, level, image, inputs)
        return keras.Model(inputs, ops.clip(image, *self.value_range), name="chain")

    def level_images(
        self, generator: keras.Model, level: int, smaller: Tensor, inputs: Inputs, **options: Any
    ) -> Tensor:
        """Generated images of one level, float32 (batch, *level_shape(level)).

        Args:
            generator: the level's network.
            level: 0 is the smallest.
            smaller: the images of the level below, None at level 0.
            inputs: as `inputs_spec` describes them.
            options: of the network's call, such as `training`.
        """
        own = {"label": inputs["label"]} if self.conditional else {}
        if level == 0:
            return full_precision(generator({"z": inputs["z"], **own}, **options))
        low = enlarge(smaller)
        own.update(image=low, noise=inputs[f"noise_{level}"])
        return low + full_precision(generator(own, **options))

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        parts = [self.reduced(part) for part in self.parts(batch)]
        for level in range(self.levels + 1):
            for part in parts:
                self.train_level(level, part, "discriminator")
            self.train_level(level, part, "generator")
        return self.get_metrics_result()

    def reduced(self, batch: Batch) -> list[Batch]:
        """The batch at the size of every level, the smallest first."""
        images = [batch.images]
        for _ in range(self.levels):
            images.insert(0, reduce(images[0]))
        return [Batch(each, batch.labels) for each in images]

    def train_level(self, level: int, batches: list[Batch], network: str) -> None:
        """One step of one of a level's two networks.

        Args:
            level: 0 is the smallest.
            batches: what `reduced` returns.
            network: "discriminator" or "generator".
        """
        real, labels = batches[level]
        smaller = batches[level - 1].images if level else None
        generator = self.named_networks[f"generator_{level}"]
        discriminator = self.named_networks[f"discriminator_{level}"]

        def fakes_for_level() -> Tensor:
            inputs = self.sample_inputs(ops.shape(real)[0], labels)
            return self.level_images(generator, level, smaller, inputs, training=True)

        def discriminate(images: Tensor) -> Tensor:
            inputs = self.inputs_of(self.augmented(images), labels)
            return full_precision(discriminator(inputs, training=True))

        fakes = ops.stop_gradient(fakes_for_level()) if network == "discriminator" else None

        def discriminator_objective() -> Tensor:
            real_logits, fake_logits = discriminate(real), discriminate(fakes)
            right = accuracies(real_logits, fake_logits)
            names = (f"real_accuracy_{level}", f"fake_accuracy_{level}")
            self.record(**dict(zip(names, right, strict=True)))
            return self.smoothed_loss(real_logits, fake_logits)

        def generator_objective() -> Tensor:
            return self.fooling_loss(discriminate(fakes_for_level()))

        objectives = {"discriminator": discriminator_objective, "generator": generator_objective}
        loss = self.minimize(objectives[network], f"{network}_{level}")
        self.record(**{f"{network}_loss_{level}": loss})


def residual_generator(image_shape: Shape, width: int, num_classes: int) -> keras.Model:
    """The generator of a level above the smallest: three convolutions.

    Args:
        image_shape: (height, width, channels) of the level.
        width: filters of the hidden convolutions.
        num_classes: above 0, a `label` input joins the image as one more channel.

    Returns:
        A model of {"image": enlarged images (batch, h, w, c), "noise": (batch, h, w, 1)[, "label":
        (batch,)]} to residuals (batch, h, w, c).
    """
    inputs = {
        "image": keras.Input(image_shape, name="image"),
        "noise": keras.Input((*image_shape[:2], 1), name="noise"),
    }
    planes = list(inputs.values())
    if num_classes:
        inputs["label"] = keras.Input((), dtype="int32", name="label")
        planes.append(label_channel(inputs["label"], num_classes, *image_shape[:2]))
    x = keras.layers.Concatenate()(planes)
    for _ in range(2):
        x = keras.layers.Conv2D(width, 5, padding="same", activation="relu")(x)
    residual = keras.layers.Conv2D(image_shape[-1], 5, padding="same")(x)
    return keras.Model(inputs, residual)


def image_discriminator(
    image_shape: Shape, width: int, num_classes: int, minibatch_kernels: int
) -> keras.Model:
    """The discriminator of a level above the smallest: two strided convolutions with LeakyReLU.

    Args:
        image_shape, num_classes: as for `residual_generator`.
        width: filters of the first, doubled in the second.
        minibatch_kernels: above 0, minibatch discrimination before the last layer.

    Returns:
        A model of {"image": (batch, h, w, c)[, "label": (batch,)]} to logits (batch, 1).
    """
    inputs, x = labelled_image(image_shape, num_classes)
    for level in range(2):
        x = keras.layers.LeakyReLU(0.2)(convolution(width * 2**level)(x))
    x = keras.layers.Flatten()(x)
    if minibatch_kernels:
        x = MinibatchDiscrimination(minibatch_kernels)(x)
    return keras.Model(inputs, keras.layers.Dense(1)(x))
