"""Judges the belt itself: does it move, and is it faster than it can be stopped in time?

Must never guess the belt slow: without a measured speed its ceiling stands in.
"""

from dataclasses import dataclass, field

from firmware_py.core.deck.params import DriftParams
from firmware_py.core.deck.stopping import safe_speed_m_s
from firmware_py.core.filters import LeakyTimer
from firmware_py.core.frame import Cause, Finding, Signal

STANDS_M_S = 0.05  # slower is standing: a shifting body, an estimate's noise
RESTS_S = 2.0  # nobody steps and nobody is carried for so long: the belt stands
OVER = 1.03  # a console's 2.0 mph is not exact
OVER_HOLD_S = 0.5
CEILING_WARNING_S = (
    5.0  # an unmeasured belt cannot improve: warn at arming, then leave the ear to real warnings
)


@dataclass(slots=True)
class Belt:
    """What is known of the belt since arming."""

    params: DriftParams
    safe_m_s: float = field(init=False)
    over: bool = False  # faster than the safe speed, and worth a warning
    _moving: bool = False
    _armed_s: float = 0.0
    _from_m: float = 1e9  # where a walker who is carried now was before that
    _resting: LeakyTimer = field(default_factory=lambda: LeakyTimer(RESTS_S))
    _too_fast: LeakyTimer = field(default_factory=lambda: LeakyTimer(OVER_HOLD_S))

    def __post_init__(self) -> None:
        p = self.params
        self.safe_m_s = safe_speed_m_s(p.rear_line_m, p.front_line_m, p.stop_latency_s, p.coast_down_m_s2)

    def overspeed(self, measured_m_s: float | None, dt_s: float) -> Finding | None:
        """Faster than the commissioned coast-down can stop a dead standstill?"""
        p = self.params
        self._armed_s += dt_s
        if not p.commissioned:
            return None
        speed_m_s = p.belt_ceiling_m_s if measured_m_s is None else measured_m_s
        self.over = self._too_fast.update(speed_m_s > OVER * self.safe_m_s, dt_s)
        if self.over and p.over_safe_speed == "refuse":
            return Finding(Signal.DANGER, Cause.OVERSPEED, "belt_speed_m_s", speed_m_s, self.safe_m_s)
        if measured_m_s is None and self._armed_s > CEILING_WARNING_S:
            self.over = False
        return None

    def moves(self, at_m: float, v: float, walking: bool, measured_m_s: float | None, dt_s: float) -> bool:
        """Does the belt move? Unmeasured, it does once somebody walks, or is carried too far to have shifted on the
        spot; and it stands once nobody has stepped or been carried for RESTS_S."""
        if measured_m_s is not None:
            self._moving = measured_m_s > STANDS_M_S
        elif walking:
            self._moving = True
            self._resting.clear()
        elif self._moving:
            if self._resting.update(-STANDS_M_S < v < STANDS_M_S, dt_s):
                self._moving = False
                self._from_m = at_m
        elif v <= STANDS_M_S or at_m < self._from_m:
            self._from_m = at_m
        elif at_m - self._from_m > self.params.carried_m:
            self._moving = True
            self._resting.clear()
        return self._moving
