"""Owns the emulated range sensors. Noise, reach and colour are not emulated: `set` is what the chip reports."""

from struct import Struct

from sensors.emulated.chip import Chip

_PACK_VL53L1X = Struct(">BBBHHHHHHH").pack
_PACK_TF_LUNA = Struct("<HHhH").pack


class EmulatedVl53l1x(Chip):
    """16-bit registers, boot time, timed ranging, ready flag to be cleared, range status and stream count.

    ST does not publish the power-on values of the configuration block; here they are zeros.
    """

    register_bytes = 2
    size = 0x10000
    BOOT_TIME_NS = 1_200_000
    OSCILLATOR = 0x0272  # clock ticks in a millisecond
    _READ_ONLY = (*range(0x88, 0xF0), 0x010F, 0x0110)

    def __init__(self, model_id: int = 0xEACC) -> None:
        self._model_id = model_id
        self._distance_m = 0.7
        self._status = 9
        self._held = False
        super().__init__()
        self._silent_until_ns = 0

    def set(self, distance_m: float, status: int = 9) -> None:
        """The truth from now on: the distance, and the range status (9 valid, 4 weak, 5 nothing there, 6 noisy)."""
        self._distance_m, self._status = distance_m, status

    def _reset_values(self) -> None:
        self.registers[0x010F:0x0111] = self._model_id.to_bytes(2, "big")
        self.registers[0x00DE:0x00E0] = self.OSCILLATOR.to_bytes(2, "big")
        self.registers[0x00E5] = 0x01
        self.registers[0x0000] = 0x01
        self._silent_until_ns = self.t_ns + self.BOOT_TIME_NS

    def _store(self, register: int, value: int) -> None:
        if register == 0x0000:
            if self._held and value & 1:
                self.power_on()
            self._held = not value & 1
            return
        if self._held or register in self._READ_ONLY:
            return
        self.registers[register] = value
        if (register == 0x86 and value & 1) or register == 0x30:
            self._set_ready(False)
        elif register == 0x87:
            self.registers[0x8B] = 0
            self._restart_clock()

    def _set_ready(self, ready: bool) -> None:
        active_low = bool(self.registers[0x30] & 0x10)
        self.registers[0x31] = self.registers[0x31] & 0xFE | (ready != active_low)

    def _is_ready(self) -> bool:
        return bool(self.registers[0x31] & 1) != bool(self.registers[0x30] & 0x10)

    def _period_ns(self) -> int:
        if self._held or self.registers[0x87] != 0x40:
            return 0
        ticks = int.from_bytes(self.registers[0x6C:0x70], "big")
        return max(1_000_000, int(ticks * 1e6 / (self.OSCILLATOR * 1.075)))

    def _measure(self, *, frozen: bool, saturated: bool) -> None:
        if self._is_ready():
            return  # the chip waits until the last reading is cleared
        self._set_ready(True)
        if frozen:
            return
        count = (
            self.registers[0x8B] + 1 if self.registers[0x8B] < 0xFF else 0x80
        )  # wraps to 128, as ST's does
        distance_mm = 0xFFFF if saturated else max(0, min(0xFFFF, round(self._distance_m * 1e3)))
        self.registers[0x89:0x9A] = _PACK_VL53L1X(
            self._status, 0, count, 0x6000, 0x0300, 0x0010, 0x0010, 0x0400, distance_mm, 0x0300
        )


class EmulatedTfLuna(Chip):
    """Frame rate, enable, continuous and trigger mode, amplitude limit, and a tick in milliseconds."""

    def __init__(self, signature: bytes = b"LUNA") -> None:
        self._signature = signature
        self._distance_m = 0.7
        self._amplitude = 1000
        super().__init__()

    def set(self, distance_m: float, amplitude: int = 1000) -> None:
        """The truth from now on: the distance, and how much light comes back (below 100: too little)."""
        self._distance_m, self._amplitude = distance_m, amplitude

    def _reset_values(self) -> None:
        self.registers[0x22] = 0x10
        self.registers[0x25] = 0x01
        self.registers[0x26] = 100
        self.registers[0x2A] = 10
        self.registers[0x3C:0x40] = self._signature

    def _store(self, register: int, value: int) -> None:
        if register < 0x1F or 0x3C <= register <= 0x3F:
            return
        if register == 0x21 and value == 0x02:
            self.power_on()
            return
        self.registers[register] = value
        if register == 0x24 and value == 0x01 and self.registers[0x23] == 0x01:
            self._due()
        elif register in (0x23, 0x25, 0x26, 0x27):
            self._restart_clock()

    def _period_ns(self) -> int:
        rate_hz = int.from_bytes(self.registers[0x26:0x28], "little")
        if not self.registers[0x25] or self.registers[0x23] or not rate_hz:
            return 0
        return 1_000_000_000 // rate_hz

    def _measure(self, *, frozen: bool, saturated: bool) -> None:
        if frozen:
            return
        amplitude = 0xFFFF if saturated else self._amplitude
        distance_cm = max(0, min(0xFFFF, round(self._distance_m * 1e2)))
        if amplitude < 10 * int.from_bytes(self.registers[0x2A:0x2C], "little"):
            distance_cm = int.from_bytes(self.registers[0x2C:0x2E], "little")  # DUMMY_DIST
        tick_ms = self.t_ns // 1_000_000 & 0xFFFF
        self.registers[0x00:0x08] = _PACK_TF_LUNA(distance_cm, amplitude, 2500, tick_ms)
