"""When the belt counts as moving, and when it is too fast; each limit one step each side."""

import pytest

from firmware_py.core.deck.belt import Belt
from firmware_py.core.deck.params import DriftParams
from firmware_py.core.frame import Cause

CEILING_WARNING_S, OVER, OVER_HOLD_S, RESTS_S, STANDS_M_S = 5.0, 1.03, 0.5, 2.0, 0.05

P = DriftParams(commissioned=True, carried_m=0.25)
REFUSES = DriftParams(commissioned=True, over_safe_speed="refuse")


@pytest.mark.parametrize(("more_m_s", "moves"), [(-1e-9, False), (0.0, False), (1e-9, True)])
@pytest.mark.parametrize("walking", [True, False])
def test_a_measured_belt_moves_beyond_the_limit_and_not_at_it(
    more_m_s: float, moves: bool, walking: bool
) -> None:
    assert Belt(P).moves(0.5, 0.0, walking, STANDS_M_S + more_m_s, 0.005) is moves


def test_an_unmeasured_belt_moves_as_soon_as_somebody_walks() -> None:
    assert Belt(P).moves(0.5, 0.0, True, None, 0.005)
    assert not Belt(P).moves(0.5, 0.0, False, None, 0.005)


@pytest.mark.parametrize(
    ("v", "rests"), [(0.0, True), (0.0499, True), (-0.0499, True), (0.05, False), (-0.05, False)]
)
def test_a_belt_rests_when_nobody_has_stepped_or_been_carried_for_two_seconds(v: float, rests: bool) -> None:
    belt = Belt(P)
    belt.moves(0.5, 0.0, True, None, 0.005)
    moves = [belt.moves(0.5, v, False, None, 0.1) for _ in range(20)]
    assert moves == [True] * 19 + [not rests]


def test_a_step_starts_the_two_seconds_again() -> None:
    belt = Belt(P)
    belt.moves(0.5, 0.0, True, None, 0.005)
    assert belt.moves(0.5, 0.0, False, None, 1.9)
    belt.moves(0.5, 0.0, True, None, 0.005)
    assert belt.moves(0.5, 0.0, False, None, 1.9)
    assert not belt.moves(0.5, 0.0, False, None, 0.1)


def carried(belt: Belt, *places_m: float, v: float = 0.3) -> list[bool]:
    return [belt.moves(at_m, v, False, None, 0.005) for at_m in places_m]


@pytest.mark.parametrize(("to_m", "moves"), [(0.7499, False), (0.75, False), (0.7501, True)])
def test_somebody_carried_further_than_anybody_shifts_is_on_a_moving_belt(to_m: float, moves: bool) -> None:
    assert carried(Belt(P), 0.5, to_m) == [False, moves]


def test_the_way_is_counted_from_where_the_walker_last_stood_or_came_nearest_to_the_front() -> None:
    belt = Belt(P)
    assert carried(belt, 0.5, 0.6, v=STANDS_M_S) == [False, False]  # standing: the way starts again each time
    assert carried(belt, 0.84, 0.5, 0.75, 0.7501) == [False, False, False, True]


def test_a_belt_that_came_to_rest_counts_the_way_from_there() -> None:
    belt = Belt(P)
    belt.moves(0.2, 0.0, True, None, 0.005)
    assert not belt.moves(0.5, 0.0, False, None, RESTS_S)
    assert carried(belt, 0.75, 0.7501) == [False, True]


def test_somebody_carried_on_after_such_a_start_keeps_the_belt_moving() -> None:
    belt = Belt(P)
    belt.moves(0.5, 0.0, True, None, 0.005)
    belt.moves(0.5, 0.0, False, None, 1.9)
    belt.moves(0.5, 0.0, False, 0.0, 0.005)  # measured for one tick: it stands
    assert carried(belt, 0.5, 0.8) == [False, True]
    assert belt.moves(0.8, 0.0, False, None, 1.9), "the two seconds start again"


@pytest.mark.parametrize(
    ("part", "seconds", "over"),
    [
        (OVER, 1.0, False),
        (OVER + 1e-6, OVER_HOLD_S - 0.005, False),
        (OVER + 1e-6, OVER_HOLD_S, True),
        (OVER + 1e-6, 1.0, True),
    ],
)
def test_a_belt_is_over_beyond_the_safe_speed_for_half_a_second(
    part: float, seconds: float, over: bool
) -> None:
    belt = Belt(REFUSES)
    found = belt.overspeed(part * belt.safe_m_s, seconds)
    assert (found is not None, belt.over) == (over, over)
    if found:
        assert (found.cause, found.value, found.limit) == (
            Cause.OVERSPEED,
            part * belt.safe_m_s,
            belt.safe_m_s,
        )


@pytest.mark.parametrize(("params", "refused"), [(P, False), (REFUSES, True)])
def test_an_unmeasured_belt_is_warned_of_for_five_seconds_and_refused_for_ever(
    params: DriftParams, refused: bool
) -> None:
    belt = Belt(params)
    assert (belt.overspeed(None, CEILING_WARNING_S) is not None, belt.over) == (refused, True)
    assert (belt.overspeed(None, 1e-6) is not None, belt.over) == (refused, refused)


def test_a_measured_belt_is_warned_of_for_as_long_as_it_is_over() -> None:
    belt = Belt(P)
    belt.overspeed(0.9, CEILING_WARNING_S)
    belt.overspeed(0.9, 1.0)
    assert belt.over


def test_a_belt_that_nobody_commissioned_has_no_safe_speed_to_be_over() -> None:
    belt = Belt(DriftParams(over_safe_speed="refuse"))
    assert belt.overspeed(9.9, 9.9) is None
    assert not belt.over
