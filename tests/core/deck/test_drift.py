"""Every rule of drift as a table of legs, and every line one step each side."""

import math
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import NamedTuple

import pytest

from firmware_py.core.deck.drift import SURE_M, SURE_M_S, SURE_S, Drift
from firmware_py.core.deck.params import DriftParams, PositionParams
from firmware_py.core.deck.stopping import SLACK_M, USUAL_SURGE_M, limits_m, safe_speed_m_s
from firmware_py.core.frame import Cause, Finding, Phase, Signal
from firmware_py.core.place.position import Position
from sensors.samples import RangeSample

DT_S = 0.005
P = DriftParams()
REAR_M = 0.98 - SLACK_M
FRONT_STILL_M = 0.15 + SLACK_M
FRONT_M = FRONT_STILL_M + USUAL_SURGE_M  # P is not commissioned


def at(position_m: float, velocity_m_s: float = 0.0) -> Position:
    """A position as if it had been measured."""
    position = Position(PositionParams())
    position.known = True
    position.age_s = 0.0
    position.position_m = position_m
    position.velocity_m_s = velocity_m_s
    position.velocity_sigma_m_s = 0.03
    return position


def once(params: DriftParams, position: Position, phase: Phase, speed: float | None) -> Finding | None:
    return Drift(params).update(position, phase, speed, DT_S)


def lasting(params: DriftParams, position: Position, phase: Phase, speed: float | None) -> Finding | None:
    """The same for as long as it takes to be sure of a line."""
    return Drift(params).update(position, phase, speed, SURE_S)


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
    drift = Drift(P)
    still = P.stop_latency_s + 0.5 * P.belt_ceiling_m_s / P.coast_down_m_s2
    if end == "rear":
        position = at(REAR_M + beyond_m + 1e-9 - v * still, v)
    else:
        position = at(FRONT_M - beyond_m - 1e-9 + v * still, -v)
    found = [drift.update(position, Phase.GUARDING, None, DT_S) is not None for _ in range(ticks)]
    assert found == [False] * (ticks - 1) + [True]


@pytest.mark.parametrize("v", [0.2, -0.2])
def test_on_a_line_to_the_last_bit_is_beyond_it(v: float) -> None:
    front_m, rear_m = limits_m(P)
    line_m = rear_m if v > 0.0 else front_m
    at_m = line_m - v * 0.6 - 1e-15
    places = [at_m := math.nextafter(at_m, 9.0) for _ in range(40)]
    found = [once(P, at(at_m, v), Phase.GUARDING, None) for at_m in places]
    assert any(f is not None and f.value == f.limit == line_m for f in found)
    assert any(f is None for f in found)


@pytest.mark.parametrize(("line_m", "inside_m"), [(REAR_M, -0.01), (FRONT_STILL_M, 0.01)])
def test_a_line_that_one_reading_in_five_is_beyond_stops_nobody(line_m: float, inside_m: float) -> None:
    drift = Drift(P)
    for n in range(400):
        place_m = line_m if n % 5 == 0 else line_m + inside_m
        assert drift.update(at(place_m), Phase.WAITING, None, DT_S) is None


def test_what_was_beyond_a_line_is_forgotten_at_the_next_arming() -> None:
    for place_m in (REAR_M, FRONT_STILL_M):
        drift = Drift(P)
        for _ in range(15):
            drift.update(at(place_m), Phase.WAITING, None, DT_S)
        drift.relearn()
        assert drift.update(at(place_m), Phase.WAITING, None, DT_S) is None


@pytest.mark.parametrize(("place_m", "cause"), [(REAR_M, Cause.DRIFT_REAR), (FRONT_M, Cause.DRIFT_FRONT)])
def test_a_place_that_may_be_a_hands_warns_and_stops_nobody_until_it_has_lasted(
    place_m: float, cause: Cause
) -> None:
    drift, position = Drift(P), at(place_m)
    position.may_be_hand = True
    for _ in range(40):
        assert drift.update(position, Phase.GUARDING, None, DT_S) is None
    assert drift.warning is cause
    position.may_be_hand = False
    found = [drift.update(position, Phase.GUARDING, None, DT_S) for _ in range(16)]
    assert found[:-1] == [None] * 15
    assert found[-1] is not None and found[-1].cause is cause


def test_beyond_the_deck_and_a_standstill_are_seen_while_a_hand_may_be_in_the_beam() -> None:
    position = at(0.6)
    position.may_be_hand = True
    position.beyond, position.age_s = True, P.step_off_s
    off = once(P, position, Phase.GUARDING, 0.5)
    assert off is not None and off.cause is Cause.STEP_OFF
    drift = Drift(P)
    found = None
    for n in range(40):
        position = at(0.5 + 0.9 * n * DT_S, 0.9)
        position.may_be_hand = True
        found = drift.update(position, Phase.GUARDING, 0.9, DT_S) or found
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


def test_an_unmeasured_belt_counts_as_the_ceiling_and_a_measured_one_as_what_it_is() -> None:
    drift = Drift(P)
    drift.update(at(0.5, 0.1), Phase.GUARDING, None, DT_S)
    assert drift.rest_position_m == pytest.approx(0.5 + 0.1 * (0.15 + 0.9 / 2.0))
    drift.update(at(0.5, 0.1), Phase.GUARDING, 0.4, DT_S)
    assert drift.rest_position_m == pytest.approx(0.5 + 0.1 * (0.15 + 0.4 / 2.0))
    assert drift.stop_margin_m == pytest.approx(0.5 + 0.1 * 0.35 - FRONT_M)


def test_an_unknown_position_says_nothing_of_rest_and_margin() -> None:
    drift = Drift(P)
    drift.update(at(0.5, 0.0), Phase.GUARDING, None, DT_S)
    lost = at(0.5)
    lost.known = False
    assert drift.update(lost, Phase.GUARDING, None, DT_S) is None
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
    drift = Drift(leg.params)
    place = leg.start_m
    for i in range(round(leg.walked_s / DT_S)):
        v = leg.wander_m_s * math.sin(1.3 * i * DT_S)
        place += v * DT_S
        found = drift.update(at(place, v), Phase.GUARDING, leg.speed, DT_S)
        assert found is None, (found, i * DT_S)
    for i in range(round(leg.seconds / DT_S)):
        place += leg.velocity * DT_S
        found = drift.update(at(place, leg.velocity), leg.phase, leg.speed, DT_S)
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


def test_springing_back_from_a_hand_in_the_beam_is_not_new_ground() -> None:
    drift = walk_then(Leg(0.447, 0.0))[2]
    place = 0.5
    for v in [-0.3] * 20 + [0.3] * 20:
        place += v * DT_S
        assert drift.update(at(place, v), Phase.GUARDING, 0.447, DT_S) is None


def test_an_uncertain_velocity_is_not_a_standstill() -> None:
    drift = walk_then(Leg(0.447, 0.0))[2]
    place = 0.5
    for _ in range(40):
        place += 0.4 * DT_S
        position = at(place, 0.4)
        position.velocity_sigma_m_s = 0.3
        assert drift.update(position, Phase.GUARDING, 0.447, DT_S) is None


def test_whoever_gets_on_stands_and_turns_is_not_stopped_by_velocity() -> None:
    """Belt unknown, nobody walks: a quarter of a metre to and fro at 0.5 m/s, then standing."""
    drift = Drift(P)
    place = 0.75
    for v in [-0.5] * 100 + [0.4] * 120 + [0.0] * 400 + [0.4] * 100:
        place += v * DT_S
        assert drift.update(at(place, v), Phase.WAITING, None, DT_S) is None
    assert drift.rest_position_m == pytest.approx(place)


def test_somebody_carried_further_than_anybody_shifts_is_on_a_moving_belt() -> None:
    drift = Drift(P)
    place = 0.4
    for i in range(400):
        place += 0.5 * DT_S
        found = drift.update(at(place, 0.5), Phase.WAITING, None, DT_S)
        if found:
            assert place > 0.4 + P.carried_m
            assert place < REAR_M - 0.1
            return
        assert i < 399


def test_after_the_walk_a_belt_at_rest_stops_nobody_again() -> None:
    drift = walk_then(Leg(None, 0.0))[2]
    for _ in range(450):
        drift.update(at(0.5, 0.0), Phase.WAITING, None, DT_S)
    assert drift.update(at(0.78, 0.35), Phase.WAITING, None, DT_S) is None
    assert drift.rest_position_m == pytest.approx(0.78)


def test_a_new_arming_forgets_walker_and_belt() -> None:
    """The first steps of anybody are judged by 80 % of the belt's speed, a calm walker by less."""
    calm = walk_then(Leg(0.5, 0.45))[1]
    assert calm is not None and calm.limit < 0.3
    drift = walk_then(Leg(0.5, 0.0))[2]
    drift.relearn()
    assert drift.update(at(0.8, 0.4), Phase.WAITING, None, DT_S) is None, "the belt was moving before"
    found = [drift.update(at(0.5 + 0.42 * n * DT_S, 0.42), Phase.GUARDING, 0.5, DT_S) for n in range(12)]
    limits = [f.limit for f in found if f is not None]
    assert limits and limits[0] == pytest.approx(0.80 * 0.5)


# -- warnings ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("velocity", [0.04, 0.08, 0.12, -0.05, -0.1])
def test_a_slow_drift_is_warned_of_at_least_half_a_second_before_the_cut(velocity: float) -> None:
    drift = walk_then(Leg(0.5, 0.0))[2]
    place, warned_s = 0.5, None
    for i in range(4000):
        place += velocity * DT_S
        found = drift.update(at(place, velocity), Phase.GUARDING, 0.5, DT_S)
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
        drift = Drift(replace(P, soft_stop=soft))
        for _ in range(20):
            drift.update(at(REAR_M - 0.05), Phase.GUARDING, 0.5, DT_S)
        assert drift.warning is Cause.DRIFT_REAR
        assert drift.soft_stop is soft
        for _ in range(95):
            drift.update(at(0.5), Phase.GUARDING, 0.5, DT_S)
        assert drift.warning is Cause.DRIFT_REAR
        for _ in range(10):
            drift.update(at(0.5), Phase.GUARDING, 0.5, DT_S)
        assert drift.warning is None
        assert not drift.soft_stop


def test_losing_the_position_ends_the_warning() -> None:
    drift = Drift(replace(P, soft_stop=True))
    for _ in range(20):
        drift.update(at(REAR_M - 0.05), Phase.GUARDING, 0.5, DT_S)
    lost = at(0.9)
    lost.known = False
    drift.update(lost, Phase.GUARDING, 0.5, DT_S)
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


def test_a_refused_speed_is_refused_even_while_nobody_is_seen() -> None:
    drift = Drift(replace(P, commissioned=True, over_safe_speed="refuse"))
    lost = at(0.5)
    lost.known = False
    found = None
    for _ in range(200):
        found = drift.update(lost, Phase.WAITING, None, DT_S)
    assert found
    assert found.cause is Cause.OVERSPEED


def test_a_real_drift_is_warned_of_before_the_speed_is() -> None:
    drift = Drift(replace(P, commissioned=True))
    for _ in range(300):
        drift.update(at(REAR_M - 0.05), Phase.GUARDING, None, DT_S)
    assert drift.warning is Cause.DRIFT_REAR


# -- the pure functions -----------------------------------------------------------------------------


@pytest.mark.parametrize(("commissioned", "way_s"), [(True, 0.15 + 0.5), (False, 0.15 + 0.25)])
def test_only_a_measured_belt_is_taken_at_its_worst_toward_the_console(
    commissioned: bool, way_s: float
) -> None:
    drift = Drift(replace(P, commissioned=commissioned))
    drift.update(at(0.5, -0.1), Phase.GUARDING, 0.5, DT_S)
    assert drift.rest_position_m == pytest.approx(0.5 - 0.1 * way_s)


# -- whole walks through position and drift ----------------------------------------------------------


def _trace(seed: int, seconds: float, place: Callable[[float, Random], float]) -> Finding | None:
    random = Random(seed)
    position, drift = Position(PositionParams()), Drift(P)
    n = 0
    for i in range(round(seconds * 100)):
        t_ns = i * 10_000_000
        reading = None
        if i % 3 == 0 and random.random() > 0.03:
            n += 1
            reading = RangeSample(t_ns, place(i / 100, random), n % 256)
        position.update(t_ns, reading, 1.6 if i > 200 else None)
        found = drift.update(position, Phase.GUARDING if i > 200 else Phase.WAITING, None, 0.01)
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


def test_who_is_carried_is_not_warned_of_a_standstill_where_none_is_looked_for() -> None:
    drift = Drift(BLIND)
    for _ in range(120):
        assert drift.update(at(0.4, 0.25), Phase.GUARDING, 0.9, DT_S) is None
    assert drift.warning is None


def test_the_margin_is_the_way_to_the_nearer_line() -> None:
    for place, margin in ((0.30, 0.30 - FRONT_STILL_M), (0.85, REAR_M - 0.85)):
        drift = Drift(P)
        assert drift.update(at(place), Phase.WAITING, None, DT_S) is None
        assert drift.stop_margin_m == pytest.approx(margin)
    drift = Drift(P)
    found = drift.update(at(limits_m(P)[1]), Phase.WAITING, None, SURE_S)
    assert found is not None and found.cause is Cause.DRIFT_REAR


def test_only_on_a_moving_belt_does_velocity_bring_the_warning_forward() -> None:
    for place, v, phase, warning in (
        (REAR_M - 0.11, 0.1, Phase.WAITING, None),
        (REAR_M - 0.11, 0.0, Phase.WAITING, None),
        (REAR_M - 0.17, 0.1, Phase.GUARDING, Cause.DRIFT_REAR),
    ):
        drift = Drift(P)
        for _ in range(20):
            drift.update(at(place, v), phase, None, DT_S)
        assert drift.warning is warning
