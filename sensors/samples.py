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

    # The chip has no new reading yet: normal once in a while, an age limit watches it.
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


HINTS: dict[Fault, str] = {
    Fault.NOT_READY: "no new reading. Usually a data rate set too low, or a chip that has stopped measuring: "
    "power it off and on.",
    Fault.NO_REPLY: "no reply (errno 121 or 6). Usually wiring, address or power: check 3V3, SDA, SCL and the "
    "breakaway connector, then run `rearguard check`.",
    Fault.BUS_TIMEOUT: "the bus timed out (errno 110). Usually SDA or SCL held low or a cable that is too long: "
    "unplug the pod, check pull-ups and cable.",
    Fault.BUS_NOISE: "noise on the bus (errno 5). Usually a long cable beside a motor: use the differential "
    "pair, keep away from the relay.",
    Fault.BUS_BUSY: "the bus is busy (errno 16 or 11). Usually another program or a kernel driver has the chip: "
    "stop it, look at `i2cdetect -y 1` for UU.",
    Fault.BUS_GONE: "the bus itself is gone (errno 2, 19 or 9). Usually I2C is off or its driver has failed: "
    "enable I2C in config.txt and reboot.",
    Fault.WRONG_CHIP: "another chip answers at this address. Usually a part that only looks the same: check it "
    "against imu.sensor or range.sensor.",
    Fault.REGISTER_CHANGED: "a configured register lost its value. Usually a brown-out reset: check the supply.",
    Fault.ASLEEP: "the chip sleeps or sends zeros. Usually a brown-out: check the 3V3 regulator at the pod.",
    Fault.FROZEN: "the same reading again and again. Usually the chip hangs: power it off and on.",
    Fault.SATURATED: "the reading is at the end of its range. Usually a hard knock, or a loose wire: check how "
    "the pod sits and its cable.",
    Fault.BAD_VALUE: "the reading is not plausible. Usually noise on the cable: keep it away from motor and relay.",
    Fault.NO_TARGET: "the range sensor sees nobody. Usually its aim, its window, or clothing that swallows light: "
    "check them in this order.",
    Fault.WEAK_SIGNAL: "too little light comes back. Usually a dirty window or dark cloth: clean the window, "
    "check the aim.",
}
"""What - probably why: do this. One sentence for the first, one for the others."""
