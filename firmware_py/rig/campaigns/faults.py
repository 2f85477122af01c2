"""Owns the fault campaign: each fault of the table planted at the lowest place that exists in one process (register
file, wires of the bus, contacts, finger on the button), at a random moment of walking, drifting or falling.

Must never touch the core: what is planted lies outside the wire, what is measured is the pin and the contacts.
Faults of the process and the kernel (F01 to F04, F16) are planted in tests/system and tests/vm.
"""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from statistics import median_high
from typing import Any, NamedTuple

from firmware_py.config import Config
from firmware_py.core.deck.silence import MOST_S
from firmware_py.core.frame import Cause
from firmware_py.rig.campaigns.copies import in_a_copy
from firmware_py.rig.harness.whole import Whole
from firmware_py.rig.world.acts import LEAVE
from sensors.emulated.trouble import Kind, Trouble

SCENES = ("walk", "drift", "fall")
WALKED_S = 9.0  # settle, press, belt up to speed, gait known; the hazard comes later
WATCH_S = 1.0  # after a fault that must stop
WATCH_ON_S = 3.0  # after one that must not
MOMENTS = 12  # in one walk
RANGE_S = MOST_S  # P6: from 150 ms near a limit
CHAIN_S = 0.060  # from the last good tick to open contacts (P2): pulse watchdog 50 ms, contacts 10 ms


@dataclass(frozen=True)
class Planted:
    """One fault: how it is planted, and the time to the decision that its row of the table allows (None: no stop)."""

    ident: str
    what: str
    plant: Callable[[Whole, Random], Callable[[int], dict[str, int]] | None]
    bound_s: float | None


def _imu(whole: Whole) -> list[Trouble]:
    return whole.bus.chip(whole.config.imu.address).trouble


def _range(whole: Whole) -> list[Trouble]:
    return whole.bus.chip(whole.config.range.address).trouble


def _bus_held(whole: Whole, _: Random) -> None:
    whole.bus.trouble.append(Trouble(Kind.BUS_TIMEOUT))


def _imu_unplugged(whole: Whole, _: Random) -> None:
    whole.bus.detach(whole.config.imu.address)


def _range_unplugged(whole: Whole, _: Random) -> None:
    whole.bus.detach(whole.config.range.address)


def _on_imu(kind: Kind, **how: Any) -> Callable[[Whole, Random], None]:
    return lambda whole, random: _imu(whole).append(Trouble(kind, seed=random.getrandbits(31), **how))


def _on_range(kind: Kind, **how: Any) -> Callable[[Whole, Random], None]:
    return lambda whole, random: _range(whole).append(Trouble(kind, seed=random.getrandbits(31), **how))


def _walker_leaves(whole: Whole, _: Random) -> None:
    whole.world.scene.walker.do(LEAVE)


def _late_now_and_then(_: Whole, random: Random) -> Callable[[int], dict[str, int]]:
    first = random.randrange(50)
    return lambda tick: {"late_ns": 7_000_000 if (tick - first) % 120 == 0 else 0}


def _late(_: Whole, random: Random) -> Callable[[int], dict[str, int]]:
    late_ns = random.randrange(5_100_000, 9_900_000)
    return lambda _tick: {"late_ns": late_ns}


def _stalled(_: Whole, random: Random) -> Callable[[int], dict[str, int]]:
    ticks = random.randrange(13, 60)
    return lambda tick: {
        "skipped": ticks if tick == 0 else 0,
        "late_ns": ticks * 5_000_000 if tick == 0 else 0,
    }


FAULTS: tuple[Planted, ...] = (
    Planted("F05", "SDA or SCL held", _bus_held, 0.050),
    Planted("F06", "IMU unplugged", _imu_unplugged, 0.025),
    Planted("F07 asleep", "IMU reads zeros", _on_imu(Kind.ZEROS), 0.025),
    Planted("F07 frozen", "IMU repeats one reading", _on_imu(Kind.FROZEN), 0.250),
    Planted("F07 silent", "IMU never has a new reading", _on_imu(Kind.NO_DATA_READY), 0.250),
    Planted("F07 reset", "IMU resets in mid-run", _on_imu(Kind.RESET, count=1), 0.250),
    Planted("F08 one", "one bit of one IMU burst", _on_imu(Kind.BIT_FLIP, count=1), None),
    Planted("F08 few", "one NACK in fifty IMU messages", _on_imu(Kind.NACK, probability=0.02), None),
    Planted("F08 many", "half of the IMU messages end in noise", _on_imu(Kind.NOISE, probability=0.5), 0.100),
    Planted("F08 ones", "IMU reads 0xFF", _on_imu(Kind.ONES), 0.100),
    Planted("F08 top", "IMU at the end of its range", _on_imu(Kind.SATURATE), 0.100),
    Planted("F09", "range sensor reads 0xFF", _on_range(Kind.ONES), RANGE_S),
    Planted("F10 unplugged", "range sensor unplugged", _range_unplugged, RANGE_S),
    Planted("F10 silent", "range sensor never has a reading", _on_range(Kind.NO_DATA_READY), RANGE_S),
    Planted("F10 frozen", "range sensor repeats one reading", _on_range(Kind.FROZEN), RANGE_S),
    Planted("F10 reset", "range sensor resets in mid-run", _on_range(Kind.RESET, count=1), RANGE_S),
    Planted("F11 one", "one bit of one range burst", _on_range(Kind.BIT_FLIP, count=1), None),
    Planted("F12 few", "one tick in 0.6 s is late", _late_now_and_then, None),
    Planted("F12 late", "every tick is late by more than a period", _late, 0.060),
    Planted("F12 stall", "the loop stalls for 65 to 300 ms", _stalled, 0.060),
    Planted("F22", "the walker steps off", _walker_leaves, 0.300),
)  # fmt: skip


class Seen(NamedTuple):
    """What one planted fault led to: seconds from the fault, None: it did not happen."""

    fault: str
    scene: str
    cut_s: float | None
    open_s: float | None
    cause: str


def campaign(runs: int, seed: int, jobs: int, done: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """So many of each fault; one line for each fault. Calls `done` after each walk."""
    walks = walks_of(runs)
    seen: list[Seen] = []
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for some in pool.imap_unordered(_walk, [(seed, n) for n in range(walks)]):
            seen += some
            done()
    for fault in FAULTS:
        yield _line(fault, [s for s in seen if s.fault == fault.ident])


def walks_of(runs: int) -> int:
    """How many walks a campaign of so many runs takes: a tenth more, because some walks end before their moments."""
    return -(-runs * 11 // (10 * MOMENTS))


def _line(fault: Planted, seen: list[Seen]) -> dict[str, Any]:
    stopped = [s for s in seen if s.cut_s is not None]
    line: dict[str, Any] = {
        "campaign": "faults",
        "fault": fault.ident,
        "what": fault.what,
        "runs": len(seen),
        "found_by": dict(Counter(s.cause for s in stopped).most_common()),
        "cut_s": _spread([s.cut_s for s in stopped if s.cut_s is not None]),
        "open_s": _spread([s.open_s for s in seen if s.open_s is not None]),
        "bound_s": fault.bound_s,
    }
    if fault.bound_s is None:
        line["unexpected_stops"] = sum(s.scene == "walk" for s in stopped)
        line["within_bound"] = line["unexpected_stops"] == 0
    else:
        line["within_bound"] = all(_in_time(s, fault.bound_s) for s in seen)
    return line


def _in_time(s: Seen, bound_s: float) -> bool:
    """The cut within its bound, or the contacts open by themselves by then; the chain takes its own time on top."""
    if s.open_s is None or s.open_s > bound_s + CHAIN_S + 1e-9:
        return False
    return (s.cut_s is not None and s.cut_s <= bound_s + 1e-9) or s.open_s <= bound_s + 1e-9


def _spread(values: list[float]) -> dict[str, float | None]:
    if not values:
        return {"median": None, "max": None}
    return {"median": round(median_high(values), 4), "max": round(max(values), 4)}


def _walk(job: tuple[int, int]) -> list[Seen]:
    """One walk, and at each of its moments a forked copy of everything for each fault."""
    seed, number = job
    random = Random(f"faults {seed} {number}")
    scene = SCENES[number % len(SCENES)]
    seen: list[Seen] = []
    with Whole(Config(), scene, random.getrandbits(31), steady_s=8.0) as whole:
        whole.run(WALKED_S)
        if scene != "walk":  # the moments lie just before and in the hazard
            while whole.world.scene.hazard_t_s is None and whole.decision is not None and whole.decision.run:
                whole.tick()
        for _ in range(MOMENTS):
            for _ in range(random.randrange(1, 120 if scene == "walk" else 14)):
                whole.tick()
            if whole.decision is None or not whole.decision.run:
                break
            for fault in FAULTS:
                draws = Random(random.getrandbits(31))
                seen.append(Seen(*in_a_copy(partial(_watch, whole, fault, scene, draws))))
    return seen


def _watch(whole: Whole, fault: Planted, scene: str, random: Random) -> Seen:
    how = fault.plant(whole, random)
    start_ns = whole.t_ns
    cut_s = open_s = None
    cause: Cause | None = None
    seconds = WATCH_ON_S if fault.bound_s is None else WATCH_S
    for tick in range(round(seconds * whole.config.loop.rate_hz)):
        decision = whole.tick(**(how(tick) if how else {}))
        if open_s is None and not whole.world.contactors.pulled:
            open_s = (whole.world.contactors.moved_ns - start_ns) / 1e9
        if cut_s is None and not decision.run:
            cut_s, cause = (whole.t_ns - start_ns) / 1e9, decision.cause
        if cut_s is not None and open_s is not None:
            break
    return Seen(fault.ident, scene, cut_s, open_s, cause.value if cause else "")
