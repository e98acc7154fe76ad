"""Verdicts on the study's findings."""

import pytest

from benchmarks import tables, verdicts
from zoo.study import plans

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("kind", "sides", "expected"),
    [
        ("beats", [[1.0, 1.1, 0.9], [3.0, 3.1, 2.9]], "agree"),
        ("beats", [[3.0, 3.1, 2.9], [1.0, 1.1, 0.9]], "disagree"),
        # The means differ by 1, the standard error of that is 1.15: t = 0.87, p = 0.44.
        ("beats", [[1.0, 2.0, 3.0], [1.0, 3.0, 5.0]], "undecided"),
        ("beats", [[1.0], [3.0]], "undecided"),
        ("beats", [[1.0, 1.0], [3.0, 3.0]], "agree"),
        ("beats", [[], [3.0, 3.0]], "not run"),
        ("alike", [[1.0, 1.1, 0.9], [1.05, 0.95, 1.0], [1.1, 1.0, 0.95]], "agree"),
        ("alike", [[1.0, 1.1, 0.9], [1.05, 0.95, 1.0], [3.1, 3.0, 2.95]], "disagree"),
        ("alike", [[1.0, 2.0, 3.0], [1.0, 3.0, 5.0]], "undecided"),
    ],
)
def test_a_verdict(kind, sides, expected):
    assert verdicts.verdict(kind, sides) == expected


def test_rows_of_results(tmp_path, monkeypatch):
    monkeypatch.setattr(verdicts, "STUDY", tmp_path)
    (tmp_path / "results").mkdir()
    monkeypatch.setattr(verdicts, "CLAIMS", tmp_path / "claims.toml")
    verdicts.CLAIMS.write_text(
        '[[claims]]\ntext = "one beats five"\nplan = "wgan"\n'
        'beats = [{n_critic = 1, critic_norm = "none"}, {n_critic = 5}]\n'
    )
    (tmp_path / "results" / "wgan-small-mnist.csv").write_text(
        "run,n_critic,critic_norm,seed,fcd\na,1,none,0,2.0\nb,1,none,1,2.2\nc,1,batch,0,9\n"
        "d,5,none,0,4.0\ne,5,none,1,4.1\nf,5,none,2,\n"  # one failed
    )
    assert tables.study().splitlines()[2:] == [
        "| one beats five | `mnist` | 2.10 ± 0.14; 4.05 ± 0.07 | agree |",
        "| one beats five | `fashion_mnist` |  | not run |",
    ]


def test_what_is_varied_without_a_finding(tmp_path, monkeypatch):
    monkeypatch.setattr(verdicts, "STUDY", tmp_path)
    monkeypatch.setattr(verdicts, "VARIED", {"dcgan_batch_size": "batch_size"})
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "dcgan_batch_size-small-mnist.csv").write_text(
        "run,batch_size,seed,fcd\na,128,0,2.0\nb,128,1,2.2\nc,32,0,4.0\nd,32,1,\n"
    )
    assert tables.study_varied().splitlines()[2:] == [
        "| batch_size | `mnist` | 32: 4.00; 128: 2.10 ± 0.14 |",
        "| batch_size | `fashion_mnist` |  |",
    ]


def test_every_side_of_a_claim_is_in_its_plan():
    """Each claim's sides are made by the plan that it names, three seeds of each."""
    for claim in verdicts.claims():
        jobs = plans.read_plan(verdicts.STUDY / f"{claim['plan']}.toml", "small").jobs
        rows = []
        for job in jobs:
            entry = plans.registry.entry(job.model)
            values = entry.configure(job.preset or "default", job.settings)
            rows.append({"model": job.model, **{k: str(v) for k, v in values.items()}, "fcd": "1"})
        for side in claim.get("beats", claim.get("alike")):
            having = [row for row in rows if side.keys() <= row.keys()]
            assert len(verdicts.scores_of(having, side)) == 3, (claim["text"], side)
