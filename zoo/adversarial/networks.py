"""What the games share whose networks are chosen by name."""

from collections.abc import Mapping
from typing import Any, Literal

from zoo.adversarial.base import AdversarialModel
from zoo.errors import RequestError
from zoo.hyperparameters import NonNegativeInt, PositiveInt
from zoo.networks.dcgan import Filters, Nonlinearity, Norm, Upsampling
from zoo.networks.mlp import Activation

FULLY_CONNECTED = "the fully connected networks have no norm and no filters"
# What a choice of networks has no use for, and why. "OPPONENT_..." is not of the generator.
GENERATOR_ONLY = ("virtual_batch_norm", "generator_norm", "generator_dense")
UNUSED_IN: dict[str, tuple[tuple[str, ...], str]] = {
    "dcgan": ((), ""),
    "mlp": (
        (*GENERATOR_ONLY, "OPPONENT_norm", "OPPONENT_dense", "filters", "nonlinearity"),
        FULLY_CONNECTED,
    ),
    "mlp_generator": (
        GENERATOR_ONLY,
        "a fully connected generator has no norm, and hidden layers already",
    ),
    "resnet": (
        ("virtual_batch_norm", "nonlinearity", "upsampling", "generator_dense", "OPPONENT_dense"),
        "the residual networks have their own norm, rectifiers, upsampling and layers",
    ),
}
# Of the presets; docs/which-model.md says what they are worth. More units in the generator hardly
# help, and make its file larger.
DENSE = {"generator_dense": 64, "discriminator_dense": 256}


class ChosenNetworks(AdversarialModel):
    """An `AdversarialModel` whose networks have a name.

    Args:
        image_shape, num_classes, seed and others: see `AdversarialModel`.
        networks: "dcgan"; "mlp", fully connected ones, which also take points; "mlp_generator", a
            fully connected generator against the convolutional discriminator; or "resnet".
        width: filters of the layer next to the image, doubled at each halving.
        filters: "doubling"; "constant" at every size; or "constant_generator", in it alone.
        upsampling: fractionally strided convolutions, or resize-convolutions ("dcgan").
        generator_norm: norm in the convolutional generator.
        discriminator_norm: norm in the convolutional discriminator; `r1` needs another than
            "batch".
        generator_dense: units of a fully connected hidden layer between the noise and the feature
            maps of the convolutional generator, 0 for none.
        discriminator_dense: units of one between the feature maps of the convolutional
            discriminator and its output.
        nonlinearity: of both convolutional networks: rectifiers ("relu", leaky in the
            discriminator), "tanh", or "gated" units sigmoid(a) * tanh(b).
        hidden: units of each hidden layer ("mlp", "mlp_generator").
        depth: hidden layers of the generator, of which the discriminator has one more ("mlp",
            "mlp_generator"); residual blocks at each size ("resnet").
        activation: of the discriminator's hidden layers: "relu", or "maxout" of 5 pieces ("mlp").
    """

    networks: Literal["dcgan", "mlp", "mlp_generator", "resnet"] = "dcgan"
    width: PositiveInt = 32
    filters: Filters = "doubling"
    upsampling: Upsampling = "transposed"
    generator_norm: Norm = "batch"
    discriminator_norm: Norm = "batch"
    generator_dense: NonNegativeInt = 0
    discriminator_dense: NonNegativeInt = 0
    nonlinearity: Nonlinearity = "relu"
    hidden: PositiveInt = 512
    depth: PositiveInt = 2
    activation: Activation = "relu"

    @classmethod
    def usable_preset(cls, preset: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
        unused = cls.unused(chosen.get("networks", cls.networks))
        usable = super().usable_preset(preset, chosen)
        return {key: value for key, value in usable.items() if key not in unused}

    @classmethod
    def unused(cls, networks: str) -> list[str]:
        """The hyperparameters that a choice of networks has no use for."""
        return [name.replace("OPPONENT", cls.opponent) for name in UNUSED_IN[networks][0]]

    @property
    def opponent_norm(self) -> Any:
        """The norm in the convolutional discriminator or critic."""
        return getattr(self, f"{self.opponent}_norm")

    @property
    def opponent_dense(self) -> int:
        """The units of the hidden layer after the convolutions of the discriminator or critic."""
        return getattr(self, f"{self.opponent}_dense")

    def validate(self) -> None:
        super().validate()
        if self.virtual_batch_norm and self.generator_norm != "batch":
            raise RequestError(
                "virtual_batch_norm needs generator_norm=batch, which it replaces. "
                f"Received: {self.generator_norm}"
            )
        if self.networks != "mlp" and self.r1 and self.opponent_norm == "batch":
            raise RequestError(
                "r1 needs discriminator_norm=layer or none: with batch norm the logit of an image "
                "depends on the rest of its batch. Received: discriminator_norm=batch"
            )
        for name in self.unused(self.networks):
            value = getattr(self, name)
            if value not in (getattr(type(self), name), "none"):
                raise RequestError(
                    f"{name} needs networks=dcgan or others that are convolutional: "
                    f"{UNUSED_IN[self.networks][1]}. "
                    f"Received: {name}={value} with networks={self.networks}"
                )
