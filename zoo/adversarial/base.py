"""What the adversarial models share: an optimizer for each network, and the improved techniques.

The techniques are those of Salimans et al. (2016), "Improved Techniques for Training GANs",
https://arxiv.org/abs/1606.03498, each a hyperparameter of every model that it suits; a model names
the others in `unsupported`.

- `feature_matching` (section 3.1): the generator matches the mean of an intermediate discriminator
  layer, ||E f(x) - E f(G(z))||^2, in place of its own loss.
- `minibatch_discrimination` (3.2): see `MinibatchDiscrimination` in `zoo/networks/layers.py`.
- `historical_averaging` (3.3): each network's loss gains h * ||theta - mean of past theta||^2. The
  mean is kept online: mean += (theta - mean) / (t + 1) after step t, the initial weights included.
- `label_smoothing` (3.4), one-sided: see `discriminator_loss` in `zoo/objectives/losses.py`.
- `virtual_batch_norm` (3.5): see `VirtualBatchNorm` in `zoo/networks/norms.py`; in the
  generator alone, as in the paper.

`r1` adds r / 2 * E ||grad D(x)||^2 at real data to the discriminator's loss (Mescheder, Geiger and
Nowozin 2018, "Which Training Methods for GANs do actually Converge?",
https://arxiv.org/abs/1801.04406). It needs a logit for each example by itself. For
`label_input` see `project_label` in `zoo/networks/dcgan.py`, for `augment`
`zoo/networks/augment.py`: every loss sees augmented images alone, and a penalty is taken at them.

`freeze_above` is a heuristic of much GAN code, not of that paper: the network that is ahead, by the
discriminator's accuracy on the batch, waits until the other has caught up; its weights and its
optimizer are left as they are.
"""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import keras
import numpy as np
from keras import ops

from zoo.backend import Batch
from zoo.core.model import GenerativeModel, Tensor
from zoo.core.optimizers import decayed_rate, require_decay_steps
from zoo.errors import RequestError
from zoo.hyperparameters import (
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    Rule,
)
from zoo.networks.augment import Policy, augment
from zoo.networks.dcgan import LabelInput
from zoo.objectives.losses import feature_matching_loss, r1_penalty
from zoo.objectives.precision import full_precision

NOT_PROBABILITIES = "a critic outputs scores, not probabilities"
NO_DISCRIMINATOR = {
    "label_smoothing": f"{NOT_PROBABILITIES}, so it has no labels to smooth",
    "feature_matching": "the generator follows the critic's value, not its features",
    "minibatch_discrimination": "a critic rates each example by itself",
    "r1": "a critic's slope is bounded already, by clipping or by a penalty of its own",
    "freeze_above": f"{NOT_PROBABILITIES}, so it has no accuracy",
}
NO_BATCH_NORM = {"virtual_batch_norm": "its generator has no batch norm to replace"}


# Presets, found on the last 6,000 training images of Fashion-MNIST. A conditional DCGAN has there
# after 6,000 steps a Fréchet distance of 4.5 at the papers' rate of 2e-4, and of 1.9 at 1e-3; the
# moving average and the decay are what make the higher rate bearable.
RECIPE = {"learning_rate": 1e-3, "ema": 0.999, "decay": "linear"}
QUICK = {"steps": 2_000, "learning_rate": 1e-3, "ema": 0.99}
DEFAULT = {"steps": 20_000, **RECIPE}
BEST = {"steps": 100_000, "width": 64, **RECIPE}


class AdversarialModel(GenerativeModel):
    """A `GenerativeModel` that is a game.

    Args:
        image_shape, num_classes, seed, latent_dim, conditional, ema: see `GenerativeModel`.
        learning_rate, beta_1: of the Adam optimizer that each network has.
        decay: of every learning rate over `decay_steps`: "linear" to 0, "cosine" to a hundredth.
        decay_steps: steps of the decay, when there is one, counted by the generator's optimizer.
        r1: weight of the penalty on the discriminator's slope at real data, 0 for none.
        label_input: how a conditional convolutional discriminator takes the label: as a "plane"
            beside the image, or by "projection" of its features.
        augment: what happens to every image that the discriminator sees: "none", "translation",
            "cutout" or "translation_cutout".
        label_smoothing: the discriminator's target for real data is 1 minus this.
        feature_matching: the generator matches the mean of the discriminator's features.
        minibatch_discrimination: kernels B of the discriminator's layer, 0 for no such layer.
        historical_averaging: weight h of the distance from past weights, 0 for none.
        virtual_batch_norm: size of the reference batch, 0 for ordinary batch norm.
        freeze_above: discriminator accuracy, above 0.5 and at most 1, above which the
            discriminator waits; below 1 minus it, the generator waits. With 1 neither ever does.
    """

    learning_rate: PositiveFloat = 2e-4
    beta_1: Fraction = 0.5
    decay: Literal["none", "linear", "cosine"] = "none"
    decay_steps: NonNegativeInt = 0
    r1: NonNegativeFloat = 0.0
    label_input: LabelInput = "plane"
    augment: Policy = "none"
    label_smoothing: Fraction = 0.0
    feature_matching: bool = False
    minibatch_discrimination: NonNegativeInt = 0
    historical_averaging: NonNegativeFloat = 0.0
    virtual_batch_norm: NonNegativeInt = 0
    freeze_above: Annotated[
        float, Rule("above 0.5 and at most 1", lambda value: 0.5 < value <= 1)
    ] = 1.0

    family: ClassVar[str] = "adversarial"
    opponent: ClassVar[str] = "discriminator"  # the name of the network that the generator plays
    judges_probability: ClassVar[bool] = True  # whether the opponent's output is a logit

    def validate(self) -> None:
        super().validate()
        require_decay_steps(self.decay, self.decay_steps)
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
        if self.feature_matching:
            layer = self.discriminator.get_layer("features")
            self.features = keras.Model(self.discriminator.input, layer.output, name="features")
        if self.historical_averaging:
            self.past = {
                name: [_copy(v) for v in network.trainable_variables]
                for name, network in networks.items()
            }
        if self.freeze_above < 1:
            # An array: of a plain number JAX would compile the step once more, for its type.
            half = np.array(0.5, "float32")
            self.accuracy = keras.Variable(half, trainable=False, name="accuracy")

    def default_optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        return {
            name: keras.optimizers.Adam(self.rate(name), beta_1=self.beta_1)
            for name in self.named_networks
        }

    def sgd_optimizers(self) -> dict[str, keras.optimizers.Optimizer]:
        """SGD at `learning_rate` with momentum `beta_1` for each network."""
        return {
            name: keras.optimizers.SGD(self.rate(name), momentum=self.beta_1)
            for name in self.named_networks
        }

    def rate(self, name: str, initial: float | None = None) -> Any:
        """The learning rate of a network's optimizer, a number or a schedule of Keras.

        Args:
            name: of the network; the opponent may take several steps in each of the generator's,
                and its rate falls over as many more.
            initial: the rate at first; None for `learning_rate`.
        """
        steps = self.decay_steps * (self.step_parts if name == self.opponent else 1)
        return decayed_rate(initial or self.learning_rate, self.decay, steps)

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

    def feature_matching_or(
        self, batch: Batch, images: Tensor, loss_fn: Callable[[], Tensor]
    ) -> Tensor:
        """A scalar: how well generated images match the batch's features, or `loss_fn()`.

        Args:
            batch: the real images.
            images: as many generated ones.
            loss_fn: the generator's own loss, which holds without `feature_matching`.
        """
        if not self.feature_matching:
            return loss_fn()

        def features(images: Tensor) -> Tensor:
            inputs = self.inputs_of(self.augmented(images), batch.labels)
            return full_precision(self.features(inputs, training=True))

        return feature_matching_loss(features(batch.images), features(images))

    def record_accuracy(
        self, real_logits: Tensor, fake_logits: Tensor, threshold: float = 0.0
    ) -> None:
        """Records what share of real and of generated images the discriminator classifies rightly.

        Args:
            real_logits, fake_logits: the discriminator's outputs.
            threshold: above it an image is taken for real.
        """
        real = ops.mean(ops.cast(real_logits > threshold, "float32"))
        fake = ops.mean(ops.cast(fake_logits < threshold, "float32"))
        self.record(real_accuracy=real, fake_accuracy=fake)
        if self.freeze_above < 1:
            self.accuracy.assign((real + fake) / 2)

    def minimize(self, loss_fn: Callable[[], Tensor], name: str) -> Tensor:
        """`GenerativeModel.minimize`, with historical averaging and freezing."""
        frozen_state = []
        if self.freeze_above < 1:
            frozen_state = [(v, _snapshot(v)) for v in self._state_of(name)]
        weights = self.named_networks[name].trainable_variables

        def loss_with_history() -> Tensor:
            pairs = zip(weights, self.past[name], strict=True)
            return loss_fn() + self.historical_averaging * sum(
                ops.sum(ops.square(weight - mean)) for weight, mean in pairs
            )

        if self.historical_averaging:
            loss = super().minimize(loss_with_history, name)
            count = ops.cast(self.optimizer[name].iterations, "float32") + 1.0
            for weight, mean in zip(weights, self.past[name], strict=True):
                mean.assign_add((weight - mean) / ops.cast(count, mean.dtype))
        else:
            loss = super().minimize(loss_fn, name)

        if frozen_state:
            waits = self._is_ahead(name)  # known only now: the loss has looked at the batch
            for variable, before in frozen_state:
                variable.assign(ops.where(waits, before, _snapshot(variable)))
        return loss

    def _state_of(self, name: str) -> list[keras.Variable]:
        """All that a step of `name` changes, but the statistics that its networks collect."""
        average = self.averages[name].weights if name in self.averages else []
        past = self.past[name] if self.historical_averaging else []
        weights = self.named_networks[name].trainable_variables
        return [*weights, *self.optimizer[name].variables, *average, *past]

    def _is_ahead(self, name: str) -> Tensor:
        """Whether the discriminator's accuracy on the step's batch says that `name` waits."""
        if name == self.drawing_network:
            return self.accuracy < 1.0 - self.freeze_above
        return self.accuracy > self.freeze_above


def _snapshot(variable: keras.Variable) -> Tensor:
    """A variable's value as it is now: a tensor that later assignments do not change."""
    return ops.copy(ops.convert_to_tensor(variable))


def _copy(variable: keras.Variable) -> keras.Variable:
    """A variable of its own: on PyTorch one made from another would share its memory."""
    value = ops.convert_to_numpy(variable)
    return keras.Variable(np.array(value), trainable=False, dtype=variable.dtype)
