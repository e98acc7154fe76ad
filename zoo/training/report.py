"""Training a run from the command line: what is said when it ends, also when the disk is full."""

from typing import Any

from zoo.backend import devices
from zoo.data.batches import Batches
from zoo.errors import FailedError
from zoo.training import loop
from zoo.training.run import Run


def train_and_report(run: Run, batches: Batches, console: Any) -> list[str]:
    """Trains a run as far as its config says, or until Ctrl-C.

    Args:
        run, batches: as `zoo.training.setup` makes them.
        console: `rich.console.Console` for the progress.

    Returns:
        Lines that say how far it came, and how it is continued if it was stopped.

    Raises:
        FailedError: the run could not be written; the message says what is left of it.
    """
    try:
        with devices.watching(f"continue with: train --resume {run.path}"):
            finished = loop.train(run, batches, console)
    except OSError as error:
        advice = "no step is saved yet"
        if run.has_checkpoint:
            advice = (
                f"the checkpoint of step {run.manifest()['step']} is whole; continue with: "
                f"train --resume {run.path}"
            )
        raise FailedError(f"Writing the run failed: {error}; {advice}") from error
    manifest = run.manifest()
    lines = [f"{run.path} at step {manifest['step']}, checkpoint sha256 {manifest['sha256']}"]
    if retries := run.config.get("retries"):
        steps = ", ".join(str(retry["step"]) for retry in retries)
        share = 2 ** len(retries)
        lines.append(f"Numbers were not finite at step {steps}: the learning rate is 1/{share} now")
    if ended := run.early_end():
        lines.append(ended)
    return lines if finished else [*lines, f"Stopped. Continue with: train --resume {run.path}"]
