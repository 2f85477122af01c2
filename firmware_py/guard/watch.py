"""Owns the account of one sensor: counts its faults, re-checks its configuration, sets it up anew when it is lost.

While the belt runs it must never touch a bus beyond the one row that is re-checked.
"""

from typing import Protocol

from sensors.advice import HardwareError
from sensors.samples import Fault, ImuSample, RangeSample

REOPEN_AFTER_S = 2  # a sensor that gives nothing but faults for this long, while stopped, is set up anew
NOBODY = (Fault.NO_TARGET, Fault.WEAK_SIGNAL)  # a sensor that works and sees nobody


class Imu(Protocol):
    def open(self) -> None: ...
    def read(self, t_ns: int) -> ImuSample | Fault: ...
    def recheck(self) -> Fault | None: ...
    def close(self) -> None: ...


class Range(Protocol):
    def open(self) -> None: ...
    def poll(self, t_ns: int) -> RangeSample | Fault | None: ...
    def recheck(self) -> Fault | None: ...
    def close(self) -> None: ...


class Watch:
    """The account of one sensor. `faults` counts them by name since the start."""

    def __init__(self, sensor: Imu | Range, every: int, first: int) -> None:
        """A row of the configuration is re-checked at tick `first` and then at each `every`th."""
        self._sensor = sensor
        self._every = every
        self._turn = every - first
        self._lost: Fault | None = None  # a re-check failed: it is repeated at every tick until it is good
        self._answers = 0  # in this second
        self._silent_s = 0
        self.faults: dict[str, int] = {}

    def look(self, reading: ImuSample | RangeSample | Fault | None) -> Fault | None:
        """Counts this tick's reading. The fault that replaces it while a row of the configuration is lost, or None."""
        if self._turn % self._every == 0 or self._lost is not None:
            self._lost = self._sensor.recheck()
        self._turn += 1
        seen = self._lost or reading
        if isinstance(seen, Fault):
            self.faults[seen.value] = self.faults.get(seen.value, 0) + 1
            self._answers += seen in NOBODY
        elif seen is not None:
            self._answers += 1
        return self._lost

    def second(self, stopped: bool) -> None:
        """Once a second: sets up anew, while stopped, a sensor that was unplugged or lost its power."""
        self._silent_s = 0 if self._answers else self._silent_s + 1
        self._answers = 0
        if stopped and self._silent_s >= REOPEN_AFTER_S:
            self._silent_s = 0
            try:
                self._sensor.open()
            except HardwareError:
                return  # still gone: the faults of the next ticks report it
