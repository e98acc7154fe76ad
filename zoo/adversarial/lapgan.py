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

import keras
from keras import ops

from zoo.adversarial.base import AdversarialModel
from zoo.errors import RequestError
from zoo.hyperparameters import Fraction, PositiveInt
from zoo.networks.dcgan import convolution, labelled_image
from zoo.networks.layers import MinibatchDiscrimination, label_channel
from zoo.networks.mlp import mlp_discriminator, mlp_generator
from zoo.objectives.losses import discriminator_loss, non_saturating_loss
from zoo.registry import register

SMALLEST = 8  # sides are halved until they are at most this
MAXOUT_PIECES = 5  # in the smallest discriminator, as in `gan`
GAMES = "it plays a game per level, and each has its own discriminator"


def halvings(image_shape):
    """How many levels there are above the smallest one, at least 1."""
    if len(image_shape) == 1:
        raise RequestError(
            f"A pyramid needs images. Received: points of {image_shape[0]} dimensions"
        )
    levels, sides = 0, image_shape[:2]
    while levels == 0 or max(sides) > SMALLEST:
        if any(side % 2 for side in sides):
            raise RequestError(
                f"A pyramid halves the sides until they are at most {SMALLEST}, so they must be "
                f"even each time; --image-size resizes. Received: "
                f"{image_shape[0]}x{image_shape[1]}, which comes to {sides[0]}x{sides[1]}"
            )
        levels, sides = levels + 1, (sides[0] // 2, sides[1] // 2)
    return levels


def reduce(images):
    """Images (batch, h, w, c) of half the sides: means of 2x2 pixels."""
    return ops.average_pool(images, 2, strides=2)


def enlarge(images):
    """Images (batch, h, w, c) of twice the sides, bilinear."""
    height, width = images.shape[1:3]
    return ops.image.resize(images, (2 * height, 2 * width), interpolation="bilinear")


def build_pyramid(images, levels):
    """The smallest image and the residuals from coarse to fine: a list of `levels` + 1 tensors."""
    residuals = []
    for _ in range(levels):
        smaller = reduce(images)
        residuals.append(images - enlarge(smaller))
        images = smaller
    return [images, *reversed(residuals)]


def collapse_pyramid(pyramid):
    """The image that `build_pyramid` took apart."""
    image, *residuals = pyramid
    for residual in residuals:
        image = enlarge(image) + residual
    return image


@register(
    "lapgan",
    paper="Denton et al. 2015, Deep Generative Image Models using a Laplacian Pyramid of "
    "Adversarial Networks, arXiv:1506.05751",
    presets={
        "quick": {"steps": 3_000},
        "paper": {"steps": 200_000, "batch_size": 16, "width": 128, "latent_dim": 100},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class LAPGAN(AdversarialModel):
    """Laplacian pyramid of GANs.

    Besides `z`, for the smallest image, it draws from "noise_1", "noise_2", ...: a normal plane
    (batch, h, w, 1) for each doubling.

    Args:
        image_shape, num_classes, seed and others: see `AdversarialModel`; the sides must halve.
        width: filters of the convolutions.
        generator_hidden: units of the smallest generator's two hidden layers.
        discriminator_hidden: maxout units of the smallest discriminator's two hidden layers.
        dropout: rate on the latter.
    """

    drawing_network = "generator_0"
    unsupported = {
        "feature_matching": GAMES,
        "virtual_batch_norm": "it has no batch norm to replace",
        "freeze_above": GAMES,
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
        self.set_networks(**generators, **discriminators)
        for name in list(generators)[1:]:
            self.keep_average(name)
        self.chain = self._chain()

    def level_shape(self, level):
        """(height, width, channels) of a level's images, level 0 being the smallest."""
        height, width, channels = self.image_shape
        scale = 2 ** (self.levels - level)
        return height // scale, width // scale, channels

    @property
    def inputs_spec(self):
        planes = {}
        for level in range(1, self.levels + 1):
            height, width, _ = self.level_shape(level)
            spec = {"shape": [height, width, 1], "dtype": "float32", "prior": "normal"}
            planes[f"noise_{level}"] = spec
        noise = {"z": {"shape": [self.latent_dim], "dtype": "float32", "prior": "normal"}}
        return {**noise, **planes, **self.label_spec}

    @property
    def sampler(self):
        """All generators, or their averages, as one network."""
        return self.chain

    def _chain(self):
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

    def level_images(self, generator, level, smaller, inputs, **options):
        """A level's images from the smaller ones (None at level 0) and `inputs_spec`'s inputs."""
        own = {"label": inputs["label"]} if self.conditional else {}
        if level == 0:
            return generator({"z": inputs["z"], **own}, **options)
        low = enlarge(smaller)
        own.update(image=low, noise=inputs[f"noise_{level}"])
        return low + generator(own, **options)

    def train_step(self, batch):
        images = [batch.images]
        for _ in range(self.levels):
            images.insert(0, reduce(images[0]))

        for level, real in enumerate(images):
            generator = self.named_networks[f"generator_{level}"]
            discriminator = self.named_networks[f"discriminator_{level}"]
            smaller = images[level - 1] if level else None

            def fakes_for(generator=generator, level=level, smaller=smaller):
                inputs = self.sample_inputs(ops.shape(batch.images)[0], batch.labels)
                return self.level_images(generator, level, smaller, inputs, training=True)

            def discriminate(images, discriminator=discriminator):
                return discriminator(self.inputs_of(images, batch.labels), training=True)

            fakes = ops.stop_gradient(fakes_for())

            def discriminator_objective(discriminate=discriminate, real=real, fakes=fakes):
                return discriminator_loss(
                    discriminate(real), discriminate(fakes), self.label_smoothing
                )

            def generator_objective(discriminate=discriminate, fakes_for=fakes_for):
                return non_saturating_loss(discriminate(fakes_for()))

            loss = self.minimize(discriminator_objective, f"discriminator_{level}")
            self.record(**{f"discriminator_loss_{level}": loss})
            loss = self.minimize(generator_objective, f"generator_{level}")
            self.record(**{f"generator_loss_{level}": loss})
        return self.get_metrics_result()


def residual_generator(image_shape, width, num_classes):
    """Three convolutions: {"image", "noise"[, "label"]} to a residual of `image_shape`."""
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


def image_discriminator(image_shape, width, num_classes, minibatch_kernels):
    """Two strided convolutions with LeakyReLU: {"image"[, "label"]} to a logit (batch, 1)."""
    inputs, x = labelled_image(image_shape, num_classes)
    for level in range(2):
        x = keras.layers.LeakyReLU(0.2)(convolution(width * 2**level)(x))
    x = keras.layers.Flatten()(x)
    if minibatch_kernels:
        x = MinibatchDiscrimination(minibatch_kernels)(x)
    return keras.Model(inputs, keras.layers.Dense(1)(x))
