"""Differentiable augmentation: what a discriminator sees of every image, real or generated.

From Zhao, Liu, Lin, Zhu and Han (2020), "Differentiable Augmentation for Data-Efficient GAN
Training", https://arxiv.org/abs/2006.10738. Both players' losses see augmented images alone, and
the gradient passes through to the generator, so that the generator is not taught to draw the
augmentation.

Faithful to the authors' code: "translation" shifts each image by up to an eighth of its sides;
"cutout" blanks a rectangle of half the sides, whose centre may lie anywhere, so that a part of the
rectangle may lie outside; both fill in with zeros, which is grey in images in [-1, 1], also where
their background is black.
Different: the policy "color" is left out.
"""

from typing import Any, Literal

from keras import ops

from zoo.backend import noise

Policy = Literal["none", "translation", "cutout", "translation_cutout"]
Tensor = Any
Seed = Any  # an int, or a `keras.random.SeedGenerator`

SHIFT, HOLE = 1 / 8, 1 / 2  # of a side: the largest shift, and the cutout


def augment(images: Tensor, policy: Policy, seed: Seed) -> Tensor:
    """Images each augmented in a way of its own.

    Args:
        images: float tensor (batch, height, width, channels) in [-1, 1].
        policy: what is done, in the order of its name.
        seed: of the random numbers; with "none" there are none.

    Returns:
        A tensor of the shape of `images`, differentiable with respect to them.
    """
    count, sides = ops.shape(images)[0], images.shape[1:3]
    if "translation" in policy:
        reach = (_pixels(side, SHIFT) for side in sides)
        down, right = (noise.integers((count,), -r, r + 1, seed) for r in reach)
        images = translate(images, down, right)
    if "cutout" in policy:
        hole = (_pixels(sides[0], HOLE), _pixels(sides[1], HOLE))
        top, left = (
            noise.integers((count,), 0, side + 1 - length % 2, seed) - length // 2
            for side, length in zip(sides, hole, strict=True)
        )
        images = cut_out(images, top, left, hole)
    return images


def translate(images: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Images shifted by integers (batch,), negative ones up and left; zeros come in."""
    for axis, shift in ((1, down), (2, right)):
        side = images.shape[axis]
        border = [(1, 1) if a == axis else (0, 0) for a in range(4)]
        # Where a pixel comes from in the padded image; any border pixel is as good as another.
        source = ops.clip(ops.arange(1, side + 1) - shift[:, None], 0, side + 1)
        source = ops.reshape(source, (-1, side, 1, 1) if axis == 1 else (-1, 1, side, 1))
        images = ops.take_along_axis(ops.pad(images, border), source, axis=axis)
    return images


def cut_out(images: Tensor, top: Tensor, left: Tensor, hole: tuple[int, int]) -> Tensor:
    """Images with zeros in a rectangle, of which a part may lie outside.

    Args:
        images: (batch, height, width, channels).
        top, left: integers (batch,), the first row and column of the rectangle.
        hole: its height and width.
    """

    def inside(side: int, first: Tensor, length: int) -> Tensor:
        place = ops.arange(side) - first[:, None]
        return ops.logical_and(place >= 0, place < length)

    rows = inside(images.shape[1], top, hole[0])[:, :, None, None]
    columns = inside(images.shape[2], left, hole[1])[:, None, :, None]
    return images * (1.0 - ops.cast(ops.logical_and(rows, columns), images.dtype))


def _pixels(side: int, share: float) -> int:
    """A share of a side, rounded to the nearest pixel."""
    return int(side * share + 0.5)
