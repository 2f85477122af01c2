"""Owns a chip's configuration as a table: applies it, and later checks piece by piece that the chip still holds it.

Must never decide what a lost register means: it reports one, and the core's health counts.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sensors.advice import HardwareError
from sensors.i2c import Bus
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


class Span(NamedTuple):
    """Watched rows at neighbouring addresses, read in one burst and compared as one big-endian number."""

    address: int
    n: int
    value: int
    mask: int


class Registers:
    """One chip's table on the bus."""

    def __init__(
        self, bus: Bus, address: int, sensor: str, rows: Sequence[Row], register_bytes: int = 1
    ) -> None:
        self._rows = tuple(rows)
        self._spans = spans(rows)
        self._bus = bus
        self._address = address
        self._sensor = sensor
        self._register_bytes = register_bytes
        self._next = 0

    def apply(self) -> None:
        """Writes every row and reads it back. Raises HardwareError at the first that does not hold."""
        for row in self._rows:
            held = self._bus.write_and_verify(self._address, row.address, row.value, self._register_bytes)
            if isinstance(held, Fault):
                raise self._bus.refusal(self._sensor, self._address, held)
            if (held ^ row.value) & row.mask:
                raise HardwareError(
                    f"{self._sensor}: wrote 0x{row.value:02x} to {row.name}, read back 0x{held:02x}",
                    "Usually a loose wire or too weak a supply",
                    "check the wires and the 3V3 at the sensor, then try again",
                )

    def recheck(self) -> Fault | None:
        """Reads one span, the next at each call; None when the chip still holds it.

        A span that was not good is read again at the next call: a bit error is gone then, a lost register is not.
        """
        span = self._spans[self._next]
        held = self._bus.read(self._address, span.address, span.n, self._register_bytes)
        if isinstance(held, Fault):
            return held
        if (int.from_bytes(held, "big") ^ span.value) & span.mask:
            return Fault.REGISTER_CHANGED
        self._next = (self._next + 1) % len(self._spans)
        return None


def spans(rows: Sequence[Row]) -> tuple[Span, ...]:
    """The rows that can be compared, neighbours joined."""
    joined: list[Span] = []
    for row in sorted((row for row in rows if row.mask), key=lambda row: row.address):
        last = joined[-1] if joined else None
        if last is not None and last.address + last.n == row.address:
            joined[-1] = Span(
                last.address, last.n + 1, last.value << 8 | row.value, last.mask << 8 | row.mask
            )
        else:
            joined.append(Span(row.address, 1, row.value, row.mask))
    return tuple(joined)
