"""The up vector against motions whose answer is known, and against VQF, an estimator of another making."""

from collections.abc import Iterable
from math import asin, cos, degrees, exp, pi, radians, sin, sqrt

import numpy as np
import pytest
import vqf
from scipy.signal import lfilter
from scipy.spatial.transform import Rotation

from firmware_py.core.body.attitude import Attitude, AttitudeParams
from sensors.samples import ImuSample, Vec3

G = 9.80665
REST: Vec3 = (0.0, 0.0, G)
STILL: Vec3 = (0.0, 0.0, 0.0)


def fed(
    samples: Iterable[tuple[Vec3, Vec3]], rate_hz: float = 200.0, into: Attitude | None = None
) -> Attitude:
    attitude = into or Attitude(AttitudeParams())
    for accel, gyro in samples:
        attitude.update(ImuSample(0, accel, gyro), 1.0 / rate_hz)
    return attitude


def rest(seconds: float, rate_hz: float = 200.0, accel: Vec3 = REST) -> Attitude:
    return fed([(accel, STILL)] * round(seconds * rate_hz), rate_hz)


def turning_about_x(rate_rad_s: float, seconds: float, rate_hz: float = 200.0) -> list[tuple[Vec3, Vec3]]:
    """A pod that turns over to the right: gravity wanders through its axes as it must."""
    ticks = [n / rate_hz for n in range(1, round(seconds * rate_hz) + 1)]
    return [((0.0, G * sin(rate_rad_s * t), G * cos(rate_rad_s * t)), (rate_rad_s, 0.0, 0.0)) for t in ticks]


@pytest.mark.parametrize("rate_hz", [100.0, 200.0, 238.0, 400.0])
def test_it_settles_after_half_a_second_and_not_a_sample_before(rate_hz: float) -> None:
    ticks = round(0.5 * rate_hz)
    attitude = fed([(REST, STILL)] * (ticks - 1), rate_hz)
    assert not attitude.settled
    fed([(REST, STILL)], rate_hz, attitude)
    assert attitude.settled


def test_up_is_the_mean_of_the_first_half_second() -> None:
    attitude = fed([((3.0, 0.0, G), STILL), ((1.0, 0.0, G), STILL)] * 50)
    size = sqrt(2.0**2 + G**2)
    assert attitude.up == pytest.approx((2.0 / size, 0.0, G / size))


def test_at_rest_nothing_moves() -> None:
    attitude = rest(20.0, accel=(2.0, -1.0, 9.5))
    assert attitude.down_velocity_m_s == pytest.approx(0.0, abs=1e-9)
    assert attitude.up_accel_m_s2 == pytest.approx(0.0, abs=1e-9)
    assert attitude.tilt_rad == pytest.approx(0.0, abs=1e-7)
    assert attitude.sideways_m_s == pytest.approx(0.0, abs=1e-9)
    assert attitude.height_lost_m == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("scale", [0.85, 0.95, 1.0, 1.05, 1.15])
def test_a_wrong_accelerometer_scale_changes_nothing(scale: float) -> None:
    def motion(k: float) -> list[tuple[Vec3, Vec3]]:
        return [((0.0, 0.0, k * (G + 3.0 * cos(12.0 * n / 200.0))), STILL) for n in range(2000)]

    true, scaled = fed(motion(1.0)), fed(motion(scale))
    assert scaled.down_velocity_m_s == pytest.approx(true.down_velocity_m_s, abs=1e-9)
    assert scaled.up_accel_m_s2 == pytest.approx(true.up_accel_m_s2, abs=1e-9)


def test_a_scale_that_changes_is_learned_within_seconds() -> None:
    attitude = rest(5.0)
    fed([((0.0, 0.0, 1.05 * G), STILL)] * 2000, into=attitude)
    assert abs(attitude.down_velocity_m_s) < 0.06


@pytest.mark.parametrize("rate_hz", [100.0, 200.0, 238.0, 400.0])
def test_a_drop_reads_alike_at_every_rate(rate_hz: float) -> None:
    attitude = rest(5.0, rate_hz)
    fed([((0.0, 0.0, G - 6.0), STILL)] * round(0.25 * rate_hz), rate_hz, attitude)
    same = rest(5.0, 400.0)
    fed([((0.0, 0.0, G - 6.0), STILL)] * 100, 400.0, same)
    assert attitude.down_velocity_m_s == pytest.approx(same.down_velocity_m_s, rel=0.02)
    assert attitude.height_lost_m == pytest.approx(same.height_lost_m, rel=0.03)


def test_who_sinks_has_sunk_by_the_way_just_gone_and_forgets_it() -> None:
    attitude = rest(5.0)
    fed([((0.0, 0.0, G - 4.0), STILL)] * 20, into=attitude)
    assert attitude.height_lost_m == pytest.approx(4.0 * 0.1**2 / 2, rel=0.15)
    fed([((0.0, 0.0, G), STILL)] * 1200, into=attitude)
    assert abs(attitude.height_lost_m) < 0.002


def test_who_rises_has_sunk_by_less_than_nothing() -> None:
    attitude = rest(5.0)
    fed([((0.0, 0.0, G + 4.0), STILL)] * 20, into=attitude)
    assert attitude.height_lost_m == pytest.approx(-4.0 * 0.1**2 / 2, rel=0.15)


@pytest.mark.parametrize("degrees_s", [-90.0, -20.0, 20.0, 90.0])
def test_tilt_follows_a_turn(degrees_s: float) -> None:
    attitude = rest(10.0)
    fed(turning_about_x(radians(degrees_s), 0.5), into=attitude)
    assert attitude.up[1] == pytest.approx(sin(radians(0.5 * degrees_s)), abs=0.01)
    assert 0.8 * abs(degrees_s) / 2 < degrees(attitude.tilt_rad) < abs(degrees_s) / 2


@pytest.mark.parametrize(
    ("mounted_deg", "turned_deg", "away"), [(0, 5, True), (20, 5, True), (20, -5, False), (-20, -5, True)]
)
def test_a_pod_leans_away_when_it_is_farther_from_upright_than_the_posture(
    mounted_deg: float, turned_deg: float, away: bool
) -> None:
    hangs = radians(mounted_deg)
    attitude = rest(5.0, accel=(0.0, G * sin(hangs), G * cos(hangs)))
    assert not attitude.leaning_away
    rate = radians(turned_deg) / 0.1
    for n in range(1, 21):
        angle = hangs + rate * n / 200.0
        fed([((0.0, G * sin(angle), G * cos(angle)), (rate, 0.0, 0.0))], into=attitude)
    assert attitude.tilt_rad == pytest.approx(radians(5), abs=radians(0.5))
    assert attitude.leaning_away is away


def test_turning_about_the_vertical_is_no_tilt() -> None:
    attitude = rest(1.0)
    fed([(REST, (0.0, 0.0, 3.0))] * 400, into=attitude)
    assert attitude.tilt_rad == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("yaw_deg", [37.0, 90.0, 180.0, 271.0])
def test_how_the_pod_is_turned_about_the_vertical_does_not_matter(yaw_deg: float) -> None:
    c, s = cos(radians(yaw_deg)), sin(radians(yaw_deg))

    def turned(v: Vec3) -> Vec3:
        return (c * v[0] - s * v[1], s * v[0] + c * v[1], v[2])

    motion = [
        (
            (2.0 * sin(0.05 * n), 1.0 + cos(0.03 * n), G + 3.0 * cos(0.06 * n)),
            (sin(0.02 * n), 0.5 * cos(0.05 * n), 0.3 * sin(0.07 * n)),
        )
        for n in range(1000)
    ]
    plain, turned_pod = fed(motion), fed([(turned(a), turned(g)) for a, g in motion])
    for name in ("down_velocity_m_s", "sideways_m_s", "height_lost_m", "tilt_rad", "up_accel_m_s2"):
        assert getattr(turned_pod, name) == pytest.approx(getattr(plain, name), abs=1e-9)


def moved_by(angle_rad: float, seconds: float) -> Attitude:
    """A pod that is pushed to another place on a hip at rest: gravity comes from the side and the gyro felt nothing."""
    attitude = rest(5.0)
    return fed([((0.0, G * sin(angle_rad), G * cos(angle_rad)), STILL)] * round(200 * seconds), into=attitude)


def test_a_pod_that_was_moved_reads_as_a_thrust_sideways_until_up_is_found_again() -> None:
    still, lately, later = moved_by(0.0, 0.3), moved_by(radians(20), 0.3), moved_by(radians(20), 15.0)
    assert still.sideways_m_s == pytest.approx(0.0, abs=1e-9)
    assert lately.sideways_m_s == pytest.approx(0.5 * (1 - exp(-0.3 / 0.5)) * G * sin(radians(20)), rel=0.1)
    assert later.sideways_m_s < 0.2 * lately.sideways_m_s


def test_a_hip_that_turns_is_not_thrown() -> None:
    attitude = rest(5.0)
    fed(turning_about_x(radians(60.0), 0.5), into=attitude)
    assert attitude.sideways_m_s < 0.1


def test_a_leaning_posture_becomes_the_walkers_own() -> None:
    attitude = rest(5.0)
    lean = radians(15.0)
    fed(turning_about_x(lean, 1.0), into=attitude)
    before = attitude.tilt_rad
    fed([((0.0, G * sin(lean), G * cos(lean)), STILL)] * 6000, into=attitude)
    assert before > 0.1
    assert attitude.tilt_rad < 0.01


def test_two_degrees_a_second_of_gyro_bias_are_found_and_taken_out() -> None:
    bias = radians(2.0)
    attitude = fed([(REST, (bias, 0.0, 0.0))] * 200 * 120)
    assert degrees(abs(attitude.up[1])) < 0.5
    other_way = fed([(REST, (0.0, -bias, 0.0))] * 200 * 120)
    assert degrees(abs(other_way.up[0])) < 0.5


def test_a_gyro_bias_leaves_as_the_two_poles_of_the_filter_say() -> None:
    """A tilt e with e' = w - 0.55 e and w' = -0.02 e: the poles are half of 0.55 -+ sqrt(0.55^2 - 4 * 0.02)."""
    seconds, bias_deg_s = 30, 2.0
    attitude = fed([(REST, (radians(bias_deg_s), 0.0, 0.0))] * 200 * seconds)
    apart = sqrt(0.55**2 - 4 * 0.02)
    slow, fast = (0.55 - apart) / 2, (0.55 + apart) / 2
    expected_deg = bias_deg_s / apart * (exp(-slow * seconds) - exp(-fast * seconds))
    assert degrees(asin(abs(attitude.up[1]))) == pytest.approx(expected_deg, rel=0.03)


def test_a_dead_chip_never_settles_and_never_raises() -> None:
    attitude = fed([(STILL, STILL)] * 1000)
    assert not attitude.settled
    assert attitude.up == (0.0, 0.0, 1.0)
    fed([(REST, STILL)] * 1000, into=attitude)
    assert attitude.settled


def test_weightless_after_settling_neither_raises_nor_leaves_the_unit_sphere() -> None:
    attitude = rest(1.0)
    fed([(STILL, (1.0, 2.0, 3.0))] * 40000, into=attitude)
    assert sum(x * x for x in attitude.up) == pytest.approx(1.0)
    assert attitude.down_velocity_m_s < G  # the leak bounds it


def test_an_impossible_turn_leaves_up_a_unit_vector() -> None:
    attitude = rest(1.0)
    fed([((1e6, -1e6, 1e6), (1e4, -1e4, 1e4))] * 50, into=attitude)
    assert sum(x * x for x in attitude.up) == pytest.approx(1.0)


RATE_HZ, TICKS = 200.0, 8000


def swaying() -> tuple[list[tuple[Vec3, Vec3]], np.ndarray, np.ndarray]:
    """A pod that sways about all its axes and bounces: samples, true up in its axes, true turn rates."""
    t = np.arange(TICKS + 1) / RATE_HZ
    angles = np.stack(
        [0.15 * np.sin(2 * pi * 0.9 * t), 0.1 * np.sin(2 * pi * 1.8 * t), 0.6 * np.sin(2 * pi * 0.3 * t)],
        axis=1,
    )
    pod = Rotation.from_euler("xyz", angles)
    rates = (pod[:-1].inv() * pod[1:]).as_rotvec() * RATE_HZ
    up = pod[1:].inv().apply([0.0, 0.0, 1.0])
    accel = up * (G + 2.5 * np.sin(2 * pi * 1.8 * t[1:]))[:, None]
    return list(zip(map(tuple, accel.tolist()), map(tuple, rates.tolist()), strict=True)), up, rates


def degrees_apart(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip((a * b).sum(axis=1), -1.0, 1.0)))


def test_up_is_the_true_one_and_vqfs_while_the_pod_sways_and_bounces() -> None:
    """Ten seconds to settle, then within a degree of the truth, as VQF is with the same samples."""
    samples, true_up, _ = swaying()
    attitude = Attitude(AttitudeParams())
    ours = []
    for one in samples:
        fed([one], into=attitude)
        ours.append(attitude.up)
    accel, gyro = (np.ascontiguousarray(part) for part in zip(*samples, strict=True))
    w, x, y, z = vqf.VQF(1.0 / RATE_HZ).updateBatch(gyro, accel)["quat6D"].T
    theirs = np.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], axis=1)
    assert degrees_apart(np.array(ours), true_up)[2000:].max() < 1.0
    assert degrees_apart(theirs, true_up)[2000:].max() < 1.0


def test_down_velocity_is_exactly_the_filter_that_scipy_makes_of_the_same_poles() -> None:
    rate_hz, p = 200.0, AttitudeParams()
    rng = np.random.default_rng(7)
    along = G + rng.normal(0.0, 2.0, 2000)
    attitude = rest(20.0)
    mean = (
        np.array(lfilter([1 / (rate_hz * p.scale_tau_s)], [1, 1 / (rate_hz * p.scale_tau_s) - 1], along - G))
        + G
    )
    leak = exp(-1 / (rate_hz * p.velocity_tau_s))
    expected = lfilter([-leak / rate_hz], [1, -leak], (along / mean - 1) * G)
    seen = []
    for a in along.tolist():
        attitude.update(ImuSample(0, (0.0, 0.0, a), STILL), 1 / rate_hz)
        seen.append(attitude.down_velocity_m_s)
    assert seen == pytest.approx(expected.tolist(), abs=1e-9)


def test_where_a_direction_cancels_out_the_last_one_stays() -> None:
    params = AttitudeParams(gravity_per_s=0.5, bias_per_s2=0.0, posture_tau_s=0.5)
    attitude = Attitude(params)
    for _ in range(2):
        attitude.update(ImuSample(0, (0.0, 0.0, 8.0), STILL), 0.25)
    assert attitude.settled
    attitude.update(ImuSample(0, (0.0, 0.0, -56.0), STILL), 0.25)  # pulls the up vector to exactly nothing
    assert attitude.up == (0.0, 0.0, 1.0)
    attitude.tilt_rad = 0.123
    attitude._posture = (0.0, 0.0, -1.0)  # and half way from here to up there is no direction either
    attitude.update(ImuSample(0, (0.0, 0.0, 8.0), STILL), 0.25)
    assert attitude.tilt_rad == 0.123


@pytest.mark.parametrize(("mean_m_s2", "settled"), [(1.0, False), (1.05, True)])
def test_a_mean_of_one_metre_a_second_squared_names_no_direction(mean_m_s2: float, settled: bool) -> None:
    attitude = Attitude(AttitudeParams())
    for _ in range(2):
        attitude.update(ImuSample(0, (0.0, 0.0, mean_m_s2), STILL), 0.25)
    assert attitude.settled is settled


@pytest.mark.parametrize(("short_s", "settled"), [(1e-9, True), (1.05e-9, False)])
def test_a_nanosecond_short_of_settling_is_enough(short_s: float, settled: bool) -> None:
    attitude = Attitude(AttitudeParams(settle_s=1.0))
    attitude.update(ImuSample(0, REST, STILL), 1.0 - short_s)
    assert attitude.settled is settled


def test_a_direction_that_nearly_cancels_out_is_still_one() -> None:
    attitude = Attitude(AttitudeParams(gravity_per_s=0.5, bias_per_s2=0.0, posture_tau_s=0.5))
    for _ in range(2):
        attitude.update(ImuSample(0, (0.0, 0.0, 8.0), STILL), 0.25)
    attitude.update(ImuSample(0, (3.2, 0.0, -52.0), STILL), 0.25)  # leaves 0.05 across and 0.0625 along
    assert attitude.up == pytest.approx((0.6247, 0.0, 0.7809), abs=1e-4)
    attitude.up, attitude._mean_m_s2 = (0.0, 0.0, 1.0), 8.0
    attitude._posture = (0.04, 0.0, -1.0)
    attitude.update(ImuSample(0, (0.0, 0.0, 8.0), STILL), 0.25)
    assert attitude.tilt_rad == pytest.approx(pi / 2, abs=0.01)


def test_upside_down_is_half_a_turn_however_it_is_rounded() -> None:
    rng = np.random.default_rng(3)
    attitude = rest(1.0)
    for _ in range(300):
        x, y, z = (float(v) for v in rng.normal(0.0, 1.0, 3))
        attitude.up, attitude._posture = (x, y, z), (-x, -y, -z)
        attitude.update(ImuSample(0, REST, STILL), 0.0)
        assert attitude.tilt_rad == pytest.approx(pi, abs=1e-6)


def test_who_only_goes_down_is_not_thrown_however_it_is_rounded() -> None:
    rng = np.random.default_rng(3)
    attitude = rest(1.0)
    for _ in range(300):
        x, y, z = (float(v) for v in rng.normal(0.0, 1.0, 3))
        attitude.up, attitude._gained_m_s = (x, y, z), (-0.7 * x, -0.7 * y, -0.7 * z)
        attitude.update(ImuSample(0, REST, STILL), 0.0)
        assert attitude.sideways_m_s == pytest.approx(0.0, abs=1e-6)


def turned(v: Vec3) -> Vec3:
    """The same vector seen in axes that stand one place further: a pod worn another way round."""
    return v[2], v[0], v[1]


@pytest.mark.parametrize("seed", range(3))
def test_a_pod_worn_another_way_round_measures_the_same(seed: int) -> None:
    chance = np.random.default_rng(seed)
    motion = [
        ((chance.normal(1.0, 3.0), chance.normal(-2.0, 3.0), chance.normal(9.0, 4.0)),
         (chance.normal(0.3, 2.0), chance.normal(-0.2, 2.0), chance.normal(0.1, 2.0)))
        for _ in range(800)
    ]  # fmt: skip
    one, other = Attitude(AttitudeParams()), Attitude(AttitudeParams())
    for accel, gyro in motion:
        fed([(accel, gyro)], into=one)
        fed([(turned(accel), turned(gyro))], into=other)
        if not one.settled:
            continue
        assert other.up == pytest.approx(turned(one.up), abs=1e-9)
        seen = [
            (
                it.tilt_rad,
                it.turning_rad_s,
                it.sideways_m_s,
                it.height_lost_m,
                it.down_velocity_m_s,
                it.gravity_g,
            )
            for it in (one, other)
        ]
        assert seen[0] == pytest.approx(seen[1], abs=1e-9)


def test_a_pod_that_has_just_settled_has_moved_nowhere() -> None:
    it = rest(0.505)
    assert it.settled
    seen = (it.height_lost_m, it.sideways_m_s, it.tilt_rad, it.turning_rad_s)
    assert seen == pytest.approx((0.0, 0.0, 0.0, 0.0), abs=1e-12)


def test_the_scale_is_the_plain_mean_until_two_steps_have_been_seen() -> None:
    settled = rest(0.5)
    assert fed([((0.0, 0.0, G + 1.0), STILL)] * 100, into=settled).gravity_g == pytest.approx(
        (G + 0.5) / G, rel=1e-3
    )


def test_the_posture_is_the_plain_mean_until_it_is_known() -> None:
    leaning = turning_about_x(4.0, 0.05)
    it = fed(leaning + [(leaning[-1][0], STILL)] * 90, into=rest(0.5))
    assert it.tilt_rad == pytest.approx(0.2 * (1.0 - 0.475), abs=0.005), (
        "upright for one half, leaning for the other"
    )


def test_a_long_free_fall_leaves_a_scale_that_can_be_divided_by() -> None:
    it = fed([((0.0, 0.0, 0.0), STILL)] * 4000, into=rest(2.0))
    assert it.gravity_g == pytest.approx(1.0 / G)
