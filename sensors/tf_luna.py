"""Owns the TF-Luna (Benewake, product manual A05): 0.2 to 8 m, 100 readings a second, I2C mode (pin 5 to ground).

Must never pass on a distance whose amplitude is too low or too high to trust.
"""

import time
from collections.abc import Callable
from struct import Struct

from sensors.advice import HardwareError
from sensors.i2c import Bus
from sensors.registers import Registers, Row
from sensors.samples import Fault, RangeSample

ADDRESSES = (0x10,)  # manual, 6.1: the one it is delivered with
ADDRESS = ADDRESSES[0]
SIGNATURE = 0x3C
CHIP_ID = b"LUNA"
DISTANCE = 0x00  # distance, amplitude, temperature, tick: four little-endian words
BURST_BYTES = 8

MIN_AMPLITUDE = 100  # manual, 7.1: below this, and at 0xFFFF, the distance is not reliable
OVEREXPOSED = 0xFFFF
ALL_ONES = b"\xff" * BURST_BYTES  # no chip drove the line
GARBAGE = (Fault.BAD_VALUE, Fault.ASLEEP)  # not even the tick of such a burst is valid
MAX_DISTANCE_CM = 800  # manual, 4: the range at 90 % reflectivity

ROWS = (
    Row("ENABLE", 0x25, 0x01, 0xFF, "on"),
    Row("MODE", 0x23, 0x00, 0xFF, "continuous"),
    Row("FPS_LOW", 0x26, 100, 0xFF, "100 readings a second, the rate its noise is given for"),
    Row("FPS_HIGH", 0x27, 0, 0xFF, "100 readings a second"),
    Row("LOW_POWER", 0x28, 0x00, 0xFF, "full power"),
    Row("AMP_THR_LOW", 0x2A, MIN_AMPLITUDE // 10, 0xFF, "amplitude limit / 10"),
    Row("AMP_THR_HIGH", 0x2B, 0, 0xFF, "amplitude limit / 10"),
)

_unpack = Struct("<HH2xH").unpack


def decode(data: bytes) -> float | Fault:
    """The 8 bytes from DISTANCE on as a distance in m, or why there is none."""
    if len(data) != BURST_BYTES:
        return Fault.BAD_VALUE
    distance_cm, amplitude, _ = _unpack(data)
    if amplitude == OVEREXPOSED:
        return Fault.SATURATED if data != ALL_ONES else Fault.BAD_VALUE
    if amplitude < MIN_AMPLITUDE:
        return Fault.WEAK_SIGNAL if any(data) else Fault.ASLEEP
    if distance_cm == 0:
        return Fault.NO_TARGET
    if distance_cm > MAX_DISTANCE_CM:
        return Fault.BAD_VALUE
    return float(distance_cm / 100)


I2C_MODE = "connect pin 5 to ground and pin 1 to 5 V before power comes on"


class TfLuna:
    """The deck sensor for long or sunlit decks."""

    def __init__(self, bus: Bus, address: int = ADDRESS, sleep: Callable[[float], None] = time.sleep) -> None:
        self.name = "TF-Luna"
        self._bus = bus
        self._address = address
        self._registers = Registers(bus, address, "range (TF-Luna)", ROWS)
        self._tick = b""
        self._count = 0
        self._sleep = sleep
        self._configured = False

    def open(self) -> None:
        """Checks the signature and configures the sensor. Raises HardwareError."""
        self._configured = False
        signature = self._bus.read(self._address, SIGNATURE, len(CHIP_ID))
        if isinstance(signature, Fault):
            what, why, do = self._bus.refusal("range (TF-Luna)", self._address, signature).advice
            raise HardwareError(what, f"{why}, or it is in serial mode", f"{do}; {I2C_MODE}")
        if signature != CHIP_ID:
            raise HardwareError(
                f"range at 0x{self._address:02x} on {self._bus.name}: signature is {signature!r}, "
                f"a TF-Luna has {CHIP_ID!r}",
                "Usually another sensor at this address, or one in serial mode",
                f"check range.sensor in the config; {I2C_MODE}",
            )
        self._registers.apply()
        self._sleep(0.02)  # two readings at the new rate
        self._configured = True
        self.poll(0)  # drops the reading from before now

    def poll(self, t_ns: int) -> RangeSample | Fault | None:
        """A reading that is new by the sensor's own tick, why it is no distance, or None when there is none yet."""
        if not self._configured:
            return Fault.REGISTER_CHANGED  # half a table makes plausible numbers that are not true
        data = self._bus.read(self._address, DISTANCE, BURST_BYTES)
        if isinstance(data, Fault):
            return data
        if data[6:] == self._tick:
            return None
        distance_m = decode(data)
        if distance_m in GARBAGE:
            return distance_m
        self._tick = data[6:]
        self._count = (self._count + 1) & 0xFF
        return distance_m if isinstance(distance_m, Fault) else RangeSample(t_ns, distance_m, self._count)

    def recheck(self) -> Fault | None:
        """Compares one span of registers with the table, the next at each call."""
        return self._registers.recheck()

    def close(self) -> None:
        """Switches the laser off."""
        self._bus.write(self._address, 0x25, b"\x00")
