"""Owns the LSM6DSOX (ST, DS12814): 416 Hz, 16 g, 2000 deg/s, both low-passed under half the loop rate.

Must never pass on a burst that is torn, repeated, clipped or all zeros.
"""

from struct import Struct

from sensors.advice import HardwareError
from sensors.imu import RAD_PER_DEG, STANDARD_GRAVITY_M_S2, Counts, Pod, check
from sensors.registers import Row
from sensors.samples import Fault

ADDRESSES = (0x6A, 0x6B)  # DS12814 section 5.1.1: SA0 to ground, to the supply
ADDRESS = ADDRESSES[0]
WHO_AM_I = 0x0F
CHIP_ID = 0x6C
CTRL3_C = 0x12
SW_RESET = 0x01
OUTX_L_G = 0x22  # gyro x y z, then accel x y z, little endian
BURST_BYTES = 12

ACCEL_M_S2_PER_COUNT = 0.488e-3 * STANDARD_GRAVITY_M_S2  # DS12814 table 2: 0.488 mg/LSB at 16 g
GYRO_RAD_S_PER_COUNT = 70e-3 * RAD_PER_DEG  # DS12814 table 2: 70 mdps/LSB at 2000 deg/s

ROWS = (
    Row("CTRL3_C", CTRL3_C, 0x44, 0xFF, "BDU, IF_INC: no torn words, one burst"),
    Row("CTRL1_XL", 0x10, 0x66, 0xFF, "416 Hz, 16 g (falls pass 8 g), LPF2 on"),
    Row("CTRL8_XL", 0x17, 0x20, 0xFF, "LPF2 at ODR/10 = 42 Hz"),
    Row("CTRL2_G", 0x11, 0x6C, 0xFF, "416 Hz, 2000 deg/s"),
    Row("CTRL4_C", 0x13, 0x02, 0xFF, "LPF1_SEL_G; gyro awake"),
    Row("CTRL5_C", 0x14, 0x00, 0xFF, "self-test off"),
    Row("CTRL6_C", 0x15, 0x04, 0xFF, "FTYPE 4: gyro LPF1 below 100 Hz; high performance"),
    Row("CTRL7_G", 0x16, 0x00, 0xFF, "gyro high performance, high-pass off"),
    Row("CTRL9_XL", 0x18, 0xE2, 0xFF, "I3C off"),
)

_unpack = Struct("<6h").unpack


def decode(data: bytes) -> Counts | Fault:
    """The 12 bytes from OUTX_L_G on as counts (accel, then gyro), or what is wrong with them."""
    if len(data) != BURST_BYTES:
        return Fault.BAD_VALUE
    gx, gy, gz, ax, ay, az = _unpack(data)
    counts = (ax, ay, az, gx, gy, gz)
    return check(counts) or counts


class Lsm6dsox(Pod):
    """The preferred hip IMU."""

    NAME = "LSM6DSOX"
    ADDRESS = ADDRESS
    ROWS = ROWS
    BURST = (OUTX_L_G, BURST_BYTES)
    SCALES = (ACCEL_M_S2_PER_COUNT, GYRO_RAD_S_PER_COUNT)
    decode = staticmethod(decode)

    def open(self) -> None:
        """Checks the chip id, resets and configures the chip. Takes about 0.1 s. Raises HardwareError."""
        self._configured = False
        chip_id = self._chip_id(WHO_AM_I)
        if chip_id != CHIP_ID:
            raise HardwareError(
                f"imu at 0x{self._address:02x} on {self._bus.name}: WHO_AM_I is 0x{chip_id:02x}, "
                f"a LSM6DSOX has 0x{CHIP_ID:02x}",
                "Usually another chip at this address, or a loose wire",
                "check the part against imu.sensor in the config, then the wires",
            )
        fault = self._bus.write(self._address, CTRL3_C, bytes((SW_RESET,)))
        if fault is not None:
            raise self._bus.refusal("imu (LSM6DSOX)", self._address, fault)
        self._sleep(0.02)  # the reset itself takes 50 us; 20 ms also covers a boot in progress
        self._registers.apply()
        self._sleep(0.08)  # DS12814 table 3: the gyro turns on in 30 ms, then the filters settle
        self._configured = True
        self.read(0)  # drops the reading from before now

    def close(self) -> None:
        """Powers both sensors down."""
        self._bus.write(self._address, 0x10, b"\x00\x00")
