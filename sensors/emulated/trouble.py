"""Owns scripted trouble as data: what goes wrong, when, how often. Must never read a clock: time is given."""

from dataclasses import dataclass, field
from enum import Enum
from random import Random

FOR_EVER_NS = 1 << 63


class Kind(Enum):
    """What goes wrong. The first group strikes a message, the second its bytes, the third the measuring."""

    NACK = 121
    BUS_TIMEOUT = 110
    NOISE = 5
    BUSY = 16
    GONE = 19

    ZEROS = "zeros"  # every byte reads 0x00
    ONES = "ones"  # every byte reads 0xFF
    BIT_FLIP = "bit_flip"  # one bit of the answer is wrong

    # "ready", but the old reading again; a duplicate frame is this with a count or probability.
    FROZEN = "frozen"
    NO_DATA_READY = "no_data_ready"  # the chip answers and never has a reading
    SATURATE = "saturate"  # readings at the end of their range
    RESET = "reset"  # brown-out: the chip starts from its power-on values; give it count=1


@dataclass(slots=True)
class Trouble:
    """One kind of trouble in a span of time: lets `skip` occasions pass, then strikes at most `count` times,
    each time with `probability`. An occasion is a message on the wire, a reading, or (RESET) a step of time.
    """

    kind: Kind
    from_ns: int = 0
    until_ns: int = FOR_EVER_NS
    count: int | None = None
    skip: int = 0
    probability: float = 1.0
    seed: int = 0
    _random: Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)

    def strikes(self, t_ns: int) -> bool:
        """Whether it strikes at this occasion; counts when it does."""
        if not self.from_ns <= t_ns < self.until_ns or self.count == 0:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.probability < 1.0 and self._random.random() >= self.probability:
            return False
        if self.count is not None:
            self.count -= 1
        return True

    def flip(self, data: bytes) -> bytes:
        """`data` with one bit flipped, drawn from the same seeded stream."""
        bit = self._random.randrange(len(data) * 8)
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        return bytes(flipped)


def strike(troubles: list[Trouble], t_ns: int) -> None:
    """Raises the OSError of the first bus trouble that strikes a message now."""
    for trouble in troubles:
        if isinstance(trouble.kind.value, int) and trouble.strikes(t_ns):
            raise OSError(trouble.kind.value, trouble.kind.name)


def spoil(troubles: list[Trouble], t_ns: int, data: bytes) -> bytes:
    """The bytes of an answer after what trouble does to them."""
    for trouble in troubles:
        if trouble.kind in (Kind.ZEROS, Kind.ONES, Kind.BIT_FLIP) and data and trouble.strikes(t_ns):
            if trouble.kind is Kind.BIT_FLIP:
                data = trouble.flip(data)
            else:
                data = bytes(len(data)) if trouble.kind is Kind.ZEROS else b"\xff" * len(data)
    return data
