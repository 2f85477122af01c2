"""Owns the judgement that a walker is losing balance. Must never judge while nobody walks, and never let learning
raise a limit above its ceiling.

Two rules, each alone enough:
  drop  the hip goes down faster than this walker's own steps ever do
  tip   it goes down fast, and leans, and turns over, all at once: each alone would be a step
"""

from collections import deque
from dataclasses import dataclass
from math import radians
from typing import Literal

from firmware_py.core.attitude import Attitude
from firmware_py.core.filters import Held
from firmware_py.core.frame import Cause, Finding, Phase, Signal
from firmware_py.core.gait import Gait


@dataclass(frozen=True, slots=True)
class BalanceParams:
    """Ceilings, floors and shares."""

    stumbles: Literal["stop", "warn"] = "stop"
    own_share: float = 1.5  # of the largest downward velocity in the walker's own steps
    floor_m_s: float = 0.45
    ceiling_m_s: float = 0.80
    drop_hold_s: float = 0.03
    tip_share: float = 0.6  # of the limit above, when tilt and turn agree
    tip_floor_m_s: float = 0.25
    tip_tilt_rad: float = radians(10)
    tip_turn_rad_s: float = radians(60)
    tip_own_share: float = 1.2
    tip_hold_s: float = 0.02
    memory_steps: int = 40


class Balance:
    """Watches every tick; learns from every step."""

    __slots__ = (
        "_down",
        "_drop",
        "_params",
        "_peaks",
        "_steps",
        "_tilt",
        "_tilt_limit_rad",
        "_tip",
        "_tip_limit_m_s",
        "_turn",
        "_turn_limit_rad_s",
        "down_velocity_limit_m_s",
        "warning",
    )

    def __init__(self, params: BalanceParams, rate_hz: float) -> None:
        self._params = params
        self._drop = Held(params.drop_hold_s)
        self._tip = Held(params.tip_hold_s)
        self._peaks: deque[tuple[float, float, float]] = deque(maxlen=params.memory_steps)
        self.relearn()

    def relearn(self) -> None:
        """Forget the walker: the ceilings hold."""
        p = self._params
        self._peaks.clear()
        self._drop.clear()
        self._tip.clear()
        self._down = self._tilt = self._turn = 0.0
        self._steps = 0
        self.warning: Cause | None = None
        self._set_limits(p.ceiling_m_s, p.tip_tilt_rad, p.tip_turn_rad_s)

    def update(
        self, t_ns: int, attitude: Attitude, gait: Gait, warning_active: bool, dt_s: float
    ) -> Finding | None:
        """One tick; a finding when balance is lost."""
        down, tilt, turn = attitude.down_velocity_m_s, attitude.tilt_rad, attitude.turn_rate_rad_s
        if gait.phase is Phase.WAITING:
            self._drop.clear()
            self._tip.clear()
            return None
        self._learn(down, tilt, turn, gait, warning_active)
        dropped = self._drop.update(down > self.down_velocity_limit_m_s, dt_s)
        tipped = self._tip.update(
            down > self._tip_limit_m_s and tilt > self._tilt_limit_rad and turn > self._turn_limit_rad_s, dt_s
        )
        if dropped:
            return Finding(Signal.DANGER, Cause.FALL, "drop", down, self.down_velocity_limit_m_s)
        if tipped:
            return Finding(Signal.DANGER, Cause.FALL, "tip", down, self._tip_limit_m_s)
        return None

    def _learn(self, down: float, tilt: float, turn: float, gait: Gait, frozen: bool) -> None:
        """The largest of each step joins the memory at the next step."""
        self._down = max(self._down, down)
        self._tilt = max(self._tilt, tilt)
        self._turn = max(self._turn, turn)
        if gait.steps == self._steps:
            return
        self._steps = gait.steps
        if not frozen:
            self._peaks.append((self._down, self._tilt, self._turn))
        self._down = self._tilt = self._turn = 0.0
        if gait.phase is Phase.GUARDING and self._peaks:
            p = self._params
            own = max(peak[0] for peak in self._peaks)
            self._set_limits(
                min(max(p.own_share * own, p.floor_m_s), p.ceiling_m_s),
                max(p.tip_tilt_rad, p.tip_own_share * max(peak[1] for peak in self._peaks)),
                max(p.tip_turn_rad_s, p.tip_own_share * max(peak[2] for peak in self._peaks)),
            )

    def _set_limits(self, down_m_s: float, tilt_rad: float, turn_rad_s: float) -> None:
        p = self._params
        self.down_velocity_limit_m_s = down_m_s
        self._tip_limit_m_s = max(p.tip_floor_m_s, p.tip_share * down_m_s)
        self._tilt_limit_rad = tilt_rad
        self._turn_limit_rad_s = turn_rad_s
