"""Owns the check of single IMU samples: a jump that no body makes is rejected once, an impossible value always.
Must never smooth: a sample passes unchanged, or a fault takes its place.
"""

from dataclasses import dataclass

from sensors.samples import Fault, ImuSample, Vec3


@dataclass(frozen=True, slots=True)
class SpikeParams:
    """How far one sample may be from the one before (F08), and the range of the chips."""

    jump_m_s2: float = 40.0
    jump_m_s3: float = 4000.0  # ... plus this per second between the samples
    jump_rad_s: float = 6.0
    jump_rad_s2: float = 600.0
    accel_max_m_s2: float = 170.0  # beyond the 16 g range of the chips
    gyro_max_rad_s: float = 40.0  # beyond the 2000 deg/s range of the chips


@dataclass(slots=True)
class SpikeGate:
    """Rejects a sample that jumps further than a body can; accepts it when the next one agrees."""

    params: SpikeParams
    _t_ns: int = 0
    _accel_m_s2: Vec3 = (0.0, 0.0, 0.0)
    _gyro_rad_s: Vec3 = (0.0, 0.0, 0.0)
    _rejected: bool = True  # the first sample has nothing to be compared with

    def check(self, imu: ImuSample) -> ImuSample | Fault:
        """The sample, or BAD_VALUE in its place."""
        p = self.params
        ax, ay, az = imu.accel_m_s2
        gx, gy, gz = imu.gyro_rad_s
        bx, by, bz = self._accel_m_s2
        hx, hy, hz = self._gyro_rad_s
        dt_s = (imu.t_ns - self._t_ns) * 1e-9
        self._t_ns, self._accel_m_s2, self._gyro_rad_s = imu.t_ns, imu.accel_m_s2, imu.gyro_rad_s
        accel_step = p.jump_m_s2 + p.jump_m_s3 * dt_s
        gyro_step = p.jump_rad_s + p.jump_rad_s2 * dt_s
        near = (
            -accel_step <= ax - bx <= accel_step
            and -accel_step <= ay - by <= accel_step
            and -accel_step <= az - bz <= accel_step
            and -gyro_step <= gx - hx <= gyro_step
            and -gyro_step <= gy - hy <= gyro_step
            and -gyro_step <= gz - hz <= gyro_step
        )
        self._rejected = not near and not self._rejected
        if self._rejected:
            return Fault.BAD_VALUE
        top_a, top_g = p.accel_max_m_s2, p.gyro_max_rad_s
        if (
            -top_a <= ax <= top_a
            and -top_a <= ay <= top_a
            and -top_a <= az <= top_a
            and -top_g <= gx <= top_g
            and -top_g <= gy <= top_g
            and -top_g <= gz <= top_g
        ):
            return imu
        return Fault.BAD_VALUE
