"""What every model of the zoo is: a `keras.Model` of several networks with one `train_step`.

A subclass builds its networks in `__init__`, says in `trained` which optimizer trains what, and
writes `train_step(self, batch)` once; `backend.py` makes it run on the three
backends. `compile`, `fit`, callbacks, `save` and `load_model` are Keras' own.
"""

import inspect

import keras
import numpy as np
from keras import ops

from zoo import backend
from zoo.core.optimizers import OptimizerGroup
from zoo.data.batches import Batches
from zoo.errors import RequestError
from zoo.hyperparameters import DATA_ARGUMENTS, check_fraction, check_positive, complete


class ScalarMean(keras.metrics.Mean):
    """The mean of scalars. Keras' own also takes shapes and weights, which costs a small step."""

    def update_state(self, value):
        backend.accumulate(self.total, value)
        backend.accumulate(self.count, 1.0)

    def result(self):
        return self.total.value / ops.maximum(self.count.value, 1.0)  # 0 of no values, as Keras'


class GenerativeModel(keras.Model):
    """Base class of the zoo's models.

    A subclass builds its networks, names them with `set_players`, and defines
    `default_optimizers` and `train_step`. Its constructor takes `image_shape`, `num_classes` and
    `seed`; every further keyword is a hyperparameter (see `zoo/hyperparameters.py`).

    Args:
        image_shape: (height, width, channels) of the images, or (dimensions,) of points.
        num_classes: number of classes of the data, 0 when it has no labels.
        seed: seed of the noise drawn while training.
        latent_dim: length of the noise vector `z`, whose prior is a standard normal.
        conditional: labels are an input of the networks, and of what is drawn.
        ema: decay of the moving average of the weights that draw, 0 for none.
    """

    value_range = (-1.0, 1.0)  # of images inside the model; outside they are in [0, 1]
    translates = False  # whether it is trained on pairs: an image is to be drawn from another
    repeats = None  # the hyperparameter that says how many batches one step takes
    unfit = {}  # inherited hyperparameters that do not fit this model: name to reason

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "train_step" in cls.__dict__:
            cls.train_step = backend.adapt_step(cls.train_step)

    def __new__(cls, *args, **kwargs):
        model = super().__new__(cls, *args, **kwargs)
        bound = inspect.signature(cls.__init__).bind(model, *args, **kwargs)
        bound.apply_defaults()
        given = {key: value for key, value in bound.arguments.items() if key != "self"}
        given.update(given.pop("options", {}))
        data = {key: given.pop(key) for key in DATA_ARGUMENTS if key in given}
        # Keras refuses setattr before its own __init__.
        object.__setattr__(model, "_arguments", {**data, **complete(cls, given)})
        return model

    def get_config(self):
        return dict(self._arguments)

    def __init__(
        self,
        image_shape,
        num_classes=0,
        seed=0,
        latent_dim: int = 64,
        conditional: bool = False,
        ema: float = 0.0,
    ):
        super().__init__()
        check_positive(latent_dim=latent_dim)
        check_fraction(ema=ema)
        if conditional and not num_classes:
            raise RequestError(
                "A conditional model needs a dataset with class labels. Received: unlabeled data"
            )
        self.image_shape = tuple(image_shape)
        self.latent_dim = latent_dim
        self.conditional = conditional
        self.num_classes = num_classes
        self.label_classes = num_classes if conditional else 0  # that the networks see
        self.ema = ema
        self.seed = seed
        self.noise_seed = keras.random.SeedGenerator(seed)
        self.recorders = {}
        self.averages = {}
        self.built = True  # the networks are built as they are made; `call` adds nothing

    def set_players(self, **networks):
        """Names the networks that are trained, as attributes. The one that draws comes first."""
        self.player_names = tuple(networks)
        for name, network in networks.items():
            setattr(self, name, network)

    @property
    def players(self):
        """Dict of name to network, of those that are trained."""
        return {name: getattr(self, name) for name in self.player_names}

    @property
    def trained(self):
        """Dict of an optimizer's name to the variables it moves: here each player has its own."""
        return {player: network.trainable_variables for player, network in self.players.items()}

    def default_optimizers(self):
        """Dict of the names in `trained` to new optimizers, from the hyperparameters."""
        raise NotImplementedError

    # ---- training

    @classmethod
    def batches(cls, dataset, hyperparameters, seed):
        """The `Batches` of a dataset that a model of these hyperparameters is trained on."""
        repeats = hyperparameters.get(cls.repeats, 1)
        return Batches(dataset, hyperparameters["batch_size"], cls.value_range, seed, repeats)

    def compile(
        self, optimizer=None, *, run_eagerly=False, jit_compile="auto", steps_per_execution=1
    ):
        """Configures training.

        Args:
            optimizer: None for the optimizers of the model's hyperparameters, else a dict of
                the names in `trained` to `keras.optimizers.Optimizer`s, or an `OptimizerGroup`.
            run_eagerly, jit_compile, steps_per_execution: as in `keras.Model.compile`.
        """
        optimizer = optimizer or self.default_optimizers()
        if not isinstance(optimizer, OptimizerGroup):
            optimizer = OptimizerGroup(optimizer)
        optimizer.build_players(self.trained)
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
        variables = self.optimizer.variables_of[player]
        loss = backend.minimize(loss_fn, variables, self.optimizer[player])
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
            self.recorders[name] = ScalarMean(name=name)

    def record(self, **values):
        """Adds scalars to their running means. A step ends with `return get_metrics_result()`."""
        for name, value in values.items():
            self.recorders[name].update_state(value)

    @property
    def metrics(self):
        return list(self.recorders.values())

    # ---- exponential moving average of a player's weights

    def keep_average(self, player):
        """Keeps, unless `ema` is 0, a copy of `player`'s network that averages its weights.

        average += (1 - d) * (weights - average) after each of the player's steps, with
        d = min(ema, (1 + t) / (10 + t)) at its step t, so that the initial weights are forgotten
        early. Batch-norm statistics are averaged alike.
        """
        if self.ema:
            network = self.players[player]
            average = keras.models.clone_model(network)
            average.set_weights(network.get_weights())
            average.trainable = False
            self.averages[player] = average

    def _update_average(self, player):
        step = ops.cast(self.optimizer[player].iterations, "float32")
        decay = ops.minimum(self.ema, (1.0 + step) / (10.0 + step))
        pairs = zip(self.averages[player].weights, self.players[player].weights, strict=True)
        for average, weight in pairs:
            average.assign_add(ops.cast(1.0 - decay, average.dtype) * (weight - average))

    # ---- drawing

    @property
    def sampler(self):
        """The network that draws: the generator, or its average when one is kept."""
        player = self.player_names[0]
        return self.averages.get(player, self.players[player])

    @property
    def inputs_spec(self):
        """What a drawing is made of: dict of input name to its shape, dtype and prior.

        The same dict describes the inputs of the exported graph; `export/runtime.py` draws from
        the same priors with numpy. Priors: "normal", standard; "uniform", on [-1, 1]; "category",
        whole numbers below `classes`; "class", a label below `classes`; "mixture", Gaussians of
        standard deviation `std` around `means`; "mask", 1 / `keep` with probability `keep`, else 0;
        "image", a picture in [0, 1] that somebody gives, for which uniform noise stands in. The
        sides of an image are multiples of its `multiple`, those of a mask the image's divided by
        its `divisor`.
        """
        spec = {"z": {"shape": [self.latent_dim], "dtype": "float32", "prior": "normal"}}
        return {**spec, **self.label_spec}

    @property
    def label_spec(self):
        """The label's part of `inputs_spec`, empty for unconditional models."""
        if not self.conditional:
            return {}
        spec = {"shape": [], "dtype": "int32", "prior": "class", "classes": self.num_classes}
        return {"label": spec}

    def sample_inputs(self, count, labels=None, seed=None):
        """A dict of inputs for `count` drawings, noise from its priors.

        Args:
            count: how many.
            labels: int32 (count,), for conditional models; None takes the classes in turn.
            seed: whole number; None takes the training's stream.
        """
        inputs = {}
        for index, (name, spec) in enumerate(self.inputs_spec.items()):
            stream = self.noise_seed if seed is None else seed + index
            shape = (count, *spec["shape"])
            if spec["prior"] == "class":
                if labels is None:
                    labels = ops.arange(count, dtype="int32") % spec["classes"]
                inputs[name] = ops.convert_to_tensor(labels, "int32")
            elif spec["prior"] == "category":
                inputs[name] = keras.random.randint(shape, 0, spec["classes"], seed=stream)
            elif spec["prior"] == "uniform":
                inputs[name] = keras.random.uniform(shape, -1.0, 1.0, seed=stream)
            elif spec["prior"] == "image":
                inputs[name] = keras.random.uniform(shape, seed=stream)
            elif spec["prior"] == "mask":
                kept = keras.random.uniform(shape, seed=stream) < spec["keep"]
                inputs[name] = ops.cast(kept, "float32") / spec["keep"]
            elif spec["prior"] == "mixture":
                means = ops.convert_to_tensor(spec["means"], "float32")
                chosen = keras.random.randint((count,), 0, len(spec["means"]), seed=stream)
                stream = stream if seed is None else seed + len(self.inputs_spec) + index
                noise = keras.random.normal(shape, seed=stream)
                inputs[name] = ops.take(means, chosen, axis=0) + spec["std"] * noise
            else:
                inputs[name] = keras.random.normal(shape, seed=stream)
        return inputs

    def call(self, inputs, training=False):
        """Images (batch, height, width, channels) in `value_range` from a dict of inputs."""
        return self.sampler(inputs, training=training)

    def draw(self, inputs):
        """Images in [0, 1], or points as they are: the function that is exported."""
        return self.to_unit(self.call(inputs))

    def to_unit(self, images):
        """Images from `value_range` to [0, 1]; points stay as they are."""
        if len(self.image_shape) == 1:
            return images
        low, high = self.value_range
        return (images - low) / (high - low)

    @property
    def graphs(self):
        """What is exported: file name to (spec of its inputs, function of them, output's name)."""
        return {"model": (self.inputs_spec, self.draw, "image")}

    def generate(self, inputs, batch_size=256):
        """`draw` in batches: numpy inputs to float32 numpy images (n, h, w, c) in [0, 1]."""
        count = len(next(iter(inputs.values())))
        images = []
        for start in range(0, count, batch_size):
            rows = slice(start, start + batch_size)
            batch = {name: ops.convert_to_tensor(value[rows]) for name, value in inputs.items()}
            images.append(ops.convert_to_numpy(self.draw(batch)))
        return np.concatenate(images)
