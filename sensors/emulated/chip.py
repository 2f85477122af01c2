"""Owns what every emulated chip has: registers, a pointer on the wire, a sample clock, and its trouble.

Must never read a clock or know who drives it: `write` and `read` are the wire, `advance` is time.
"""

from abc import ABC, abstractmethod

from sensors.emulated.trouble import Kind, Trouble, spoil, strike


class Chip(ABC):
    """A register file. Concrete chips fill in power-on values, stores with side effects, and measuring.

    `trouble` is a list that may be changed at any time.
    """

    register_bytes = 1
    size = 0x100

    def __init__(self) -> None:
        self.registers = bytearray(self.size)
        self.trouble: list[Trouble] = []
        self.t_ns = 0
        self._pointer = 0
        self._started_ns = 0
        self._index = 0
        self._silent_until_ns = 0  # no answer while it boots; at the start it has long been powered
        self.power_on()

    def write(self, data: bytes) -> None:
        """One write message: the register address, then bytes to store. Raises OSError for trouble."""
        self._acknowledge()
        if len(data) < self.register_bytes:
            return
        self._pointer = int.from_bytes(data[: self.register_bytes], "big")
        for value in data[self.register_bytes :]:
            self._store(self._pointer, value)
            self._pointer = (self._pointer + self._increment()) % self.size

    def read(self, n: int) -> bytes:
        """One read message of `n` bytes from the pointer on. Raises OSError for trouble."""
        self._acknowledge()
        first = self._pointer % self.size
        step = self._increment()
        if step and first + n <= self.size:
            data = bytes(self.registers[first : first + n])
        else:
            data = bytes(self.registers[(first + i * step) % self.size] for i in range(n))
        self._pointer = first + n * step
        cleared = self._flag()
        if cleared and first < cleared[0].stop and first + n > cleared[0].start:
            self.registers[cleared[1]] = 0
        return spoil(self.trouble, self.t_ns, data) if self.trouble else data

    def advance(self, t_ns: int) -> None:
        """Moves the chip's clock to `t_ns`; a reading that became due is measured from the truth as it is now."""
        self.t_ns = t_ns
        if self._struck(Kind.RESET):
            self.power_on()
        period_ns = self._period_ns()
        if period_ns == 0:
            self._started_ns, self._index = t_ns, 0
            return
        index = (t_ns - self._started_ns) // period_ns
        if index != self._index:
            self._index = index
            self._due()

    def power_on(self) -> None:
        """Starts from the power-on values, as after a brown-out or the reset bit."""
        self.registers = bytearray(self.size)
        self._pointer = 0
        self._restart_clock()
        self._reset_values()

    def _due(self) -> None:
        if self._struck(Kind.NO_DATA_READY):
            return
        self._measure(frozen=self._struck(Kind.FROZEN), saturated=self._struck(Kind.SATURATE))

    def _restart_clock(self) -> None:
        self._started_ns, self._index = self.t_ns, 0

    def _struck(self, kind: Kind) -> bool:
        return any(trouble.kind is kind and trouble.strikes(self.t_ns) for trouble in self.trouble)

    def _acknowledge(self) -> None:
        if self.trouble:
            strike(self.trouble, self.t_ns)
        if self.t_ns < self._silent_until_ns:
            raise OSError(121, "booting")

    def _increment(self) -> int:
        return 1

    def _flag(self) -> tuple[range, int] | None:
        """The registers whose reading clears a ready flag, and that flag's register; None: reading clears nothing."""
        return None

    @abstractmethod
    def _store(self, register: int, value: int) -> None:
        """One byte that is written, with its side effects."""

    @abstractmethod
    def _reset_values(self) -> None:
        """What is not zero after power-on."""

    @abstractmethod
    def _period_ns(self) -> int:
        """Time between two readings as configured; 0 when the chip does not measure."""

    @abstractmethod
    def _measure(self, *, frozen: bool, saturated: bool) -> None:
        """One reading into the output registers, with its ready flag."""
