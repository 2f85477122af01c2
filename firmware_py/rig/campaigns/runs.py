"""Owns one run of a campaign: our device and every peer on the same walker, and what became of each.

Must never let one detector change the run of another before its own cut: all share one scene, and at each cut the
scene is copied and coasts to rest by itself.
"""

import copy
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import NamedTuple

from firmware_py.core.frame import Cause, Decision
from firmware_py.rig.campaigns.peers import Peer, Seen, peers
from firmware_py.rig.harness.closed_loop import ClosedLoop
from firmware_py.rig.world.scene import Scene, State
from firmware_py.rig.world.setups import Drawn, draw_drift, draw_standstill, draw_walking

OURS = "rearguard"
RATE_HZ = 100.0  # half the live rate: every detector is written in seconds, and a campaign is 10^7 ticks
DT_S = 1.0 / RATE_HZ
WALK_S = 600.0  # one walk of the walking campaign
WANDERS_M = (0.05, 0.08)
MPH = 0.44704
STANDSTILL_MPH = (1.0, 2.0, 3.0)
SLOW_DRIFT = 0.35  # steps too short by less than this share: a drift, not nearly a standstill
PEER_CUT = "cut"
SENSOR_SILENT = "range silent"  # no believable reading for too long: a stop by health, not by drift
_ARMED_BY_S = 15.0
_GIVE_UP_S = 30.0  # after the hazard; the slowest peer acts after 20 s without a step
_OFF_DECK_M = 0.3  # beyond an edge the run is over
_FEET_REST_S = 0.5  # after the belt


class Outcome(NamedTuple):
    """What one detector made of one run."""

    detector: str
    group: str  # the figures are also given for each: the hazard, a speed, a wander
    hours: float  # walked before the hazard or the cut
    cut_s: float | None = None  # after the hazard; None: never, or before it
    false_stop: str = ""  # cause of a cut before the hazard
    past_line: bool = False
    margin_m: float | None = None  # from where the pelvis comes to rest to the nearer line; negative: past it
    warned_s: float | None = None  # from the first warning of the hazard to the cut


class Detector:
    """Our device (`peer` None) or a peer, until it cuts."""

    def __init__(self, peer: Peer | None) -> None:
        self._peer = peer
        self.ours = peer is None
        self.name = OURS if peer is None else peer.name

    def cuts(self, loop: ClosedLoop, seen: Seen) -> bool:
        return not loop.run if self._peer is None else self._peer.cuts(seen)

    def why(self, loop: ClosedLoop) -> str:
        return PEER_CUT if self._peer is not None else _cause(loop.decision)


def run_drift(seed: int, index: int) -> tuple[list[Outcome], int]:
    random = Random(f"drift {seed} {index}")
    drawn = draw_drift(random)
    group = drawn.scenario
    slip = drawn.setup.walker.slip_m_s
    if group == "drift" and slip < SLOW_DRIFT * drawn.setup.belt.speed_m_s:
        group = "slow drift"
    return run_hazard(drawn, random.getrandbits(32), group), drawn.refused


def run_silence(seed: int, index: int) -> tuple[list[Outcome], int]:
    """A hazard of the drift campaign that begins just before, in or after a silence of the range sensor."""
    random = Random(f"silence {seed} {index}")
    drawn = draw_drift(random)
    begins_s, lasts_s = random.uniform(-0.4, 0.3), random.uniform(0.10, 0.50)
    drawn = drawn._replace(setup=replace(drawn.setup, silent_from_s=begins_s, silent_for_s=lasts_s))
    return run_hazard(drawn, random.getrandbits(32), drawn.scenario), drawn.refused


def run_standstill(seed: int, index: int) -> tuple[list[Outcome], int]:
    random = Random(f"standstill {seed} {index}")
    mph = STANDSTILL_MPH[index % len(STANDSTILL_MPH)]
    drawn = draw_standstill(random, mph * MPH)
    return run_hazard(drawn, random.getrandbits(32), f"{mph:g} mph"), 0


def run_walking(seed: int, index: int) -> tuple[list[Outcome], int]:
    random = Random(f"walking {seed} {index}")
    wander_m = WANDERS_M[index % len(WANDERS_M)]
    drawn = draw_walking(random, wander_m)
    return run_walk(drawn, random.getrandbits(32), f"{wander_m * 100:g} cm"), 0


RUNS: dict[str, Callable[[int, int], tuple[list[Outcome], int]]] = {
    "drift": run_drift,
    "silence": run_silence,
    "standstill": run_standstill,
    "walking": run_walking,
}


def run_hazard(drawn: Drawn, seed: int, group: str) -> list[Outcome]:
    """One hazard for all, until the last detector has cut or the walker has left the deck."""
    loop, waiting = _start(drawn, seed)
    scene, begun_s = loop.scene, loop.scene.t_s
    done: list[Outcome] = []
    warned_t_s: float | None = None
    while waiting:
        ours_runs = any(detector.ours for detector in waiting)
        seen = _step(loop, drawn, ours_runs)
        t_s, hazard_t_s = seen.state.t_s, scene.hazard_t_s
        if ours_runs and loop.decision is not None:
            if loop.decision.warning not in (Cause.DRIFT_REAR, Cause.DRIFT_FRONT):
                warned_t_s = None
            elif warned_t_s is None:
                warned_t_s = t_s
        off = not -_OFF_DECK_M < scene.walker.place_m < drawn.setup.deck_length_m + _OFF_DECK_M
        late = hazard_t_s is not None and t_s - hazard_t_s > _GIVE_UP_S
        for detector in list(waiting):
            cut = detector.cuts(loop, seen)
            if not (cut or off or late):
                continue
            waiting.remove(detector)
            hours = ((hazard_t_s or t_s) - begun_s) / 3600.0
            outcome = Outcome(detector.name, group, hours)
            if hazard_t_s is None:
                done.append(outcome._replace(false_stop=detector.why(loop)))
                continue
            margin_m = None
            if scene.walker.act.on_belt:
                margin_m = _margin_m(_at_rest(scene) if cut else scene, drawn)
            done.append(
                outcome._replace(
                    cut_s=t_s - hazard_t_s if cut else None,
                    past_line=margin_m is not None and margin_m < 0.0,
                    margin_m=margin_m,
                    warned_s=t_s - warned_t_s if detector.ours and warned_t_s is not None else None,
                )
            )
    return done


def run_walk(drawn: Drawn, seed: int, group: str) -> list[Outcome]:
    """Ordinary walking: every stop is a false one. After a stop of ours the walk starts again, for all."""
    outcomes: list[Outcome] = []
    left_s = WALK_S
    while left_s > 0.0:
        loop, waiting = _start(drawn, seed)
        begun_s = loop.scene.t_s
        while any(detector.ours for detector in waiting) and loop.scene.t_s - begun_s < left_s:
            seen = _step(loop, drawn, ours_runs=True)
            for detector in list(waiting):
                if detector.cuts(loop, seen):
                    waiting.remove(detector)
                    hours = (seen.state.t_s - begun_s) / 3600.0
                    outcomes.append(Outcome(detector.name, group, hours, false_stop=detector.why(loop)))
        walked_s = loop.scene.t_s - begun_s
        outcomes += [Outcome(detector.name, group, walked_s / 3600.0) for detector in waiting]
        left_s -= max(walked_s, 1.0)
        seed += 1
    return outcomes


def _cause(decision: Decision | None) -> str:
    assert decision is not None and decision.cause is not None
    return SENSOR_SILENT if decision.rule == "range_age_s" else decision.cause.value


def _start(drawn: Drawn, seed: int) -> tuple[ClosedLoop, list[Detector]]:
    """All begin at the tick at which our device has armed."""
    loop = ClosedLoop(Scene(drawn.scenario, seed, drawn.setup), drawn.params, RATE_HZ, drawn.hall)
    while not loop.run:
        loop.step()
        if loop.scene.t_s > _ARMED_BY_S:
            raise RuntimeError(f"rig: the device did not arm within {_ARMED_BY_S:g} s: {loop.decision}")
    known = drawn.params.drift
    others = peers(known.rear_line_m, known.belt_ceiling_m_s, known.stop_latency_s, known.coast_down_m_s2)
    return loop, [Detector(None), *map(Detector, others)]


def _step(loop: ClosedLoop, drawn: Drawn, ours_runs: bool) -> Seen:
    """One tick of the shared scene; once ours has cut, the belt runs on for the others."""
    if ours_runs:
        loop.step()
        state = loop.state
        assert state is not None
    else:
        state = loop.scene.advance(DT_S, run=True)
    return Seen(state, _reading_m(state, drawn), DT_S)


def _reading_m(state: State, drawn: Drawn) -> float | None:
    if not state.range_fresh or state.range_fault is not None:
        return None
    at_m = state.distance_m
    return at_m if drawn.setup.mount == "front" else drawn.setup.deck_length_m - at_m


def _at_rest(scene: Scene) -> Scene:
    """A copy of the scene in which the belt was cut at this tick and has come to rest, and the feet too."""
    scene = copy.deepcopy(scene)
    while scene.belt.speed_m_s > 0.0:
        scene.advance(DT_S, run=False)
    for _ in range(round(_FEET_REST_S * RATE_HZ)):
        scene.advance(DT_S, run=False)
    return scene


def _margin_m(scene: Scene, drawn: Drawn) -> float:
    lines, at_m = drawn.params.drift, scene.walker.place_m
    return min(lines.rear_line_m - at_m, at_m - lines.front_line_m)
