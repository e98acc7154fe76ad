"""The long form, all rows of the table in docs/endurance.md: `python -m tests.endurance`

Each part says what it did, with its counts, and how long it took; the first that fails ends it with
a traceback.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"  # of this process; the commands have each backend

import genzoo  # noqa: E402
from export import runtime  # noqa: E402
from tests.endurance import concurrency, kills, long, small  # noqa: E402
from tests.endurance.processes import Nursery, sha_of  # noqa: E402
from tests.endurance.test_damage import check_every_damage  # noqa: E402
from tests.helpers import MODELS  # noqa: E402
from tests.test_cli import small_settings  # noqa: E402
from zoo import BACKENDS  # noqa: E402

ROOT = Path(__file__).parents[2]


@contextmanager
def place():
    """An empty folder."""
    with tempfile.TemporaryDirectory(prefix="endurance-") as name:
        yield Path(name)


def say(line):
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def spread(count, shares):
    """`shares` points, evenly from the first to the last of `count`."""
    return [1 + round(i * (count - 1) / max(1, shares - 1)) for i in range(shares)]


def kill_trainings(backend, count):
    """Half of the kills also tear the file that was being written."""
    with Nursery(backend) as nursery, place() as folder:
        whole = kills.whole_training(nursery, folder)
        seen = Counter()
        for kind, share in (("kill", count - count // 2), ("tear", count // 2)):
            for at in spread(whole.points, share):
                with place() as folder:
                    point = kills.kill_training(nursery, whole, folder, at, kind)
                    seen[" ".join(point.split()[:2])] += 1
            say(f"{backend}: {seen.total()} kills so far")
    told = ", ".join(f"{number} {what}" for what, number in seen.most_common())
    say(f"{backend}: {count} kills of a training of {whole.points} points: {told}")


def kill_at_all_points():
    """PyTorch at each point there is, and at each with a torn file."""
    with Nursery("torch") as nursery, place() as folder:
        whole = kills.whole_training(nursery, folder)
        for kind in ("kill", "tear"):
            for at in range(1, whole.points + 1):
                with place() as folder:
                    kills.kill_training(nursery, whole, folder, at, kind)
            say(f"torch: each of {whole.points} points, {kind}: all resumed to the same sha256")


def kill_commands(count):
    """Exports, pushes to a folder, and sweeps."""
    with Nursery("torch") as nursery, place() as start:
        nursery.done(*kills.TRAIN, folder=start)
        for words in (["export", "runs/r"], ["push", "runs/r", "alice/r", "--to=out"], kills.SWEEP):
            with place() as folder:
                whole = kills.whole_command(nursery, words, start, folder)
                for at in spread(whole.points, count):
                    with place() as folder:
                        kills.kill_command(nursery, whole, start, folder, at)
            say(f"{count} kills of {words[0]}, of {whole.points} points")
            if words[0] == "export":
                nursery.done(*words, folder=start)


def fail_disks(count):
    with Nursery("torch") as nursery, place() as folder:
        whole = kills.whole_training(nursery, folder)
        for kind in ("full", "read-only"):
            for at in spread(whole.points, count):
                with place() as folder:
                    kills.fail_training(nursery, whole, folder, at, kind)
            say(f"{count} trainings whose disk was {kind}")
        fill_a_real_disk(nursery, whole)


def fill_a_real_disk(nursery, whole):
    """A small tmpfs of every size up to what the run takes, where mounting is allowed."""
    with place() as folder:
        sizes = [8 * 2**i for i in range(1, 6)]  # KiB; the run takes about 200
        for size in sizes:
            mount = ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(folder)]
            if subprocess.run(mount, capture_output=True, check=False).returncode:
                say("a real full disk: left out, mounting is not allowed here")
                return
            try:
                ending = nursery.run(*kills.TRAIN, folder=folder)
                assert ending.code in (0, 1) and "Traceback" not in ending.said, ending.said
                if ending.code:
                    assert "No space left on device" in ending.said.splitlines()[-1], ending.said
                    subprocess.run(["mount", "-o", "remount,size=10m", str(folder)], check=True)
                    kills.finish(nursery, whole, folder)
            finally:
                subprocess.run(["umount", str(folder)], check=True)
    say(f"real disks of {', '.join(map(str, sizes))} KiB were filled")


def damage(every):
    with place() as folder:
        run = small.run_of(folder, "run")
        small.train(run, until=2 * small.PER_EPOCH)
        count = check_every_damage(run, every)
    say(f"{count} damaged checkpoints were seen, and the one before was used")


def determinism(backend, models):
    """Two processes train each model on the same seed."""
    with Nursery(backend) as nursery:
        for model in models:
            own = {"pix2pix": ["--task=denoise"], "ssvae": ["--set=labels=20"]}.get(model, [])
            words = ["train", model, "--dataset=digits", *small_settings(model), *own,
                     "--batch-size=40", "--steps=12", "--name=r"]  # fmt: skip
            with place() as first, place() as second:
                ended = [sha_of(nursery.done(*words, folder=each)) for each in (first, second)]
            assert ended[0] == ended[1], (backend, model)
    say(f"{backend}: two processes ended with the same bits for each of {len(models)} models")


def at_once():
    with Nursery("torch") as nursery, place() as folder:
        exported = concurrency.check_exports(nursery, folder)
        for file in ("model.onnx", "model.tflite"):
            concurrency.check_threads(runtime.load(exported / file, threads=1), turns=200)
        concurrency.check_pushes(nursery, folder)
        concurrency.check_sweeps(nursery, folder)
    say("two exports, two pushes and two sweeps at once; 8 threads on an ONNX and a TFLite file")


def long_work(epochs, draws):
    with place() as folder:
        say(f"{epochs} epochs: memory grew by {long.long_training(folder, epochs):.1%}")
    file = ROOT / "model_cards" / long.MODEL / "onnx/model_fp16.onnx"
    for what, sampler in (("the runtime", runtime.load(file)),
                          ("genzoo.load", genzoo.load(long.MODEL))):  # fmt: skip
        say(f"{draws} draws with {what}: memory grew by {long.many_draws(sampler, draws):.1%}")


def kill_all_trainings(count, backends):
    for index, backend in enumerate(backends):
        kill_trainings(backend, (count + index) // len(backends))


def determine(backends):
    for backend in backends:
        determinism(backend, MODELS)


# Rows of the table, each a function of how many trainings are killed and of the backends.
PARTS = {
    "kills": kill_all_trainings,
    "points": lambda count, backends: kill_at_all_points(),
    "commands": lambda count, backends: kill_commands(max(2, count // 25)),
    "disks": lambda count, backends: fail_disks(max(2, count // 8)),
    "damage": lambda count, backends: damage(every=64),
    "long": lambda count, backends: long_work(epochs=2_000, draws=10_000),
    "same": lambda count, backends: determine(backends),
    "once": lambda count, backends: at_once(),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="of trainings, on all backends")
    parser.add_argument("--backends", default=",".join(BACKENDS))
    parser.add_argument("--parts", default=",".join(PARTS))
    given = parser.parse_args()
    backends = given.backends.split(",")
    assert shutil.disk_usage(tempfile.gettempdir()).free > 2**30, "a GiB of disk is needed"
    began = time.monotonic()
    for name in given.parts.split(","):
        start = time.monotonic()
        PARTS[name](given.kills, backends)
        say(f"{name}: {(time.monotonic() - start) / 60:.1f} minutes")
    say(f"all: {(time.monotonic() - began) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
