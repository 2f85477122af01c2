"""Owns the last resort of the fall rule: a walker who lies still after an impact has fallen, whatever that rule saw.
Must never stop a person who lies down: nothing hits them.

It stops the belt some 0.35 s after the impact. That prevents no fall, only a belt that runs on under a person.
"""

from dataclasses import dataclass, field
from math import cos, radians

from firmware_py.core.body.attitude import Attitude
from firmware_py.core.filters import LeakyTimer
from firmware_py.core.frame import Cause, Finding, Signal
from sensors.samples import ImuSample


@dataclass(frozen=True, slots=True)
class FallenParams:
    """What lying after an impact is. Figures: docs/balance.md."""

    # Two g. The hip feels more in nineteen of twenty falls, and less of all nine who lie down soon after a step.
    impact_m_s2: float = 20.0
    impact_s: float = 1.5  # an older impact does not count
    lying_tilt_rad: float = radians(75.0)  # from upright: the end of a fall, and no stoop while walking
    lying_s: float = 0.3


@dataclass(slots=True)
class Fallen:
    """Watches every sample of the pod."""

    params: FallenParams
    impact_ago_s: float = field(init=False)
    _lying: LeakyTimer = field(init=False)
    _lying_cos: float = field(init=False)

    def __post_init__(self) -> None:
        self._lying = LeakyTimer(self.params.lying_s)
        self._lying_cos = cos(self.params.lying_tilt_rad)
        self.relearn()

    def relearn(self) -> None:
        """Forget the walker: there was no impact yet."""
        self.impact_ago_s = self.params.impact_s
        self._lying.clear()

    def update(self, imu: ImuSample, attitude: Attitude, watching: bool, dt_s: float) -> Finding | None:
        """One sample; a finding when somebody whom the fall rule watches has fallen."""
        p = self.params
        ax, ay, az = imu.accel_m_s2
        impact = ax * ax + ay * ay + az * az > p.impact_m_s2 * p.impact_m_s2
        self.impact_ago_s = 0.0 if impact else self.impact_ago_s + dt_s
        lying = watching and self.impact_ago_s < p.impact_s and attitude.up[2] < self._lying_cos
        if self._lying.update(lying, dt_s):
            return Finding(Signal.DANGER, Cause.FALL, "lies_after_blow", attitude.up[2], self._lying_cos)
        return None
