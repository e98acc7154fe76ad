"""How speed is compared: in turn, and as ratios within a round."""

import pytest

from benchmarks.speed import harness

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
