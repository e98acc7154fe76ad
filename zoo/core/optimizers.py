"""One Keras optimizer made of several: one for each network of a game.

Keras' trainer knows a single `model.optimizer`: it checkpoints it, saves it with the model, and
on JAX threads exactly its variables through the compiled step. Optimizers hung on other
attributes would train silently wrong there (Adam's moments reset each step).
"""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from zoo import backend
from zoo.errors import RequestError


@keras.saving.register_keras_serializable("genzoo")
class OptimizerGroup(keras.optimizers.Optimizer):
    """Named optimizers that Keras sees as one.

    Args:
        optimizers: dict of a network's name to its `keras.optimizers.Optimizer`, the one whose rate
            and iterations stand for the group first (the generator, in this zoo).
        name: name of the group.
    """

    def __init__(self, optimizers: Mapping[str, Any], name: str = "optimizer_group") -> None:
        if not optimizers:
            raise ValueError("optimizers must name at least one network. Received: {}")
        super().__init__(learning_rate=1.0, name=name)  # the base's own rate is never used
        self.members = {key: keras.optimizers.get(value) for key, value in optimizers.items()}
        self._first = self.optimizers[0]
        self.variables_of: Mapping[str, list[keras.Variable]] = {}

    def __getitem__(self, name: str) -> keras.optimizers.Optimizer:
        return self.members[name]

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        """The optimizers as a list, where Keras' LearningRateScheduler looks for several."""
        return list(self.members.values())

    def build_members(self, variables: Mapping[str, list[keras.Variable]]) -> None:
        """Creates every optimizer's slots. `variables`: those that each member moves, by name."""
        if set(variables) != set(self.members):
            raise RequestError(
                f"One optimizer is needed for each of {', '.join(variables)}. "
                f"Received: {', '.join(self.members)}"
            )
        for name, optimizer in self.members.items():
            if not optimizer.built:
                optimizer.build(variables[name])
            backend.quicken(getattr(optimizer, "inner_optimizer", optimizer))
        self.variables_of = variables
        self.built = True

    @property
    def variables(self) -> list[keras.Variable]:
        return [v for optimizer in self.optimizers for v in optimizer.variables]

    @property
    def rates(self) -> list[keras.Variable]:
        """The members' rates that are variables; that of a schedule is none."""
        return [variable for variable in self.variables if variable.name == "learning_rate"]

    @property
    def iterations(self) -> keras.Variable:
        """Updates of the first member."""
        return self._first.iterations

    @property
    def learning_rate(self) -> Any:
        """The first member's rate. Setting it scales all rates alike and keeps their ratios."""
        return self._first.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        before = float(keras.ops.convert_to_numpy(self._first.learning_rate))
        if before == 0:
            raise ValueError(
                "The group's learning_rate can't be scaled from 0; set each network's own "
                f"(optimizer['generator'].learning_rate = ...). Received: {value}"
            )
        for optimizer in self.optimizers:
            optimizer.learning_rate = optimizer.learning_rate * (value / before)

    def finalize_variable_values(self, var_list: list[keras.Variable]) -> None:
        for name, optimizer in self.members.items():
            optimizer.finalize_variable_values(self.variables_of[name])

    # Keras' saving walks into `members` and stores each one's variables there.
    def save_own_variables(self, store: Any) -> None:
        pass

    def load_own_variables(self, store: Any) -> None:
        pass

    def get_config(self) -> dict[str, Any]:
        optimizers = {
            name: keras.saving.serialize_keras_object(optimizer)
            for name, optimizer in self.members.items()
        }
        return {"optimizers": optimizers, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "OptimizerGroup":
        optimizers = {
            name: keras.saving.deserialize_keras_object(optimizer)
            for name, optimizer in config["optimizers"].items()
        }
        return cls(optimizers, name=config["name"])


def with_scaled_losses(group: OptimizerGroup) -> OptimizerGroup:
    """A group whose members each scale their loss, for networks that compute in float16.

    There the gradients of a small loss would be 0. A step whose gradients are too large for
    float16 is left out and halves the scale, and 2,000 good ones double it; it begins at 32,768.
    """
    scaled = keras.optimizers.LossScaleOptimizer
    members = {
        name: optimizer if isinstance(optimizer, scaled) else scaled(optimizer)
        for name, optimizer in group.members.items()
    }
    return OptimizerGroup(members, name=group.name)


def make_optimizer(
    name: str,
    rate: Any,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    weight_decay: float = 0.0,
) -> keras.optimizers.Optimizer:
    """A new optimizer.

    Args:
        name: "adam"; "rmsprop", whose mean of squares decays by 0.99, PyTorch's default; or "sgd".
        rate: the learning rate, a number or a schedule of Keras.
        beta_1: of Adam, or the momentum of SGD; RMSprop has none.
        beta_2: of Adam.
        weight_decay: in each step every weight first loses this times `rate` of itself, apart from
            the gradient (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101).
    """
    shared = {"weight_decay": weight_decay or None}
    if name == "adam":
        return keras.optimizers.Adam(rate, beta_1=beta_1, beta_2=beta_2, **shared)
    if name == "rmsprop":
        return keras.optimizers.RMSprop(rate, rho=0.99, **shared)
    return keras.optimizers.SGD(rate, momentum=beta_1, **shared)


def decayed_rate(rate: float, decay: str, steps: int) -> Any:
    """A learning rate as optimizers take it: a number, or a schedule of Keras.

    Args:
        rate: at first.
        decay: "none"; "linear" to 0; "cosine" to a hundredth; "stages", see `stage_schedule`.
        steps: of the optimizer, over which the rate falls.
    """
    if decay == "linear":
        return ConstantThenLinear(rate, 0, steps)
    if decay == "cosine":
        return keras.optimizers.schedules.CosineDecay(rate, steps, alpha=0.01)
    if decay == "stages":
        return stage_schedule(rate, steps)
    return rate


def require_decay_steps(decay: str, steps: int) -> None:
    """Refuses a decay of the learning rate over no steps."""
    if decay != "none" and not steps:
        raise RequestError(f"decay={decay} needs decay_steps, a positive integer. Received: 0")


def stage_schedule(rate: float, steps: int) -> keras.optimizers.schedules.PiecewiseConstantDecay:
    """The learning rate of Burda et al. (2016): eight stages, the i-th 3^i passes long, i from 0.

    Args:
        rate: of the first stage; stage i has rate * 10^(-i / 7), the last a tenth.
        steps: length of all stages together.
    """
    ends = [round((3**i - 1) / (3**8 - 1) * steps) for i in range(1, 8)]
    rates = [rate * 10 ** (-i / 7) for i in range(8)]
    return keras.optimizers.schedules.PiecewiseConstantDecay(ends, rates)


@keras.saving.register_keras_serializable("genzoo")
class ConstantThenLinear(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that stays for some steps and then falls to 0 in equal ones.

    Args:
        rate: at first. constant_steps, decay_steps: lengths of the two parts.
    """

    def __init__(self, rate: float, constant_steps: int, decay_steps: int) -> None:
        self.rate = rate
        self.constant_steps = constant_steps
        self.decay_steps = decay_steps

    def __call__(self, step: Any) -> Any:
        past = (ops.cast(step, "float32") - self.constant_steps) / self.decay_steps
        return self.rate * (1.0 - ops.clip(past, 0.0, 1.0))

    def get_config(self) -> dict[str, Any]:
        return dict(vars(self))
