"""Finds a walker who stands on a moving belt, and a walker who begins to.

Must never stop the ordinary wander of a person who just walks.

standing   Carried at nearly the belt's speed: faster than this walker's own wander, within two shares of that speed.
           Where a standstill would end past the rear line unless it is seen soon, a lower limit will do.
leaving    Where the belt's speed is not measured, its ceiling stands in, which may be far too fast. Then also: away
           from the usual place, faster than this walker has ever wandered.
slipping   Carried at half of the least limit for a moment. This only warns.
"""

from dataclasses import dataclass, field

from firmware_py.core.deck.habit import Habit
from firmware_py.core.deck.params import DriftParams
from firmware_py.core.deck.stopping import SEE_M, SEE_S, rest_position_m
from firmware_py.core.filters import LeakyTimer
from firmware_py.core.frame import Cause, Finding, Signal
from firmware_py.core.place.position import Position

SURE_SIGMAS = 1.5  # a velocity below so many of its own standard deviations may be none
SLIP_SHARE, SLIP_HOLD_S = 0.5, 0.4
HALF_SEEN = (
    0.5  # a standstill is urgent when it ends past the line though it is seen in half of the usual time
)


@dataclass(slots=True)
class Standstill:
    """`update` at every tick on a moving belt."""

    params: DriftParams
    safe_m_s: float  # the fastest belt that a standstill can be stopped on
    rear_m: float  # where a walker is stopped
    habit: Habit = field(init=False)
    slipping: bool = False
    _standing: LeakyTimer = field(init=False)
    _leaving: LeakyTimer = field(init=False)
    _slipping: LeakyTimer = field(default_factory=lambda: LeakyTimer(SLIP_HOLD_S))

    def __post_init__(self) -> None:
        self.habit = Habit(self.params)
        self._standing = LeakyTimer(self.params.still_hold_s)
        self._leaving = LeakyTimer(self.params.leave_hold_s)

    def update(
        self, position: Position, walking: bool, measured_m_s: float | None, dt_s: float
    ) -> Finding | None:
        """One tick. `measured_m_s` None: the ceiling stands in."""
        p = self.params
        v = position.velocity_m_s
        speed_m_s = p.belt_ceiling_m_s if measured_m_s is None else measured_m_s
        self.habit.follow(position.position_m, v, walking, dt_s)
        self.slipping = self._slipping.update(v > SLIP_SHARE * p.still_share * speed_m_s, dt_s)
        found = self._stands(position, speed_m_s, dt_s)
        if found is None and measured_m_s is None and self.habit.learned_s >= p.learn_s:
            found = self._leaves(position, dt_s)
        return found

    def _stands(self, position: Position, speed_m_s: float, dt_s: float) -> Finding | None:
        at_m, v, limit_m_s = position.position_m, position.velocity_m_s, 0.0
        stands = _is_carried(position)
        if stands:
            limit_m_s = self._limit_m_s(at_m, speed_m_s)
            stands = v > limit_m_s and self.habit.on_new_ground(at_m, v)
        if self._standing.update(stands, dt_s):
            return Finding(Signal.DANGER, Cause.STANDSTILL, "velocity_m_s", v, limit_m_s)
        return None

    def _limit_m_s(self, at_m: float, speed_m_s: float) -> float:
        p, habit = self.params, self.habit
        least_m_s, most_m_s = p.still_share * speed_m_s, p.still_top * speed_m_s
        if habit.learned_s < p.sway_s:
            return most_m_s  # the sway of the first steps still reads as motion
        if speed_m_s <= self.safe_m_s and at_m > self.rear_m - self._urgent_way_m(speed_m_s):
            return min(least_m_s, max(p.behind_share * speed_m_s, p.behind_sigmas * habit.spread_m_s))
        return min(max(habit.usual_m_s, least_m_s), most_m_s)

    def _urgent_way_m(self, speed_m_s: float) -> float:
        """How far a dead standstill is carried until the belt rests, if it is seen in half of the usual time."""
        p = self.params
        seen_s = HALF_SEEN * SEE_S + p.stop_latency_s
        return rest_position_m(HALF_SEEN * SEE_M, speed_m_s, speed_m_s, seen_s, p.coast_down_m_s2)

    def _leaves(self, position: Position, dt_s: float) -> Finding | None:
        habit, at_m, v = self.habit, position.position_m, position.velocity_m_s
        limit_m_s = max(self.params.leave_m_s, habit.usual_m_s)
        leaves = (
            v > limit_m_s and _is_carried(position) and habit.is_away(at_m) and habit.on_new_ground(at_m, v)
        )
        if self._leaving.update(leaves, dt_s):
            return Finding(Signal.DANGER, Cause.STANDSTILL, "leaving_m_s", v, limit_m_s)
        return None


def _is_carried(position: Position) -> bool:
    """Toward the rear for certain: faster than the estimate's own error."""
    v = position.velocity_m_s
    return v > SURE_SIGMAS * position.velocity_sigma_m_s and v > 0.0
