"""Owns the judgement that a walker is losing balance. Must never judge while nobody walks, and never let learning
raise a limit above its ceiling.

One question: does the hip go down as no step, no jump and no chair explains? The velocity that is judged is the one
that it will have in 50 ms if the acceleration of now lasts: who drops is believed sooner than who lets himself down.
That has to be faster than a fixed floor, and faster than

    margin + share of the vigour of the steps just taken - share of the tilt away from the walker's own posture
           - share of the height lost + what the acceleration of this moment will take off + share of a leap
           + share of the sideways velocity that no hip has

The height lost weighs most: three centimetres are worth a metre a second of limit, as much as eight degrees of tilt.
Vigour is the mean upward acceleration of the hip: a brisk walker bounces more, and a falling body does not push itself
up, so the limit rises with the pace and not with the fall. A body that pushes already (sitting down, the crouch before
a jump) slows down by itself; who leaps comes down again. The margin is learned: a little above what this walker's own
steps leave unexplained. A pod that slips or is pushed to another place reads part of gravity as a thrust sideways and
misses the same part downward: as long as the hip seems to be thrown, its downward velocity is believed less. All of it
is multiplied by what the signs of a fall say (signs.py).
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from firmware_py.core.body.attitude import G_M_S2, Attitude
from firmware_py.core.body.evidence import Signs, SignsParams, read, times
from firmware_py.core.body.gait import Gait
from firmware_py.core.filters import LeakyTimer
from firmware_py.core.frame import Cause, Finding, Phase, Signal

_NOTHING_M_S = -1000.0  # below any excess: the next one is the largest


@dataclass(frozen=True, slots=True)
class BalanceParams:
    """What a loss of balance is. Figures without another source are fitted: docs/balance.md has protocol and curves."""

    stumbles: Literal["stop", "warn"] = "stop"
    vigour_tau_s: float = 1.0  # about two steps
    vigour_s: float = 2.3  # metres a second of limit for each m/s2 of mean upward acceleration
    lean_m_s: float = 7.2  # metres a second of limit for each radian of tilt
    most_lean_rad: float = 0.45  # more says no more: a pod that slips tilts, too
    sunk_per_s: float = 33.0  # metres a second of limit for each metre of height lost; gained: the other way
    soon_s: float = 0.05  # the velocity judged is that of so much later, at the acceleration of now
    # Metres a second of limit for each m/s2 of upward acceleration now; downward: the other way.
    ahead_s: float = 0.12
    leap_m_s: float = 1.0  # upward velocity before it came down; steps have less, jogs and jumps more
    leap_share: float = 14.0  # metres a second of limit for each metre a second beyond it
    thrown_m_s: float = 0.5  # sideways velocity
    thrown_share: float = 2.1  # metres a second of limit for each metre a second beyond it
    margin_m_s: float = 1.7  # before the gait is known, and the most that learning may allow
    least_margin_m_s: float = 1.55  # the least that learning may ask for
    own_extra_m_s: float = 0.5  # above the largest of the walker's own steps
    memory_steps: int = 40
    floor_m_s: float = 0.39  # no less before the signs
    signs: SignsParams = field(default_factory=SignsParams)  # multiply it, up to the ceiling
    ceiling_m_s: float = 2.4  # in free fall 1.9 now; real falls reach the ground at 2.1 +- 0.6 m/s
    # And at least two samples, whatever the rate, and however long apart: one bad one stops nothing.
    hold_s: float = 0.0075
    recovery_m_s: float = 0.25  # stumbles = "warn": how far beyond the limit a recovery is still hoped for
    warning_s: float = 2.0  # and how long the warning stays


class Terms(NamedTuple):
    """What explains a hip that goes down, in metres a second of limit; negative: a fall is likelier."""

    vigour: float
    tilt: float
    height: float
    acceleration: float
    leap: float
    thrown: float


class Limit(NamedTuple):
    """The limit of one moment, and what it is made of.

    `margin_m_s` + `explained_m_s` (the sum of the terms), between floor and ceiling, multiplied by `times`.
    """

    margin_m_s: float
    terms: Terms
    explained_m_s: float
    signs: Signs
    times: float
    m_s: float


class Balance:
    """Watches every tick; learns from every step."""

    __slots__ = (
        "_excess_m_s",
        "_fall",
        "_margin_m_s",
        "_params",
        "_peaks_m_s",
        "_steps",
        "_stumble",
        "_tick_s",
        "_vigour_m_s2",
        "_warned_s",
        "down_velocity_limit_m_s",
        "down_velocity_m_s",
        "warning",
    )

    def __init__(self, params: BalanceParams, rate_hz: float) -> None:
        self._params = params
        self._tick_s = 1.0 / rate_hz
        hold_s = max(params.hold_s, 1.5 / rate_hz)
        self._fall = LeakyTimer(hold_s)
        self._stumble = LeakyTimer(hold_s)
        self._peaks_m_s: deque[float] = deque(maxlen=params.memory_steps)
        self._vigour_m_s2 = 0.0
        self.down_velocity_m_s = 0.0
        self.relearn()

    def relearn(self) -> None:
        """Forget the walker."""
        p = self._params
        self._peaks_m_s.clear()
        self._fall.clear()
        self._stumble.clear()
        self._excess_m_s = _NOTHING_M_S
        self._steps = 0
        self._margin_m_s = p.margin_m_s
        self._warned_s = 0.0
        self.down_velocity_limit_m_s = p.ceiling_m_s
        self.warning: Cause | None = None

    def update(
        self,
        t_ns: int,
        attitude: Attitude,
        gait: Gait,
        warning_active: bool,
        dt_s: float,
    ) -> Finding | None:
        """One tick; a finding when balance is lost."""
        p = self._params
        up_accel = attitude.up_accel_m_s2
        share = dt_s / (p.vigour_tau_s + dt_s)
        self._vigour_m_s2 += share * ((up_accel if up_accel > 0.0 else 0.0) - self._vigour_m_s2)
        down = self.down_velocity_m_s = attitude.down_velocity_m_s - p.soon_s * _within_fall(up_accel)
        if self.warning is not None:
            self._warned_s += dt_s
            if self._warned_s > p.warning_s:
                self.warning = None
        if gait.phase is Phase.WAITING:
            self._fall.clear()
            self._stumble.clear()
            self.down_velocity_limit_m_s = p.ceiling_m_s
            return None

        made = self.limit(attitude, gait)
        explained, limit = made.explained_m_s, made.m_s
        self._excess_m_s = max(self._excess_m_s, down - explained)
        if gait.steps != self._steps:
            self._learn(gait, warning_active or self.warning is not None)

        # A sample counts for a tick, however long ago the last one was: after a lost one it is still one sample.
        if p.stumbles == "warn":
            if self._stumble.update(down > limit, self._tick_s):
                self.warning, self._warned_s = Cause.STUMBLE, 0.0
            limit += p.recovery_m_s
        self.down_velocity_limit_m_s = limit
        if self._fall.update(down > limit, self._tick_s):
            return Finding(Signal.DANGER, Cause.FALL, "down_velocity_m_s", down, limit)
        return None

    def limit(self, attitude: Attitude, gait: Gait) -> Limit:
        """What `update` judges by at this moment, of somebody who walks; changes nothing."""
        p = self._params
        leapt = max(0.0, gait.upward_speed_m_s - p.leap_m_s)
        thrown = max(0.0, attitude.sideways_m_s - p.thrown_m_s)
        terms = Terms(
            vigour=p.vigour_s * self._vigour_m_s2,
            tilt=-p.lean_m_s * min(p.most_lean_rad, attitude.tilt_rad),
            height=-p.sunk_per_s * attitude.height_lost_m,
            acceleration=p.ahead_s * _within_fall(attitude.up_accel_m_s2),
            leap=p.leap_share * leapt,
            thrown=p.thrown_share * thrown,
        )
        # Not sum(), which rounds otherwise from Python 3.12 on.
        explained = terms.vigour + terms.tilt + terms.height + terms.acceleration + terms.leap + terms.thrown
        limit = min(max(self._margin_m_s + explained, p.floor_m_s), p.ceiling_m_s)
        signs = read(p.signs, attitude, gait)
        by = times(p.signs, signs)
        most = p.ceiling_m_s + leapt  # who leapt comes down as fast as he went up
        return Limit(self._margin_m_s, terms, explained, signs, by, min(limit * by, most))

    def _learn(self, gait: Gait, frozen: bool) -> None:
        """The largest excess of a step joins the memory when the next one begins."""
        p = self._params
        self._steps = gait.steps
        if not frozen:
            self._peaks_m_s.append(self._excess_m_s)
        self._excess_m_s = _NOTHING_M_S
        if gait.phase is Phase.GUARDING and self._peaks_m_s:
            own = max(self._peaks_m_s) + p.own_extra_m_s
            self._margin_m_s = min(max(own, p.least_margin_m_s), p.margin_m_s)


def _within_fall(up_accel_m_s2: float) -> float:
    """Nothing drops faster than it falls: more is the pod, not the body."""
    return max(up_accel_m_s2, -G_M_S2)
