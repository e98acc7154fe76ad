"""What happens beside the steps of a run: records at each epoch, and progress."""

import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras.src.utils.python_utils import pythonify_logs
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from zoo.backend import devices
from zoo.data.batches import Batches
from zoo.pictures import figures, grids
from zoo.training import health
from zoo.training.profiling import Stopwatch
from zoo.training.run import VALIDATION_LOSS, Run
from zoo.training.schema import Record
from zoo.training.scoring import EpochScores, ValidationLoss

GRID_COLUMNS = 8
MAX_GRID_ROWS = 20
POINTS = 2_500  # of the protocol in zoo/data/mixtures.py
SECONDS_BETWEEN_LOOKS = 0.5  # at the losses, each of which waits until a GPU has them
SECONDS_BETWEEN_LINES = 30.0
SECONDS_BETWEEN_CHECKPOINTS = 600.0  # inside an epoch; at its end there is one in any case
BEGUN = 500  # steps, before which nothing is said to go badly

Logs = Mapping[str, float]


class Callbacks(keras.callbacks.CallbackList):
    """Callbacks that get the logs of a call as the device has them.

    Keras' own list reads each as a number first, and so waits in every call until it is done.
    """

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs)


class RunRecorder(keras.callbacks.Callback):
    """Counts the steps; at the end of each epoch writes history row, sample grid and checkpoint.

    A long epoch is saved inside too, every ten minutes. An epoch that is cut short (by
    `stop_requested`, or by the number of steps asked for) leaves a checkpoint and a grid, but no
    row: its row is written when the resumed run has finished it.

    Args:
        run: that is trained.
        batches: it is trained on.
        step: steps already trained.
        metrics: arrays of the running metrics at `step`.
        scores: to take at the end of epochs, None for none.
        validation: the loss to take at the end of epochs, None for none.
        say: takes a sentence about how the training goes.
        clock: adds up the seconds of its parts.
    """

    def __init__(
        self,
        run: Run,
        batches: Batches,
        step: int,
        metrics: Sequence[np.ndarray],
        scores: EpochScores | None = None,
        validation: ValidationLoss | None = None,
        say: Callable[[str], Any] = print,
        clock: Stopwatch | None = None,
    ) -> None:
        super().__init__()
        self.run = run
        self.clock = clock or Stopwatch()
        self.batches = batches
        self.step = step
        self.scores = scores
        self.validation = validation
        self.say = say
        self.stop_requested = False
        self.early_end = ""  # why the training ends before its last step, as a sentence
        self._resumed_metrics = metrics
        self._said: set[str] = set()  # warnings, without their numbers: each is said once
        self._history = run.history()
        self._saved = self._looked = time.perf_counter()
        self._unseen: list[tuple[int, Logs]] = []  # logs by the step that they were taken after

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._first_step = self.step
        self._started = time.perf_counter()
        if self.step % self.batches.steps_per_epoch:
            # Inside an epoch: fit() has just reset the metrics that the first part of it filled.
            pairs = zip(self.model.metrics_variables, self._resumed_metrics, strict=True)
            for variable, value in pairs:
                variable.assign(value)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        # Several steps may be one execution, and an epoch's last execution a short one.
        done = min(batch + 1, self.params["steps"])
        self.step = self._first_step + done
        self._unseen.append((self.step, logs or {}))
        if time.perf_counter() - self._looked >= SECONDS_BETWEEN_LOOKS:
            self._look()
        self.stop_requested = devices.any_of(self.stop_requested)
        if self.stop_requested:
            self.model.stop_training = True
        inside = done < self.params["steps"] and not self.stop_requested  # else the end saves
        if inside and time.perf_counter() - self._saved >= SECONDS_BETWEEN_CHECKPOINTS:
            self._look()
            self._save()

    def _look(self) -> None:
        """Refuses to go on where the running means of a call since the last look are not finite."""
        unseen, self._unseen = self._unseen, []
        for step, logs in unseen:
            bad = [name for name, value in pythonify_logs(logs).items() if not math.isfinite(value)]
            if bad:
                raise health.NotFinite(step, " and ".join(bad))
        self._looked = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._look()
        devices.alone(partial(self._end_epoch, epoch, logs))

    def _end_epoch(self, epoch: int, logs: Logs | None) -> None:
        if self.step % self.batches.steps_per_epoch:
            with self.clock.part("samples"):
                self.save_samples(f"step-{self.step:07d}.png")
        else:
            share = (self.step - self._first_step) / self.batches.steps_per_epoch
            # Of an epoch that was resumed only the rest was timed.
            seconds = (time.perf_counter() - self._started) / share
            with self.clock.part("samples"):
                samples, labels = self.save_samples(f"epoch-{epoch + 1:04d}.png")
            row = {"epoch": epoch + 1, "step": self.step, **(logs or {}), **self._modes(samples)}
            with self.clock.part("scores"):
                row |= self._monitored(epoch, samples, labels, logs or {})
            row["seconds"] = round(seconds, 3)
            # JSON has no NaN: a number that could not be taken is left out.
            self._history.append({key: v for key, v in row.items() if math.isfinite(v)})
            self.run.write_history(self._history)
            best = self.run.best_row()
            if best and best["step"] == self.step:
                self.run.save_best(self.model, self.step, self._history)
        self._save()
        devices.wait()  # for what is read now
        self.early_end = self.run.early_end()
        if self.early_end:
            self.model.stop_training = True

    def _save(self) -> None:
        with self.clock.part("checkpoints"):
            self.run.save_checkpoint(self.model, self.step)
        self._saved = time.perf_counter()

    def save_samples(self, file: str) -> tuple[np.ndarray, np.ndarray | None]:
        """Draws from noise that is the same at every epoch, and saves the picture.

        Images are a grid, a row per class or category where there are; points are a scatter plot.

        Returns:
            (samples, labels): the labels are None of a model that takes none.
        """
        model, dataset = self.model, self.batches.dataset
        if dataset.inputs is not None:
            return self._save_translations(file), None
        rows, rows_by = GRID_COLUMNS, None
        for name, spec in model.inputs_spec.items():
            if rows_by is None and "classes" in spec:
                rows, rows_by = min(spec["classes"], MAX_GRID_ROWS), name
        count = POINTS if dataset.points else rows * GRID_COLUMNS
        inputs = model.sample_inputs(count, seed=self.run.config["seed"])
        if rows_by:
            inputs[rows_by] = np.arange(count, dtype="int32") * rows // count
        samples = model.generate(inputs)
        if dataset.points:
            picture = figures.scatter(samples, dataset.images[:POINTS])
        else:
            names = dataset.class_names[:rows] if rows_by == "label" else ()
            picture = grids.image_grid(samples, GRID_COLUMNS, names)
        self.run.save_picture(file, picture)
        asked = inputs.get("label")
        return samples, None if asked is None else np.array(keras.ops.convert_to_numpy(asked))

    def _save_translations(self, file: str) -> np.ndarray:
        """The first pairs of the training data: inputs, the model's outputs, and targets."""
        dataset = self.batches.dataset
        assert dataset.inputs is not None  # a translator is trained on pairs alone
        inputs = dataset.inputs[:GRID_COLUMNS]
        samples = self.model.translate(inputs, self.run.config["seed"])
        picture = grids.translations(inputs, samples, dataset.images[:GRID_COLUMNS])
        self.run.save_picture(file, picture)
        return samples

    def _modes(self, samples: np.ndarray) -> Record:
        """What can be told of points whose distribution is known."""
        mixture = self.batches.dataset.mixture
        if mixture is None:
            return {}
        covered, good = mixture.modes_covered(samples), mixture.good_share(samples)
        return {"modes_covered": covered, "good_share": round(good, 4)}

    def _monitored(
        self, epoch: int, samples: np.ndarray, labels: np.ndarray | None, logs: Logs
    ) -> Record:
        """Numbers of health and, where they are due, scores; says what has begun to go badly."""
        numbers, warnings = health.examine(self.model, self.batches.dataset, samples, logs, labels)
        if self.scores and self.scores.due(epoch):
            scores, more = self.scores.take(self.model)
            numbers, warnings = numbers | scores, warnings + more
            told = ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
            self.say(f"Scores after epoch {epoch + 1}: {told}")
        if self.validation:
            loss = self.validation.take()
            numbers = numbers | {VALIDATION_LOSS: loss}
            self.say(f"Validation loss after epoch {epoch + 1}: {loss:.4f}")
        warnings = warnings if self.step >= BEGUN else []
        for sentence in warnings:
            kind = re.sub(r"[\d.]+", "", sentence)
            if kind not in self._said:
                self._said.add(kind)
                self.say(f"Warning at step {self.step}: {sentence}")
        return numbers


class Progress(keras.callbacks.Callback):
    """Step, losses, images per second and time left: a bar on a terminal, else a line at times.

    Args:
        recorder: counts the steps.
        total_steps: where the training ends.
        console: to write to.
    """

    def __init__(self, recorder: RunRecorder, total_steps: int, console: Console) -> None:
        super().__init__()
        self.recorder = recorder
        self.total_steps = total_steps
        self.console = console
        self._bar = Bar(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[losses]}  {task.fields[rate]:.0f} images/s"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task(
            "", total=total_steps, completed=recorder.step, epoch="", losses="", rate=0.0
        )
        self._between = SECONDS_BETWEEN_LINES
        if console.is_terminal:
            self._between = SECONDS_BETWEEN_LOOKS
        self._began = self._last_told = time.perf_counter()
        self._first_step = recorder.step

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if time.perf_counter() - self._last_told > self._between:
            self._tell(logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._tell(logs)

    def _tell(self, logs: Logs | None) -> None:
        self._last_told = time.perf_counter()
        rate, left, losses = self._figures(pythonify_logs(logs))
        if self.console.is_terminal:
            self._bar.update(
                self._task,
                completed=self.recorder.step,
                epoch=self._epoch(),
                losses=losses,
                rate=rate,
            )
        else:
            self.console.print(
                f"epoch {self._epoch()}  step {self.recorder.step}/{self.total_steps}  {losses}  "
                f"{rate:.0f} images/s  {left / 60:.1f} min left",
                soft_wrap=True,
            )

    def _epoch(self) -> str:
        """The epoch of the last step, and that of the end: "3/15"."""
        per_epoch = self.recorder.batches.steps_per_epoch
        now, end = ((step - 1) // per_epoch + 1 for step in (self.recorder.step, self.total_steps))
        return f"{now}/{end}"

    def _figures(self, logs: Logs) -> tuple[float, float, str]:
        """Images per second since the start, seconds left, and the losses in words."""
        seconds = time.perf_counter() - self._began
        steps = max(1, self.recorder.step - self._first_step)
        left = (self.total_steps - self.recorder.step) * seconds / steps
        losses = "  ".join(f"{k} {v:.3f}" for k, v in logs.items() if "loss" in k)
        return steps * self.recorder.batches.batch_size / seconds, left, losses
