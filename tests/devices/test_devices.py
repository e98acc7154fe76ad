"""Several devices and processes: the losses of one device, and one line for what cannot be.

What is marked `once` starts many processes; on another backend, ask pytest for this file.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from tests.devices.losses import losses
from tests.test_cli import done
from tests.test_cli_errors import refused
from zoo.backend import devices
from zoo.errors import RequestError
from zoo.training.run import Run

ROOT = Path(__file__).parents[2]
BACKEND = keras.backend.backend()
MODELS = ["gan", "wgan_gp", "vae", "pix2pix"]
PORTS = 2


def free_ports():
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(PORTS)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def group(count):
    """The environments of `count` processes on this machine, as a launcher sets them."""
    ports = free_ports()
    addresses = [f"127.0.0.1:{port}" for port in ports[:count]]
    for index in range(count):
        cluster = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        yield {
            "jax": {
                "KERAS_DISTRIBUTION_JOB_ADDRESSES": ",".join(addresses),
                "KERAS_DISTRIBUTION_NUM_PROCESSES": str(count),
                "KERAS_DISTRIBUTION_PROCESS_ID": str(index),
            },
            "tensorflow": {"TF_CONFIG": json.dumps(cluster)},
            "torch": {
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(ports[0]),
                "WORLD_SIZE": str(count),
                "RANK": str(index),
            },
        }[BACKEND]


def started(*words, **changes):
    environment = {**os.environ, "KERAS_BACKEND": BACKEND, "OMP_NUM_THREADS": "1", **changes}
    command = [sys.executable, "-m", *words]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)


def ended(process):
    """(exit code, stdout, stderr) of a process."""
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def divided_losses(count, names):
    """What `tests.devices.losses` prints; on PyTorch of `count` processes."""
    words = ["tests.devices.losses", "0" if BACKEND == "torch" else str(count), *names]
    places = list(group(count)) if BACKEND == "torch" else [{}]
    all_started = [started(*words, ZOO_CPU_DEVICES=str(count), **place) for place in places]
    endings = [ended(process) for process in all_started]
    assert all(code == 0 for code, *_ in endings), endings
    return json.loads(endings[0][1])


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, steps in expected.items():
        for step, other in zip(steps, found[name], strict=True):
            assert other == pytest.approx(step, rel=1e-4, abs=1e-5), name


@pytest.fixture(scope="module")
def alone():
    """The losses on the one device of this process."""
    return {name: losses(name) for name in MODELS}


@pytest.fixture(scope="module")
def divided():
    joined = ["gan:joined"] if BACKEND == "jax" else []
    return divided_losses(2, [*MODELS, "pix2pix:apart", *joined])


def test_two_devices_have_the_losses_of_one(alone, divided):
    assert_same({name: divided[name] for name in MODELS}, alone)


@pytest.mark.skipif(BACKEND != "jax", reason="elsewhere several devices take one step in a call")
def test_two_devices_loop_over_the_steps_of_a_call(alone, divided):
    assert_same({"gan": divided["gan:joined"]}, {"gan": alone["gan"]})


def test_batch_norm_by_device_is_another(alone, divided):
    steps = divided["pix2pix:apart"]
    first = steps[0]["discriminator_loss"], alone["pix2pix"][0]["discriminator_loss"]
    assert first[0] == pytest.approx(first[1], rel=0.1)
    assert abs(first[0] - first[1]) > 1e-5


@pytest.mark.skipif(BACKEND != "jax", reason="elsewhere it takes a process or a step each")
def test_four_devices_have_the_losses_of_one(alone):
    assert_same(divided_losses(4, ["gan"]), {"gan": alone["gan"]})


@pytest.mark.skipif(BACKEND == "torch", reason="there, devices are processes in any case")
def test_two_processes_have_the_losses_of_one(alone):
    words = ["tests.devices.losses", "0", "gan"]
    endings = [ended(one) for one in [started(*words, **place) for place in group(2)]]
    assert [code for code, *_ in endings] == [0, 0], endings
    assert_same(json.loads(endings[0][1].splitlines()[-1]), {k: alone[k] for k in words[2:]})
    assert "loss" not in endings[1][1]


@pytest.mark.once
def test_a_killed_process_ends_the_other_in_words_and_the_run_goes_on(tmp_path):
    words = ["cli", "train", "gan", "--dataset", "digits", "--preset", "quick", "--backend",
             BACKEND, "--set", "generator_hidden=16", "--set", "discriminator_hidden=8", "--name",
             "run", "--runs-dir", str(tmp_path), "--epochs"]  # fmt: skip
    processes = [started(*words, "1000", **place) for place in group(2)]
    for line in processes[0].stderr:
        if line.startswith("epoch 1/"):
            break
    processes[1].kill()
    processes[1].communicate()
    code, _, said = ended(processes[0])
    last = said.strip().splitlines()[-1]
    assert code == 1 and "Traceback" not in said
    assert last.startswith("Error: Another process of this training is gone"), said
    assert f"train --resume {tmp_path / 'run'}" in last
    step = json.loads((tmp_path / "run/checkpoints/manifest.json").read_text())["step"]
    done("train", "--resume", tmp_path / "run", "--devices", 1, "--epochs", step // 22 + 1)
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert (config["devices"], config["sync_batch_norm"]) == (1, True)


@pytest.mark.once
def test_processes_are_scored_and_validated_alike_and_end_together(tmp_path):
    """At a rate of nothing no epoch is better than the first, by the scores as by the loss."""
    done("classifier", "digits", "--epochs=1", "--width=4", f"--out={tmp_path}/classifiers")
    words = ["cli", "train", "vae", "--dataset", "digits", "--batch-size", "64", "--backend",
             BACKEND, "--set", "hidden=16", "--set", "latent_dim=4", "--set", "learning_rate=1e-20",
             "--validation", "0.1", "--evaluate-every", "1", "--patience", "1", "--epochs", "9",
             "--tensorboard", "--runs-dir", str(tmp_path), "--name", "run"]  # fmt: skip
    endings = [ended(one) for one in [started(*words, **place) for place in group(2)]]
    assert [code for code, *_ in endings] == [0, 0], endings
    assert "Ended after epoch 2: fcd is at its best after epoch 1" in endings[0][1]
    assert "fcd" not in endings[1][1] + endings[1][2]
    first, second = Run.open(tmp_path / "run").history()
    assert {k: first[k] for k in ("fcd", "val_loss")} == {k: second[k] for k in ("fcd", "val_loss")}
    assert Run.open(tmp_path / "run/best").manifest()["step"] == first["step"]
    assert len(list((tmp_path / "run/tensorboard").iterdir())) == 1


@pytest.mark.once
def test_processes_that_disagree_are_refused_in_one_line(tmp_path):
    words = ["cli", "train", "gan", "--dataset", "digits", "--steps", "1", "--backend", BACKEND]
    words += ["--runs-dir", str(tmp_path)]
    pairs = zip(group(2), ("1", "2"), strict=True)
    processes = [started(*words, "--seed", seed, **place) for place, seed in pairs]
    first, second = (ended(process) for process in processes)
    assert first[0] == second[0] == 2
    assert "same config" in first[2] and "Error" not in second[2]
    assert not list(tmp_path.iterdir())


@pytest.mark.once
@pytest.mark.parametrize(
    ("count", "rule"),
    [
        (3, "devices must be at most the 2 of this machine"),
        (0, "devices must be at least 1. Received: 0"),
    ],
)
def test_a_number_of_devices_that_cannot_be_is_one_line(count, rule, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(devices._running, "available", lambda: (2, "cpu"))
    refused(f"train gan --dataset digits --devices {count} --backend {BACKEND}", rule)


@pytest.mark.once
def test_a_batch_that_the_devices_cannot_share_is_one_line(tmp_path):
    """All processes find it, and one says it."""
    words = ["cli", "train", "gan", "--dataset", "digits", "--backend", BACKEND]
    words += ["--runs-dir", str(tmp_path), "--devices", "2", "--batch-size", "7"]
    code, _, said = ended(started(*words, ZOO_CPU_DEVICES="2"))
    assert code == 2, said
    (error,) = [line for line in said.splitlines() if line.startswith("Error:")]
    assert "batch_size must be a multiple of the 2 devices" in error and "Traceback" not in said
    assert not list(tmp_path.iterdir())


@pytest.mark.once
def test_devices_that_would_scale_losses_apart_refuse_float16(monkeypatch):
    devices.require_precision("mixed_float16")
    monkeypatch.setattr(devices, "layout", devices.Layout(2))
    monkeypatch.setattr(devices._running, "SCALES_LOSSES", True)
    devices.require_precision("mixed_float16")
    monkeypatch.setattr(devices._running, "SCALES_LOSSES", False)
    devices.require_precision("mixed_bfloat16")
    with pytest.raises(RequestError, match="several devices .* Received: mixed_float16"):
        devices.require_precision("mixed_float16")


@pytest.mark.once
def test_a_processor_is_divided_into_a_whole_number(monkeypatch):
    monkeypatch.setenv(devices.CPU_DEVICES, "many")
    with pytest.raises(RequestError, match="must be an integer from 1. Received: 'many'"):
        devices.cpu_devices()


@pytest.mark.once
def test_each_device_has_its_rows_of_each_part():
    import numpy as np

    rows = devices.own_rows(np.arange(12), 2, [1], 3)  # two parts of six rows, three devices
    assert rows.tolist() == [1, 4, 7, 10]
