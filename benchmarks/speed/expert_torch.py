"""Training steps as one who knows PyTorch writes them, of the networks of the default presets.

Channels last, networks compiled, Adam in one fused call, averages of weights by one `foreach`
call. No running means, no labels, no checks: the least that trains.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.speed import expert_draw

LATENT = 64
Step = Callable[[Any], Any]


def dcgan_generator(width: int = 32) -> nn.Module:
    return nn.Sequential(
        nn.Linear(LATENT, 49 * 2 * width, bias=False),
        nn.BatchNorm1d(49 * 2 * width),
        nn.ReLU(),
        nn.Unflatten(1, (2 * width, 7, 7)),
        nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, 2, 1),
        nn.Tanh(),
    )


def dcgan_discriminator(width: int = 32, norm: bool = True) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, width, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, 2, 1, bias=not norm),
        nn.BatchNorm2d(2 * width) if norm else nn.Identity(),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(49 * 2 * width, 1),
    )


class Maxout(nn.Module):
    def __init__(self, inputs: int, units: int, pieces: int = 5) -> None:
        super().__init__()
        self.linear, self.pieces = nn.Linear(inputs, units * pieces), pieces

    def forward(self, x: Any) -> Any:
        return self.linear(x).unflatten(1, (-1, self.pieces)).amax(-1)


def gan_networks() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Linear(LATENT, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(),
        nn.Linear(512, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28)),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Flatten(), Maxout(784, 240), nn.Dropout(), Maxout(240, 240), nn.Dropout(),
        nn.Linear(240, 1),
    )  # fmt: skip
    return generator, discriminator


class Player:
    """A network, compiled, with its optimizer."""

    def __init__(self, network: nn.Module, rate: float, betas: tuple[float, float]) -> None:
        self.network = network.to(memory_format=torch.channels_last)
        self.call = torch.compile(self.network)
        self.parameters = list(network.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, rate, betas, fused=True)
        self.average = [p.detach().clone() for p in self.parameters]

    def step(self, loss: Any) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward(inputs=self.parameters)
        self.optimizer.step()

    def average_weights(self) -> None:
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 0.001)


def as_images(batch: Any) -> Any:
    """float32 (n, height, width, channels) of numpy as a channels-last tensor."""
    return torch.from_numpy(batch).permute(0, 3, 1, 2)


def game(generator: nn.Module, discriminator: nn.Module) -> Step:
    g, d = (Player(n, 1e-3, (0.5, 0.999)) for n in (generator, discriminator))

    def step(batch: Any) -> Any:
        images = as_images(batch)
        with torch.no_grad():
            fake = g.call(torch.randn(len(images), LATENT))
        d_loss = F.softplus(-d.call(images)).mean() + F.softplus(d.call(fake)).mean()
        d.step(d_loss)
        g_loss = F.softplus(-d.call(g.call(torch.randn(len(images), LATENT)))).mean()
        g.step(g_loss)
        g.average_weights()
        return d_loss, g_loss

    return step


def wgan_gp(critic_steps: int = 5) -> Step:
    g = Player(dcgan_generator(), 1e-3, (0.0, 0.9))
    c = Player(dcgan_discriminator(norm=False), 1e-3, (0.0, 0.9))
    c.call = c.network  # a gradient of a gradient cannot be compiled

    def step(batch: Any) -> Any:
        for images in as_images(batch).chunk(critic_steps):
            with torch.no_grad():
                fake = g.call(torch.randn(len(images), LATENT))
            share = torch.rand(len(images), 1, 1, 1)
            between = torch.lerp(fake, images, share).requires_grad_()
            (slope,) = torch.autograd.grad(c.call(between).sum(), between, create_graph=True)
            penalty = (slope.flatten(1).norm(dim=1) - 1).square().mean()
            c_loss = c.call(fake).mean() - c.call(images).mean() + 10.0 * penalty
            c.step(c_loss)
        g_loss = -c.call(g.call(torch.randn(len(images), LATENT))).mean()
        g.step(g_loss)
        g.average_weights()
        return c_loss, g_loss

    return step


class Vae(nn.Module):
    def __init__(self, hidden: int = 400, latent: int = 50) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Linear(784, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(),
            nn.Linear(hidden, 2 * latent),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(),
            nn.Linear(hidden, 784),
        )  # fmt: skip

    def forward(self, pixels: Any, k: int) -> Any:
        x = torch.bernoulli(pixels).flatten(1)
        mean, log_variance = self.encoder(x).chunk(2, 1)
        if k == 1:  # the divergence in closed form
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            divergence = 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(1)
            error = F.binary_cross_entropy_with_logits(self.decoder(z), x, reduction="none").sum(1)
            return (error + divergence).mean()
        noise = torch.randn(k, *mean.shape)
        z = mean + (0.5 * log_variance).exp() * noise
        logits = self.decoder(z)
        error = (F.softplus(logits) - x * logits).sum(-1)
        prior = -0.5 * (z.square() - noise.square() - log_variance).sum(-1)
        return -torch.logsumexp(prior - error, 0).mean()


def latent(k: int) -> Step:
    player = Player(Vae(), 2e-3, (0.9, 0.999))

    def step(batch: Any) -> Any:
        loss = player.call(torch.from_numpy(batch), k)
        player.step(loss)
        return (loss,)

    return step


class UNet(nn.Module):
    """Seven halvings of 128 pixels, and back, each level joined with that of its size."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        down = [3, width, 2 * width, 4 * width, *[8 * width] * 4]
        self.down = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(a, b, 4, 2, 1, bias=False),
                nn.BatchNorm2d(b) if i else nn.Identity(),
                nn.LeakyReLU(0.2),
            )
            for i, (a, b) in enumerate(zip(down[:-1], down[1:], strict=True))
        )
        up = [8 * width] * 4 + [4 * width, 2 * width, width]
        self.up = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(a if i == 0 else 2 * a, b, 4, 2, 1, bias=False),
                nn.BatchNorm2d(b),
                nn.Dropout() if i < 3 else nn.Identity(),
                nn.ReLU(),
            )
            for i, (a, b) in enumerate(zip(up[:-1], up[1:], strict=True))
        )
        self.last = nn.ConvTranspose2d(2 * width, 3, 4, 2, 1)

    def forward(self, x: Any) -> Any:
        levels = []
        for layer in self.down:
            x = layer(x)
            levels.append(x)
        levels.pop()
        for layer in self.up:
            x = torch.cat([layer(x), levels.pop()], 1)
        return self.last(x).tanh()


def patch_discriminator(width: int = 32) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(6, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
    for a, b, stride in ((1, 2, 2), (2, 4, 2), (4, 8, 1)):
        layers += [nn.Conv2d(a * width, b * width, 4, stride, 1, bias=False)]
        layers += [nn.BatchNorm2d(b * width), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))


def pix2pix() -> Step:
    g, d = (Player(n, 2e-4, (0.5, 0.999)) for n in (UNet(), patch_discriminator()))

    def step(batch: Any) -> Any:
        given, wanted = (as_images(images) for images in batch)
        fake = g.call(given)
        real_logit, fake_logit = (d.call(torch.cat([given, x], 1)) for x in (wanted, fake.detach()))
        d_loss = 0.5 * (F.softplus(-real_logit).mean() + F.softplus(fake_logit).mean())
        d.step(d_loss)
        logit = d.call(torch.cat([given, fake], 1))
        g_loss = F.softplus(-logit).mean() + 100.0 * (fake - wanted).abs().mean()
        g.step(g_loss)
        return d_loss, g_loss

    return step


STEPS: dict[str, Callable[[], Step]] = {
    "gan": lambda: game(*gan_networks()),
    "dcgan": lambda: game(dcgan_generator(), dcgan_discriminator()),
    "wgan_gp": wgan_gp,
    "vae": lambda: latent(1),
    "iwae": lambda: latent(50),
    "draw": expert_draw.for_torch,
    "pix2pix": pix2pix,
}


def run(name: str) -> Callable[[list[Any]], None]:
    """A function that trains on a list of batches, and ends when it has."""
    step = STEPS[name]()

    def run(batches: list[Any]) -> None:
        for batch in batches:
            losses = step(batch)
        [float(loss.detach()) for loss in losses]

    return run
