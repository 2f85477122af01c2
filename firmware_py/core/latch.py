"""Owns the stop latch and the arming button. Must never know why: it sees signals and a button, nothing else.

Specification
  States   STOPPED (the state at power-on) and RUNNING (the belt may move).
  Signals  OK < RESET < UNHEALTHY < DANGER; the worst of a tick is applied, once a tick.
  Rules    STOPPED becomes RUNNING on RESET, and on nothing else.
           RUNNING becomes STOPPED on UNHEALTHY or DANGER, and on nothing else.
  RESET    is one press-and-release of the local button: pressed while STOPPED, after it was seen released,
           held 0.1 to 3 s, and nothing unhealthy or in danger from the first tick of it to the release. A button held
           through power-on, through a stop or for ever starts nothing.
"""

from enum import Enum

from firmware_py.core.frame import Cause, Signal

PRESS_MIN_S = 0.1  # shorter is contact bounce or a knock [A]
PRESS_MAX_S = 3.0  # longer is something leaning on the button, or a short circuit [A]


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


class Button:
    """The arming button: finds a fresh press-and-release, what spoiled it, and a button that hangs."""

    __slots__ = ("_fresh", "_pressed", "_since_ns", "_spoiled", "spoiled", "stuck")

    def __init__(self) -> None:
        self._pressed = True  # not seen released yet: a button held through power-on is no press
        self._fresh = False
        self._since_ns: int | None = None
        self._spoiled: Cause | None = None
        self.spoiled: Cause | None = None  # at a release: the first thing that was wrong during the press
        self.stuck = False

    def update(self, t_ns: int, pressed: bool, stopped: bool, wrong: Cause | None) -> bool:
        """One tick; `wrong` is what forbids running now. True at the tick at which a whole press was just released.

        Such a press is a RESET when `spoiled` is None, and refused for `spoiled` otherwise.
        """
        if pressed:
            if self._since_ns is None:
                self._since_ns = t_ns
                self._fresh = not self._pressed
                self._spoiled = None
            self._pressed = True
            self._fresh = self._fresh and stopped
            self._spoiled = self._spoiled or wrong
            self.stuck = t_ns - self._since_ns > PRESS_MAX_S * 1e9
            return False
        held_s = (t_ns - self._since_ns) / 1e9 if self._since_ns is not None else 0.0
        whole = self._fresh and stopped and PRESS_MIN_S <= held_s <= PRESS_MAX_S
        self.spoiled = self._spoiled or wrong
        self._pressed = self._fresh = self.stuck = False
        self._since_ns = None
        return whole
