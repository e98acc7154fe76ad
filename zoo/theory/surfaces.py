"""The points of a run on a toy distribution, and its discriminator's or critic's surface."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from zoo import data
from zoo.data.toy import MIXTURES
from zoo.errors import RequestError
from zoo.training.loop import build_model
from zoo.training.run import Run


class Surface(NamedTuple):
    """A trained model's points, and what its discriminator or critic makes of the space."""

    generated: np.ndarray  # (2,500, d)
    real: np.ndarray  # (2,500, d) at most
    judgement: Callable[[np.ndarray], np.ndarray]  # function of points (n, d) to (n,)
    span: tuple[float, float] | None  # that a judgement can have, None without bounds
    title: str


def surface(run: Run) -> Surface:
    """The `Surface` of a run on points. A conditional model's is that of its first class.

    Args:
        run: `zoo.training.run.Run`, of this process' backend.
    """
    recorded = run.config["dataset"]
    if len(recorded["image_shape"]) != 1:
        raise RequestError(
            f"A surface needs a run on points: {', '.join(MIXTURES)}. "
            f"Received: {run.path} on {recorded['name']}"
        )
    model = build_model(run.config)
    if model.family != "adversarial":
        raise RequestError(
            "A surface needs a model with a discriminator or a critic of points, such as gan. "
            f"Received: {run.path} of {run.config['model']}"
        )
    step = run.load_checkpoint(model, groups=("weights",))
    dataset = data.load(recorded["request"])
    real, labels, of_class = dataset.images, None, ""
    count = 2_500  # as in the protocol of zoo/data/mixtures.py
    if model.conditional:
        # All classes at once have no surface: what D says of a point depends on the class.
        assert dataset.labels is not None
        real = real[dataset.labels == 0]
        labels = ops.zeros((count,), "int32")
        of_class = f", class {dataset.class_names[0]}"
    inputs = model.sample_inputs(count, labels, seed=run.config["seed"])
    return Surface(
        ops.convert_to_numpy(model.sample(inputs)),
        real[:count],
        judgement(model),
        (0.0, 1.0) if model.judges_probability else None,
        f"{run.config['model']} on {recorded['name']}, step {step}: {model.opponent}{of_class}",
    )


def judgement(model: Any) -> Callable[[np.ndarray], np.ndarray]:
    """What a model's discriminator or critic makes of points (n, d): a numpy function to (n,).

    It is D in [0, 1] of a discriminator, and the bare output of a critic or a least-squares
    discriminator; in a conditional model, for the first class.
    """
    network = getattr(model, model.opponent)

    def judge(points: np.ndarray) -> np.ndarray:
        points = ops.convert_to_tensor(points, "float32")
        labels = ops.zeros(points.shape[:1], "int32") if model.conditional else None
        outputs = network(model.inputs_of(points, labels), training=False)
        outputs = ops.sigmoid(outputs) if model.judges_probability else outputs
        return ops.convert_to_numpy(outputs)[:, 0]

    return judge
