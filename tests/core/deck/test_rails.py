"""Somebody on the side rails: each condition one step either side of its limit."""

from math import nextafter

import pytest

from firmware_py.core.body.attitude import Attitude, AttitudeParams
from firmware_py.core.deck.params import PositionParams
from firmware_py.core.deck.rails import HOLD_S, Rails
from firmware_py.core.deck.silence import LEAST_S, MOST_S
from firmware_py.core.frame import Cause, Finding, Signal
from firmware_py.core.place.position import Position
from tests.support.scenes import TICK_NS, Scene

DT_S = 1.0 / 64.0  # a whole number of ticks is HOLD_S to the bit
TICKS = 32
AT_M = 0.5


class Aside:
    """Stands still at AT_M beside a belt of 0.5 m/s."""

    def __init__(self) -> None:
        self.rails, self.position = Rails(), Position(PositionParams())
        self.attitude = Attitude(AttitudeParams())
        self.position.known, self.position.position_m = True, AT_M

    def tick(self, stopped_stepping: bool = True, belt_m_s: float | None = 0.5) -> Finding | None:
        return self.rails.update(self.position, self.attitude, stopped_stepping, belt_m_s, DT_S)

    def settled(self, ticks: int) -> Finding | None:
        """The finding after so many ticks beside the first, which only takes the place."""
        found = self.tick()
        for _ in range(ticks):
            found = self.tick()
        return found


@pytest.mark.parametrize(("ticks", "stops"), [(TICKS - 1, False), (TICKS, True), (TICKS + 1, True)])
def test_half_a_second_in_one_place_without_a_step_stops(ticks: int, stops: bool) -> None:
    found = Aside().settled(ticks)
    assert (found is not None) == stops
    if found is not None:
        assert found == Finding(Signal.DANGER, Cause.STANDSTILL, "on_rails_s", ticks * DT_S, HOLD_S)


@pytest.mark.parametrize("belt_m_s", [None, 0.0, 0.1, nextafter(0.1, 1.0)])
def test_only_a_measured_belt_that_moves_can_be_stood_beside(belt_m_s: float | None) -> None:
    aside = Aside()
    aside.settled(TICKS - 1)
    found = aside.tick(belt_m_s=belt_m_s)
    assert (found is not None) == (belt_m_s is not None and belt_m_s > 0.1)


@pytest.mark.parametrize(("ticks", "stops"), [(TICKS - 2, False), (TICKS - 1, True), (10 * TICKS, True)])
def test_who_may_still_be_between_two_steps_is_left_alone_but_the_time_counts(
    ticks: int, stops: bool
) -> None:
    aside = Aside()
    aside.tick()
    assert all(aside.tick(stopped_stepping=False) is None for _ in range(ticks))
    assert aside.rails.in_place == (ticks >= TICKS)
    assert (aside.tick() is not None) == stops


@pytest.mark.parametrize("change", ["carried", "unknown", "belt stands", "hip moves"])
def test_who_may_be_carried_is_not_in_place(change: str) -> None:
    aside = Aside()
    assert not aside.rails.in_place
    assert aside.settled(TICKS) is not None and aside.rails.in_place
    if change == "carried":
        aside.position.position_m += 0.05
    elif change == "unknown":
        aside.position.known = False
    elif change == "hip moves":
        aside.attitude.turning_rad_s = 0.3
    aside.tick(belt_m_s=0.0 if change == "belt stands" else 0.5)
    assert not aside.rails.in_place


def test_an_unknown_place_begins_the_time_again() -> None:
    aside = Aside()
    aside.settled(TICKS - 1)
    aside.position.known = False
    assert aside.tick() is None
    aside.position.known = True
    assert all(aside.tick() is None for _ in range(TICKS - 1))
    assert aside.tick() is not None


def test_a_place_just_as_far_as_the_scatter_is_the_same_place() -> None:
    aside = Aside()
    aside.position.position_m = 0.0
    aside.settled(TICKS - 1)
    aside.position.position_m = 0.04
    assert aside.tick() is not None


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize(("moved_m", "stops"), [(0.04 - 1e-9, True), (0.04 + 1e-9, False)])
def test_who_is_carried_further_than_the_scatter_stands_on_the_belt(
    sign: float, moved_m: float, stops: bool
) -> None:
    aside = Aside()
    aside.settled(TICKS - 1)
    aside.position.position_m += sign * moved_m
    assert (aside.tick() is not None) == stops


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("up_accel_m_s2", 0.35),
        ("up_accel_m_s2", -0.35),
        ("turning_rad_s", 0.20),
    ],
)
def test_a_hip_that_moves_as_in_a_soft_step_walks(name: str, limit: float) -> None:
    aside = Aside()
    aside.settled(TICKS - 1)
    setattr(aside.attitude, name, limit)
    assert aside.tick() is None
    setattr(aside.attitude, name, nextafter(limit, 0.0))
    assert all(aside.tick() is None for _ in range(TICKS - 1))
    assert aside.tick() is not None


@pytest.mark.parametrize(("belt_m_s", "patient"), [(0.3, True), (None, False)])
def test_who_stands_beside_the_belt_may_be_hidden_for_as_long_as_the_place_allows(
    belt_m_s: float | None, patient: bool
) -> None:
    scene = Scene().arm()
    scene.run(1.0, belt_speed_m_s=belt_m_s)
    begun_ns = scene.tick * TICK_NS
    scene.run(0.6, belt_speed_m_s=belt_m_s, belt=None)
    (stop,) = scene.stops()
    assert stop.rule == "range_age_s"
    assert (stop.limit > LEAST_S) == patient
    assert stop.t_ns - begun_ns <= MOST_S * 1e9 + TICK_NS
