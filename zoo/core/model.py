"""What every model of the zoo is: a `keras.Model` of several networks with one `train_step`.

A subclass declares its hyperparameters as annotated attributes, makes its networks in
`build_networks`, and writes `train_step(self, batch)` once; `zoo/backend/` makes it run on
TensorFlow, JAX and PyTorch. `compile`, `fit`, callbacks, `save` and `load_model` are Keras' own.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, dataclass_transform

import keras
import numpy as np
from keras import ops

from zoo import backend, hyperparameters
from zoo.backend import Batch, devices
from zoo.core import limits
from zoo.core.feeding import check_images, check_labels, checked_data
from zoo.core.optimizers import OptimizerGroup, with_scaled_losses
from zoo.core.priors import PRIORS, Spec
from zoo.data.batches import Batches
from zoo.data.dataset import Dataset
from zoo.errors import RequestError
from zoo.hyperparameters import Fraction, PositiveInt

if TYPE_CHECKING:
    from dataclasses import InitVar

Tensor = Any  # of the running backend
Inputs = Mapping[str, Any]


class Graph(NamedTuple):
    """What an exported file computes: its inputs, the function of them, and its output's name."""

    inputs: dict[str, Spec]
    function: Callable[[Inputs], Tensor]
    output: str


class ScalarMean(keras.metrics.Mean):
    """The mean of scalars. Keras' own also takes shapes and weights, which costs a small step."""

    def update_state(self, value: Tensor) -> None:
        backend.accumulate(self.total, value)
        backend.accumulate(self.count, 1.0)

    def result(self) -> Tensor:
        count = self.count.value  # of no values the mean is 0, as Keras'
        return self.total.value / (count + ops.cast(count == 0, count.dtype))


@dataclass_transform(kw_only_default=True)
class GenerativeModel(keras.Model):
    """Base class of the zoo's models. All arguments are keywords.

    Args:
        image_shape: (height, width, channels) of the images, or (dimensions,) of points.
        num_classes: number of classes of the data, 0 when it has no labels.
        seed: seed of the noise drawn while training.
        latent_dim: length of the noise vector `z`, whose prior is a standard normal.
        conditional: labels are an input of the networks, and of what is drawn.
        ema: decay of the moving average of the weights that draw, 0 for none.
        name, dtype: as of any `keras.Model`; `dtype` is a policy: "float32", "mixed_bfloat16" or
            "mixed_float16".

    Raises:
        RequestError: an unknown argument, or a value that is out of bounds or does not go with
            the others.
    """

    image_shape: tuple[int, ...]
    num_classes: int = 0
    seed: int = 0
    latent_dim: PositiveInt = 64
    conditional: bool = False
    ema: Fraction = 0.0
    if TYPE_CHECKING:  # Keras' own arguments, which every class takes
        name: InitVar[str | None] = None  # type: ignore[assignment]
        dtype: InitVar[Any] = None  # type: ignore[assignment]

    family: ClassVar[str] = "other"
    value_range: ClassVar[tuple[float, float]] = (-1.0, 1.0)  # of images inside the model
    unsupported: ClassVar[dict[str, str]] = {}  # inherited hyperparameters: name to reason
    # The hyperparameter that says how many batches one step takes, and the fewest examples of one.
    batches_per_step: ClassVar[str | None] = None
    smallest_batch: ClassVar[int] = 1
    lowest_label: ClassVar[int] = 0  # -1 where a label may be unknown
    drawing_network: ClassVar[str] = "generator"  # the name of the network that draws
    # What a model can do beyond drawing from noise.
    translates: ClassVar[bool] = False  # it is trained on pairs, to draw one image from another
    has_encoder: ClassVar[bool] = False  # `encode` maps an image to its noise
    has_likelihood: ClassVar[bool] = False  # `log_weights` bounds the likelihood of images
    classifies: ClassVar[bool] = False  # `classify` names the class of an image
    draws_in_steps: ClassVar[bool] = False  # `canvases` shows a drawing step by step

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for kind in ("train_step", "test_step"):
            if kind in cls.__dict__:
                setattr(cls, kind, backend.adapt_step(cls.__dict__[kind], kind))
        cls.__signature__ = hyperparameters.signature(cls)

    def __init__(self, *, name: str | None = None, dtype: Any = None, **given: Any) -> None:
        values = hyperparameters.complete(type(self), given)
        _check_data_fields(values)
        if keras.config.image_data_format() != "channels_last":
            raise RequestError(
                "The zoo's images are (height, width, channels): image_data_format must be "
                "channels_last in keras.json. Received: channels_first"
            )
        super().__init__(name=name, dtype=dtype)
        if self.compute_dtype in {"bfloat16", "float16"} - set(backend.HALF_TYPES):
            others = " or ".join(["float32", *(f"mixed_{name}" for name in backend.HALF_TYPES)])
            raise RequestError(
                f"dtype must be {others} here: PyTorch trains in 16 bits on a GPU, or on a "
                f"processor with instructions for them. Received: {self.dtype_policy.name}"
            )
        for key, value in values.items():
            setattr(self, key, value)
        self.label_classes = self.num_classes if self.conditional else 0  # that the networks see
        self.noise_seed = keras.random.SeedGenerator(self.seed)
        self.recorders: dict[str, ScalarMean] = {}
        self.averages: dict[str, keras.Model] = {}
        self.network_names: tuple[str, ...] = ()
        self.validate()
        with limits.bounded(), _layers_of(self.dtype_policy):
            self.build_networks()
        self._describable = True  # set_networks is for build_networks alone
        self.built = True  # the networks are built as they are made; `call` adds nothing

    def get_config(self) -> dict[str, Any]:
        config = {name: getattr(self, name) for name in hyperparameters.fields(type(self))}
        dtype = keras.dtype_policies.serialize(self.dtype_policy)
        return {**config, "name": self.name, "dtype": dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "GenerativeModel":
        dtype = config.get("dtype")
        if isinstance(dtype, dict):
            config = {**config, "dtype": keras.dtype_policies.deserialize(dtype)}
        return cls(**config)

    # ---- what a subclass defines

    def validate(self) -> None:
        """Refuses hyperparameters that do not go with each other or with the data."""
        if self.conditional and not self.num_classes:
            raise RequestError(
                "A conditional model needs a dataset with class labels. Received: unlabeled data"
            )

    @classmethod
    def usable_preset(cls, preset: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
        """What a preset sets, without what is of no use beside the settings that are chosen."""
        return dict(preset)

    def build_networks(self) -> None:
        """Makes the networks, names them with `set_networks`, and names the metrics (`track`)."""
        raise NotImplementedError

    def set_networks(self, **networks: keras.Model) -> None:
        """Names the networks that are trained; each becomes an attribute."""
        self.network_names = tuple(networks)
        self._describable = False  # until the constructor has ended, or for good
        for name, network in networks.items():
            setattr(self, name, network)

    @property
    def named_networks(self) -> dict[str, keras.Model]:
        """The networks that are trained, by name."""
        return {name: getattr(self, name) for name in self.network_names}

    @property
    def trained_variables(self) -> dict[str, list[keras.Variable]]:
        """Each optimizer's name, and the variables it moves: here each network has its own."""
        return {name: n.trainable_variables for name, n in self.named_networks.items()}

    def default_optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """A new optimizer for each name in `trained_variables`, from the hyperparameters."""
        raise NotImplementedError

    # ---- training

    @classmethod
    def batches(cls, dataset: Dataset, settings: dict[str, Any], seed: int) -> Batches:
        """The `Batches` of a dataset that a model of these hyperparameters is trained on."""
        repeats = settings.get(cls.batches_per_step or "", 1)
        return Batches(dataset, settings["batch_size"], cls.value_range, seed, repeats)

    def compile(
        self,
        optimizer: Any = None,
        *,
        run_eagerly: bool = False,
        jit_compile: bool | str = "auto",
        steps_per_execution: int = 1,
    ) -> None:
        """Configures training.

        Args:
            optimizer: None for the optimizers of the model's hyperparameters; a dict of the names
                in `trained_variables` to optimizers; one optimizer or its name ("adam"), of which
                each network gets a copy of its own; or an `OptimizerGroup`.
            run_eagerly, jit_compile, steps_per_execution: as in `keras.Model.compile`.
        """
        variables = self.trained_variables
        if optimizer is None:
            optimizer = self.default_optimizers()
        if isinstance(optimizer, str | keras.optimizers.Optimizer) and not isinstance(
            optimizer, OptimizerGroup
        ):
            optimizer = _copies(optimizer, variables)
        if not isinstance(optimizer, OptimizerGroup):
            optimizer = OptimizerGroup(optimizer)
        if self.compute_dtype == "float16":
            optimizer = with_scaled_losses(optimizer)
        optimizer.build_members(variables)
        backend.hold_seeds(self)
        super().compile(
            optimizer=optimizer,
            run_eagerly=run_eagerly,
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
            auto_scale_loss=False,  # of the group, whose members scale each its own
        )

    def make_train_function(self, force: bool = False) -> None:
        before = getattr(self, "train_function", None)
        super().make_train_function(force)
        made: Any = getattr(self, "train_function", None)
        if made is not before:
            self.train_function = backend.joined(self, made)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        config = keras.saving.deserialize_keras_object(config)
        accepted = inspect.signature(self.compile).parameters
        self.compile(**{key: value for key, value in config.items() if key in accepted})

    def fit(self, x: Any = None, y: Any = None, **options: Any) -> keras.callbacks.History:
        """Trains the model: `keras.Model.fit`, of data that has been checked.

        Args:
            x: images, float32 (n, height, width, channels) in `value_range`, or points; or
                batches of (images[, labels]): a `tf.data.Dataset`, a PyTorch `DataLoader`, a
                `keras.utils.PyDataset` or a generator.
            y: class labels, integers (n,), where x is an array and the data have labels.
            options: as in `keras.Model.fit`. A step of several batches (`n_critic`,
                `discriminator_steps`) splits a batch of `batch_size` into as many parts.
        """
        if "validation_split" in options or "validation_data" in options:
            self._require_validation()
        x, y = checked_data(self, x, y, options)
        return super().fit(x, y, **options)

    def evaluate(self, x: Any = None, y: Any = None, **options: Any) -> Any:
        """`keras.Model.evaluate`: the validation loss, of models that have one."""
        self._require_validation()
        x, y = checked_data(self, x, y, options)
        return super().evaluate(x, y, **options)

    def check_data(self, images: Any, labels: Any) -> None:
        """Refuses images and labels that the model cannot be trained on.

        Args:
            images: tensor or array (n, ...). labels: as many class indices, or None.
        """
        limits = self.value_range if len(self.image_shape) > 1 else None
        check_images(images, self.image_shape, limits, "Images" if limits else "Points")
        if labels is not None:
            known = self.num_classes if self.conditional else 0  # else the labels are not looked at
            check_labels(labels, len(images), self.lowest_label, known)
        elif self.conditional:
            raise RequestError(
                f"{type(self).__name__} is conditional and needs class labels: fit(images, labels)"
            )

    @classmethod
    def has_validation_loss(cls) -> bool:
        """Whether there is a loss that says how well the model fits images it has not seen."""
        return cls.test_step is not GenerativeModel.test_step

    def _require_validation(self) -> None:
        if not self.has_validation_loss():
            raise RequestError(
                f"{type(self).__name__} has no validation loss: the losses of a game do not say "
                "how good its drawings are. Score the drawings instead, with `genzoo evaluate` or "
                "`genzoo train --evaluate-every`"
            )

    def test_step(self, *args: Any) -> dict[str, Tensor]:
        """The validation loss of a batch; here there is none."""
        raise NotImplementedError(f"{type(self).__name__} has no validation loss")

    def minimize(self, loss_fn: Callable[[], Tensor], name: str) -> Tensor:
        """One step of the optimizer called `name` on `loss_fn()`, a scalar.

        Returns:
            The loss before the step.
        """
        variables = self.optimizer.variables_of[name]
        loss = backend.minimize(loss_fn, variables, self.optimizer[name])
        if name in self.averages:
            self._update_average(name)
        return loss

    def parts(self, batch: Batch) -> list[Batch]:
        """A step's batch as the batches of its `batches_per_step`, in order."""
        return batch.split(self.step_parts, self.smallest_batch)

    @property
    def step_parts(self) -> int:
        """How many batches one step takes."""
        return getattr(self, self.batches_per_step) if self.batches_per_step else 1

    # ---- metrics: the mean over the epoch of what a step records

    def track(self, *names: str) -> None:
        """Declares the values that `record` will take, in the order they are shown."""
        for name in names:
            self.recorders[name] = ScalarMean(name=name)

    def record(self, **values: Tensor) -> None:
        """Adds scalars to their running means. A step ends with `return get_metrics_result()`."""
        for name, value in zip(values, devices.mean(list(values.values())), strict=True):
            self.recorders[name].update_state(value)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self.recorders.values())

    # ---- exponential moving average of a network's weights

    def keep_average(self, name: str) -> None:
        """Keeps, unless `ema` is 0, a copy of a network that averages its weights.

        average += (1 - d) * (weights - average) after each of the network's steps, with
        d = min(ema, (1 + t) / (10 + t)) at its step t, so that the initial weights are forgotten
        early. Batch-norm statistics are averaged alike.
        """
        if self.ema:
            network = self.named_networks[name]
            average = backend.clone(network)
            average.set_weights(network.get_weights())
            average.trainable = False
            self.averages[name] = average

    def _update_average(self, name: str) -> None:
        step = ops.cast(self.optimizer[name].iterations, "float32")
        limit = ops.ones(()) * self.ema  # a number would wait until it is on the device
        decay = ops.minimum(limit, (1.0 + step) / (10.0 + step))
        pairs = zip(self.averages[name].weights, self.named_networks[name].weights, strict=True)
        for average, weight in pairs:
            average.assign_add(ops.cast(1.0 - decay, average.dtype) * (weight - average))

    # ---- drawing

    @property
    def sampler(self) -> keras.Model:
        """The network that draws, or its moving average when one is kept."""
        name = self.drawing_network
        return self.averages.get(name, getattr(self, name))

    @property
    def inputs_spec(self) -> dict[str, Spec]:
        """What a drawing is made of: input name to its "shape", "dtype" and "prior".

        The priors are those of `zoo/core/priors.py`. The sides of an "image" are multiples of
        its `multiple`, those of a "mask" the image's divided by its `divisor`.
        """
        spec = {"z": {"shape": [self.latent_dim], "dtype": "float32", "prior": "normal"}}
        return {**spec, **self.label_spec}

    @property
    def label_spec(self) -> dict[str, Spec]:
        """The label's part of `inputs_spec`, empty for unconditional models."""
        if not self.conditional:
            return {}
        spec = {"shape": [], "dtype": "int32", "prior": "class", "classes": self.num_classes}
        return {"label": spec}

    @property
    def image_spec(self) -> Spec:
        """An image as an input of an encoder."""
        return {"shape": list(self.image_shape), "dtype": "float32", "prior": "image"}

    def sample_inputs(
        self, count: int, labels: Any = None, seed: int | None = None
    ) -> dict[str, Tensor]:
        """The inputs of `count` drawings, with noise from its priors.

        Args:
            count: how many.
            labels: int32 (count,), for conditional models; None takes the classes in turn.
            seed: an integer; None takes the stream of the training.
        """
        inputs = {}
        for index, (name, spec) in enumerate(self.inputs_spec.items()):
            if spec["prior"] == "class" and labels is not None:
                inputs[name] = ops.convert_to_tensor(labels, "int32")
                continue
            stream = self.noise_seed if seed is None else seed + index
            inputs[name] = PRIORS[spec["prior"]](spec, count, stream)
        return inputs

    def inputs_of(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """The inputs of a network that looks at images, and at labels in a conditional model."""
        return {"image": images, "label": labels} if self.conditional else {"image": images}

    def call(self, inputs: Inputs, training: bool = False) -> Tensor:
        """Images (batch, height, width, channels) in `value_range` from a dict of inputs."""
        return self.sampler(inputs, training=training)

    def sample(self, inputs: Inputs) -> Tensor:
        """Images in [0, 1], or points as they are, float32: the function that is exported."""
        return self.to_unit(ops.cast(self.call(inputs), "float32"))

    def to_unit(self, images: Tensor) -> Tensor:
        """Images from `value_range` to [0, 1]; points stay as they are."""
        if len(self.image_shape) == 1:
            return images
        low, high = self.value_range
        return (images - low) / (high - low)

    def from_unit(self, images: Tensor) -> Tensor:
        """Images from [0, 1] to `value_range`; points stay as they are."""
        if len(self.image_shape) == 1:
            return images
        low, high = self.value_range
        return images * (high - low) + low

    @property
    def graphs(self) -> dict[str, Graph]:
        """What is exported, by file name."""
        return {"model": Graph(self.inputs_spec, self.sample, "image")}

    def generate(
        self,
        inputs: int | Inputs,
        labels: Any = None,
        seed: int | None = None,
        batch_size: int = 256,
    ) -> np.ndarray:
        """Draws pictures.

        Args:
            inputs: how many, or a dict of arrays as `sample_inputs` gives.
            labels: class indices (n,), of conditional models; None takes the classes in turn.
            seed: of the noise; None goes on with the model's own stream.
            batch_size: drawings at a time.

        Returns:
            float32 images (n, height, width, channels) in [0, 1], or points (n, dimensions).

        Example:

        >>> import genzoo
        >>> model = genzoo.create_model("gan", image_shape=(8, 8, 1), generator_hidden=16)
        >>> model.generate(4, seed=0).shape
        (4, 8, 8, 1)
        """
        if isinstance(inputs, int | np.integer):
            inputs = self.sample_inputs(int(inputs), labels, seed)
        return in_batches(self.sample, inputs, batch_size)

    # ---- saving

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None) -> None:
        """Saves the model as one .keras file; `genzoo.load_model` reads it."""
        if not str(filepath).endswith(".keras"):
            raise RequestError(f"save writes a .keras file. Received: {filepath}")
        if not self._describable:
            raise RequestError(
                "Only the networks that the hyperparameters describe can be read back: subclass "
                f"{type(self).__name__} and make your own in build_networks. Received: networks "
                "given to set_networks"
            )
        super().save(filepath, overwrite=overwrite, zipped=zipped)

    def export(self, *args: Any, **kwargs: Any) -> None:
        """Refused: `genzoo export` writes verified ONNX and TFLite files of a run."""
        raise RequestError(
            "A model is exported from its run: train it with `genzoo train`, then `genzoo export`. "
            "Received: a call of export"
        )


class Encoder(GenerativeModel):
    """A `GenerativeModel` that also maps images to their noise `z`."""

    has_encoder: ClassVar[bool] = True

    def encode_inputs(self, inputs: Inputs) -> Tensor:
        """The noise of a dict of tensors, "image" in [0, 1] and, if conditional, "label"."""
        raise NotImplementedError

    @property
    def graphs(self) -> dict[str, Graph]:
        spec = {"image": self.image_spec, **self.encoder_labels}
        return {**super().graphs, "encoder": Graph(spec, self.encode_inputs, "z")}

    @property
    def encoder_labels(self) -> dict[str, Spec]:
        """The label's part of the encoder's inputs."""
        return self.label_spec

    def encode(self, images: Any, labels: Any = None, batch_size: int = 256) -> np.ndarray:
        """The noise `z` (n, ...) that draws images like these.

        Args:
            images: float images (n, height, width, channels) in [0, 1], uint8 ones, or points.
            labels: class indices (n,), where the encoder sees labels.
            batch_size: images at a time.
        """
        inputs = {"image": as_unit(images)}
        if self.encoder_labels:
            if labels is None:
                raise RequestError(
                    f"{type(self).__name__} encodes an image with its label: encode(images, labels)"
                )
            inputs["label"] = np.asarray(labels, "int32")
        return in_batches(self.encode_inputs, inputs, batch_size)

    def reconstruct(self, images: Any, labels: Any = None, batch_size: int = 256) -> np.ndarray:
        """What the model draws from the codes of images; arguments as in `encode`."""
        inputs = {"z": self.encode(images, labels, batch_size)}
        if self.conditional:
            inputs["label"] = np.asarray(labels, "int32")
        return self.generate(inputs, batch_size=batch_size)


def as_unit(images: Any) -> np.ndarray:
    """Images as float32, uint8 ones divided by 255."""
    images = np.asarray(images)
    return (
        images.astype("float32") / 255.0 if images.dtype == np.uint8 else images.astype("float32")
    )


def in_batches(
    function: Callable[[Inputs], Tensor], inputs: Inputs, batch_size: int = 256
) -> np.ndarray:
    """A function of a dict of tensors, applied to a dict of arrays in batches."""
    count = len(next(iter(inputs.values())))
    results = []
    for start in range(0, count, batch_size):
        rows = slice(start, start + batch_size)
        batch = {name: ops.convert_to_tensor(value[rows]) for name, value in inputs.items()}
        results.append(ops.convert_to_numpy(function(batch)))
    return np.concatenate(results)


def _check_data_fields(values: dict[str, Any]) -> None:
    shape = values["image_shape"]
    whole = isinstance(shape, tuple | list) and all(
        isinstance(side, int | np.integer) and 0 < side < 2**31 for side in shape
    )
    if not whole or len(shape) not in (1, 3):
        raise RequestError(
            "image_shape must be (height, width, channels), or (dimensions,) of points. "
            f"Received: {shape!r}"
        )
    values["image_shape"] = tuple(int(side) for side in shape)
    for name in ("num_classes", "seed"):
        value = values[name]
        if not isinstance(value, int | np.integer) or not 0 <= value < 2**31:
            raise RequestError(f"{name} must be an integer from 0. Received: {value!r}")
        values[name] = int(value)


@contextmanager
def _layers_of(policy: Any) -> Iterator[None]:
    """Layers made inside take a dtype policy of their own."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _copies(optimizer: Any, names: Any) -> dict[str, keras.optimizers.Optimizer]:
    """A copy of an optimizer, or of the one so called, for each name."""
    original = keras.optimizers.get(optimizer)
    return {name: type(original).from_config(original.get_config()) for name in names}
