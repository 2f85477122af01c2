"""Owns whether the measured speed of the belt is to be trusted. Must never guess a speed: untrusted is unknown."""

from dataclasses import dataclass

from firmware_py.core.frame import Cause

FASTEST_M_S = 10.0  # three times any treadmill: more is a fault of the sensor
STANDS_M_S = 0.1  # a sensor that reads less than this ...
SILENT_S = 2.0  # ... while somebody walks for this long is not trusted


@dataclass(slots=True)
class BeltSpeed:
    """Sees every reading of the belt sensor."""

    warning: Cause | None = None
    _silent_s: float = 0.0

    def update(self, measured_m_s: float | None, walking: bool, dt_s: float) -> float | None:
        """One tick; returns the speed, or None when none is measured or nobody could walk at it."""
        if measured_m_s is None or not 0.0 <= measured_m_s <= FASTEST_M_S:
            return None
        if measured_m_s >= STANDS_M_S or (self.warning is None and not walking):
            self._silent_s = 0.0
        else:
            self._silent_s += dt_s
        self.warning = Cause.BELT_SENSOR if self._silent_s > SILENT_S else None
        return None if self.warning else measured_m_s
