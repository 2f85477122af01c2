"""Owns the world around a recorded walker: sensors, a perfect relay, a finger on the button. Must never decide.

For the range sensor the walker stands in the middle of the deck, so only the IMU can stop the belt.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from firmware_py.core.frame import Cause, Decision, Frame, Phase
from firmware_py.evaluation.datasets.trials import Array
from sensors.samples import ImuSample, RangeSample

REARM_S = 3.0  # a person needs about this long to press the button again
_PRESS_NS = 200_000_000
_PATIENCE_NS = 500_000_000  # after a press that was not taken
_START_NS = 1_000_000_000
_RANGE_NS = 25_000_000  # 40 readings a second, as the VL53L1X in its 20 ms budget gives
_STANDS_AT_M = 0.55  # near the middle between the two lines of the default deck
_DITHER_M = (0.0, 0.002, -0.001, 0.001, -0.002)  # a real sensor's noise: equal readings would look frozen


class Stepper(Protocol):
    """The product, or anything that decides on frames as it does."""

    def step(self, frame: Frame) -> Decision: ...


class Stop(NamedTuple):
    """One time the belt was cut: at which sample of the stream, and why."""

    at: int
    cause: Cause
    rule: str
    value: float
    limit: float


class Replayer:
    """Feeds rows of samples to a monitor, presses its button, and keeps when the belt could run.

    Plain state and no open files: `copy.deepcopy` gives the same walker again, warmed up.
    """

    def __init__(self, monitor: Stepper, rate_hz: float) -> None:
        self.stops: list[Stop] = []
        self.armed: list[tuple[int, int]] = []  # [from, to) in samples
        self.fed = 0
        self.monitor = monitor
        self._rate_hz = rate_hz
        self._run = False
        self._may_press = False
        self._released_ns = 0  # end of the press under way, or of the last one
        self._wait_until_ns = 0
        self._range_due_ns = _START_NS
        self._readings = 0
        self._armed_from = 0
        self.walked = 0  # samples with the belt running, from the third step on ...
        self.watched = 0  # ... and those of them in which the fall rule watches

    def feed(
        self, accel_m_s2: Array, gyro_rad_s: Array, watch: Callable[[Decision], None] | None = None
    ) -> None:
        """The next rows of the same stream. `watch` gets every decision."""
        step, rate_hz, index = self.monitor.step, self._rate_hz, self.fed
        run = self._run
        for (ax, ay, az), (gx, gy, gz) in zip(accel_m_s2.tolist(), gyro_rad_s.tolist(), strict=True):
            t_ns = _START_NS + round(index * 1e9 / rate_hz)
            decision = step(
                Frame(
                    t_ns,
                    0,
                    ImuSample(t_ns, (ax, ay, az), (gx, gy, gz)),
                    self._range(t_ns),
                    None,
                    run,
                    self._pressed(t_ns, run),
                )
            )
            if decision.run and not run:
                self._armed_from = index
            elif run and not decision.run:
                self._note_stop(index, t_ns, decision)
            run = decision.run
            if run and decision.steps:  # the third step is the first that can be even
                self.walked += 1
                self.watched += decision.phase is not Phase.WAITING
            self._may_press = decision.refusal is None
            if watch is not None:
                watch(decision)
            index += 1
        self._run, self.fed = run, index

    def armed_intervals(self) -> list[tuple[int, int]]:
        """When the belt could run, the interval still open included."""
        return [*self.armed, (self._armed_from, self.fed)] if self._run else self.armed

    def index_at(self, t_ns: int) -> int:
        """The sample that was fed at this time."""
        return round((t_ns - _START_NS) * self._rate_hz / 1e9)

    def _note_stop(self, index: int, t_ns: int, decision: Decision) -> None:
        assert decision.cause is not None
        self.armed.append((self._armed_from, index))
        self.stops.append(Stop(index, decision.cause, decision.rule, decision.value, decision.limit))
        self._wait_until_ns = t_ns + int(REARM_S * 1e9)

    def _range(self, t_ns: int) -> RangeSample | None:
        if t_ns < self._range_due_ns:
            return None
        reading = self._readings
        sample = RangeSample(
            self._range_due_ns, _STANDS_AT_M + _DITHER_M[reading % len(_DITHER_M)], reading % 256
        )
        self._readings += 1
        self._range_due_ns += _RANGE_NS
        return sample

    def _pressed(self, t_ns: int, run: bool) -> bool:
        if t_ns < self._released_ns:
            return True
        if run or not self._may_press or t_ns < self._wait_until_ns:
            return False
        self._released_ns = t_ns + _PRESS_NS
        self._wait_until_ns = self._released_ns + _PATIENCE_NS
        return True
