"""Owns what several detectors need to tell a lasting condition from a flicker. Must never know what it filters."""

from dataclasses import dataclass

DRAIN = 0.25  # a second without the condition takes back this much of a second with it
ROUNDING_S = 1e-9  # ticks do not add up exactly


@dataclass(slots=True)
class LeakyTimer:
    """Reports when a condition has held for long enough: fills while it is true, drains slowly while it is not.

    A condition that flickers still gets there; a single sample never does, unless the hold is 0.
    """

    hold_s: float
    _filled_s: float = 0.0

    def update(self, true: bool, dt_s: float) -> bool:
        """One tick; returns whether the condition has held."""
        if true:
            filled_s = self._filled_s + dt_s
            self._filled_s = filled_s if filled_s < self.hold_s else self.hold_s
            return filled_s >= self.hold_s - ROUNDING_S
        if self._filled_s:  # mostly there is nothing to drain, and this runs a dozen times a tick
            self._filled_s = max(0.0, self._filled_s - DRAIN * dt_s)
        return False

    def clear(self) -> None:
        """Forget."""
        self._filled_s = 0.0
