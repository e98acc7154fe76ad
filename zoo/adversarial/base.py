"""What the two-player models share: networks, Adam for each, and the improved techniques.

The techniques are those of Salimans et al. (2016), "Improved Techniques for Training GANs",
https://arxiv.org/abs/1606.03498, each an option of every model that it fits; a model names the
others in `unfit`.

- `feature_matching` (section 3.1): the generator matches the mean of an intermediate discriminator
  layer, ||E f(x) - E f(G(z))||^2, in place of its own loss.
- `minibatch_discrimination` (3.2): see `MinibatchDiscrimination` in `zoo/networks/layers.py`.
- `historical_averaging` (3.3): each player's loss gains h * ||theta - mean of past theta||^2. The
  mean is kept online: mean += (theta - mean) / (t + 1) after step t, the initial weights included.
- `label_smoothing` (3.4), one-sided: see `discriminator_loss` in `zoo/objectives/losses.py`.
- `virtual_batch_norm` (3.5): see `VirtualBatchNorm` in `zoo/networks/layers.py`; in the
  generator alone, as in the paper.

`freeze_above` is a heuristic of much GAN code, not of that paper: the player that is ahead, by the
discriminator's accuracy on the batch, waits until the other has caught up; its weights and its
optimizer stay untouched.
"""

import keras
import numpy as np
from keras import ops

from zoo.core.model import GenerativeModel
from zoo.errors import RequestError
from zoo.hyperparameters import check_fraction, check_not_negative, check_positive
from zoo.objectives.losses import feature_matching_loss

SCORES = "a critic's scores are no probabilities"
NO_DISCRIMINATOR = {
    "label_smoothing": f"{SCORES}, it has no labels to smooth",
    "feature_matching": f"{SCORES}; the generator follows the critic's value, not its features",
    "minibatch_discrimination": "a critic rates each example by itself",
    "freeze_above": f"{SCORES}, it has no accuracy",
}
NO_BATCH_NORM = {"virtual_batch_norm": "its generator has no batch norm to replace"}


class AdversarialModel(GenerativeModel):
    """A `GenerativeModel` that is a game.

    Args:
        image_shape, num_classes, seed, latent_dim, conditional, ema: see `GenerativeModel`.
        learning_rate, beta_1: of every player's Adam.
        label_smoothing: the discriminator's target for real data is 1 minus this.
        feature_matching: the generator matches discriminator features.
        minibatch_discrimination: kernels B of the layer, 0 for none.
        historical_averaging: weight h of the distance from past weights, 0 for none.
        virtual_batch_norm: size of the reference batch, 0 for ordinary batch norm.
        freeze_above: discriminator accuracy, between 0.5 and 1, above which the discriminator
            waits; below 1 minus it, the generator does. 1 never freezes.
    """

    def __init__(
        self,
        image_shape,
        num_classes=0,
        seed=0,
        learning_rate: float = 2e-4,
        beta_1: float = 0.5,
        label_smoothing: float = 0.0,
        feature_matching: bool = False,
        minibatch_discrimination: int = 0,
        historical_averaging: float = 0.0,
        virtual_batch_norm: int = 0,
        freeze_above: float = 1.0,
        **options,
    ):
        super().__init__(image_shape, num_classes, seed, **options)
        check_positive(learning_rate=learning_rate)
        check_fraction(beta_1=beta_1, label_smoothing=label_smoothing)
        check_not_negative(
            minibatch_discrimination=minibatch_discrimination,
            historical_averaging=historical_averaging,
            virtual_batch_norm=virtual_batch_norm,
        )
        if not 0.5 < freeze_above <= 1:
            raise RequestError(
                f"freeze_above must be above 0.5 and at most 1. Received: {freeze_above}"
            )
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.label_smoothing = label_smoothing
        self.feature_matching = feature_matching
        self.minibatch_discrimination = minibatch_discrimination
        self.historical_averaging = historical_averaging
        self.virtual_batch_norm = virtual_batch_norm
        self.freeze_above = freeze_above

    def set_players(self, **networks):
        super().set_players(**networks)
        self.keep_average(self.player_names[0])
        if self.feature_matching:
            layer = self.discriminator.get_layer("features")
            self.features = keras.Model(self.discriminator.input, layer.output, name="features")
        if self.historical_averaging:
            self.past = {
                player: [_copy(v) for v in network.trainable_variables]
                for player, network in networks.items()
            }
        if self.freeze_above < 1:
            # An array: of a plain number JAX would compile the step once more, for its type.
            half = np.array(0.5, "float32")
            self.accuracy = keras.Variable(half, trainable=False, name="accuracy")

    def default_optimizers(self):
        return {
            player: keras.optimizers.Adam(self.learning_rate, beta_1=self.beta_1)
            for player in self.players
        }

    # ---- what a step is made of

    def imagine(self, batch):
        """As many generated images as the batch has, of its labels."""
        count = ops.shape(batch.images)[0]
        return self.generator(self.sample_inputs(count, batch.labels), training=True)

    def inputs_of(self, images, labels):
        """The inputs of a network that looks at images, and at labels in a conditional model."""
        return {"image": images, "label": labels} if self.conditional else {"image": images}

    def judge(self, images, labels):
        """The discriminator's logits, or the critic's scores, of images."""
        opponent = self.players[self.player_names[1]]
        return opponent(self.inputs_of(images, labels), training=True)

    def generator_loss(self, batch, loss):
        """`loss` of the logits of new images, or feature matching in its place."""
        images = self.imagine(batch)
        return self.match_or(batch, images, lambda: loss(self.judge(images, batch.labels)))

    def match_or(self, batch, images, loss_fn):
        """The feature matching of `images` with the batch where it is asked for, or `loss_fn()`."""
        if not self.feature_matching:
            return loss_fn()
        real = self.features(self.inputs_of(batch.images, batch.labels), training=True)
        fake = self.features(self.inputs_of(images, batch.labels), training=True)
        return feature_matching_loss(real, fake)

    def record_accuracy(self, real_logits, fake_logits, threshold=0.0):
        """Records the shares of real and generated images that the discriminator names rightly."""
        real = ops.mean(ops.cast(real_logits > threshold, "float32"))
        fake = ops.mean(ops.cast(fake_logits < threshold, "float32"))
        self.record(real_accuracy=real, fake_accuracy=fake)
        if self.freeze_above < 1:
            self.accuracy.assign((real + fake) / 2)

    def minimize(self, loss_fn, player):
        """`GenerativeModel.minimize`, with historical averaging and freezing."""
        frozen_state = []
        if self.freeze_above < 1:
            frozen_state = [(v, _snapshot(v)) for v in self._state_of(player)]
        weights = self.players[player].trainable_variables

        def loss_with_history():
            pairs = zip(weights, self.past[player], strict=True)
            return loss_fn() + self.historical_averaging * sum(
                ops.sum(ops.square(weight - mean)) for weight, mean in pairs
            )

        if self.historical_averaging:
            loss = super().minimize(loss_with_history, player)
            count = ops.cast(self.optimizer[player].iterations, "float32") + 1.0
            for weight, mean in zip(weights, self.past[player], strict=True):
                mean.assign_add((weight - mean) / ops.cast(count, mean.dtype))
        else:
            loss = super().minimize(loss_fn, player)

        if frozen_state:
            waits = self._is_ahead(player)  # known only now: the loss has looked at the batch
            for variable, before in frozen_state:
                variable.assign(ops.where(waits, before, _snapshot(variable)))
        return loss

    def _state_of(self, player):
        """All that a step of `player` changes, but the statistics that its networks collect."""
        average = self.averages[player].weights if player in self.averages else []
        past = self.past[player] if self.historical_averaging else []
        weights = self.players[player].trainable_variables
        return [*weights, *self.optimizer[player].variables, *average, *past]

    def _is_ahead(self, player):
        """Whether the discriminator's accuracy on the step's batch says that `player` waits."""
        if player == self.player_names[0]:
            return self.accuracy < 1.0 - self.freeze_above
        return self.accuracy > self.freeze_above


def _snapshot(variable):
    """A variable's value as it is now: a tensor that later assignments do not change."""
    return ops.copy(ops.convert_to_tensor(variable))


def _copy(variable):
    value = ops.convert_to_numpy(variable)
    return keras.Variable(np.array(value), trainable=False, dtype=variable.dtype)
