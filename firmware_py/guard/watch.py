"""Owns what is known of a sensor beside its samples: faults counted, configuration re-checked, set up anew when lost.

Must never touch a bus while the belt runs beyond the one row that is re-checked.
"""

from typing import Protocol, TypeVar

from sensors.i2c import SensorError
from sensors.samples import Fault, ImuSample, RangeSample

REOPEN_AFTER_S = 2  # a sensor that says nothing but faults for this long, while stopped, is set up anew
NOBODY = (Fault.NO_TARGET, Fault.WEAK_SIGNAL)  # the answers of a sensor that works and sees nobody


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


S = TypeVar("S", ImuSample, RangeSample | None)


class Watched:
    """A sensor's bookkeeping. `faults` counts them by name since the start."""

    __slots__ = ("_answers", "_doubt", "_sensor", "_silent_s", "faults")

    def __init__(self, sensor: Imu | Range) -> None:
        self._sensor = sensor
        self._doubt: Fault | None = None  # a re-check failed: asked again at every tick until it is good
        self._answers = 0  # in this second
        self._silent_s = 0
        self.faults: dict[str, int] = {}

    def check(self, reading: S | Fault, due: bool) -> S | Fault:
        """The reading, or the fault in its place when a row of the configuration is `due` and has changed."""
        checked: S | Fault = reading
        if due or self._doubt is not None:
            self._doubt = self._sensor.recheck()
            if self._doubt is not None:
                checked = self._doubt
        if isinstance(checked, Fault):
            self.faults[checked.value] = self.faults.get(checked.value, 0) + 1
            self._answers += checked in NOBODY
        elif checked is not None:
            self._answers += 1
        return checked

    def second(self, stopped: bool) -> None:
        """Once a second: sets up anew, while stopped, a sensor that was unplugged or lost its power."""
        self._silent_s = 0 if self._answers else self._silent_s + 1
        self._answers = 0
        if stopped and self._silent_s >= REOPEN_AFTER_S:
            self._silent_s = 0
            try:
                self._sensor.open()
            except SensorError:
                return  # still gone: the faults of the next ticks say so
