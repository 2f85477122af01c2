"""Owns the emulated IMUs. Low-pass filters and noise are not emulated: truth goes straight into the counts."""

from struct import Struct

from sensors.emulated.chip import Chip
from sensors.samples import Vec3

_G_M_S2 = 9.80665
_RAD_PER_DEG = 0.017453292519943295
_PACK_LITTLE = Struct("<6h").pack
_PACK_BIG = Struct(">7h").pack


def _counts(values: Vec3, per_unit: float, saturated: bool) -> tuple[int, int, int]:
    """What the converter gives: rounded, clipped at 16 bits."""
    if saturated:
        return (32767, -32768, 32767)
    x, y, z = (max(-32768, min(32767, round(value * per_unit))) for value in values)
    return x, y, z


class EmulatedLsm6dsox(Chip):
    """Register addresses, power-on values, ranges and rates of the LSM6DSOX (DS12814)."""

    _ACCEL_MG = (0.061, 0.488, 0.122, 0.244)  # by FS_XL: 2, 16, 4, 8 g
    _GYRO_MDPS = (8.75, 17.5, 35.0, 70.0)  # by FS_G: 250, 500, 1000, 2000 deg/s
    _PERIOD_NS = (0, *(int(1e9 / hz) for hz in (12.5, 26, 52, 104, 208, 416, 833, 1666, 3332, 6667)))
    _READ_ONLY = (*range(0x0F, 0x10), *range(0x1A, 0x3E))

    def __init__(self, who_am_i: int = 0x6C) -> None:
        self._who_am_i = who_am_i
        self._accel_m_s2: Vec3 = (0.0, 0.0, _G_M_S2)
        self._gyro_rad_s: Vec3 = (0.0, 0.0, 0.0)
        super().__init__()

    def set(self, accel_m_s2: Vec3, gyro_rad_s: Vec3) -> None:
        """The truth from now on, in chip axes. At rest, lying flat, accel is (0, 0, +9.81)."""
        self._accel_m_s2, self._gyro_rad_s = accel_m_s2, gyro_rad_s

    def _reset_values(self) -> None:
        self.registers[0x0F] = self._who_am_i
        self.registers[0x12] = 0x04  # CTRL3_C: IF_INC
        self.registers[0x18] = 0xE0  # CTRL9_XL

    def _increment(self) -> int:
        return self.registers[0x12] >> 2 & 1

    def _store(self, register: int, value: int) -> None:
        if register in self._READ_ONLY:
            return
        if register == 0x12 and value & 0x81:  # BOOT, SW_RESET
            self.power_on()
            return
        self.registers[register] = value
        if register == 0x10:
            self._restart_clock()

    def _flag(self) -> tuple[range, int]:
        return range(0x22, 0x2E), 0x1E  # STATUS_REG: XLDA, GDA clear

    def _period_ns(self) -> int:
        return self._PERIOD_NS[min(self.registers[0x10] >> 4, 10)]

    def _measure(self, *, frozen: bool, saturated: bool) -> None:
        self.registers[0x1E] = 0x03
        if frozen:
            return
        accel_fs, gyro_fs = self.registers[0x10] >> 2 & 3, self.registers[0x11] >> 2 & 3
        accel = _counts(self._accel_m_s2, 1e3 / (self._ACCEL_MG[accel_fs] * _G_M_S2), saturated)
        gyro = (0, 0, 0)
        if self.registers[0x11] >> 4:
            gyro = _counts(self._gyro_rad_s, 1e3 / (self._GYRO_MDPS[gyro_fs] * _RAD_PER_DEG), saturated)
        self.registers[0x22:0x2E] = _PACK_LITTLE(*gyro, *accel)


class EmulatedMpu6050(Chip):
    """The MPU-6050 and, by `who_am_i`, its relatives: those from the MPU-6500 on wake up awake."""

    RESET_TIME_NS = 50_000_000  # writes in this time after a reset are lost
    _AWAKE_AT_RESET = (0x70, 0x71, 0x74, 0x75)

    def __init__(self, who_am_i: int = 0x68) -> None:
        self._who_am_i = who_am_i
        self._busy_until_ns = 0
        self._accel_m_s2: Vec3 = (0.0, 0.0, _G_M_S2)
        self._gyro_rad_s: Vec3 = (0.0, 0.0, 0.0)
        super().__init__()

    def set(self, accel_m_s2: Vec3, gyro_rad_s: Vec3) -> None:
        """The truth from now on, in chip axes. At rest, lying flat, accel is (0, 0, +9.81)."""
        self._accel_m_s2, self._gyro_rad_s = accel_m_s2, gyro_rad_s

    def _reset_values(self) -> None:
        self.registers[0x75] = self._who_am_i
        self.registers[0x6B] = 0x01 if self._who_am_i in self._AWAKE_AT_RESET else 0x40

    def _store(self, register: int, value: int) -> None:
        if self.t_ns < self._busy_until_ns or register == 0x75 or 0x3A <= register <= 0x60:
            return
        if register == 0x6B and value & 0x80:
            self.power_on()
            self._busy_until_ns = self.t_ns + self.RESET_TIME_NS
            return
        self.registers[register] = value
        if register in (0x6B, 0x19, 0x1A):
            self._restart_clock()

    def _flag(self) -> tuple[range, int]:
        return range(0x3A, 0x3B), 0x3A  # INT_STATUS clears on read

    def _period_ns(self) -> int:
        if self.registers[0x6B] & 0x40:
            return 0
        internal_ns = 1_000_000 if 1 <= self.registers[0x1A] & 7 <= 6 else 125_000
        return internal_ns * (1 + self.registers[0x19])

    def _measure(self, *, frozen: bool, saturated: bool) -> None:
        self.registers[0x3A] |= 0x01
        if frozen:
            return
        accel_fs, gyro_fs = self.registers[0x1C] >> 3 & 3, self.registers[0x1B] >> 3 & 3
        accel = _counts(self._accel_m_s2, (16384 >> accel_fs) / _G_M_S2, saturated)
        gyro = _counts(self._gyro_rad_s, 131.2 / (1 << gyro_fs) / _RAD_PER_DEG, saturated)
        self.registers[0x3B:0x49] = _PACK_BIG(*accel, -3920, *gyro)  # temperature: 25 degrees
