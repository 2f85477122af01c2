"""Owns what hangs on the guard's pins outside the Pi: pulse watchdog, contactors, and a finger on the button.

Must never read a clock: every change comes with its time.
"""

WATCHDOG_NS = 50_000_000  # the outside one-shot drops so long after the last edge
PUMP_EDGES = 2  # the charge pump does not pull on one edge, which may be a glitch
CONTACT_NS = 10_000_000  # a force-guided relay moves in 5 to 15 ms [A]
LOOK_NS, PRESS_NS = 700_000_000, 300_000_000  # a person sees the lamp, and then presses for so long [A]


class Contactors:
    """Pulse watchdog and two contactors: pulled while edges come (pulse) or while the pin is high (level)."""

    def __init__(self, pulse: bool, watchdog_ns: int = WATCHDOG_NS) -> None:
        self._pulse = pulse
        self._watchdog_ns = watchdog_ns
        self._level = False
        self._edges = 0
        self.last_edge_ns = 0
        self._coil = False
        self._coil_ns = 0
        self.pulled = False
        self.moved_ns = 0  # when the contacts last moved

    def drive(self, t_ns: int, level: bool) -> None:
        """The guard's pin has changed. One edge may be a glitch: see PUMP_EDGES."""
        self._edges = self._edges + 1 if t_ns - self.last_edge_ns < self._watchdog_ns else 1
        self._level, self.last_edge_ns = level, t_ns

    def update(self, t_ns: int) -> bool:
        """Pulled in now?"""
        alive = self._edges >= PUMP_EDGES and t_ns - self.last_edge_ns < self._watchdog_ns
        coil = alive if self._pulse else self._level
        if coil != self._coil:
            self._coil, self._coil_ns = coil, t_ns
        if t_ns - self._coil_ns >= CONTACT_NS and self.pulled != self._coil:
            self.pulled, self.moved_ns = self._coil, t_ns
        return self.pulled


class Person:
    """Presses the arming button a moment after the lamp asks for it, and again when that had no effect."""

    def __init__(self) -> None:
        self._seen_ns: int | None = None
        self.armed = False

    def presses(self, t_ns: int, lamp: bool, pulled: bool) -> bool:
        self.armed = self.armed or pulled
        if self.armed:
            return False
        if self._seen_ns is None:
            self._seen_ns = t_ns if lamp else None
            return False
        since_ns = t_ns - self._seen_ns
        if since_ns > 3 * LOOK_NS:
            self._seen_ns = None
        return LOOK_NS <= since_ns < LOOK_NS + PRESS_NS
