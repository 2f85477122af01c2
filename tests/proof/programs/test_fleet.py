"""Clusters, killed nodes, PostgreSQL and thousands of treadmills, for as long as REARGUARD_REPETITIONS seconds."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proof.fleet import run_load, run_million, why_not
from tests.proof.load import Load

pytestmark = [pytest.mark.longer, pytest.mark.alone]

SECONDS = float(os.environ.get("REARGUARD_REPETITIONS", "20"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """PostgreSQL runs as a user of its own, who must reach it."""
    with tempfile.TemporaryDirectory() as name:
        made = Path(name)
        made.chmod(0o755)
        yield made


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
@pytest.mark.parametrize("broker", ["mosquitto", "nats"])
def test_no_kill_loses_an_event_or_stores_one_twice(folder: Path, broker: str, store: str) -> None:
    if why := why_not(broker, store):
        pytest.skip(why)
    load = Load(devices=1000, seconds=SECONDS, events_per_s=20, connections=100)
    found = run_load(folder, broker, store, load, kill_s=10, kill_node_s=15)
    assert (found["events"], found["lost"], found["twice"]) == (found["stored"], 0, 0)
    assert found["not_taken"] == 0 and found["rss_mb"] <= 150
    assert found["fresh_median_s"] <= 3


@pytest.mark.parametrize(("store", "devices"), [("sqlite", 50), ("postgresql", 10_000)])
def test_the_pages_are_quick_over_many_events(folder: Path, store: str, devices: int) -> None:
    if why := why_not("", store):
        pytest.skip(why)
    found = run_million(folder, store, devices, 200_000)
    pages = {name: ms for name, ms in found.items() if name.endswith("_ms") and "max" not in name}
    assert {
        name for name, ms in pages.items() if ms > (200 if name in ("floor_ms", "tiles_ms") else 300)
    } == set()
