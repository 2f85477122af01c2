"""Owns the campaign of lock-outs: contacts that weld, or a belt that moves on, while each hazard runs.

Must never count a lock-out as shown when it is shown for a while only: from its time on it is named at every tick.
"""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, NamedTuple

from firmware_py.config import Config, parse
from firmware_py.core.frame import Cause
from firmware_py.rig.campaigns.copies import in_a_copy
from firmware_py.rig.harness.whole import Whole
from firmware_py.rig.world.switchgear import CONTACT_NS, WATCHDOG_NS, Contactors

HAZARDS = ("drift", "standstill", "fall", "front", "step_off", "speed_up", "side_rails", "sink", "unplug")
STEADY_S = 7.0
NEVER_S = 60.0  # a run that has not armed, or whose hazard has not come by then, is over
GIVE_UP_S = 20.0  # a hazard that stopped nothing
FOUND_AT_ONCE = 4  # ticks; no hazard is found sooner
WATCH_S = 8.0  # after the cut: the walker is carried off, and nobody is in the beam
AGAIN_S = 1.0  # after the cut, where contacts close by themselves
CHAIN_S = (WATCHDOG_NS + CONTACT_NS) / 1e9
WELD_S = 0.1 + CHAIN_S  # P4, from the cut
RUNAWAY_S = 3.0  # F21, from the cut
TICK_S = 0.010  # two ticks: the last good one, and the one that reads


@dataclass(frozen=True)
class LockOut:
    """What fails, which cause has to be named for it, and how long after the cut at most."""

    name: str
    breaks: str
    cause: Cause | None  # None: nothing is to be found
    within_s: float = 0.0
    needs_hall: bool = False


LOCK_OUTS: tuple[LockOut, ...] = (
    LockOut("nothing", "", None),
    LockOut("both contacts weld", "welds", Cause.RELAY_WELDED, WELD_S),
    LockOut("one contact welds", "sticks", Cause.RELAY_WELDED, WELD_S),
    LockOut("contacts close again by themselves", "returns", Cause.RELAY_WELDED, AGAIN_S + WELD_S),
    LockOut("the belt moves on, contacts open", "bridged", Cause.BELT_RUNAWAY, RUNAWAY_S, needs_hall=True),
)
SWITCHES = {
    "none": Config(),
    "hall": parse({"belt": {"speed_sensor": "hall"}}),
}
# Whoever stands on the side rails is seen by a measured belt alone.
ROWS = [
    (hazard, switch)
    for hazard in HAZARDS
    for switch in SWITCHES
    if (hazard, switch) != ("side_rails", "none")
]


class Broken(Contactors):
    """Contactors of which something fails from now on; `pulled` is what the read-back shows."""

    def __init__(self, sound: Contactors, breaks: str) -> None:
        super().__init__(sound._pulse, sound._watchdog_ns)
        for name, value in vars(sound).items():
            setattr(self, name, value)
        self._breaks = breaks
        self._dropped_ns: int | None = None

    def update(self, t_ns: int) -> bool:
        """Does the belt have power?"""
        closed = super().update(t_ns)
        if not closed and self._dropped_ns is None:
            self._dropped_ns = t_ns
        again = self._dropped_ns is not None and t_ns - self._dropped_ns >= AGAIN_S * 1e9
        if self._breaks in ("welds", "sticks") or (self._breaks == "returns" and again):
            self.pulled = True
        return closed if self._breaks in ("", "sticks") else self.pulled or self._breaks == "bridged"


class Seen(NamedTuple):
    hazard: str
    belt_sensor: str
    lock_out: str
    number: int
    cut_s: float | None  # after the hazard; None: never
    shown_s: float | None  # after the cut; None: never
    hidden_ticks: int  # from then on
    cause: str  # the last one


def campaign(runs: int, seed: int, jobs: int, done: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """So many runs of each hazard, each with every lock-out and without; a line for each row of the table."""
    work = [(seed, n, *row) for row in ROWS for n in range(runs)]
    seen: list[Seen] = []
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        for some in pool.imap_unordered(_run, work):
            seen += some
            done()
    alone = {(s.hazard, s.belt_sensor, s.number): s.cut_s for s in seen if s.lock_out == LOCK_OUTS[0].name}
    for hazard, switch in ROWS:
        for lock_out in LOCK_OUTS:
            row = (hazard, switch, lock_out.name)
            yield line(lock_out, switch, [s for s in seen if s[:3] == row], alone)


def jobs_of(runs: int) -> int:
    """How many runs a campaign takes in all."""
    return runs * len(ROWS)


def line(
    lock_out: LockOut, switch: str, seen: list[Seen], alone: dict[tuple[str, str, int], float | None]
) -> dict[str, Any]:
    """One row; `alone`: when the same hazard was cut with nothing else wrong."""
    wanted = lock_out.cause if switch == "hall" or not lock_out.needs_hall else None
    shown = [s.shown_s for s in seen if s.shown_s is not None]
    later = sum(_cut_later(s, alone[s.hazard, s.belt_sensor, s.number]) for s in seen)
    if wanted is None:
        hidden, in_time = 0, not shown  # nothing to find: naming one would be wrong
    else:
        hidden = sum(s.hidden_ticks > 0 for s in seen)
        in_time = len(shown) == len(seen) and all(at_s <= lock_out.within_s + TICK_S for at_s in shown)
    return {
        "campaign": "lock-outs",
        "hazard": seen[0].hazard if seen else "",
        "belt_sensor": switch,
        "lock_out": lock_out.name,
        "runs": len(seen),
        "never_cut": sum(s.cut_s is None for s in seen),
        "cut_later": later,
        "shown_s": max(shown, default=None),
        "within_s": lock_out.within_s if wanted else None,
        "hidden": hidden,
        "shown_as": dict(Counter(s.cause for s in seen).most_common()),
        "within_bound": bool(seen) and not later and not hidden and in_time,
    }


def _cut_later(s: Seen, alone_s: float | None) -> bool:
    return alone_s is not None and (s.cut_s is None or s.cut_s > alone_s)


def _run(job: tuple[int, int, str, str]) -> list[Seen]:
    """One run up to its hazard, and from a drawn moment around it a forked copy for each lock-out."""
    seed, number, hazard, switch = job
    random = Random(f"lock-outs {seed} {number} {hazard}")
    with Whole(SWITCHES[switch], hazard, random.getrandbits(31), STEADY_S) as whole:
        scene, rate_hz = whole.world.scene, whole.config.loop.rate_hz
        while scene.hazard_t_s is None:
            decision = whole.tick()
            stopped = scene.steady_s > 0.0 and not decision.run
            if stopped or scene.t_s > NEVER_S:
                return []  # stopped before the hazard: the business of other campaigns
        hazard_t_s = scene.hazard_t_s
        for _ in range(random.randrange(FOUND_AT_ONCE)):
            whole.tick()
        return [
            Seen(
                hazard, switch, one.name, number, *in_a_copy(partial(_watch, whole, one, hazard_t_s, rate_hz))
            )
            for one in LOCK_OUTS
        ]


def _watch(whole: Whole, lock_out: LockOut, hazard_t_s: float, rate_hz: int) -> list[Any]:
    world = whole.world
    world.contactors = Broken(world.contactors, lock_out.breaks)
    decision = whole.decision
    assert decision is not None
    while decision.run:
        if world.scene.t_s - hazard_t_s > GIVE_UP_S:
            return [None, None, 0, ""]
        decision = whole.tick()
    cut_t_s, shown_s, hidden = world.scene.t_s, None, 0
    for _ in range(round(WATCH_S * rate_hz)):
        if decision.cause in (Cause.RELAY_WELDED, Cause.BELT_RUNAWAY):
            shown_s = world.scene.t_s - cut_t_s if shown_s is None else shown_s
        elif shown_s is not None:
            hidden += 1
        decision = whole.tick()
    cause = decision.cause.value if decision.cause else ""
    return [round(cut_t_s - hazard_t_s, 4), shown_s and round(shown_s, 4), hidden, cause]
