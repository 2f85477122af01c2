"""Courier, broker and both are killed at random moments while events stream: nothing lost, nothing stored twice.

REARGUARD_REPETITIONS=1000 makes it the proof; without it a short version runs.
"""

import os
import random
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from firmware_py.courier.events.database import read_only
from firmware_py.traces.mcap_reader import read_mcap
from tests.proof.keep import keep
from tests.support.broker import FOUND, ear, mosquitto
from tests.support.process import courier, guard, toml, wait_for

KILLS = int(os.environ.get("REARGUARD_REPETITIONS", "5"))
SEED = 20260704


def rows(folder: Path, query: str) -> list[Any]:
    try:
        with closing(read_only(folder / "state" / "events.sqlite")) as db:
            return [tuple(row) for row in db.execute(query)]
    except sqlite3.OperationalError:
        return []


@pytest.mark.skipif(not FOUND, reason="mosquitto is not installed: sh tests/system-packages.sh test")
@pytest.mark.parametrize("targets", [("courier",), ("courier", "courier", "broker", "both")])
def test_no_kill_loses_an_event_or_stores_one_twice(tmp_path: Path, targets: tuple[str, ...]) -> None:
    rng = random.Random(SEED)
    with mosquitto(tmp_path) as server, ear(server.port) as listener:
        config = toml(tmp_path, mqtt_port=server.port)
        start_s = 1.0
        with courier(config) as process, guard(tmp_path, round_s=0.7) as talking:
            for n in range(KILLS):
                if (
                    n % 10 == 0
                ):  # now and then it may finish: a guard keeps its events for minutes, not for hours
                    began_s = time.monotonic()
                    wait_for(lambda: talking.link.connected and len(talking.unacknowledged) < 8, 60)
                    start_s = min(10.0, 0.2 * start_s + 0.8 * max(1.0, time.monotonic() - began_s))
                time.sleep(rng.uniform(0.05, 1.6 * start_s))  # some kills hit the start itself
                target = rng.choice(targets)
                if target != "broker":
                    process.kill()
                if target != "courier":
                    server.kill()
                    server.start()
                if target != "broker":
                    process.start()
                if n % 50 == 49:
                    print(f"{n + 1} kills, {talking.sent} events", file=sys.stderr, flush=True)
            talking.stopped = True
            process.kill()
            wait_for(lambda: not talking.link.connected)
            process.start()
            wait_for(lambda: talking.link.connected and not talking.unacknowledged, 60)
            open_rows = "SELECT count(*) FROM events WHERE published_s IS NULL"
            wait_for(lambda: rows(tmp_path, open_rows) == [(0,)], 90)
            sent, boot_id = talking.sent, talking.boot_id
            assert talking.link.dropped_events == 0
            assert process.end() == 0
        published = set(listener.event_ids())
    kept = rows(tmp_path, "SELECT boot_id, seq, type, id FROM events")
    assert sorted(seq for boot, seq, _, _ in kept if boot == boot_id) == list(range(1, sent + 1))
    assert len({event_id for *_, event_id in kept}) == len(kept)
    assert "unreadable" not in {kind for _, _, kind, _ in kept}
    incidents = sorted((tmp_path / "state" / "incidents").glob("*.mcap"))
    assert incidents
    for path in incidents:
        assert sum(1 for _ in read_mcap(path).frames) > 0, path
    unpublished = {event_id for *_, event_id in kept} - published
    if targets == ("courier",):
        assert (
            unpublished == set()
        )  # a broker that is killed forgets its listeners too: only then may one miss some
    figures = {
        "targets": sorted(set(targets)),
        "kills": KILLS,
        "events": sent,
        "kept": len(kept),
        "incidents": len(incidents),
        "unpublished": len(unpublished),
    }
    print(figures, file=sys.stderr)
    keep(figures)
