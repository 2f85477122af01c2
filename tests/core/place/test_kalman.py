"""The filter against filterpy and numpy, and what it learns against what the readings really did."""

import math
from random import Random

import numpy as np
import pytest
from filterpy.kalman import KalmanFilter

from firmware_py.core.deck.params import PositionParams
from firmware_py.core.place.kalman import (
    CALM_SIGMAS,
    LEARN_FIRST_S,
    LEARN_QUICK_S,
    LEARN_SLOW_S,
    PULL_MIN_M,
    PULL_TOP,
    TREND_S,
    Kalman,
)

DT_S = 0.025
PINNED = PositionParams(
    noise_min_m=0.015, noise_max_m=0.015
)  # the learning of the noise is no part of an oracle


def placed(params: PositionParams = PINNED, at_m: float = 0.5, sigma_m_s: float = 0.3) -> Kalman:
    kalman = Kalman(params, params.noise_m**2)
    kalman.place(at_m, 0.0, sigma_m_s)
    return kalman


def see(kalman: Kalman, at_m: float, cadence_hz: float | None = None, dt_s: float = DT_S) -> None:
    expected = kalman.expect(dt_s, cadence_hz)
    kalman.correct(expected, at_m - expected.position_m - expected.sway_m)


def test_without_sway_and_surprise_it_is_the_textbook_kalman_filter() -> None:
    """filterpy's filter with the same noise."""
    kalman, random, q = placed(), Random(1), PINNED.calm_m2_s3
    oracle = KalmanFilter(2, 1)
    oracle.F = np.array([[1.0, DT_S], [0.0, 1.0]])
    oracle.H = np.array([[1.0, 0.0]])
    oracle.R *= PINNED.noise_m**2
    oracle.Q = q * np.array([[DT_S**3 / 3, DT_S**2 / 2], [DT_S**2 / 2, DT_S]])
    oracle.x = np.array([[0.5], [0.0]])
    oracle.P = np.diag([PINNED.noise_m**2, 0.09])
    for i in range(400):
        at_m = 0.5 + 0.03 * math.sin(0.5 * i * DT_S) + random.gauss(0.0, 0.006)
        expected = kalman.expect(DT_S, None)
        see(kalman, at_m)
        oracle.predict()
        assert expected.variance_m2 == pytest.approx(float(oracle.P[0, 0] + oracle.R[0, 0]), rel=1e-9)
        oracle.update(at_m)
        assert (kalman.position_m, kalman.velocity_m_s) == pytest.approx(tuple(oracle.x[:, 0]), abs=1e-9)
        assert kalman.velocity_sigma_m_s == pytest.approx(math.sqrt(oracle.P[1, 1]), rel=1e-9)


def test_with_sway_and_sudden_motion_it_is_the_six_state_filter_written_with_matrices() -> None:
    params = PositionParams(noise_min_m=0.015, noise_max_m=0.015, sway_max_m=9.0)
    kalman, random, cadence_hz = placed(params), Random(2), 1.5
    step, stride = params.sway_m**2, 0.16 * params.sway_m**2
    x = np.array([0.5, 0.0, 0.0, 0.0, 0.0, 0.0])
    p = np.diag([params.noise_m**2, 0.09, step, step, stride, stride])
    f = np.eye(6)
    f[0, 1] = DT_S
    drift = np.zeros((6, 6))
    drift[2:, 2:] = np.diag([step, step, stride, stride]) * 2.0 * DT_S / params.sway_tau_s
    sudden = 0.0
    for i in range(200):
        swing = 0.015 * math.sin(2 * math.pi * cadence_hz * i * DT_S)
        at_m = 0.5 + max(0, i - 150) * 0.02 + swing + random.gauss(0.0, 0.004)
        q = params.calm_m2_s3 + kalman.sudden * params.sudden_m2_s3
        drift[:2, :2] = q * np.array([[DT_S**3 / 3, DT_S**2 / 2], [DT_S**2 / 2, DT_S]])
        see(kalman, at_m, cadence_hz)
        sudden = max(sudden, kalman.sudden)
        phase = kalman.phase_rad  # where the oscillators stand has tests of its own
        h = np.array([1.0, 0.0, math.cos(phase), math.sin(phase), math.cos(phase / 2), math.sin(phase / 2)])
        x, p = f @ x, f @ p @ f.T + drift
        gain = p @ h / (h @ p @ h + params.noise_m**2)
        x, p = x + gain * (at_m - h @ x), p - np.outer(gain, h @ p)
        assert (kalman.position_m, kalman.velocity_m_s, *kalman.sway_m) == pytest.approx(tuple(x), abs=1e-9)
    assert sudden > 0.5


def test_a_prediction_alone_changes_nothing() -> None:
    kalman, twin = placed(), placed()
    for _ in range(5):
        kalman.expect(0.1, 1.5)
    assert kalman == twin


@pytest.mark.parametrize("cadence_off", [0.9, 1.0, 1.1])
def test_the_phase_is_pulled_onto_the_frequency_of_the_readings(cadence_off: float) -> None:
    kalman, real_hz = placed(), 1.6
    for i in range(1600):
        see(kalman, 0.5 + 0.015 * math.sin(2 * math.pi * real_hz * i * DT_S), real_hz * cadence_off)
    followed_hz = real_hz * cadence_off + kalman.pull_rad_s / (2 * math.pi)
    assert followed_hz == pytest.approx(real_hz, abs=0.03)
    assert 0.0 <= kalman.phase_rad <= 4.0 * math.pi


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_phase_is_pulled_so_far_and_no_further(sign: float) -> None:
    kalman, furthest = placed(), 0.0
    for i in range(2000):
        see(kalman, 0.5 + 0.02 * math.sin(2 * math.pi * (1.5 + sign * 0.45) * i * DT_S), 1.5)
        furthest = max(furthest, sign * kalman.pull_rad_s)
        assert abs(kalman.pull_rad_s) <= PULL_TOP * 1.5
    assert furthest == PULL_TOP * 1.5


@pytest.mark.parametrize(("more_m", "follows"), [(0.0, False), (1e-9, True)])
def test_a_sway_of_just_the_least_size_has_no_phase_to_follow(more_m: float, follows: bool) -> None:
    kalman = placed()
    kalman.sway_m = (PULL_MIN_M + more_m, 0.0, 0.0, 0.0)
    kalman.pull_rad_s = 1.0
    see(kalman, 0.5, 1.5)
    assert (kalman.pull_rad_s != 1.0) is follows


def test_the_pull_fades_while_the_readings_agree_with_it() -> None:
    kalman = placed()
    kalman.sway_m = (0.01, 0.0, 0.0, 0.0)
    kalman.pull_rad_s = 1.0
    expected = kalman.expect(0.2, 1.5)
    kalman.correct(expected, 0.0)
    assert kalman.pull_rad_s == pytest.approx(1.0 - 0.05 * 0.2)


@pytest.mark.parametrize("first", [2, 4])
def test_a_sway_larger_than_a_bodys_is_motion(first: int) -> None:
    """Twice as much at step frequency as at stride frequency."""
    most_m = PINNED.sway_max_m * (1.0 if first == 2 else 0.5)
    kalman, largest_m = placed(), 0.0
    for i in range(400):
        hz = 1.5 if first == 2 else 0.75
        see(kalman, 0.5 + 0.06 * math.sin(2 * math.pi * hz * i * DT_S), 1.5)
        size_m = math.hypot(*kalman.sway_m[first - 2 : first])
        assert size_m <= most_m + 1e-12
        largest_m = max(largest_m, size_m)
    assert largest_m == pytest.approx(most_m)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_surprises_of_one_sign_let_the_velocity_follow(sign: float) -> None:
    kalman = placed(sigma_m_s=0.1)
    for _ in range(200):
        see(kalman, 0.5)
    assert kalman.sudden == 0.0
    sudden = []
    for k in range(12):
        see(kalman, 0.5 + sign * 0.9 * DT_S * (k + 1))
        sudden.append(kalman.sudden)
    assert max(sudden) == 1.0
    assert sign * kalman.velocity_m_s == pytest.approx(0.9, rel=0.35)


def test_surprises_that_change_their_sign_are_noise() -> None:
    kalman = placed(sigma_m_s=0.1)
    for i in range(200):
        see(kalman, 0.5 + 0.03 * (-1) ** i)
        assert kalman.sudden == 0.0 or i < 4


@pytest.mark.parametrize(("more", "calm"), [(0.0, True), (1e-9, False)])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_trend_of_just_the_calm_one_is_still_noise(sign: float, more: float, calm: bool) -> None:
    kalman = placed()
    keep = math.exp(-DT_S / TREND_S)
    trend = CALM_SIGMAS / keep
    while keep * trend != CALM_SIGMAS:
        trend = math.nextafter(trend, 0.0 if keep * trend > CALM_SIGMAS else 2.0)
    kalman.trend_sigmas = sign * (trend + more)
    see(kalman, 0.5)  # no surprise at all
    assert (kalman.sudden == 0.0, kalman.learned_s > 0.0) == (calm, calm)


@pytest.mark.parametrize("noise_m", [0.004, 0.012, 0.025, 0.05])
def test_the_noise_of_the_readings_is_learned(noise_m: float) -> None:
    params, random = PositionParams(), Random(6)
    kalman = placed(params)
    for _ in range(1200):
        see(kalman, 0.5 + random.gauss(0, noise_m))
    wanted_m = min(max(noise_m, params.noise_min_m), params.noise_max_m)
    assert math.sqrt(kalman.noise_m2) == pytest.approx(wanted_m, rel=0.25)


@pytest.mark.parametrize(
    ("learned_s", "tau_s"), [(LEARN_FIRST_S - 1.0, LEARN_QUICK_S), (LEARN_FIRST_S - 0.9999, LEARN_SLOW_S)]
)
def test_noise_is_learned_quickly_for_three_seconds(learned_s: float, tau_s: float) -> None:
    kalman = placed(PositionParams())
    kalman.learned_s = learned_s
    before_m2 = kalman.noise_m2
    kalman.learn_noise(1e-5, 1.0)
    assert kalman.noise_m2 - before_m2 == pytest.approx(1e-5 / tau_s)


def test_a_new_place_keeps_the_velocity_it_is_given_and_forgets_the_sway() -> None:
    kalman = placed()
    for i in range(80):
        see(kalman, 0.5 + 0.02 * math.sin(2 * math.pi * 1.5 * i * DT_S) + 0.01 * i, 1.5)
    kalman.place(0.9, 0.07, 0.1)
    assert (kalman.position_m, kalman.velocity_m_s, kalman.velocity_sigma_m_s) == (0.9, 0.07, 0.1)
    expected = kalman.expect(0.02, 1.5)
    assert expected.sway_m == 0.0
    assert expected.position_m == pytest.approx(0.9 + 0.07 * 0.02)
    assert (kalman.trend_sigmas, kalman.sudden) == (0.0, 0.0)
