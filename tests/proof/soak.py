"""Owns the long run: does anything grow, drift or lose count when a device walks for a working day?

    .venv/bin/python -m tests.proof.soak --hours 8 --real-minutes 10       JSON lines, exit 1 when a count is wrong

*simulated*: the guard's own loop, drivers, monitor, relay and link in this process, on emulated chips, as fast as it
goes: the clock is simulated, with lateness planted, so every count is known beforehand. *real*: the real guard process
in real time, seen from outside. Memory is that of the whole process, the simulated treadmill included.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from random import Random
from typing import Any

from firmware_py.config import Config
from firmware_py.core.wire import FRAME_SIZE, unpack_decision, unpack_frame
from firmware_py.guard.link import ACK, COUNTERS, EVENT, TICK, Link
from firmware_py.rig.harness.processes import real_guard, settle
from firmware_py.rig.harness.whole import Whole
from firmware_py.rig.world.scene import Scene
from firmware_py.rig.world.switchgear import Person
from tests.support.link_end import LinkEnd

HOUR_S = 3600.0
LATE_EVERY, LATE_NS = 1009, 2_000_000  # late, yet within its period
SKIP_EVERY, SKIP_NS = 20_011, 12_000_000  # two slots gone: the loop must let them go
NEXT_NS = (
    1_000_000_000  # by then the contacts have opened: a person who sees them closed believes to be armed
)
WARM_UP_PART = 0.2  # of the run, before memory is first looked at
TRACED_PART = 0.9  # from here on every allocation is followed as well, which is slow
GROWTH_MB = 4.0  # a leak of one small object a tick would be hundreds in 8 hours


class Courier:
    """Hears the link as a courier does, and adds up what a leak or a lost count would change."""

    def __init__(self, period_ns: int) -> None:
        self.period_ns = period_ns
        self.ticks = self.running = self.off_grid = self.skipped = self.events = self.out_of_order = 0
        self.counters: dict[str, Any] = {}
        self.slot_ns: int | None = None
        self.run = False

    def hear(self, message: bytes) -> bytes:
        """Takes one message; what to answer, empty for nothing."""
        kind = message[:1]
        if kind == TICK:
            frame = unpack_frame(message[1 : 1 + FRAME_SIZE])
            slot_ns = frame.t_ns - frame.late_ns % self.period_ns
            if self.slot_ns is not None:
                steps, rest = divmod(slot_ns - self.slot_ns, self.period_ns)
                self.off_grid += rest != 0
                self.skipped += steps - 1
            self.slot_ns = slot_ns
            self.ticks += 1
            self.run = unpack_decision(message[1 + FRAME_SIZE :]).run
            self.running += self.run
        elif kind == COUNTERS:
            self.counters = json.loads(message[1:])
        elif kind == EVENT:
            self.out_of_order += int.from_bytes(message[1:9], "little") != self.events + 1
            self.events += 1
            return ACK + message[1:9]
        return b""


def simulated(hours: float, seed: int = 1, first: str = "walk") -> dict[str, Any]:
    """So many hours of walking, and what was found. `first`: what becomes of the first walker; the others walk."""
    random, config = Random(f"soak {seed}"), Config()
    whole_ticks = round(hours * HOUR_S * config.loop.rate_hz)
    memory: dict[float, tuple[float, int]] = {}
    with tempfile.TemporaryDirectory() as room, Whole(config, first, seed, steady_s=0.0) as whole:
        guest = LinkEnd(Path(room) / "courier.sock")
        link, loop = Link(f"{room}/courier.sock", {}), whole.loop
        link.connect(0)
        courier, state = (
            Courier(1_000_000_000 // config.loop.rate_hz),
            {"ticks": 0, "late": 0, "skipped": 0, "stops": 0},
        )
        ran = False
        next_ns: int | None = None

        def clock() -> int:
            return whole.t_ns

        def sleep_until(slot_ns: int) -> None:
            nonlocal ran, next_ns
            drain(guest, courier)
            decision_run = courier.run
            if ran and not decision_run:
                state["stops"] += 1
                next_ns = whole.t_ns + NEXT_NS
            if next_ns is not None and whole.t_ns >= next_ns:  # the next walker gets on
                next_ns = None
                whole.world.person = Person()
                whole.world.scene = Scene("walk", seed + state["stops"], whole.world.scene.setup)
            ran = decision_run
            late_ns = random.randrange(300_000)
            if state["ticks"] % LATE_EVERY == LATE_EVERY - 1:
                late_ns = LATE_NS
            if state["ticks"] % SKIP_EVERY == SKIP_EVERY - 1:
                late_ns = SKIP_NS
                state["late"] += 1
                state["skipped"] += SKIP_NS // courier.period_ns
            part = state["ticks"] / whole_ticks
            for moment in (WARM_UP_PART, TRACED_PART):
                if part >= moment and moment not in memory:
                    memory[moment] = used()
                    if moment == TRACED_PART:
                        tracemalloc.start()
                        memory[2.0] = (traced_kb(), 0)
            whole.t_ns = slot_ns + late_ns
            whole.world.advance(whole.t_ns)
            state["ticks"] += 1
            loop.stopping = state["ticks"] >= whole_ticks

        loop._links, loop._clock, loop._sleep_until = (link,), clock, sleep_until
        start_ns, started_s = whole.t_ns, time.perf_counter()
        loop.run()
        took_s = time.perf_counter() - started_s
        drain(guest, courier)
        grown_kb = traced_kb() - memory[2.0][0]
        tracemalloc.stop()
        link.counters(loop.counters())
        drain(guest, courier)
        dropped = link.dropped_ticks
        link.close()
        guest.die()
    told = courier.counters
    (warm_mb, warm_blocks), (late_mb, late_blocks) = memory[WARM_UP_PART], memory[TRACED_PART]
    slots = state["ticks"] + state["skipped"]
    drift_ns = (courier.slot_ns or 0) - start_ns - courier.period_ns * slots
    row = {
        "soak": "simulated",
        "hours": hours,
        "times_real": round(hours * HOUR_S / took_s, 1),
        "ticks": courier.ticks,
        "running_percent": round(100 * courier.running / courier.ticks, 1),
        "stops": state["stops"],
        "events": courier.events,
        "grid_drift_ns": drift_ns,
        "off_grid": courier.off_grid,
        "rss_growth_mb": round(late_mb - warm_mb, 2),
        "blocks_growth": late_blocks - warm_blocks,
        "traced_growth_kb": round(grown_kb, 1),
    }
    row["wrong"] = [
        what
        for what, fine in {
            "ticks": courier.ticks == told["ticks"] == state["ticks"],
            "late": told["late_ticks"] == state["late"],
            "skipped": told["skipped_ticks"] == courier.skipped == state["skipped"],
            "dropped": dropped
            == told["dropped_ticks"]
            == told["dropped_events"]
            == told["pending_events"]
            == 0,
            "events": courier.out_of_order == 0,
            "grid": courier.off_grid == 0 and drift_ns == 0,
            "memory": late_mb - warm_mb < GROWTH_MB,
            "walking": courier.running > 0.5 * courier.ticks,
        }.items()
        if not fine
    ]
    return row


def real(minutes: float) -> dict[str, Any]:
    """The guard process, for so long in real time."""
    rates = Config().loop.rate_hz
    courier, resident_kb = Courier(1_000_000_000 // rates), []

    def heard(pid: int, message: bytes) -> None:
        courier.hear(
            message
        )  # without an answer: what is not acknowledged is sent again, and that is counted apart
        if message[:1] == COUNTERS:
            resident_kb.append(rss_kb(pid))

    with tempfile.TemporaryDirectory(prefix="soak-") as room:
        config_file, _ = settle(Path(room))
        seen = real_guard(config_file, Path(room) / "guard", minutes * 60, heard)
    told = courier.counters
    warm_kb = resident_kb[min(len(resident_kb) - 1, 10)]
    row = {
        "soak": "real",
        "hours": round(minutes / 60, 3),
        "ticks": courier.ticks,
        "skipped": courier.skipped,
        "off_grid": courier.off_grid,
        "late_us_max": round(max(seen.late_ns) / 1000),
        "rss_mb": round(resident_kb[-1] / 1024, 1),
        "rss_growth_mb": round((resident_kb[-1] - warm_kb) / 1024, 2),
    }
    row["wrong"] = [
        what
        for what, fine in {
            "grid": courier.off_grid == 0,
            "skipped": courier.skipped >= told["skipped_ticks"] >= 0 and told["ticks"] <= courier.ticks + 1,
            "dropped": told["dropped_ticks"] <= rates,  # before anybody listened
            "memory": resident_kb[-1] - warm_kb < GROWTH_MB * 1024,
        }.items()
        if not fine
    ]
    return row


def drain(guest: LinkEnd, courier: Courier) -> None:
    for message in guest.messages():
        if answer := courier.hear(message):
            guest.say(answer)


def used() -> tuple[float, int]:
    """Resident megabytes and blocks of Python's own allocator, after a collection."""
    gc.collect()
    return rss_kb("self") / 1024, sys.getallocatedblocks()


def traced_kb() -> float:
    gc.collect()
    return tracemalloc.get_traced_memory()[0] / 1024


def rss_kb(pid: int | str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=8.0, help="simulated; 0 leaves it out")
    parser.add_argument("--real-minutes", type=float, default=10.0, help="0 leaves it out")
    options = parser.parse_args()
    rows = []
    for asked, run in ((options.hours, simulated), (options.real_minutes, real)):
        if asked:
            rows.append(run(asked))
            print(json.dumps(rows[-1]), flush=True)
    return 1 if any(row["wrong"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
