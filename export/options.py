"""The options that commands share, each with its help, and how an option is declared."""

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Literal

import typer

from zoo import DEFAULT_DATASET


def option(
    value: object,
    text: str,
    *names: str,
    default: str | None = None,
    panel: str | None = None,
    metavar: str | None = None,
) -> Any:
    """An option of a command.

    Args:
        value: its default.
        text: the help.
        names: None for that of the parameter.
        default: what the help says of a default None.
        panel: title of the group of options that the help shows it in.
        metavar: what the help shows as its value.
    """
    return typer.Option(
        value,
        *names,
        help=text,
        show_default=default or True,
        rich_help_panel=panel,
        metavar=metavar,
    )


def argument(value: object, text: str, metavar: str | None = None) -> Any:
    """An argument of a command: its default ("..." where it must be given) and its help."""
    default = "the newest run" if value is None else True
    return typer.Argument(value, help=text, metavar=metavar, show_default=default)


data_option = partial(option, panel="Data")
model_option = partial(option, panel="Model")
training_option = partial(option, panel="Training")
score_option = partial(option, panel="Scores")
engine_option = partial(option, panel="Where the runs are trained")
folder_option = partial(option, panel="Folders")

HUB = "owner/name\\[@revision] on the Hugging Face Hub"  # rich would take [@...] for markup
NAMED = "One of `genzoo list datasets`, or the path of a folder or an archive of images."

Task = Literal["pairs", "colorize", "edges", "inpaint", "superres", "denoise"]
Color = Literal["gray", "rgb"]
EngineName = Literal["local", "ray", "slurm"]
Scheduler = Literal["asha", "median"]
Precision = StrEnum("Precision", ["fp32", "fp16", "int8"])  # typer takes no list of Literals

BUNDLED = "one of `genzoo list pretrained`"
SOURCE = argument(None, f"A run, an exported file or folder, {BUNDLED}, or {HUB}.")
MODEL = argument(None, f"A run, {BUNDLED}, or a published model: {HUB}.")
IMAGES = (
    f"A run, an exported file or folder, {BUNDLED}, or {HUB} (by default the newest run); then "
    "images, folders of images or glob patterns."
)
DATASET = data_option(None, NAMED, default=DEFAULT_DATASET)
IMAGE_SIZE = data_option(None, "Crop images to squares, and resize them to this side.", metavar="N")
COLOR = data_option(None, "Convert images to grey or to colour.")
PRESET = model_option(None, "Hyperparameters to start from: `genzoo list presets` shows them.")
EPOCHS = training_option(None, "Train until this many epochs are done.")
STEPS = training_option(None, "Train until this many steps are done, instead of --epochs.")
BATCH_SIZE = training_option(None, "Number of images in a batch.")
EVERY = score_option(None, "Score generated images every N epochs, and keep the best.", metavar="N")
VALIDATION = data_option(
    None, "Hold this share of the images out of the training, to validate with.", metavar="SHARE"
)
PATIENCE = training_option(
    None,
    "End after N epochs without a better score or validation loss.",
    default="train all steps",
    metavar="N",
)
CLASSIFIER = score_option(
    None, "Classifier file to compute the scores with.", default="that of the dataset"
)
BACKEND = option(None, "Keras backend to run on.", default="KERAS_BACKEND, else tensorflow")
DATA_DIR = folder_option(
    None, "Folder that holds the datasets.", default="ZOO_DATA_DIR, else ~/.keras/datasets"
)
RUNS_DIR = folder_option(Path("runs"), "Folder that holds the runs.")
