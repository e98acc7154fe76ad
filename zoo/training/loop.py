"""Training a run: from a new directory, or on from the checkpoint of one that stopped."""

import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import keras
from rich.console import Console

from zoo import backend, registry
from zoo.backend import devices
from zoo.core import limits
from zoo.data import Dataset
from zoo.data.batches import Batches
from zoo.errors import FailedError, RequestError
from zoo.training import health
from zoo.training.callbacks import Callbacks, Progress, RunRecorder
from zoo.training.profiling import Stopwatch
from zoo.training.run import Run, to_numpy
from zoo.training.schema import Record
from zoo.training.scoring import EpochScores, ValidationLoss

SMALL = 10_000_000  # weights


def build_model(config: Record, precision: str = "float32") -> Any:
    """The uncompiled `GenerativeModel` that a run's config describes.

    Args:
        config: of the run.
        precision: what its networks compute with. Weights are float32 under each, so that a run
            trained in bfloat16 draws, is scored and exported in float32.

    Raises:
        RequestError: it describes none.
    """
    try:
        dataset = config["dataset"]
        # A published model may have no more weights than its file.
        with limits.at_most(config.get("weights") or limits.WEIGHTS):
            return registry.entry(config["model"]).build(
                config["hyperparameters"],
                image_shape=dataset["image_shape"],
                num_classes=len(dataset["class_names"]),
                seed=config["seed"],
                input_channels=dataset.get("input_channels"),
                dtype=precision,
            )
    except RequestError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise RequestError(
            f"A config.json must describe a model that can be built. Received: {reason}"
        ) from error


def trained_model(run: Run) -> Any:
    """The uncompiled model of a run, with the weights of its checkpoint."""
    model = build_model(run.config)
    run.load_checkpoint(model, groups=("weights",))
    return model


def train(
    run: Run,
    batches: Batches,
    console: Console,
    first: Sequence[keras.callbacks.Callback] = (),
    last: Sequence[keras.callbacks.Callback] = (),
    clock: Stopwatch | None = None,
) -> bool:
    """Trains a run to its config's `total_steps`, from its checkpoint where it has one.

    Ctrl-C (or SIGTERM) ends the step, saves and returns; a second one interrupts at once. Where
    the newest checkpoint is damaged the training goes on from the one before it, and ends with the
    same weights. Where a number stops being finite the training ends or, if the run's `on_nan` is
    "retry", goes on from the newest checkpoint at half the learning rate.

    Args:
        run: new or stopped.
        batches: of the data that the run's config names.
        console: for the progress.
        first, last: callbacks that are called before and after those that keep the run.
        clock: adds up the seconds of its parts.

    Returns:
        True when all steps are done or the run has ended early, False when a signal stopped it
        before.

    Raises:
        RequestError: another process trains the run, or its files are damaged.
        FailedError: a number stopped being finite.
    """
    say = partial(console.print, soft_wrap=True)
    with run.lock():
        while True:
            try:
                with devices.scope():
                    return _train(run, batches, console, say, (first, last), clock or Stopwatch())
            except health.NotFinite as error:
                _go_back(run, error, say)


def _go_back(run: Run, error: health.NotFinite, say: Callable[[str], Any]) -> None:
    """Records in a run that it is tried again at half the rate.

    Raises:
        FailedError: it shall not be, or has been often enough; in words, with the `error`.
    """
    step = run.manifest()["step"]
    kept = f"{error}; the checkpoint of step {step} is kept"
    retries = run.config.get("retries") or []
    if run.config.get("on_nan") != "retry":
        raise FailedError(
            f"{kept}. A lower learning_rate often helps, or: train --resume {run.path} "
            "--on-nan retry"
        ) from error
    if len(retries) >= health.RETRIES:
        raise FailedError(
            f"{kept}. It was tried {len(retries)} times before, each at half the learning rate"
        ) from error
    retry = {"step": error.step, "from_step": step, "what": error.what}
    run.config = {**run.config, "retries": [*retries, retry]}
    run.save_config()
    say(f"{error}. Going on from the checkpoint of step {step} at half the learning rate.")


def _tempered(config: Record) -> Record:
    """A run's config with its learning rates as they are after its retries."""
    share = 0.5 ** len(config.get("retries") or ())
    values = {
        name: value * share if name.endswith(health.RATE) else value
        for name, value in config["hyperparameters"].items()
    }
    return {**config, "hyperparameters": values}


def _train(
    run: Run,
    batches: Batches,
    console: Console,
    say: Callable[..., Any],
    around: tuple[Sequence[keras.callbacks.Callback], Sequence[keras.callbacks.Callback]],
    clock: Stopwatch,
) -> bool:
    # Keras draws the seeds of initial weights and dropout from `random`. Its set_random_seed would
    # also import TensorFlow, whatever the backend.
    random.seed(run.config["seed"])
    model = build_model(_tempered(run.config), run.config.get("precision", "float32"))
    # Several steps at once win time where one is short; where it is long, Ctrl-C waits for them.
    small = model.count_params() < SMALL
    model.compile(steps_per_execution=backend.steps_per_execution() if small else 1)
    devices.prepare(model, run.config.get("sync_batch_norm", True))
    stream_from = fed(model, batches)
    total_steps = run.config["total_steps"]

    begun = run.has_checkpoint
    devices.wait()  # for those that look whether there is one, before there is
    if begun:
        run.fall_back(say)
        devices.wait()
        # A rate is that of the config, and not that which the checkpoint was trained at.
        rates = [to_numpy(rate) for rate in model.optimizer.rates]
        step = run.load_checkpoint(model)
        for variable, rate in zip(model.optimizer.rates, rates, strict=True):
            variable.assign(rate)
    else:
        step = 0
        run.save_checkpoint(model, step)
        devices.wait()
    if step < total_steps:
        run.save_config()  # a new end may be in it
    metrics = [to_numpy(variable) for variable in model.metrics_variables]
    scores = validation = None
    if run.config.get("evaluation"):
        scores = devices.alone(lambda: EpochScores(run, _original(run, batches)))
    if run.config["dataset"].get("validation") and model.has_validation_loss():
        validation = devices.alone(lambda: ValidationLoss(model, run.dataset("validation")))
    recorder = RunRecorder(run, batches, step, metrics, scores, validation, say, clock)

    for note in batches.dataset.notes:
        say(note, markup=False)  # a folder may be called [red]
    say(f"Run {run.path}. Ctrl-C saves and stops.")
    per_epoch = batches.steps_per_epoch
    first, last = around
    with Progress(recorder, total_steps, console) as progress, _stop_on_signal(recorder):
        recorder.early_end = run.early_end()
        while recorder.step < total_steps and not (recorder.stop_requested or recorder.early_end):
            # fit() runs epochs of equal length, so the rest of a begun epoch and a last one that
            # is cut short are calls of their own.
            epoch, offset = divmod(recorder.step, per_epoch)
            whole_epochs = total_steps // per_epoch - epoch
            whole = offset == 0 and whole_epochs > 0
            steps = min(per_epoch - offset, total_steps - recorder.step)
            # Not the model's own fit, which would look at the first batch and so use it up.
            stream = clock.iterate("batches", stream_from(recorder.step))
            called = [*first, recorder, progress, *last]
            keras.Model.fit(
                model,
                devices.feed(stream, model.step_parts, steps),
                initial_epoch=epoch,
                epochs=epoch + (whole_epochs if whole else 1),
                steps_per_epoch=steps,
                shuffle=False,  # the batches are shuffled already
                callbacks=Callbacks(called, add_history=True, model=model, steps=steps),
                verbose=0,
            )
    return recorder.step >= total_steps or bool(recorder.early_end)


def fed(model: Any, batches: Batches) -> Callable[[int], Iterator[tuple[Any, ...]]]:
    """A function from a step to the batches of a compiled model from there on, as `fit` takes them.

    The images go to the model's device once where they can, and then only indices of them.
    """
    images = batches.whole
    values = None if batches.dataset.points else batches.values
    look = None if images is None else backend.kept(model, images, values)
    if look is None:
        return batches.from_step
    return lambda step: (
        (look(indices), *labels) for indices, *labels in batches.indices_from_step(step)
    )


def _original(run: Run, batches: Batches) -> Dataset:
    """The training split as the dataset has it: batches may be of binarized images."""
    fingerprint = run.config["dataset"].get("fingerprint")
    same = batches.dataset.fingerprint == fingerprint
    return batches.dataset if same else run.dataset()


@contextmanager
def _stop_on_signal(recorder: RunRecorder) -> Iterator[None]:
    def stop(signum: int, frame: Any) -> None:
        if recorder.stop_requested:
            raise KeyboardInterrupt
        recorder.stop_requested = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
