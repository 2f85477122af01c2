"""Owns a chip's configuration as a table: applies it, and later proves row by row that the chip still holds it.

Must never decide what a lost register means: it says which row, the core's health counts.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sensors.i2c import Bus, SensorError
from sensors.samples import Fault


class Row(NamedTuple):
    """One register: its datasheet name, the value we write, the bits that must read back, and what it is for.

    Mask 0: written, never compared (strobes, live bits, registers the maker does not describe).
    """

    name: str
    address: int
    value: int
    mask: int
    meaning: str


class Registers:
    """One chip's table on the bus."""

    __slots__ = ("_address", "_bus", "_next", "_register_bytes", "_rows", "_sensor", "_watched")

    def __init__(
        self, bus: Bus, address: int, sensor: str, rows: Sequence[Row], register_bytes: int = 1
    ) -> None:
        self._rows = tuple(rows)
        self._watched = tuple(row for row in rows if row.mask)
        self._bus = bus
        self._address = address
        self._sensor = sensor
        self._register_bytes = register_bytes
        self._next = 0

    def apply(self) -> None:
        """Writes every row and reads it back. Raises SensorError at the first that does not hold."""
        for row in self._rows:
            held = self._bus.write_and_verify(self._address, row.address, row.value, self._register_bytes)
            if isinstance(held, Fault):
                raise self._bus.refusal(self._sensor, self._address, held)
            if (held ^ row.value) & row.mask:
                raise SensorError(
                    f"{self._sensor}: wrote 0x{row.value:02x} to {row.name}, read back 0x{held:02x}",
                    "Usually a loose wire or too weak a supply",
                    "check the wires and the 3V3 at the sensor, then try again",
                )

    def recheck(self) -> Fault | None:
        """Reads one row, the next at each call. None when the chip still holds it."""
        row = self._watched[self._next]
        self._next = (self._next + 1) % len(self._watched)
        held = self._bus.read(self._address, row.address, 1, self._register_bytes)
        if isinstance(held, Fault):
            return held
        return Fault.REGISTER_CHANGED if (held[0] ^ row.value) & row.mask else None
