"""Owns an I2C bus of emulated chips in the shape of smbus2.SMBus. Must never read a clock: `advance` is time."""

from collections.abc import Sequence
from ctypes import memmove
from typing import Any

from sensors.emulated.chip import Chip
from sensors.emulated.trouble import Trouble, strike

I2C_M_RD = 0x0001

Message = tuple[int, bytes, int]  # address, bytes to write, bytes to read (0: a write)


class EmulatedBus:
    """Chips on one pair of wires. `trouble` here strikes every address (a held SDA, a vanished adapter)."""

    fd = None

    def __init__(self) -> None:
        self.trouble: list[Trouble] = []
        self.t_ns = 0
        self._chips: dict[int, Chip] = {}

    def attach(self, address: int, chip: Chip) -> None:
        """Connects `chip` to the wires, in place of one that was there before."""
        self._chips[address] = chip
        chip.advance(self.t_ns)

    def chip(self, address: int) -> Chip:
        """The chip at `address`, to change its truth or its trouble."""
        return self._chips[address]

    def detach(self, address: int) -> None:
        """Unplugs the chip at `address`: from now on no chip answers there."""
        del self._chips[address]

    def advance(self, t_ns: int) -> None:
        """Moves every chip's clock to `t_ns`. Call it before the transfers of that moment."""
        self.t_ns = t_ns
        for chip in self._chips.values():
            chip.advance(t_ns)

    def sleep(self, duration_s: float) -> None:
        """In place of time.sleep while a driver opens: advances the emulated clock."""
        self.advance(self.t_ns + round(duration_s * 1e9))

    def transfer(self, messages: Sequence[Message]) -> bytes:
        """One transfer, START to STOP; the bytes of all its reads. Raises OSError as the kernel does."""
        answer = b""
        for address, data, n in messages:
            if self.trouble:
                strike(self.trouble, self.t_ns)
            chip = self._chips.get(address)
            if chip is None:
                raise OSError(121, "Remote I/O error")
            if n:
                answer += chip.read(n)
            else:
                chip.write(data)
        return answer

    def i2c_rdwr(self, *i2c_msgs: Any) -> None:
        """smbus2's combined transfer: fills the buffers of the read messages."""
        run_i2c_msgs(self.transfer, i2c_msgs)

    def read_byte_data(self, i2c_addr: int, register: int) -> int:
        return self.transfer(((i2c_addr, bytes((register,)), 0), (i2c_addr, b"", 1)))[0]

    def write_byte_data(self, i2c_addr: int, register: int, value: int) -> None:
        self.transfer(((i2c_addr, bytes((register, value)), 0),))

    def read_i2c_block_data(self, i2c_addr: int, register: int, length: int) -> list[int]:
        return list(self.transfer(((i2c_addr, bytes((register,)), 0), (i2c_addr, b"", length))))

    def write_i2c_block_data(self, i2c_addr: int, register: int, data: Sequence[int]) -> None:
        self.transfer(((i2c_addr, bytes((register, *data)), 0),))

    def close(self) -> None:
        """Nothing to give back."""


def run_i2c_msgs(transfer: Any, i2c_msgs: Sequence[Any]) -> None:
    """Runs smbus2 messages through `transfer` and copies the answer into the buffers of the reads."""
    answer = transfer(
        [(m.addr, b"", m.len) if m.flags & I2C_M_RD else (m.addr, bytes(m), 0) for m in i2c_msgs]
    )
    for message in i2c_msgs:
        if message.flags & I2C_M_RD:
            memmove(message.buf, answer, message.len)
            answer = answer[message.len :]
