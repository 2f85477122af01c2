"""How long the range may be silent: the promise by integration, and each doubt one step either side of its limit."""

from dataclasses import replace
from math import nextafter

import pytest

from firmware_py.core.body.attitude import Attitude, AttitudeParams
from firmware_py.core.body.gait import Gait, GaitParams
from firmware_py.core.deck.params import DriftParams
from firmware_py.core.deck.silence import (
    CHANGE_M_S,
    LEAST_S,
    MOST_S,
    SEEN_S,
    answer_most_s,
    patience_s,
    walks_evenly,
)
from firmware_py.core.deck.stopping import limits_m, safe_speed_m_s
from firmware_py.core.frame import Phase
from sensors.samples import Fault

DECK = DriftParams(deck_length_m=1.5, rear_line_m=1.05, commissioned=True)
SPEEDS_M_S = [0.20, 0.25, 0.30, 0.35, 0.40]


def rests_at_m(
    at_m: float, velocity_m_s: float, belt_m_s: float, silent_s: float, device: DriftParams
) -> float:
    """Steps of 1 ms: feet that keep `velocity_m_s` over the floor until the cut takes effect, then follow the belt."""
    share, dt_s = velocity_m_s / belt_m_s, 0.001
    t_s = 0.0
    while belt_m_s > 0.0:
        at_m += share * belt_m_s * dt_s if share > 0.0 else velocity_m_s * dt_s
        t_s += dt_s
        if t_s > silent_s + device.stop_latency_s:
            belt_m_s -= device.coast_down_m_s2 * dt_s
    return at_m


@pytest.mark.parametrize("speed_m_s", SPEEDS_M_S)
@pytest.mark.parametrize("at_m", [0.30 + 0.02 * n for n in range(40)])
def test_a_standstill_from_the_last_believed_place_still_ends_before_the_line(
    at_m: float, speed_m_s: float
) -> None:
    silent_s = patience_s(DECK, at_m, 0.0, speed_m_s, 1.0)
    assert LEAST_S <= silent_s <= MOST_S
    if silent_s == LEAST_S:
        return  # as close to a line as this, even the shortest silence may be too long
    front_m, rear_m = limits_m(DECK)
    assert rests_at_m(at_m, speed_m_s, speed_m_s, silent_s, DECK) <= rear_m
    assert rests_at_m(at_m, -CHANGE_M_S, speed_m_s, silent_s, DECK) >= front_m


def test_in_the_middle_of_a_slow_belt_it_is_400_ms_and_near_either_line_150() -> None:
    assert patience_s(DECK, 0.6, 0.0, 0.3, 1.0) == MOST_S
    assert patience_s(DECK, 1.0, 0.0, 0.3, 1.0) == LEAST_S
    assert patience_s(DECK, 0.3, 0.0, 0.3, 1.0) == LEAST_S


def test_between_the_two_it_shrinks_by_what_the_belt_carries() -> None:
    behind_s, before_s = patience_s(DECK, 0.73, 0.0, 0.4, 1.0), patience_s(DECK, 0.71, 0.0, 0.4, 1.0)
    assert LEAST_S < behind_s < before_s < MOST_S
    assert before_s - behind_s == pytest.approx(0.02 / 0.4)
    rest_m = 0.73 + 0.4 * (DECK.stop_latency_s + 0.4 / (2 * DECK.coast_down_m_s2))
    assert behind_s == pytest.approx((limits_m(DECK)[1] - rest_m) / 0.4 - 0.060)


def test_a_walker_who_already_comes_nearer_gets_less() -> None:
    still_s = patience_s(DECK, 0.35, 0.0, 0.3, 1.0)
    assert still_s > LEAST_S
    assert patience_s(DECK, 0.35, -0.05, 0.3, 1.0) < still_s
    assert patience_s(DECK, 0.73, 0.45, 0.4, 1.0) < patience_s(DECK, 0.73, 0.0, 0.4, 1.0)


def test_a_belt_that_stands_may_start_meanwhile() -> None:
    assert patience_s(DECK, 0.6, 0.0, 0.0, 1.0) == MOST_S
    assert patience_s(DECK, 1.02, 0.0, 0.0, 1.0) == LEAST_S


@pytest.mark.parametrize("more_m", [-0.001, 0.0, 0.001])
def test_on_a_belt_too_fast_for_any_promise_it_is_the_time_in_which_a_standstill_is_seen(
    more_m: float,
) -> None:
    safe_m_s = safe_speed_m_s(DECK.rear_line_m, DECK.front_line_m, DECK.stop_latency_s, DECK.coast_down_m_s2)
    faster_m_s = nextafter(safe_m_s, 1.0)
    at_m = 0.85  # from where a standstill ends past the line
    margin_m = (SEEN_S - LEAST_S) * faster_m_s + more_m
    assert patience_s(DECK, at_m, 0.0, safe_m_s, margin_m) == LEAST_S
    assert patience_s(DECK, at_m, 0.0, faster_m_s, margin_m) == (LEAST_S if more_m < 0.0 else SEEN_S)
    assert SEEN_S == 0.250


def test_a_belt_that_nobody_measured_keeps_the_same_promise_toward_the_rear() -> None:
    usual = replace(DECK, commissioned=False)
    assert patience_s(usual, 0.73, 0.0, 0.4, 1.0) == patience_s(DECK, 0.73, 0.0, 0.4, 1.0)


class Pod:
    """Somebody who walks with two steps a second and stands upright."""

    def __init__(self) -> None:
        self.gait, self.attitude = Gait(GaitParams()), Attitude(AttitudeParams())
        self.gait.phase, self.gait.cadence_hz, self.gait.since_step_s = Phase.GUARDING, 2.0, 0.25

    @property
    def even(self) -> bool:
        return walks_evenly(self.gait, self.attitude)


@pytest.mark.parametrize("phase", Phase)
def test_nobody_who_walks_is_no_ground_for_patience(phase: Phase) -> None:
    pod = Pod()
    pod.gait.phase = phase
    assert pod.even == (phase is not Phase.WAITING)


def test_without_a_cadence_there_is_no_rhythm() -> None:
    pod = Pod()
    pod.gait.cadence_hz = None
    assert not pod.even


def test_a_missing_step_is_doubt() -> None:
    pod = Pod()
    pod.gait.since_step_s = 0.75  # one and a half of this walker's own
    assert pod.even
    pod.gait.since_step_s = nextafter(0.75, 1.0)
    assert not pod.even


def test_a_lean_is_doubt() -> None:
    pod = Pod()
    pod.attitude.tilt_rad = nextafter(0.20, 0.0)
    assert pod.even
    pod.attitude.tilt_rad = 0.20
    assert not pod.even


@pytest.mark.parametrize("fault", Fault)
def test_nobody_there_is_an_answer_and_a_weak_echo_may_be_one(fault: Fault) -> None:
    most_s = {Fault.NO_TARGET: 0.150, Fault.WEAK_SIGNAL: 0.290}.get(fault, 0.400)
    assert answer_most_s(fault) == most_s
