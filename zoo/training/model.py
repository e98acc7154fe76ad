"""What every model of the zoo is: a `keras.Model` of several networks with one `train_step`.

A subclass builds its networks in `__init__`, says in `players` which optimizer trains which
network, and writes `train_step(self, batch)` once; `gradients.py` makes it run on the three
backends. `compile`, `fit`, callbacks, `save` and `load_model` are Keras' own.
"""

import inspect

import keras
import numpy as np
from keras import ops

from zoo.errors import RequestError
from zoo.training import gradients
from zoo.training.optimizers import OptimizerGroup


class GenerativeModel(keras.Model):
    """Base class of the zoo's models.

    A subclass defines `players`, `default_optimizers` and `train_step`; its constructor takes
    `image_shape`, `num_classes` and `seed`, and every further keyword is a hyperparameter with a
    type annotation and a default. All are plain values, so Keras saves them by itself.

    Args:
        image_shape: (height, width, channels) of the data.
        latent_dim: length of the noise vector `z`, whose prior is a standard normal.
        num_classes: number of classes of the data, 0 when it has no labels.
        seed: seed of the noise drawn while training.
    """

    conditional = False  # True when labels are an input of the generator
    value_range = (-1.0, 1.0)  # of the images inside the model; outside they are in [0, 1]

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "train_step" in cls.__dict__:
            cls.train_step = gradients.adapt_step(cls.train_step)

    def __new__(cls, *args, **kwargs):
        model = super().__new__(cls, *args, **kwargs)
        bound = inspect.signature(cls.__init__).bind(model, *args, **kwargs)
        bound.apply_defaults()
        arguments = {key: value for key, value in bound.arguments.items() if key != "self"}
        object.__setattr__(model, "_arguments", arguments)  # Keras refuses setattr before init
        return model

    def get_config(self):
        return dict(self._arguments)

    def __init__(self, image_shape, latent_dim, num_classes=0, seed=0):
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.latent_dim = latent_dim
        self.num_classes = num_classes
        self.noise_seed = keras.random.SeedGenerator(seed)
        self.recorders = {}
        self.averages = {}
        self.built = True  # the networks are built as they are made; `call` adds nothing

    @property
    def players(self):
        """Dict of player name to the network its optimizer trains, the generator first."""
        raise NotImplementedError

    def default_optimizers(self):
        """Dict of player name to a new optimizer, from the hyperparameters."""
        raise NotImplementedError

    # ---- training

    def compile(
        self, optimizer=None, *, run_eagerly=False, jit_compile="auto", steps_per_execution=1
    ):
        """Configures training.

        Args:
            optimizer: None for the optimizers of the model's hyperparameters, else a dict of
                player name to `keras.optimizers.Optimizer`, or an `OptimizerGroup`.
            run_eagerly, jit_compile, steps_per_execution: as in `keras.Model.compile`.
        """
        optimizer = optimizer or self.default_optimizers()
        if not isinstance(optimizer, OptimizerGroup):
            optimizer = OptimizerGroup(optimizer)
        optimizer.build_players(
            {player: network.trainable_variables for player, network in self.players.items()}
        )
        super().compile(
            optimizer=optimizer,
            run_eagerly=run_eagerly,
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
        )

    def compile_from_config(self, config):
        config = keras.saving.deserialize_keras_object(config)
        accepted = inspect.signature(self.compile).parameters
        self.compile(**{key: value for key, value in config.items() if key in accepted})

    def minimize(self, loss_fn, player):
        """One step of `player`'s optimizer on `loss_fn()`, a scalar. Returns the loss before it."""
        variables = self.players[player].trainable_variables
        loss = gradients.minimize(loss_fn, variables, self.optimizer[player])
        if player in self.averages:
            self._update_average(player)
        return loss

    def test_step(self, *args):
        raise NotImplementedError(
            f"{type(self).__name__} has no validation loss: fit() takes no validation_data, and "
            "evaluate() is not defined"
        )

    # ---- metrics: the mean over the epoch of what a step records

    def track(self, *names):
        """Declares the values that `record` will take, in the order they are shown."""
        for name in names:
            self.recorders[name] = keras.metrics.Mean(name=name)

    def record(self, **values):
        """Adds scalars to their running means. A step ends with `return get_metrics_result()`."""
        for name, value in values.items():
            self.recorders[name].update_state(value)

    @property
    def metrics(self):
        return list(self.recorders.values())

    # ---- exponential moving average of a player's weights

    def keep_average(self, player, decay):
        """Keeps a copy of `player`'s network whose weights average its own over the steps.

        average += (1 - d) * (weights - average) after each of the player's steps, with
        d = min(decay, (1 + t) / (10 + t)) at its step t, so that the initial weights are
        forgotten early. Batch-norm statistics are averaged alike. `decay` 0 keeps none.
        """
        if decay:
            network = self.players[player]
            average = keras.models.clone_model(network)
            average.set_weights(network.get_weights())
            average.trainable = False
            self.averages[player] = average
        self.average_decay = decay

    def _update_average(self, player):
        step = ops.cast(self.optimizer[player].iterations, "float32")
        decay = ops.minimum(self.average_decay, (1.0 + step) / (10.0 + step))
        pairs = zip(self.averages[player].weights, self.players[player].weights, strict=True)
        for average, weight in pairs:
            average.assign_add(ops.cast(1.0 - decay, average.dtype) * (weight - average))

    # ---- drawing

    @property
    def sampler(self):
        """The network that draws: the generator, or its average when one is kept."""
        player, network = next(iter(self.players.items()))
        return self.averages.get(player, network)

    @property
    def inputs_spec(self):
        """What a drawing is made of: dict of input name to its shape, dtype and prior.

        The same dict describes the inputs of the exported graph.
        """
        spec = {"z": {"shape": [self.latent_dim], "dtype": "float32", "prior": "normal"}}
        if self.conditional:
            spec["label"] = {
                "shape": [],
                "dtype": "int32",
                "prior": "class",
                "classes": self.num_classes,
            }
        return spec

    def sample_prior(self, count, seed=None):
        """Noise (count, latent_dim) from the prior; from `seed`, else the training stream."""
        seed = self.noise_seed if seed is None else seed
        return keras.random.normal((count, self.latent_dim), seed=seed)

    def call(self, inputs, training=False):
        """Images (batch, height, width, channels) in `value_range` from a dict of inputs."""
        return self.sampler(inputs, training=training)

    def draw(self, inputs):
        """Images in [0, 1] from a dict of inputs: the function that is exported."""
        low, high = self.value_range
        return (self.sampler(inputs, training=False) - low) / (high - low)

    def generate(self, inputs, batch_size=256):
        """`draw` in batches: numpy inputs to float32 numpy images (n, h, w, c) in [0, 1]."""
        count = len(next(iter(inputs.values())))
        images = []
        for start in range(0, count, batch_size):
            rows = slice(start, start + batch_size)
            batch = {name: ops.convert_to_tensor(value[rows]) for name, value in inputs.items()}
            images.append(ops.convert_to_numpy(self.draw(batch)))
        return np.concatenate(images)


def check_positive(**values):
    """Refuses numbers that are not above zero, by name."""
    for name, value in values.items():
        if not 0 < value < 2**31:
            kind = "integer" if isinstance(value, int) else "number"
            raise RequestError(f"{name} must be a positive {kind}. Received: {value}")


def check_fraction(**values):
    """Refuses numbers outside [0, 1), by name."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise RequestError(f"{name} must be at least 0 and below 1. Received: {value}")
