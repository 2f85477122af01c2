"""Owns what several detectors need to tell a lasting condition from a flicker. Must never know what it filters."""


class Held:
    """Says when something has held long enough: fills at 1 while it is true, drains at 1/4 while it is not.

    A condition that flickers still gets there; a single sample never does, unless the hold is 0.
    """

    __slots__ = ("_filled_s", "hold_s")

    def __init__(self, hold_s: float) -> None:
        self.hold_s = hold_s
        self._filled_s = 0.0

    def update(self, true: bool, dt_s: float) -> bool:
        """One tick; returns whether it has held."""
        if true:
            self._filled_s = min(self._filled_s + dt_s, self.hold_s)
            return self._filled_s >= self.hold_s - 1e-9
        self._filled_s = max(0.0, self._filled_s - 0.25 * dt_s)
        return False

    def clear(self) -> None:
        """Forget."""
        self._filled_s = 0.0
