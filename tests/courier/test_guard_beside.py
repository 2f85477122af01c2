"""The real guard beside a courier in trouble: what it decides and how late it wakes, held against an undisturbed run.

Each run is the same person who stops walking on a moving belt; the trouble begins when the belt may run and is over
when it has been stopped. REARGUARD_REPETITIONS=1000 makes it ten long runs of each kind; without it one short run.
"""

import contextlib
import os
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from firmware_py.config import load
from firmware_py.core.monitor import Monitor
from firmware_py.core.state import restore
from firmware_py.courier.events.database import read_only
from firmware_py.courier.recording.incidents import list_incidents
from firmware_py.traces.replay import replay_file
from tests.courier.recording.test_storage import kinds, now
from tests.proof.keep import keep
from tests.support.bad_disk import bad_disk, fill, small_disk
from tests.support.broker import free_port
from tests.support.device import Device, device
from tests.support.flood import flooded
from tests.support.held_up import Busy
from tests.support.process import CourierProcess, courier, toml, wait_for

pytestmark = pytest.mark.alone  # it looks at the clock: nothing else may run beside it

ROUNDS = max(1, int(os.environ.get("REARGUARD_REPETITIONS", "1")) // 100)
STEADY_S = 8.0 if ROUNDS > 1 else 0.5  # from the belt's start to the stop it is some 4 s more
SAME_STOP_S = 0.3  # two runs in real time do not sample the same instants
PERIOD_NS = 5_000_000
ATTEMPTS = 5
CONTROLS = 3
STRANGERS = 1200  # connections to the page, more than a process has handles for
MOST = 3  # times as many rounds as planned
KINDS = ("armed", "walking", "stopped", "stopped_by_fault")
TROUBLES = (
    "none",
    "full",
    "stalls",
    "hangs",
    *(("flooded",) if "REARGUARD_REPETITIONS" in os.environ else ()),  # test_flood.py floods, too
    *(("refuses",) if ROUNDS > 1 else ()),
)  # test_storage.py refuses, too


class Seen(NamedTuple):
    """One run, from the moment the belt could run until half a second after the stop."""

    kinds: list[str]
    cause: str
    stopped_after_s: float
    late_us: list[float]
    differing: int  # decisions that are not what the frames alone give
    asked: int  # ticks at which a stop was requested


def seen(it: Device, config: Path) -> Seen:
    armed, stopped = it.first("armed"), it.stop
    assert armed is not None and stopped is not None
    settings = load(config)
    monitor = Monitor(settings.monitor_params(), settings.loop.rate_hz)
    restore(monitor, it.state)
    frames = it.frames[: len(it.decisions)]
    of_interest = [f for f in frames if armed["t_ns"] < f.t_ns <= stopped["t_ns"] + 500_000_000]
    return Seen(
        [e["kind"] for e in it.events if e["kind"] in KINDS],
        stopped["cause"],
        (stopped["t_ns"] - armed["t_ns"]) / 1e9,
        [f.late_ns / 1000 for f in of_interest],
        sum(monitor.step(f) != d for f, d in zip(frames, it.decisions, strict=False)),
        sum(f.stop_requested for f in frames),
    )


@contextlib.contextmanager
def trouble_of(
    trouble: str, folder: Path, port: int
) -> Iterator[tuple[dict[str, str], Callable[[CourierProcess, bool], None]]]:
    """The courier's environment, and what begins (True) or ends (False) the trouble."""
    if trouble == "full":
        with small_disk(folder / "state", 8) as filler:
            yield {}, lambda _, begin: fill(filler) if begin else filler.unlink()
    elif trouble in ("refuses", "stalls"):
        switch = folder / {"refuses": "refuse", "stalls": "stall"}[trouble]
        yield bad_disk(folder), lambda _, begin: switch.touch() if begin else switch.unlink()
    elif trouble == "hangs":
        yield {}, lambda process, begin: process.signal(signal.SIGSTOP if begin else signal.SIGCONT)
    elif trouble == "flooded":
        with contextlib.ExitStack() as flood:
            yield (
                {},
                lambda _, begin: flood.enter_context(flooded(port, STRANGERS)) if begin else flood.close(),
            )
    else:
        yield {}, lambda _process, _begin: None


def recovered(trouble: str, folder: Path, port: int, it: Device, gap: bool) -> None:
    """Every event is on disk once, a long trouble is reported as a gap, and the stop has its incident."""

    def kept_once() -> bool:
        with closing(read_only(folder / "state" / "events.sqlite")) as db:
            rows = db.execute("SELECT seq FROM events WHERE boot_id = ? ORDER BY seq", (it.boot_id,))
            return [row[0] for row in rows] == list(range(1, len(it.events) + 1))

    wait_for(kept_once, 20)
    wait_for(lambda: now(port)["Events"]["state"] == now(port)["Recording"]["state"] == "ok", 20, 0.3)
    if trouble in ("full", "refuses") and gap:
        wait_for(lambda: {"storage_changed", "recording_gap"} <= set(kinds(folder)), 20)
    elif trouble == "hangs" and gap:
        wait_for(lambda: "recording_gap" in kinds(folder), 20)
    elif trouble in ("none", "stalls", "flooded"):
        assert "recording_gap" not in kinds(folder)
    wait_for(lambda: list_incidents(folder / "state" / "incidents"), 20)
    (facts,) = list_incidents(folder / "state" / "incidents")
    trace = folder / "state" / "incidents" / f"{facts['name']}.mcap"
    summary = replay_file(trace)
    if trouble != "hangs":  # there the ticks of the trouble are missing from it
        assert summary.notes == [] and len(summary.stops) == 1


def armed(it: Device) -> None:
    """Waits until the belt may run. Raises Busy when the guard is always late."""
    try:
        wait_for(lambda: it.first("armed"), 20)
    except AssertionError:
        if any(event["cause"] == "late" for event in it.events[-6:]):
            raise Busy(f"never armed, always late: {it.events[-3:]}") from None
        raise


def one(trouble: str, folder: Path) -> Seen:
    """A walk to its stop with the trouble in between; what the guard did, once the courier has recovered."""
    folder.mkdir(parents=True)
    port = free_port()
    config = toml(folder, port=port)
    with trouble_of(trouble, folder, port) as (environment, switch), courier(config, environment) as process:
        assert process.process is not None
        os.setpriority(os.PRIO_PROCESS, process.process.pid, 10)  # as in its unit
        wait_for((folder / "c.sock").exists)
        with device(config, folder / "room", "standstill", STEADY_S) as it:
            armed(it)
            switch(process, True)
            wait_for(lambda: it.stop, 40)
            time.sleep(0.6)
            found = seen(it, config)
            switch(process, False)
            # A guard that this computer stopped early ends the trouble before it could cost a frame.
            recovered(trouble, folder, port, it, gap=not spoiled(found))
    return found


def spoiled(run: Seen) -> bool:
    """Did the guard stop for this computer's sake?"""
    return "stopped_by_fault" in run.kinds


def spoiled_by(trouble: str, folder: Path) -> Seen | str:
    """What the guard did, or why this computer made nothing of the run."""
    try:
        found = one(trouble, folder)
    except Busy as busy:
        return str(busy)
    if not spoiled(found):
        return found
    return f"the guard stopped for {found.cause}, latest tick {max(found.late_us):.0f} us"


def unspoiled(trouble: str, folder: Path) -> tuple[Seen, int]:
    """A run in which this computer kept time, and how often it did not.

    Storage that held up the guard would spoil every run, and none without trouble: those are tried when all were.
    """
    for n in range(ATTEMPTS):
        found = spoiled_by(trouble, folder / str(n))
        if isinstance(found, Seen):
            return found, n
        print(f"{trouble}: {found}", file=sys.stderr)
    words = f"{trouble}: {ATTEMPTS} runs came to nothing, the last because {found}"
    if trouble == "none" or any(
        isinstance(spoiled_by("none", folder / f"control-{n}"), str) for n in range(CONTROLS)
    ):
        raise Busy(words)
    raise AssertionError(words)


def at(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@pytest.mark.usefixtures("processors_awake")
def test_storage_in_trouble_changes_neither_a_decision_nor_the_lateness_of_the_guard(tmp_path: Path) -> None:
    """Single runs meet whatever else this computer does: when they differ, more are made, and all of them count."""
    runs: dict[str, list[Seen]] = defaultdict(list)
    again: Counter[str] = Counter()
    for n in range(MOST * ROUNDS):  # in turn, so that whatever else this computer does meets all of them
        for trouble in TROUBLES:
            found, attempts = unspoiled(trouble, tmp_path / f"{trouble}-{n}")
            runs[trouble].append(found)
            again[trouble] += attempts
        if n + 1 >= ROUNDS and not later_than_undisturbed(runs):
            break
    for trouble, those in runs.items():
        late = lateness(those)
        row = {
            "storage": trouble,
            "runs": len(those),
            "spoiled": again[trouble],
            "minutes": round(len(late) / 200 / 60, 2),
            "stops": sorted({run.cause for run in those}),
            "stopped_after_s": {
                "min": min(r.stopped_after_s for r in those),
                "max": max(r.stopped_after_s for r in those),
            },
            "decisions_differing": sum(run.differing for run in those),
            "lateness_us": {
                "p50": at(late, 0.5),
                "p99": at(late, 0.99),
                "p999": at(late, 0.999),
                "max": max(late),
            },
            "late_ticks": sum(1 for us in late if us * 1000 >= PERIOD_NS),
        }
        keep(row)
        print(row, file=sys.stderr)
        assert row["decisions_differing"] == 0 and sum(run.asked for run in those) == 0
        for run, undisturbed in zip(those, runs["none"], strict=True):
            assert run.kinds == undisturbed.kinds
            assert abs(run.stopped_after_s - undisturbed.stopped_after_s) < SAME_STOP_S
    assert not later_than_undisturbed(runs)


def lateness(runs: list[Seen]) -> list[float]:
    return [late for run in runs for late in run.late_us]


def later_than_undisturbed(runs: dict[str, list[Seen]]) -> dict[str, str]:
    """Each trouble that made the guard later than none did: medians and 95th percentiles of all its runs."""
    quiet = lateness(runs["none"])
    later = {}
    for trouble, those in runs.items():
        late = lateness(those)
        # us; a busy computer spoils single ticks of any run, storage that held up the guard would spoil all of them
        if not (at(late, 0.5) < 1.5 * at(quiet, 0.5) + 100 and at(late, 0.95) < 2 * at(quiet, 0.95) + 500):
            later[trouble] = ", ".join(f"{at(late, p):.0f} beside {at(quiet, p):.0f} us" for p in (0.5, 0.95))
    return later
