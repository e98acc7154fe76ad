"""`sweep --engine`: Ray and Slurm do what the local pool does, and go on when machines are lost."""

import json
import os
import select
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import get_args

import keras
import pytest

import cli
from tests.test_cli import done, small_settings
from tests.test_cli_errors import refused, table
from tests.training.configs import config_of
from zoo.errors import FailedError, RequestError
from zoo.start import child_environment
from zoo.study import plans, sweep
from zoo.study.engines import choice
from zoo.study.engines.choice import engine_of
from zoo.study.engines.local import Local
from zoo.study.engines.work import Watched, Work
from zoo.training.run import Run

pytestmark = pytest.mark.once

ROOT = Path(cli.__file__).parent

# Stands in for this program: "trains" an epoch at a time with a score that hangs on the seed. After
# the first epoch of a seed of 8 it tells its parent that the machine is wanted back, and of 8 and 9
# it waits until it is told to stop.
STAND_IN = """
import json, os, pathlib, signal, sys
from zoo.training.run import Run

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
command, *rest = sys.argv[1:]
print(command, *rest[:1])
if command == "evaluate":
    (pathlib.Path(rest[0]) / "scores.json").write_text("{}")
    sys.exit()
if rest[0] == "--resume":
    run = Run.open(rest[1])
else:
    options = dict(word.removeprefix("--").split("=") for word in rest if "=" in word)
    dataset = {"name": "noise", "image_shape": [8, 8, 1], "class_names": []}
    config = {"model": "gan", "dataset": dataset, "hyperparameters": {"batch_size": 1}}
    config |= {"total_steps": 3, "seed": int(options["seed"]), "backend": "torch"}
    run = Run.create(options["runs-dir"], config, rest[rest.index("--name") + 1])
    (run.path / "checkpoints").mkdir()
seed = run.config["seed"]

def train(step):
    manifest = {"file": f"step-{step:07d}.safetensors", "sha256": "0" * 64, "step": step}
    (run.path / "checkpoints" / "manifest.json").write_text(json.dumps(manifest))
    rows = [{"epoch": s, "step": s, "fcd": 1.0 + seed, "loss": 0.5} for s in range(1, step + 1)]
    run.write_history(rows)

if not run.has_checkpoint:
    train(1)
    if seed == 8:
        os.kill(os.getppid(), signal.SIGUSR2)
    if seed in (8, 9):
        signal.sigwait([signal.SIGTERM])
        print("saved")
        sys.exit()
train(3)
"""

# Trains; the first time it says where after an epoch, and then hangs.
HANGING = """
import os, sys
from pathlib import Path
import cli
from zoo.start import start_backend
start_backend("BACKEND")
from zoo.training import callbacks

end_epoch = callbacks.RunRecorder._end_epoch

def end_and_hang(self, epoch, logs):
    end_epoch(self, epoch, logs)
    if epoch == 0:
        Path("pipe").write_text(os.environ["NODE"])
        os.read(os.pipe()[0], 1)

callbacks.RunRecorder._end_epoch = end_and_hang
sys.argv[0] = "genzoo"
cli.main()
"""


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def stand_in(script):
    """The words that run a script."""
    Path("script.py").write_text(script.replace("BACKEND", keras.backend.backend()))
    return [sys.executable, str(Path("script.py").resolve())]


def swept(plan, command, engine):
    """(names of the jobs that failed, lines said) of a sweep in runs/s."""
    said = []
    failed = sweep.Sweep(Path("runs/s"), plan, command, engine, said.append).run()
    return failed, said


def plan_of(*options, **grid):
    return plans.Plan(tuple(plans.grid_jobs("gan", grid)), options)


def small_plan():
    """A run of three epochs on the digits."""
    settings = small_settings("gan")
    options = [s.removeprefix("--set=") for s in settings if s.startswith("--set=")]
    others = [s for s in settings if not s.startswith("--set=")]
    plan = plans.plan_of("gan", options)
    return plans.Plan(plan.jobs, (*others, "--dataset=digits", "--batch-size=700", "--epochs=3"))


def undisturbed(plan):
    """The sha256 of the checkpoint of a plan's only run, trained in one piece."""
    (job,) = plan.jobs
    done("train", *job.arguments, *plan.train, "--runs-dir=runs/alone")
    return Run.open(Path("runs/alone") / job.name).manifest()["sha256"]


# ---- Ray


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster of two nodes, as processes, and a head that runs no jobs."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", child_environment()["PYTHONPATH"])
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        cluster = Cluster(True, True, {"num_cpus": 0, "include_dashboard": False})
        cluster.nodes = {
            name: cluster.add_node(wait=False, num_cpus=1, env_vars={"NODE": name}) for name in "ab"
        }
        cluster.wait_for_nodes()
    yield cluster
    import ray

    ray.shutdown()
    cluster.shutdown()


def test_a_scheduler_stops_the_worse_run_and_it_stays_stopped(cluster):
    """One after the other: the second has the score 10 after an epoch where the first had 1."""
    plan, command = plan_of("--evaluate-every=1", seed=[0, 9]), stand_in(STAND_IN)
    plan = plans.Plan(plan.jobs, plan.train, ("--metrics=fcd",))
    asha = engine_of("ray", plan, 1, ["reduction_factor=2"], "asha")
    good, told = "1/2 gan-seed-0", "2/2 gan-seed-9: stopped early after epoch 1, fcd 10"
    lines = [f"{good}: train", f"{good}: evaluate", "2/2 gan-seed-9: train", told]
    assert swept(plan, command, asha) == ([], lines)
    record = json.loads(Path("runs/s/gan-seed-9.stopped.json").read_text())
    assert record == {"epoch": 1, "step": 1, "fcd": 10.0}
    assert Path("runs/s/gan-seed-9.log").read_text() == "train gan\nsaved\n"
    assert not Path("runs/s/.tune").exists()
    for engine in (Local(), asha):
        assert swept(plan, command, engine) == ([], [f"{good}: there already", told])


def test_a_scheduler_that_is_told_nothing_ends_the_run(cluster):
    plan, command = plan_of(seed=[9]), stand_in(STAND_IN)
    blind = engine_of("ray", plan, scheduler="median", watch="losss")
    failed, said = swept(plan, command, blind)
    assert failed == ["gan"]
    assert said == [
        "1/1 gan: train",
        "1/1 gan: failed, --watch must be one of fcd, loss. Received: 'losss'",
    ]
    assert Path("runs/s/gan.log").read_text() == "train gan\nsaved\n"


def test_what_no_node_has_is_said(cluster):
    """A node that has it may come: the sweep waits."""

    def say(line):
        raise InterruptedError(line)

    plan = plan_of(seed=[0])
    many = engine_of("ray", plan, settings=["num_cpus=99"])
    with pytest.raises(InterruptedError, match=r"^No node .* needs \(CPU 99, GPU 0\): waiting"):
        sweep.Sweep(Path("runs/s"), plan, stand_in(STAND_IN), many, say).run()


def test_an_interrupted_sweep_stops_its_trainings(cluster):
    """As Ctrl-C does on this machine: they save, and the sweep can be started again."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
    plan, history = plan_of(seed=[9]), Path("runs/s/gan/history.jsonl")

    def say(line):
        assert line == "1/1 gan: train"
        while not history.exists():
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    command = stand_in(STAND_IN)
    with pytest.raises(KeyboardInterrupt):
        sweep.Sweep(Path("runs/s"), plan, command, engine_of("ray", plan), say).run()
    assert Path("runs/s/gan.log").read_text() == "train gan\nsaved\n"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert swept(plan, command, Local()) == ([], ["1/1 gan: train"])


def lose(node):
    """Kills all processes of a node, as a machine that loses its power does."""
    import psutil  # one that comes with Ray

    (raylet,) = node.all_processes["raylet"]
    raylet = psutil.Process(raylet.process.pid)
    raylet.suspend()  # none sees another end
    lost = [raylet, *raylet.children(recursive=True)]
    for deed in (psutil.Process.suspend, psutil.Process.kill):
        for process in lost:
            with suppress(psutil.NoSuchProcess):  # one that just ended by itself
                deed(process)


def test_a_lost_node_is_made_good_by_another(cluster):
    """The run dies with its node after an epoch, and ends elsewhere with the same weights."""
    plan = small_plan()
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDWR)

    def lose_its_node():
        try:
            assert select.select([reader], [], [], 120.0)[0], "no epoch was trained"
            lose(cluster.nodes[os.read(reader, 1).decode()])
        except BaseException:
            os.kill(os.getpid(), signal.SIGINT)  # else the sweep would wait for ever
            raise

    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(lose_its_node)
        outcome = swept(plan, stand_in(HANGING), engine_of("ray", plan))
        lost.result()
    os.close(reader)
    train = "1/1 gan: train"
    assert outcome == ([], [train, "1/1 gan: lost, begins again", train])
    run = Run.open("runs/s/gan")
    assert [row["epoch"] for row in run.history()] == [1, 2, 3]
    assert run.manifest()["sha256"] == undisturbed(plan)
    assert Path("runs/s/gan.log").read_text().count("Ctrl-C saves and stops") == 2


# ---- Slurm


def test_a_task_that_is_interrupted_is_queued_again():
    """By submitit's stand-in for Slurm, which starts processes here."""
    from zoo.study.engines.slurm import Slurm

    plan, command, engine = plan_of(seed=[8]), stand_in(STAND_IN), Slurm(cluster="local")
    assert swept(plan, command, engine) == ([], ["1/1 gan: train"])
    log = "train gan\nsaved\ntrain --resume\n"
    assert Path("runs/s/gan.log").read_text() == log
    assert Run.open("runs/s/gan").finished
    assert not Path("runs/s/.slurm").exists()
    assert swept(plan, command, engine) == ([], ["1/1 gan: there already"])


# Stand in for Slurm's commands: one that takes jobs, which nothing runs, and one that cancels them.
SBATCH = """#!/bin/bash
if grep -q partition=none "$1"; then echo "sbatch: error: invalid partition" >&2; exit 1; fi
cp "$1" submitted.sh
echo "Submitted batch job 100"
"""
SCANCEL = """#!/bin/bash
echo "$1" >> cancelled
"""


@pytest.fixture
def slurm(monkeypatch):
    """Makes those commands, in the first folder of the PATH."""
    Path("bin").mkdir()
    for name, text in {"sbatch": SBATCH, "scancel": SCANCEL, "srun": "#!/bin/bash\n"}.items():
        Path("bin", name).write_text(text)
        Path("bin", name).chmod(0o700)
    monkeypatch.setenv("PATH", f"{Path('bin').resolve()}:{os.environ['PATH']}")


def test_the_runs_are_one_job_array_that_ctrl_c_cancels(slurm, monkeypatch):
    import submitit

    def interrupted(jobs, poll_frequency):
        raise KeyboardInterrupt

    monkeypatch.setattr(submitit.helpers, "as_completed", interrupted)
    plan, given = plan_of(seed=[0, 1]), ["partition=gpu", "gpus-per-node=2", "time=90", "mem=8GB"]
    with pytest.raises(KeyboardInterrupt):
        swept(plan, stand_in(STAND_IN), engine_of("slurm", plan, 1, given))
    lines = Path("submitted.sh").read_text().splitlines()
    asked = {line.removeprefix("#SBATCH --") for line in lines if line.startswith("#SBATCH")}
    expected = {"partition=gpu", "gpus-per-node=2", "time=90", "mem=8GB", "array=0-1%1"}
    assert asked > expected and "signal=USR2@90" in asked
    assert Path("cancelled").read_text().split() == ["100_0", "100_1"]


@pytest.mark.parametrize(
    ("setting", "error", "words"),
    [
        ("partion=gpu", RequestError, "SlurmExecutor. Received: .*partion"),
        ("time=1:30:00", RequestError, "time must be a positive integer. Received: '1:30:00'"),
        ("partition=none", FailedError, "Slurm must take the runs. It answered: .*invalid part"),
    ],
)
def test_what_slurm_does_not_take_is_said(slurm, setting, error, words):
    plan = plan_of(seed=[0, 1])
    with pytest.raises(error, match=words):
        swept(plan, stand_in(STAND_IN), engine_of("slurm", plan, settings=[setting]))


def test_a_task_that_fails_is_not_queued_again():
    from zoo.study.engines.slurm import Slurm

    plan, command = plan_of(seed=[0, 1]), stand_in("raise SystemExit('no memory')")
    failed, said = swept(plan, command, Slurm(2, cluster="local"))
    assert failed == ["gan-seed-0", "gan-seed-1"]
    expected = [
        f"{i + 1}/2 gan-seed-{i}: {w}" for i in (0, 1) for w in ("failed, no memory", "train")
    ]
    assert sorted(said) == expected
    assert Path("runs/s/gan-seed-0.log").read_text() == "no memory\n"


# ---- the work of a job


def test_a_job_waits_for_the_lock_of_a_lost_machine():
    """A file system may notice seconds later that the machine which held it is gone."""
    plan, said = plan_of(seed=[0]), []
    assert swept(plan, stand_in(STAND_IN), Local())[0] == []
    (task,) = sweep.Sweep(Path("runs/s"), plan, []).tasks()
    with ExitStack() as held:
        held.enter_context(Run.open(task.path).lock())

        def say(line):
            said.append(line)
            held.close()

        assert Work(task, say, patience=60.0).run()
    waits = "1/1 gan: waits, runs/s/gan is being trained by another process"
    assert said == [waits, "1/1 gan: there already"]


def test_a_damaged_record_of_an_early_stop_is_refused():
    plan = plan_of(seed=[9])
    run = Run.create("runs/s", config_of(), "gan")
    (task,) = sweep.Sweep(Path("runs/s"), plan, []).tasks()
    record = Path("runs/s/gan.stopped.json")
    for text in ("", "[]", "{}", '{"epoch": 1, "fcd": "low"}'):
        record.write_text(text)
        with pytest.raises(RequestError, match="must be as it was written; remove it"):
            task.todo()
    record.unlink()
    assert task.todo() == [["train", "--resume", str(run.path)]]


def test_a_run_that_is_made_anew_was_not_stopped_early():
    """The folder of a run that was stopped is removed, to train the run again."""
    (task,) = sweep.Sweep(Path("runs/s"), plan_of(seed=[0]), stand_in(STAND_IN)).tasks()
    Path("runs/s").mkdir(parents=True)
    task.stop_early({"epoch": 1, "step": 1, "fcd": 10.0})
    assert task.stopped_early() == "stopped early after epoch 1, fcd 10"
    said = []
    assert Work(task, said.append).run()
    assert said == ["1/1 gan: train"] and task.stopped_early() == ""


# ---- wrong requests


def test_the_schedulers_of_the_command_line_are_those_there_are():
    assert get_args(cli.Scheduler) == tuple(choice.SCHEDULERS)


def test_of_some_scores_more_is_better():
    plan = plan_of("--evaluate-every=1", "--validation=0.1", seed=[0])
    engines = {
        name: engine_of("ray", plan, scheduler="asha", watch=name).watched
        for name in (None, "cs", "val_loss", "generator_loss")
    }
    assert engines == {
        None: Watched("fcd", "min", False),
        "cs": Watched("cs", "max", False),
        "val_loss": Watched("val_loss", "min", True),
        "generator_loss": Watched("generator_loss", "min", True),
    }


@table(
    ("--engine slrum", ["--engine", "slrum"]),
    ("--engine slurm", ["hands jobs in to Slurm", "one without srun"]),
    ("--with num_gpus=1", ["--with is for --engine ray and slurm", "Received: --engine local"]),
    ("--scheduler asha", ["are for --engine ray", "Received: --engine local"]),
    ("--engine slurm --watch fcd", ["are for --engine ray", "Received: --engine slurm"]),
    ("--engine ray --watch fcd", ["--watch is for a --scheduler", "Received: 'fcd'"]),
    ("--engine ray --scheduler asha", ["add --evaluate-every or --validation", "'val_loss'"]),
    (
        "--engine ray --scheduler asha --watch cs --validation 0.1",
        ["a number of each run before its end", "Received: 'cs'"],
    ),
    ("--engine ray --with num_gpu=1", ["--with must be one of", "Nearest: num_gpus", "'num_gpu'"]),
    ("--engine ray --with num_gpus", ["--with takes KEY=VALUE", "'num_gpus'"]),
    ("--engine ray --with num_cpus=-1", ["num_cpus must be at least 0", "Received: -1"]),
    (
        "--engine ray --with address=localhost:1",
        ["HOST:PORT", "localhost:1 (", "refused"],
    ),
    ("--engine ray --with address=auto", ["HOST:PORT", "Received: auto"]),
    ("--engine ray --with grace_period=2", ["--with must be one of", "'grace_period'"]),
    (
        "--engine ray --scheduler asha --evaluate-every 1 --with reduction_factor=1",
        ["reduction_factor must be above 1", "Received: 1"],
    ),
    (
        "--engine ray --scheduler median --evaluate-every 1 --with reduction_factor=2",
        ["--with must be one of", "'reduction_factor'"],
    ),
)
def test_wrong_requests(line, words):
    refused(f"sweep gan --set seed=0,1 {line}", *words)


@pytest.mark.parametrize(("engine", "package"), [("ray", "ray"), ("slurm", "submitit")])
def test_what_is_not_installed_is_named(monkeypatch, engine, package):
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, f"zoo.study.engines.{engine}", raising=False)
    refused(
        f"sweep gan --set seed=0,1 --engine {engine}",
        f"--engine {engine} needs the package {package}",
        f"pip install 'genzoo[{engine}]'",
    )
