"""Training a run from the command line: what is said when it ends, also when the disk is full."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoo.backend import devices
from zoo.data.batches import Batches
from zoo.errors import FailedError
from zoo.training import loop, profiling, tensorboard
from zoo.training.run import Run


@dataclass(frozen=True)
class Watching:
    """What looks at a training beside its own record.

    Attributes:
        profile: folder for a trace; with one, the report says where the time went.
        tensorboard: whether files for TensorBoard are written.

    Raises:
        RequestError: the folder cannot be written, or tensorboardX is not installed.
    """

    profile: Path | None = None
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if self.profile is not None:
            profiling.require_folder(self.profile)
        if self.tensorboard:
            tensorboard.require()


def train_and_report(
    run: Run, batches: Batches, console: Any, watching: Watching | None = None
) -> list[str]:
    """Trains a run as far as its config says, or until Ctrl-C.

    Args:
        run, batches: as `zoo.training.setup` makes them.
        console: `rich.console.Console` for the progress.
        watching: what else looks at the training.

    Returns:
        Lines that say how far it came, and how it is continued if it was stopped.

    Raises:
        FailedError: the run could not be written; the message says what is left of it.
    """
    watching = watching or Watching()
    clock = profiling.Stopwatch()
    profiles = [profiling.Profile(watching.profile, clock)] if watching.profile else []
    try:
        with ExitStack() as stack:
            stack.enter_context(devices.watching(f"continue with: train --resume {run.path}"))
            boards = (
                [stack.enter_context(tensorboard.TensorBoard(run))] if watching.tensorboard else []
            )
            finished = loop.train(run, batches, console, profiles, boards, clock)
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
    lines += [line for profile in profiles for line in profile.lines()]
    return lines if finished else [*lines, f"Stopped. Continue with: train --resume {run.path}"]
