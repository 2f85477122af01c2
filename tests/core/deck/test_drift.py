"""Every rule of drift as a table of legs, and every line one step each side."""

import math
from collections.abc import Callable
from dataclasses import asdict, replace
from random import Random
from typing import NamedTuple

import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from firmware_py.core.deck import drift as module
from firmware_py.core.deck.drift import (
    LATE_M,
    SEE_FRONT_M,
    SEE_M,
    SEE_S,
    SLACK_M,
    SPREAD_M,
    SURE_M,
    SURE_M_S,
    SURE_S,
    SURGE_S2,
    USUAL_SURGE_M,
    Drift,
    DriftParams,
    limits_m,
    mark_m,
    rest_position_m,
    safe_speed_m_s,
    zone_m,
)
from firmware_py.core.deck.position import Position, PositionParams
from firmware_py.core.frame import Cause, Finding, Phase, Signal
from firmware_py.core.state import save
from sensors.samples import RangeSample

DT_S = 0.005
P = DriftParams()
REAR_M = 0.98 - SLACK_M
FRONT_STILL_M = 0.15 + SLACK_M
FRONT_M = FRONT_STILL_M + USUAL_SURGE_M  # P is not commissioned


def at(position_m: float, velocity_m_s: float = 0.0) -> Position:
    """A position as if it had been measured."""
    position = Position(PositionParams(), 200.0)
    position.known = True
    position.age_s = 0.0
    position.position_m = position_m
    position.velocity_m_s = velocity_m_s
    position.velocity_sigma_m_s = 0.03
    return position


def once(params: DriftParams, position: Position, phase: Phase, speed: float | None) -> Finding | None:
    return Drift(params, 200.0).update(0, position, phase, speed, DT_S)


def lasting(params: DriftParams, position: Position, phase: Phase, speed: float | None) -> Finding | None:
    """The same for as long as it takes to be sure of a line."""
    return Drift(params, 200.0).update(0, position, phase, speed, SURE_S)


@pytest.mark.parametrize(
    ("beyond_m", "v", "ticks"),
    [
        (0.0, 0.0, 16),
        (SURE_M - 1e-6, 0.0, 16),
        (SURE_M, 0.0, 1),
        (0.0, SURE_M_S - 1e-6, 16),
        (0.0, SURE_M_S, 1),
        (SURE_M, SURE_M_S - 1e-6, 1),
    ],
)
@pytest.mark.parametrize("end", ["rear", "front"])
def test_slowly_and_a_little_beyond_a_line_must_last(end: str, beyond_m: float, v: float, ticks: int) -> None:
    drift = Drift(P, 200.0)
    still = P.stop_latency_s + 0.5 * P.belt_ceiling_m_s / P.coast_down_m_s2
    if end == "rear":
        position = at(REAR_M + beyond_m + 1e-9 - v * still, v)
    else:
        position = at(FRONT_M - beyond_m - 1e-9 + v * still, -v)
    found = [drift.update(n, position, Phase.GUARDING, None, DT_S) is not None for n in range(ticks)]
    assert found == [False] * (ticks - 1) + [True]


@pytest.mark.parametrize("v", [0.2, -0.2])
def test_on_a_line_to_the_last_bit_is_beyond_it(v: float) -> None:
    drift = Drift(P, 200.0)
    way = P.stop_latency_s, P.coast_down_m_s2
    drift._rear_m = drift._front_m = rest_position_m(0.5, v, P.belt_ceiling_m_s, *way, 0.5)
    if v > 0.0:
        drift._front_m -= 1.0
    else:
        drift._rear_m += 1.0
    found = drift.update(0, at(0.5, v), Phase.GUARDING, None, DT_S)
    assert found is not None and found.value == found.limit


@pytest.mark.parametrize(("line_m", "inside_m"), [(REAR_M, -0.01), (FRONT_STILL_M, 0.01)])
def test_a_line_that_one_reading_in_five_is_beyond_stops_nobody(line_m: float, inside_m: float) -> None:
    drift = Drift(P, 200.0)
    for n in range(400):
        place_m = line_m if n % 5 == 0 else line_m + inside_m
        assert drift.update(n, at(place_m), Phase.WAITING, None, DT_S) is None


def test_what_was_beyond_a_line_is_forgotten_at_the_next_arming() -> None:
    for place_m in (REAR_M, FRONT_STILL_M):
        drift = Drift(P, 200.0)
        for n in range(15):
            drift.update(n, at(place_m), Phase.WAITING, None, DT_S)
        drift.relearn()
        assert drift.update(16, at(place_m), Phase.WAITING, None, DT_S) is None


@pytest.mark.parametrize(("place_m", "cause"), [(REAR_M, Cause.DRIFT_REAR), (FRONT_M, Cause.DRIFT_FRONT)])
def test_a_place_that_may_be_a_hands_warns_and_stops_nobody_until_it_has_lasted(
    place_m: float, cause: Cause
) -> None:
    drift, position = Drift(P, 200.0), at(place_m)
    position.hand = True
    for n in range(40):
        assert drift.update(n, position, Phase.GUARDING, None, DT_S) is None
    assert drift.warning is cause
    position.hand = False
    found = [drift.update(40 + n, position, Phase.GUARDING, None, DT_S) for n in range(16)]
    assert found[:-1] == [None] * 15
    assert found[-1] is not None and found[-1].cause is cause


def test_beyond_the_deck_and_a_standstill_are_seen_while_a_hand_may_be_in_the_beam() -> None:
    position = at(0.6)
    position.hand = True
    position.beyond, position.age_s = True, P.step_off_s
    off = once(P, position, Phase.GUARDING, 0.5)
    assert off is not None and off.cause is Cause.STEP_OFF
    drift = Drift(P, 200.0)
    found = None
    for n in range(40):
        position = at(0.5 + 0.9 * n * DT_S, 0.9)
        position.hand = True
        found = drift.update(n, position, Phase.GUARDING, 0.9, DT_S) or found
    assert found is not None and found.cause is Cause.STANDSTILL


@pytest.mark.parametrize(
    ("name", "position_m", "velocity", "phase", "speed", "cause"),
    [
        ("standing well inside", 0.56, 0.0, Phase.WAITING, None, None),
        ("one step before the rear line", REAR_M - 1e-6, 0.0, Phase.WAITING, None, None),
        ("on the rear line", REAR_M, 0.0, Phase.WAITING, None, Cause.DRIFT_REAR),
        ("one step past the rear line", REAR_M + 1e-6, 0.0, Phase.WAITING, None, Cause.DRIFT_REAR),
        ("one step before the front line", FRONT_STILL_M + 1e-6, 0.0, Phase.WAITING, None, None),
        ("on the front line", FRONT_STILL_M, 0.0, Phase.WAITING, None, Cause.DRIFT_FRONT),
        ("one step past the front line", FRONT_STILL_M - 1e-6, 0.0, Phase.WAITING, None, Cause.DRIFT_FRONT),
        ("walking, just before the front line with its surge", FRONT_M + 1e-6, 0.0, Phase.GUARDING, None, None),
        ("walking, on it", FRONT_M, 0.0, Phase.GUARDING, None, Cause.DRIFT_FRONT),
        ("carried at 0.2, rest one step before", REAR_M - 0.12 - 1e-6, 0.2, Phase.GUARDING, None, None),
        ("carried at 0.2, rest on the line", REAR_M - 0.12 + 1e-9, 0.2, Phase.GUARDING, None, Cause.DRIFT_REAR),
        ("the same on a slower measured belt", REAR_M - 0.12, 0.12, Phase.GUARDING, 0.3, None),
        ("stepping on toward the rear, belt not known to move", 0.80, 0.4, Phase.WAITING, None, None),
        ("turning round on a belt that is measured to stand", 0.80, 0.4, Phase.GUARDING, 0.0, None),
        ("standing astride a belt that is measured to run", 0.80, 0.4, Phase.WAITING, 0.9, Cause.DRIFT_REAR),
        ("past the line on a standing belt", 1.2, 0.0, Phase.WAITING, 0.0, Cause.DRIFT_REAR),
    ],
)  # fmt: skip
def test_lines(
    name: str, position_m: float, velocity: float, phase: Phase, speed: float | None, cause: Cause | None
) -> None:
    finding = lasting(P, at(position_m, velocity), phase, speed)
    assert (finding.cause if finding else None) is cause, name
    if finding:
        assert finding.signal is Signal.DANGER
        assert finding.rule == "rest_position_m"


def test_the_rear_line_is_never_beyond_70_percent_whatever_is_told() -> None:
    wrong = replace(P, rear_line_m=1.39)
    assert lasting(wrong, at(REAR_M - 1e-6), Phase.WAITING, None) is None
    assert lasting(wrong, at(REAR_M + 1e-6), Phase.WAITING, None) is not None


def test_an_unmeasured_belt_counts_as_the_ceiling_and_a_measured_one_as_what_it_is() -> None:
    drift = Drift(P, 200.0)
    drift.update(0, at(0.5, 0.1), Phase.GUARDING, None, DT_S)
    assert drift.rest_position_m == pytest.approx(0.5 + 0.1 * (0.15 + 0.9 / 2.0))
    drift.update(0, at(0.5, 0.1), Phase.GUARDING, 0.4, DT_S)
    assert drift.rest_position_m == pytest.approx(0.5 + 0.1 * (0.15 + 0.4 / 2.0))
    assert drift.stop_margin_m == pytest.approx(0.5 + 0.1 * 0.35 - FRONT_M)


def test_an_unknown_position_says_nothing_of_rest_and_margin() -> None:
    drift = Drift(P, 200.0)
    drift.update(0, at(0.5, 0.0), Phase.GUARDING, None, DT_S)
    lost = at(0.5)
    lost.known = False
    assert drift.update(0, lost, Phase.GUARDING, None, DT_S) is None
    assert drift.rest_position_m is None
    assert drift.stop_margin_m is None
    assert drift.warning is None


# -- legs of a trace --------------------------------------------------------------------------------


BLIND = replace(P, standstill=False)
KNOWN = replace(P, commissioned=True)


class Leg(NamedTuple):
    """So many seconds of walking, then a velocity for so long."""

    speed: float | None
    velocity: float
    phase: Phase = Phase.GUARDING
    seconds: float = 2.0
    start_m: float = 0.5
    walked_s: float = 20.0
    wander_m_s: float = 0.02
    params: DriftParams = P


def walk_then(leg: Leg) -> tuple[float | None, Finding | None, Drift]:
    """The time of the first finding after the walk, with a perfect estimate of position and velocity."""
    drift = Drift(leg.params, 200.0)
    place = leg.start_m
    for i in range(round(leg.walked_s / DT_S)):
        v = leg.wander_m_s * math.sin(1.3 * i * DT_S)
        place += v * DT_S
        found = drift.update(0, at(place, v), Phase.GUARDING, leg.speed, DT_S)
        assert found is None, (found, i * DT_S)
    for i in range(round(leg.seconds / DT_S)):
        place += leg.velocity * DT_S
        found = drift.update(0, at(place, leg.velocity), leg.phase, leg.speed, DT_S)
        if found is not None:
            return i * DT_S, found, drift
    return None, None, drift


@pytest.mark.parametrize(
    ("name", "leg", "cause", "from_s", "to_s"),
    [
        ("dead standstill at 2 mph: the line is near", Leg(0.894, 0.894, start_m=0.30), Cause.DRIFT_REAR, 0.02, 0.25),
        ("dead standstill at 1 mph, measured", Leg(0.447, 0.447), Cause.STANDSTILL, 0.02, 0.25),
        ("dead standstill at 0.5 mph, measured", Leg(0.224, 0.224), Cause.STANDSTILL, 0.02, 0.30),
        ("dead standstill, belt unknown, really 1 mph", Leg(None, 0.447), Cause.STANDSTILL, 0.02, 0.30),
        ("dead standstill, belt unknown, really 0.6 mph", Leg(None, 0.27), Cause.STANDSTILL, 0.05, 0.60),
        ("gait lost, but carried on", Leg(0.447, 0.447, Phase.WAITING), Cause.STANDSTILL, 0.02, 0.25),
        ("the same, belt unknown", Leg(None, 0.447, Phase.WAITING), Cause.STANDSTILL, 0.02, 0.30),
        ("a slow drift", Leg(0.5, 0.10, seconds=6.0), Cause.DRIFT_REAR, 3.5, 4.5),
        ("a slow climb to the console", Leg(0.5, -0.10, seconds=4.0, params=KNOWN), Cause.DRIFT_FRONT, 0.8, 1.8),
        ("a slow climb, belt not measured", Leg(0.5, -0.10, seconds=4.0), Cause.DRIFT_FRONT, 2.0, 2.5),
        ("a quick climb", Leg(0.5, -0.3, seconds=2.0), Cause.DRIFT_FRONT, 0.1, 0.6),
        ("short steps, 40 % of the belt's speed", Leg(0.894, 0.36, seconds=0.5), None, 0.0, 0.0),
        ("switched off: line holds", Leg(0.447, 0.447, params=BLIND), Cause.DRIFT_REAR, 0.5, 0.75),
        ("belt unknown, place not known yet", Leg(None, 0.3, seconds=0.6, walked_s=6.0), None, 0.0, 0.0),
        ("far back: no waiting", Leg(0.28, 0.12, start_m=0.78, seconds=0.45), Cause.STANDSTILL, 0.1, 0.45),
        ("the same velocity at home", Leg(0.28, 0.12, start_m=0.45, seconds=0.45), None, 0.0, 0.0),
    ],
)  # fmt: skip
def test_legs(name: str, leg: Leg, cause: Cause | None, from_s: float, to_s: float) -> None:
    t_s, found, _ = walk_then(leg)
    assert (found.cause if found else None) is cause, (name, found, t_s)
    if found and t_s is not None:
        assert from_s <= t_s <= to_s, (name, found)
        assert found.value >= found.limit or cause is Cause.DRIFT_FRONT


def test_a_lively_walker_gets_a_higher_limit_but_never_above_the_top() -> None:
    calm = walk_then(Leg(0.5, 0.45))[1]
    lively = walk_then(Leg(0.5, 0.45, wander_m_s=0.09))[1]
    wild = walk_then(Leg(0.5, 0.45, wander_m_s=0.16, params=replace(P, wander_peaks=9.0)))[1]
    assert calm
    assert lively
    assert wild
    assert calm.limit == pytest.approx(0.45 * 0.5)
    assert calm.limit <= lively.limit < wild.limit
    assert wild.limit == pytest.approx(0.80 * 0.5)


def test_learning_is_forgotten_at_arming() -> None:
    drift = walk_then(Leg(0.5, 0.0, wander_m_s=0.16))[2]
    assert drift._usual_m_s > P.wander_sigmas * P.wander_m_s
    drift.relearn()
    assert drift._usual_m_s == P.wander_sigmas * P.wander_m_s
    assert drift.warning is None
    assert not drift.soft_stop


def test_what_happens_now_does_not_excuse_itself() -> None:
    """Half a second of being carried must not have raised the walker's usual velocity yet."""
    drift = walk_then(Leg(0.5, 0.0))[2]
    usual = drift._usual_m_s
    place = 0.5
    for _ in range(90):
        place += 0.2 * DT_S
        drift.update(0, at(place, 0.2), Phase.GUARDING, 0.5, DT_S)
    assert drift._usual_m_s <= usual * 1.05


def test_springing_back_from_a_hand_in_the_beam_is_not_new_ground() -> None:
    drift = walk_then(Leg(0.447, 0.0))[2]
    place = 0.5
    for v in [-0.3] * 20 + [0.3] * 20:
        place += v * DT_S
        assert drift.update(0, at(place, v), Phase.GUARDING, 0.447, DT_S) is None


def test_an_uncertain_velocity_is_not_a_standstill() -> None:
    drift = walk_then(Leg(0.447, 0.0))[2]
    place = 0.5
    for _ in range(40):
        place += 0.4 * DT_S
        position = at(place, 0.4)
        position.velocity_sigma_m_s = 0.3
        assert drift.update(0, position, Phase.GUARDING, 0.447, DT_S) is None


def test_whoever_gets_on_stands_and_turns_is_not_stopped_by_velocity() -> None:
    """Belt unknown, nobody walks: a quarter of a metre to and fro at 0.5 m/s, then standing."""
    drift = Drift(P, 200.0)
    place = 0.75
    for v in [-0.5] * 100 + [0.4] * 120 + [0.0] * 400 + [0.4] * 100:
        place += v * DT_S
        assert drift.update(0, at(place, v), Phase.WAITING, None, DT_S) is None
    assert drift.rest_position_m == pytest.approx(place)


def test_somebody_carried_further_than_anybody_shifts_is_on_a_moving_belt() -> None:
    drift = Drift(P, 200.0)
    place = 0.4
    for i in range(400):
        place += 0.5 * DT_S
        found = drift.update(0, at(place, 0.5), Phase.WAITING, None, DT_S)
        if found:
            assert place > 0.4 + P.carried_m
            assert place < REAR_M - 0.1
            return
        assert i < 399


def test_after_the_walk_a_belt_at_rest_stops_nobody_again() -> None:
    drift = walk_then(Leg(None, 0.0))[2]
    for _ in range(450):
        drift.update(0, at(0.5, 0.0), Phase.WAITING, None, DT_S)
    assert drift.update(0, at(0.78, 0.35), Phase.WAITING, None, DT_S) is None
    assert drift.rest_position_m == pytest.approx(0.78)


# -- warnings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("velocity", [0.04, 0.08, 0.12, -0.05, -0.1])
def test_a_slow_drift_is_warned_of_at_least_half_a_second_before_the_cut(velocity: float) -> None:
    drift = walk_then(Leg(0.5, 0.0))[2]
    place, warned_s = 0.5, None
    for i in range(4000):
        place += velocity * DT_S
        found = drift.update(0, at(place, velocity), Phase.GUARDING, 0.5, DT_S)
        if found:
            assert warned_s is not None
            assert i * DT_S - warned_s > 0.5
            assert drift.warning is (Cause.DRIFT_REAR if velocity > 0 else Cause.DRIFT_FRONT)
            return
        if drift.warning and warned_s is None:
            warned_s = i * DT_S
    raise AssertionError("never stopped")


def test_a_warning_lasts_half_a_second_and_pulls_the_soft_stop_only_when_asked() -> None:
    for soft in (False, True):
        drift = Drift(replace(P, soft_stop=soft), 200.0)
        for _ in range(20):
            drift.update(0, at(REAR_M - 0.05), Phase.GUARDING, 0.5, DT_S)
        assert drift.warning is Cause.DRIFT_REAR
        assert drift.soft_stop is soft
        for _ in range(95):
            drift.update(0, at(0.5), Phase.GUARDING, 0.5, DT_S)
        assert drift.warning is Cause.DRIFT_REAR
        for _ in range(10):
            drift.update(0, at(0.5), Phase.GUARDING, 0.5, DT_S)
        assert drift.warning is None
        assert not drift.soft_stop


def test_losing_the_position_ends_the_warning() -> None:
    drift = Drift(replace(P, soft_stop=True), 200.0)
    for _ in range(20):
        drift.update(0, at(REAR_M - 0.05), Phase.GUARDING, 0.5, DT_S)
    lost = at(0.9)
    lost.known = False
    drift.update(0, lost, Phase.GUARDING, 0.5, DT_S)
    assert drift.warning is None
    assert not drift.soft_stop


# -- step off ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_s", "beyond", "cause"),
    [
        (0.1399, True, None),
        (0.14, True, Cause.STEP_OFF),
        (0.15, True, Cause.STEP_OFF),
        (0.999, True, Cause.STEP_OFF),
        (1.0, True, None),
        (0.2, False, None),
    ],
)
def test_step_off_is_said_when_the_readings_lie_beyond_the_deck(
    age_s: float, beyond: bool, cause: Cause | None
) -> None:
    position = at(0.5)
    position.age_s = age_s
    position.known = age_s <= 0.150
    position.beyond = beyond
    found = once(P, position, Phase.GUARDING, 0.5)
    assert (found.cause if found else None) is cause


# -- overspeed --------------------------------------------------------------------------------------

SAFE = safe_speed_m_s(0.98, 0.15, 0.15, 1.0)


@pytest.mark.parametrize(
    ("params", "speed", "seconds", "finding", "warning"),
    [
        (replace(P, over_safe_speed="refuse"), 0.9, 2.0, None, None),
        (replace(P, commissioned=True), SAFE * 1.02, 2.0, None, None),
        (replace(P, commissioned=True), SAFE * 1.04, 2.0, None, Cause.OVERSPEED),
        (replace(P, commissioned=True), SAFE * 1.04, 0.4, None, None),
        (replace(P, commissioned=True, over_safe_speed="refuse"), SAFE * 1.04, 2.0, Cause.OVERSPEED, Cause.OVERSPEED),
        (replace(P, commissioned=True, over_safe_speed="refuse"), None, 2.0, Cause.OVERSPEED, Cause.OVERSPEED),
        (replace(P, commissioned=True), None, 4.0, None, Cause.OVERSPEED),
        (replace(P, commissioned=True), None, 6.0, None, None),
        (replace(P, commissioned=True, over_safe_speed="refuse"), None, 6.0, Cause.OVERSPEED, Cause.OVERSPEED),
        (replace(P, commissioned=True, belt_ceiling_m_s=SAFE), None, 2.0, None, None),
    ],
)  # fmt: skip
def test_overspeed(
    params: DriftParams, speed: float | None, seconds: float, finding: Cause | None, warning: Cause | None
) -> None:
    drift = Drift(params, 200.0)
    found = None
    for _ in range(round(seconds / DT_S)):
        found = drift.update(0, at(0.5), Phase.GUARDING, speed, DT_S)
    assert (found.cause if found else None) is finding
    assert drift.warning is warning


def test_a_refused_speed_is_refused_even_while_nobody_is_seen() -> None:
    drift = Drift(replace(P, commissioned=True, over_safe_speed="refuse"), 200.0)
    lost = at(0.5)
    lost.known = False
    found = None
    for _ in range(200):
        found = drift.update(0, lost, Phase.WAITING, None, DT_S)
    assert found
    assert found.cause is Cause.OVERSPEED


def test_a_real_drift_is_warned_of_before_the_speed_is() -> None:
    drift = Drift(replace(P, commissioned=True), 200.0)
    for _ in range(300):
        drift.update(0, at(REAR_M - 0.05), Phase.GUARDING, None, DT_S)
    assert drift.warning is Cause.DRIFT_REAR


# -- the pure functions -----------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [0.2, 0.5, 0.9, 1.34])
@pytest.mark.parametrize("deceleration", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("latency", [0.05, 0.4])
def test_rest_is_where_integration_brings_a_carried_walker(
    speed: float, deceleration: float, latency: float
) -> None:
    """The walker's share of the belt's speed stays the same while the belt comes to rest."""
    share = 0.4

    def belt(t: float) -> float:
        return max(0.0, speed - deceleration * max(0.0, t - latency))

    end = latency + speed / deceleration
    path = solve_ivp(lambda t, _: [share * belt(t)], (0.0, end), [0.3], max_step=0.002, rtol=1e-8)
    assert rest_position_m(0.3, share * speed, speed, latency, deceleration) == pytest.approx(
        float(path.y[0, -1]), abs=1e-4
    )


def test_long_steps_stay_long_until_the_belt_stands_or_shorten_with_it() -> None:
    assert rest_position_m(0.5, -0.1, 0.5, 0.2, 1.0) == pytest.approx(0.5 - 0.1 * (0.2 + 0.5))
    assert rest_position_m(0.5, -0.1, 0.5, 0.2, 1.0, 0.5) == pytest.approx(0.5 - 0.1 * (0.2 + 0.25))
    assert rest_position_m(0.5, 0.1, 0.5, 0.2, 1.0, 0.5) == rest_position_m(0.5, 0.1, 0.5, 0.2, 1.0)


@pytest.mark.parametrize(("commissioned", "way_s"), [(True, 0.15 + 0.5), (False, 0.15 + 0.25)])
def test_only_a_measured_belt_is_taken_at_its_worst_toward_the_console(
    commissioned: bool, way_s: float
) -> None:
    drift = Drift(replace(P, commissioned=commissioned), 200.0)
    drift.update(0, at(0.5, -0.1), Phase.GUARDING, 0.5, DT_S)
    assert drift.rest_position_m == pytest.approx(0.5 - 0.1 * way_s)


@pytest.mark.parametrize("deceleration", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("latency", [0.05, 0.15, 0.4])
@pytest.mark.parametrize("length_m", [1.27, 1.4, 1.6])
def test_the_safe_speed_leaves_exactly_the_room_that_walking_needs(
    deceleration: float, latency: float, length_m: float
) -> None:
    lines = (0.7 * length_m, 0.15)

    def room_m(speed: float) -> float:
        front_m, rear_m = zone_m(*lines, speed, latency, deceleration)
        return rear_m - front_m - 2.0 * SPREAD_M

    safe = safe_speed_m_s(*lines, latency, deceleration)
    if room_m(0.0) <= 0.0:
        assert safe == 0.0
    else:
        assert safe == pytest.approx(brentq(room_m, 0.0, 5.0), abs=1e-9)


def test_there_is_no_safe_speed_on_a_deck_without_room() -> None:
    assert safe_speed_m_s(0.60, 0.15, 0.15, 1.0) == 0.0


def test_the_mark_is_the_middle_of_a_measured_belts_zone_at_its_fastest_safe_speed() -> None:
    for rear_line_m in (1.12, 0.83):  # on the second a belt of 0.05 m/s is safe, and no faster one
        params = DriftParams(deck_length_m=1.6, rear_line_m=rear_line_m, commissioned=True)
        safe = safe_speed_m_s(rear_line_m, 0.15, 0.15, 1.0)
        for ceiling in (0.5 * safe, safe, 2.0 * safe):
            front_m, rear_m = zone_m(rear_line_m, 0.15, min(ceiling, safe), 0.15, 1.0)
            assert mark_m(replace(params, belt_ceiling_m_s=ceiling)) == pytest.approx(
                0.5 * (front_m + rear_m)
            )


@pytest.mark.parametrize(
    ("params", "limits"),
    [
        pytest.param(DriftParams(), (0.24, 0.95), id="nobody measured it"),
        pytest.param(DriftParams(rear_line_m=0.6, commissioned=True), (0.28, 0.57), id="no safe speed"),
        pytest.param(DriftParams(rear_line_m=1.2), (0.24, 0.95), id="a rear line beyond 70 %"),
        pytest.param(
            DriftParams(deck_length_m=1.0, rear_line_m=0.75, commissioned=True),
            (0.28, 0.67),
            id="a rear line beyond 70 %, and no safe speed",
        ),
    ],
)
def test_the_mark_is_else_the_middle_of_the_limits(params: DriftParams, limits: tuple[float, float]) -> None:
    assert limits_m(params) == pytest.approx(limits)
    assert mark_m(params) == pytest.approx(0.5 * sum(limits))


def test_the_zone_shrinks_from_the_rear_as_the_belt_gets_faster() -> None:
    slow, fast = zone_m(0.98, 0.15, 0.2, 0.15, 1.0), zone_m(0.98, 0.15, 0.6, 0.15, 1.0)
    assert slow[0] == fast[0]
    assert slow[1] > fast[1]
    assert fast[1] == pytest.approx(0.98 - SLACK_M - SEE_M - 0.6 * (SEE_S + 0.15) - 0.18)


# -- whole walks through position and drift ----------------------------------------------------------


def _trace(seed: int, seconds: float, place: Callable[[float, Random], float]) -> Finding | None:
    random = Random(seed)
    position, drift = Position(PositionParams(), 100.0), Drift(P, 100.0)
    n = 0
    for i in range(round(seconds * 100)):
        t_ns = i * 10_000_000
        reading = None
        if i % 3 == 0 and random.random() > 0.03:
            n += 1
            reading = RangeSample(t_ns, place(i / 100, random), n % 256)
        position.update(t_ns, reading, 1.6 if i > 200 else None)
        found = drift.update(t_ns, position, Phase.GUARDING if i > 200 else Phase.WAITING, None, 0.01)
        if found:
            return found
    return None


@pytest.mark.parametrize("seed", range(4))
def test_ordinary_wander_with_a_sway_that_is_out_of_step_stops_nobody(seed: int) -> None:
    def place(t: float, random: Random) -> float:
        wander = 0.07 * math.sin(0.35 * t + seed) + 0.04 * math.sin(0.9 * t + 2 * seed)
        return 0.56 + wander + 0.018 * math.sin(2 * math.pi * 1.3 * t) + random.gauss(0, 0.012)

    assert _trace(seed, 120.0, place) is None


@pytest.mark.parametrize(("speed", "within_m"), [(0.447, 0.30), (0.894, 0.40)])
def test_a_standstill_in_a_noisy_trace_without_belt_speed_is_stopped(speed: float, within_m: float) -> None:
    def place(t: float, random: Random) -> float:
        carried = speed * max(0.0, t - 30.0)
        seen.append(carried)
        return 0.5 + 0.04 * math.sin(0.5 * min(t, 30.0)) + carried + random.gauss(0, 0.012)

    seen: list[float] = []
    found = _trace(9, 33.0, place)
    assert found
    assert found.cause in (Cause.STANDSTILL, Cause.DRIFT_REAR)
    assert 0.0 < seen[-1] < within_m


def test_constants_that_other_pages_quote() -> None:
    assert module.REAR_PART == 0.70
    assert P.step_off_s < 0.150


CONSTANTS = {
    "SPREAD_M": 0.23,
    "SEE_S": 0.22,
    "SEE_M": 0.02,
    "SEE_FRONT_M": 0.02,
    "LATE_M": 0.03,
    "SURGE_S2": 0.07,
    "USUAL_SURGE_M": 0.06,
    "SLACK_M": 0.03,
    "SURE_M": 0.01,
    "SURE_M_S": 0.1,
    "SURE_S": 0.08,
    "REAR_PART": 0.7,
    "TRACK_S": 0.05,
    "TRACK_N": 10,
    "TRACK_SKIP": 4,
    "NEW_GROUND_M": 0.03,
    "NEW_GROUND_S": 0.15,
    "STANDS_M_S": 0.05,
    "WARN_AT_LEAST_S": 0.5,
    "SLIP_SHARE": 0.5,
    "SLIP_HOLD_S": 0.4,
    "OVER": 1.03,
    "CEILING_WARNING_S": 5.0,
}


def test_no_default_changes_unseen() -> None:
    """Lines, speeds and holds decide when a belt stops: none of them may change by accident."""
    assert asdict(DriftParams()) == {
        "deck_length_m": 1.4,
        "rear_line_m": 0.98,
        "front_line_m": 0.15,
        "coast_down_m_s2": 1.0,
        "stop_latency_s": 0.15,
        "belt_ceiling_m_s": 0.9,
        "commissioned": False,
        "over_safe_speed": "warn",
        "warn_m": 0.1,
        "warn_s": 1.2,
        "soft_stop": False,
        "standstill": True,
        "still_share": 0.45,
        "still_top": 0.8,
        "still_m_s": 0.17,
        "behind_share": 0.35,
        "behind_sigmas": 4.0,
        "still_hold_s": 0.03,
        "wander_sigmas": 5.0,
        "wander_peaks": 1.5,
        "wander_m_s": 0.05,
        "leave_m_s": 0.18,
        "leave_m": 0.08,
        "leave_hold_s": 0.08,
        "learn_tau_s": 30.0,
        "learn_s": 8.0,
        "sway_s": 4.0,
        "carried_m": 0.3,
        "step_off_s": 0.14,
    }


def test_no_constant_changes_unseen() -> None:
    assert {name: getattr(module, name) for name in CONSTANTS} == CONSTANTS


def test_at_power_on_nothing_is_known_held_or_learned() -> None:
    """The whole state by name: what an incident saved has to mean the same in a new object."""
    assert save(Drift(DriftParams(), 200.0)) == {
        "_armed_s": 0.0,
        "_fastest_m_s": 0.0,
        "_from_m": 1000000000.0,
        "_front_m": FRONT_M,
        "_front_way": 0.5,
        "_learned_s": 0.0,
        "_leaving": {"_filled_s": 0.0, "hold_s": 0.08},
        "_moving": False,
        "_over": False,
        "_over_speed": {"_filled_s": 0.0, "hold_s": 0.5},
        "_past_front": {"_filled_s": 0.0, "hold_s": 0.08},
        "_past_rear": {"_filled_s": 0.0, "hold_s": 0.08},
        "_peak_m_s": 0.0,
        "_place_m": 0.0,
        "_place_m2": 0.0,
        "_places": {"deque": []},
        "_rear_m": min(0.98, 0.70 * 1.40) - SLACK_M,
        "_resting": {"_filled_s": 0.0, "hold_s": 2.0},
        "_safe_m_s": safe_speed_m_s(0.98, 0.15, 0.15, 1.0),
        "_since_s": 0.0,
        "_speeds": {"deque": []},
        "_spread_m_s": 0.05,
        "_slip": {"_filled_s": 0.0, "hold_s": 0.4},
        "_still": {"_filled_s": 0.0, "hold_s": 0.03},
        "_usual_m_s": 0.25,
        "_v_m2_s2": 0.05**2,
        "_warn_for_s": 0.0,
        "_warned": {"_filled_s": 0.0, "hold_s": 0.05},
        "rest_position_m": None,
        "soft_stop": False,
        "stop_margin_m": None,
        "warning": None,
    }


# -- to the limit itself -----------------------------------------------------------------------------


def test_learning_is_what_these_sums_say() -> None:
    """The same written once more, plainly: half a second late, tau grows up to its own value, spikes are clipped."""
    drift, random = Drift(P, 200.0), Random(11)
    past: list[tuple[float, float]] = []
    learned = place = place2 = peak = before = last = 0.0
    spread2 = P.wander_m_s**2
    for n in range(3000):
        at_m, v = 0.5 + random.gauss(0.0, 0.03), 0.6 if n % 97 == 0 else random.gauss(0.0, 0.06)
        drift._follow(at_m, v, True, 0.025)
        if n % 2:
            if len(past) == 10:
                old_m, fast = past.pop(0)
                learned += 0.05
                part = 0.05 / min(30.0, learned)
                away = old_m - place
                place, place2 = place + part * away, place2 + part * (away**2 - place2)
                spread2 += 0.05 / min(30.0, learned + 3.0) * (min(fast**2, 16.0 * spread2) - spread2)
                peak = max(fast, peak * (1.0 - 0.05 / 90.0))
                assert (drift._place_m, drift._place_m2) == pytest.approx((place, place2), rel=1e-9)
                assert (drift._v_m2_s2, drift._peak_m_s) == pytest.approx((spread2, peak), rel=1e-9)
                assert drift._usual_m_s == pytest.approx(
                    max(0.17, 5.0 * math.sqrt(spread2), 1.5 * peak), rel=1e-9
                )
            past.append((at_m, max(last, before, v)))
            last = v
        before = v


@pytest.mark.parametrize(("times", "counts_as"), [(15.9, 15.9), (16.0, 16.0), (16.1, 16.0), (99.0, 16.0)])
def test_no_single_velocity_counts_for_more_than_four_spreads(times: float, counts_as: float) -> None:
    drift = Drift(P, 200.0)
    old = drift._v_m2_s2
    drift._learn(0.5, math.sqrt(times * old))
    assert drift._v_m2_s2 == pytest.approx(old + 0.05 / 3.05 * (counts_as - 1.0) * old, rel=1e-9)


NEAT = replace(P, warn_m=0.125, warn_s=1.0, soft_stop=True)


@pytest.mark.parametrize(
    ("to_rear_m", "to_front_m", "v", "warning"),
    [
        (0.125, 1.0, 0.0, None),
        (0.1249, 1.0, 0.0, Cause.DRIFT_REAR),
        (1.0, 0.125, 0.0, None),
        (1.0, 0.1249, 0.0, Cause.DRIFT_FRONT),
        (0.5, 1.0, 0.5, None),
        (0.4999, 1.0, 0.5, Cause.DRIFT_REAR),
        (1.0, 0.4, 0.5, None),
        (1.0, 0.1249, 0.5, Cause.DRIFT_FRONT),
        (1.0, 0.5, -0.5, None),
        (1.0, 0.4999, -0.5, Cause.DRIFT_FRONT),
        (0.4, 1.0, -0.5, None),
        (0.1249, 1.0, -0.5, Cause.DRIFT_REAR),
        (0.13, 1.0, 0.1, None),
        (0.12, 1.0, 0.1, Cause.DRIFT_REAR),
    ],
)
def test_a_warning_begins_within_its_way_and_not_at_it(
    to_rear_m: float, to_front_m: float, v: float, warning: Cause | None
) -> None:
    drift = Drift(NEAT, 200.0)
    drift._warn(to_rear_m, to_front_m, v, False, 1.0)
    assert drift.warning is warning


@pytest.mark.parametrize(
    ("to_rear_m", "to_front_m", "v", "warning"),
    [
        (0.15, 1.0, 0.08, Cause.DRIFT_REAR),
        (1.0, 0.15, 0.08, None),
        (1.0, 0.15, -0.08, Cause.DRIFT_FRONT),
        (0.15, 1.0, -0.08, None),
    ],
)
def test_even_a_slow_drift_brings_only_the_warning_ahead_of_it_forward(
    to_rear_m: float, to_front_m: float, v: float, warning: Cause | None
) -> None:
    drift = Drift(replace(NEAT, warn_s=2.0), 200.0)
    drift._warn(to_rear_m, to_front_m, v, False, 1.0)
    assert drift.warning is warning


LIMIT_M_S = P.still_share * 0.9


@pytest.mark.parametrize(
    ("name", "v", "ticks", "speed", "warning"),
    [
        ("at the share itself", module.SLIP_SHARE * LIMIT_M_S, 120, 0.9, None),
        ("just faster", module.SLIP_SHARE * LIMIT_M_S + 1e-6, 120, 0.9, Cause.DRIFT_REAR),
        ("not long enough yet", module.SLIP_SHARE * LIMIT_M_S + 1e-6, 79, 0.9, None),
        ("toward the console", -0.3, 120, 0.9, Cause.DRIFT_FRONT),
        ("the belt stands", 0.3, 120, 0.0, None),
    ],
)
def test_who_is_carried_at_half_of_a_standstill_is_warned_wherever_the_limit_is(
    name: str, v: float, ticks: int, speed: float, warning: Cause | None
) -> None:
    drift = Drift(P, 200.0)
    drift._usual_m_s = 1.0  # a lively walker: the limit itself is at its top
    for _ in range(ticks):
        drift._since_s = 0.0
        assert drift.update(0, at(0.5, v), Phase.GUARDING, speed, DT_S) is None, name
    assert drift.warning is warning, name


def test_who_is_carried_is_not_warned_of_a_standstill_where_none_is_looked_for() -> None:
    drift = Drift(BLIND, 200.0)
    for _ in range(120):
        assert drift.update(0, at(0.4, 0.25), Phase.GUARDING, 0.9, DT_S) is None
    assert drift.warning is None


@pytest.mark.parametrize(("after_s", "lasts"), [(0.45, True), (0.5, False)])
def test_a_warning_and_its_soft_stop_end_after_half_a_second(after_s: float, lasts: bool) -> None:
    drift = Drift(NEAT, 200.0)
    drift._warn(0.1, 1.0, 0.0, False, 1.0)
    drift._warn(1.0, 1.0, 0.0, False, after_s)
    assert (drift.warning is not None, drift.soft_stop) == (lasts, lasts)


def test_the_margin_is_the_way_to_the_nearer_line() -> None:
    for place, margin in ((0.30, 0.30 - FRONT_STILL_M), (0.85, REAR_M - 0.85)):
        drift = Drift(P, 200.0)
        assert drift.update(0, at(place), Phase.WAITING, None, DT_S) is None
        assert drift.stop_margin_m == pytest.approx(margin)
    drift = Drift(P, 200.0)
    found = drift.update(0, at(drift._rear_m), Phase.WAITING, None, SURE_S)
    assert found is not None and found.cause is Cause.DRIFT_REAR


def test_only_on_a_moving_belt_does_velocity_bring_the_warning_forward() -> None:
    for place, v, phase, warning in (
        (REAR_M - 0.11, 0.1, Phase.WAITING, None),
        (REAR_M - 0.11, 0.0, Phase.WAITING, None),
        (REAR_M - 0.17, 0.1, Phase.GUARDING, Cause.DRIFT_REAR),
    ):
        drift = Drift(P, 200.0)
        for _ in range(20):
            drift.update(0, at(place, v), phase, None, DT_S)
        assert drift.warning is warning


def test_feet_follow_a_belt_that_slows_quickly_further() -> None:
    for params, more_m in ((P, USUAL_SURGE_M), (KNOWN, 2.0 * SURGE_S2 + LATE_M)):
        quick = replace(params, coast_down_m_s2=2.0)
        front_m = 0.15 + SLACK_M + more_m
        found = lasting(quick, at(front_m - 1e-6), Phase.GUARDING, 0.1)
        assert found is not None and found.limit == pytest.approx(front_m)
        assert lasting(quick, at(front_m + 1e-6), Phase.GUARDING, 0.1) is None
    assert zone_m(0.98, 0.15, 0.2, 0.15, 2.0)[0] == pytest.approx(front_m + SEE_FRONT_M)


@pytest.mark.parametrize(
    ("at_m", "v", "new"),
    [(0.52, 0.0, False), (0.54, 0.0, True), (0.54, 0.4, False), (0.57, 0.4, True)],
)
def test_new_ground_is_beyond_all_but_the_newest_four_places(at_m: float, v: float, new: bool) -> None:
    drift = Drift(P, 200.0)
    drift._places.extend([0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 0.6, 0.6, 0.6, 0.6])
    assert drift._new_ground(at_m, v) is new
    drift._places.extend([0.0] * 10)
    assert not drift._new_ground(0.03, 0.0)
    assert drift._new_ground(0.0301, 0.0)


SAFE_M_S = Drift(P, 200.0)._safe_m_s


def test_whoever_stands_still_for_half_of_the_time_to_see_it_is_carried_so_far() -> None:
    assert Drift(P, 200.0)._way_m(0.3) == pytest.approx(0.01 + 0.3 * (0.11 + 0.15) + 0.3**2 / 2.0)


WAY_M = Drift(P, 200.0)._rear_m - Drift(P, 200.0)._way_m(SAFE_M_S)


@pytest.mark.parametrize(
    ("at_m", "v", "sigma", "speed", "limit"),
    [
        (0.3, 0.45, 0.03, 1.0, None),
        (0.3, 0.4501, 0.03, 1.0, 0.45),
        (0.3, 0.75, 0.5, 1.0, None),  # half a spread more than the estimate's own doubt
        (0.3, 0.7501, 0.5, 1.0, 0.45),
        (0.3, 0.09, 0.03, 0.1, 0.08),  # a belt that hardly moves: 80 % of it
        (0.3, 0.2, 0.03, SAFE_M_S, None),
        (WAY_M, 0.2, 0.03, SAFE_M_S, None),
        (WAY_M + 1e-9, 0.2, 0.03, SAFE_M_S, 0.45 * SAFE_M_S),
        (WAY_M + 1e-9, 0.2, 0.03, SAFE_M_S + 1e-9, None),
    ],
)
def test_a_standstill_is_beyond_its_limits_and_not_at_them(
    at_m: float, v: float, sigma: float, speed: float, limit: float | None
) -> None:
    drift = Drift(P, 200.0)
    drift._learned_s = P.learn_s
    found = drift._carried(at_m, v, sigma, speed, False, 1.0)
    assert (found.limit if found else None) == (None if limit is None else pytest.approx(limit))


@pytest.mark.parametrize(
    ("learned_s", "at_m", "limit"),
    [
        (0.0, 0.3, 0.8 * SAFE_M_S),  # the first steps: nearly all of the belt's speed
        (3.99, 0.3, 0.8 * SAFE_M_S),
        (3.99, WAY_M + 0.1, 0.8 * SAFE_M_S),
        (4.0, 0.3, 0.25),  # then five of the spreads that are assumed
        (4.0, WAY_M + 0.1, 0.45 * SAFE_M_S),  # and near the line as soon as it may be
    ],
)
def test_the_first_steps_are_judged_by_what_only_standing_reaches(
    learned_s: float, at_m: float, limit: float
) -> None:
    for v, stops in ((limit, False), (limit + 1e-6, True)):
        drift = Drift(P, 200.0)
        drift._learned_s = learned_s
        found = drift._carried(at_m, v, 0.01, SAFE_M_S, False, 1.0)
        assert (found.limit if found else None) == (pytest.approx(limit) if stops else None)


@pytest.mark.parametrize(
    ("change", "at_m", "v", "limit"),
    [
        ({}, 0.5, 0.3, 0.25),
        ({"_usual_m_s": 0.1}, 0.5, 0.3, 0.18),
        ({"_learned_s": 7.99}, 0.5, 0.3, None),
        ({}, 0.5, 0.25, None),
        ({}, 0.5, 0.2, None),
        ({}, 0.3, 0.3, None),  # at the usual place
        ({"_place_m": 0.0}, 0.08, 0.3, None),
        ({"_place_m": 0.0}, 0.0801, 0.3, 0.25),
        ({"_place_m": 0.0, "_place_m2": 0.25}, 1.25, 0.3, None),
        ({"_place_m": 0.0, "_place_m2": 0.25}, 1.2501, 0.3, 0.25),
        ({"_place_m2": 0.1}, 0.5, 0.3, None),
        ({"_places": [0.5] * 10}, 0.5, 0.3, None),
    ],
)
def test_leaving_the_usual_place_is_beyond_its_limits_and_not_at_them(
    change: dict[str, object], at_m: float, v: float, limit: float | None
) -> None:
    drift = Drift(P, 200.0)
    for name, value in {"_learned_s": 8.0, "_place_m": 0.3, **change}.items():
        setattr(drift, name, value)
    found = drift._carried(at_m, v, 0.03, 0.9, True, 1.0)
    assert (found.limit if found else None) == limit
    assert found is None or found.rule == "leaving_m_s"


def test_overspeed_is_beyond_the_safe_speed_and_a_ceiling_is_told_for_five_seconds() -> None:
    drift = Drift(replace(P, commissioned=True), 200.0)
    drift._overspeed(module.OVER * drift._safe_m_s, 1.0)
    assert not drift._over
    drift._armed_s = 5.0
    drift._overspeed(None, 1.0)
    assert drift._over
    drift._armed_s = 5.0001
    drift._overspeed(None, 1.0)
    assert not drift._over


@pytest.mark.parametrize(("measured_m_s", "moves"), [(0.0499, False), (0.05, False), (0.0501, True)])
def test_a_belt_that_is_measured_moves_beyond_the_limit_and_not_at_it(
    measured_m_s: float, moves: bool
) -> None:
    drift = Drift(P, 200.0)
    assert drift._belt_moves(0.5, 0.0, Phase.GUARDING, measured_m_s, DT_S) is moves


def test_a_belt_is_said_to_move_or_rest_beyond_its_limits_and_not_at_them() -> None:
    drift = Drift(replace(P, carried_m=0.25), 200.0)
    drift._moving = True
    assert [drift._belt_moves(0.5, v, Phase.WAITING, None, 2.0) for v in (0.05, -0.05, 0.04)] == [
        True,
        True,
        False,
    ]
    drift._from_m = 0.1
    drift._belt_moves(0.25, 0.05, Phase.WAITING, None, DT_S)
    assert drift._from_m == 0.25
    assert [drift._belt_moves(at_m, 0.3, Phase.WAITING, None, DT_S) for at_m in (0.5, 0.501)] == [False, True]
