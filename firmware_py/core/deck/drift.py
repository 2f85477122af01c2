"""Owns every stop and warning that follows from where the walker would come to rest if the belt were cut now.

Must never guess the belt slow, and never stop the ordinary sway and wander of a person who just walks.

Rules (`front` and `rear` are those of position.py; `rest` is where the walker comes to rest, stopping.py)
  rear line  Stop when rest reaches the line less SLACK_M. The line is at most at 70 % of the deck.
  front line The same toward the console, where the feet also step on for a moment while the belt slows.
  standstill Stop when the walker is carried at nearly the belt's speed, or leaves the usual place (standstill.py).
  step off   Stop when the readings lie beyond the deck.
  overspeed  Stop when the belt is faster than it can be stopped in time, if so configured (belt.py).
  warning    Warn before each of them, early enough to react (warning.py).

A rest point less than SURE_M beyond a line may be the scatter of one reading: if the walker is slow, it must last.
A place that may be a hand's (gate.py) warns, but stops nobody at a line.
A belt that stands stops nobody for velocity (belt.py). The lines hold always.
What is learned of the walker (habit.py) only moves limits within hard bounds.
"""

from dataclasses import dataclass, field

from firmware_py.core.deck.belt import Belt
from firmware_py.core.deck.params import DriftParams
from firmware_py.core.deck.standstill import Standstill
from firmware_py.core.deck.stopping import CARRIED, LONG_STEPS, SLACK_M, limits_m, rest_position_m
from firmware_py.core.deck.warning import EarlyWarning
from firmware_py.core.filters import LeakyTimer
from firmware_py.core.frame import Cause, Finding, Phase, Signal
from firmware_py.core.place.position import Position

# So little beyond a limit, and so slowly, may be one reading's scatter: it must last, for a way of 8 mm at most.
SURE_M, SURE_M_S, SURE_S = 0.01, 0.10, 0.08
STEPPED_OFF_S = 1.0  # a reading beyond the deck after a longer silence is not a step off it


@dataclass(slots=True)
class Drift:
    """`update` at every tick after the position; returns a finding while the walker must be stopped for."""

    params: DriftParams
    warning: Cause | None = None
    soft_stop: bool = False
    rest_position_m: float | None = None
    stop_margin_m: float | None = None  # from there to the nearer line; negative: beyond it
    _front_m: float = field(init=False)
    _rear_m: float = field(init=False)
    _front_way: float = field(init=False)
    _belt: Belt = field(init=False)
    _standstill: Standstill = field(init=False)
    _early: EarlyWarning = field(init=False)
    _past_rear: LeakyTimer = field(init=False)
    _past_front: LeakyTimer = field(init=False)

    def __post_init__(self) -> None:
        self._front_m, self._rear_m = limits_m(self.params)
        # A belt that nobody measured gets the usual walker instead of the worst.
        self._front_way = LONG_STEPS if self.params.commissioned else CARRIED
        self.relearn()

    def relearn(self) -> None:
        """Forget the walker and the belt's state: called at each arming."""
        self._belt = Belt(self.params)
        self._standstill = Standstill(self.params, self._belt.safe_m_s, self._rear_m)
        self._early = EarlyWarning(self.params)
        self._past_rear, self._past_front = LeakyTimer(SURE_S), LeakyTimer(SURE_S)
        self.warning = None
        self.soft_stop = False

    def update(
        self, position: Position, phase: Phase, belt_speed_m_s: float | None, dt_s: float
    ) -> Finding | None:
        """One tick. `belt_speed_m_s` None: not measured, the ceiling stands in."""
        p, early = self.params, self._early
        over = self._belt.overspeed(belt_speed_m_s, dt_s)
        off = self._stepped_off(position.age_s) if position.beyond else None
        if not position.known:
            self.rest_position_m = self.stop_margin_m = None
            early.silence()
            self.warning, self.soft_stop = None, False
            return off or over
        at_m, v = position.position_m, position.velocity_m_s
        walking = phase is not Phase.WAITING
        rest_m, front_m, drift_m_s = at_m, p.front_line_m + SLACK_M, 0.0
        carried, slipping = None, False
        if self._belt.moves(at_m, v, walking, belt_speed_m_s, dt_s):
            speed_m_s = p.belt_ceiling_m_s if belt_speed_m_s is None else belt_speed_m_s
            rest_m = rest_position_m(at_m, v, speed_m_s, p.stop_latency_s, p.coast_down_m_s2, self._front_way)
            front_m, drift_m_s = self._front_m, v
            if p.standstill:
                carried = self._standstill.update(position, walking, belt_speed_m_s, dt_s)
                slipping = self._standstill.slipping
        to_rear_m, to_front_m = self._rear_m - rest_m, rest_m - front_m
        self.rest_position_m = rest_m
        self.stop_margin_m = min(to_rear_m, to_front_m)
        early.update(to_rear_m, to_front_m, drift_m_s, slipping, self._belt.over, dt_s)
        self.warning, self.soft_stop = early.cause, early.soft_stop
        line = None if position.may_be_hand else self._past_line(rest_m, front_m, v, dt_s)
        return line or off or carried or over

    def _stepped_off(self, age_s: float) -> Finding | None:
        """Beyond the deck since the last believed reading; not at the first one, and not after a long silence."""
        least_s = self.params.step_off_s
        if not least_s <= age_s < STEPPED_OFF_S:
            return None
        return Finding(Signal.DANGER, Cause.STEP_OFF, "beyond_deck_s", age_s, least_s)

    def _past_line(self, rest_m: float, front_m: float, v: float, dt_s: float) -> Finding | None:
        """Clearly beyond a line, or beyond it for long enough."""
        scatter_m = SURE_M if -SURE_M_S < v < SURE_M_S else 0.0
        past_m = rest_m - self._rear_m
        if self._past_rear.update(past_m >= 0.0, dt_s) or past_m >= scatter_m:
            return Finding(Signal.DANGER, Cause.DRIFT_REAR, "rest_position_m", rest_m, self._rear_m)
        past_m = front_m - rest_m
        if self._past_front.update(past_m >= 0.0, dt_s) or past_m >= scatter_m:
            return Finding(Signal.DANGER, Cause.DRIFT_FRONT, "rest_position_m", rest_m, front_m)
        return None
