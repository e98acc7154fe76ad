"""Losses: plain functions of tensors, each of which returns a scalar tensor.

A discriminator's logit l, (batch, 1) or (batch,), means D = sigmoid(l); log D = -softplus(-l) and
log(1 - D) = -softplus(l) stay finite where log(sigmoid(l)) would not.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from zoo.backend import devices, input_gradient

Tensor = Any  # of the running backend


def accuracies(real_logits: Tensor, fake_logits: Tensor, threshold: float = 0.0) -> list[Tensor]:
    """What share of real and of generated images, or patches of them, is told rightly; scalars.

    Args:
        real_logits, fake_logits: a discriminator's outputs, of any shape.
        threshold: above it an image is taken for real.
    """
    right = (real_logits > threshold, fake_logits < threshold)
    return [ops.mean(ops.cast(each, keras.config.floatx())) for each in right]


def discriminator_loss(
    real_logits: Tensor,
    fake_logits: Tensor,
    smoothing: float = 0.0,
    fake_smoothing: float = 0.0,
) -> Tensor:
    """-E[log D(x)] - E[log(1 - D(G(z)))], the discriminator's side of Goodfellow et al. (2014).

    At D = 1/2 everywhere it is 2 log 2. With label smoothing (Salimans et al. 2016, section 3.4)
    the target of real data is 1 - s, -E[(1 - s) log D(x) + s log(1 - D(x))], and that of generated
    data is b. The paper advises b = 0, which is one-sided smoothing: with another b, wrong samples
    are held where they are (see `optimal_discriminator`).

    Args:
        real_logits, fake_logits: of real and of generated data, (batch, ...).
        smoothing: s, from 0 to below 1.
        fake_smoothing: b, from 0 to below 1 - s.
    """
    real, fake = ops.softplus(-real_logits), ops.softplus(fake_logits)
    if smoothing:
        real = (1.0 - smoothing) * real + smoothing * ops.softplus(real_logits)
    if fake_smoothing:
        fake = (1.0 - fake_smoothing) * fake + fake_smoothing * ops.softplus(-fake_logits)
    return ops.mean(real) + ops.mean(fake)


def optimal_discriminator(
    real_density: Any, fake_density: Any, smoothing: float = 0.0, fake_smoothing: float = 0.0
) -> Any:
    """The D that minimises `discriminator_loss` at densities p and q: (a p + b q) / (p + q).

    Here a = 1 - `smoothing` and b = `fake_smoothing`. Goodfellow et al. (2014), proposition 1, and
    Salimans et al. (2016), section 3.4: where p is near 0, D is near b instead of 0 if b is above
    0, and its slope no longer leads away from there. Densities are tensors, arrays or numbers that
    broadcast, and D has their shape.
    """
    real_part = (1.0 - smoothing) * real_density
    if fake_smoothing:
        real_part = real_part + fake_smoothing * fake_density
    return real_part / (real_density + fake_density)


def non_saturating_loss(fake_logits: Tensor) -> Tensor:
    """-E[log D(G(z))]: the generator's loss that keeps its gradient when D wins (section 3)."""
    return ops.mean(ops.softplus(-fake_logits))


def minimax_loss(fake_logits: Tensor) -> Tensor:
    """E[log(1 - D(G(z)))]: the generator's side of the minimax game itself."""
    return -ops.mean(ops.softplus(fake_logits))


def feature_matching_loss(
    real_features: Tensor, fake_features: Tensor, statistic: str = "mean"
) -> Tensor:
    """||E f(x) - E f(G(z))||^2 of features (batch, n) (Salimans et al. 2016, section 3.1).

    Args:
        real_features, fake_features: of real and of generated data.
        statistic: "mean", or "median" to match the median of each feature in place of its mean.
    """

    def centre(features: Tensor) -> Tensor:
        return median(features) if statistic == "median" else ops.mean(features, axis=0)

    return ops.sum(ops.square(centre(real_features) - centre(fake_features)))


def median(values: Tensor) -> Tensor:
    """The median over the batch of (batch, n): of an even number, the mean of the middle two."""
    ordered = ops.sort(values, axis=0)
    count = ops.shape(values)[0]
    low, high = (ops.take(ordered, index, axis=0) for index in ((count - 1) // 2, count // 2))
    return (low + high) / 2.0


def mean_of(values: Tensor, rows: Tensor) -> Tensor:
    """The mean of values (batch,) where `rows`, floats (batch,), are 1 and not 0; 0 of none."""
    # Of several devices one may have no such row: the count is the mean over them, as the loss is.
    (count,) = devices.mean([ops.sum(rows)])
    return ops.sum(values * rows) / ops.maximum(count, 1e-3)


def least_squares_loss(outputs: Tensor, target: float) -> Tensor:
    """E[(D - target)^2] / 2: either side of Mao et al. (2017), equation 2."""
    return ops.mean(ops.square(outputs - target)) / 2.0


def wasserstein_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """E[f(G(z))] - E[f(x)]: the critic's side of Arjovsky et al. (2017).

    Its negative estimates the Wasserstein-1 distance when the critic f is 1-Lipschitz.
    """
    return ops.mean(fake_scores) - ops.mean(real_scores)


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, share: Tensor
) -> Tensor:
    """E[(||grad f(x)|| - 1)^2] at points between the two (Gulrajani et al. 2017, equation 3).

    Args:
        critic: function of a batch to one score per example, (batch,) or (batch, 1).
        real, fake: tensors (batch, ...).
        share: tensor (batch,) in [0, 1]: each example's share of the real one.

    Returns:
        A scalar that can be differentiated with respect to the critic's weights.
    """
    share = ops.reshape(share, (-1,) + (1,) * (len(real.shape) - 1))
    gradient = input_gradient(critic, share * real + (1.0 - share) * fake)
    squared = ops.sum(ops.square(gradient), axis=tuple(range(1, len(real.shape))))
    norm = ops.sqrt(squared + 1e-12)  # sqrt has no gradient at 0
    return ops.mean(ops.square(norm - 1.0))


def r1_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """E[||grad D(x)||^2] / 2 at real data (Mescheder et al. 2018, section 4.1, with gamma 1).

    Args:
        discriminator: function of a batch to one logit per example, (batch,) or (batch, 1).
        real: tensor (batch, ...).

    Returns:
        A scalar that can be differentiated with respect to the discriminator's weights.
    """
    gradient = input_gradient(discriminator, real)
    return ops.mean(ops.sum(ops.square(gradient), axis=tuple(range(1, len(real.shape))))) / 2.0


def energy_loss(real_energy: Tensor, fake_energy: Tensor, margin: float) -> Tensor:
    """E[D(x)] + E[max(0, m - D(G(z)))]: the discriminator's side of Zhao et al. (2017).

    Energies (batch,); `margin` m above 0.
    """
    return ops.mean(real_energy) + ops.mean(ops.relu(margin - fake_energy))


def pulling_away(codes: Tensor) -> Tensor:
    """The mean squared cosine between different codes of a batch (Zhao et al. 2017, section 2.4).

    `codes` (batch, n); 1 when all point one way, 0 when all are orthogonal.
    """
    norm = ops.sqrt(ops.sum(ops.square(codes), axis=1, keepdims=True) + 1e-12)
    cosines = ops.square(ops.matmul(codes / norm, ops.transpose(codes / norm)))
    count = ops.cast(ops.shape(codes)[0], codes.dtype)
    return (ops.sum(cosines) - ops.sum(ops.diagonal(cosines))) / (count * (count - 1.0))


def categorical_log_likelihood(logits: Tensor, category: Tensor) -> Tensor:
    """E[log q(c | x)] of categories, integers (batch,), under logits (batch, classes), in nats."""
    log_q = ops.log_softmax(logits, axis=-1)
    return ops.mean(ops.sum(log_q * ops.one_hot(category, logits.shape[-1]), axis=-1))
