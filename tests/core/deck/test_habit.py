"""What is learned of a walker, against the statistics of what that walker did."""

import statistics
from random import Random

import pytest

from firmware_py.core.deck.habit import Habit
from firmware_py.core.deck.params import DriftParams

NEW_GROUND_M, NEW_GROUND_S, TRACK_N, TRACK_S, TRACK_SKIP = 0.03, 0.15, 10, 0.05, 4

P = DriftParams()
DELAY_S = TRACK_N * TRACK_S


def walk(habit: Habit, *steps: tuple[float, float], walking: bool = True) -> Habit:
    """One remembered place and velocity after another."""
    for at_m, v in steps:
        habit.follow(at_m, v, walking, TRACK_S)
    return habit


def steady(at_m: float = 0.5, v: float = 0.0, seconds: float = 20.0) -> Habit:
    return walk(Habit(P), *[(at_m, v)] * round(seconds / TRACK_S))


def test_place_and_spread_are_the_mean_and_variance_of_what_is_older_than_half_a_second() -> None:
    random = Random(1)
    steps = [(random.gauss(0.5, 0.05), random.gauss(0.0, 0.04)) for _ in range(400)]
    habit = walk(Habit(P), *steps)
    places = [at_m for at_m, _ in steps[:-TRACK_N]]
    assert habit.learned_s == pytest.approx(TRACK_S * len(places))
    assert habit.place_m == pytest.approx(statistics.mean(places))
    # the variance is taken about the mean so far: a first place about nothing counts once
    assert habit.place_m2 == pytest.approx(
        statistics.pvariance(places) + statistics.mean(places) ** 2 / len(places), rel=0.2
    )


def test_after_thirty_seconds_the_old_fades() -> None:
    habit = walk(Habit(P), *[(0.4, 0.0)] * 700)
    walk(habit, *[(0.6, 0.0)] * (600 + TRACK_N))
    assert habit.place_m == pytest.approx(0.6 - 0.2 * (1.0 - TRACK_S / P.learn_tau_s) ** 600)


def test_half_a_second_is_not_learned_yet() -> None:
    habit = steady()
    before = (habit.usual_m_s, habit.place_m)
    walk(habit, *[(0.8, 0.9)] * (TRACK_N - 1))
    assert (habit.usual_m_s, habit.place_m) == before
    walk(habit, (0.8, 0.9), (0.8, 0.9))
    assert habit.usual_m_s > before[0]
    assert habit.place_m > before[1]


def test_nothing_is_learned_of_somebody_who_does_not_walk() -> None:
    habit = walk(Habit(P), *[(0.5, 0.3)] * 100, walking=False)
    assert habit.learned_s == 0.0


@pytest.mark.parametrize("spread_m_s", [0.02, 0.06, 0.10])
def test_the_usual_velocity_is_five_spreads_of_this_walkers_own(spread_m_s: float) -> None:
    habit = steady(v=spread_m_s, seconds=200.0)
    assert habit.spread_m_s == pytest.approx(spread_m_s, rel=0.02)
    assert habit.usual_m_s == pytest.approx(max(P.still_m_s, P.wander_sigmas * habit.spread_m_s))


def test_only_the_spread_toward_the_rear_is_learned_with_the_peak_of_each_twentieth_of_a_second() -> None:
    habit = Habit(P)
    for n in range(4000):
        habit.follow(0.5, 0.08 if n % 10 == 3 else -0.2, True, TRACK_S / 10)
    assert habit.spread_m_s == pytest.approx(0.08, rel=0.05)


@pytest.mark.parametrize(("spreads", "counts_as"), [(3.9, 3.9), (4.0, 4.0), (4.1, 4.0), (9.0, 4.0)])
def test_no_single_velocity_counts_for_more_than_four_spreads(spreads: float, counts_as: float) -> None:
    odd, clipped = (
        walk(Habit(P), (0.5, times * P.wander_m_s), *[(0.5, 0.0)] * TRACK_N) for times in (spreads, counts_as)
    )
    assert odd.spread_m_s == pytest.approx(clipped.spread_m_s, rel=1e-9)
    assert odd.spread_m_s > P.wander_m_s


def test_a_peak_is_remembered_and_fades_three_times_as_slowly_as_the_rest() -> None:
    quiet = [(0.5, 0.0)]
    habit = walk(Habit(P), (0.5, 0.4), *quiet * TRACK_N)
    assert habit.usual_m_s == pytest.approx(P.wander_peaks * 0.4)
    walk(habit, *quiet)  # the velocity at the end of one twentieth counts for the next one, too
    walk(habit, *quiet * 100)
    assert habit.peak_m_s == pytest.approx(0.4 * (1.0 - TRACK_S / (3.0 * P.learn_tau_s)) ** 100)


def test_until_something_is_learned_the_assumed_wander_stands() -> None:
    assert Habit(P).usual_m_s == pytest.approx(5.0 * 0.05)
    assert Habit(P).spread_m_s == 0.05


@pytest.mark.parametrize("v", [0.0, 0.1, 0.4])
def test_new_ground_is_beyond_all_but_the_newest_four_places(v: float) -> None:
    ahead_m = max(NEW_GROUND_M, v * NEW_GROUND_S)
    habit = walk(Habit(P), *[(0.25, 0.0)] * 4, *[(0.5, 0.0)] * 2, *[(0.75, 0.0)] * TRACK_SKIP)
    assert not habit.on_new_ground(0.5 + ahead_m, v)
    assert habit.on_new_ground(0.5 + ahead_m + 1e-9, v)
    walk(habit, (0.0, 0.0))  # now one of the 0.75 is older
    assert not habit.on_new_ground(0.75 + ahead_m, v)


def test_everywhere_is_new_ground_until_more_than_four_places_are_remembered() -> None:
    habit = walk(Habit(P), *[(0.9, 0.0)] * TRACK_SKIP)
    assert habit.on_new_ground(0.1, 0.0)
    assert not walk(habit, (0.9, 0.0)).on_new_ground(0.1, 0.0)


@pytest.mark.parametrize(
    ("place_m2", "away_m", "away"),
    [(0.0, 0.08, False), (0.0, 0.0801, True), (0.25, 1.25, False), (0.25, 1.2501, True), (0.25, -1.3, False)],
)
def test_away_is_further_than_eight_centimetres_and_two_and_a_half_spreads(
    place_m2: float, away_m: float, away: bool
) -> None:
    habit = Habit(P)
    habit.place_m2 = place_m2
    assert habit.is_away(away_m) is away


def test_ticks_of_any_length_are_remembered_every_twentieth_of_a_second() -> None:
    for dt_s, ticks in ((0.01, 5), (0.025, 2), (0.05, 1)):
        habit = Habit(P)
        for n in range(ticks * (TRACK_N + 1)):
            habit.follow(0.1 * n, 0.0, True, dt_s)
        assert habit.learned_s == TRACK_S
        assert habit.place_m == pytest.approx(0.1 * (ticks - 1))
