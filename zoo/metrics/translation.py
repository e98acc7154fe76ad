"""How near a translated image is to its target, and how much of a label map it gets right."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from zoo.errors import RequestError

TRANSLATED = 16  # images at a time
SSIM_SIDE = 11  # of the window of Wang et al. (2004)
BEST_PSNR = 100.0  # dB, where images are equal and the ratio is infinite

# The parts of a CMP Facades label map, in the dataset's order, by the colours that the peaks of a
# histogram over the training maps have: they are stored as JPEG, and documented nowhere.
FACADE_PARTS = {
    "background": (0, 0, 222),
    "facade": (0, 48, 255),
    "window": (0, 128, 255),
    "door": (0, 207, 255),
    "cornice": (32, 255, 224),
    "sill": (112, 255, 143),
    "balcony": (192, 255, 64),
    "blind": (255, 240, 0),
    "deco": (255, 160, 0),
    "molding": (255, 80, 0),
    "pillar": (255, 0, 0),
    "shop": (174, 0, 0),
}


def translate_all(
    model: Any, inputs: np.ndarray, seed: int = 0, progress: Callable[[Any], Iterable[int]] = iter
) -> np.ndarray:
    """The translations of images, made a few at a time.

    Args:
        model: that translates.
        inputs: uint8 (n, h, w, c).
        seed: of a stochastic translator's masks.
        progress: wraps the range of batches, as `rich.progress.track`.

    Returns:
        float32 images (n, h, w, c) in [0, 1].
    """
    starts = progress(range(0, len(inputs), TRANSLATED))
    return np.concatenate(
        [model.translate(inputs[start : start + TRANSLATED], seed + start) for start in starts]
    )


def l1(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The mean absolute difference of each image: (n,) of images (n, h, w, c) in [0, 1]."""
    return np.abs(outputs - targets).mean(axis=(1, 2, 3), dtype="float64")


def psnr(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The peak signal-to-noise ratio of each image in dB: (n,), at most `BEST_PSNR`."""
    ratios = []
    for output, target in zip(outputs, targets, strict=True):
        with np.errstate(divide="ignore"):
            ratios.append(peak_signal_noise_ratio(target, output, data_range=1.0))
    return np.minimum(ratios, BEST_PSNR)


def ssim(outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The structural similarity of Wang et al. (2004) of each image: (n,), 1 where equal.

    A Gaussian window of 11x11 and sigma 1.5, channels averaged.
    """
    if min(outputs.shape[1:3]) < SSIM_SIDE:
        raise RequestError(
            f"ssim looks through windows of {SSIM_SIDE}x{SSIM_SIDE} pixels. "
            f"Received: images of {outputs.shape[2]}x{outputs.shape[1]}"
        )
    options: dict[str, Any] = {
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
    }
    return np.array(
        [
            structural_similarity(output, target, data_range=1.0, channel_axis=-1, **options)
            for output, target in zip(outputs, targets, strict=True)
        ]
    )


def part_scores(outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """How well label maps of `FACADE_PARTS` agree, all pixels of all images taken together.

    Returns:
        Dict of "pixel_accuracy", and "class_accuracy" and "iou", intersection over union, as means
        over the parts that the targets have.
    """
    said, true = parts_of(outputs).ravel(), parts_of(targets).ravel()
    count = len(FACADE_PARTS)
    confusion = np.bincount(true * count + said, minlength=count**2).reshape(count, count)
    right, there, claimed = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    present = there > 0
    return {
        "pixel_accuracy": float(right.sum() / confusion.sum()),
        "class_accuracy": float((right / np.maximum(there, 1))[present].mean()),
        "iou": float((right / np.maximum(there + claimed - right, 1))[present].mean()),
    }


def parts_of(images: np.ndarray) -> np.ndarray:
    """The index of the nearest colour of `FACADE_PARTS` for each pixel: (n, h, w)."""
    palette = np.array(list(FACADE_PARTS.values()), "float32") / 255.0
    nearest = np.empty(images.shape[:3], np.int64)
    for index, image in enumerate(images):  # one by one: all distances at once would not fit
        distances = np.square(image[..., None, :] - palette).sum(axis=-1)
        nearest[index] = distances.argmin(axis=-1)
    return nearest


SIMILARITIES = {"l1": l1, "psnr": psnr, "ssim": ssim}
