"""The generator and critic of the Wasserstein models: convolutional, or fully connected."""

from zoo.networks.dcgan import dcgan_discriminator, dcgan_generator
from zoo.networks.mlp import mlp_critic, mlp_generator, refuse_norms


def wasserstein_networks(model, networks, critic_norm, width, upsampling, hidden):
    """The "generator" and "critic" of an `AdversarialModel`, with its shared options.

    Args:
        model: the model.
        networks: "dcgan", or "mlp", which has no norm and also takes points.
        critic_norm, width, upsampling: of the convolutional networks (see `zoo/networks/dcgan.py`).
        hidden: units of the fully connected ones.
    """
    shape, classes = model.image_shape, model.label_classes
    if networks == "dcgan":
        return {
            "generator": dcgan_generator(
                shape,
                {"z": model.latent_dim},
                width,
                classes,
                upsampling,
                model.virtual_batch_norm,
                model.seed,
            ),
            "critic": dcgan_discriminator(shape, width, classes, norm=critic_norm, name="critic"),
        }
    refuse_norms(virtual_batch_norm=model.virtual_batch_norm, critic_norm=critic_norm)
    return {
        "generator": mlp_generator(shape, model.latent_dim, hidden, classes),
        "critic": mlp_critic(shape, hidden, classes),
    }
