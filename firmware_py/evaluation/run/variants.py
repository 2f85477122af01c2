"""Owns the ways to make a recording harder: another mounting, scale, bias, chip or rate. Must never draw unseeded.

A variant is a function from trial to trial, so a walk and the trial after it change alike.
"""

import zlib
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from math import cos, radians, sin, sqrt

import numpy as np
from scipy.signal import resample_poly

from firmware_py.evaluation.datasets.trials import G_M_S2, Array, Trial

Variant = Callable[[Trial], Trial]

# MPU-6000/6050 product specification rev. 3.4, sections 6.1 and 6.2
_NOISE_M_S2 = 400e-6 * sqrt(188 * 1.57) * G_M_S2  # 400 ug/rtHz through its 188 Hz filter
_NOISE_RAD_S = radians(0.005 * sqrt(188 * 1.57))  # 0.005 deg/s/rtHz
_OFFSET_M_S2 = np.array([0.05, -0.05, 0.08]) * G_M_S2  # zero-g output: 50 mg in x and y, 80 mg in z
_STEP_M_S2 = G_M_S2 / 4096  # +-8 g range
_STEP_RAD_S = radians(1 / 32.8)  # +-1000 deg/s range


def _turned(turn: Array) -> Variant:
    return lambda trial: replace(
        trial, accel_m_s2=trial.accel_m_s2 @ turn.T, gyro_rad_s=trial.gyro_rad_s @ turn.T
    )


def _yaw(angle_deg: float) -> Variant:
    c, s = cos(radians(angle_deg)), sin(radians(angle_deg))
    return _turned(np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]))


def _pitch(angle_deg: float) -> Variant:
    c, s = cos(radians(angle_deg)), sin(radians(angle_deg))
    return _turned(np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]))


def _roll(angle_deg: float) -> Variant:
    c, s = cos(radians(angle_deg)), sin(radians(angle_deg))
    return _turned(np.array([[1, 0, 0], [0, c, -s], [0, s, c]]))


def _scale(factor: float) -> Variant:
    return lambda trial: replace(trial, accel_m_s2=trial.accel_m_s2 * factor)


def _bias(rates_deg_s: tuple[float, float, float]) -> Variant:
    return lambda trial: replace(trial, gyro_rad_s=trial.gyro_rad_s + np.radians(rates_deg_s))


def _cheap_chip(trial: Trial) -> Trial:
    """MPU-6050: white noise, zero-g offset, its own steps. The same recording always gets the same noise."""
    noise = np.random.default_rng(zlib.crc32(trial.name.encode()))
    accel = trial.accel_m_s2 + _OFFSET_M_S2 + noise.normal(0, _NOISE_M_S2, trial.accel_m_s2.shape)
    gyro = trial.gyro_rad_s + noise.normal(0, _NOISE_RAD_S, trial.gyro_rad_s.shape)
    return replace(
        trial,
        accel_m_s2=np.round(accel / _STEP_M_S2) * _STEP_M_S2,
        gyro_rad_s=np.round(gyro / _STEP_RAD_S) * _STEP_RAD_S,
    )


def _rate(rate_hz: float) -> Variant:
    def at_rate(trial: Trial) -> Trial:
        ratio = Fraction(rate_hz / trial.rate_hz).limit_denominator(1000)
        if ratio == 1:
            return trial

        def resampled(rows: Array) -> Array:
            out = resample_poly(rows, ratio.numerator, ratio.denominator, axis=0, padtype="line")
            return np.asarray(out, dtype=np.float64)

        def moved(index: int | None) -> int | None:
            return None if index is None else round(index * ratio)

        return replace(
            trial,
            rate_hz=trial.rate_hz * float(ratio),
            accel_m_s2=resampled(trial.accel_m_s2),
            gyro_rad_s=resampled(trial.gyro_rad_s),
            onset_index=moved(trial.onset_index),
            impact_index=moved(trial.impact_index),
        )

    return at_rate


VARIANTS: dict[str, Variant] = {
    "yaw 37 deg": _yaw(37),
    "yaw 90 deg": _yaw(90),
    "yaw 180 deg": _yaw(180),
    "accel scale +5 %": _scale(1.05),
    "accel scale -5 %": _scale(0.95),
    "gyro bias +2 deg/s, all axes": _bias((2, 2, 2)),
    "gyro bias -2 deg/s, all axes": _bias((-2, -2, -2)),
    "tilt 15 deg forward": _pitch(15),
    "tilt 15 deg backward": _pitch(-15),
    "tilt 15 deg sideways": _roll(15),
    "MPU-6050 noise, offset, steps": _cheap_chip,
    "rate 100 Hz": _rate(100),
    "rate 150 Hz": _rate(150),
    "rate 400 Hz": _rate(400),
}
