"""Owns what else is true while somebody falls: signs that lower the limit of the fall rule together, and raise it where
they fail. Must never stop anything by themselves, nor move the limit beyond their bounds.

A hip that goes down because its walker sits down, crouches to jump or lets himself down on a belt at rest does so
without what a fall brings along: the trunk keeps its lean, nothing turns, the hip is not thrown aside. And who only
swayed where he stood did not walk. Each sign is a ramp: nothing up to one value, its whole share from another on.
"""

from dataclasses import dataclass
from typing import NamedTuple

from firmware_py.core.body.attitude import Attitude
from firmware_py.core.body.gait import Gait


@dataclass(frozen=True, slots=True)
class Ramp:
    """How much of a sign there is: nothing up to `nothing`, all of `share` from `whole` on, in the sign's own unit."""

    nothing: float
    whole: float
    share: float

    def says(self, value: float) -> float:
        """The part of the share that this value is worth."""
        part = (value - self.nothing) / (self.whole - self.nothing)
        return 0.0 if part <= 0.0 else self.share if part >= 1.0 else part * self.share


@dataclass(frozen=True, slots=True)
class SignsParams:
    """What each is worth is a logistic regression of falls against everything else: docs/balance.md."""

    without: float = 4.38  # times the limit, before the bounds, when there is no sign at all
    # The steps just taken swing the hip's velocity as only walking does, or as this walker's own steps do.
    stride_m_s: Ramp = Ramp(0.16, 0.30, 1.36)
    stride_of_usual: Ramp = Ramp(0.6, 0.9, 1.36)
    tilting_rad_s: Ramp = Ramp(0.0, 0.4, 0.68)  # how fast the tilt away from the own posture grows
    turning_rad_s: Ramp = Ramp(0.1, 0.7, 0.32)  # about the vertical
    tipping_rad_s: Ramp = Ramp(0.2, 0.8, 0.21)  # about any horizontal axis
    sinking_s: Ramp = Ramp(0.12, 0.25, 0.89)  # for how long the hip has gone down already
    sideways_m_s: Ramp = Ramp(0.1, 0.35, 0.37)  # how fast the hip goes off to any side
    leapt_m_s: Ramp = Ramp(1.1, 1.5, -1.33)  # how fast it rose before: no walk does, jogs and jumps do
    least: float = 0.65  # times the limit when all of them speak
    most: float = 1.2
    hardly: Ramp = Ramp(2.3, 2.6, 1.3)  # and so much more when hardly any speaks, by what is left


class Signs(NamedTuple):
    """What each sign is worth at this moment, of its share."""

    stride: float
    tilting: float
    turning: float
    tipping: float
    sinking: float
    sideways: float
    leapt: float


def read(params: SignsParams, attitude: Attitude, gait: Gait) -> Signs:
    """The signs of this moment."""
    p = params
    return Signs(
        max(p.stride_m_s.says(gait.swing_m_s), p.stride_of_usual.says(gait.swing_of_usual)),
        p.tilting_rad_s.says(attitude.tilting_rad_s),
        p.turning_rad_s.says(attitude.turning_rad_s),
        p.tipping_rad_s.says(attitude.tipping_rad_s),
        p.sinking_s.says(attitude.sinking_s),
        p.sideways_m_s.says(attitude.sideways_m_s),
        p.leapt_m_s.says(gait.upward_speed_m_s),
    )


def times(params: SignsParams, signs: Signs) -> float:
    """What the limit of the fall rule is multiplied by."""
    p, s = params, signs
    left = p.without - s.stride - s.tilting - s.turning - s.tipping - s.sinking - s.sideways - s.leapt
    return (p.least if left < p.least else p.most if left > p.most else left) + p.hardly.says(left)
