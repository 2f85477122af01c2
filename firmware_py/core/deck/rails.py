"""Finds a walker who stands beside a moving belt, on its side rails: the steps have ended and nobody is carried.

Must never take somebody who walks with soft steps for one who stands: no step has come for so long that the walk has
ended, and the hip has been quiet, in one place, for the last HOLD_S. Without a measured belt nobody can tell rails from
a belt that stands; then nothing is found.
"""

from dataclasses import dataclass

from firmware_py.core.body.attitude import Attitude
from firmware_py.core.frame import Cause, Finding, Signal
from firmware_py.core.place.position import Position

MOVES_M_S = 0.1
HOLD_S = 0.5
SAME_PLACE_M = 0.04  # the scatter of an estimate; the slowest belt carries further
# The gentlest third of recorded walks moves |a| by 0.5 m/s2, and turns by more than this at each step.
QUIET_M_S2, QUIET_RAD_S = 0.35, 0.20


@dataclass(slots=True)
class Rails:
    """`update` at every tick after the position."""

    in_place: bool = False  # quiet, and for certain not carried by the belt that moves
    _at_m: float = 0.0
    _for_s: float = 0.0

    def update(
        self,
        position: Position,
        attitude: Attitude,
        stopped_stepping: bool,
        belt_m_s: float | None,
        dt_s: float,
    ) -> Finding | None:
        """One tick; `stopped_stepping`: somebody has walked since arming, and nobody does now."""
        if belt_m_s is None or belt_m_s <= MOVES_M_S or not position.known:
            self._for_s, self.in_place = 0.0, False
            return None
        quiet = -QUIET_M_S2 < attitude.up_accel_m_s2 < QUIET_M_S2 and attitude.turning_rad_s < QUIET_RAD_S
        if not quiet or abs(position.position_m - self._at_m) > SAME_PLACE_M:
            self._at_m, self._for_s, self.in_place = position.position_m, 0.0, False
            return None
        self._for_s += dt_s
        self.in_place = self._for_s >= HOLD_S
        if not (self.in_place and stopped_stepping):
            return None
        return Finding(Signal.DANGER, Cause.STANDSTILL, "on_rails_s", self._for_s, HOLD_S)
