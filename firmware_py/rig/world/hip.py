"""Owns what the IMU at the hip measures: bounce, sway, tilt, and the motion of an act. Must never see the monitor.

Vertical bounce 2 to 4 cm from top to bottom, sharper at foot contact [A]; what an act adds to it: acts.py.
Body frame: x forward (toward the rear of the deck), y left, z up; leaning backward turns about -y.
"""

from dataclasses import dataclass
from math import cos, pi, sin
from random import Random

from firmware_py.rig.world.acts import HipMotion
from sensors.samples import Vec3

_G = 9.80665


@dataclass(frozen=True, slots=True)
class HipParams:
    """How this person bounces, and how the pod sits."""

    bounce_m: float = 0.015  # amplitude at step frequency
    contact: float = 0.35  # second harmonic, part of the bounce's acceleration
    surge_m_s2: float = 0.8  # forward and back at step frequency
    rock_m_s2: float = 0.9  # left and right at stride frequency
    lean_rad: float = 0.06  # the pod's own tilt, incline included
    roll_rad: float = 0.03
    pitch_sway_rad: float = 0.025
    roll_sway_rad: float = 0.035
    yaw_sway_rad_s: float = 0.35
    scale: float = 1.0  # accelerometer scale error: SisFall's resting |a| spans 0.85 to 1.09 g
    noise_m_s2: float = 0.05
    noise_rad_s: float = 0.008
    bias_rad_s: float = 0.01


class Hip:
    """`feel` returns the accelerometer and gyro readings of this moment."""

    __slots__ = ("_params", "_random")

    def __init__(self, params: HipParams, random: Random) -> None:
        self._params = params
        self._random = random

    def feel(self, phase: float, cadence_hz: float, effort: float, motion: HipMotion) -> tuple[Vec3, Vec3]:
        """`phase` of the stride and `effort` 0 to 1; `motion`: what the act adds to the gait."""
        p, gauss = self._params, self._random.gauss
        step, stride = 4.0 * pi * phase, 2.0 * pi * phase
        w = 2.0 * pi * cadence_hz
        lift = p.bounce_m * w * w * effort
        up = lift * (cos(step) + p.contact * cos(2.0 * step + 0.8))
        forward = motion.forward_m_s2 + p.surge_m_s2 * effort * sin(step + 0.5)
        left = p.rock_m_s2 * effort * sin(stride)
        back_rad = p.lean_rad + p.pitch_sway_rad * effort * sin(step)
        back_rad_s = p.pitch_sway_rad * effort * w * cos(step)
        roll_rad = p.roll_rad + p.roll_sway_rad * effort * sin(stride + 0.7)
        roll_rad_s = p.roll_sway_rad * effort * 0.5 * w * cos(stride + 0.7)
        yaw_rad_s = motion.yaw_rad_s + p.yaw_sway_rad_s * effort * sin(stride)
        up += motion.up_m_s2
        back_rad += motion.turned_rad
        back_rad_s += motion.turn_rad_s
        sb, cb, sr, cr = sin(back_rad), cos(back_rad), sin(roll_rad), cos(roll_rad)
        vertical = up + _G
        n, s = p.noise_m_s2, p.scale
        accel = (
            s * (forward * cb + vertical * sb) + n * gauss(0.0, 1.0),
            s * (left * cr + vertical * cb * sr) + n * gauss(0.0, 1.0),
            s * (vertical * cb * cr - forward * sb - left * sr) + n * gauss(0.0, 1.0),
        )
        m, b = p.noise_rad_s, p.bias_rad_s
        gyro = (
            roll_rad_s + b + m * gauss(0.0, 1.0),
            -back_rad_s + b + m * gauss(0.0, 1.0),
            yaw_rad_s - b + m * gauss(0.0, 1.0),
        )
        return accel, gyro
