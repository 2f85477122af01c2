"""Frames told as legs, for tests of the whole monitor. Time is data; nothing here knows what must happen."""

from collections.abc import Iterator
from typing import Any

from firmware_py.core.deck.params import DriftParams
from firmware_py.core.frame import Decision, Frame
from firmware_py.core.monitor import Monitor, MonitorParams
from sensors.samples import Fault, ImuSample, RangeSample

TICK_NS = 5_000_000
STANDING = (0.0, 0.0, 9.81)


class Scene:
    """A walker who stands at `position_m`, a perfect relay, 200 Hz; legs change what a frame says."""

    def __init__(self, params: MonitorParams | None = None, position_m: float = 0.5) -> None:
        self.monitor = Monitor(params or MonitorParams(drift=DriftParams()), 200.0)
        self.position_m = position_m
        self.tick = 0
        self.last: Decision | None = None
        self.decisions: list[Decision] = []

    def frame(self, **change: Any) -> Frame:
        """The next frame: a real chip's dither on every reading, a range reading every fifth tick."""
        self.tick += 1
        n = self.tick
        wobble = 0.01 * ((n * 7) % 5 - 2)
        belt: RangeSample | Fault | None = None
        if n % 5 == 0:
            belt = RangeSample(n * TICK_NS, self.position_m + 0.001 * ((n // 5) % 3 - 1), (n // 5) % 256)
        frame = Frame(
            n * TICK_NS,
            0,
            ImuSample(n * TICK_NS, (wobble, -wobble, 9.81 + wobble), (0.001 * (n % 3), 0.0, 0.0)),
            belt,
            None,
            self.last.run if self.last else False,
            False,
        )
        return frame._replace(**change)

    def step(self, **change: Any) -> Decision:
        """One tick."""
        self.last = self.monitor.step(self.frame(**change))
        self.decisions.append(self.last)
        return self.last

    def run(self, seconds: float, **change: Any) -> Decision:
        """So many seconds of the same; a belt given as a callable is asked at every tick."""
        for _ in range(round(seconds * 200)):
            self.step(**change)
        assert self.last is not None
        return self.last

    def press(self, seconds: float = 0.2) -> Decision:
        """Press and release the arming button."""
        self.run(seconds, reset_pressed=True)
        return self.step()

    def arm(self) -> "Scene":
        """Settle, press, run."""
        self.run(2.0)
        assert self.press().run, self.last
        return self

    def stops(self) -> Iterator[Decision]:
        """The decisions at which the belt was cut."""
        for before, now in zip(self.decisions, self.decisions[1:], strict=False):
            if before.run and not now.run:
                yield now
