"""Steps, cadence and phase on swings whose answer is known."""

from collections.abc import Callable
from math import cos, pi, radians, sin
from types import SimpleNamespace
from typing import Any, cast

import pytest

from firmware_py.core.body.attitude import Attitude
from firmware_py.core.body.gait import Gait, GaitParams
from firmware_py.core.frame import Phase

P = GaitParams()


class Walker:
    """Moves its hip as told; time is data."""

    def __init__(self, rate_hz: float = 200.0) -> None:
        self.dt_s = 1.0 / rate_hz
        self.gait = Gait(P)
        self.now_s = 0.0
        self.up = (0.0, 0.0, 1.0)

    def moves(self, seconds: float, velocity: Callable[[float], float]) -> Gait:
        """`velocity` is the hip's downward velocity at a time since the start of this move."""
        start = self.now_s
        for _ in range(round(seconds / self.dt_s)):
            self.now_s += self.dt_s
            attitude: Any = SimpleNamespace(down_velocity_m_s=velocity(self.now_s - start), up=self.up)
            self.gait.update(cast(Attitude, attitude), self.dt_s)
        return self.gait

    def walks(self, seconds: float, cadence_hz: float = 1.8, swing_m_s: float = 0.4) -> Gait:
        return self.moves(seconds, lambda t: 0.5 * swing_m_s * sin(2 * pi * cadence_hz * t))

    def stands(self, seconds: float) -> Gait:
        return self.moves(seconds, lambda t: 0.0)

    def swings_once(self, swing_m_s: float, every_s: float) -> Gait:
        """One swing down and up again that fills the time given."""
        return self.moves(every_s, lambda t: 0.5 * swing_m_s * (1.0 - cos(2 * pi * t / every_s)))


@pytest.mark.parametrize("rate_hz", [100.0, 200.0, 238.0, 400.0])
@pytest.mark.parametrize("cadence_hz", [0.8, 1.2, 1.8, 2.4, 3.0])
def test_walking_is_seen_at_every_cadence_and_rate(cadence_hz: float, rate_hz: float) -> None:
    gait = Walker(rate_hz).walks(20.0 / cadence_hz, cadence_hz)
    assert gait.phase is Phase.GUARDING
    assert gait.cadence_hz == pytest.approx(cadence_hz, rel=0.03)
    assert 18 <= gait.steps <= 20
    assert gait.walking_s > 14.0 / cadence_hz


def test_the_time_of_a_walk_counts_from_its_first_even_steps() -> None:
    walker = Walker()
    waiting = 0
    for tick in range(2000):
        velocity_m_s = 0.2 * sin(2 * pi * 1.8 * tick * walker.dt_s)
        walker.moves(walker.dt_s, lambda _t, now_m_s=velocity_m_s: now_m_s)  # type: ignore[misc]
        waiting += walker.gait.phase is Phase.WAITING
    assert 100 < waiting < 600
    assert walker.gait.walking_s == pytest.approx((2000 - waiting) * walker.dt_s)


@pytest.mark.parametrize("swing_m_s", [0.055, 0.08, 0.15, 0.4, 0.9, 1.2])
def test_shuffling_and_striding_are_both_walking(swing_m_s: float) -> None:
    assert Walker().walks(15.0, 1.5, swing_m_s).phase is Phase.GUARDING


@pytest.mark.parametrize("swing_m_s", [0.0, 0.02, 0.045])
def test_swaying_while_standing_is_not_walking(swing_m_s: float) -> None:
    gait = Walker().walks(20.0, 1.5, swing_m_s)
    assert gait.phase is Phase.WAITING
    assert gait.steps == 0
    assert gait.cadence_hz is None


@pytest.mark.parametrize("swing_m_s", [1.4, 2.0])
@pytest.mark.parametrize("cadence_hz", [1.8, 2.8])
def test_jogging_and_jumping_are_not_walking(cadence_hz: float, swing_m_s: float) -> None:
    assert Walker().walks(20.0, cadence_hz, swing_m_s).phase is Phase.WAITING


@pytest.mark.parametrize(("every_s", "expected"), [(0.29, 20), (0.27, 10)])
def test_a_swing_within_0_28_s_of_a_step_is_part_of_the_next(every_s: float, expected: int) -> None:
    walker = Walker(1000.0)
    for _ in range(22):
        walker.swings_once(0.4, every_s)
    assert walker.gait.steps == pytest.approx(expected, abs=1)


@pytest.mark.parametrize(("long_s", "expected"), [(0.95, Phase.GUARDING), (0.97, Phase.WAITING)])
def test_a_limp_takes_up_to_2_4_times_as_long_with_one_leg(long_s: float, expected: Phase) -> None:
    walker = Walker(1000.0)
    for _ in range(20):
        for seconds in (0.4, long_s):
            walker.swings_once(0.4, 0.3)
            walker.stands(seconds - 0.3)
    assert walker.gait.phase is expected


def test_a_slow_bend_now_and_then_is_not_walking() -> None:
    walker = Walker()
    for _ in range(6):
        walker.swings_once(0.8, 1.0)
        walker.stands(1.0)
    assert walker.gait.phase is Phase.WAITING


@pytest.mark.parametrize("swing_m_s", [0.06, 0.12, 0.4])
def test_phases_come_at_their_step_and_not_a_step_before(swing_m_s: float) -> None:
    walker = Walker()
    first: dict[Phase, int] = {}
    for _ in range(40):
        gait = walker.swings_once(swing_m_s, 0.5)
        first.setdefault(gait.phase, gait.steps)
    assert first[Phase.LEARNING] == P.even_steps
    assert first[Phase.GUARDING] == P.known_steps


@pytest.mark.parametrize(("degrees", "expected"), [(60.5, Phase.WAITING), (59.5, Phase.GUARDING)])
def test_who_leans_by_more_than_60_degrees_does_not_walk(degrees: float, expected: Phase) -> None:
    walker = Walker()
    walker.up = (0.7, 0.0, cos(radians(degrees)))
    assert walker.walks(10.0).phase is expected


def test_a_walker_who_tips_over_is_still_guarded() -> None:
    walker = Walker()
    walker.walks(10.0)
    walker.up = (1.0, 0.0, 0.0)
    assert walker.stands(1.0).phase is Phase.GUARDING


@pytest.mark.parametrize(
    ("before", "hung", "expected"), [(6, 1, False), (6, 2, True), (3, 4, False), (3, 5, True)]
)
def test_steps_go_on_under_a_pod_that_hangs_loose(before: int, hung: int, expected: bool) -> None:
    """Two that are at least the sixth in a row: who lies down makes one, who rolls about on the ground no such row."""
    walker = Walker()
    for _ in range(before):
        assert not walker.swings_once(0.4, 0.5).loose
    walker.up = (0.7, 0.0, P.upright)
    for n in range(hung):
        assert not walker.gait.loose, n
        walker.swings_once(0.4, 0.5)
    assert walker.gait.phase is Phase.GUARDING
    assert walker.gait.loose is expected


def test_a_pod_that_is_upright_again_is_not_loose() -> None:
    walker = Walker()
    walker.walks(10.0)
    walker.up = (0.7, 0.0, P.upright)
    assert walker.walks(3.0).loose
    walker.up = (0.7, 0.0, P.upright + 0.01)
    assert not walker.swings_once(0.4, 0.5).loose


def test_an_uneven_swing_ends_the_row_of_a_loose_pod() -> None:
    walker = Walker()
    walker.walks(10.0)
    walker.up = (0.7, 0.0, P.upright)
    walker.swings_once(0.4, 0.5)
    walker.swings_once(1.6, 0.5)  # too far for a step
    for _ in range(P.known_steps):
        assert not walker.swings_once(0.4, 0.5).loose
    assert walker.swings_once(0.4, 0.5).loose


def test_under_nobody_who_walks_no_pod_hangs_loose() -> None:
    walker = Walker()
    walker.up = (0.7, 0.0, P.upright)
    walker.walks(10.0)
    assert (walker.gait.phase, walker.gait.loose) == (Phase.WAITING, False)

    walker = Walker()
    walker.walks(10.0)
    walker.up = (0.7, 0.0, P.upright)
    assert walker.walks(3.0).loose
    assert not walker.stands(P.lost_s + 0.1).loose


def test_a_limp_within_bounds_is_walking_and_beyond_is_not() -> None:
    for ratio, expected in ((P.uneven - 0.2, True), (P.uneven + 0.2, False)):
        walker = Walker()
        for _ in range(12):
            for interval_s in (0.4, 0.4 * ratio):
                walker.swings_once(0.4, 0.3)
                walker.stands(interval_s - 0.3)
        assert (walker.gait.phase is not Phase.WAITING) is expected


def test_the_bump_of_a_foot_within_a_step_is_not_a_step() -> None:
    plain = Walker().walks(20.0, 1.6, 0.3)
    bumpy = Walker().moves(20.0, lambda t: 0.15 * sin(2 * pi * 1.6 * t) + 0.05 * sin(2 * pi * 6.4 * t))
    assert bumpy.phase is Phase.GUARDING
    assert abs(bumpy.steps - plain.steps) <= 1
    assert bumpy.cadence_hz == pytest.approx(1.6, rel=0.05)


@pytest.mark.parametrize("cadence_hz", [2.5, 1.9, 1.2])
def test_the_walk_ends_when_no_step_has_come_for_its_time_and_not_before(cadence_hz: float) -> None:
    walker = Walker()
    walker.walks(20.0, cadence_hz)
    walker.stands(P.lost_s - walker.gait.since_step_s - 0.02)
    assert walker.gait.phase is Phase.GUARDING
    gait = walker.stands(0.04)
    assert gait.phase is Phase.WAITING
    assert gait.cadence_hz is None
    assert gait.walking_s == 0.0


def test_relearning_forgets_the_walker() -> None:
    walker = Walker()
    walker.walks(10.0)
    walker.gait.relearn()
    assert walker.gait.phase is Phase.WAITING
    assert (walker.gait.steps, walker.gait.cadence_hz, walker.gait.since_step_s) == (0, None, 0.0)
    assert walker.walks(2.5).phase is Phase.LEARNING
    assert walker.walks(10.0).phase is Phase.GUARDING


def test_a_change_of_speed_does_not_end_the_walk() -> None:
    walker = Walker()
    walker.walks(10.0, 1.3, 0.2)
    for cadence_hz in (1.6, 2.2, 1.4):
        walker.walks(6.0, cadence_hz, 0.25 * cadence_hz)
        assert walker.gait.phase is Phase.GUARDING
        assert walker.gait.cadence_hz == pytest.approx(cadence_hz, rel=0.15)


# At the limits themselves: numbers that a float holds exactly ------------------------------------------------------

EXACT = GaitParams(
    swing_m_s=0.0625, swing_share=0.25, largest_swing_m_s=1.5, shortest_s=0.25, uneven=2.0,
    even_steps=2, known_steps=6, lost_s=1.5,
)  # fmt: skip


def feel(gait: Gait, velocity: float, dt_s: float) -> None:
    attitude: Any = SimpleNamespace(down_velocity_m_s=velocity, up=(0.0, 0.0, 1.0))
    gait.update(cast(Attitude, attitude), dt_s)


def counts(gait: Gait, after_s: float, swing_m_s: float = 1.0) -> bool:
    """One swing that ends so long after the one before: does it count as a step?"""
    before = gait.steps
    feel(gait, swing_m_s, after_s - 0.0625)
    feel(gait, 0.0, 0.0625)
    return gait.steps == before + 1


def test_one_step_may_take_twice_as_long_or_half_as_long_as_the_one_before() -> None:
    gait = Gait(EXACT)
    assert not counts(gait, 0.5), "there is nothing to be even with"
    assert [counts(gait, t) for t in (0.5, 1.0, 0.5, 1.0625)] == [True, True, True, False]
    assert [counts(gait, t) for t in (1.0, 0.5, 0.4375, 0.9375)] == [True, True, True, False]
    assert [counts(gait, t) for t in (0.75, 0.3125)] == [True, False]


def test_the_largest_swing_and_the_longest_step_still_count() -> None:
    gait = Gait(EXACT)
    counts(gait, 1.0)
    assert [counts(gait, 1.0, swing) for swing in (1.5, 1.5000001, 1.5)] == [True, False, True]
    assert [counts(gait, t) for t in (1.5, 1.5625, 1.5)] == [True, False, True]


def test_the_shortest_step_counts_and_a_shorter_swing_is_part_of_the_next() -> None:
    gait = Gait(EXACT)
    counts(gait, 0.5)
    assert counts(gait, 0.25)
    assert not counts(gait, 0.1875)
    assert gait.since_step_s == 0.1875
    assert counts(gait, 0.125)
    assert gait.since_step_s == 0.0


def test_a_swing_ends_and_begins_beyond_the_hysteresis_and_not_at_it() -> None:
    gait = Gait(EXACT)
    for velocity, rising in (
        (0.25, True),
        (0.1875, True),
        (0.1874, False),
        (0.125, False),
        (0.126, False),
        (0.1875, False),
        (0.1876, True),
    ):
        feel(gait, velocity, 0.0625)
        assert gait._rising is rising, velocity


def test_swing_and_cadence_move_a_quarter_of_the_way() -> None:
    gait = Gait(EXACT)
    counts(gait, 0.5)
    assert gait.swing_m_s == 0.25
    counts(gait, 0.5)
    assert (gait.swing_m_s, gait.cadence_hz) == (0.4375, 2.0)
    counts(gait, 1.0)
    assert gait.cadence_hz == 1.75


@pytest.mark.parametrize("every_s", [0.25, 0.5, 1.0])
def test_the_walk_is_lost_after_its_time_and_not_at_it(every_s: float) -> None:
    gait = Gait(EXACT)
    for _ in range(4):
        counts(gait, every_s)
    phases = []
    for dt_s in (1.5, 0.0625):
        feel(gait, 0.0, dt_s)
        phases.append(gait.phase)
    assert phases == [Phase.LEARNING, Phase.WAITING]
