"""Training steps as one who knows TensorFlow writes them, of the networks of the default presets.

Plain `tf.Variable`s and kernels, one `tf.function`, Adam by TensorFlow's fused kernel. No running
means, no labels, no checks: the least that trains.
"""

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from benchmarks.speed import expert_draw

LATENT = 64
softplus = tf.nn.softplus


class Network:
    """Weights by name, made as they are first used, with Adam's state and an average of each."""

    def __init__(self, rate: float, beta_1: float, beta_2: float) -> None:
        self.rates = (rate, beta_1, beta_2)
        self.weights: dict[str, tf.Variable] = {}
        self.state: dict[str, list[tf.Variable]] = {}
        self.count = tf.Variable(0.0)

    def get(self, name: str, shape: tuple[int, ...], scale: float | None = None) -> Any:
        if name not in self.weights:
            deviation = math.prod(shape[:-1]) ** -0.5 if scale is None else 0.0
            with tf.init_scope():
                value = tf.random.normal(shape, scale or 0.0, deviation)
                self.weights[name] = tf.Variable(value)
                self.state[name] = [tf.Variable(tf.zeros(shape)) for _ in range(2)]
                self.state[name].append(tf.Variable(value))
        return self.weights[name]

    def dense(self, name: str, x: Any, units: int) -> Any:
        w = self.get(f"{name}/w", (x.shape[-1], units))
        flat = tf.reshape(x, (-1, x.shape[-1]))
        y = tf.nn.bias_add(flat @ w, self.get(f"{name}/b", (units,), 0.0))
        return tf.reshape(y, tf.concat([tf.shape(x)[:-1], [units]], 0))

    def conv(self, name: str, x: Any, filters: int, stride: int = 2, padding: Any = "SAME") -> Any:
        y = tf.nn.conv2d(x, self.get(f"{name}/w", (4, 4, x.shape[-1], filters)), stride, padding)
        return tf.nn.bias_add(y, self.get(f"{name}/b", (filters,), 0.0))

    def upconv(self, name: str, x: Any, filters: int) -> Any:
        n, h, w = tf.shape(x)[0], x.shape[1], x.shape[2]
        kernel = self.get(f"{name}/w", (4, 4, filters, x.shape[-1]))
        y = tf.nn.conv2d_transpose(x, kernel, (n, 2 * h, 2 * w, filters), 2)
        y = tf.ensure_shape(y, (None, 2 * h, 2 * w, filters))
        return tf.nn.bias_add(y, self.get(f"{name}/b", (filters,), 0.0))

    def norm(self, name: str, x: Any) -> Any:
        scale = self.get(f"{name}/scale", (x.shape[-1],), 1.0)
        shift = self.get(f"{name}/shift", (x.shape[-1],), 0.0)
        if len(x.shape) == 4:
            return tf.compat.v1.nn.fused_batch_norm(x, scale, shift, epsilon=1e-5)[0]
        mean, variance = tf.nn.moments(x, 0)
        return tf.nn.batch_normalization(x, mean, variance, shift, scale, 1e-5)

    def minimize(self, loss: Callable[[], Any]) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(list(self.weights.values()))
            value = loss()
        self.apply(tape.gradient(value, self.weights))
        return value

    def apply(self, gradients: dict[str, Any]) -> None:
        rate, beta_1, beta_2 = self.rates
        count = self.count.assign_add(1.0)
        for name, gradient in gradients.items():
            if gradient is None:
                continue
            m, v, mean = self.state[name]
            weight = self.weights[name]
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle, m=m.handle, v=v.handle, beta1_power=beta_1**count,
                beta2_power=beta_2**count, lr=rate, beta1=beta_1, beta2=beta_2, epsilon=1e-7,
                grad=gradient,
            )  # fmt: skip
            mean.assign_add(0.001 * (weight - mean))


def leaky(x: Any) -> Any:
    return tf.nn.leaky_relu(x, 0.2)


def dcgan_draw(g: Network, count: Any, width: int = 32) -> Any:
    x = g.dense("dense", tf.random.normal((count, LATENT)), 98 * width)
    x = tf.reshape(tf.nn.relu(g.norm("norm0", x)), (-1, 7, 7, 2 * width))
    x = tf.nn.relu(g.norm("norm1", g.upconv("up1", x, width)))
    return tf.tanh(g.upconv("up2", x, 1))


def dcgan_judge(d: Network, x: Any, width: int = 32, normed: bool = True) -> Any:
    x = d.conv("conv2", leaky(d.conv("conv1", x, width)), 2 * width)
    x = leaky(d.norm("norm", x) if normed else x)
    return d.dense("dense", tf.reshape(x, (-1, 98 * width)), 1)


def gan_draw(g: Network, count: Any) -> Any:
    x = tf.random.normal((count, LATENT))
    x = tf.nn.relu(g.dense("1", tf.nn.relu(g.dense("0", x, 512)), 512))
    return tf.reshape(tf.tanh(g.dense("2", x, 784)), (-1, 28, 28, 1))


def gan_judge(d: Network, x: Any) -> Any:
    x = tf.reshape(x, (-1, 784))
    for name in ("0", "1"):
        x = tf.reduce_max(tf.reshape(d.dense(name, x, 1200), (-1, 240, 5)), -1)
        x = tf.nn.dropout(x, 0.5)
    return d.dense("2", x, 1)


def game(draw: Callable, judge: Callable) -> Callable:
    g, d = Network(1e-3, 0.5, 0.999), Network(1e-3, 0.5, 0.999)
    mean = tf.reduce_mean

    def step(images: Any) -> Any:
        count = tf.shape(images)[0]
        fake = draw(g, count)
        judge(d, images)  # makes the weights
        d_loss = d.minimize(
            lambda: mean(softplus(-judge(d, images))) + mean(softplus(judge(d, fake)))
        )
        g_loss = g.minimize(lambda: mean(softplus(-judge(d, draw(g, count)))))
        return d_loss, g_loss

    return step


def wgan_gp(critic_steps: int = 5) -> Callable:
    g, c = Network(1e-3, 0.0, 0.9), Network(1e-3, 0.0, 0.9)

    def judge(x: Any) -> Any:
        return dcgan_judge(c, x, normed=False)

    def step(images: Any) -> Any:
        judge(images[:1])
        for part in tf.split(images, critic_steps):
            count = tf.shape(part)[0]
            fake = dcgan_draw(g, count)
            share = tf.random.uniform((count, 1, 1, 1))
            between = share * part + (1.0 - share) * fake

            def c_loss(part: Any = part, fake: Any = fake, x: Any = between) -> Any:
                with tf.GradientTape() as tape:
                    tape.watch(x)
                    total = tf.reduce_sum(judge(x))
                slope = tape.gradient(total, x)
                norms = tf.sqrt(tf.reduce_sum(tf.square(slope), (1, 2, 3)) + 1e-12)
                distance = tf.reduce_mean(judge(fake)) - tf.reduce_mean(judge(part))
                return distance + 10.0 * tf.reduce_mean(tf.square(norms - 1.0))

            loss = c.minimize(c_loss)
        other = g.minimize(lambda: -tf.reduce_mean(judge(dcgan_draw(g, count))))
        return loss, other

    return step


def latent(k: int, hidden: int = 400, size: int = 50) -> Callable:
    p = Network(2e-3, 0.9, 0.999)

    def network(name: str, x: Any, units: int) -> Any:
        x = tf.tanh(p.dense(f"{name}0", x, hidden))
        return p.dense(f"{name}2", tf.tanh(p.dense(f"{name}1", x, hidden)), units)

    def loss(x: Any) -> Any:
        mean, log_variance = tf.split(network("encoder", x, 2 * size), 2, -1)
        noise = tf.random.normal((k, tf.shape(x)[0], size))
        z = mean + tf.exp(0.5 * log_variance) * noise
        logits = network("decoder", z, 784)
        error = tf.nn.sigmoid_cross_entropy_with_logits(
            tf.broadcast_to(x, tf.shape(logits)), logits
        )
        error = tf.reduce_sum(error, -1)
        if k == 1:  # the divergence in closed form
            squares = tf.exp(log_variance) + tf.square(mean)
            divergence = 0.5 * tf.reduce_sum(squares - 1.0 - log_variance, -1)
            return tf.reduce_mean(error + divergence)
        prior = -0.5 * tf.reduce_sum(tf.square(z) - tf.square(noise) - log_variance, -1)
        return -tf.reduce_mean(tf.reduce_logsumexp(prior - error, 0))

    def step(pixels: Any) -> Any:
        x = tf.cast(tf.random.uniform(tf.shape(pixels)) < pixels, tf.float32)
        x = tf.reshape(x, (-1, 784))
        loss(x)  # makes the weights
        return (p.minimize(lambda: loss(x)),)

    return step


def translate(g: Network, x: Any, width: int = 32) -> Any:
    levels = []
    for i, filters in enumerate((1, 2, 4, 8, 8, 8, 8)):
        x = g.conv(f"down{i}", x, filters * width)
        x = leaky(g.norm(f"down{i}", x) if i else x)
        levels.append(x)
    levels.pop()
    for i, filters in enumerate((8, 8, 8, 4, 2, 1)):
        x = g.norm(f"up{i}", g.upconv(f"up{i}", x, filters * width))
        x = tf.nn.relu(tf.nn.dropout(x, 0.5) if i < 3 else x)
        x = tf.concat([x, levels.pop()], -1)
    return tf.tanh(g.upconv("last", x, 3))


def judge_patches(d: Network, x: Any, width: int = 32) -> Any:
    padded = [[0, 0], [1, 1], [1, 1], [0, 0]]
    for i, filters in enumerate((1, 2, 4, 8)):
        x = d.conv(f"{i}", x, filters * width, 2 if i < 3 else 1, padded)
        x = leaky(d.norm(f"{i}", x) if i else x)
    return d.conv("last", x, 1, 1, padded)


def pix2pix() -> Callable:
    g, d = Network(2e-4, 0.5, 0.999), Network(2e-4, 0.5, 0.999)
    mean = tf.reduce_mean

    def step(given: Any, wanted: Any) -> Any:
        translate(g, given[:1])
        judge_patches(d, tf.concat([given, wanted], -1)[:1])  # these two make the weights
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(list(g.weights.values()))
            fake = translate(g, given)

        def judge(x: Any) -> Any:
            return judge_patches(d, tf.concat([given, x], -1))

        loss = d.minimize(
            lambda: 0.5 * (mean(softplus(-judge(wanted))) + mean(softplus(judge(fake))))
        )
        with tf.GradientTape() as outer:
            outer.watch(fake)
            other = mean(softplus(-judge(fake))) + 100.0 * mean(tf.abs(fake - wanted))
        g.apply(tape.gradient(fake, g.weights, output_gradients=outer.gradient(other, fake)))
        return loss, other

    return step


STEPS: dict[str, Callable[[], Callable]] = {
    "gan": lambda: game(gan_draw, gan_judge),
    "dcgan": lambda: game(dcgan_draw, dcgan_judge),
    "wgan_gp": wgan_gp,
    "vae": lambda: latent(1),
    "iwae": lambda: latent(50),
    "draw": expert_draw.for_tensorflow,
    "pix2pix": pix2pix,
}


def run(name: str) -> Callable[[list[Any]], None]:
    """A function that trains on a list of batches, and ends when it has."""
    step = tf.function(STEPS[name]())

    def run(batches: list[Any]) -> None:
        for batch in batches:
            arrays = batch if isinstance(batch, tuple) else (batch,)
            losses = step(*map(tf.constant, arrays))
        [float(loss) for loss in losses]

    return run
