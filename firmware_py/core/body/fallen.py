"""Owns the last resort of the fall rule: who walked, was struck and lies has fallen, whatever that rule saw.
Must never stop who lies down: they are not struck.

It speaks some 0.35 s after the blow: it spares nobody the fall, only a belt that runs on under whoever lies on it.
"""

from dataclasses import dataclass
from math import cos, radians

from firmware_py.core.body.attitude import Attitude
from firmware_py.core.body.gait import Gait
from firmware_py.core.filters import LeakyTimer
from firmware_py.core.frame import Cause, Finding, Phase, Signal
from sensors.samples import ImuSample


@dataclass(frozen=True, slots=True)
class FallenParams:
    """What lying after a blow is. Figures: docs/balance.md."""

    # Two g. The hip feels more in nineteen of twenty falls, and less of all nine who lie down soon after a step.
    blow_m_s2: float = 20.0
    blow_s: float = 1.5  # so long ago at most
    lying_tilt_rad: float = radians(75.0)  # from upright: at the last of a fall, and no stoop while walking
    lying_s: float = 0.3


class Fallen:
    """Watches every sample of the pod."""

    __slots__ = ("_ago_s", "_lies", "_lying_cos", "_params")

    def __init__(self, params: FallenParams) -> None:
        self._params = params
        self._lying_cos = cos(params.lying_tilt_rad)
        self._lies = LeakyTimer(params.lying_s)
        self.relearn()

    def relearn(self) -> None:
        """Nobody has been struck yet."""
        self._ago_s = self._params.blow_s
        self._lies.clear()

    def update(self, imu: ImuSample, attitude: Attitude, gait: Gait, dt_s: float) -> Finding | None:
        """One sample; a finding when somebody has fallen."""
        p = self._params
        ax, ay, az = imu.accel_m_s2
        struck = ax * ax + ay * ay + az * az > p.blow_m_s2 * p.blow_m_s2
        self._ago_s = 0.0 if struck else self._ago_s + dt_s
        walked = gait.phase is not Phase.WAITING
        lies = walked and self._ago_s < p.blow_s and attitude.up[2] < self._lying_cos
        if self._lies.update(lies, dt_s):
            return Finding(Signal.DANGER, Cause.FALL, "lies_after_blow", attitude.up[2], self._lying_cos)
        return None
