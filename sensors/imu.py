"""Turns a burst in chip axes into a sample in SI units and body axes, for every IMU.

Must never pass on a reading that the chip has repeated: a repeated burst is not a new reading.
"""

import time
from collections.abc import Callable
from typing import ClassVar

from sensors.i2c import Bus
from sensors.registers import Registers, Row
from sensors.samples import Fault, ImuSample, Vec3

STANDARD_GRAVITY_M_S2 = 9.80665
RAD_PER_DEG = 0.017453292519943295
FULL_SCALE = 32767  # counts: here the chips clip, and the true value is unknown

# Noise changes the last bits at every reading; a burst that repeats this often is a chip that hangs.
# The fourth equal burst at 200 Hz is 15 ms after the first: inside the 25 ms that an IMU may be silent.
FROZEN_READS = 4

Counts = tuple[int, int, int, int, int, int]  # accel x y z, gyro x y z
Rotation = tuple[Vec3, Vec3, Vec3]  # rows turn chip axes into body axes
AXES_ALIGNED: Rotation = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
NO_BIAS: Vec3 = (0.0, 0.0, 0.0)


def check(counts: Counts) -> Fault | None:
    """What is wrong with the counts alone: zeros, ones, or an axis at the end of its range."""
    if max(counts) >= FULL_SCALE or min(counts) < -FULL_SCALE:
        return Fault.SATURATED
    if counts == (0, 0, 0, 0, 0, 0):
        return Fault.ASLEEP
    if counts == (-1, -1, -1, -1, -1, -1):
        return Fault.BAD_VALUE  # every bit 1: no chip drove the line
    return None


class Mounting:
    """Turns counts into samples; keeps the last counts to notice a frozen chip.

    `gyro_bias_rad_s` is in chip axes, as `rearguard calibrate` measures it.
    """

    def __init__(
        self,
        rotation: Rotation,
        gyro_bias_rad_s: Vec3,
        accel_m_s2_per_count: float,
        gyro_rad_s_per_count: float,
    ) -> None:
        self._accel = tuple(c * accel_m_s2_per_count for row in rotation for c in row)
        self._gyro = tuple(c * gyro_rad_s_per_count for row in rotation for c in row)
        x, y, z = gyro_bias_rad_s
        self._bias = tuple(a * x + b * y + c * z for a, b, c in rotation)
        self._last: Counts | None = None
        self._repeats = 0

    def sample(self, t_ns: int, counts: Counts) -> ImuSample | Fault:
        """The counts as a sample; NOT_READY when the chip repeats itself, FROZEN when it does so FROZEN_READS times."""
        if counts == self._last:
            self._repeats += 1
            return Fault.FROZEN if self._repeats >= FROZEN_READS - 1 else Fault.NOT_READY
        self._last = counts
        self._repeats = 0
        ax, ay, az, gx, gy, gz = counts
        a, b, c, d, e, f, g, h, i = self._accel
        accel = (a * ax + b * ay + c * az, d * ax + e * ay + f * az, g * ax + h * ay + i * az)
        a, b, c, d, e, f, g, h, i = self._gyro
        p, q, r = self._bias
        gyro = (a * gx + b * gy + c * gz - p, d * gx + e * gy + f * gz - q, g * gx + h * gy + i * gz - r)
        return ImuSample(t_ns, accel, gyro)


class Pod:
    """What all IMUs have in common. A chip adds its numbers, its `decode`, and how it is opened and closed."""

    NAME: ClassVar[str]
    ADDRESS: ClassVar[int]
    ROWS: ClassVar[tuple[Row, ...]]
    BURST: ClassVar[tuple[int, int]]  # first register, bytes
    SCALES: ClassVar[tuple[float, float]]  # m/s2 and rad/s a count
    decode: "ClassVar[staticmethod[[bytes], Counts | Fault]]"

    def __init__(
        self,
        bus: Bus,
        address: int | None = None,
        mounting: Rotation = AXES_ALIGNED,
        gyro_bias_rad_s: Vec3 = NO_BIAS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = self.NAME
        self._bus = bus
        self._address = self.ADDRESS if address is None else address
        self._mounting = Mounting(mounting, gyro_bias_rad_s, *self.SCALES)
        self._registers = Registers(bus, self._address, f"imu ({self.NAME})", self.ROWS)
        self._sleep = sleep
        self._configured = False

    def read(self, t_ns: int) -> ImuSample | Fault:
        """The newest reading, in one burst, stamped with `t_ns`."""
        if not self._configured:
            return Fault.REGISTER_CHANGED  # half a table makes plausible numbers of the wrong scale
        data = self._bus.read(self._address, *self.BURST)
        if isinstance(data, Fault):
            return data
        counts = self.decode(data)
        if isinstance(counts, Fault):
            return counts
        return self._mounting.sample(t_ns, counts)

    def recheck(self) -> Fault | None:
        """Compares one span of registers with the table, the next at each call."""
        return self._registers.recheck()

    def _chip_id(self, register: int) -> int:
        """The chip's own id. Raises HardwareError when it does not answer."""
        answer = self._bus.read(self._address, register, 1)
        if isinstance(answer, Fault):
            raise self._bus.refusal(f"imu ({self.NAME})", self._address, answer)
        return answer[0]
