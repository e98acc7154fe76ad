"""What the adversarial models share: an optimizer for each network, the steps and the penalties.

The improved techniques are in `zoo/adversarial/techniques.py`.

`r1` adds r / 2 * E ||grad D(x)||^2 at real data to the discriminator's loss (Mescheder, Geiger and
Nowozin 2018, "Which Training Methods for GANs do actually Converge?",
https://arxiv.org/abs/1801.04406). It needs a logit for each example by itself. For
`label_input` see `project_label` in `zoo/networks/heads.py`, for `augment`
`zoo/networks/augment.py`: every loss sees augmented images alone, and a penalty is taken at them.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import keras
from keras import ops

from zoo.adversarial.techniques import Techniques
from zoo.backend import Batch
from zoo.core.model import Tensor
from zoo.core.optimizers import decayed_rate, make_optimizer, require_decay_steps
from zoo.core.priors import Spec
from zoo.errors import RequestError
from zoo.hyperparameters import (
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)
from zoo.networks.augment import Policy, augment
from zoo.networks.dcgan import LabelInput
from zoo.objectives.losses import (
    discriminator_loss,
    minimax_loss,
    non_saturating_loss,
    r1_penalty,
)
from zoo.objectives.precision import full_precision

NOT_PROBABILITIES = "a critic outputs scores, not probabilities"
NO_LABELS = f"{NOT_PROBABILITIES}, so it has no labels to smooth"
NO_FEATURES = "the generator follows the critic's value, not its features"
NO_DISCRIMINATOR = {
    "label_smoothing": NO_LABELS,
    "fake_label_smoothing": NO_LABELS,
    "feature_matching": NO_FEATURES,
    "matched_statistic": NO_FEATURES,
    "minibatch_discrimination": "a critic rates each example by itself",
    "r1": "a critic's slope is bounded already, by clipping or by a penalty of its own",
    "freeze_above": f"{NOT_PROBABILITIES}, so it has no accuracy",
    "objective": f"{NOT_PROBABILITIES}: its generator raises its own score",
    "discriminator_steps": "n_critic is the number of the critic's steps",
}
NO_BATCH_NORM = {"virtual_batch_norm": "its generator has no batch norm to replace"}

OBJECTIVES = {"non_saturating": non_saturating_loss, "minimax": minimax_loss}
# The hyperparameters that each optimizer has no use for.
UNUSED_BY = {"adam": (), "rmsprop": ("beta_1", "beta_2"), "sgd": ("beta_2",)}

# Presets, found on Fashion-MNIST without its last 6,000 training images. A conditional DCGAN has
# there after 6,000 steps a Fréchet distance of 4.5 at the papers' rate of 2e-4, and of 1.9 at 1e-3;
# the moving average and the decay are what make the higher rate bearable.
RECIPE = {"learning_rate": 1e-3, "ema": 0.999, "decay": "linear"}
QUICK = {"steps": 2_000, "learning_rate": 1e-3, "ema": 0.99}
DEFAULT = {"steps": 20_000, **RECIPE}
BEST = {"steps": 100_000, "width": 64, **RECIPE}


class AdversarialModel(Techniques):
    """A `GenerativeModel` that is a game.

    Args:
        image_shape, num_classes, seed, latent_dim, conditional, ema: see `GenerativeModel`.
        label_smoothing, ..., freeze_above: see `Techniques`.
        learning_rate: of the optimizer that each network has.
        optimizer_name: "adam"; "rmsprop", with a decay of 0.99; or "sgd".
        beta_1: of Adam, or the momentum of SGD.
        beta_2: of Adam.
        weight_decay: what every weight loses of itself in a step, as a multiple of the learning
            rate, apart from the gradient (as in AdamW); 0 for none.
        decay: of every learning rate over `decay_steps`: "linear" to 0, "cosine" to a hundredth.
        decay_steps: steps of the decay, when there is one, counted by the generator's optimizer.
        discriminator_steps: k, discriminator steps per generator step, each on a batch of its own:
            `fit` takes batches of k times the size.
        objective: the generator's loss, of a discriminator whose output is a probability.
        prior: of the noise: a standard "normal", or "uniform" on [-1, 1].
        r1: weight of the penalty on the discriminator's slope at real data, 0 for none.
        label_input: how a conditional discriminator takes the label: beside the image, as a "plane"
            or a vector, or by "projection" of its features.
        augment: what happens to every image that the discriminator sees: "none", "translation",
            "cutout" or "translation_cutout".
    """

    learning_rate: PositiveFloat = 2e-4
    optimizer_name: Literal["adam", "rmsprop", "sgd"] = "adam"
    beta_1: Fraction = 0.5
    beta_2: Fraction = 0.999
    weight_decay: NonNegativeFloat = 0.0
    decay: Literal["none", "linear", "cosine"] = "none"
    decay_steps: NonNegativeInt = 0
    discriminator_steps: PositiveInt = 1
    objective: Literal["non_saturating", "minimax"] = "non_saturating"
    prior: Literal["normal", "uniform"] = "normal"
    r1: NonNegativeFloat = 0.0
    label_input: LabelInput = "plane"
    augment: Policy = "none"

    family: ClassVar[str] = "adversarial"
    opponent: ClassVar[str] = "discriminator"  # the name of the network that the generator plays
    judges_probability: ClassVar[bool] = True  # whether the opponent's output is a logit
    batches_per_step: ClassVar[str | None] = "discriminator_steps"

    @classmethod
    def usable_preset(cls, preset: Mapping[str, Any], chosen: Mapping[str, Any]) -> dict[str, Any]:
        usable = super().usable_preset(preset, chosen)
        if chosen.get("minibatch_discrimination"):
            usable.pop("r1", None)  # it needs a logit for each example by itself
        return usable

    def validate(self) -> None:
        super().validate()
        require_decay_steps(self.decay, self.decay_steps)
        for name in UNUSED_BY[self.optimizer_name]:
            if getattr(self, name) != getattr(type(self), name):
                raise RequestError(
                    f"optimizer_name={self.optimizer_name} has no {name}. "
                    f"Received: {getattr(self, name)}"
                )
        if self.r1 and self.minibatch_discrimination:
            raise RequestError(
                "r1 needs minibatch_discrimination=0: else the logit of an example depends on the "
                f"rest of its batch. Received: {self.minibatch_discrimination}"
            )
        if self.label_input == "projection" and not self.conditional:
            raise RequestError(
                "label_input=projection needs conditional=true: without it there is no label to "
                "project. Received: conditional=false"
            )
        if self.augment != "none" and len(self.image_shape) == 1:
            raise RequestError(
                f"augment={self.augment} needs images: points have no sides to shift or to cut. "
                f"Received: points of {self.image_shape[0]} dimensions"
            )

    def set_networks(self, **networks: keras.Model) -> None:
        super().set_networks(**networks)
        self.keep_average(self.drawing_network)
        if self.r1:
            self.track("r1_penalty")

    def default_optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {
            name: make_optimizer(
                self.optimizer_name, self.rate(name), self.beta_1, self.beta_2, self.weight_decay
            )
            for name in self.named_networks
        }

    def rate(self, name: str) -> Any:
        """The learning rate of a network's optimizer, a number or a schedule of Keras.

        The opponent may take several steps in each of the generator's, and its rate falls over as
        many more.
        """
        repeats = self.step_parts if name.startswith(self.opponent) else 1
        return decayed_rate(self.initial_rate(name), self.decay, self.decay_steps * repeats)

    def initial_rate(self, name: str) -> float:
        """The learning rate of a network's optimizer at first."""
        return self.learning_rate

    @property
    def noise_spec(self) -> dict[str, Spec]:
        """The part of `inputs_spec` that is plain noise, the vector `z`."""
        return {"z": {"shape": [self.latent_dim], "dtype": "float32", "prior": self.prior}}

    @property
    def inputs_spec(self) -> dict[str, Spec]:
        return {**self.noise_spec, **self.label_spec}

    # ---- what a step is made of

    def fakes_for(self, batch: Batch) -> Tensor:
        """As many generated images as the batch has, of its labels, in training mode.

        Returns:
            float32 (batch, *image_shape) in `value_range`.
        """
        count = ops.shape(batch.images)[0]
        images = self.generator(self.sample_inputs(count, batch.labels), training=True)
        return full_precision(images)

    def augmented(self, images: Tensor) -> Tensor:
        """Images (batch, *image_shape) as the discriminator or critic sees them."""
        return augment(images, self.augment, self.noise_seed)

    def discriminate(self, images: Tensor, labels: Tensor) -> Any:
        """What the discriminator or critic says of images, which are augmented first.

        Args and returns: as of `opponent_outputs`.
        """
        return self.opponent_outputs(self.augmented(images), labels)

    def opponent_outputs(self, images: Tensor, labels: Tensor) -> Any:
        """What the discriminator or critic says of images as they are, in training mode.

        Args:
            images: (batch, *image_shape) in `value_range`.
            labels: (batch,), looked at in a conditional model alone.

        Returns:
            Logits or scores (batch, 1); a dict of outputs where the network has several. float32.
        """
        network = getattr(self, self.opponent)
        return full_precision(network(self.inputs_of(images, labels), training=True))

    def smoothed_loss(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        """The discriminator's loss of its logits (batch, 1), with smoothed labels; a scalar."""
        return discriminator_loss(
            real_logits, fake_logits, self.label_smoothing, self.fake_label_smoothing
        )

    def fooling_loss(self, fake_logits: Tensor) -> Tensor:
        """The generator's loss of logits (batch, 1) of its images, by `objective`; a scalar."""
        return OBJECTIVES[self.objective](fake_logits)

    def discriminator_objective(self, part: Batch, fakes: Tensor) -> Tensor:
        """The loss of a discriminator whose output is a logit, a scalar; its accuracy is recorded.

        Args:
            part: real images and their labels.
            fakes: as many generated images.
        """
        real_logits = self.discriminate(part.images, part.labels)
        fake_logits = self.discriminate(fakes, part.labels)
        self.record_accuracy(real_logits, fake_logits)
        return self.smoothed_loss(real_logits, fake_logits) + self.penalty_at(part)

    def penalty_at(self, batch: Batch) -> Any:
        """A term of the discriminator's loss, a scalar: the R1 penalty at real data, if any.

        Args:
            batch: the real images and their labels.
        """
        if not self.r1:
            return 0.0

        def logits(images: Tensor) -> Tensor:
            outputs = self.opponent_outputs(images, batch.labels)
            return outputs["logit"] if isinstance(outputs, dict) else outputs

        penalty = r1_penalty(logits, self.augmented(batch.images))
        self.record(r1_penalty=penalty)
        return self.r1 * penalty

    def generator_loss(self, batch: Batch, loss: Callable[[Tensor], Tensor]) -> Tensor:
        """A scalar: `loss` of the logits of new images, or feature matching in its place."""
        images = self.fakes_for(batch)
        return self.feature_matching_or(
            batch, images, lambda: loss(self.discriminate(images, batch.labels))
        )
