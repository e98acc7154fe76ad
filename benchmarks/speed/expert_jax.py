"""Training steps as one who knows JAX writes them, of the networks of the default presets.

Parameters in dictionaries, one jitted step over donated state, Adam by `tree.map`. No running
means, no labels, no checks: the least that trains.
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.speed import expert_draw

LATENT = 64
Tree = Any
softplus = jax.nn.softplus
NHWC = ("NHWC", "HWIO", "NHWC")


class Maker:
    """Makes initial weights, each from a key of its own."""

    def __init__(self, seed: int) -> None:
        self.key = jax.random.key(seed)

    def normal(self, *shape: int) -> Any:
        self.key, key = jax.random.split(self.key)
        return jax.random.normal(key, shape) / math.sqrt(math.prod(shape[:-1]))

    def dense(self, inputs: int, units: int) -> Tree:
        return {"w": self.normal(inputs, units), "b": jnp.zeros(units)}

    def conv(self, inputs: int, filters: int) -> Tree:
        return {"w": self.normal(4, 4, inputs, filters), "b": jnp.zeros(filters)}

    def norm(self, units: int) -> Tree:
        return {"scale": jnp.ones(units), "shift": jnp.zeros(units)}


def dense(p: Tree, x: Any) -> Any:
    return x @ p["w"] + p["b"]


def conv(p: Tree, x: Any, stride: int = 2, padding: Any = "SAME") -> Any:
    y = jax.lax.conv_general_dilated(x, p["w"], (stride, stride), padding, dimension_numbers=NHWC)
    return y + p["b"]


def upconv(p: Tree, x: Any) -> Any:
    return jax.lax.conv_transpose(x, p["w"], (2, 2), "SAME", dimension_numbers=NHWC) + p["b"]


def norm(p: Tree, x: Any) -> Any:
    axes = tuple(range(x.ndim - 1))
    mean = x.mean(axes)
    variance = jnp.square(x).mean(axes) - jnp.square(mean)
    return (x - mean) * (p["scale"] * jax.lax.rsqrt(variance + 1e-5)) + p["shift"]


def leaky(x: Any) -> Any:
    return jnp.where(x > 0, x, 0.2 * x)


# ---- networks: (weights, function of weights and input)


def dcgan_generator(make: Maker, width: int = 32) -> tuple[Tree, Callable]:
    weights = {
        "dense": make.dense(LATENT, 98 * width), "norm0": make.norm(98 * width),
        "up1": make.conv(2 * width, width), "norm1": make.norm(width),
        "up2": make.conv(width, 1),
    }  # fmt: skip

    def draw(p: Tree, key: Any, count: int) -> Any:
        x = jax.nn.relu(
            norm(p["norm0"], dense(p["dense"], jax.random.normal(key, (count, LATENT))))
        )
        x = jax.nn.relu(norm(p["norm1"], upconv(p["up1"], x.reshape(count, 7, 7, -1))))
        return jnp.tanh(upconv(p["up2"], x))

    return weights, draw


def dcgan_discriminator(make: Maker, width: int = 32, normed: bool = True) -> tuple[Tree, Callable]:
    weights = {
        "conv1": make.conv(1, width), "conv2": make.conv(width, 2 * width),
        "norm": make.norm(2 * width), "dense": make.dense(98 * width, 1),
    }  # fmt: skip

    def judge(p: Tree, x: Any, key: Any = None) -> Any:
        x = conv(p["conv2"], leaky(conv(p["conv1"], x)))
        x = leaky(norm(p["norm"], x) if normed else x)
        return dense(p["dense"], x.reshape(len(x), -1))

    return weights, judge


def gan_generator(make: Maker) -> tuple[Tree, Callable]:
    weights = [make.dense(LATENT, 512), make.dense(512, 512), make.dense(512, 784)]

    def draw(p: Tree, key: Any, count: int) -> Any:
        x = jax.random.normal(key, (count, LATENT))
        x = jax.nn.relu(dense(p[1], jax.nn.relu(dense(p[0], x))))
        return jnp.tanh(dense(p[2], x)).reshape(count, 28, 28, 1)

    return weights, draw


def gan_discriminator(make: Maker) -> tuple[Tree, Callable]:
    weights = [make.dense(784, 1200), make.dense(240, 1200), make.dense(240, 1)]

    def judge(p: Tree, x: Any, key: Any) -> Any:
        x = x.reshape(len(x), -1)
        for layer, k in zip(p[:2], jax.random.split(key), strict=True):
            x = dense(layer, x).reshape(len(x), 240, 5).max(-1)
            x = jnp.where(jax.random.bernoulli(k, 0.5, x.shape), 2.0 * x, 0.0)
        return dense(p[2], x)

    return weights, judge


def unet(make: Maker, width: int = 32) -> tuple[Tree, Callable]:
    down = [3, width, 2 * width, 4 * width, *[8 * width] * 4]
    up = [8 * width, 8 * width, 8 * width, 8 * width, 4 * width, 2 * width, width]
    weights = {
        "down": [
            {"conv": make.conv(a, b), "norm": make.norm(b)}
            for a, b in zip(down[:-1], down[1:], strict=True)
        ],
        "up": [
            {"conv": make.conv(a * (1 + (i > 0)), b), "norm": make.norm(b)}
            for i, (a, b) in enumerate(zip(up[:-1], up[1:], strict=True))
        ],
        "last": make.conv(2 * width, 3),
    }

    def translate(p: Tree, x: Any, key: Any) -> Any:
        levels = []
        for i, layer in enumerate(p["down"]):
            x = conv(layer["conv"], x)
            x = leaky(norm(layer["norm"], x) if i else x)
            levels.append(x)
        levels.pop()
        for i, layer in enumerate(p["up"]):
            x = norm(layer["norm"], upconv(layer["conv"], x))
            if i < 3:
                kept = jax.random.bernoulli(jax.random.fold_in(key, i), 0.5, x.shape)
                x = jnp.where(kept, 2.0 * x, 0.0)
            x = jnp.concatenate([jax.nn.relu(x), levels.pop()], -1)
        return jnp.tanh(upconv(p["last"], x))

    return weights, translate


def patch_discriminator(make: Maker, width: int = 32) -> tuple[Tree, Callable]:
    sizes = [6, width, 2 * width, 4 * width, 8 * width]
    weights = {
        "convs": [make.conv(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True)],
        "norms": [make.norm(b) for b in sizes[1:]],
        "last": make.conv(8 * width, 1),
    }
    padded = ((1, 1), (1, 1))

    def judge(p: Tree, x: Any) -> Any:
        for i, (layer, scale) in enumerate(zip(p["convs"], p["norms"], strict=True)):
            x = conv(layer, x, 2 if i < 3 else 1, padded)
            x = leaky(norm(scale, x) if i else x)
        return conv(p["last"], x, 1, padded)

    return weights, judge


# ---- optimizer


def adam_state(weights: Tree) -> Tree:
    m, v = (jax.tree.map(jnp.zeros_like, weights) for _ in range(2))
    return {"m": m, "v": v, "count": jnp.zeros((), jnp.int32)}


def adam(weights: Tree, grads: Tree, state: Tree, rate: float, b1: float, b2: float) -> Any:
    count = state["count"] + 1
    scale = rate * jnp.sqrt(1 - b2**count) / (1 - b1**count)
    m = jax.tree.map(lambda m, g: b1 * m + (1 - b1) * g, state["m"], grads)
    v = jax.tree.map(lambda v, g: b2 * v + (1 - b2) * g * g, state["v"], grads)
    weights = jax.tree.map(lambda w, m, v: w - scale * m / (jnp.sqrt(v) + 1e-7), weights, m, v)
    return weights, {"m": m, "v": v, "count": count}


def minimize(loss: Callable, weights: Tree, optimizer: Tree, rate: float, *betas: float) -> Any:
    value, grads = jax.value_and_grad(loss)(weights)
    return value, *adam(weights, grads, optimizer, rate, *betas)


def average(mean: Tree, weights: Tree) -> Tree:
    return jax.tree.map(lambda a, w: a + 0.001 * (w - a), mean, weights)


# ---- steps: (initial state, pure step of state and batch)


def adversarial_state(g: Tree, d: Tree) -> Tree:
    return {
        "g": g, "d": d, "mean": jax.tree.map(jnp.copy, g),
        "g_adam": adam_state(g), "d_adam": adam_state(d), "key": jax.random.key(1),
    }  # fmt: skip


def game(generator: Callable, discriminator: Callable) -> tuple[Tree, Callable]:
    make = Maker(0)
    (g, draw), (d, judge) = generator(make), discriminator(make)

    def step(state: Tree, images: Any) -> tuple[Tree, Any]:
        key, *keys = jax.random.split(state["key"], 6)
        fake = draw(state["g"], keys[0], len(images))

        def d_loss(p: Tree) -> Any:
            real, other = judge(p, images, keys[1]), judge(p, fake, keys[2])
            return softplus(-real).mean() + softplus(other).mean()

        loss, d, d_adam = minimize(d_loss, state["d"], state["d_adam"], 1e-3, 0.5, 0.999)

        def g_loss(p: Tree) -> Any:
            return softplus(-judge(d, draw(p, keys[3], len(images)), keys[4])).mean()

        other, g, g_adam = minimize(g_loss, state["g"], state["g_adam"], 1e-3, 0.5, 0.999)
        new = {"g": g, "d": d, "g_adam": g_adam, "d_adam": d_adam, "key": key}
        return {**new, "mean": average(state["mean"], g)}, (loss, other)

    return adversarial_state(g, d), step


def wgan_gp(critic_steps: int = 5) -> tuple[Tree, Callable]:
    make = Maker(0)
    (g, draw), (c, judge) = dcgan_generator(make), dcgan_discriminator(make, normed=False)

    def step(state: Tree, images: Any) -> tuple[Tree, Any]:
        key, *keys = jax.random.split(state["key"], 2 + critic_steps)
        c, c_adam = state["d"], state["d_adam"]
        for part, k in zip(jnp.split(images, critic_steps), keys, strict=False):
            fake = draw(state["g"], k, len(part))
            share = jax.random.uniform(jax.random.fold_in(k, 1), (len(part), 1, 1, 1))
            between = share * part + (1 - share) * fake

            def c_loss(p: Tree, part: Any = part, fake: Any = fake, x: Any = between) -> Any:
                slope = jax.grad(lambda x: judge(p, x).sum())(x)
                norms = jnp.sqrt(jnp.square(slope).sum((1, 2, 3)) + 1e-12)
                distance = judge(p, fake).mean() - judge(p, part).mean()
                return distance + 10.0 * jnp.square(norms - 1).mean()

            loss, c, c_adam = minimize(c_loss, c, c_adam, 1e-3, 0.0, 0.9)

        def g_loss(p: Tree) -> Any:
            return -judge(c, draw(p, keys[-1], len(images) // critic_steps)).mean()

        other, g, g_adam = minimize(g_loss, state["g"], state["g_adam"], 1e-3, 0.0, 0.9)
        new = {"g": g, "d": c, "g_adam": g_adam, "d_adam": c_adam, "key": key}
        return {**new, "mean": average(state["mean"], g)}, (loss, other)

    return adversarial_state(g, c), step


def latent(k: int, hidden: int = 400, size: int = 50) -> tuple[Tree, Callable]:
    make = Maker(0)
    encoder = [make.dense(784, hidden), make.dense(hidden, hidden), make.dense(hidden, 2 * size)]
    decoder = [make.dense(size, hidden), make.dense(hidden, hidden), make.dense(hidden, 784)]
    weights = {"encoder": encoder, "decoder": decoder}

    def network(p: Tree, x: Any) -> Any:
        return dense(p[2], jnp.tanh(dense(p[1], jnp.tanh(dense(p[0], x)))))

    def step(state: Tree, pixels: Any) -> tuple[Tree, Any]:
        key, first, second = jax.random.split(state["key"], 3)
        x = (jax.random.uniform(first, pixels.shape) < pixels).astype(jnp.float32)
        x = x.reshape(len(x), -1)

        def loss(p: Tree) -> Any:
            mean, log_variance = jnp.split(network(p["encoder"], x), 2, -1)
            noise = jax.random.normal(second, (k, *mean.shape))
            z = mean + jnp.exp(0.5 * log_variance) * noise
            logits = network(p["decoder"], z)
            error = (softplus(logits) - x * logits).sum(-1)
            if k == 1:  # the divergence in closed form
                squares = jnp.exp(log_variance) + jnp.square(mean)
                return (error + 0.5 * (squares - 1 - log_variance).sum(-1)).mean()
            prior = -0.5 * (z**2 - noise**2 - log_variance).sum(-1)
            return -jax.nn.logsumexp(prior - error, 0).mean()

        value, p, opt = minimize(loss, state["p"], state["adam"], 2e-3, 0.9, 0.999)
        return {"p": p, "adam": opt, "key": key}, (value,)

    return {"p": weights, "adam": adam_state(weights), "key": jax.random.key(1)}, step


def pix2pix() -> tuple[Tree, Callable]:
    make = Maker(0)
    (g, translate), (d, judge) = unet(make), patch_discriminator(make)

    def step(state: Tree, pair: Any) -> tuple[Tree, Any]:
        given, wanted = pair
        key, k = jax.random.split(state["key"])
        fake, pullback = jax.vjp(lambda p: translate(p, given, k), state["g"])

        def d_loss(p: Tree) -> Any:
            real, other = (judge(p, jnp.concatenate([given, x], -1)) for x in (wanted, fake))
            return 0.5 * (softplus(-real).mean() + softplus(other).mean())

        loss, d, d_adam = minimize(d_loss, state["d"], state["d_adam"], 2e-4, 0.5, 0.999)

        def g_loss(x: Any) -> Any:
            logit = judge(d, jnp.concatenate([given, x], -1))
            return softplus(-logit).mean() + 100.0 * jnp.abs(x - wanted).mean()

        other, slope = jax.value_and_grad(g_loss)(fake)
        (grads,) = pullback(slope)
        g, g_adam = adam(state["g"], grads, state["g_adam"], 2e-4, 0.5, 0.999)
        new = {"g": g, "d": d, "g_adam": g_adam, "d_adam": d_adam, "key": key}
        return {**state, **new}, (loss, other)

    return adversarial_state(g, d), step


STEPS: dict[str, Callable[[], tuple[Tree, Callable]]] = {
    "gan": lambda: game(gan_generator, gan_discriminator),
    "dcgan": lambda: game(dcgan_generator, dcgan_discriminator),
    "wgan_gp": wgan_gp,
    "vae": lambda: latent(1),
    "iwae": lambda: latent(50),
    "draw": expert_draw.for_jax,
    "pix2pix": pix2pix,
}


def run(name: str) -> Callable[[list[Any]], None]:
    """A function that trains on a list of batches, and ends when it has."""
    state, pure = STEPS[name]()
    step = jax.jit(pure, donate_argnums=0)
    held = {"state": state}

    def run(batches: list[Any]) -> None:
        for batch in batches:
            held["state"], losses = step(held["state"], batch)
        jax.block_until_ready(losses)

    return run


def operations(name: str, batch: Any) -> float:
    """Floating-point operations of a step on a batch, as XLA counts them in a program to compile.

    It counts what is in a loop once, and so DRAW's loop is written out.
    """
    unrolled = name == "draw"
    state, pure = expert_draw.for_jax(expert_draw.GLIMPSES) if unrolled else STEPS[name]()
    return jax.jit(pure).lower(state, batch).cost_analysis()["flops"]
