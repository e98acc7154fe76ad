"""Losses as plain functions of discriminator logits, (batch, 1) or (batch,) to a scalar.

A discriminator's logit l means D = sigmoid(l); log D = -softplus(-l), log(1 - D) = -softplus(l),
which stays finite where log(sigmoid(l)) would not.
"""

from keras import ops


def discriminator_loss(real_logits, fake_logits):
    """-E[log D(x)] - E[log(1 - D(G(z)))], the discriminator's side of Goodfellow et al. (2014).

    At D = 1/2 everywhere it is 2 log 2.
    """
    return ops.mean(ops.softplus(-real_logits)) + ops.mean(ops.softplus(fake_logits))


def non_saturating_loss(fake_logits):
    """-E[log D(G(z))]: the generator's loss that keeps its gradient when D wins (section 3)."""
    return ops.mean(ops.softplus(-fake_logits))


def minimax_loss(fake_logits):
    """E[log(1 - D(G(z)))]: the generator's side of the minimax game itself."""
    return -ops.mean(ops.softplus(fake_logits))
