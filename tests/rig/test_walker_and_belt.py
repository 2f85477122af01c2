"""The rig does what its pages say: belts that really slow, people who wander as told, sensors that fail in the open."""

import math
from random import Random
from statistics import mean, pstdev

import pytest

from firmware_py.rig.world.acts import CLIMB, DRIFT, FALL, LEAVE, STAND, WALK, Act
from firmware_py.rig.world.belt import Belt, BeltParams, Hall
from firmware_py.rig.world.ranging import TF_LUNA, VL53L1X, Ranging
from firmware_py.rig.world.scenarios import SCENARIOS
from firmware_py.rig.world.scene import Scene, Setup
from firmware_py.rig.world.walker import Walker, WalkerParams, cadence_hz
from sensors.samples import Fault

DT_S = 0.01


@pytest.mark.parametrize(
    ("latency", "deceleration", "speed"), [(0.05, 2.0, 0.9), (0.4, 0.5, 0.3), (0.15, 1.0, 0.45)]
)
def test_a_cut_belt_goes_the_textbook_way(latency: float, deceleration: float, speed: float) -> None:
    belt = Belt(BeltParams(speed, deceleration, latency))
    for _ in range(10_000):
        belt.advance(0.001, run=True)
    assert belt.speed_m_s == pytest.approx(speed)
    start_m = belt.travel_m
    for _ in range(5000):
        belt.advance(0.001, run=False)
    assert belt.speed_m_s == 0.0
    assert belt.travel_m - start_m == pytest.approx(
        speed * latency + speed**2 / (2 * deceleration), abs=0.003
    )


def test_a_belt_waits_ramps_and_obeys_the_dial() -> None:
    belt = Belt(BeltParams(0.5, start_delay_s=1.0, ramp_m_s2=0.25))
    for _ in range(100):
        belt.advance(DT_S, run=True)
    assert belt.speed_m_s == pytest.approx(0.0, abs=0.003)
    for _ in range(100):
        belt.advance(DT_S, run=True)
    assert belt.speed_m_s == pytest.approx(0.25, abs=0.01)
    belt.dial(0.3)
    for _ in range(300):
        belt.advance(DT_S, run=True)
    assert belt.speed_m_s == pytest.approx(0.3)


def test_a_hall_sensor_knows_the_speed_after_a_pulse_and_loses_it_in_silence() -> None:
    hall = Hall(0.15)
    travel = speed = 0.0
    for _ in range(300):
        travel += 0.45 * DT_S
        speed = hall.advance(DT_S, travel)
    assert speed == pytest.approx(0.45, rel=0.05)
    for _ in range(100):
        speed = hall.advance(DT_S, travel)
    assert speed < 0.2
    for _ in range(150):
        speed = hall.advance(DT_S, travel)
    assert speed == 0.0


@pytest.mark.parametrize("wander_m", [0.05, 0.08])
def test_a_walker_wanders_as_much_as_told_around_home(wander_m: float) -> None:
    walker = Walker(WalkerParams(home_m=0.6, wander_m=wander_m), Random(1))
    walker.do(WALK)
    places = []
    for i in range(120_000):
        walker.advance(DT_S, 0.5)
        if i > 3000:
            places.append(walker.place_m)
    assert pstdev(places) == pytest.approx(wander_m, rel=0.25)
    assert mean(places) == pytest.approx(0.6, abs=0.03)


@pytest.mark.parametrize(
    ("act", "low", "high"),
    [(STAND, 0.9, 1.0), (DRIFT, 0.15, 0.25), (CLIMB, -0.25, -0.15), (FALL, 0.9, 1.0),
     (LEAVE, 0.0, 0.0)],
)  # fmt: skip
def test_each_act_carries_the_walker_as_it_says(act: Act, low: float, high: float) -> None:
    """Way in one second on a belt of 1 m/s, half a second after the act began."""
    walker = Walker(WalkerParams(wander_m=0.0, slip_m_s=0.2, track_rad_s=7.0), Random(1))
    walker.do(WALK)
    for _ in range(500):
        walker.advance(DT_S, 1.0)
    walker.do(act)
    for _ in range(50):
        walker.advance(DT_S, 1.0)
    start_m = walker.place_m
    for _ in range(100):
        walker.advance(DT_S, 1.0)
    assert low - 0.05 <= walker.place_m - start_m <= high + 0.05


def test_feet_on_a_stopping_belt_go_on_for_a_moment_and_then_rest() -> None:
    """The surge that the front line allows for: feet that follow the belt 0.2 s late, and land 0.08 s later."""
    walker = Walker(WalkerParams(wander_m=0.0, track_rad_s=5.0), Random(1))
    walker.do(WALK)
    for _ in range(1000):
        walker.advance(DT_S, 0.9)
    start_m, belt = walker.place_m, 0.9
    furthest_m = 0.0
    for _ in range(200):
        belt = max(0.0, belt - 1.0 * DT_S)
        walker.advance(DT_S, belt)
        furthest_m = min(furthest_m, walker.place_m - start_m)
    assert -0.12 < furthest_m < -0.04
    assert walker.velocity_m_s == pytest.approx(0.0, abs=0.01)


def test_the_steps_are_counted_at_the_cadence() -> None:
    scene = Scene("walk", 3, Setup())
    for _ in range(1000):
        scene.advance(DT_S, run=True)
    before = scene.advance(DT_S, run=True).steps
    for _ in range(1000):
        state = scene.advance(DT_S, run=True)
    assert (state.steps - before) / 10.0 == pytest.approx(cadence_hz(0.45), rel=0.1)


@pytest.mark.parametrize("params", [VL53L1X, TF_LUNA])
def test_the_sensor_reads_at_its_rate_with_its_noise_and_says_when_it_failed(params: object) -> None:
    assert params in (VL53L1X, TF_LUNA)
    ranging = Ranging(VL53L1X if params is VL53L1X else TF_LUNA, Random(2))
    good, faults, fresh = [], 0, 0
    for _ in range(20_000):
        if ranging.advance(0.005, 0.6):
            fresh += 1
            if ranging.fault is None:
                good.append(ranging.distance_m)
            else:
                faults += 1
    used = VL53L1X if params is VL53L1X else TF_LUNA
    assert fresh == pytest.approx(100.0 / used.period_s, rel=0.02)
    assert 0 < faults < 0.06 * fresh
    near = [m for m in good if abs(m - 0.6) < 0.06]
    assert 0.005 < pstdev(near) < 0.025
    assert mean(near) == pytest.approx(0.6, abs=0.01)


@pytest.mark.parametrize("true_m", [None, 1.37])
def test_nobody_in_the_beam_is_no_target(true_m: float | None) -> None:
    ranging = Ranging(VL53L1X, Random(1))
    while not ranging.advance(0.005, true_m):
        pass
    assert ranging.fault is Fault.NO_TARGET


def test_the_same_seed_is_the_same_run_and_another_is_not() -> None:
    def places(seed: int) -> list[float]:
        scene = Scene("drift", seed)
        return [scene.advance(DT_S, run=True).distance_m for _ in range(1500)]

    assert places(1) == places(1)
    assert places(1) != places(2)


@pytest.mark.parametrize("scenario", [row.name for row in SCENARIOS.values() if row.act is not None])
def test_every_hazard_comes_when_the_belt_has_held_its_speed(scenario: str) -> None:
    scene = Scene(scenario, 5)
    while scene.hazard_t_s is None:
        state = scene.advance(DT_S, run=True)
        assert state.t_s < 30.0
    assert scene.steady_s >= scene.setup.steady_s - DT_S
    state = scene.advance(DT_S, run=True)
    assert state.hazard
    assert (state.accel_m_s2 is None) is (scenario == "unplug")


def test_a_fall_has_weightlessness_impact_and_lies_at_the_end() -> None:
    scene = Scene("fall", 5)
    lengths = []
    for _ in range(4000):
        state = scene.advance(0.005, run=True)
        assert state.accel_m_s2 is not None
        if state.hazard:
            lengths.append(math.hypot(*state.accel_m_s2))
            lying = state.accel_m_s2
    assert min(lengths[:200]) < 6.5
    assert max(lengths[:230]) > 30.0
    assert abs(lying[2]) < 0.4 * math.hypot(*lying)
