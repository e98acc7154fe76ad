"""Images per second of `fit` against a hand-written loop, interleaved, for each backend.

    python benchmarks/train_throughput.py [--model cgan] [--backend tensorflow] [--rounds 8]

Both train the same networks with the same optimizers on the same batches. (On PyTorch `fit` runs
Adam in one fused pass, see `quicken` in `zoo/backend/`; the loop leaves it to Keras, which takes
ten.) The hand-written loop is what one writes without this project, in the backend's own terms:
`tf.function` and `GradientTape`, `jax.jit` over explicit state, `torch.autograd.grad`. It computes
the losses and reads them after every step, as a progress line does; it keeps no running means.
Rounds alternate, and the ratio is the median over rounds of fit / loop: above 1, `fit` is faster.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from zoo import BACKENDS  # noqa: E402

MODELS = ("gan", "dcgan", "cgan", "wgan_gp", "vae")
OPPONENTS = ("discriminator", "critic")

Tensor = Any
Turn = tuple[str, Callable]
Variables = dict[str, list[Any]]
State = dict[int, Any]


def turns(model: Any, draw: Callable, slopes: Callable) -> tuple[Callable, list[Turn]]:
    """The game as (player, loss of a batch) in the order they are played, written out by hand.

    Args:
        model: whose networks are played with; labels are not used unless it is conditional.
        draw: `draw(kind, shape)`, the backend's "normal" or "uniform" noise.
        slopes: `slopes(function, x)`, the backend's gradient of the sum of `function(x)` at x.
    """
    from keras import ops

    from zoo.objectives.losses import discriminator_loss, non_saturating_loss

    player = model.network_names[1]
    opponent = model.named_networks[player]

    def negative_bound(images: Tensor, labels: Tensor, fake: Tensor) -> Tensor:
        x = ops.cast(draw("uniform", images.shape) < images, "float32")
        code = model.encoder({"image": x}, training=True)
        mean, log_variance = code["mean"], code["log_variance"]
        z = mean + ops.exp(0.5 * log_variance) * draw("normal", (x.shape[0], model.latent_dim))
        logits = model.decoder({"z": z}, training=True)
        error = ops.sum(ops.softplus(logits) - x * logits, axis=(1, 2, 3))
        square = ops.exp(log_variance) + ops.square(mean)
        divergence = 0.5 * ops.sum(square - 1.0 - log_variance, axis=1)
        return ops.mean(error + divergence)

    if player not in OPPONENTS:
        return negative_bound, [("networks", negative_bound)]  # which never needs fakes

    def fakes(images: Tensor, labels: Tensor) -> Tensor:
        z = draw("normal", (images.shape[0], model.latent_dim))
        inputs = {"z": z, "label": labels} if model.conditional else {"z": z}
        return model.generator(inputs, training=True)

    def discriminate(images: Tensor, labels: Tensor) -> Tensor:
        inputs = {"image": images, "label": labels} if model.conditional else {"image": images}
        return opponent(inputs, training=True)

    def discriminator_objective(images: Tensor, labels: Tensor, fake: Tensor) -> Tensor:
        return discriminator_loss(discriminate(images, labels), discriminate(fake, labels))

    def generator_objective(images: Tensor, labels: Tensor, fake: Tensor) -> Tensor:
        return non_saturating_loss(discriminate(fakes(images, labels), labels))

    def critic_objective(images: Tensor, labels: Tensor, fake: Tensor) -> Tensor:
        share = draw("uniform", (images.shape[0], 1, 1, 1))
        between = share * images + (1.0 - share) * fake
        gradient = slopes(lambda x: discriminate(x, labels), between)
        norm = ops.sqrt(ops.sum(ops.square(gradient), axis=(1, 2, 3)) + 1e-12)
        distance = ops.mean(discriminate(fake, labels)) - ops.mean(discriminate(images, labels))
        return distance + model.penalty * ops.mean(ops.square(norm - 1.0))

    def critic_generator_objective(images: Tensor, labels: Tensor, fake: Tensor) -> Tensor:
        return -ops.mean(discriminate(fakes(images, labels), labels))

    if player == "critic":
        return fakes, [
            *[(player, critic_objective)] * model.n_critic,
            ("generator", critic_generator_objective),
        ]
    return fakes, [(player, discriminator_objective), ("generator", generator_objective)]


def hand_written(model: Any, backend: str) -> Callable:
    """A function `(images, labels) -> losses` that trains `model`: what one writes without us."""
    trained, optimizers = model.trained_variables, model.default_optimizers()
    for player, optimizer in optimizers.items():
        optimizer.build(trained[player])
    write = {"tensorflow": for_tensorflow, "torch": for_torch, "jax": for_jax}[backend]
    return write(model, trained, optimizers)


def parts(array: Tensor, turns: int) -> list[Tensor]:
    """A part of a batch for each turn: equal ones, the last also for the turn that ends a game."""
    count = max(1, turns - 1)
    size = array.shape[0] // count
    cut = [array[i * size : (i + 1) * size] for i in range(count)]
    return [*cut, cut[-1]][:turns]


def for_tensorflow(model: Any, trained: Variables, optimizers: dict[str, Any]) -> Callable:
    import tensorflow as tf

    def slopes(function: Callable, x: Tensor) -> Tensor:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(function(x))
        return tape.gradient(total, x)

    draws = {"normal": tf.random.normal, "uniform": tf.random.uniform}
    fakes, played = turns(model, lambda kind, shape: draws[kind](shape), slopes)

    @tf.function
    def step(images: Any, labels: Any) -> list[Tensor]:
        count = len(played)
        losses = []
        batches = zip(played, parts(images, count), parts(labels, count), strict=True)
        for (player, loss), some, theirs in batches:
            fake = fakes(some, theirs) if player in OPPONENTS else None
            weights = trained[player]
            values = [w.value for w in weights]
            with tf.GradientTape() as tape:
                value = loss(some, theirs, fake)
            optimizers[player].apply(tape.gradient(value, values), weights)
            losses.append(value)
        return losses

    return lambda images, labels: step(tf.constant(images), tf.constant(labels))


def for_torch(model: Any, trained: Variables, optimizers: dict[str, Any]) -> Callable:
    import torch

    def slopes(function: Callable, x: Tensor) -> Tensor:
        x = x.requires_grad_()
        return torch.autograd.grad(torch.sum(function(x)), x, create_graph=True)[0]

    draws = {"normal": torch.randn, "uniform": torch.rand}
    fakes, played = turns(model, lambda kind, shape: draws[kind](shape), slopes)

    def step(images: Any, labels: Any) -> list[Tensor]:
        count = len(played)
        images, labels = torch.from_numpy(images), torch.from_numpy(labels)
        losses = []
        batches = zip(played, parts(images, count), parts(labels, count), strict=True)
        for (player, loss), some, theirs in batches:
            fake = None
            if player in OPPONENTS:
                with torch.no_grad():
                    fake = fakes(some, theirs)
            weights = trained[player]
            value = loss(some, theirs, fake)
            gradients = torch.autograd.grad(value, [w.value for w in weights], allow_unused=True)
            gradients = [
                torch.zeros_like(w.value) if g is None else g
                for g, w in zip(gradients, weights, strict=True)
            ]
            optimizers[player].apply(gradients, weights)
            losses.append(value.detach())
        return losses

    return step


def for_jax(model: Any, trained: Variables, optimizers: dict[str, Any]) -> Callable:
    import jax
    import keras

    everything = [v for network in model.named_networks.values() for v in network.variables]
    everything += [v for o in optimizers.values() for v in o.variables]
    position = {id(v): i for i, v in enumerate(everything)}
    keys: list[Tensor] = []

    def draw(kind: str, shape: tuple[int, ...]) -> Tensor:
        keys[-1], key = jax.random.split(keys[-1])
        return getattr(jax.random, kind)(key, shape)

    def slopes(function: Callable, x: Tensor) -> Tensor:
        return jax.grad(lambda x: jax.numpy.sum(function(x)))(x)

    fakes, played = turns(model, draw, slopes)

    def pure_step(state: State, key: Any, images: Any, labels: Any) -> tuple[State, list[Tensor]]:
        state, losses = dict(state), []
        count = len(played)

        def run(function: Callable, changes: State, key: Tensor) -> tuple[Any, State]:
            keys.append(key)
            mapping = [(v, {**state, **changes}[i]) for i, v in enumerate(everything)]
            with keras.StatelessScope(mapping) as scope:
                result = function()
            keys.pop()
            return result, {i: scope.get_current_value(v) for i, v in enumerate(everything)}

        batches = zip(played, parts(images, count), parts(labels, count), strict=True)
        for (player, loss), some, theirs in batches:
            key, first, second = jax.random.split(key, 3)
            fake = None
            if player in OPPONENTS:
                fake, new = run(lambda a=some, b=theirs: fakes(a, b), {}, first)
                state.update(new)
            chosen = [position[id(v)] for v in trained[player]]

            def objective(
                values: list[Tensor],
                loss: Callable = loss,
                given: tuple[Tensor, ...] = (some, theirs, fake),
                chosen: list[int] = chosen,
                key: Tensor = second,
            ) -> tuple[Any, State]:
                return run(lambda: loss(*given), dict(zip(chosen, values, strict=True)), key)

            (value, new), gradients = jax.value_and_grad(objective, has_aux=True)(
                [state[i] for i in chosen]
            )
            state.update(new)
            optimizer = optimizers[player]
            _, new = run(lambda o=optimizer, g=gradients, p=player: o.apply(g, trained[p]), {}, key)
            state.update(new)
            losses.append(value)
        return state, losses

    compiled = jax.jit(pure_step, donate_argnums=0)
    state = {i: jax.numpy.copy(v.value) for i, v in enumerate(everything)}
    box: dict[str, Any] = {"state": state, "count": 0}

    def step(images: Any, labels: Any) -> list[Tensor]:
        box["count"] += 1
        key = jax.random.key(box["count"])
        box["state"], losses = compiled(box["state"], key, images, labels)
        return losses

    return step


def measure(
    name: str,
    backend: str,
    rounds: int,
    steps: int,
    batch_size: int,
    image_shape: tuple[int, ...],
) -> None:
    import numpy as np

    from zoo import registry
    from zoo.backend import STEPS_PER_EXECUTION, fit_data
    from zoo.data import Dataset
    from zoo.data.batches import Batches

    entry = registry.entry(name)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch_size * 20, *image_shape), dtype=np.uint8)
    labels = rng.integers(0, 10, len(images), dtype=np.int32)
    data = Dataset("noise", images, labels, tuple("0123456789"), "")
    hyperparameters = entry.configure()
    repeats = hyperparameters.get(entry.cls.batches_per_step, 1)
    batches = Batches(data, batch_size, entry.cls.value_range, 0, repeats)

    ours = entry.build(hyperparameters, image_shape=image_shape, num_classes=10)
    ours.compile(steps_per_execution=STEPS_PER_EXECUTION)
    other = entry.build(hyperparameters, image_shape=image_shape, num_classes=10)
    loop_step = hand_written(other, backend)

    def fit(count: int) -> None:
        stream = fit_data(batches.from_step(0), count)
        ours.fit(stream, steps_per_epoch=count, shuffle=False, verbose=0)

    def loop(count: int) -> None:
        stream = batches.from_step(0)
        for _ in range(count):
            [float(loss) for loss in loop_step(*next(stream))]

    speeds: dict[Callable, list[float]] = {fit: [], loop: []}
    for round_ in range(rounds + 1):
        order = (fit, loop) if round_ % 2 else (loop, fit)
        for function in order:
            start = time.perf_counter()
            function(steps)
            if round_:  # the first compiles
                speeds[function].append(steps * batches.batch_size / (time.perf_counter() - start))
    ratios = [a / b for a, b in zip(speeds[fit], speeds[loop], strict=True)]
    print(
        f"{name:6} {backend:10} fit {statistics.median(speeds[fit]):7.0f} images/s   "
        f"loop {statistics.median(speeds[loop]):7.0f}   ratio {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="cgan", choices=MODELS)
    parser.add_argument("--backend", choices=BACKENDS)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--side", type=int, default=28)
    options = parser.parse_args()
    if options.backend is None:  # a process each: Keras cannot switch
        for backend in BACKENDS:
            command = [sys.executable, *sys.argv, "--backend", backend]
            subprocess.run(command, check=True, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"})
        return
    os.environ["KERAS_BACKEND"] = options.backend
    shape = (options.side, options.side, 1)
    measure(
        options.model, options.backend, options.rounds, options.steps, options.batch_size, shape
    )


if __name__ == "__main__":
    main()
