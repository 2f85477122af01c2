"""Owns the campaigns: thousands of seeded runs, ours and every peer on the same runs, and the figures.

Must never let one detector's run differ from another's before its own cut: all share one scene, and at each cut
the scene is copied and coasts to rest on its own.
"""

import copy
import math
import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any, NamedTuple

from firmware_py.core.frame import Cause, Decision
from firmware_py.rig.campaigns.peers import Peer, peers
from firmware_py.rig.harness.closed_loop import ClosedLoop
from firmware_py.rig.world.scene import Scene, State
from firmware_py.rig.world.setups import Drawn, draw_drift, draw_standstill, draw_walking
from firmware_py.rig.world.walker import Act

OURS = "rearguard"
RATE_HZ = 100.0  # half the live rate: every detector is written in seconds, and a campaign is 10^7 ticks
WALK_S = 600.0  # one walk of the walking campaign
MPH = 0.44704
STANDSTILL_MPH = (1.0, 2.0, 3.0)
SLOW_DRIFT = 0.35  # steps too short by less than this share: a drift, not nearly a standstill
_GIVE_UP_S = 30.0  # after the hazard; the slowest peer acts after 20 s without a step
DRIFT_STOPS = ("cut", *(c.value for c in (Cause.DRIFT_REAR, Cause.DRIFT_FRONT, Cause.STANDSTILL)))
SENSOR_SILENT = "range silent"  # no believable reading for 150 ms: a stop by health, not by drift


class Outcome(NamedTuple):
    """What one detector made of one run."""

    detector: str
    group: str  # what the figures are also given for: the hazard, a speed, a wander
    hours: float  # walked before the hazard or the cut
    cut_s: float | None  # after the hazard; None: never, or before it
    false_stop: str  # cause of a cut before the hazard, "" when there was none
    past_line: bool
    margin_m: float | None  # from where the pelvis comes to rest to the nearer line; negative: past it
    warned_s: float | None  # from the first warning of the hazard to the cut


def run_drift(seed: int, index: int) -> tuple[list[Outcome], int]:
    random = Random(f"drift {seed} {index}")
    drawn = draw_drift(random)
    group: str = drawn.scenario
    slip = drawn.setup.walker.slip_m_s
    if group == "drift" and slip < SLOW_DRIFT * drawn.setup.belt.speed_m_s:
        group = "slow drift"
    return run_hazard(drawn, random.getrandbits(32), group), drawn.refused


def run_standstill(seed: int, index: int) -> tuple[list[Outcome], int]:
    random = Random(f"standstill {seed} {index}")
    mph = STANDSTILL_MPH[index % len(STANDSTILL_MPH)]
    drawn = draw_standstill(random, mph * MPH)
    return run_hazard(drawn, random.getrandbits(32), f"{mph:g} mph"), 0


def run_walking(seed: int, index: int) -> tuple[list[Outcome], int]:
    random = Random(f"walking {seed} {index}")
    wander_m = (0.05, 0.08)[index % 2]
    drawn = draw_walking(random, wander_m)
    return run_walk(drawn, random.getrandbits(32), f"{wander_m * 100:g} cm"), 0


RUNS: dict[str, Callable[[int, int], tuple[list[Outcome], int]]] = {
    "drift": run_drift,
    "standstill": run_standstill,
    "walking": run_walking,
}


def run_hazard(drawn: Drawn, seed: int, group: str) -> list[Outcome]:
    """One hazard, seen by all, until the last detector has cut or the walker has left the deck."""
    loop, others = _start(drawn, seed)
    scene, begun_s = loop.scene, loop.scene.t_s
    done: list[Outcome] = []
    warned_t_s: float | None = None
    waiting: list[Peer | None] = [None, *others]
    while waiting:
        state, reading_m = _step(loop, drawn, ours=None in waiting)
        hazard_t_s = scene.hazard_t_s
        decision = loop.decision
        if None in waiting and decision is not None:
            if decision.warning not in (Cause.DRIFT_REAR, Cause.DRIFT_FRONT):
                warned_t_s = None
            elif warned_t_s is None:
                warned_t_s = state.t_s
        off = not -0.3 < scene.walker.place_m < drawn.setup.deck_length_m + 0.3
        late = hazard_t_s is not None and state.t_s - hazard_t_s > _GIVE_UP_S
        for peer in list(waiting):
            ours = peer is None
            cut = not loop.run if peer is None else peer.cuts(state, reading_m, 1.0 / RATE_HZ)
            if not (cut or off or late):
                continue
            waiting.remove(peer)
            early = hazard_t_s is None
            margin_m = None
            if not early and scene.walker.act is not Act.LEAVE:
                margin_m = _margin_m(_at_rest(scene) if cut else scene, drawn)
            why = ""
            if early:
                why = _why(decision) if ours else "cut"
            done.append(
                Outcome(
                    OURS if peer is None else peer.name,
                    group,
                    ((hazard_t_s or state.t_s) - begun_s) / 3600.0,
                    state.t_s - hazard_t_s if cut and hazard_t_s is not None else None,
                    why,
                    margin_m is not None and margin_m < 0.0,
                    margin_m,
                    state.t_s - warned_t_s if ours and not early and warned_t_s is not None else None,
                )
            )
    return done


def run_walk(drawn: Drawn, seed: int, group: str) -> list[Outcome]:
    """Ordinary walking: every stop is a false one. After a stop the walk starts again for that detector alone."""
    outcomes: list[Outcome] = []
    left_s = WALK_S
    while left_s > 0.0:
        loop, others = _start(drawn, seed)
        begun_s = loop.scene.t_s
        waiting: list[Peer | None] = [None, *others]
        while None in waiting and loop.scene.t_s - begun_s < left_s:
            state, reading_m = _step(loop, drawn, ours=True)
            for peer in list(waiting):
                if peer is None and loop.run:
                    continue
                if peer is not None and not peer.cuts(state, reading_m, 1.0 / RATE_HZ):
                    continue
                waiting.remove(peer)
                why = "cut" if peer is not None else _why(loop.decision)
                hours = (state.t_s - begun_s) / 3600.0
                outcomes.append(
                    Outcome(peer.name if peer else OURS, group, hours, None, why, False, None, None)
                )
        walked_s = loop.scene.t_s - begun_s
        outcomes += [
            Outcome(peer.name if peer else OURS, group, walked_s / 3600.0, None, "", False, None, None)
            for peer in waiting
        ]
        left_s -= max(walked_s, 1.0)
        seed += 1
    return outcomes


def _why(decision: Decision | None) -> str:
    assert decision is not None and decision.cause is not None
    return SENSOR_SILENT if decision.rule == "range_age_s" else decision.cause.value


def _start(drawn: Drawn, seed: int) -> tuple[ClosedLoop, list[Peer]]:
    """Everybody begins at the tick at which our device has armed."""
    loop = ClosedLoop(Scene(drawn.scenario, seed, drawn.setup), drawn.params, RATE_HZ, drawn.hall)
    while not loop.run:
        loop.step()
        if loop.scene.t_s > 15.0:
            raise RuntimeError(f"rig: the device did not arm within 15 s: {loop.decision}")
    told = drawn.params.drift
    return loop, peers(told.rear_line_m, told.belt_ceiling_m_s, told.stop_latency_s, told.coast_down_m_s2)


def _step(loop: ClosedLoop, drawn: Drawn, ours: bool) -> tuple[State, float | None]:
    """One tick of the shared scene; once ours has cut, the belt runs on for the others."""
    if ours:
        loop.step()
        state = loop.state
        assert state is not None
    else:
        state = loop.scene.advance(1.0 / RATE_HZ, run=True)
    if not state.range_fresh or state.range_fault is not None:
        return state, None
    at_m = state.distance_m
    return state, at_m if drawn.setup.mount == "front" else drawn.setup.deck_length_m - at_m


def _at_rest(scene: Scene) -> Scene:
    """A copy of the scene in which the belt was cut at this tick and has come to rest, feet included."""
    scene = copy.deepcopy(scene)
    while scene.belt.speed_m_s > 0.0:
        scene.advance(1.0 / RATE_HZ, run=False)
    for _ in range(round(0.5 * RATE_HZ)):
        scene.advance(1.0 / RATE_HZ, run=False)
    return scene


def _margin_m(scene: Scene, drawn: Drawn) -> float:
    told, at_m = drawn.params.drift, scene.walker.place_m
    return min(told.rear_line_m - at_m, at_m - told.front_line_m)


def campaign(
    name: str, runs: int, seed: int, jobs: int, tick: Callable[[], None]
) -> Iterator[dict[str, Any]]:
    """Run it; yields one summary for us and each peer, ours first."""
    outcomes: list[Outcome] = []
    refused = 0
    for some, more_refused in _parallel(name, runs, seed, jobs):
        outcomes += some
        refused += more_refused
        tick()
    for detector in dict.fromkeys(o.detector for o in sorted(outcomes, key=lambda o: o.detector != OURS)):
        mine = [o for o in outcomes if o.detector == detector]
        yield {
            "campaign": name,
            "detector": detector,
            "runs": runs,
            "seed": seed,
            **_figures(mine),
            "by": {g: _figures([o for o in mine if o.group == g]) for g in sorted({o.group for o in mine})},
            "setups_refused": refused,
        }


def _parallel(name: str, runs: int, seed: int, jobs: int) -> Iterator[tuple[list[Outcome], int]]:
    work = [(name, seed, index) for index in range(runs)]
    if jobs <= 1:
        yield from map(_one, work)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(_one, work, chunksize=4)


def _one(work: tuple[str, int, int]) -> tuple[list[Outcome], int]:
    name, seed, index = work
    return RUNS[name](seed, index)


def _figures(outcomes: list[Outcome]) -> dict[str, Any]:
    margins = [o.margin_m for o in outcomes if o.margin_m is not None]
    hours = sum(o.hours for o in outcomes)
    false_stops = [o.false_stop for o in outcomes if o.false_stop]
    drifts = sum(why in DRIFT_STOPS for why in false_stops)
    figures: dict[str, Any] = {
        "hours": round(hours, 3),
        "past_line": sum(o.past_line for o in outcomes),
        "margin_m": _spread(margins, min=0.0, p1=0.01, median=0.5),
        "detect_s": _spread([o.cut_s for o in outcomes if o.cut_s is not None], median=0.5, p95=0.95),
        "warned_before_s": _spread(
            [o.warned_s for o in outcomes if o.warned_s is not None], min=0.0, p5=0.05, median=0.5
        ),
        "false_stops": drifts,
        "false_stops_per_hour": round(drifts / hours, 3) if hours else None,
        "other_stops": len(false_stops) - drifts,
    }
    causes = {why: false_stops.count(why) for why in sorted(set(false_stops)) if why != "cut"}
    return figures | ({"causes": causes} if causes else {})


def _spread(values: Iterable[float], **parts: float) -> dict[str, float | None]:
    """Order statistics by name: the value below which that part of all values lies."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return {
        name: round(ordered[math.floor(part * last + 0.5)], 3) if ordered else None
        for name, part in parts.items()
    }
