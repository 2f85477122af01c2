"""Owns the stop latch and the arming button. Must never know why: it sees signals and a button, nothing else.

Specification
  States   STOPPED (the state at power-on) and RUNNING (the belt may move).
  Signals  OK < RESET < UNHEALTHY < DANGER; the worst of a tick is applied, once a tick.
  Rules    STOPPED becomes RUNNING on RESET, and on nothing else.
           RUNNING becomes STOPPED on UNHEALTHY or DANGER, and on nothing else.
  RESET    is one press-and-release of the local button: pressed while STOPPED, after it was seen released,
           held 0.1 to 3 s, and nothing unhealthy or in danger from the first tick of it to the release. A button
           that is held through power-on or through a stop, or that never opens again, starts nothing.
"""

from dataclasses import dataclass
from enum import Enum

from firmware_py.core.frame import Cause, Signal

PRESS_MIN_NS = 100_000_000  # shorter is contact bounce or a knock [A]
PRESS_MAX_NS = 3_000_000_000  # longer is something leaning on the button, or a short circuit [A]


class Latch(Enum):
    STOPPED = "stopped"
    RUNNING = "running"


TABLE: dict[tuple[Latch, Signal], Latch] = {
    (Latch.STOPPED, Signal.OK): Latch.STOPPED,
    (Latch.STOPPED, Signal.RESET): Latch.RUNNING,
    (Latch.STOPPED, Signal.UNHEALTHY): Latch.STOPPED,
    (Latch.STOPPED, Signal.DANGER): Latch.STOPPED,
    (Latch.RUNNING, Signal.OK): Latch.RUNNING,
    (Latch.RUNNING, Signal.RESET): Latch.RUNNING,
    (Latch.RUNNING, Signal.UNHEALTHY): Latch.STOPPED,
    (Latch.RUNNING, Signal.DANGER): Latch.STOPPED,
}


@dataclass(slots=True)
class Button:
    """The arming button: finds a fresh press-and-release, what spoiled it, and a button that is stuck."""

    stuck: bool = False
    spoiled: Cause | None = None  # at a release: the first thing that was wrong during the press
    _pressed: bool = True  # not seen released yet: a button held through power-on is no press
    _fresh: bool = False
    _since_ns: int | None = None
    _wrong: Cause | None = None  # during this press

    def update(self, t_ns: int, pressed: bool, stopped: bool, wrong: Cause | None) -> bool:
        """One tick; `wrong` is what forbids running now. True at the tick at which a whole press was just released.

        Such a press is a RESET when `spoiled` is None, and refused for `spoiled` otherwise.
        """
        if pressed:
            if self._since_ns is None:
                self._since_ns = t_ns
                self._fresh = not self._pressed
                self._wrong = None
            self._pressed = True
            self._fresh = self._fresh and stopped
            self._wrong = self._wrong or wrong
            self.stuck = t_ns - self._since_ns > PRESS_MAX_NS
            return False
        held_ns = t_ns - self._since_ns if self._since_ns is not None else 0
        whole = self._fresh and stopped and PRESS_MIN_NS <= held_ns <= PRESS_MAX_NS
        self.spoiled = self._wrong or wrong
        self._pressed = self._fresh = self.stuck = False
        self._since_ns = None
        return whole
