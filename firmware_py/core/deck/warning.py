"""Decides when the ear warns of a stop that is near, early enough to react to it.

Must never stop anybody, and never end a warning before it can be understood.
"""

from dataclasses import dataclass, field

from firmware_py.core.deck.params import DriftParams
from firmware_py.core.filters import LeakyTimer
from firmware_py.core.frame import Cause

HOLD_S = 0.05  # one estimate's scatter warns nobody
AT_LEAST_S = 0.5  # a shorter beep is not understood [A]


@dataclass(slots=True)
class EarlyWarning:
    """`update` at every tick with a known position."""

    params: DriftParams
    cause: Cause | None = None
    soft_stop: bool = False  # ask the console for its own stop
    _for_s: float = 0.0  # it sounds for so long yet
    _near: LeakyTimer = field(default_factory=lambda: LeakyTimer(HOLD_S))

    def update(
        self, to_rear_m: float, to_front_m: float, v: float, slipping: bool, over: bool, dt_s: float
    ) -> None:
        """One tick: `warn_m` before either limit, and at least `warn_s` before the one that `v` leads to. A walker
        who slips is warned at once. A belt that is `over` its safe speed comes after both."""
        p = self.params
        rear_m = front_m = p.warn_m
        if v > 0.0:
            rear_m = max(rear_m, v * p.warn_s)
        else:
            front_m = max(front_m, -v * p.warn_s)
        rear, front = slipping or to_rear_m < rear_m, to_front_m < front_m
        self._for_s -= dt_s
        if self._near.update(rear or front, dt_s):
            self.cause = Cause.DRIFT_REAR if rear else Cause.DRIFT_FRONT
            self._for_s = AT_LEAST_S
        elif self._for_s <= 0.0:
            self.cause = Cause.OVERSPEED if over else None
        self.soft_stop = p.soft_stop and self._for_s > 0.0

    def silence(self) -> None:
        """The position is lost: there is nothing to warn of."""
        self.cause = None
        self.soft_stop = False
