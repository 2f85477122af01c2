"""Owns the MPU-6050 family (InvenSense RM-MPU-6000A): the chips sold under that name, distinguished by their id.

Must never take a chip it does not know, nor the zeros of a sleeping one.
"""

from struct import Struct

from sensors.advice import HardwareError
from sensors.imu import RAD_PER_DEG, STANDARD_GRAVITY_M_S2, Counts, Pod, check
from sensors.registers import Registers, Row
from sensors.samples import Fault

ADDRESSES = (0x68, 0x69)  # PS-MPU-6000A section 6.4: AD0 to ground, to the supply
ADDRESS = ADDRESSES[0]
WHO_AM_I = 0x75
PWR_MGMT_1 = 0x6B
DEVICE_RESET = 0x80
ACCEL_XOUT_H = 0x3B  # accel x y z, temperature, gyro x y z, big endian
BURST_BYTES = 14

# The first three and 0x74, 0x98 are the ids of the makers' own parts; 0x72 and 0x75 were found on modules sold
# as MPU-6050.
CHIPS: dict[int, str] = {
    0x68: "MPU-6050",
    0x70: "MPU-6500",
    0x71: "MPU-9250",
    0x72: "MPU-6050 clone (0x72)",
    0x74: "MPU-6515",
    0x75: "MPU-6515 (0x75)",
    0x98: "ICM-20689",
}
OLD_CHIPS = (0x68, 0x72)  # one low-pass for both sensors; the newer ones have another for the accelerometer

ACCEL_M_S2_PER_COUNT = STANDARD_GRAVITY_M_S2 / 2048  # RM 4.17: 2048 LSB/g at 16 g
GYRO_RAD_S_PER_COUNT = RAD_PER_DEG / 16.4  # RM 4.19: 16.4 LSB/(deg/s) at 2000 deg/s

ROWS = (
    Row("PWR_MGMT_1", PWR_MGMT_1, 0x01, 0xFF, "RM 4.28: awake, clock from the gyro"),
    Row("PWR_MGMT_2", 0x6C, 0x00, 0xFF, "RM 4.29: every axis on"),
    Row("SMPLRT_DIV", 0x19, 0x00, 0xFF, "RM 4.2: 1 kHz, so that every tick finds a new reading"),
    Row("CONFIG", 0x1A, 0x03, 0xFF, "RM 4.3: low-pass 42 Hz, 4.8 ms late"),
    Row("GYRO_CONFIG", 0x1B, 0x18, 0xFF, "RM 4.4: 2000 deg/s, self-test off"),
    Row("ACCEL_CONFIG", 0x1C, 0x18, 0xFF, "RM 4.5: 16 g, self-test off"),
)
ROWS_6500 = (*ROWS, Row("ACCEL_CONFIG_2", 0x1D, 0x03, 0x0F, "RM-MPU-6500A 4.8: low-pass 41 Hz"))

_unpack = Struct(">3h2x3h").unpack


def decode(data: bytes) -> Counts | Fault:
    """The 14 bytes from ACCEL_XOUT_H on as counts (accel, then gyro), or what is wrong with them."""
    if len(data) != BURST_BYTES:
        return Fault.BAD_VALUE
    counts: Counts = _unpack(data)
    return check(counts) or counts


class Mpu6050(Pod):
    """The cheap hip IMU. `name` is the chip that was found once it is open."""

    NAME = "MPU-6050"
    ADDRESS = ADDRESS
    ROWS = ROWS
    BURST = (ACCEL_XOUT_H, BURST_BYTES)
    SCALES = (ACCEL_M_S2_PER_COUNT, GYRO_RAD_S_PER_COUNT)
    decode = staticmethod(decode)

    def open(self) -> None:
        """Identifies the chip, resets, wakes and configures it. Takes 0.2 s. Raises HardwareError."""
        self._configured = False
        chip_id = self._chip_id(WHO_AM_I)
        if chip_id not in CHIPS:
            known = ", ".join(f"0x{known_id:02x}" for known_id in CHIPS)
            raise HardwareError(
                f"imu at 0x{self._address:02x} on {self._bus.name}: WHO_AM_I is 0x{chip_id:02x}, "
                f"none of the MPU-6050 family ({known})",
                "Usually another chip at this address, or a loose wire",
                "check the part against imu.sensor in the config, then the wires",
            )
        self.name = CHIPS[chip_id]
        rows = ROWS if chip_id in OLD_CHIPS else ROWS_6500
        self._registers = Registers(self._bus, self._address, f"imu ({self.name})", rows)
        for value, wait_s in ((DEVICE_RESET, 0.1), (0x00, 0.01)):  # RM 4.28: reset, then out of sleep
            fault = self._bus.write(self._address, PWR_MGMT_1, bytes((value,)))
            if fault is not None:
                raise self._bus.refusal(f"imu ({self.name})", self._address, fault)
            self._sleep(wait_s)
        self._registers.apply()
        self._sleep(0.05)  # product specification 6.1: the gyro starts in 30 ms
        self._configured = True
        self.read(0)  # drops the reading from before now

    def close(self) -> None:
        """Puts the chip to sleep."""
        self._bus.write(self._address, PWR_MGMT_1, b"\x40")
