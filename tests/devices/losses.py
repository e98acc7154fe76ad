"""The losses of small models in five steps, in a process of its own: one of a group, or alone.

python -m tests.devices.losses DEVICES MODEL...   prints JSON, of the first process alone

With `:apart` behind it a model's batch norm is taken on each device, and with `:joined` a call of
the backend takes several steps.
"""

import json
import random
import sys

import keras

from tests.helpers import small_dataset, small_hyperparameters
from zoo import registry
from zoo.backend import devices


def losses(asked):
    """The logs of each step: a list of dicts."""
    name, _, variant = asked.partition(":")
    entry = registry.entry(name)
    values = small_hyperparameters(name, batch_size=8)
    repeats = values.get(entry.cls.batches_per_step or "", 1)
    dataset = small_dataset(44 * repeats, pairs=entry.cls.translates)
    channels = 1 if entry.cls.translates else None
    with devices.scope():
        random.seed(3)
        model = entry.build(
            values,
            image_shape=dataset.image_shape,
            num_classes=dataset.num_classes,
            seed=3,
            input_channels=channels,
        )
        model.compile(steps_per_execution=2 if variant == "joined" else 1)
        devices.prepare(model, variant != "apart")
        batches = entry.cls.batches(dataset, values, 3)
        stream = devices.feed(batches.from_step(0), model.step_parts, 1)
        options = {"steps_per_epoch": 1, "epochs": 5, "shuffle": False, "verbose": 0}
        history = keras.Model.fit(model, stream, **options).history
    return [dict(zip(history, step, strict=True)) for step in zip(*history.values(), strict=True)]


if __name__ == "__main__":
    count, *names = sys.argv[1:]
    devices.start(int(count) or None)
    found = {name: losses(name) for name in names}
    if devices.is_first():
        print(json.dumps(found))
    devices.finish()
