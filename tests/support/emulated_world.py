"""Owns the four chips on one emulated bus, with a clock that only tests move."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from sensors.emulated import (
    EmulatedBus,
    EmulatedLsm6dsox,
    EmulatedMpu6050,
    EmulatedTfLuna,
    EmulatedVl53l1x,
)
from sensors.i2c import Bus

TICK_NS = 5_000_000


@dataclass
class World:
    """Chips, their bus, and truth that is never twice the same."""

    wire: EmulatedBus = field(default_factory=EmulatedBus)
    lsm: EmulatedLsm6dsox = field(default_factory=EmulatedLsm6dsox)
    mpu: EmulatedMpu6050 = field(default_factory=EmulatedMpu6050)
    vl: EmulatedVl53l1x = field(default_factory=EmulatedVl53l1x)
    luna: EmulatedTfLuna = field(default_factory=EmulatedTfLuna)
    _noise: Iterator[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        for address, chip in ((0x6A, self.lsm), (0x68, self.mpu), (0x29, self.vl), (0x10, self.luna)):
            self.wire.attach(address, chip)
        self.bus = Bus(self.wire, "i2c-1")

    def tick(self, ticks: int = 1) -> int:
        """Lets time pass; the IMUs see a new truth at every tick. Returns the time."""
        for _ in range(ticks):
            wobble = 0.01 * (1 + next(self._noise) % 50)
            for imu in (self.lsm, self.mpu):
                imu.set((wobble, 0.0, 9.80665), (0.1, -0.2, 0.3))
            self.wire.advance(self.wire.t_ns + TICK_NS)
        return self.wire.t_ns
