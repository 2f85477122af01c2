"""The bench: that it measures, never how fast."""

import json

import pytest
from typer.testing import CliRunner

from firmware_py import bench
from firmware_py.__main__ import build


def test_percentiles_are_those_of_the_sorted_values_in_microseconds() -> None:
    assert bench.percentiles(list(range(0, 1_000_000, 1000))) == {
        "median": 500.0,
        "p99": 990.0,
        "p999": 999.0,
    }
    assert bench.percentiles([7]) == {"median": 0.01, "p99": 0.01, "p999": 0.01}


def test_the_bench_gives_every_figure_on_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "RIG_S", 4.0)
    monkeypatch.setattr(bench, "LATENESS_S", 0.5)
    done = CliRunner().invoke(build(["bench"]), ["bench", "--json"])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert list(figures) == [
        "step_us", "tick_us", "lateness_us", "replay_x", "guard_rss_mb", "ready_s", "realtime_granted",
    ]  # fmt: skip
    for name in ("step_us", "tick_us", "lateness_us"):
        assert 0 < figures[name]["median"] <= figures[name]["p99"] <= figures[name]["p999"]
    assert figures["replay_x"] > 0
    assert 10 < figures["guard_rss_mb"] < 100
