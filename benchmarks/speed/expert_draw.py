"""DRAW's training step as one who knows each backend writes it, of the default preset.

The ten steps over the canvas are a loop in the program on JAX, whose compiler takes minutes over
ten copies; on TensorFlow they stand one after the other, and PyTorch compiles one at a time. Both
LSTMs are one matrix product a step.
"""

from collections.abc import Callable
from typing import Any

GLIMPSES, HIDDEN, LATENT, POINTS, SIDE = 10, 256, 100, 5, 28
RATE, NORM = 2e-3, 10.0
STRIDE = (SIDE - 1) / (POINTS - 1)
# Inputs and units of each layer: an LSTM's sees its inputs and its own state.
LAYERS = {
    "encoder": (2 * POINTS**2 + 2 * HIDDEN, 4 * HIDDEN),
    "code": (HIDDEN, 2 * LATENT),
    "decoder": (LATENT + HIDDEN, 4 * HIDDEN),
    "reading": (HIDDEN, 5),
    "writing": (HIDDEN, 5),
    "patch": (HIDDEN, POINTS**2),
}


def for_jax(copies: int = 1) -> tuple[Any, Callable]:
    """The state and the step; a turn of the loop in its program is so many steps on the canvas."""
    import jax
    import jax.numpy as jnp

    from benchmarks.speed.expert_jax import Maker, adam, adam_state, dense, softplus

    make = Maker(0)
    weights = {name: make.dense(*sizes) for name, sizes in LAYERS.items()}
    weights["blank"] = jnp.zeros((SIDE, SIDE))

    def lstm(p: Any, x: Any, hidden: Any, cell: Any) -> tuple[Any, Any]:
        i, f, g, o = jnp.split(dense(p, jnp.concatenate([x, hidden], -1)), 4, -1)
        cell = jax.nn.sigmoid(f + 1) * cell + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(cell), cell

    def filters(window: Any) -> tuple[Any, Any, Any]:
        across, down, variance, stride, intensity = jnp.split(window[..., None], 5, 1)
        precision = 1 / (jnp.exp(variance) + 1e-6)
        points = STRIDE * jnp.exp(stride) * (jnp.arange(POINTS)[:, None] - (POINTS - 1) / 2)

        def bank(centre: Any) -> Any:
            places = 0.5 * (SIDE + 1) * (centre + 1) + points
            return jax.nn.softmax(-0.5 * precision * (places - jnp.arange(1, SIDE + 1)) ** 2)

        return bank(down), bank(across), jnp.exp(intensity)

    def negative_bound(p: Any, x: Any, noise: Any) -> Any:
        def glimpse(carried: Any, noise: Any) -> tuple[Any, Any]:
            encoded, decoded, canvas = carried
            rows, columns, intensity = filters(dense(p["reading"], decoded[0]))
            both = jnp.stack([x, x - jax.nn.sigmoid(canvas)], 1)
            seen = jnp.einsum("nih,nchw,njw->ncij", rows, both, columns) * intensity[..., None]
            seen = jnp.concatenate([seen.reshape(len(x), -1), decoded[0]], -1)
            encoded = lstm(p["encoder"], seen, *encoded)
            mean, log_variance = jnp.split(dense(p["code"], encoded[0]), 2, -1)
            z = mean + jnp.exp(0.5 * log_variance) * noise
            squares = jnp.exp(log_variance) + jnp.square(mean)
            divergence = 0.5 * (squares - 1 - log_variance).sum(-1)
            decoded = lstm(p["decoder"], z, *decoded)
            rows, columns, intensity = filters(dense(p["writing"], decoded[0]))
            patch = dense(p["patch"], decoded[0]).reshape(-1, POINTS, POINTS)
            canvas += jnp.einsum("nih,nij,njw->nhw", rows, patch, columns) / intensity
            return (encoded, decoded, canvas), divergence

        zero = jnp.zeros((len(x), HIDDEN))
        start = (zero, zero), (zero, zero), jnp.broadcast_to(p["blank"], x.shape)
        (_, _, canvas), divergences = jax.lax.scan(glimpse, start, noise, unroll=copies)
        error = (softplus(canvas) - x * canvas).sum((1, 2))
        return (error + divergences.sum(0)).mean()

    def step(state: Any, pixels: Any) -> tuple[Any, Any]:
        key, first, second = jax.random.split(state["key"], 3)
        x = (jax.random.uniform(first, pixels.shape) < pixels).astype(jnp.float32)[..., 0]
        noise = jax.random.normal(second, (GLIMPSES, len(x), LATENT))
        value, grads = jax.value_and_grad(negative_bound)(state["p"], x, noise)
        norm = jnp.sqrt(sum(jnp.square(g).sum() for g in jax.tree.leaves(grads)))
        grads = jax.tree.map(lambda g: g * jnp.minimum(1.0, NORM / norm), grads)
        p, opt = adam(state["p"], grads, state["adam"], RATE, 0.9, 0.999)
        return {"p": p, "adam": opt, "key": key}, (value,)

    return {"p": weights, "adam": adam_state(weights), "key": jax.random.key(1)}, step


def for_tensorflow() -> Callable:
    import tensorflow as tf

    from benchmarks.speed.expert_tensorflow import Network, softplus

    p = Network(RATE, 0.9, 0.999)

    def dense(name: str, x: Any) -> Any:
        return p.dense(name, x, LAYERS[name][1])

    def lstm(name: str, x: Any, hidden: Any, cell: Any) -> tuple[Any, Any]:
        i, f, g, o = tf.split(dense(name, tf.concat([x, hidden], -1)), 4, -1)
        cell = tf.sigmoid(f + 1.0) * cell + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(cell), cell

    def filters(window: Any) -> tuple[Any, Any, Any]:
        across, down, variance, stride, intensity = tf.split(window[..., None], 5, 1)
        precision = 1.0 / (tf.exp(variance) + 1e-6)
        offsets = tf.range(POINTS, dtype="float32")[:, None] - (POINTS - 1) / 2
        points = STRIDE * tf.exp(stride) * offsets

        def bank(centre: Any) -> Any:
            places = 0.5 * (SIDE + 1) * (centre + 1.0) + points
            distances = places - tf.range(1, SIDE + 1, dtype="float32")
            return tf.nn.softmax(-0.5 * precision * tf.square(distances))

        return bank(down), bank(across), tf.exp(intensity)

    def negative_bound(x: Any, noise: Any) -> Any:
        count = tf.shape(x)[0]
        zero = tf.zeros((count, HIDDEN))
        encoded, decoded = (zero, zero), (zero, zero)
        canvas = tf.broadcast_to(p.get("blank", (SIDE, SIDE), 0.0), tf.shape(x))
        divergence = tf.zeros((count,))
        for t in range(GLIMPSES):
            rows, columns, intensity = filters(dense("reading", decoded[0]))
            both = tf.stack([x, x - tf.sigmoid(canvas)], 1)
            strips = tf.matmul(rows[:, None], both)
            seen = tf.matmul(strips, columns[:, None], transpose_b=True) * intensity[..., None]
            seen = tf.concat([tf.reshape(seen, (-1, 2 * POINTS**2)), decoded[0]], -1)
            encoded = lstm("encoder", seen, *encoded)
            mean, log_variance = tf.split(dense("code", encoded[0]), 2, -1)
            z = mean + tf.exp(0.5 * log_variance) * noise[t]
            squares = tf.exp(log_variance) + tf.square(mean)
            divergence += 0.5 * tf.reduce_sum(squares - 1.0 - log_variance, -1)
            decoded = lstm("decoder", z, *decoded)
            rows, columns, intensity = filters(dense("writing", decoded[0]))
            patch = tf.reshape(dense("patch", decoded[0]), (-1, POINTS, POINTS))
            strips = tf.matmul(rows, patch, transpose_a=True)
            canvas += tf.matmul(strips, columns) / intensity
        error = tf.reduce_sum(softplus(canvas) - x * canvas, (1, 2))
        return tf.reduce_mean(error + divergence)

    def step(pixels: Any) -> Any:
        x = tf.cast(tf.random.uniform(tf.shape(pixels)) < pixels, tf.float32)[..., 0]
        noise = tf.random.normal((GLIMPSES, tf.shape(x)[0], LATENT))
        negative_bound(x[:1], noise[:, :1])  # makes the weights
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(list(p.weights.values()))
            loss = negative_bound(x, noise)
        names = list(p.weights)
        gradients = tape.gradient(loss, [p.weights[name] for name in names])
        clipped, _ = tf.clip_by_global_norm(gradients, NORM)
        p.apply(dict(zip(names, clipped, strict=True)))
        return (loss,)

    return step


def for_torch() -> Callable:
    import torch
    from torch import nn
    from torch.nn import functional as F

    from benchmarks.speed.expert_torch import Player

    def lstm(layer: Any, x: Any, hidden: Any, cell: Any) -> tuple[Any, Any]:
        i, f, g, o = layer(torch.cat([x, hidden], -1)).chunk(4, -1)
        cell = (f + 1).sigmoid() * cell + i.sigmoid() * g.tanh()
        return o.sigmoid() * cell.tanh(), cell

    offsets = torch.arange(POINTS)[:, None] - (POINTS - 1) / 2
    pixels_of_a_side = torch.arange(1.0, SIDE + 1)

    def filters(window: Any) -> tuple[Any, Any, Any]:
        across, down, variance, stride, intensity = window[..., None].split(1, 1)
        precision = 1 / (variance.exp() + 1e-6)
        points = STRIDE * stride.exp() * offsets

        def bank(centre: Any) -> Any:
            places = 0.5 * (SIDE + 1) * (centre + 1) + points
            return (-0.5 * precision * (places - pixels_of_a_side).square()).softmax(-1)

        return bank(down), bank(across), intensity.exp()

    class Glimpse(nn.Module):
        """One step: it reads, and writes."""

        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleDict({n: nn.Linear(*sizes) for n, sizes in LAYERS.items()})
            self.blank = nn.Parameter(torch.zeros(SIDE, SIDE))

        def forward(self, x: Any, noise: Any, canvas: Any, encoded: Any, decoded: Any) -> Any:
            rows, columns, intensity = filters(self.layers["reading"](decoded[0]))
            both = torch.stack([x, x - canvas.sigmoid()], 1)
            seen = rows[:, None] @ both @ columns[:, None].mT * intensity[..., None]
            seen = torch.cat([seen.flatten(1), decoded[0]], -1)
            encoded = lstm(self.layers["encoder"], seen, *encoded)
            mean, log_variance = self.layers["code"](encoded[0]).chunk(2, -1)
            z = mean + (0.5 * log_variance).exp() * noise
            divergence = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(-1)
            decoded = lstm(self.layers["decoder"], z, *decoded)
            rows, columns, intensity = filters(self.layers["writing"](decoded[0]))
            patch = self.layers["patch"](decoded[0]).unflatten(1, (POINTS, POINTS))
            return canvas + rows.mT @ patch @ columns / intensity, encoded, decoded, divergence

    glimpse = Glimpse()
    player = Player(glimpse, RATE, (0.9, 0.999))

    def step(batch: Any) -> Any:
        x = torch.bernoulli(torch.from_numpy(batch)[..., 0])
        zero, noise = torch.zeros(len(x), HIDDEN), torch.randn(GLIMPSES, len(x), LATENT)
        canvas, encoded, decoded = glimpse.blank.expand(len(x), -1, -1), (zero, zero), (zero, zero)
        total = 0.0
        for t in range(GLIMPSES):
            canvas, encoded, decoded, divergence = player.call(
                x, noise[t], canvas, encoded, decoded
            )
            total = total + divergence
        error = F.binary_cross_entropy_with_logits(canvas, x, reduction="none").sum((1, 2))
        loss = (error + total).mean()
        player.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(player.parameters, NORM)
        player.optimizer.step()
        return (loss,)

    return step
