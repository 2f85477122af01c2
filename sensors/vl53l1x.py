"""Owns the VL53L1X (ST): short mode to 1.3 m, 20 ms budget, a reading every 25 ms.

Must never wait for the chip, and never pass on a distance whose range status is not 0x09.

ST describes few of the registers. Addresses, names and the values that are not self-evident are those of ST's
public register map and ultra-lite driver (STSW-IMG009, UM2510); short mode and budget are its table entries.
"""

import time
from collections.abc import Callable
from struct import Struct

from sensors.advice import HardwareError
from sensors.i2c import Bus
from sensors.registers import Registers, Row
from sensors.samples import Fault, RangeSample

ADDRESSES = (0x29,)  # UM2356 section 2.2: any other is forgotten when the supply goes
ADDRESS = ADDRESSES[0]
MODEL_ID = 0x010F
CHIP_ID = 0xEACC
SOFT_RESET = 0x0000
VHV_CONFIG_TIMEOUT = 0x0008
VHV_CONFIG_INIT = 0x000B
GPIO_TIO_HV_STATUS = 0x0031  # bit 0: a reading is ready (active high, as set below)
INTERRUPT_CLEAR = 0x0086
MODE_START = 0x0087
RANGE_STATUS = 0x0089  # status, report, stream count, spads, ..., distance at 0x0096
OSC_CALIBRATE_VAL = 0x00DE
SYSTEM_STATUS = 0x00E5  # bit 0: booted
BURST_BYTES = 17

START, STOP = b"\x40", b"\x00"
PERIOD_MS = 25  # budget 20 ms + 4 ms that the chip needs between two readings (UM2356, 2.5.3)
BOOT_TRIES = 100  # of 1 ms; the data sheet states 1.2 ms
FIRST_READING_TRIES = 100  # of 2 ms; the first reading also calibrates
MAX_DISTANCE_MM = 4000  # the most that the part can measure (DS12385, 3.1)
GARBAGE = (Fault.BAD_VALUE, Fault.ASLEEP)  # not even the stream count of such a burst is valid
REPEATED_READS = 4  # "ready" with the same stream count this often: the chip hangs

VALID = 9  # range status of a good reading
STATUS_FAULTS: dict[int, Fault] = {
    4: Fault.WEAK_SIGNAL,  # signal below the limit
    5: Fault.NO_TARGET,  # phase out of bounds: nothing within reach
    6: Fault.WEAK_SIGNAL,  # sigma above the limit
    7: Fault.NO_TARGET,  # wrap-around: the target is beyond reach
    12: Fault.NO_TARGET,  # target below the threshold
}
"""Range status -> fault; VALID is the only good one, any other is BAD_VALUE."""

_NAMED: dict[int, tuple[str, int, int, str]] = {
    0x2E: ("PAD_I2C_HV__EXTSUP_CONFIG", 0x01, 0x01, "bus pulled up to AVDD, as on every breakout"),
    0x2F: ("GPIO__HV_PAD_CTRL", 0x01, 0x01, "GPIO pulled up to AVDD"),
    0x30: ("GPIO_HV_MUX__CTRL", 0x01, 0xFF, "ready is active high"),
    0x31: ("GPIO__TIO_HV_STATUS", 0x02, 0x00, "live"),
    0x46: ("SYSTEM__INTERRUPT_CONFIG_GPIO", 0x20, 0xFF, "ready at each new reading"),
    0x4B: ("PHASECAL_CONFIG__TIMEOUT_MACROP", 0x14, 0xFF, "short mode"),
    0x5E: ("RANGE_CONFIG__TIMEOUT_MACROP_A_HI", 0x00, 0xFF, "20 ms budget in short mode"),
    0x5F: ("RANGE_CONFIG__TIMEOUT_MACROP_A_LO", 0x51, 0xFF, "20 ms budget in short mode"),
    0x60: ("RANGE_CONFIG__VCSEL_PERIOD_A", 0x07, 0xFF, "short mode"),
    0x61: ("RANGE_CONFIG__TIMEOUT_MACROP_B_HI", 0x00, 0xFF, "20 ms budget in short mode"),
    0x62: ("RANGE_CONFIG__TIMEOUT_MACROP_B_LO", 0x6E, 0xFF, "20 ms budget in short mode"),
    0x63: ("RANGE_CONFIG__VCSEL_PERIOD_B", 0x05, 0xFF, "short mode"),
    0x64: ("RANGE_CONFIG__SIGMA_THRESH_HI", 0x01, 0xFF, "90 mm (14.2 fixed point)"),
    0x65: ("RANGE_CONFIG__SIGMA_THRESH_LO", 0x68, 0xFF, "90 mm (14.2 fixed point)"),
    0x66: ("RANGE_CONFIG__MIN_COUNT_RATE_RTN_LIMIT_HI", 0x00, 0xFF, "1 Mcps (9.7 fixed point)"),
    0x67: ("RANGE_CONFIG__MIN_COUNT_RATE_RTN_LIMIT_LO", 0x80, 0xFF, "1 Mcps (9.7 fixed point)"),
    0x69: ("RANGE_CONFIG__VALID_PHASE_HIGH", 0x38, 0xFF, "short mode"),
    0x78: ("SD_CONFIG__WOI_SD0", 0x07, 0xFF, "short mode"),
    0x79: ("SD_CONFIG__WOI_SD1", 0x05, 0xFF, "short mode"),
    0x7A: ("SD_CONFIG__INITIAL_PHASE_SD0", 0x06, 0xFF, "short mode"),
    0x7B: ("SD_CONFIG__INITIAL_PHASE_SD1", 0x06, 0xFF, "short mode"),
    0x7F: ("ROI_CONFIG__USER_ROI_CENTRE_SPAD", 0xC7, 0xFF, "middle of the array"),
    0x80: ("ROI_CONFIG__USER_ROI_REQUESTED_GLOBAL_XY_SIZE", 0xFF, 0xFF, "all 16 x 16 SPADs"),
    0x81: ("SYSTEM__SEQUENCE_CONFIG", 0x9B, 0xFF, "steps of one reading"),
    0x86: ("SYSTEM__INTERRUPT_CLEAR", 0x01, 0x00, "strobe"),
}
_INTERMEASUREMENT = 0x6C  # four bytes
# Values other than 0 that the part needs and ST does not describe.
_TUNING: dict[int, int] = {
    0x33: 0x02, 0x34: 0x08, 0x36: 0x08, 0x37: 0x10, 0x38: 0x01, 0x39: 0x01, 0x3E: 0xFF, 0x40: 0x0F,
    0x47: 0x0B, 0x4A: 0x02, 0x4C: 0x21, 0x4F: 0x05, 0x54: 0xC8, 0x57: 0x38, 0x58: 0xFF, 0x59: 0x01,
    0x5B: 0x08, 0x68: 0x08, 0x77: 0x01, 0x7E: 0x02, 0x85: 0x01,
}  # fmt: skip

_unpack = Struct(">BxB10xH2x").unpack


def rows(oscillator: int) -> tuple[Row, ...]:
    """The table 0x2D to 0x86. `oscillator` is the chip's own 0x00DE word: its clock ticks in a millisecond."""
    period = int((oscillator & 0x3FF) * PERIOD_MS * 1.075).to_bytes(4, "big")  # UM2510: clock is 7.5 % fast
    table = []
    for address in range(0x2D, MODE_START):
        if address in _NAMED:
            name, value, mask, meaning = _NAMED[address]
            table.append(Row(name, address, value, mask, meaning))
        elif _INTERMEASUREMENT <= address < _INTERMEASUREMENT + 4:
            i = address - _INTERMEASUREMENT
            table.append(Row(f"SYSTEM__INTERMEASUREMENT_PERIOD_{i}", address, period[i], 0xFF, "25 ms"))
        else:
            table.append(Row(f"0x{address:02x}", address, _TUNING.get(address, 0), 0x00, "not described"))
    return tuple(table)


def decode(data: bytes) -> tuple[float, int] | Fault:
    """The 17 bytes from RANGE_STATUS on as (distance in m, stream count), or why there is no distance."""
    if len(data) != BURST_BYTES:
        return Fault.BAD_VALUE
    status, count, distance_mm = _unpack(data)
    if status & 0x1F != VALID:
        return Fault.ASLEEP if not any(data) else STATUS_FAULTS.get(status & 0x1F, Fault.BAD_VALUE)
    if not 0 < distance_mm <= MAX_DISTANCE_MM:
        return Fault.BAD_VALUE
    return distance_mm / 1000, count


class Vl53l1x:
    """The deck sensor for ranges to 1.3 m."""

    def __init__(self, bus: Bus, address: int = ADDRESS, sleep: Callable[[float], None] = time.sleep) -> None:
        self.name = "VL53L1X"
        self._bus = bus
        self._address = address
        self._registers = Registers(bus, address, "range (VL53L1X)", rows(0), 2)
        self._last_count = -1
        self._repeats = 0
        self._sleep = sleep
        self._configured = False

    def open(self) -> None:
        """Checks the id, resets, configures, calibrates and starts ranging. Takes 0.1 s. Raises HardwareError."""
        self._configured = False
        model = int.from_bytes(self._need(self._bus.read(self._address, MODEL_ID, 2, 2)))
        if model != CHIP_ID:
            raise HardwareError(
                f"range at 0x{self._address:02x} on {self._bus.name}: model id is 0x{model:04x}, "
                f"a VL53L1X has 0x{CHIP_ID:04x}",
                "Usually a VL53L0X or VL53L4CD, which look the same, or a loose wire",
                "check the part against range.sensor in the config, then the wires",
            )
        self._write(SOFT_RESET, b"\x00")
        self._sleep(0.001)
        self._write(SOFT_RESET, b"\x01")
        self._sleep(0.002)  # DS12385 3.2: no answer for 1.2 ms
        self._wait(SYSTEM_STATUS, BOOT_TRIES, 0.001, "does not boot")
        oscillator = int.from_bytes(self._need(self._bus.read(self._address, OSC_CALIBRATE_VAL, 2, 2)))
        self._registers = Registers(self._bus, self._address, "range (VL53L1X)", rows(oscillator), 2)
        self._registers.apply()
        # One reading calibrates the high voltage; later ones then start from its result.
        self._write(MODE_START, START)
        self._wait(GPIO_TIO_HV_STATUS, FIRST_READING_TRIES, 0.002, "does not finish its first reading")
        self._write(INTERRUPT_CLEAR, b"\x01")
        self._write(MODE_START, STOP)
        self._write(VHV_CONFIG_TIMEOUT, b"\x09")
        self._write(VHV_CONFIG_INIT, b"\x00")
        self._write(MODE_START, START)
        # A reading from before now does not count as new.
        self._last_count = self._need(self._bus.read(self._address, RANGE_STATUS, BURST_BYTES, 2))[2]
        self._repeats = 0
        self._configured = True

    def poll(self, t_ns: int) -> RangeSample | Fault | None:
        """A reading that is new, why it is no distance, or None when there is none yet."""
        if not self._configured:
            return Fault.REGISTER_CHANGED  # half a table makes plausible numbers that are not true
        ready = self._bus.read(self._address, GPIO_TIO_HV_STATUS, 1, 2)
        if isinstance(ready, Fault):
            return ready
        if not ready[0] & 0x01:
            return None
        data = self._bus.read(self._address, RANGE_STATUS, BURST_BYTES, 2)
        if isinstance(data, Fault):
            return data
        # A clear that is lost shows the same reading again: that is what the repeats are counted for.
        self._bus.write(self._address, INTERRUPT_CLEAR, b"\x01", 2)
        reading = decode(data)
        if reading in GARBAGE:
            return reading
        if data[2] == self._last_count:
            self._repeats += 1
            return Fault.FROZEN if self._repeats >= REPEATED_READS - 1 else None
        self._last_count, self._repeats = data[2], 0
        return reading if isinstance(reading, Fault) else RangeSample(t_ns, *reading)

    def recheck(self) -> Fault | None:
        """Compares one span of registers with the table, the next at each call."""
        return self._registers.recheck()

    def close(self) -> None:
        """Stops ranging: the laser goes dark."""
        self._bus.write(self._address, MODE_START, STOP, 2)

    def _need(self, answer: bytes | Fault | None) -> bytes:
        if isinstance(answer, Fault):
            raise self._bus.refusal("range (VL53L1X)", self._address, answer)
        return answer or b""

    def _write(self, register: int, data: bytes) -> None:
        self._need(self._bus.write(self._address, register, data, 2))

    def _wait(self, register: int, tries: int, pause_s: float, trouble: str) -> None:
        answer: bytes | Fault = b""
        for _ in range(tries):
            answer = self._bus.read(self._address, register, 1, 2)
            if not isinstance(answer, Fault) and answer[0] & 0x01:
                return
            self._sleep(pause_s)  # a chip that boots does not even acknowledge
        self._need(answer)
        raise HardwareError(
            f"range (VL53L1X) at 0x{self._address:02x} on {self._bus.name}: {trouble}",
            "Usually too weak a supply, or XSHUT not pulled up",
            "check 3V3 and XSHUT at the sensor, power it off and on, then try again",
        )
