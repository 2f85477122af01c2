"""Near misses: two signs within a second, recovered within three, at most one in ten seconds, never while stopped."""

from math import radians
from typing import ClassVar

import pytest

from firmware_py.core.frame import Cause, Phase
from firmware_py.core.near_miss import APART_S, KNOWN_STEPS, NearMisses
from sensors.samples import Fault, ImuSample
from tests.support.fake_guard import decision, frame

TICK_NS = 5_000_000
STEP_TICKS = 120  # 0.6 s
CADENCE_HZ = 1.0 / 0.6
REST_M_S2 = 9.81


class Walk:
    """Even steps at 200 Hz, with changes for so many ticks."""

    def __init__(self) -> None:
        self.found, self.tick = NearMisses(), 0
        self.at_s: list[float] = []

    def go(
        self,
        seconds: float,
        accel_m_s2: float = REST_M_S2,
        stepping: bool = True,
        axis: int = 2,
        **change: object,
    ) -> None:
        for _ in range(round(seconds * 200)):
            self.tick += 1
            t_ns = self.tick * TICK_NS
            usual = {
                "phase": Phase.GUARDING, "cadence_hz": CADENCE_HZ, "tilt_rad": 0.02, "down_velocity_m_s": 0.1,
                "down_velocity_limit_m_s": 0.6,
            }  # fmt: skip
            if stepping:
                self.steps = self.tick // STEP_TICKS
            d = decision(t_ns)._replace(**usual | {"steps": self.steps} | change)  # type: ignore[arg-type]
            accel = (accel_m_s2 * (axis == 0), accel_m_s2 * (axis == 1), accel_m_s2 * (axis == 2))
            imu = ImuSample(t_ns, accel, (0.0, 0.0, 0.0))
            if self.found.update(frame(t_ns)._replace(imu=imu), d):
                self.at_s.append(t_ns / 1e9)

    def known(self) -> "Walk":
        self.go((KNOWN_STEPS + 2) * 0.6)
        return self


LEAN = {"tilt_rad": radians(25.0)}
DOWN = {"down_velocity_m_s": 0.5}


@pytest.mark.parametrize(
    "signs",
    [LEAN | DOWN, LEAN | {"accel_m_s2": 20.0}, DOWN | {"accel_m_s2": 20.0}],
    ids=["lean, down", "lean, impact", "down, impact"],
)
def test_two_signs_and_a_recovery_are_one_near_miss(signs: dict[str, object]) -> None:
    walk = Walk().known()
    walk.go(0.1, **signs)  # type: ignore[arg-type]
    assert walk.at_s == []  # not recovered yet
    walk.go(3.0)
    assert len(walk.at_s) == 1


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_impact_counts_whichever_way_the_pod_hangs(axis: int) -> None:
    walk = Walk().known()
    walk.go(0.1, accel_m_s2=20.0, axis=axis, **LEAN)  # type: ignore[arg-type]
    walk.go(3.0)
    assert len(walk.at_s) == 1


def test_a_slow_step_is_a_sign() -> None:
    walk = Walk().known()
    walk.go(1.0, stepping=False)
    walk.go(0.1, **DOWN)  # type: ignore[arg-type]
    walk.go(3.0)
    assert len(walk.at_s) == 1


@pytest.mark.parametrize("sign", [LEAN, DOWN, {"accel_m_s2": 20.0}])
def test_one_sign_alone_is_none(sign: dict[str, object]) -> None:
    walk = Walk().known()
    walk.go(0.1, **sign)  # type: ignore[arg-type]
    walk.go(3.0)
    assert walk.at_s == []


@pytest.mark.parametrize(("apart_s", "found"), [(0.8, 1), (1.2, 0)])
def test_signs_belong_together_within_a_second(apart_s: float, found: int) -> None:
    walk = Walk().known()
    walk.go(0.05, **LEAN)  # type: ignore[arg-type]
    walk.go(apart_s)
    walk.go(0.05, **DOWN)  # type: ignore[arg-type]
    walk.go(3.0)
    assert len(walk.at_s) == found


@pytest.mark.parametrize(("unsteady_s", "found"), [(2.0, 1), (3.1, 0)])
def test_who_takes_longer_than_three_seconds_has_not_recovered(unsteady_s: float, found: int) -> None:
    walk = Walk().known()
    walk.go(unsteady_s, **DOWN | {"accel_m_s2": 20.0 + unsteady_s})  # type: ignore[arg-type]
    walk.go(0.1, **LEAN)  # type: ignore[arg-type]
    walk.go(4.0)
    assert len(walk.at_s) == found


def test_at_most_one_in_ten_seconds() -> None:
    walk = Walk().known()
    for _ in range(2):
        walk.go(0.1, **LEAN | DOWN)  # type: ignore[arg-type]
        walk.go(3.0)
    assert len(walk.at_s) == 1
    walk.go(APART_S)
    walk.go(0.1, **LEAN | DOWN)  # type: ignore[arg-type]
    walk.go(3.0)
    assert len(walk.at_s) == 2


def test_a_walker_who_is_not_known_yet_and_a_stop_are_none() -> None:
    walk = Walk()
    walk.go(3.0)
    walk.go(0.1, **LEAN | DOWN)  # type: ignore[arg-type]
    walk.go(3.0)
    walk = walk.known()
    walk.go(0.1, **LEAN | DOWN)  # type: ignore[arg-type]
    walk.go(0.1, run=False, cause=Cause.FALL)
    walk.go(3.0)
    assert walk.at_s == []


def test_what_is_unknown_is_no_sign() -> None:
    found = NearMisses()
    for tick in range(1, 4000):
        t_ns = tick * TICK_NS
        d = decision(t_ns)._replace(
            phase=Phase.GUARDING, cadence_hz=None, tilt_rad=None, down_velocity_m_s=None,
            down_velocity_limit_m_s=None, steps=tick // STEP_TICKS,
        )  # fmt: skip
        assert not found.update(frame(t_ns)._replace(imu=Fault.NO_REPLY), d)


class Ticks:
    """Steps of half a second at 200 Hz whose every figure is exact, one tick after another."""

    TICKS_A_STEP = 100
    USUAL: ClassVar = {
        "phase": Phase.GUARDING, "cadence_hz": 2.0, "tilt_rad": 0.0, "down_velocity_m_s": 0.0,
        "down_velocity_limit_m_s": 1.0,
    }  # fmt: skip

    def __init__(self, steps: int = 0) -> None:
        self.found, self.tick, self.since_step, self.steps = NearMisses(), 0, 0, steps

    def go(
        self, ticks: int = 1, accel_m_s2: float = 10.0, stepping: bool = True, **change: object
    ) -> list[int]:
        """The ticks, counted from the first of these, at which a near miss is found."""
        at = []
        for n in range(ticks):
            self.tick += 1
            self.since_step += 1
            if stepping and self.since_step >= self.TICKS_A_STEP:
                self.steps, self.since_step = self.steps + 1, 0
            t_ns = self.tick * TICK_NS
            d = decision(t_ns)._replace(**self.USUAL | {"steps": self.steps} | change)  # type: ignore[arg-type]
            imu = ImuSample(t_ns, (0.0, 0.0, accel_m_s2), (0.0, 0.0, 0.0))
            if self.found.update(frame(t_ns)._replace(imu=imu), d):
                at.append(n)
        return at

    def known(self, steps: int = 20) -> "Ticks":
        assert self.go(steps * self.TICKS_A_STEP + 10) == []
        return self


LEANS: dict[str, object] = {"tilt_rad": 0.5}
SINKS: dict[str, object] = {"down_velocity_m_s": 0.9}


@pytest.mark.parametrize(
    ("other", "at", "beyond"),
    [
        (LEANS, {"accel_m_s2": 16.0}, {"accel_m_s2": 16.001}),
        (LEANS, {"down_velocity_m_s": 0.6}, {"down_velocity_m_s": 0.601}),
        (SINKS, {"tilt_rad": radians(15.0)}, {"tilt_rad": radians(15.01)}),
    ],
    ids=["acceleration", "hip going down", "lean"],
)
def test_each_sign_begins_beyond_its_limit(
    other: dict[str, object], at: dict[str, object], beyond: dict[str, object]
) -> None:
    for sign, found in ((at, 0), (beyond, 1)):
        walk = Ticks().known()
        walk.go(**other | sign)  # type: ignore[arg-type]
        assert len(walk.go(300)) == found


@pytest.mark.parametrize(("step_ticks", "found"), [(150, 0), (151, 1)])
def test_a_step_is_slow_beyond_one_and_a_half_of_its_usual_time(step_ticks: int, found: int) -> None:
    walk = Ticks().known()
    walk.go(90)  # to the step
    walk.go(step_ticks - 2, stepping=False)
    walk.go(stepping=False, **LEANS)
    assert len(walk.go(300)) == found


@pytest.mark.parametrize(("ticks_apart", "found"), [(200, 1), (201, 0)])
def test_two_signs_belong_together_up_to_one_second(ticks_apart: int, found: int) -> None:
    walk = Ticks().known()
    walk.go(**LEANS)
    walk.go(ticks_apart - 1)
    walk.go(**SINKS)
    assert len(walk.go(300)) == found


def test_half_a_second_of_calm_is_a_recovery() -> None:
    walk = Ticks().known()
    walk.go(**LEANS | SINKS)
    assert walk.go(300) == [99]


@pytest.mark.parametrize(("unsteady_ticks", "found"), [(500, 1), (501, 1), (502, 0)])
def test_a_recovery_takes_three_seconds_at_most(unsteady_ticks: int, found: int) -> None:
    """From the first tick of unsteadiness to the end of the calm half second: 500 ticks and 100."""
    walk = Ticks().known()
    walk.go(unsteady_ticks, **SINKS | {"tilt_rad": 2.0})
    assert len(walk.go(300)) == found


def test_who_stands_after_it_has_not_recovered_until_the_next_step() -> None:
    walk = Ticks().known()
    walk.go(**LEANS | SINKS)
    assert walk.go(140, stepping=False) == []
    assert walk.go() == []  # the step, and a sign of its own: it took long
    assert walk.go(100) == [99]


def test_a_step_at_the_very_tick_is_no_walking_on() -> None:
    walk = Ticks().known()
    walk.go(89)
    walk.go(**LEANS | SINKS)  # with the step
    assert walk.go(140, stepping=False) == []


@pytest.mark.parametrize(("pause_ticks", "found"), [(1998, 0), (1999, 1)])
def test_the_next_one_counts_ten_seconds_after_the_last(pause_ticks: int, found: int) -> None:
    walk = Ticks().known()
    walk.go(**LEANS | SINKS)
    assert walk.go(100) == [99]
    walk.go(pause_ticks - 100)
    walk.go(**LEANS | SINKS)
    assert len(walk.go(100)) == found


@pytest.mark.parametrize(("steps", "found"), [(11, 0), (12, 1)])
def test_twelve_steps_make_a_walker_known(steps: int, found: int) -> None:
    walk = Ticks().known(steps)
    walk.go(**LEANS | SINKS)
    assert len(walk.go(150)) == found


@pytest.mark.parametrize(("steps", "found"), [(11, 0), (12, 1)])
def test_a_recording_that_begins_in_mid_walk_waits_for_twelve_steps_too(steps: int, found: int) -> None:
    """The first tick counts as one step: it differs from what was seen before."""
    walk = Ticks(steps=50)
    walk.go((steps - 1) * Ticks.TICKS_A_STEP + 10)
    walk.go(**LEANS | SINKS)
    assert len(walk.go(150)) == found


def test_a_recording_that_begins_in_mid_walk_takes_no_usual_step_for_a_hard_one() -> None:
    walk = Ticks(steps=50)
    walk.go((KNOWN_STEPS + 1) * Ticks.TICKS_A_STEP)
    walk.go(**SINKS)
    assert walk.go(300) == []


def test_another_walker_is_unknown_after_the_next_arming() -> None:
    walk = Ticks().known()
    walk.go(run=False)
    walk.steps = 0
    walk.go(10 * Ticks.TICKS_A_STEP)
    walk.go(**LEANS | SINKS)
    assert walk.go(300) == []


def test_a_pause_forgets_nobody() -> None:
    walk = Ticks().known()
    walk.go(400, phase=Phase.WAITING, stepping=False)
    walk.go(Ticks.TICKS_A_STEP)
    walk.go(**LEANS | SINKS)
    assert len(walk.go(300)) == 1


@pytest.mark.parametrize(("accel_m_s2", "found"), [(17.29, 0), (17.3, 1)])
def test_one_hard_step_raises_the_usual_peak_by_a_tenth(accel_m_s2: float, found: int) -> None:
    walk = Ticks().known()
    walk.go(accel_m_s2=20.0)
    walk.go(300)  # the usual peak is 11 m/s2 after this step, 10.9 and 10.81 after the next two
    walk.go(accel_m_s2=accel_m_s2, **SINKS)
    assert len(walk.go(300)) == found


@pytest.mark.parametrize(("more_rad", "found"), [(0.0093, 0), (0.0097, 1)])
def test_the_usual_lean_follows_within_ten_seconds(more_rad: float, found: int) -> None:
    walk = Ticks().known()
    walk.go(200, tilt_rad=0.1)  # one second: 0.1 (1 - exp(-1 / 10)) = 0.0095 rad
    walk.go(tilt_rad=radians(15.0) + more_rad, **SINKS)
    assert len(walk.go(300)) == found


@pytest.mark.parametrize(("more_rad", "found"), [(0.0009, 0), (0.0011, 1)])
def test_a_gap_between_ticks_counts_as_a_tenth_of_a_second(more_rad: float, found: int) -> None:
    walk = Ticks().known()
    walk.go(89)
    walk.tick += 2000
    walk.go(tilt_rad=0.1, cadence_hz=None)  # with a step; 0.1 rad of 0.1 s in 10 s: 0.001 rad
    walk.go(tilt_rad=radians(15.0) + more_rad, **SINKS)
    assert len(walk.go(300)) == found
