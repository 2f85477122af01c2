"""Owns the values every sensor returns. Must never hold a number that is not finite.

A read returns a sample or a fault: never None for trouble, never NaN, never an exception inside the loop.
"""

from dataclasses import dataclass
from enum import Enum
from math import isfinite

Vec3 = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ImuSample:
    """One reading of the hip pod in the body frame: x forward, y left, z up (at rest accel z = +9.81).

    Raises ValueError when a component is not finite.
    """

    t_ns: int
    accel_m_s2: Vec3
    gyro_rad_s: Vec3

    def __post_init__(self) -> None:
        (ax, ay, az), (gx, gy, gz) = self.accel_m_s2, self.gyro_rad_s
        if not isfinite(ax + ay + az + gx + gy + gz):
            raise ValueError(f"imu sample is not finite: {self.accel_m_s2} m/s2, {self.gyro_rad_s} rad/s")


@dataclass(frozen=True, slots=True)
class RangeSample:
    """One raw distance reading of the deck sensor, before mounting and direction are applied.

    `count` is the chip's own stream counter (0 to 255): equal counts are one and the same reading.
    Raises ValueError when the distance is not finite.
    """

    t_ns: int
    distance_m: float
    count: int

    def __post_init__(self) -> None:
        if not isfinite(self.distance_m):
            raise ValueError(f"range sample is not finite: {self.distance_m} m")


class Fault(Enum):
    """Why there is no sample. The value is the word used in traces, events and config."""

    # The chip has no new reading yet: normal now and then; the core limits the age of the last one.
    NOT_READY = "not_ready"
    NO_REPLY = "no_reply"
    BUS_TIMEOUT = "bus_timeout"
    BUS_NOISE = "bus_noise"
    BUS_BUSY = "bus_busy"
    BUS_GONE = "bus_gone"
    WRONG_CHIP = "wrong_chip"
    REGISTER_CHANGED = "register_changed"
    ASLEEP = "asleep"
    FROZEN = "frozen"
    SATURATED = "saturated"
    BAD_VALUE = "bad_value"
    NO_TARGET = "no_target"
    WEAK_SIGNAL = "weak_signal"
