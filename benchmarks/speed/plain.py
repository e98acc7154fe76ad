"""Training steps of Keras networks and optimizers as Keras' guides write them by hand.

They train the very networks and optimizers of a model of ours, in the backend's own terms:
`tf.function` and `GradientTape`, `jax.jit` over explicit state, `torch.autograd.grad`; they keep no
running means.
"""

import math
from collections.abc import Callable
from typing import Any

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
        if hasattr(model, "glimpses"):
            return drawn_bound(model, x, draw)
        code = model.encoder({"image": x}, training=True)
        mean, log_variance = code["mean"], code["log_variance"]
        k = getattr(model, "k", 1)
        noise = draw("normal", (k, x.shape[0], model.latent_dim))
        z = mean + ops.exp(0.5 * log_variance) * noise
        logits = model.decoder({"z": ops.reshape(z, (-1, model.latent_dim))}, training=True)
        logits = ops.reshape(logits, (k, *x.shape))
        error = ops.sum(ops.softplus(logits) - x * logits, axis=(2, 3, 4))
        if k == 1:  # the divergence in closed form
            return ops.mean(error[0] + divergence(mean, log_variance))
        prior = -0.5 * ops.sum(ops.square(z) - ops.square(noise) - log_variance, axis=-1)
        return math.log(k) - ops.mean(ops.logsumexp(prior - error, axis=0))

    if player not in OPPONENTS:
        return negative_bound, [("networks", negative_bound)]  # which never needs fakes

    if hasattr(model, "l1_weight"):
        return translations(model)

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


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """From a diagonal Gaussian to the standard one, a number for each example."""
    from keras import ops

    square = ops.exp(log_variance) + ops.square(mean)
    return 0.5 * ops.sum(square - 1.0 - log_variance, axis=1)


def drawn_bound(model: Any, x: Tensor, draw: Callable) -> Tensor:
    """DRAW's negative bound of binary images, its steps one after the other."""
    from keras import ops

    state = ops.zeros((x.shape[0], model.hidden))
    blank = ops.convert_to_tensor(model.decoder.get_layer("next_canvas").blank)
    encoded = {"hidden": state, "cell": state}
    decoded = {"canvas": ops.broadcast_to(blank, x.shape), **encoded}
    total = 0.0
    for _ in range(model.glimpses):
        error = x - ops.sigmoid(decoded["canvas"])
        glimpse = {"image": x, "error": error, "decoded": decoded["hidden"]}
        code = model.encoder({**glimpse, **encoded}, training=True)
        encoded = {name: code[name] for name in encoded}
        mean, log_variance = code["mean"], code["log_variance"]
        z = mean + ops.exp(0.5 * log_variance) * draw("normal", (x.shape[0], model.latent_dim))
        total = total + divergence(mean, log_variance)
        decoded = model.decoder({"z": z, **decoded}, training=True)
    logits = decoded["canvas"]
    return ops.mean(total + ops.sum(ops.softplus(logits) - x * logits, axis=(1, 2, 3)))


def translations(model: Any) -> tuple[Callable, list[Turn]]:
    """As `turns`, of pix2pix, whose labels are the images to draw."""
    from keras import ops

    from zoo.objectives.losses import discriminator_loss, non_saturating_loss

    def fakes(given: Tensor, wanted: Tensor) -> Tensor:
        return model.generator({"input": given}, training=True)

    def judge(given: Tensor, image: Tensor) -> Tensor:
        return model.discriminator({"image": image, "input": given}, training=True)

    def discriminator_objective(given: Tensor, wanted: Tensor, fake: Tensor) -> Tensor:
        return 0.5 * discriminator_loss(judge(given, wanted), judge(given, fake))

    def generator_objective(given: Tensor, wanted: Tensor, fake: Tensor) -> Tensor:
        image = fakes(given, wanted)
        error = ops.mean(ops.abs(wanted - image))
        return non_saturating_loss(judge(given, image)) + model.l1_weight * error

    return fakes, [("discriminator", discriminator_objective), ("generator", generator_objective)]


def run(model: Any, backend: str) -> Callable[[list[Any]], None]:
    """A function that trains a model on a list of batches (images, labels) and then ends."""
    trained, optimizers = model.trained_variables, model.default_optimizers()
    for player, optimizer in optimizers.items():
        optimizer.build(trained[player])
    write = {"tensorflow": for_tensorflow, "torch": for_torch, "jax": for_jax}[backend]
    step = write(model, trained, optimizers)

    def run(batches: list[Any]) -> None:
        for batch in batches:
            losses = step(*batch)
        [float(loss) for loss in losses]

    return run


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
