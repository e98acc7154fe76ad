"""pix2pix of Isola et al. (2017), https://arxiv.org/abs/1611.07004: from one image to another.

A generator G turns an input x into an output; a discriminator D is shown the output, or the target
y, beside x, and says of each patch whether it is real:

    min_G max_D  E[log D(x, y)] + E[log(1 - D(x, G(x)))] + lambda E|y - G(x)|

Faithful: the U-Net with skips, whose form for 256x256 has 54,425,859 weights, and the 70x70
PatchGAN, 2,770,433, with patches of 1, 16 and 286 beside it; dropout as the only noise; the
discriminator's loss halved; the non-saturating generator loss; lambda 100; Adam at 2e-4 with beta1
0.5; jitter and mirroring; and the objectives of the paper's ablation (section 4.1). `paper` is the
recipe for facades: 256 pixels, batches of one image, 200 passes over 400 images.
Different: the depth of the U-Net follows the image (`depth`), so that 32 pixels have 5 levels;
dropout is off at test time unless `stochastic`, and the statistics of batch norm are then the
moving ones unless `statistics=image`, which is what the paper does; squared error (L2) can take the
place of L1. At batches of one image batch norm makes the one pixel at the bottom of a U-Net of full
depth zero (the paper's errata): norm=instance leaves that level free.
"""

from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from zoo.backend import Batch
from zoo.core.feeding import check_images
from zoo.core.model import GenerativeModel, Inputs, Tensor
from zoo.core.optimizers import ConstantThenLinear, make_optimizer
from zoo.core.priors import Spec
from zoo.data.batches import Batches, PairedBatches
from zoo.data.dataset import Dataset
from zoo.errors import RequestError
from zoo.hyperparameters import (
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)
from zoo.networks.patchgan import patchgan
from zoo.networks.unet import MAX_DEPTH, mask_shapes, unet
from zoo.objectives.losses import accuracies, discriminator_loss, non_saturating_loss
from zoo.objectives.precision import full_precision
from zoo.registry import register

MIN_DEPTH = 2


@register(
    "pix2pix",
    paper="Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks, "
    "arXiv:1611.07004",
    presets={
        "quick": {"steps": 1_000, "batch_size": 8, "width": 16, "discriminator_width": 16},
        "default": {"batch_size": 4, "width": 32, "discriminator_width": 32},
        "paper": {"steps": 80_000, "batch_size": 1, "jitter": 30, "statistics": "image"},
    },
)
@keras.saving.register_keras_serializable("genzoo")
class Pix2Pix(GenerativeModel):
    """A conditional GAN that turns one image into another, with an L1 term.

    Args:
        image_shape: (height, width, channels) of the output.
        input_channels: channels of the input, by default those of the output.
        seed, ema: see `GenerativeModel`.
        objective: "l1_cgan" is the paper's; of its ablation, "l1" has no discriminator, "cgan" and
            "gan" no L1, and in "gan" and "l1_gan" the discriminator does not see the input. "l2",
            "l2_cgan" and "l2_gan" have the mean squared error in place of L1.
        l1_weight: lambda, of L1 or of the squared error.
        width, discriminator_width: filters of each network's first layer.
        depth: levels of the generator; 0 for as many as the sides can be halved, up to 8.
        skips: a U-Net; without, an encoder and decoder.
        norm: "batch" or "instance", in both networks.
        statistics: what batch norm uses at test time: "moving" averages of the training, or those
            of each "image" by itself.
        dropout: rate, in the generator.
        stochastic: dropout also at test time, its masks inputs of what is exported.
        patch: side of the part of the image that one of the discriminator's logits sees.
        learning_rate, beta_1: of both players' Adam.
        weight_decay: see `AdversarialModel`.
        decay_steps: steps over which the rate falls to 0 in the end, 0 for none.
        constant_steps: steps before that.
        jitter: pixels by which a pair is enlarged before it is cropped again at random.
        mirror: half of the pairs are mirrored.
    """

    family = "translation"
    translates = True
    unsupported = {
        "latent_dim": "its only noise is dropout",
        "conditional": "it is conditioned on an image, not on a label",
    }

    input_channels: int | None = None
    objective: Literal["l1_cgan", "l1", "cgan", "gan", "l1_gan", "l2", "l2_cgan", "l2_gan"] = (
        "l1_cgan"
    )
    l1_weight: PositiveFloat = 100.0
    width: PositiveInt = 64
    discriminator_width: PositiveInt = 64
    depth: NonNegativeInt = 0
    skips: bool = True
    norm: Literal["batch", "instance"] = "batch"
    statistics: Literal["moving", "image"] = "moving"
    dropout: Fraction = 0.5
    stochastic: bool = False
    patch: Literal[1, 16, 70, 286] = 70
    learning_rate: PositiveFloat = 2e-4
    beta_1: Fraction = 0.5
    decay_steps: NonNegativeInt = 0
    weight_decay: NonNegativeFloat = 0.0
    constant_steps: NonNegativeInt = 0
    jitter: NonNegativeInt = 0
    mirror: bool = True

    def build_networks(self) -> None:
        self.source_channels = self.input_channels or self.image_shape[-1]
        self.levels = levels(self.image_shape, self.depth)
        self.adversarial = "gan" in self.objective
        self.conditioned = "cgan" in self.objective
        networks = {
            "generator": unet(
                self.source_channels,
                self.image_shape[-1],
                self.width,
                self.levels,
                self.skips,
                self.norm,
                self.statistics,
                self.dropout,
                self.stochastic,
                self.seed,
            )
        }
        if self.adversarial:
            self.track("discriminator_loss", "real_accuracy", "fake_accuracy")
            channels = self.source_channels if self.conditioned else 0
            networks["discriminator"] = patchgan(
                self.image_shape, channels, self.discriminator_width, self.patch, self.norm
            )
        self.track("generator_loss", "l1")
        if "l2" in self.objective:
            self.track("l2")
        self.set_networks(**networks)
        self.keep_average("generator")

    @classmethod
    def batches(cls, dataset: Dataset, settings: dict[str, Any], seed: int) -> Batches:
        known = {key: settings[key] for key in ("batch_size", "jitter", "mirror")}
        return PairedBatches(dataset, value_range=cls.value_range, seed=seed, **known)

    def default_optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        rate = self.learning_rate
        if self.decay_steps:
            rate = ConstantThenLinear(rate, self.constant_steps, self.decay_steps)
        return {
            name: make_optimizer("adam", rate, self.beta_1, weight_decay=self.weight_decay)
            for name in self.named_networks
        }

    def train_step(self, batch: Batch) -> dict[str, Tensor]:
        source, target = batch.images, batch.labels
        inputs = {**self.sample_inputs(ops.shape(source)[0]), "input": source}

        def translated() -> Tensor:
            return full_precision(self.generator(inputs, training=True))

        def discriminate(image: Tensor) -> Tensor:
            seen = {"image": image, "input": source} if self.conditioned else {"image": image}
            return full_precision(self.discriminator(seen, training=True))

        if self.adversarial:
            fake = ops.stop_gradient(translated())

            def discriminator_objective() -> Tensor:
                real_logits, fake_logits = discriminate(target), discriminate(fake)
                real_right, fake_right = accuracies(real_logits, fake_logits)  # of all patches
                self.record(real_accuracy=real_right, fake_accuracy=fake_right)
                return discriminator_loss(real_logits, fake_logits) / 2.0

            loss = self.minimize(discriminator_objective, "discriminator")
            self.record(discriminator_loss=loss)

        def generator_objective() -> Tensor:
            image = translated()
            l1 = ops.mean(ops.abs(target - image))
            self.record(l1=l1)
            loss = self.l1_weight * l1 if "l1" in self.objective else 0.0
            if "l2" in self.objective:
                l2 = ops.mean(ops.square(target - image))
                self.record(l2=l2)
                loss = self.l1_weight * l2
            return loss + non_saturating_loss(discriminate(image)) if self.adversarial else loss

        self.record(generator_loss=self.minimize(generator_objective, "generator"))
        return self.get_metrics_result()

    @property
    def inputs_spec(self) -> dict[str, Spec]:
        """The image to translate, in [0, 1], its sides multiples of 2^levels, and masks if any."""
        height, width = self.image_shape[:2]
        spec: dict[str, Spec] = {
            "input": {
                "shape": [height, width, self.source_channels],
                "dtype": "float32",
                "prior": "image",
                "multiple": 2**self.levels,
            }
        }
        if self.stochastic:
            for name, (divisor, filters) in mask_shapes(self.width, self.levels).items():
                spec[name] = {
                    "shape": [height // divisor, width // divisor, filters],
                    "dtype": "float32",
                    "prior": "mask",
                    "keep": 1.0 - self.dropout,
                    "divisor": divisor,
                }
        return spec

    def check_data(self, images: Tensor, labels: Tensor) -> None:
        """Refuses what is not pairs of images in [-1, 1], of the model's size and channels.

        Args:
            images: the inputs, (n, height, width, input_channels).
            labels: the targets, (n, *image_shape), or None.
        """
        sides = self.image_shape[:2]
        check_images(images, (*sides, self.source_channels), self.value_range, "Inputs")
        if labels is None:
            raise RequestError("pix2pix is trained on pairs of images: call fit(inputs, targets)")
        check_images(labels, self.image_shape, self.value_range, "Targets")

    def call(self, inputs: Inputs, training: bool = False) -> Tensor:
        source = self.from_unit(inputs["input"])
        return self.sampler({**inputs, "input": source}, training=training)

    def translate(self, images: np.ndarray, seed: int = 0) -> np.ndarray:
        """What the model turns images into.

        Args:
            images: uint8 (n, height, width, input_channels), sides multiples of 2^levels.
            seed: of the dropout's masks, of a `stochastic` model.

        Returns:
            float32 (n, height, width, channels) in [0, 1].
        """
        inputs = self.sample_inputs(len(images), seed=seed)
        return self.generate({**inputs, "input": images.astype("float32") / 255.0})


def levels(image_shape: tuple[int, ...], depth: int) -> int:
    """How often the generator halves the image: `depth`, or as often as possible when that is 0.

    Raises:
        RequestError: points, or sides that cannot be halved so often.
    """
    if len(image_shape) == 1:
        raise RequestError(f"pix2pix needs images. Received: points of {image_shape[0]} dimensions")
    height, width = image_shape[:2]
    possible = 0
    while possible < MAX_DEPTH and height % 2 ** (possible + 1) == width % 2 ** (possible + 1) == 0:
        possible += 1
    wanted = depth or max(possible, MIN_DEPTH)
    if not MIN_DEPTH <= wanted <= possible:
        raise RequestError(
            f"Image sides must be multiples of {2**wanted}, as a U-Net of depth {wanted} halves "
            f"them {wanted} times; --image-size or depth (from {MIN_DEPTH} to {MAX_DEPTH}) may "
            f"help. Received: {width}x{height}"
        )
    return wanted
