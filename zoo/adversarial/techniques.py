"""The improved techniques of a game, each a hyperparameter of every model that it suits.

They are those of Salimans et al. (2016), "Improved Techniques for Training GANs",
https://arxiv.org/abs/1606.03498; a model names those that do not suit it in `unsupported`.

- `feature_matching` (section 3.1): the generator matches the mean of an intermediate discriminator
  layer, ||E f(x) - E f(G(z))||^2, in place of its own loss, or with `matched_statistic` the
  median.
- `minibatch_discrimination` (3.2): see `MinibatchDiscrimination` in `zoo/networks/layers.py`.
- `historical_averaging` (3.3): each network's loss gains h * ||theta - mean of past theta||^2. The
  mean is kept online: mean += (theta - mean) / (t + 1) after step t, the initial weights included.
- `label_smoothing` (3.4), one-sided as the paper advises: see `discriminator_loss` in
  `zoo/objectives/losses.py`; `fake_label_smoothing` is the other side.
- `virtual_batch_norm` (3.5): see `VirtualBatchNorm` in `zoo/networks/norms.py`; in the
  generator alone, as in the paper.

`freeze_above` is a heuristic of much GAN code, not of that paper: the network that is ahead, by the
discriminator's accuracy on the batch, waits until the other has caught up; its weights and its
optimizer are left as they are.
"""

from collections.abc import Callable
from typing import Annotated, Literal

import keras
import numpy as np
from keras import ops

from zoo.backend import Batch, devices
from zoo.core.model import GenerativeModel, Tensor
from zoo.errors import RequestError
from zoo.hyperparameters import Fraction, NonNegativeFloat, NonNegativeInt, Rule
from zoo.objectives.losses import accuracies, feature_matching_loss
from zoo.objectives.precision import full_precision


class Techniques(GenerativeModel):
    """A `GenerativeModel` with the improved techniques.

    Args:
        label_smoothing: the discriminator's target for real data is 1 minus this.
        fake_label_smoothing: its target for generated data, which the paper advises to leave at 0.
        feature_matching: the generator matches the discriminator's features.
        matched_statistic: what it matches of each feature, the "mean" of the batch or the "median".
        minibatch_discrimination: kernels B of the discriminator's layer, 0 for no such layer.
        historical_averaging: weight h of the distance from past weights, 0 for none.
        virtual_batch_norm: size of the reference batch, 0 for ordinary batch norm.
        freeze_above: discriminator accuracy, above 0.5 and at most 1, above which the
            discriminator waits; below 1 minus it, the generator waits. With 1 neither ever does.
    """

    label_smoothing: Fraction = 0.0
    fake_label_smoothing: Fraction = 0.0
    feature_matching: bool = False
    matched_statistic: Literal["mean", "median"] = "mean"
    minibatch_discrimination: NonNegativeInt = 0
    historical_averaging: NonNegativeFloat = 0.0
    virtual_batch_norm: NonNegativeInt = 0
    freeze_above: Annotated[
        float, Rule("above 0.5 and at most 1", lambda value: 0.5 < value <= 1)
    ] = 1.0

    def validate(self) -> None:
        super().validate()
        if self.label_smoothing + self.fake_label_smoothing >= 1:
            raise RequestError(
                "label_smoothing and fake_label_smoothing must add up to less than 1: else the "
                "target of generated data is above that of real data. "
                f"Received: {self.label_smoothing} and {self.fake_label_smoothing}"
            )
        if self.matched_statistic != "mean" and not self.feature_matching:
            raise RequestError(
                f"matched_statistic={self.matched_statistic} needs feature_matching=true: it says "
                "what is matched"
            )

    def set_networks(self, **networks: keras.Model) -> None:
        super().set_networks(**networks)
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

    def augmented(self, images: Tensor) -> Tensor:
        """Images (batch, *image_shape) as the discriminator sees them."""
        raise NotImplementedError

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

        real, fake = features(batch.images), features(images)
        return feature_matching_loss(real, fake, self.matched_statistic)

    def record_accuracy(
        self, real_logits: Tensor, fake_logits: Tensor, threshold: float = 0.0
    ) -> None:
        """Records what share of real and of generated images the discriminator classifies rightly.

        Args:
            real_logits, fake_logits: the discriminator's outputs.
            threshold: above it an image is taken for real.
        """
        real, fake = devices.mean(accuracies(real_logits, fake_logits, threshold))
        self.record(real_accuracy=real, fake_accuracy=fake)
        if self.freeze_above < 1:
            self.accuracy.assign((real + fake) / 2)

    def minimize(self, loss_fn: Callable[[], Tensor], name: str) -> Tensor:
        """`GenerativeModel.minimize`, with historical averaging and waiting."""
        frozen_state = []
        if self.may_wait(name):
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
            waits = self.waits(name)  # known only now: the loss has looked at the batch
            for variable, before in frozen_state:
                variable.assign(ops.where(waits, before, _snapshot(variable)))
        return loss

    def _state_of(self, name: str) -> list[keras.Variable]:
        """All that a step of `name` changes, but the statistics that its networks collect."""
        average = self.averages[name].weights if name in self.averages else []
        past = self.past[name] if self.historical_averaging else []
        weights = self.named_networks[name].trainable_variables
        return [*weights, *self.optimizer[name].variables, *average, *past]

    def may_wait(self, name: str) -> bool:
        """Whether a network's step is undone when `waits` says so."""
        return self.freeze_above < 1

    def waits(self, name: str) -> Tensor:
        """Whether a network's step, which has been taken, is undone: a boolean scalar."""
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
