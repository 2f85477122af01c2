"""Storage that is full, read-only or stalls: the guard does not notice, no event is lost, the gap is reported."""

import json
import os
import statistics
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from firmware_py.courier.events.database import read_only
from tests.support.bad_disk import bad_disk, fill, small_disk
from tests.support.broker import free_port
from tests.support.compiled import needs_gcc
from tests.support.process import TalkingGuard, courier, guard, toml, wait_for

pytestmark = pytest.mark.longer

STALL_S = 10.0 if "REARGUARD_REPETITIONS" in os.environ else 2.0


def now(port: int) -> dict[str, dict[str, str]]:
    """The page's health, by part."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/now", timeout=5) as answer:
        return {part["name"]: part for part in json.load(answer)["parts"]}


def kinds(folder: Path) -> list[str]:
    with closing(read_only(folder / "state" / "events.sqlite")) as db:
        return [row[0] for row in db.execute("SELECT type FROM events ORDER BY n")]


def all_kept_once(folder: Path, talking: TalkingGuard) -> bool:
    with closing(read_only(folder / "state" / "events.sqlite")) as db:
        rows = db.execute("SELECT seq FROM events WHERE boot_id = ? ORDER BY seq", (talking.boot_id,))
        return [row[0] for row in rows] == list(range(1, talking.sent + 1))


def settle(talking: TalkingGuard) -> None:
    talking.stopped = True
    wait_for(lambda: talking.link.connected and not talking.unacknowledged, 30)


def nine_of_ten(values: list[float]) -> float:
    """A disk in trouble would hold up every tick of its time; a busy computer holds up single ones."""
    return statistics.quantiles(values, n=10)[8]


def alike(talking: TalkingGuard, quiet: int, disturbed: int) -> None:
    """What a tick cost the guard (link included) while the disk was in trouble, against before."""
    before, during = nine_of_ten(talking.work_us[:quiet]), nine_of_ten(talking.work_us[quiet:disturbed])
    assert during < 3 * before + 2000, (before, during)  # us; other tests share these two cores


def undisturbed(talking: TalkingGuard, seconds: float = 1.5) -> int:
    """Let it walk; how many ticks that were."""
    wait_for(lambda: talking.link.connected)
    time.sleep(seconds)
    return len(talking.work_us)


@needs_gcc
def test_a_disk_that_stalls_holds_up_neither_the_link_nor_the_page(tmp_path: Path) -> None:
    stall, port = tmp_path / "stall", free_port()
    with courier(toml(tmp_path, port=port), bad_disk(tmp_path)), guard(tmp_path, round_s=0.8) as talking:
        quiet = undisturbed(talking)
        sent, drops = talking.sent, talking.link.dropped_ticks
        stall.touch()
        time.sleep(STALL_S)
        assert now(port)["Safety monitor"]["state"] == "ok"  # the page goes on
        disturbed, waiting = len(talking.work_us), len(talking.unacknowledged)
        assert talking.sent > sent and waiting > 0  # sent, but not yet on disk: the guard keeps them
        stall.unlink()
        settle(talking)
        assert all_kept_once(tmp_path, talking)
        assert talking.link.dropped_ticks == drops  # not one tick was refused by the courier
        alike(talking, quiet, disturbed)
        assert "recording_gap" not in kinds(tmp_path)  # 30 s of ticks find room in memory
        assert now(port)["Recording"]["text"] == "0 readings lost"


def trouble(
    folder: Path, begin: Callable[[], object], end: Callable[[], object], environment: dict[str, str]
) -> None:
    """The whole story of a storage that refuses for a while."""
    port = free_port()
    with courier(toml(folder, port=port), environment), guard(folder, round_s=0.8) as talking:
        quiet = undisturbed(talking)
        begin()
        wait_for(lambda: now(port)["Events"]["state"] == "bad")
        wait_for(lambda: now(port)["Recording"]["state"] == "bad")
        assert "Usually the disk is full, read-only or failing" in now(port)["Events"]["text"]
        time.sleep(1.0)
        disturbed = len(talking.work_us)
        assert talking.unacknowledged  # what is not on disk is not acknowledged
        end()
        settle(talking)
        wait_for(lambda: now(port)["Events"]["state"] == now(port)["Recording"]["state"] == "ok")
        assert all_kept_once(folder, talking)
        wait_for(lambda: {"storage_changed", "recording_gap"} <= set(kinds(folder)))
        alike(talking, quiet, disturbed)


def test_a_full_disk_loses_no_event_and_the_gap_is_told(tmp_path: Path) -> None:
    with small_disk(tmp_path / "state", 4) as filler:
        trouble(tmp_path, lambda: fill(filler), filler.unlink, {})


@needs_gcc
def test_a_read_only_disk_loses_no_event_and_the_gap_is_told(tmp_path: Path) -> None:
    refuse = tmp_path / "refuse"
    trouble(tmp_path, refuse.touch, refuse.unlink, bad_disk(tmp_path))
