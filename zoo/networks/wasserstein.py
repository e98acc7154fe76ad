"""The generator and critic of the Wasserstein models: convolutional, or fully connected."""

from typing import Any

import keras

from zoo.networks.dcgan import dcgan_discriminator, dcgan_generator
from zoo.networks.mlp import mlp_critic, mlp_generator, refuse_convolutional


def wasserstein_networks(model: Any) -> dict[str, keras.Model]:
    """The "generator" and "critic" of `wgan` or `wgan_gp`, by its hyperparameters."""
    shape, classes = model.image_shape, model.label_classes
    if model.networks == "dcgan":
        return {
            "generator": dcgan_generator(
                shape,
                {"z": model.latent_dim},
                model.width,
                classes,
                model.upsampling,
                model.virtual_batch_norm,
                model.seed,
            ),
            "critic": dcgan_discriminator(
                shape,
                model.width,
                classes,
                model.critic_norm,
                label_input=model.label_input,
                name="critic",
            ),
        }
    refuse_convolutional(
        virtual_batch_norm=model.virtual_batch_norm,
        critic_norm=model.critic_norm,
        label_input=model.label_input,
    )
    return {
        "generator": mlp_generator(shape, model.latent_dim, model.hidden, classes),
        "critic": mlp_critic(shape, model.hidden, classes),
    }
