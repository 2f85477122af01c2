"""Owns the way from raw counts in chip axes to a sample in SI units and body axes, for every IMU.

Must never pass on a reading that the chip has repeated: a repeated burst is no new reading.
"""

from sensors.samples import Fault, ImuSample, Vec3

STANDARD_GRAVITY_M_S2 = 9.80665
RAD_PER_DEG = 0.017453292519943295
FULL_SCALE = 32767  # counts: here the chips clip, and the true value is unknown

# Noise changes the last bits at every reading; a burst that comes back this often is a chip that hangs.
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
        return Fault.BAD_VALUE  # every bit 1: nobody drove the line
    return None


class Mounting:
    """Turns counts into samples; keeps the last counts to notice a frozen chip.

    `gyro_bias_rad_s` is in chip axes, as `rearguard calibrate` measures it.
    """

    __slots__ = ("_accel", "_bias", "_gyro", "_last", "_repeats")

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
        """The counts as a sample; NOT_READY when the chip repeats itself, FROZEN when it does so for long."""
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
