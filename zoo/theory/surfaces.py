"""The points of a run on a toy distribution, and its discriminator's or critic's surface."""

from typing import NamedTuple

import numpy as np
from keras import ops

from zoo import data
from zoo.adversarial.lsgan import LSGAN
from zoo.data.toy import MIXTURES
from zoo.errors import RequestError
from zoo.training.loop import build_model


class Surface(NamedTuple):
    """A trained model's points, and what its discriminator or critic makes of the space."""

    generated: np.ndarray  # (2,500, d)
    real: np.ndarray  # (2,500, d) at most
    opinion: object  # function of points (n, d) to (n,)
    span: tuple[float, float] | None  # that an opinion can have, None without bounds
    title: str


def surface(run):
    """The `Surface` of a run on points. A conditional model's is that of its first class.

    Args:
        run: `zoo.training.run.Run`, of this process' backend.
    """
    recorded = run.config["dataset"]
    if len(recorded["image_shape"]) != 1:
        raise RequestError(
            f"A surface takes a run on points: {', '.join(MIXTURES)}. "
            f"Received: {run.path} on {recorded['name']}"
        )
    model = build_model(run.config)
    if len(model.player_names) < 2:
        raise RequestError(
            "A surface takes a run of a game, with a discriminator or a critic. "
            f"Received: {run.path} of {run.config['model']}"
        )
    step = run.load_checkpoint(model, groups=("weights",))
    dataset = data.load(recorded["request"])
    real, labels, of_class = dataset.images, None, ""
    count = 2_500  # as in the protocol of zoo/data/mixtures.py
    if model.conditional:
        # All classes at once have no surface: what D says of a point depends on the class.
        real = real[dataset.labels == 0]
        labels = ops.zeros((count,), "int32")
        of_class = f", class {dataset.class_names[0]}"
    inputs = model.sample_inputs(count, labels, seed=run.config["seed"])
    player = model.player_names[1]
    return Surface(
        ops.convert_to_numpy(model.draw(inputs)),
        real[:count],
        opinion(model),
        (0.0, 1.0) if _is_probability(model) else None,
        f"{run.config['model']} on {recorded['name']}, step {step}: {player}{of_class}",
    )


def opinion(model):
    """What a two-player model makes of points (n, d): a numpy function to (n,).

    It is D in [0, 1] of a discriminator, and the bare output of a critic or a least-squares
    discriminator; in a conditional model, for the first class.
    """
    network = model.players[model.player_names[1]]

    def rate(points):
        points = ops.convert_to_tensor(points, "float32")
        labels = ops.zeros(points.shape[:1], "int32") if model.conditional else None
        outputs = network(model.inputs_of(points, labels), training=False)
        outputs = ops.sigmoid(outputs) if _is_probability(model) else outputs
        return ops.convert_to_numpy(outputs)[:, 0]

    return rate


def _is_probability(model):
    """Whether the second player's output is the logit of a probability."""
    return model.player_names[1] == "discriminator" and not isinstance(model, LSGAN)
