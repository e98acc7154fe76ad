"""`train --tensorboard`: a run's history, samples and settings as TensorBoard reads them."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import keras
import numpy as np
from PIL import Image

from zoo.errors import RequestError
from zoo.training.run import Run

FOLDER = "tensorboard"  # in a run's
NOT_SHOWN = {"epoch", "step"}  # of a row of the history: they say where on the axis it is


def require() -> Any:
    """The class that writes TensorBoard's files, or a `RequestError` where it is not installed."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise RequestError(
            "--tensorboard needs tensorboardX, which is not installed: pip install "
            "'genzoo[tensorboard]'"
        ) from None
    return SummaryWriter


class TensorBoard(keras.callbacks.Callback):
    """Writes a run's folder `tensorboard/`, on any backend; use it in a `with` statement.

    It must come after the callback that writes the run's history.

    Args:
        run: new, or one that goes on: what TensorBoard has of steps after its checkpoint is
            replaced.
    """

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run = run
        begun = run.usable_checkpoint()["step"] if run.has_checkpoint else 0
        self.writer = require()(
            str(run.path / FOLDER),
            purge_step=begun + 1,
            filename_suffix=f".{begun}",  # else two of one second have one name
        )
        self._rows = len(run.history())
        if not begun:
            self.writer.add_text("command", run.config["command"])
            for name, value in run.config["hyperparameters"].items():
                self.writer.add_text(f"hyperparameters/{name}", str(value))

    def __enter__(self) -> "TensorBoard":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.writer.close()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        rows = self.run.history()
        for row in rows[self._rows :]:
            for name, value in row.items():
                if name not in NOT_SHOWN:
                    self.writer.add_scalar(name, value, row["step"])
            picture = self.run.path / "samples" / f"epoch-{row['epoch']:04d}.png"
            with Image.open(picture) as image:
                pixels = np.asarray(image.convert("RGB"))
            self.writer.add_image("samples", pixels, row["step"], dataformats="HWC")
        self._rows = len(rows)
        self.writer.flush()
