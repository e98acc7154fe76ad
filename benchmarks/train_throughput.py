"""Images per second of `fit` against a hand-written loop, interleaved, for each backend.

    python benchmarks/train_throughput.py [--model cgan] [--backend tensorflow] [--rounds 8]

Both train the same networks with the same optimizers on the same batches. The hand-written loop is
what one writes without this project, in the backend's own terms: `tf.function` and `GradientTape`,
`jax.jit` over explicit state, `torch.autograd.grad`. It computes the losses and reads both after
every step, as a progress line does; it keeps no running means. Rounds alternate, and the ratio is
the median over rounds of fit / loop: above 1, `fit` is the faster one.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from zoo import BACKENDS  # noqa: E402


def hand_written(model, backend):
    """A function `(images, labels) -> (discriminator loss, generator loss)` that trains `model`."""
    from zoo.losses import discriminator_loss, non_saturating_loss

    generator, discriminator = model.generator, model.discriminator
    optimizers = model.default_optimizers()
    for player, optimizer in optimizers.items():
        optimizer.build(model.players[player].trainable_variables)

    def fakes(z, labels):
        inputs = {"z": z, "label": labels} if model.conditional else {"z": z}
        return generator(inputs, training=True)

    def judge(images, labels):
        inputs = {"image": images, "label": labels} if model.conditional else {"image": images}
        return discriminator(inputs, training=True)

    def play_discriminator(images, fake, labels):
        return discriminator_loss(judge(images, labels), judge(fake, labels))

    def play_generator(z, labels):
        return non_saturating_loss(judge(fakes(z, labels), labels))

    if backend == "tensorflow":
        import tensorflow as tf

        @tf.function
        def step(images, labels):
            shape = (tf.shape(images)[0], model.latent_dim)
            fake = fakes(tf.random.normal(shape), labels)
            with tf.GradientTape() as tape:
                d_loss = play_discriminator(images, fake, labels)
            weights = discriminator.trainable_variables
            values = [w.value for w in weights]
            optimizers["discriminator"].apply(tape.gradient(d_loss, values), weights)
            with tf.GradientTape() as tape:
                g_loss = play_generator(tf.random.normal(shape), labels)
            weights = generator.trainable_variables
            values = [w.value for w in weights]
            optimizers["generator"].apply(tape.gradient(g_loss, values), weights)
            return d_loss, g_loss

        return step

    if backend == "torch":
        import torch

        def step(images, labels):
            images, labels = torch.from_numpy(images), torch.from_numpy(labels)
            with torch.no_grad():
                fake = fakes(torch.randn(len(images), model.latent_dim), labels)
            losses = []
            for player, loss in (
                ("discriminator", lambda: play_discriminator(images, fake, labels)),
                (
                    "generator",
                    lambda: play_generator(torch.randn(len(images), model.latent_dim), labels),
                ),
            ):
                weights = model.players[player].trainable_variables
                value = loss()
                gradients = torch.autograd.grad(value, [w.value for w in weights])
                optimizers[player].apply(gradients, weights)
                losses.append(value.detach())
            return losses

        return step

    import jax
    import keras

    groups = {
        player: (network.trainable_variables, network.non_trainable_variables)
        for player, network in model.players.items()
    }
    everything = [v for pair in groups.values() for group in pair for v in group]
    everything += [v for o in optimizers.values() for v in o.variables]
    position = {id(v): i for i, v in enumerate(everything)}

    def pure_step(state, key, images, labels):
        state = dict(state)

        def run(function, changes):
            mapping = [(v, {**state, **changes}[i]) for i, v in enumerate(everything)]
            with keras.StatelessScope(mapping) as scope:
                result = function()
            return result, {i: scope.get_current_value(v) for i, v in enumerate(everything)}

        keys = jax.random.split(key)
        shape = (images.shape[0], model.latent_dim)
        fake, new = run(lambda: fakes(jax.random.normal(keys[0], shape), labels), {})
        state.update(new)
        losses = []
        for player, loss in (
            ("discriminator", lambda: play_discriminator(images, fake, labels)),
            ("generator", lambda: play_generator(jax.random.normal(keys[1], shape), labels)),
        ):
            chosen = [position[id(v)] for v in groups[player][0]]

            def objective(values, loss=loss, chosen=chosen):
                return run(loss, dict(zip(chosen, values, strict=True)))

            (value, new), gradients = jax.value_and_grad(objective, has_aux=True)(
                [state[i] for i in chosen]
            )
            state.update(new)
            optimizer = optimizers[player]
            _, new = run(lambda o=optimizer, g=gradients, p=player: o.apply(g, groups[p][0]), {})
            state.update(new)
            losses.append(value)
        return state, losses

    compiled = jax.jit(pure_step, donate_argnums=0)
    box = {"state": {i: jax.numpy.copy(v.value) for i, v in enumerate(everything)}, "count": 0}

    def step(images, labels):
        box["count"] += 1
        key = jax.random.key(box["count"])
        box["state"], losses = compiled(box["state"], key, images, labels)
        return losses

    return step


def measure(name, backend, rounds, steps, batch_size, image_shape):
    import numpy as np

    from zoo import registry
    from zoo.data import Dataset
    from zoo.training.batches import Batches
    from zoo.training.gradients import fit_data

    entry = registry.entry(name)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (batch_size * 4, *image_shape), dtype=np.uint8)
    labels = rng.integers(0, 10, len(images), dtype=np.int32)
    data = Dataset("noise", images, labels, tuple("0123456789"), "")
    batches = Batches(data, batch_size, (-1, 1), 0)

    ours = entry.build(image_shape, 10, entry.configure(), 0)
    ours.compile()
    other = entry.build(image_shape, 10, entry.configure(), 0)
    loop_step = hand_written(other, backend)

    def fit(count):
        stream = fit_data(partial(batches.from_step, 0))
        ours.fit(stream, steps_per_epoch=count, shuffle=False, verbose=0)

    def loop(count):
        stream = batches.from_step(0)
        for _ in range(count):
            [float(loss) for loss in loop_step(*next(stream))]

    speeds = {fit: [], loop: []}
    for round_ in range(rounds + 1):
        order = (fit, loop) if round_ % 2 else (loop, fit)
        for function in order:
            start = time.perf_counter()
            function(steps)
            if round_:  # the first compiles
                speeds[function].append(steps * batch_size / (time.perf_counter() - start))
    ratios = [a / b for a, b in zip(speeds[fit], speeds[loop], strict=True)]
    print(
        f"{name:6} {backend:10} fit {statistics.median(speeds[fit]):7.0f} images/s   "
        f"loop {statistics.median(speeds[loop]):7.0f}   ratio {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f})",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="cgan", choices=("gan", "dcgan", "cgan"))
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
