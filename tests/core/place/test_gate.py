"""Which reading is believed: the whole table, and every limit of time and place one step each side."""

from itertools import product

import pytest

from firmware_py.core.deck.params import PositionParams
from firmware_py.core.place.gate import TABLE, Gate, Reading, Trust

MS = 1_000_000
# The gate's own figures, as docs/drift.md gives them: written again, so that one that moves is noticed.
FAR_HOLD_NS, NEAR_HOLD_NS, AGREE_GAP_NS, HAND_NS, RETURN_NS = 60 * MS, 90 * MS, 150 * MS, 100 * MS, 400 * MS
RETURN_M = 0.05
P = PositionParams()
SIGMA_M = 0.01
HOME_M = 0.5
START_NS = 1000 * MS
FAR_M, NEAR_M = 0.4, -0.4  # farther and nearer than expected, and out of reach


class Seen:
    """A gate that trusts a walker at HOME_M since START_NS."""

    def __init__(self, home_m: float = HOME_M) -> None:
        self.gate = Gate(P)
        self.home_m = home_m
        for back_ms in (40, 20, 0):
            self.gate.judge_lost(START_NS - back_ms * MS, home_m)
        assert self.gate.trust is Trust.TRUSTED

    def judge(self, after_ns: int, farther_m: float) -> Reading:
        return self.gate.judge(START_NS + after_ns, self.home_m + farther_m, farther_m, SIGMA_M)


def test_the_table_names_every_pair_that_can_happen() -> None:
    impossible = {
        (Trust.LOST, Reading.FITS),  # nothing is expected
        (Trust.LOST, Reading.RETURNED),
        (Trust.TRUSTED, Reading.AGREED),  # there is no other reading to agree with
    }
    assert set(TABLE) == set(product(Trust, Reading)) - impossible


@pytest.mark.parametrize(("before", "reading"), sorted(TABLE))
def test_every_reading_but_a_misfit_is_trusted_and_a_misfit_never_loses_anybody(
    before: Trust, reading: Reading
) -> None:
    after = TABLE[before, reading]
    if reading is not Reading.MISFIT:
        assert after is Trust.TRUSTED
    elif before is Trust.LOST:
        assert after is Trust.LOST
    else:
        assert after is Trust.CANDIDATE


@pytest.mark.parametrize(
    ("farther_sigmas", "reading"),
    [
        (-P.near_sigma, Reading.FITS),
        (-P.near_sigma - 1e-6, Reading.MISFIT),
        (P.far_sigma, Reading.FITS),
        (P.far_sigma + 1e-6, Reading.MISFIT),
    ],
)
def test_a_reading_fits_up_to_so_many_standard_deviations(farther_sigmas: float, reading: Reading) -> None:
    seen = Seen()
    assert seen.judge(20 * MS, farther_sigmas * SIGMA_M) is reading
    assert seen.gate.trust is TABLE[Trust.TRUSTED, reading]


@pytest.mark.parametrize(("later_ns", "fits"), [(-1, False), (0, False), (1, True)])
def test_a_tenth_of_a_second_after_a_hand_a_nearer_reading_fits_less_easily(
    later_ns: int, fits: bool
) -> None:
    seen = Seen()
    seen.judge(20 * MS, NEAR_M)
    nearer_m = -(P.hand_sigma + 0.01) * SIGMA_M
    assert (seen.judge(20 * MS + HAND_NS + later_ns, nearer_m) is Reading.FITS) is fits
    assert Seen().judge(20 * MS, nearer_m) is Reading.FITS
    seen = Seen()
    seen.judge(20 * MS, NEAR_M)
    assert seen.judge(40 * MS, -P.hand_sigma * SIGMA_M) is Reading.FITS


def test_a_farther_misfit_is_no_hand() -> None:
    seen = Seen()
    seen.judge(20 * MS, FAR_M)
    assert seen.judge(40 * MS, -(P.hand_sigma + 0.01) * SIGMA_M) is Reading.FITS


@pytest.mark.parametrize(("farther_m", "hold_ns"), [(FAR_M, FAR_HOLD_NS), (NEAR_M, NEAR_HOLD_NS)])
@pytest.mark.parametrize(("later_ns", "agreed"), [(-1, False), (0, True), (1, True)])
def test_three_readings_that_agree_are_believed_when_they_have_held(
    farther_m: float, hold_ns: int, later_ns: int, agreed: bool
) -> None:
    seen = Seen()
    for after_ns in (0, hold_ns // 2):
        assert seen.judge(20 * MS + after_ns, farther_m) is Reading.MISFIT
    assert seen.gate.trust is Trust.CANDIDATE
    last = seen.judge(20 * MS + hold_ns + later_ns, farther_m)
    assert last is (Reading.AGREED if agreed else Reading.MISFIT)
    assert seen.gate.trust is (Trust.TRUSTED if agreed else Trust.CANDIDATE)


def test_two_readings_are_never_enough() -> None:
    seen = Seen()
    assert seen.judge(20 * MS, FAR_M) is Reading.MISFIT
    assert seen.judge(20 * MS + AGREE_GAP_NS - 1, FAR_M) is Reading.MISFIT


def test_after_a_believed_reading_the_candidate_begins_again() -> None:
    seen = Seen()
    for after_ms in (20, 60):
        seen.judge(after_ms * MS, FAR_M)
    assert seen.judge(70 * MS, 0.0) is Reading.FITS
    for after_ms in (80, 120):
        assert seen.judge(after_ms * MS, FAR_M) is Reading.MISFIT
    assert seen.judge(140 * MS, FAR_M) is Reading.AGREED


@pytest.mark.parametrize(
    ("gap_ns", "step_m", "joins"),
    [
        (AGREE_GAP_NS - 1, 0.0, True),
        (AGREE_GAP_NS, 0.0, False),
        (100 * MS, 0.05 + 2.5 * (100 * MS * 1e-9), True),
        (100 * MS, 0.3001, False),
        (100 * MS, -0.2999, True),
        (100 * MS, -0.3001, False),
        (20 * MS, 0.0999, True),
        (20 * MS, 0.1001, False),
    ],
)
def test_readings_agree_when_a_body_could_have_moved_so_far_so_soon(
    gap_ns: int, step_m: float, joins: bool
) -> None:
    """A lost walker is found by three that agree: the second joins the first, or is the first of others."""
    gate = Gate(P)
    gate.judge_lost(START_NS, 0.0)
    gate.judge_lost(START_NS + gap_ns, step_m)
    third = gate.judge_lost(START_NS + gap_ns + MS, step_m)
    assert third is (Reading.AGREED if joins else Reading.MISFIT)


REACH_NS = 20 * MS
REACH_M = 0.03 + 1.5 * REACH_NS * 1e-9  # what a belt does in that time, to the last bit


@pytest.mark.parametrize(
    ("way_m", "in_reach"),
    [
        (REACH_M - 1e-9, True),
        (REACH_M, True),
        (REACH_M + 1e-9, False),
        (-0.03 + 1e-9, True),
        (-0.03, True),
        (-0.03 - 1e-9, False),
    ],
)
def test_where_a_belt_can_have_carried_the_walker_a_nearer_reading_is_believed_as_soon_as_a_farther_one(
    way_m: float, in_reach: bool
) -> None:
    """A sensor at the rear: toward it is where the belt carries to."""
    seen = Seen(0.0)
    for after_ns in (0, FAR_HOLD_NS // 2):
        seen.gate.judge(START_NS + REACH_NS + after_ns, way_m, NEAR_M, SIGMA_M)
    assert seen.gate.candidate.reachable is in_reach
    last = seen.gate.judge(START_NS + REACH_NS + FAR_HOLD_NS, way_m, NEAR_M, SIGMA_M)
    assert last is (Reading.AGREED if in_reach else Reading.MISFIT)


@pytest.mark.parametrize("end", [1.0, -1.0])
@pytest.mark.parametrize(("moved_m", "stands"), [(0.06, True), (0.06 + 1e-9, False)])
def test_candidates_that_move_by_just_the_scatter_of_two_stand(
    end: float, moved_m: float, stands: bool
) -> None:
    seen = Seen(0.0)
    seen.gate.judge(START_NS + 20 * MS, 0.0, NEAR_M, SIGMA_M)
    seen.gate.judge(START_NS + 120 * MS, end * moved_m, NEAR_M, SIGMA_M)
    assert seen.gate.candidate.stands is stands


def hand_believed() -> Seen:
    """A nearer place that was believed at START_NS."""
    seen = Seen()
    for after_ns in (-NEAR_HOLD_NS, -NEAR_HOLD_NS // 2):
        seen.judge(after_ns, NEAR_M)
    assert seen.judge(0, NEAR_M) is Reading.AGREED
    return seen


@pytest.mark.parametrize(
    ("farther_m", "after_ns", "reading"),
    [
        (RETURN_M + 1e-9, RETURN_NS - 1, Reading.RETURNED),
        (RETURN_M + 1e-9, RETURN_NS, Reading.MISFIT),
        (RETURN_M, RETURN_NS - 1, Reading.FITS),
        (FAR_M, 20 * MS, Reading.RETURNED),
    ],
)
def test_a_farther_reading_soon_after_a_nearer_place_ends_that_place(
    farther_m: float, after_ns: int, reading: Reading
) -> None:
    """Nothing sees through a body: the nearer thing was a hand."""
    assert hand_believed().judge(after_ns, farther_m) is reading


def test_a_farther_reading_ends_a_nearer_place_even_after_a_misfit() -> None:
    seen = hand_believed()
    assert seen.judge(20 * MS, 2 * NEAR_M) is Reading.MISFIT
    assert seen.judge(40 * MS, FAR_M) is Reading.RETURNED
    assert seen.gate.trust is Trust.TRUSTED
    assert seen.gate.candidate.count == 0


def test_after_a_farther_place_was_believed_nothing_returns() -> None:
    seen = Seen()
    for after_ms in (20, 50, 80):
        last = seen.judge(after_ms * MS, FAR_M)
    assert last is Reading.AGREED
    assert seen.judge(100 * MS, FAR_M) is Reading.MISFIT


def test_a_lost_walker_is_found_by_three_readings_however_soon_they_come() -> None:
    gate = Gate(P)
    found = [gate.judge_lost(START_NS + n, HOME_M) for n in range(3)]
    assert found == [Reading.MISFIT, Reading.MISFIT, Reading.AGREED]
    assert (gate.trust, gate.believed_ns, gate.believed_m) == (Trust.TRUSTED, START_NS + 2, HOME_M)


def test_somebody_found_for_the_first_time_was_no_hand() -> None:
    seen = Seen()
    assert seen.judge(20 * MS, FAR_M) is Reading.MISFIT
    assert seen.judge(40 * MS, -P.near_sigma * SIGMA_M) is Reading.FITS


@pytest.mark.parametrize(
    ("spread_m", "believed"), [(0.034, False), (0.035, False), (0.036, True), (0.060, True)]
)
def test_a_lively_walker_is_expected_as_loosely_as_the_last_believed_readings_lay(
    spread_m: float, believed: bool
) -> None:
    """12 cm from the expected place is a misfit at a sigma of 1 cm, and not for a pelvis that swings by as much."""
    seen = Seen()
    seen.gate.spread_m2 = spread_m**2
    assert (seen.judge(20 * MS, -0.12) is Reading.FITS) == believed


@pytest.mark.parametrize("lively", [False, True])
def test_after_a_hand_a_lively_walker_is_still_expected_loosely(lively: bool) -> None:
    seen = Seen()
    seen.gate.spread_m2 = 0.04**2 if lively else 0.0
    assert seen.judge(20 * MS, -0.30) is Reading.MISFIT
    assert (seen.judge(60 * MS, -0.09) is Reading.FITS) == lively


def test_the_spread_follows_the_believed_readings_within_some_steps() -> None:
    gate = Gate(P)
    gate.remember(0.09, 2.0)  # after as long as the time constant the two count the same
    assert gate.spread_m2 == pytest.approx(0.09**2 / 2)
    for n in range(400):
        gate.remember(0.09 if n % 2 else -0.09, 0.025)
    assert gate.spread_m2 == pytest.approx(0.09**2, rel=0.01)
    for _ in range(80):  # 2 s: the time constant
        gate.remember(0.0, 0.025)
    assert gate.spread_m2 == pytest.approx(0.09**2 / 2.718, rel=0.03)
