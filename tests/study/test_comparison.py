"""`compare` and `sweep`: tables, what is refused, and going on after a crash."""

import csv
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cli
from tests.test_cli import done, genzoo
from tests.test_cli_errors import refused, table
from tests.training.configs import config_of
from zoo import files
from zoo.errors import RequestError
from zoo.study import comparison, plans, sweep
from zoo.study.engines.local import Local
from zoo.training.run import Run

pytestmark = pytest.mark.once


def made(name, model="gan", seed=0, scores=None, history=(), evaluation=None, **settings):
    """A run directory with these scores and rows, never trained."""
    config = config_of(
        model,
        hyperparameters={"batch_size": 60, "width": 8, **settings},
        total_steps=20,
        seed=seed,
        evaluation=evaluation and {"every": 1, "classifier": "file", "sha256": evaluation * 32},
    )
    run = Run.create("runs", config, name)
    receipt = {"dataset": "noise", "samples": 100, "extractor_sha256": "abc", "parameters": 1234}
    files.write_json(
        run.path / "scores.json",
        {name: {name: value, **receipt} for name, value in (scores or {}).items()},
    )
    run.write_history(
        [
            {"epoch": i + 1, "step": 10 * i + 10, "seconds": 60.0, "fcd": fcd}
            for i, fcd in enumerate(history)
        ]
    )
    return run.path


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_the_table_by_hand():
    paths = [
        made("a-seed-0", width=4, scores={"fcd": 10.0, "cs": 5.0}, history=[20.0, 10.0]),
        made("a-seed-1", width=4, seed=1, scores={"fcd": 14.0, "cs": 6.0}, history=[30.0, 14.0]),
        made("b", scores={"fcd": 2.5}, history=[4.0, 2.5]),
        made("c", model="vae", latent_dim=3),
    ]
    written, (table_csv, table_md, picture) = comparison.compare(paths, "out.png")
    assert (
        written
        == table_md.read_text()
        == (
            "| run | model | width | seed | fcd | cs | parameters | minutes |\n"
            "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
            "| b | gan | 8 | 0 | 2.5 | - | 1,234 | 2 |\n"
            "| a | gan | 4 | 0, 1 | 12 ± 2.8 | 5.5 ± 0.71 | 1,234 | 2 |\n"
            "| c | vae | 8 | 0 | - | - | - | - |\n"
        )
    )
    rows = list(csv.DictReader(table_csv.read_text().splitlines()))
    assert [row["run"] for row in rows] == ["a-seed-0", "a-seed-1", "b", "c"]
    assert rows[1]["fcd"] == "14.0" and rows[3]["fcd"] == ""
    with Image.open(picture) as image:
        assert image.size == (1280, 480)
    first = picture.read_bytes()
    comparison.compare(paths, "out.png", by="seed")
    assert picture.read_bytes() != first


def test_samples_of_the_best_seed_of_each_row():
    paths = [
        made("a-seed-0", width=4, scores={"fcd": 10.0, "cs": 5.0}),
        made("a-seed-1", width=4, seed=1, scores={"fcd": 14.0, "cs": 6.0}),
        made("b", scores={"fcd": 2.5, "cs": 1.0}),
        made("unscored", model="vae", latent_dim=3),
        made("undrawn", width=16, scores={"fcd": 1.0, "cs": 9.0}),
    ]
    for path in paths[:4]:
        for name in ("step-0000020.png", "epoch-0002.png"):
            (path / "samples").mkdir(exist_ok=True)
            Image.new("L", (8, 8), 255 if name.startswith("step") else 0).save(
                path / "samples" / name
            )
    entries = comparison.entries_of(paths)
    by_distance = comparison.best_pictures(entries, "fcd")
    captions = [caption.replace("\N{NO-BREAK SPACE}", " ") for caption, _ in by_distance]
    assert captions == ["model gan, width 8, seed 0\nfcd 2.5", "model gan, width 4, seed 0\nfcd 10"]
    assert {path.name for _, path in by_distance} == {"step-0000020.png"}
    more_is_better = comparison.best_pictures(entries, "cs")
    assert [caption.splitlines()[-1] for caption, _ in more_is_better] == ["cs 6", "cs 1"]
    _, written = comparison.compare(paths, "out.png")
    assert [path.name for path in written] == ["out.csv", "out.md", "out-best.png"]
    with Image.open("out-best.png") as image:
        assert image.size == (640, 350)
        pixels = np.asarray(image.convert("L"))
    assert (pixels[175, [160, 480]] == 255).all() and pixels.min() < 100  # white tiles, captions


def test_minutes_are_the_sum_of_the_epochs_seconds():
    """Not of a rate: 0.15 images a second, rounded to a tenth, is half or all as much again."""
    path = made("slow", history=[1.0, 1.0, 1.0])
    run = Run.open(path)
    run.write_history(
        [{**r, "seconds": s} for r, s in zip(run.history(), (400.0, 0.25, 7.75), strict=True)]
    )
    (entry,) = comparison.entries_of([path])
    assert entry.minutes == pytest.approx(6.8)
    run.write_history([{k: v for k, v in row.items() if k != "seconds"} for row in run.history()])
    assert comparison.entries_of([path])[0].minutes is None


def test_histories_stand_in_where_nothing_was_evaluated():
    paths = [made(f"{fcd}", width=fcd, history=[9.0, fcd]) for fcd in (3, 2)]
    made("none")
    for path in paths:
        rows = Run.open(path).history()
        others = {"cs": 5.0, "precision": 0.5, "recall": 0.5, "coverage": 0.5}
        Run.open(path).write_history([{**row, **others} for row in rows])
    lines = comparison.compare(["runs"], "o.png")[0].splitlines()
    assert lines[0].startswith("| run | width | fcd, last epoch | cs, last epoch |")
    assert [line.split(" | ")[2] for line in lines[2:]] == ["2", "3", "-"]


def test_more_is_better_of_some():
    paths = [made("a", scores={"cs": 5.0}), made("b", width=4, scores={"cs": 6.0})]
    assert comparison.compare(paths, "o.png", "cs")[0].splitlines()[2].startswith("| b ")
    assert not Path("o.png").exists()  # there is nothing to draw of no epochs


@pytest.mark.parametrize(
    ("key", "value"), [("extractor_sha256", "abd"), ("samples", 99), ("seed", 1), ("split", "test")]
)
def test_scores_taken_otherwise_are_refused(key, value):
    a, b = made("a", scores={"fcd": 1.0}), made("b", scores={"fcd": 2.0})
    receipts = json.loads((b / "scores.json").read_text())
    receipts["fcd"][key] = value
    files.write_json(b / "scores.json", receipts)
    line = refused(f"compare {a} {b}", f"Cannot compare fcd: measured with {key}=", "in a,", "in b")
    assert repr(value) in line
    receipts["fcd"] |= {key: json.loads((a / "scores.json").read_text())["fcd"].get(key)}
    receipts["fcd"]["versions"] = {"keras": "4"}  # is no reason
    files.write_json(b / "scores.json", receipts)
    done("compare", a, b)


def test_curves_of_other_classifiers_are_refused():
    a = made("a", history=[1.0], evaluation="ab")
    b = made("b", history=[1.0], evaluation="ac")
    words = [
        "scores while training: measured with classifier='abab",
        "in a, and",
        "classifier='acac",
    ]
    refused(f"compare {a} {b}", *words)


# Stands in for this program: "trains" a run to its end, or, of the name in `crash`, half of it.
STAND_IN = """
import json, pathlib, sys
from zoo.training.run import Run
command, first, *rest = sys.argv[1:]
options = dict(word.removeprefix("--").split("=") for word in rest if "=" in word)
if command == "evaluate":
    (pathlib.Path(first) / "scores.json").write_text("{}")
    sys.exit()
crash = pathlib.Path("crash").read_text().split()
if first == "--resume":
    run = Run.open(rest[0])
else:
    dataset = {"name": "noise", "image_shape": [8, 8, 1], "class_names": []}
    config = {"model": first, "dataset": dataset, "hyperparameters": {"batch_size": 1}}
    config |= {"total_steps": 4, "seed": int(options.get("seed", 0)), "backend": "torch"}
    run = Run.create(options["runs-dir"], config, rest[rest.index("--name") + 1])
if run.id in crash[:1]:
    sys.exit(f"no memory for {run.id}")
(run.path / "checkpoints").mkdir(exist_ok=True)
step = 2 if run.id in crash else 4
manifest = {"file": f"step-{step:07d}.safetensors", "sha256": "0" * 64, "step": step}
(run.path / "checkpoints" / "manifest.json").write_text(json.dumps(manifest))
sys.exit(f"killed {run.id}" if run.id in crash else 0)
"""


def test_a_sweep_goes_on_where_it_was_stopped(monkeypatch):
    Path("stand_in.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(Path(cli.__file__).parent))
    jobs = plans.grid_jobs("gan", {"seed": [0, 1, 2]})
    plan = plans.Plan(tuple(jobs), (), ("--metrics=fcd",))

    def swept(crash, plan=plan):
        Path("crash").write_text(crash)
        said = []
        command = [sys.executable, "stand_in.py"]
        failed = sweep.Sweep(Path("runs/s"), plan, command, Local(2), said.append).run()
        return failed, sorted(line.partition(" ")[2] for line in said)

    assert swept("gan-seed-0 gan-seed-1") == (
        ["gan-seed-0", "gan-seed-1"],
        [
            "gan-seed-0: failed, no memory for gan-seed-0",
            "gan-seed-0: train",
            "gan-seed-1: failed, killed gan-seed-1",
            "gan-seed-1: train",
            "gan-seed-2: evaluate",
            "gan-seed-2: train",
        ],
    )
    os.unlink("runs/s/gan-seed-2/scores.json")
    assert swept("") == (
        [],
        [
            "gan-seed-0: evaluate",
            "gan-seed-0: train",  # anew: it had no checkpoint
            "gan-seed-1: evaluate",
            "gan-seed-1: train",
            "gan-seed-2: evaluate",
        ],
    )
    assert "--resume" not in Path("runs/s/gan-seed-0.log").read_text()
    assert Run.open("runs/s/gan-seed-1").manifest()["step"] == 4
    assert swept("")[1] == [f"gan-seed-{seed}: there already" for seed in range(3)]
    with pytest.raises(
        RequestError, match="a different sweep; choose another with --name. Received: runs/s"
    ):
        swept("", plans.Plan(tuple(jobs[:2]), ()))


def test_a_job_that_fails_does_not_stop_the_others():
    request = ["sweep", "gan", "--set=batch_size=9999,64", "--set=generator_hidden=4"]
    request += ["--steps=22", "--dataset=digits"]
    code, out, err = genzoo(*request, "--jobs=2")
    assert code == 1 and "1 of 2 runs failed" in err and "gan-batch_size-9999" in err
    assert "batch_size must be from 1 to" in out
    assert "| gan-batch_size-64 |" in out and Path("runs/gan/comparison.png").is_file()
    assert Run.open("runs/gan/gan-batch_size-64").manifest()["step"] == 22


def test_a_sweep_of_which_nothing_came_has_no_table():
    plan = plans.Plan(tuple(plans.grid_jobs("gan", {"latent_dim": [1]})), ())
    assert sweep.compare_all(Path("runs/none"), plan) == ("", [])


def test_a_plan_of_a_file():
    Path("plan.toml").write_text(
        '[train]\ndataset = "mnist"\nepochs = 3\n[evaluate]\nmetrics = ["fcd", "cs"]\n'
        '[[runs]]\nmodel = "wgan"\ngrid = {clip = [0.1, 1.0], seed = [7]}\n'
        '[[runs]]\nmodel = "vae"\npreset = "quick"\ngrid = {learn_std = [true]}\n'
        'train = {backend = "jax", epochs = 5}\nevaluate = {samples = 10, metrics = ["nll"]}\n'
    )
    plan = plans.plan_of("plan.toml", train={"epochs": 1, "backend": None})
    shared = ["--dataset=mnist", "--epochs=3"]
    own = ["--dataset=mnist", "--epochs=5", "--backend=jax"]
    assert [job.arguments for job in plan.jobs] == [
        ["wgan", "--name", "wgan-clip-0.1", "--set=clip=0.1", "--seed=7", *shared],
        ["wgan", "--name", "wgan-clip-1.0", "--set=clip=1.0", "--seed=7", *shared],
        ["vae", "--name", "vae-quick", "--set=learn_std=true", "--preset=quick", *own],
    ]
    assert plan.train == ("--epochs=1",)  # what is typed comes last and counts
    fcd = ("--metrics=fcd", "--metrics=cs")
    assert [job.evaluate for job in plan.jobs] == [fcd, fcd, ("--metrics=nll", "--samples=10")]
    assert plan.evaluate is None
    assert plans.plan_of("plan.toml", evaluate={"metrics": ["cs"]}).evaluate == ("--metrics=cs",)
    Path("plan.toml").write_text(
        '[train]\nvalidation = 0.1\npatience = 5\nsplit = "all"\n[evaluate]\n'
        'split = "validation"\n[[runs]]\nmodel = "vae"\n'
    )
    (job,) = plans.plan_of("plan.toml").jobs
    assert job.options == ("--validation=0.1", "--patience=5", "--split=all")
    assert job.evaluate == ("--split=validation",)
    twice = '[[runs]]\nmodel = "gan"\ngrid = {optimizer_name = ["sgd"]}\n[[runs]]\nmodel = "gan"\n'
    Path("plan.toml").write_text(twice)
    assert [job.name for job in plans.plan_of("plan.toml").jobs] == [
        "gan-optimizer_name-sgd",
        "gan",
    ]


def test_a_size_adds_to_every_run_of_a_plan():
    Path("plan.toml").write_text(
        '[train]\ndataset = "mnist"\nepochs = 9\n'
        '[[runs]]\nmodel = "wgan"\ngrid = {clip = [0.1, 1.0], width = [64]}\n'
        '[[runs]]\nmodel = "vae"\ntrain = {epochs = 7}\n'
        "[sizes.small]\ntrain = {epochs = 2}\ngrid = {seed = [4]}\n"
        "[sizes.large]\nevaluate = {samples = 51200}\n"
    )
    jobs = plans.plan_of("plan.toml", size="small").jobs
    assert [job.arguments for job in jobs] == [
        ["wgan", "--name", "wgan-clip-0.1", "--set=clip=0.1", "--set=width=64", "--seed=4",
         "--dataset=mnist", "--epochs=2"],
        ["wgan", "--name", "wgan-clip-1.0", "--set=clip=1.0", "--set=width=64", "--seed=4",
         "--dataset=mnist", "--epochs=2"],
        ["vae", "--name", "vae", "--seed=4", "--dataset=mnist", "--epochs=7"],
    ]  # fmt: skip
    assert {job.evaluate for job in jobs} == {None}
    jobs = plans.plan_of("plan.toml", size="large").jobs
    assert jobs[0].options == ("--dataset=mnist", "--epochs=9")
    assert {job.evaluate for job in jobs} == {("--samples=51200",)}
    refused("sweep plan.toml", "one of the plan's sizes: small, large", "Received: no --size")
    refused("sweep plan.toml --size big", "small, large", "Received: big")
    refused("sweep gan --size small", "--size is for the plan of a file", "Received: small")


@pytest.mark.parametrize("path", sorted(Path("benchmarks").glob("*/*.toml")), ids=lambda p: p.stem)
def test_the_study_can_be_read(path):
    root = Path(cli.__file__).parent
    for size in ("small", "paper") if path.parent.name == "study" else (None,):
        assert plans.read_plan(root / path, size).jobs


@table(
    ("sweep gan --set width=4,8", ["GAN has the hyperparameters", "Received: 'width'"]),
    ("sweep gan --set latent_dim=4,x", ["latent_dim must be a positive integer", "Received: 'x'"]),
    ("sweep gan --set latent_dim", ["KEY=A,B", "Received: 'latent_dim'"]),
    ("sweep gan --set seed=0,x", ["seed must be an integer from 0", "Received: 'x'"]),
    ("sweep gan --set seed=0,0", ["has runs twice", "Received: gan-seed-0"]),
    ("sweep gna --set seed=0", ["model must be one of", "Received: 'gna'"]),
    ("sweep gan --set seed=0 --jobs 0", ["jobs must be at least 1", "Received: 0"]),
    ("sweep none.toml", ["A sweep is a TOML file", "Received: none.toml"]),
    ("compare nowhere", ["config.json", "Received: nowhere"]),
    ("compare runs/a --metric fdc", ["--metric must be in the histories or the scores", "'fdc'"]),
    ("compare runs/a --by with", ["--by must be one of", "Received: 'with'"]),
    ("compare runs/a --out a.jpg", ["--out must be a .png file", "Received: a.jpg"]),
)
def test_wrong_requests(line, words):
    made("a", scores={"fcd": 1.0})
    refused(line, *words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "is a TOML file"),
        ("[train]\n", r"has \[\[runs\]\]"),
        ("[sizes.a]\nsteps = 3\n[[runs]]\nmodel = 'gan'", "may have a grid, and options"),
        ("[other]\n[[runs]]\nmodel = 'gan'", "with other, runs"),
        ("[[runs]]\ngrid = {}", "have a model"),
        ("[[runs]]\nmodel = 'gan'\ngrid = {seed = 1}", "list of values for seed"),
        ("[[runs]]\nmodel = 'gan'\ngrid = {width = [1]}", "hyperparameters"),
    ],
)
def test_wrong_files(text, words):
    Path("plan.toml").write_text(text)
    with pytest.raises(RequestError, match=words):
        plans.plan_of("plan.toml")
    with pytest.raises(RequestError, match="--set and --preset are for a model"):
        plans.plan_of("plan.toml", ["seed=1"])
