"""Owns which pins of a Raspberry Pi's header a setting may name, and why not the others. Must never touch a pin.

SPI's pins (7 to 11) stay allowed: SPI is off on a new system, and where it is on the kernel refuses the pin by name.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

RESERVED = {
    **dict.fromkeys((0, 1), "belongs to the memory chip of add-on boards, which is read at boot"),
    **dict.fromkeys((2, 3), "belongs to the I2C bus: the sensors would go silent"),
    **dict.fromkeys((14, 15), "is the serial console's pin, which talks at boot"),
}
PULLED_UP = range(9)  # BCM2835 ARM peripherals, table 6-31: high from reset until a program takes the pin


class Use(NamedTuple):
    """What one setting does with its pin. Negative: not fitted, or not in use."""

    name: str
    pin: int
    output: bool


def mistakes(uses: Iterable[Use]) -> Iterator[str]:
    """One line for each pin that the header cannot give."""
    taken: dict[int, str] = {}
    for name, pin, output in uses:
        if pin < 0:
            continue
        if pin in RESERVED:
            yield f"{name} = {pin} {RESERVED[pin]}: use another of 9 to 27"
        elif output and pin in PULLED_UP:
            yield f"{name} = {pin} is pulled up from reset on, so what it drives would be on at boot: use 9 to 27"
        if pin in taken:
            yield f"{name} and {taken[pin]} share GPIO {pin}: give each a pin of its own"
        taken[pin] = name
