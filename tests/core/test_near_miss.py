"""Near misses: two signs within a second, recovered within three, at most one in ten seconds, never while stopped."""

from math import radians

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
        self, seconds: float, accel_m_s2: float = REST_M_S2, stepping: bool = True, **change: object
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
            imu = ImuSample(t_ns, (0.0, 0.0, accel_m_s2), (0.0, 0.0, 0.0))
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
