"""Owns the question "if the belt were cut now, where would the walker come to rest?" and every stop that follows.

Must never guess the belt slow, and never stop the ordinary sway and wander of a person who just walks.

Specification (position frame of position.py: "rear" is the end that the belt carries to)
  rest       position + velocity x (stop latency + belt speed / (2 x coast-down)): a walker whose steps are too short
             by a share of the belt's speed is carried by that share of the belt's way until it rests.
  rear line  stop when rest reaches the line less SLACK_M; at most 70 % of the deck (ISO 20957-6:2021 6.5.3).
  front line the same toward the console, where the feet also step on for a moment while the belt slows.
  standstill stop when the walker is carried at nearly the belt's speed. Where the belt's speed is not measured
             its ceiling stands in, and then also stop when the walker leaves the usual place faster than this
             walker's own wander has ever gone.
             Who is so far back that standing still would end past the line is judged at less.
  step off   stop when the readings lie beyond the deck.
  Slowly and less than a centimetre beyond a line may be one reading's scatter, and must last for 80 ms.
  A place found nearer by a jump stops nobody at a line before it has outlasted a hand (position.py): it warns.
  A standing belt stops nobody: rules on velocity rest until somebody walks, or is carried further than anybody shifts
  on the spot. The lines themselves hold always.
  warning    early enough to react to: `warn_m` before the stop, and at least `warn_s` at the present velocity;
             and when carried at half of a standstill's least limit.
What is learned of the walker (spread of velocity and place) can only loosen limits up to hard ceilings.
"""

from collections import deque
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from firmware_py.core.deck.position import Position
from firmware_py.core.filters import LeakyTimer
from firmware_py.core.frame import Cause, Finding, Phase, Signal

SPREAD_M = 0.23  # how far from home a walker may be when the feet stop: nearly 3 times a wander of 8 cm [A]
# A standstill near the rear limit is seen after SEE_S, and SEE_M more of way (docs/drift.md).
SEE_S, SEE_M = 0.22, 0.02
SEE_FRONT_M = 0.02  # more way toward the console until long steps are seen: 0.1 m/s for 0.2 s [A]
LATE_M = 0.03  # what the estimate of a walker who has just lengthened the steps trails by (docs/drift.md)
SURGE_S2 = 0.07  # x coast-down: feet follow a slowing belt up to 0.25 s late: its square, a little more [A]
# The same for a belt that nobody measured: a guess is nothing to multiply by (docs/drift.md).
USUAL_SURGE_M = 0.06
SLACK_M = 0.03  # error of one estimate: reading noise, sway, cloth on the back
# So little beyond a limit, and so slowly, may be one reading's scatter: it must last, for a way of 8 mm at most.
SURE_M, SURE_M_S, SURE_S = 0.01, 0.10, 0.08
REAR_PART = 0.70  # ISO 20957-6:2021 6.5.3; a line further back is not taken from any configuration
TRACK_S, TRACK_N, TRACK_SKIP = 0.05, 10, 4  # half a second of places; the newest four are the motion itself
NEW_GROUND_M, NEW_GROUND_S = 0.03, 0.15  # a velocity is believed when it has carried the walker so far
STANDS_M_S = 0.05  # slower is standing: a shifting body, an estimate's noise
WARN_AT_LEAST_S = 0.5  # a shorter beep is not understood [A]
SLIP_SHARE, SLIP_HOLD_S = 0.5, 0.4  # carried at this share of a standstill's least limit for so long: warn
OVER = 1.03  # a console's 2.0 mph is not exact
# An unmeasured belt cannot get better: say it at arming, then be quiet for real warnings.
CEILING_WARNING_S = 5.0


@dataclass(frozen=True, slots=True)
class DriftParams:
    """Lines, belt and how people move."""

    deck_length_m: float = 1.40
    rear_line_m: float = 0.98
    front_line_m: float = 0.15
    coast_down_m_s2: float = 1.0
    stop_latency_s: float = 0.15
    belt_ceiling_m_s: float = 0.9
    commissioned: bool = False  # only a measured coast-down gives a safe speed worth refusing for
    over_safe_speed: Literal["warn", "refuse"] = "warn"
    warn_m: float = 0.10
    warn_s: float = 1.2
    soft_stop: bool = False
    standstill: bool = True
    still_share: float = 0.45  # of the belt's speed: short steps are less, standing is all of it
    still_top: float = 0.80  # learning may raise that share up to here and no further
    still_m_s: float = 0.17  # nor is less than this a standstill, unless the belt itself is hardly faster
    # The same for a walker too far back to wait for certainty, on a belt of safe speed: a share of the belt's
    # speed, and so many spreads of the usual velocity.
    behind_share: float = 0.35
    behind_sigmas: float = 4.0
    still_hold_s: float = 0.03
    wander_sigmas: float = 5.0  # a standstill is faster than so many spreads of the walker's own velocity ...
    wander_peaks: float = 1.5  # ... and than this much of its largest value of late
    wander_m_s: float = 0.05  # velocity spread assumed until it is learned [A]
    leave_m_s: float = 0.18  # belt speed unknown: slower than this is never called a standstill
    leave_m: float = 0.08  # ... nor nearer than this to the usual place
    leave_hold_s: float = 0.08
    learn_tau_s: float = 30.0
    learn_s: float = 8.0  # walking before the usual place counts as known
    sway_s: float = 4.0  # walking before the sway is told from motion along the deck [A]
    carried_m: float = 0.30  # carried further than this in one go: the belt moves, whatever is said of it
    step_off_s: float = 0.14  # F22: within 300 ms, and just before the reading is too old


class Drift:
    """`update` at every tick after the position; returns a finding while the walker must be stopped for."""

    __slots__ = (
        "_armed_s",
        "_fastest_m_s",
        "_from_m",
        "_front_m",
        "_front_way",
        "_learned_s",
        "_leaving",
        "_moving",
        "_over",
        "_over_speed",
        "_p",
        "_past_front",
        "_past_rear",
        "_peak_m_s",
        "_place_m",
        "_place_m2",
        "_places",
        "_rear_m",
        "_resting",
        "_safe_m_s",
        "_since_s",
        "_slip",
        "_speeds",
        "_spread_m_s",
        "_still",
        "_usual_m_s",
        "_v_m2_s2",
        "_warn_for_s",
        "_warned",
        "rest_position_m",
        "soft_stop",
        "stop_margin_m",
        "warning",
    )

    def __init__(self, params: DriftParams, rate_hz: float) -> None:
        self._p = params
        self._safe_m_s = safe_speed_m_s(
            params.rear_line_m, params.front_line_m, params.stop_latency_s, params.coast_down_m_s2
        )
        self._front_m, self._rear_m = limits_m(params)
        # Nothing is promised of a belt that nobody measured: the usual walker there, not the worst.
        self._front_way = 1.0 if params.commissioned else 0.5
        self._still = LeakyTimer(params.still_hold_s)
        self._slip = LeakyTimer(SLIP_HOLD_S)
        self._leaving = LeakyTimer(params.leave_hold_s)
        self._resting = LeakyTimer(2.0)
        self._warned = LeakyTimer(0.05)
        self._over_speed = LeakyTimer(0.5)
        self._past_rear = LeakyTimer(SURE_S)
        self._past_front = LeakyTimer(SURE_S)
        self.warning: Cause | None = None
        self.rest_position_m: float | None = None
        self.stop_margin_m: float | None = None
        self.soft_stop = False
        self.relearn()

    def relearn(self) -> None:
        """Forget the walker and the belt's state: called at each arming."""
        for held in (
            self._still, self._slip, self._leaving, self._resting, self._warned, self._over_speed,
            self._past_rear, self._past_front,
        ):  # fmt: skip
            held.clear()
        self._armed_s = 0.0
        self._moving = False
        self._from_m = 1e9
        self._since_s = 0.0
        self._places: deque[float] = deque(maxlen=TRACK_N)
        self._speeds: deque[float] = deque(maxlen=TRACK_N)
        self._fastest_m_s = 0.0
        self._peak_m_s = 0.0
        self._spread_m_s = self._p.wander_m_s
        self._usual_m_s = self._p.wander_sigmas * self._p.wander_m_s
        self._learned_s = 0.0
        self._place_m = 0.0
        self._place_m2 = 0.0
        self._v_m2_s2 = self._p.wander_m_s**2
        self._warn_for_s = 0.0
        self._over = False
        self.warning = None
        self.soft_stop = False

    def update(
        self,
        t_ns: int,
        position: Position,
        phase: Phase,
        belt_speed_m_s: float | None,
        dt_s: float,
    ) -> Finding | None:
        """One tick. `belt_speed_m_s` None: not measured, the ceiling stands in."""
        p = self._p
        self._armed_s += dt_s
        over = self._overspeed(belt_speed_m_s, dt_s)
        off: Finding | None = None
        if position.beyond and p.step_off_s <= position.age_s < 1.0:
            off = Finding(Signal.DANGER, Cause.STEP_OFF, "beyond_deck_s", position.age_s, p.step_off_s)
        if not position.known:
            self.rest_position_m = self.stop_margin_m = None
            self.warning = None
            self.soft_stop = False
            return off or over
        at_m, v = position.position_m, position.velocity_m_s
        speed = p.belt_ceiling_m_s if belt_speed_m_s is None else belt_speed_m_s
        moving = self._belt_moves(at_m, v, phase, belt_speed_m_s, dt_s)
        if moving:
            rest_m = rest_position_m(at_m, v, speed, p.stop_latency_s, p.coast_down_m_s2, self._front_way)
            front_m = self._front_m
        else:
            rest_m = at_m
            front_m = p.front_line_m + SLACK_M
        to_rear_m = self._rear_m - rest_m
        to_front_m = rest_m - front_m
        self.rest_position_m = rest_m
        self.stop_margin_m = to_rear_m if to_rear_m < to_front_m else to_front_m

        finding = over
        slipping = False
        if moving:
            self._follow(at_m, v, phase is not Phase.WAITING, dt_s)
            unmeasured = belt_speed_m_s is None
            finding = self._carried(at_m, v, position.velocity_sigma_m_s, speed, unmeasured, dt_s) or over
            if p.standstill:
                slipping = self._slip.update(v > SLIP_SHARE * p.still_share * speed, dt_s)
        self._warn(to_rear_m, to_front_m, v if moving else 0.0, slipping, dt_s)
        if position.hand:  # nobody jumps along the belt: that place warns, and must last to stop
            return off or finding
        scatter_m = SURE_M if -SURE_M_S < v < SURE_M_S else 0.0
        if self._past_rear.update(to_rear_m <= 0.0, dt_s) or to_rear_m <= -scatter_m:
            return Finding(Signal.DANGER, Cause.DRIFT_REAR, "rest_position_m", rest_m, self._rear_m)
        if self._past_front.update(to_front_m <= 0.0, dt_s) or to_front_m <= -scatter_m:
            return Finding(Signal.DANGER, Cause.DRIFT_FRONT, "rest_position_m", rest_m, front_m)
        return off or finding

    def _belt_moves(
        self, at_m: float, v: float, phase: Phase, measured_m_s: float | None, dt_s: float
    ) -> bool:
        if measured_m_s is not None:
            self._moving = measured_m_s > STANDS_M_S
        elif phase is not Phase.WAITING:
            self._moving = True
            self._resting.clear()
        elif self._moving:
            # Nobody steps any more; but somebody who is still carried stands on a moving belt.
            if self._resting.update(-STANDS_M_S < v < STANDS_M_S, dt_s):
                self._moving = False
                self._from_m = at_m
        elif v <= STANDS_M_S or at_m < self._from_m:
            self._from_m = at_m
        elif at_m - self._from_m > self._p.carried_m:
            self._moving = True
            self._resting.clear()
        return self._moving

    def _carried(
        self, at_m: float, v: float, sigma_m_s: float, speed: float, unmeasured: bool, dt_s: float
    ) -> Finding | None:
        """Standing on a moving belt."""
        p = self._p
        if not p.standstill:
            return None
        usual = self._usual_m_s
        low, top = p.still_share * speed, p.still_top * speed
        limit = low if usual < low else (top if usual > top else usual)
        if self._learned_s < p.sway_s:
            limit = top  # of the first steps the sway still reads as motion
        elif speed <= self._safe_m_s and at_m > self._rear_m - self._way_m(speed):
            # Whoever stands still here passes the line unless it is seen soon: short of doubt, not sure.
            limit = min(low, max(p.behind_share * speed, p.behind_sigmas * self._spread_m_s))
        sure = v > 1.5 * sigma_m_s and v > 0.0
        if self._still.update(sure and v > limit and self._new_ground(at_m, v), dt_s):
            return Finding(Signal.DANGER, Cause.STANDSTILL, "velocity_m_s", v, limit)
        if unmeasured and self._learned_s >= p.learn_s:
            limit = p.leave_m_s if usual < p.leave_m_s else usual
            away_m = at_m - self._place_m
            leaving = sure and v > limit and away_m > p.leave_m and away_m * away_m > 6.25 * self._place_m2
            if self._leaving.update(leaving and self._new_ground(at_m, v), dt_s):
                return Finding(Signal.DANGER, Cause.STANDSTILL, "leaving_m_s", v, limit)
        return None

    def _way_m(self, speed: float) -> float:
        """How far a dead standstill that goes on for half of the time to see one is carried until the belt rests."""
        p = self._p
        return rest_position_m(0.5 * SEE_M, speed, speed, 0.5 * SEE_S + p.stop_latency_s, p.coast_down_m_s2)

    def _new_ground(self, at_m: float, v: float) -> bool:
        """Further back than for half a second: the estimate springing back from a hand in the beam is not."""
        places = list(self._places)[:-TRACK_SKIP]
        return not places or at_m > max(places) + max(NEW_GROUND_M, v * NEW_GROUND_S)

    def _follow(self, at_m: float, v: float, walking: bool, dt_s: float) -> None:
        """Remember half a second, and learn from what is older: what happens now must not excuse itself."""
        self._since_s += dt_s
        if v > self._fastest_m_s:
            self._fastest_m_s = v
        if self._since_s < TRACK_S:
            return
        if walking and len(self._places) == TRACK_N:
            self._learn(self._places[0], self._speeds[0])
        self._places.append(at_m)
        self._speeds.append(self._fastest_m_s)
        self._since_s = 0.0
        self._fastest_m_s = v

    def _learn(self, at_m: float, v: float) -> None:
        """The usual place and its spread, the spread of velocity toward the rear and its largest value of late."""
        p = self._p
        self._learned_s += TRACK_S
        tau_s = p.learn_tau_s if self._learned_s > p.learn_tau_s else self._learned_s
        away_m = at_m - self._place_m
        self._place_m += TRACK_S / tau_s * away_m
        self._place_m2 += TRACK_S / tau_s * (away_m * away_m - self._place_m2)
        old = self._v_m2_s2
        new = v * v
        part = TRACK_S / min(p.learn_tau_s, self._learned_s + 3.0)
        self._v_m2_s2 = old + part * ((new if new < 16.0 * old else 16.0 * old) - old)
        peak = self._peak_m_s * (1.0 - TRACK_S / (3.0 * p.learn_tau_s))
        self._peak_m_s = v if v > peak else peak
        self._spread_m_s = sqrt(self._v_m2_s2)
        self._usual_m_s = max(
            p.still_m_s, p.wander_sigmas * self._spread_m_s, p.wander_peaks * self._peak_m_s
        )

    def _warn(self, to_rear_m: float, to_front_m: float, v: float, slipping: bool, dt_s: float) -> None:
        p = self._p
        soon_m = (v if v > 0.0 else -v) * p.warn_s
        if soon_m < p.warn_m:
            soon_m = p.warn_m
        rear = slipping or to_rear_m < (soon_m if v > 0.0 else p.warn_m)
        front = to_front_m < (soon_m if v < 0.0 else p.warn_m)
        self._warn_for_s -= dt_s
        if self._warned.update(rear or front, dt_s):
            self.warning = Cause.DRIFT_REAR if rear else Cause.DRIFT_FRONT
            self._warn_for_s = WARN_AT_LEAST_S
        elif self._warn_for_s <= 0.0:
            self.warning = Cause.OVERSPEED if self._over else None
        self.soft_stop = p.soft_stop and self._warn_for_s > 0.0

    def _overspeed(self, measured_m_s: float | None, dt_s: float) -> Finding | None:
        """Faster than the commissioned coast-down can stop a dead standstill."""
        p = self._p
        if not p.commissioned:
            return None
        speed = p.belt_ceiling_m_s if measured_m_s is None else measured_m_s
        self._over = self._over_speed.update(speed > OVER * self._safe_m_s, dt_s)
        if self._over and p.over_safe_speed == "refuse":
            return Finding(Signal.DANGER, Cause.OVERSPEED, "belt_speed_m_s", speed, self._safe_m_s)
        if measured_m_s is None and self._armed_s > CEILING_WARNING_S:
            self._over = False
        return None


def rest_position_m(
    position_m: float,
    velocity_m_s: float,
    belt_speed_m_s: float,
    stop_latency_s: float,
    coast_down_m_s2: float,
    front_way: float = 1.0,
) -> float:
    """Where the walker is when the belt has come to rest, if it is cut now.

    Carried toward the rear by a share of the belt's speed, the walker shares its way: v / (2 a). Steps that are too
    long stay so until the belt stands: v / a (`front_way` 1), or shorten with the belt's speed (0.5).
    """
    coast_s = belt_speed_m_s / coast_down_m_s2
    return position_m + velocity_m_s * (stop_latency_s + (0.5 if velocity_m_s > 0.0 else front_way) * coast_s)


def limits_m(params: DriftParams) -> tuple[float, float]:
    """Front and rear: where a walker who keeps the pace of a moving belt is stopped."""
    if params.commissioned:
        front_m = front_limit_m(params.front_line_m, params.coast_down_m_s2)
    else:
        front_m = params.front_line_m + SLACK_M + USUAL_SURGE_M
    return front_m, min(params.rear_line_m, REAR_PART * params.deck_length_m) - SLACK_M


def mark_m(params: DriftParams) -> float:
    """Where to walk: the middle of a measured belt's zone at its fastest safe speed, else of the two limits."""
    lines = (params.rear_line_m, params.front_line_m)
    stop = (params.stop_latency_s, params.coast_down_m_s2)
    safe_m_s = safe_speed_m_s(*lines, *stop)
    if params.commissioned and safe_m_s > 0.0:
        front_m, rear_m = zone_m(*lines, min(safe_m_s, params.belt_ceiling_m_s), *stop)
    else:
        front_m, rear_m = limits_m(params)
    return 0.5 * (front_m + rear_m)


def front_limit_m(front_line_m: float, coast_down_m_s2: float) -> float:
    """Where a measured belt is cut toward the console: the feet step on for a moment while it slows."""
    return front_line_m + SLACK_M + SURGE_S2 * coast_down_m_s2 + LATE_M


def zone_m(
    rear_line_m: float,
    front_line_m: float,
    belt_speed_m_s: float,
    stop_latency_s: float,
    coast_down_m_s2: float,
) -> tuple[float, float]:
    """Where to walk: far enough from the front limit to see long steps in time, ahead of where a dead standstill
    ends past the rear line."""
    way_m = rest_position_m(SEE_M, belt_speed_m_s, belt_speed_m_s, SEE_S + stop_latency_s, coast_down_m_s2)
    return front_limit_m(front_line_m, coast_down_m_s2) + SEE_FRONT_M, rear_line_m - SLACK_M - way_m


def safe_speed_m_s(
    rear_line_m: float, front_line_m: float, stop_latency_s: float, coast_down_m_s2: float
) -> float:
    """The fastest belt that leaves a zone of twice SPREAD_M to walk in; 0 when there is no such belt.

    Solves v (see + latency) + v^2 / (2 a) = room.
    """
    front_m, rear_m = zone_m(rear_line_m, front_line_m, 0.0, stop_latency_s, coast_down_m_s2)
    room_m = rear_m - front_m - 2.0 * SPREAD_M
    if room_m <= 0.0:
        return 0.0
    wait_s = SEE_S + stop_latency_s
    return coast_down_m_s2 * (sqrt(wait_s * wait_s + 2.0 * room_m / coast_down_m_s2) - wait_s)
