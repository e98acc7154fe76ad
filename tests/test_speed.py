"""How speed and memory are measured: in turn, as ratios within a round, and in processes apart."""

from pathlib import Path

import keras
import pytest
from keras import ops

from benchmarks.speed import devices, harness, plain, scaling
from tests.helpers import small_arrays, small_model
from zoo import backend

pytestmark = pytest.mark.once


def test_ways_take_turns_and_are_warmed_up_first(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    clock = [0.0]
    monkeypatch.setattr(harness.time, "perf_counter", lambda: clock[0])

    def way(name: str, seconds: float) -> None:
        called.append(name)
        clock[0] += seconds * len(called)  # the machine becomes slower and slower

    ways = {"a": lambda: way("a", 1.0), "b": lambda: way("b", 2.0)}
    seconds = harness.measure(ways, 2)
    assert called == ["a", "b", "b", "a", "a", "b"]
    assert seconds == {"a": [4.0, 5.0], "b": [6.0, 12.0]}


def test_a_ratio_is_taken_within_each_round() -> None:
    seconds = {"fit": [1.0, 4.0, 2.0], "loop": [2.0, 2.0, 3.0]}
    # 2, 0.5 and 1.5 times as fast.
    assert harness.ratio(seconds, "fit", "loop") == {"median": 1.5, "least": 0.5, "most": 2.0}


def test_a_script_apart_has_its_backend_and_threads(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import json, os, sys\nprint('noise')\nnames = 'KERAS_BACKEND', 'OMP_NUM_THREADS'\n"
        "print(json.dumps([sys.argv[1:], *map(os.environ.get, names)]))"
    )
    assert harness.apart(str(script), ["--one", 2], "jax", 3) == [["--one", "2"], "jax", "3"]


def test_the_largest_batch_lies_on_the_line_through_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    peak = lambda point, backend: 1.0 + int(point[1][0].removeprefix("batch_size=")) / 128  # noqa: E731
    monkeypatch.setattr(scaling, "peak", peak)
    scaling.measure_fit("dcgan-64", "jax")
    record = harness.records("memory-*")["memory-dcgan-64-jax"]
    assert (record["fixed"], record["each"], record["checked"]) == (1.0, 1 / 128, 2.0)
    assert record["largest"] == [128, 7 * 128, 23 * 128]
    assert scaling.memory_table().splitlines()[2] == (
        "| `dcgan` of 64 pixels | jax | 1.00 | 8.00 | 128 | 896 | 2,944 | 2.00 |"
    )


def test_what_devices_win_leaves_out_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harness, "RESULTS", tmp_path)
    clock = [0.0]
    monkeypatch.setattr(harness.time, "perf_counter", lambda: clock[0])

    def training(model: str, backend: str, count: int, steps: int, folder: Path) -> None:
        clock[0] += 100.0 * count + steps * (1.0 if count == 1 else 0.625)

    monkeypatch.setattr(devices, "training", training)
    devices.measure("vae", "jax", 2, (8, 72), 3)
    record = harness.records("devices-*")["devices-vae-jax"]
    assert record["ratio"] == {"median": 1.6, "least": 1.6, "most": 1.6}
    # 64 steps of 256 images in 64 s and in 40 s.
    assert record["images_per_second"] == {"1": 256.0, "2": 409.6}
    assert devices.table().splitlines()[2].endswith("| 1.60 (1.60 to 1.60) | 80% |")


@pytest.mark.parametrize("name", ["dcgan", "wgan_gp", "vae", "iwae", "draw", "pix2pix"])
def test_a_plain_loop_takes_the_loss_of_the_model(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With noise that is known: zeros, and halves."""
    monkeypatch.setattr(keras.random, "normal", lambda shape, **_: ops.zeros(shape))
    monkeypatch.setattr(keras.random, "uniform", lambda shape, *_, **__: ops.full(shape, 0.5))
    model = small_model(name, dropout=0.0, n_critic=1)
    model.compile()
    images, labels = map(
        ops.convert_to_tensor,
        small_arrays(8, value_range=model.value_range, pairs=name == "pix2pix"),
    )
    shapes = {"normal": ops.zeros, "uniform": lambda shape: ops.full(shape, 0.5)}
    fakes, played = plain.turns(
        model, lambda kind, shape: shapes[kind](shape), backend.input_gradient
    )
    player, loss = played[0]
    fake = fakes(images, labels) if player in plain.OPPONENTS else None
    found = float(loss(images, labels, fake).detach())
    logs = model.train_step((images, labels))
    logged = "loss" if player == "networks" else f"{player}_loss"
    assert found == pytest.approx(float(logs[logged].detach()), rel=1e-5)
