"""Which model to take for what, with the figures that say so: the table of docs/which-model.md.

A figure in braces is the mean over the runs of the model's `default` preset: "{fcd.cgan}" of the
Fréchet distance on Fashion-MNIST, "{nll.vae}" of the bound on MNIST.
"""

import statistics
from types import SimpleNamespace

# What somebody wants, what to take, and why.
ADVICE = (
    (
        "images of a class that you choose",
        "`cgan`",
        "labels help the pictures too: its FCD is {fcd.cgan:.2f}, that of `dcgan` without labels "
        "{fcd.dcgan:.2f}",
    ),
    (
        "images, and there are no labels",
        "`dcgan`; `wgan_gp` where `dcgan` fails",
        "their FCD is {fcd.dcgan:.2f} and {fcd.wgan_gp:.2f}; the critic of `wgan_gp` goes on "
        "improving, where a discriminator can win and stop teaching",
    ),
    (
        "controls that nobody labelled",
        "`infogan`",
        "each of its codes changes one thing in the image, and its FCD is {fcd.infogan:.2f}",
    ),
    (
        "codes of your own images, and walks between them",
        "`vae`, `aae`",
        "they have an encoder; a GAN has none",
    ),
    (
        "a likelihood",
        "`iwae`",
        "its bound is tighter: {nll.iwae:.1f} nats on MNIST, and {nll.vae:.1f} of `vae`",
    ),
    (
        "a classifier from a hundred labels",
        "`ssvae`",
        "the images without labels teach it too",
    ),
    (
        "one image turned into another",
        "`pix2pix`",
        "it learns from pairs, and takes images of any size",
    ),
    ("to watch a picture being drawn", "`draw`", "it draws in steps"),
    (
        "to learn how a GAN works",
        "`gan`",
        "two small networks; points in the plane show the game",
    ),
)


def table() -> str:
    from benchmarks.tables import markdown_table, trained_by_default

    figures = {}
    for score, dataset in (("fcd", "fashion_mnist"), ("nll", "mnist")):
        means = {
            model: statistics.mean(scored)
            for model, group in trained_by_default(dataset).items()
            if (scored := [r["scores"][score][score] for r in group if score in r["scores"]])
        }
        figures[score] = SimpleNamespace(**means)
    rows = [[want, take, why.format(**figures)] for want, take, why in ADVICE]
    return markdown_table(["you want", "take", "because"], rows)
