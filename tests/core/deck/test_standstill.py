"""Who counts as standing on a moving belt, or as leaving the usual place; each limit one step each side."""

import pytest

from firmware_py.core.deck.params import DriftParams
from firmware_py.core.deck.standstill import SLIP_HOLD_S, SLIP_SHARE, Standstill
from firmware_py.core.deck.stopping import limits_m, safe_speed_m_s
from firmware_py.core.place.position import Position, PositionParams

P = DriftParams()
SAFE_M_S = safe_speed_m_s(0.98, 0.15, 0.15, 1.0)
REAR_M = limits_m(P)[1]
# From here a dead standstill at SAFE_M_S, seen in half of 0.22 s and 2 cm, ends on the rear limit:
URGENT_M = REAR_M - (0.01 + SAFE_M_S * (0.11 + 0.15) + SAFE_M_S**2 / 2.0)
TICK_S = 0.03  # long enough to stand, too short for a place to be remembered


def at(position_m: float, velocity_m_s: float, sigma_m_s: float = 0.03) -> Position:
    position = Position(PositionParams())
    position.known = True
    position.position_m = position_m
    position.velocity_m_s = velocity_m_s
    position.velocity_sigma_m_s = sigma_m_s
    return position


def walker(learned_s: float = P.learn_s, usual_m_s: float = 0.25, place_m: float = 0.3) -> Standstill:
    standstill = Standstill(P, SAFE_M_S, REAR_M)
    standstill.habit.learned_s, standstill.habit.usual_m_s = learned_s, usual_m_s
    standstill.habit.place_m = place_m
    return standstill


@pytest.mark.parametrize(
    ("at_m", "v", "sigma_m_s", "speed_m_s", "limit_m_s"),
    [
        (0.3, 0.45, 0.03, 1.0, None),
        (0.3, 0.4501, 0.03, 1.0, 0.45),
        (0.3, 0.75, 0.5, 1.0, None),  # one and a half times the estimate's own error
        (0.3, 0.7501, 0.5, 1.0, 0.45),
        (0.3, 0.09, 0.03, 0.1, 0.08),  # a belt slower than the walker's own wander: 80 % of it
        (0.3, 0.08, 0.03, 0.1, None),
        (0.3, 0.2, 0.03, SAFE_M_S, None),
        (URGENT_M - 1e-9, 0.2, 0.03, SAFE_M_S, None),
        (URGENT_M + 1e-9, 0.2, 0.03, SAFE_M_S, 0.45 * SAFE_M_S),
        (URGENT_M + 1e-9, 0.2, 0.03, SAFE_M_S + 1e-9, None),  # no promise at that speed
        (REAR_M, 0.06, 0.03, 0.1, 0.045),
        (0.3, 0.0, -0.03, 0.0, None),  # nobody is carried at no velocity
    ],
)
def test_a_standstill_is_beyond_its_limits_and_not_at_them(
    at_m: float, v: float, sigma_m_s: float, speed_m_s: float, limit_m_s: float | None
) -> None:
    found = walker().update(at(at_m, v, sigma_m_s), True, speed_m_s, TICK_S)
    assert (found.limit if found else None) == (None if limit_m_s is None else pytest.approx(limit_m_s))
    assert found is None or (found.rule, found.value) == ("velocity_m_s", v)


@pytest.mark.parametrize(
    ("spread_m_s", "speed_m_s", "limit_m_s"),
    [(0.01, 0.3, 0.35 * 0.3), (0.03, 0.3, 0.12), (0.09, 0.3, 0.45 * 0.3)],
)
def test_near_the_rear_limit_four_spreads_are_a_standstill_within_two_shares(
    spread_m_s: float, speed_m_s: float, limit_m_s: float
) -> None:
    for v, stops in ((limit_m_s - 1e-9, False), (limit_m_s + 1e-9, True)):
        standstill = walker()
        standstill.habit.spread_m_s = spread_m_s
        assert (standstill.update(at(REAR_M, v, 0.01), True, speed_m_s, TICK_S) is not None) is stops


@pytest.mark.parametrize(
    ("learned_s", "at_m", "limit_m_s"),
    [
        (0.0, 0.3, 0.8 * SAFE_M_S),  # the first steps: nearly all of the belt's speed
        (3.99, 0.3, 0.8 * SAFE_M_S),
        (3.99, URGENT_M + 0.1, 0.8 * SAFE_M_S),
        (4.0, 0.3, 0.25),  # then five of the spreads that are assumed
        (4.0, URGENT_M + 0.1, 0.45 * SAFE_M_S),  # and near the rear limit as soon as it may be
    ],
)
def test_the_first_steps_are_judged_by_what_only_standing_reaches(
    learned_s: float, at_m: float, limit_m_s: float
) -> None:
    for v, stops in ((limit_m_s, False), (limit_m_s + 1e-6, True)):
        found = walker(learned_s).update(at(at_m, v, 0.01), True, SAFE_M_S, TICK_S)
        assert (found.limit if found else None) == (pytest.approx(limit_m_s) if stops else None)


@pytest.mark.parametrize(("for_s", "stops"), [(P.still_hold_s - 0.001, False), (P.still_hold_s, True)])
def test_a_standstill_must_last(for_s: float, stops: bool) -> None:
    assert (walker().update(at(0.3, 0.9), True, 0.9, for_s) is not None) is stops


LEAVE_S = 0.04  # two of these ticks are 80 ms, with no place remembered before


@pytest.mark.parametrize(
    ("learned_s", "usual_m_s", "place_m", "place_m2", "at_m", "v", "limit_m_s"),
    [
        (8.0, 0.25, 0.3, 0.0, 0.5, 0.3, 0.25),
        (8.0, 0.1, 0.3, 0.0, 0.5, 0.3, 0.18),
        (8.0, 0.1, 0.3, 0.0, 0.5, 0.18, None),
        (7.99, 0.25, 0.3, 0.0, 0.5, 0.3, None),
        (8.0, 0.25, 0.3, 0.0, 0.5, 0.25, None),
        (8.0, 0.25, 0.3, 0.0, 0.3, 0.3, None),  # at the usual place
        (8.0, 0.25, 0.0, 0.0, 0.08, 0.3, None),
        (8.0, 0.25, 0.0, 0.0, 0.0801, 0.3, 0.25),
        (8.0, 0.25, 0.0, 0.25, 1.25, 0.3, None),
        (8.0, 0.25, 0.0, 0.25, 1.2501, 0.3, 0.25),
    ],
)
def test_leaving_the_usual_place_is_beyond_its_limits_and_not_at_them(
    learned_s: float,
    usual_m_s: float,
    place_m: float,
    place_m2: float,
    at_m: float,
    v: float,
    limit_m_s: float | None,
) -> None:
    standstill = walker(learned_s, usual_m_s, place_m)
    standstill.habit.place_m2 = place_m2
    assert standstill.update(at(at_m, v), True, None, LEAVE_S) is None
    found = standstill.update(at(at_m, v), True, None, LEAVE_S)
    assert (found.limit if found else None) == limit_m_s
    assert found is None or (found.rule, found.value) == ("leaving_m_s", v)


def test_nobody_leaves_who_is_not_certain_to_move_or_not_on_new_ground_or_on_a_measured_belt() -> None:
    for sigma_m_s, measured_m_s, remembered in (
        (0.03, None, 0),
        (0.3, None, 0),
        (0.03, 0.9, 0),
        (0.03, None, 10),
    ):
        standstill = walker()
        standstill.habit._places_m.extend([0.5] * remembered)
        for _ in range(2):
            found = standstill.update(at(0.5, 0.3, sigma_m_s), False, measured_m_s, LEAVE_S)
        assert (found is not None) is ((sigma_m_s, measured_m_s, remembered) == (0.03, None, 0))


SLIPS_M_S = SLIP_SHARE * P.still_share * 0.9


@pytest.mark.parametrize(
    ("v", "for_s", "slips"),
    [
        (SLIPS_M_S, SLIP_HOLD_S, False),
        (SLIPS_M_S + 1e-6, SLIP_HOLD_S, True),
        (SLIPS_M_S + 1e-6, SLIP_HOLD_S - 0.005, False),
    ],
)
@pytest.mark.parametrize("measured_m_s", [0.9, None])
def test_a_walker_carried_at_half_of_the_least_limit_slips_wherever_the_limit_is(
    v: float, for_s: float, slips: bool, measured_m_s: float | None
) -> None:
    """A lively walker: the limit itself is at its top."""
    standstill = walker(usual_m_s=1.0)
    assert standstill.update(at(0.5, v), True, measured_m_s, for_s) is None
    assert standstill.slipping is slips
