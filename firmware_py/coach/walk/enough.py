"""Owns the one hint that a walker tires: the strides grow less alike than this set's own. Must never stop the belt.

Specification
  Baseline  the means of Ad1, Ad2 and wander of the windows that lie within 60 to 180 s of the set. The first minute
            is learning. No baseline, no call: time is the better rule, and the planned end always speaks first.
  Call      the mean Ad2 of the last six windows (80 s) at least 0.10 below its baseline, and one more sign: their
            wander up by half, their Ad1 down by 0.10, or two warnings within 3 min. Once a set.
  Restart   another belt speed, incline or hold of the rails: all of them change Ad2 by themselves.

Nobody has published a threshold for a hip IMU in backward walking. This is a hint against one's own baseline, never a
finding about a person (docs/coach.md).
"""

from collections import deque
from dataclasses import dataclass, field
from statistics import fmean

from firmware_py.coach.walk.strides import WINDOW_S, Window

BASELINE_S = (60.0, 180.0)  # of the set
BASELINE_LEAST = 4  # windows
AD2_DROP = 0.10
AD1_DROP = 0.10
WANDER_FACTOR = 1.5
WANDER_LEAST_M = 0.02  # half of nothing is nothing
# Windows, 80 s: of their mean. One window alone has a noise of 0.07 within one walker, the mean of six some 0.04.
LAST = 6
WARNINGS = 2
WARNINGS_WITHIN_S = 180.0
SPEED_CHANGE = 0.05  # of the belt: more is another speed


@dataclass(slots=True)
class Enough:
    """One set. `window` is True at the one window that calls "enough"."""

    called: bool = False
    _from_s: float = 0.0  # walked, where the baseline's clock starts
    _speed_m_s: float | None = None
    _ad1: list[float] = field(default_factory=list)
    _ad2: list[float] = field(default_factory=list)
    _wander_m: list[float] = field(default_factory=list)
    _last: deque[Window] = field(default_factory=lambda: deque(maxlen=LAST))
    _warned_s: deque[float] = field(default_factory=lambda: deque(maxlen=WARNINGS))

    def warned(self, walked_s: float) -> None:
        """The guard has warned the walker."""
        self._warned_s.append(walked_s)

    def restart(self, walked_s: float) -> None:
        """Speed, incline or hold has changed: what was usual is usual no longer."""
        self._from_s = walked_s
        self._ad1, self._ad2, self._wander_m = [], [], []
        self._last.clear()

    def speed(self, walked_s: float, measured_m_s: float) -> None:
        """The measured belt speed, about once a second."""
        if self._speed_m_s is None or abs(measured_m_s - self._speed_m_s) > SPEED_CHANGE * self._speed_m_s:
            if self._speed_m_s is not None:
                self.restart(walked_s)
            self._speed_m_s = measured_m_s

    def window(self, walked_s: float, w: Window) -> bool:
        """A window that ended after `walked_s` of this set."""
        of_baseline_s = walked_s - self._from_s
        first_s, last_s = BASELINE_S
        if of_baseline_s <= last_s:
            if of_baseline_s - WINDOW_S >= first_s:
                self._ad1.append(w.ad1)
                self._ad2.append(w.ad2)
                if w.wander_m is not None:
                    self._wander_m.append(w.wander_m)
            return False
        if self.called or len(self._ad2) < BASELINE_LEAST:
            return False
        self._last.append(w)
        if len(self._last) == LAST:
            less_alike = fmean(x.ad2 for x in self._last) <= fmean(self._ad2) - AD2_DROP
            self.called = less_alike and self._second_sign(walked_s)
        return self.called

    @property
    def ad2_usual(self) -> float | None:
        """None before the baseline is known."""
        return fmean(self._ad2) if len(self._ad2) >= BASELINE_LEAST else None

    def _second_sign(self, walked_s: float) -> bool:
        warned = sum(walked_s - at_s <= WARNINGS_WITHIN_S for at_s in self._warned_s) >= WARNINGS
        wanders = [x.wander_m for x in self._last if x.wander_m is not None]
        wide = bool(self._wander_m and wanders) and fmean(wanders) >= WANDER_FACTOR * max(
            fmean(self._wander_m), WANDER_LEAST_M
        )
        return warned or wide or fmean(x.ad1 for x in self._last) <= fmean(self._ad1) - AD1_DROP
