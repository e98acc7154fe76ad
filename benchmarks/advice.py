"""What to take and what to change, with the figures that say so: the tables of docs/which-model.md.

A figure in braces is the mean over the runs of the model's `default` preset: "{fcd.cgan}" of the
Fréchet distance on Fashion-MNIST, "{nll.vae}" of the bound on MNIST, "{error.ssvae}" of the error
there in percent. The runs of `CHANGES` are those of two folders of receipts, which say how they
were trained.
"""

import statistics
from types import SimpleNamespace
from typing import Any

from benchmarks import receipts

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
        "the images without labels teach it too: {error.ssvae:.1f} % of the test images of MNIST "
        "are wrong",
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

# A change, and the runs without and with it, whose score on a validation part is in the table.
CHANGES = {
    ("fashion_mnist", "fcd"): (
        ("hidden layers in both networks of `dcgan`", "dcgan", "dcgan-hidden"),
        ("a hidden layer in its discriminator alone", "dcgan", "dcgan-hidden-discriminator"),
        ("a hidden layer in its generator alone", "dcgan", "dcgan-hidden-generator"),
        ("hidden layers in both networks of `wgan`", "wgan-batch-norm", "wgan-hidden"),
        (
            "hidden layers on both sides of the code of `aae` (`--set dense=256`)",
            "aae-latent-16",
            "aae-hidden",
        ),
        (
            "`dcgan` in batches of 128 instead of 64, in twice the time",
            "dcgan",
            "dcgan-batch-128",
        ),
        (
            "differentiable translation in `dcgan` (`--set augment=translation`)",
            "dcgan",
            "dcgan-translation",
        ),
        ("no norm in the discriminator of `dcgan`", "dcgan", "dcgan-no-norm"),
        ("bilinear upsampling in `dcgan`", "dcgan", "dcgan-bilinear"),
        ("batch norm in the critic of `wgan`", "wgan-no-norm", "wgan-batch-norm"),
        (
            "three critic steps of `wgan_gp` in the time of one, so 3,000 steps instead of 6,000",
            "wgan_gp",
            "wgan_gp-three-steps",
        ),
        ("a penalty of 1 instead of 10 in `wgan_gp`", "wgan_gp", "wgan_gp-penalty-1"),
        ("a beta_1 of 0.5 instead of 0 in `wgan_gp`", "wgan_gp", "wgan_gp-beta"),
        ("a code of 16 numbers instead of 8 in `aae`", "aae", "aae-latent-16"),
        ("a code of 32 numbers instead of 16 in `aae`", "aae-latent-16", "aae-latent-32"),
        ("12,000 steps of `aae` with a code of 16 numbers", "aae-latent-16", "aae-latent-16-long"),
        ("`gan` without dropout in its discriminator", "gan", "gan-no-dropout"),
        ("the R1 penalty in `gan` (`--set r1=1`)", "gan", "gan-r1"),
        (
            "no dropout and R1 in `gan` (`--set dropout=0 --set r1=1`)",
            "gan",
            "gan-penalized-1",
        ),
        ("no dropout and `r1=10` in `gan`", "gan", "gan-penalized"),
        ("`r1=100` in `gan` instead of 10", "gan-penalized", "gan-penalized-100"),
        (
            "400 maxout units in `gan` instead of 240, beside `r1=10`",
            "gan-penalized",
            "gan-penalized-400",
        ),
        (
            "batches of 256 in `gan` instead of 64, beside `r1=10`",
            "gan-penalized",
            "gan-penalized-batch-256",
        ),
        (
            "minibatch discrimination in `gan` (`--set minibatch_discrimination=32`)",
            "gan",
            "gan-minibatch-discrimination",
        ),
        ("1,200 units in the generator of `gan` instead of 512", "gan", "gan-1200"),
        ("a rate of 0.0002 instead of 0.001 in `gan`", "gan", "gan-slow"),
        ("a rate of 0.003 instead of 0.001 in `gan`", "gan", "gan-fast"),
    ),
    ("mnist", "nll"): (
        ("400 hidden units instead of the papers' 200", "vae-200", "vae-400"),
        (
            "a warm-up of the divergence over a fifth of the training",
            "vae-200-no-warm-up",
            "vae-200",
        ),
    ),
    ("mnist", "error"): (
        ("an alpha of 1 instead of 10", "ssvae-alpha-10", "ssvae"),
        ("16,000 steps instead of 6,000", "ssvae", "ssvae-long"),
        ("40,000 steps instead of 16,000", "ssvae-long", "ssvae-longer"),
        (
            "two hidden layers in each network, beside an alpha of 10",
            "ssvae-alpha-10",
            "ssvae-deep",
        ),
        (
            "latents of 20 numbers instead of 50, beside an alpha of 10",
            "ssvae-alpha-10",
            "ssvae-latent-20",
        ),
    ),
}


FORMS = {"error": "{:.1f} %"}  # of the scores that have another than two decimals


def _figure(receipt: dict[str, Any], score: str) -> float:
    """A score of a receipt; an error in percent."""
    value = receipt["scores"][score][score]
    return 100 * value if score == "error" else value


def changes(dataset: str, score: str) -> str:
    """What each change of a recipe is worth."""
    from benchmarks.tables import markdown_table

    found = {
        name: FORMS.get(score, "{:.2f}").format(_figure(receipt, score))
        for name, receipt in receipts.read(f"{dataset}{receipts.VALIDATION}").items()
        if score in receipt["scores"]
    }
    rows = [[text, found[old], found[new]] for text, old, new in CHANGES[dataset, score]]
    return markdown_table(["change", "from", "to"], rows)


def table() -> str:
    from benchmarks.tables import markdown_table, trained_by_default

    figures = {}
    for score, dataset in (("fcd", "fashion_mnist"), ("nll", "mnist"), ("error", "mnist")):
        means = {
            model: statistics.mean(scored)
            for model, group in trained_by_default(dataset).items()
            if (scored := [_figure(r, score) for r in group if score in r["scores"]])
        }
        figures[score] = SimpleNamespace(**means)
    rows = [[want, take, why.format(**figures)] for want, take, why in ADVICE]
    return markdown_table(["you want", "take", "because"], rows)
