"""Log densities and divergences in nats, one number per example: sums over the last axes.

Leading axes broadcast, so that several samples (samples, batch, ...) meet one batch (batch, ...).
"""

import math
from typing import Any

from keras import ops

Tensor = Any  # of the running backend

LOG_2_PI = math.log(2.0 * math.pi)


def bernoulli_log_density(value: Tensor, logits: Tensor) -> Tensor:
    """log p(value) of independent coins with P(1) = sigmoid(logits), over the last axis.

    `value` in [0, 1]; between the ends it is the expectation over a coin of that bias.
    """
    return ops.sum(value * logits - ops.softplus(logits), axis=-1)


def gaussian_log_density(value: Tensor, mean: Tensor = None, log_variance: Tensor = None) -> Tensor:
    """log N(value; mean, exp(log_variance)), diagonal, over the last axis; by default N(0, 1)."""
    if mean is None:
        return -0.5 * ops.sum(ops.square(value) + LOG_2_PI, axis=-1)
    error = ops.square(value - mean) * ops.exp(-log_variance)
    return -0.5 * ops.sum(error + log_variance + LOG_2_PI, axis=-1)


def laplace_log_density(value: Tensor, median: Tensor, log_std: Tensor) -> Tensor:
    """log of exp(-|value - median| / b) / 2b, b the standard deviation over sqrt(2), last axis."""
    log_scale = log_std - 0.5 * math.log(2.0)
    error = ops.abs(value - median) * ops.exp(-log_scale)
    return -ops.sum(error + log_scale + math.log(2.0), axis=-1)


def gaussian_divergence(
    mean: Tensor,
    log_variance: Tensor,
    prior_mean: Tensor = None,
    prior_log_variance: Tensor = None,
) -> Tensor:
    """KL(N(mean, exp(log_variance)) || prior), over the last axis; a standard normal by default."""
    if prior_mean is not None:
        mean = (mean - prior_mean) * ops.exp(-0.5 * prior_log_variance)
        log_variance = log_variance - prior_log_variance
    return 0.5 * ops.sum(ops.exp(log_variance) + ops.square(mean) - 1.0 - log_variance, axis=-1)


def importance_bound(log_weights: Tensor) -> Tensor:
    """log mean_k w, the bound of Burda et al. (2016) on log p(x).

    With one sample it is the evidence lower bound, and it rises with their number.

    Args:
        log_weights: log p(x, z) - log q(z | x) of samples z, (samples, batch).

    Returns:
        (batch,).
    """
    samples = ops.cast(ops.shape(log_weights)[0], log_weights.dtype)
    return ops.logsumexp(log_weights, axis=0) - ops.log(samples)
