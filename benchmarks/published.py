"""The tables of docs/results.md: likelihoods and errors beside the papers', and CIFAR-10."""

import shlex
from collections.abc import Iterable
from typing import Any

from benchmarks import receipts

# Label, model, settings of the `default` preset, which bound is compared, and the paper's number.
LIKELIHOODS = (
    ("VAE, which is IWAE with k=1", "vae", (), "nll", "86.76"),
    ("IWAE, k=5", "iwae", ("k=5",), "nll", "85.54"),
    ("IWAE, k=50", "iwae", ("k=50",), "nll", "84.78"),
    ("IWAE, 2 layers, k=1", "iwae", ("stochastic_layers=2", "k=1"), "nll", "85.33"),
    ("IWAE, 2 layers, k=5", "iwae", ("stochastic_layers=2", "k=5"), "nll", "83.89"),
    ("IWAE, 2 layers, k=50", "iwae", ("stochastic_layers=2", "k=50"), "nll", "82.90"),
    ("DLGM, 2 layers", "dlgm", (), "nll", "86.60 †"),
    ("DRAW, upper bound", "draw", (), "elbo", "80.97 † (64 steps; ours 10)"),
    ("SBN, 1 layer of 200, NVIL, upper bound", "sbn", (), "elbo", "113.5 ‡"),
    ("SBN, 2 layers, upper bound", "sbn", ("stochastic_layers=2",), "elbo", "99.7 ‡"),
    ("SBN, 3 layers, upper bound", "sbn", ("stochastic_layers=3",), "elbo", "97.5 ‡"),
)
# Label, model, settings, which error is compared, how many images have a label, the paper's number.
ERRORS = (
    ("M2", "ssvae", ("stack=m2", "alpha=10"), "error", "100", "11.97 %"),
    ("M2", "ssvae", ("stack=m2", "alpha=10", "labels=1000"), "error", "1,000", "3.60 %"),
    ("M1+M2", "ssvae", (), "error", "100", "3.33 %"),
    ("M1+M2", "ssvae", ("labels=1000",), "error", "1,000", "2.40 %"),
    ("InfoGAN, its categories matched with the digits", "infogan", (), "category_error",
     "none", "5 %"),
    ("InfoGAN, likewise", "infogan", ("latent_dim=8",), "category_error", "none", "5 %"),
)  # fmt: skip


def likelihoods() -> str:
    """Bounds on the likelihood of MNIST by model, the papers' beside those of the runs here."""
    from benchmarks.tables import markdown_table, spread

    rows = []
    for label, model, settings, bound, paper in LIKELIHOODS:
        default, best = (_scores("nll", model, settings, preset) for preset in ("default", "best"))
        measured = dict.fromkeys(
            f"{score['importance_samples']:,} x {score['images']:,}" for score in default
        )
        ours = [
            spread([score[bound] if bound == "nll" else -score[bound] for score in scores], 2)
            for scores in (default, best)
        ]
        command = _arguments(model, settings)
        rows.append([label, command, paper, ours[0], ", ".join(measured), ours[1]])
    heads = ["model", "`train ...`", "paper", "ours, `default`", "k x images", "ours, `best`"]
    return markdown_table(heads, rows)


def errors() -> str:
    """Errors on the test images of MNIST, from few labels or none."""
    from benchmarks.tables import markdown_table, spread

    rows = []
    for label, model, settings, name, labels, paper in ERRORS:
        found = [100 * score[name] for score in _scores(name, model, settings)]
        ours = f"{spread(found, 1)} %" if found else ""
        rows.append([label, _arguments(model, settings), labels, paper, ours])
    return markdown_table(["model", "`train ...`", "labels", "paper", "ours, `default`"], rows)


def cifar10() -> str:
    """What was trained on CIFAR-10, by FCD, with the options that it was trained with."""
    from benchmarks.tables import markdown_table

    def cells(scores: dict[str, float]) -> list[str]:
        shares = (f"{scores[name]:.2f}" for name in ("precision", "recall", "coverage"))
        return [f"{scores['fcd']:.2f}", f"{100 * scores['class_accuracy']:.0f} %", *shares]

    found = sorted(receipts.read("cifar10").values(), key=lambda r: r["scores"]["fcd"]["fcd"])
    real = {name: score["floor"] for name, score in found[0]["scores"].items()}
    rows = [["*real test images*", *cells(real), ""]]
    for receipt in found:
        drawn = {name: score[name] for name, score in receipt["scores"].items()}
        minutes = f"{receipt['minutes']:.0f}"
        rows.append([f"`{_options(receipt['config'])}`", *cells(drawn), minutes])
    heads = ["`train ...`", "FCD", "class accuracy", "precision", "recall", "coverage", "minutes"]
    return markdown_table(heads, rows)


def _options(config: dict[str, Any]) -> str:
    """The model and the options of a training that choose what is trained, and how long."""
    words = iter(shlex.split(config["command"])[2:])
    kept = [config["model"]]
    for word in words:
        if word == "--conditional":
            kept.append(word)
        elif word in ("--set", "--steps"):
            kept += [word, next(words)]
        elif word.startswith(("--set=", "--steps=")):
            kept += word.split("=", 1)
    return " ".join(kept)


def _arguments(model: str, settings: Iterable[str]) -> str:
    return f"`{' '.join([model, *(f'--set {setting}' for setting in settings)])}`"


def _scores(
    name: str, model: str, settings: Iterable[str], preset: str = "default"
) -> list[dict[str, Any]]:
    """A score of the runs on MNIST of a model's preset with some settings.

    There are none of a preset that is the default one by another name.
    """
    from benchmarks.tables import settings_of
    from zoo import registry

    settings = list(settings)
    wanted = registry.entry(model).configure(preset, settings)
    if preset != "default" and wanted == registry.entry(model).configure("default", settings):
        return []
    return [
        receipt["scores"][name]
        for file, receipt in receipts.read("mnist").items()
        if file != receipts.PIXELS
        and receipt["config"]["model"] == model
        and name in receipt["scores"]
        and settings_of(receipt["config"]) == wanted
    ]
