"""The bench: that it measures, never how fast."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from firmware_py.__main__ import build
from firmware_py.rig.bench import bench, latency
from firmware_py.rig.harness import processes
from firmware_py.rig.harness.processes import settle
from sensors.advice import HardwareError

pytestmark = pytest.mark.alone  # it looks at the clock: nothing else may run beside it


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


@pytest.mark.parametrize("starts_that_end", [1, processes.STARTS])
def test_a_guard_that_ends_at_its_start_is_started_again_as_its_unit_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts_that_end: int
) -> None:
    """Found by `make test`: a world that the computer had held up was a bus that did not answer."""
    real, starts = processes.process, []

    def process(log: Path, module: str, *arguments: object, **environment: str) -> Any:
        if module == processes.GUARD:
            starts.append(log)
            if len(starts) <= starts_that_end:
                return real(log, "firmware_py", "run", "--config", tmp_path / "none.toml", **environment)
        return real(log, module, *arguments, **environment)

    monkeypatch.setattr(processes, "process", process)
    config_file, _ = settle(tmp_path)
    if starts_that_end < processes.STARTS:
        assert len(processes.real_guard(config_file, tmp_path / "room", 0.1).late_ns) == 20
    else:
        with pytest.raises(RuntimeError, match=r"none\.toml"):
            processes.real_guard(config_file, tmp_path / "room", 0.1)
    assert len(starts) == min(starts_that_end + 1, processes.STARTS)


HISTOGRAM = """# /dev/cpu_dma_latency set to 0us
# Histogram
000000 000000
000016 000003
000017 000001
# Total: 000000004
# Min Latencies: 00016
# Avg Latencies: 00016
# Max Latencies: 31000
# Histogram Overflows: 00002
"""


def test_a_histogram_of_cyclictest_is_read_with_what_lies_beyond_it() -> None:
    assert latency._histogram(HISTOGRAM) == [16, 16, 16, 17, 31000, 31000]


def test_the_comparison_is_in_turn_and_ends_in_ratios(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    order: list[str] = []

    def theirs(seconds: float, rate_hz: int, priority: int) -> list[int]:
        order.append(f"cyclictest {seconds} {rate_hz} {priority}")
        return [0, 10, 10, 20]

    def ours() -> list[float]:
        order.append("ours")
        return [5.0, 15.0, 30.0, 30.0]

    @contextmanager
    def load(*_: Path) -> Iterator[None]:
        order.append("load")
        yield
        order.append("rest")

    monkeypatch.setattr(latency, "cyclictest_us", theirs)
    monkeypatch.setattr(latency, "load_on", load)
    config_file, _ = settle(tmp_path)
    rows = latency.compare(ours, 3.0, config_file, tmp_path)
    assert order == ["cyclictest 3.0 200 50", "ours", "load", "cyclictest 3.0 200 50", "ours", "rest"]
    assert rows["idle"] == rows["load"]
    assert rows["idle"]["ratio"] == {"p50": 3.0, "p99": 1.5, "p999": 1.5, "max": 1.5}


def test_without_cyclictest_it_says_where_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    done = CliRunner().invoke(build(["bench"]), ["bench", "--latency", "--seconds", "1"])
    assert done.exit_code == 3
    assert "apt install rt-tests" in done.stderr


def test_a_cyclictest_that_refuses_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: "/bin/false")
    with pytest.raises(HardwareError, match="use sudo"):
        latency.cyclictest_us(1.0, 200, 50)


def test_the_load_runs_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "BUSY", "import time; time.sleep(60)")
    config_file, _ = settle(tmp_path)
    with latency.load_on(config_file, tmp_path):
        pass
