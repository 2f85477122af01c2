"""Owns what a person does on the belt: where the feet aim, and how the hip moves beside the gait.

Must never draw chance: two runs that do the same differ only by what the seed gave the walker.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi, sin
from typing import NamedTuple


class Steps(NamedTuple):
    """What feet can aim with, m/s over the belt."""

    belt_m_s: float  # the belt as the feet know it
    correction_m_s: float  # wander, and the pull toward the home place
    slip_m_s: float  # how much too short or too long this walker steps


class HipMotion(NamedTuple):
    """What an act adds to the gait."""

    up_m_s2: float
    turned_rad: float  # backward
    turn_rad_s: float


def keep_place(steps: Steps) -> float:
    return steps.belt_m_s + steps.correction_m_s


def too_short(steps: Steps) -> float:
    return steps.belt_m_s - min(steps.slip_m_s, steps.belt_m_s)


def too_long(steps: Steps) -> float:
    return steps.belt_m_s + steps.slip_m_s


def feet_still(_: Steps) -> float:
    return 0.0


UPRIGHT = HipMotion(0.0, 0.0, 0.0)


def upright(_: float) -> HipMotion:
    return UPRIGHT


IMBALANCE_S = 0.3  # leaning before the descent begins
IMPACT_S = 0.95
_IMPACT_LASTS_S = 0.06
_LEANING_RAD = 0.25  # when the descent begins
_LYING_RAD = 1.35
_DESCENT_M_S2, _IMPACT_M_S2 = -4.6, 35.0  # sine-shaped


def fall_backward(t_s: float) -> HipMotion:
    """0.3 s of imbalance, about 0.6 s of descent, 2.1 m/s at the impact (published accounts: docs/drift.md)."""
    if t_s < IMBALANCE_S:
        return HipMotion(0.0, _LEANING_RAD * (t_s / IMBALANCE_S) ** 2, 0.5 * t_s / 0.09)
    if t_s < IMPACT_S:
        part = (t_s - IMBALANCE_S) / (IMPACT_S - IMBALANCE_S)
        turn_rad = _LYING_RAD - _LEANING_RAD
        # Starts at the rate of the imbalance and ends lying.
        up_m_s2 = _DESCENT_M_S2 * sin(0.5 * pi * min(1.0, 2.0 * part))
        return HipMotion(up_m_s2, _LEANING_RAD + turn_rad * part, turn_rad / (IMPACT_S - IMBALANCE_S))
    if t_s < IMPACT_S + _IMPACT_LASTS_S:
        return HipMotion(_IMPACT_M_S2 * sin(pi * (t_s - IMPACT_S) / _IMPACT_LASTS_S), _LYING_RAD, 0.0)
    return HipMotion(0.0, _LYING_RAD, 0.0)


@dataclass(frozen=True, slots=True)
class Act:
    """`feet` gives the speed over the belt that they aim at; `hip` its motion so many seconds after the act began.

    Compare acts with ==, never with `is`: a copied scene has copies of them.
    """

    name: str
    feet: Callable[[Steps], float]
    hip: Callable[[float], HipMotion] = upright
    on_belt: bool = True  # False: off the side, and the range sensor sees the room


STAND = Act("stand", feet_still)  # carried along by whatever the belt does
WALK = Act("walk", keep_place)
DRIFT = Act("drift", too_short)  # goes toward the rear edge
CLIMB = Act("climb", too_long)  # goes toward the console
FALL = Act("fall", feet_still, fall_backward)
LEAVE = Act("leave", feet_still, on_belt=False)
