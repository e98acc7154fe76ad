"""What the two-player models share: a generator, a discriminator, and an Adam for each."""

import keras
from keras import ops

from zoo.training.model import GenerativeModel


class AdversarialModel(GenerativeModel):
    """A `GenerativeModel` with the networks `generator` and `discriminator`.

    Args:
        image_shape, latent_dim, num_classes, seed: see `GenerativeModel`.
        learning_rate, beta_1: of both players' Adam.
    """

    def __init__(self, image_shape, latent_dim, num_classes, seed, learning_rate, beta_1):
        super().__init__(image_shape, latent_dim, num_classes, seed)
        self.learning_rate = learning_rate
        self.beta_1 = beta_1
        self.track("discriminator_loss", "generator_loss", "real_accuracy", "fake_accuracy")

    @property
    def players(self):
        return {"generator": self.generator, "discriminator": self.discriminator}

    def default_optimizers(self):
        return {
            player: keras.optimizers.Adam(self.learning_rate, beta_1=self.beta_1)
            for player in self.players
        }

    def record_accuracy(self, real_logits, fake_logits):
        """Records the shares of real and generated images that the discriminator names rightly."""
        self.record(
            real_accuracy=ops.mean(ops.cast(real_logits > 0, "float32")),
            fake_accuracy=ops.mean(ops.cast(fake_logits < 0, "float32")),
        )
