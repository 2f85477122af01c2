"""Owns the judgement that a walker is losing balance. Must never judge while nobody walks, and never let learning
raise a limit above its ceiling.

One question: does the hip go down faster than these steps explain? The limit on its downward velocity is

    margin + the vigour of the last half second of walking - what the body already leans

A brisk walker's hip bounces more, so the limit rises with the mean vertical acceleration of the steps just taken; a
body that leans away from its own posture is part of the way down, so the limit sinks with the tilt. The margin is
learned from what this walker's own steps leave unexplained.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal

from firmware_py.core.attitude import Attitude
from firmware_py.core.filters import Held
from firmware_py.core.frame import Cause, Finding, Phase, Signal
from firmware_py.core.gait import Gait


@dataclass(frozen=True, slots=True)
class BalanceParams:
    """What a loss of balance is. Fitted figures: docs/balance.md has the protocol and the curves."""

    stumbles: Literal["stop", "warn"] = "stop"
    vigour_s: float = 0.144  # metres a second of limit for each m/s2 of mean vertical acceleration (fitted)
    vigour_tau_s: float = 0.5  # about one step (fitted)
    lean_m_s: float = 0.64  # metres a second of limit for each radian of tilt (fitted)
    most_lean_rad: float = 0.6  # more than this says no more
    margin_m_s: float = 0.36  # before the gait is known (fitted: above every step of every walk)
    least_margin_m_s: float = 0.36
    own_extra_m_s: float = 0.10  # above the largest of the walker's own steps
    floor_m_s: float = 0.15
    ceiling_m_s: float = 1.3  # real falls hit the ground at 2.1 +- 0.6 m/s: a limit above this guards nobody
    hold_s: float = 0.02
    memory_steps: int = 40


class Balance:
    """Watches every tick; learns from every step."""

    __slots__ = (
        "_excess",
        "_fall",
        "_margin_m_s",
        "_params",
        "_peaks",
        "_steps",
        "_vigour_m_s2",
        "down_velocity_limit_m_s",
        "warning",
    )

    def __init__(self, params: BalanceParams, rate_hz: float) -> None:
        self._params = params
        self._fall = Held(params.hold_s)
        self._peaks: deque[float] = deque(maxlen=params.memory_steps)
        self._vigour_m_s2 = 0.0
        self.relearn()

    def relearn(self) -> None:
        """Forget the walker."""
        p = self._params
        self._peaks.clear()
        self._fall.clear()
        self._excess = -1.0
        self._steps = 0
        self._margin_m_s = p.margin_m_s
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
        down, tilt = attitude.down_velocity_m_s, attitude.tilt_rad
        share = dt_s / p.vigour_tau_s
        self._vigour_m_s2 += share / (1.0 + share) * (abs(attitude.up_accel_m_s2) - self._vigour_m_s2)
        explained = p.vigour_s * self._vigour_m_s2 - p.lean_m_s * min(tilt, p.most_lean_rad)
        limit = min(max(self._margin_m_s + explained, p.floor_m_s), p.ceiling_m_s)
        if gait.phase is Phase.WAITING:
            self._fall.clear()
            self.down_velocity_limit_m_s = p.ceiling_m_s
            return None
        self.down_velocity_limit_m_s = limit
        if down - explained > self._excess:
            self._excess = down - explained
        if gait.steps != self._steps:
            self._learn(gait, warning_active)
        if self._fall.update(down > limit, dt_s):
            return Finding(Signal.DANGER, Cause.FALL, "drop", down, limit)
        return None

    def _learn(self, gait: Gait, frozen: bool) -> None:
        """The largest excess of each step joins the memory at the next step."""
        p = self._params
        self._steps = gait.steps
        if not frozen:
            self._peaks.append(self._excess)
        self._excess = -1.0
        if gait.phase is Phase.GUARDING:
            self._margin_m_s = min(
                max(max(self._peaks, default=p.margin_m_s) + p.own_extra_m_s, p.least_margin_m_s),
                p.margin_m_s,
            )
