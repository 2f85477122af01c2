"""Owns what a person does on the belt: where the feet aim, and how the hip moves beside the gait.

Must never draw chance: two runs that do the same differ only by what the seed gave the walker.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, pi, radians, sin
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
    yaw_rad_s: float = 0.0  # about the vertical, to the left
    forward_m_s2: float = 0.0


def keep_place(steps: Steps) -> float:
    return steps.belt_m_s + steps.correction_m_s


def too_short(steps: Steps) -> float:
    return steps.belt_m_s - min(steps.slip_m_s, steps.belt_m_s)


def too_long(steps: Steps) -> float:
    return steps.belt_m_s + steps.slip_m_s


def feet_still(_: Steps) -> float:
    return 0.0


def a_little_long(steps: Steps) -> float:
    """The hand goes to the console behind the walker, and the body with it."""
    return steps.belt_m_s + 0.08


def a_little_short(steps: Steps) -> float:
    return steps.belt_m_s - min(0.08, steps.belt_m_s)


def quick(steps: Steps) -> float:
    """Away from the rear edge at once."""
    return steps.belt_m_s + 0.20


def uneven(steps: Steps) -> float:
    """The steps of somebody who turns or bends while walking on."""
    return 0.85 * keep_place(steps)


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


_TIPPED_RAD, _TIPS_S = -0.3, 3.0  # forward by 17 degrees, in so long


def tip_forward(t_s: float) -> HipMotion:
    """The hips tip forward and stay so."""
    part = min(t_s / _TIPS_S, 1.0)
    return HipMotion(0.0, _TIPPED_RAD * part, _TIPPED_RAD / _TIPS_S if part < 1.0 else 0.0)


@dataclass(frozen=True, slots=True)
class Act:
    """`feet` gives the speed over the belt that they aim at; `hip` its motion so many seconds after the act began.

    Compare acts with ==, never with `is`: a copied scene has copies of them.
    """

    name: str
    feet: Callable[[Steps], float]
    hip: Callable[[float], HipMotion] = upright
    on_belt: bool = True  # False: off the side, and the range sensor sees the room
    on_rails: bool = False  # the feet stand beside the belt: nobody is carried
    lasts_s: float = inf
    then: "Act | None" = None  # None: walks on


STAND = Act("stand", feet_still)  # carried along by whatever the belt does
WALK = Act("walk", keep_place)
DRIFT = Act("drift", too_short)  # goes toward the rear edge
CLIMB = Act("climb", too_long)  # goes toward the console
FALL = Act("fall", feet_still, fall_backward)
TIP = Act("tip", keep_place, tip_forward)  # walks on with the hips tipped forward
LEAVE = Act("leave", feet_still, on_belt=False)


# What people do while they walk. Sizes: the hip as recordings of such acts show it, or [A] where there is none.
def _swing(t_s: float, lasts_s: float, size_rad: float) -> tuple[float, float]:
    """There and back again within `lasts_s`: angle and rate."""
    if not 0.0 <= t_s < lasts_s:
        return 0.0, 0.0
    w = pi / lasts_s
    return size_rad * sin(w * t_s) ** 2, size_rad * w * sin(2.0 * w * t_s)


def _pulse(t_s: float, begin_s: float, lasts_s: float, size: float) -> float:
    """Half a sine, once."""
    return size * sin(pi * (t_s - begin_s) / lasts_s) if begin_s <= t_s < begin_s + lasts_s else 0.0


def looking_round(t_s: float) -> HipMotion:
    """The pelvis turns by 35 degrees and back, and leans a little."""
    _, yaw_rad_s = _swing(t_s, 1.6, radians(35.0))
    return HipMotion(0.0, *_swing(t_s, 1.6, radians(5.0)), yaw_rad_s)


def reaching(t_s: float) -> HipMotion:
    """The trunk turns by 70 degrees and leans back by 15."""
    _, yaw_rad_s = _swing(t_s, 2.0, radians(70.0))
    return HipMotion(0.0, *_swing(t_s, 2.0, radians(15.0)), yaw_rad_s)


def hitching(t_s: float) -> HipMotion:
    """The pod is jolted by 0.7 g and tilts by 15 degrees for less than half a second; nobody goes down."""
    jolt_m_s2 = _pulse(t_s, 0.1, 0.12, 7.0) - _pulse(t_s, 0.22, 0.12, 7.0)
    return HipMotion(0.0, *_swing(t_s, 0.45, radians(15.0)), 0.0, jolt_m_s2)


def coughing(t_s: float) -> HipMotion:
    """Three times in a second: 3 m/s2 for 0.12 s, up and down again."""
    begins_s = (0.0, 0.4, 0.8)
    up = sum(_pulse(t_s, b, 0.12, 3.0) - _pulse(t_s, b + 0.12, 0.12, 3.0) for b in begins_s)
    return HipMotion(up, *_swing(t_s, 1.1, radians(4.0)))


def holding_rails(t_s: float) -> HipMotion:
    """The trunk leans on the rails by 10 degrees, slowly, and comes back."""
    return HipMotion(0.0, *_swing(t_s, 6.0, radians(10.0)))


def turning_round(t_s: float) -> HipMotion:
    """Half a turn within 1.5 s."""
    return HipMotion(0.0, *_swing(t_s, 1.5, radians(6.0)), _pulse(t_s, 0.0, 1.5, 0.5 * pi * pi / 1.5))


def bending(t_s: float) -> HipMotion:
    """The trunk bends by 45 degrees and comes up; the hip goes down by some 10 cm at less than 0.3 m/s."""
    down = _pulse(t_s, 0.0, 0.6, 0.7) - _pulse(t_s, 0.6, 0.6, 0.7)
    up = _pulse(t_s, 1.2, 0.6, 0.7) - _pulse(t_s, 1.8, 0.6, 0.7)
    return HipMotion(up - down, *_swing(t_s, 2.4, -radians(45.0)))


def buckling(t_s: float) -> HipMotion:
    """A knee gives by 5 cm, at up to 0.36 m/s, and catches itself hard."""
    down = _pulse(t_s, 0.0, 0.16, 3.5) - _pulse(t_s, 0.20, 0.06, 12.0) + _pulse(t_s, 0.30, 0.20, 0.8)
    return HipMotion(-down, *_swing(t_s, 0.6, radians(10.0)))


_SUNK_S = 1.2


def sinking(t_s: float) -> HipMotion:
    """A knee gives way: the hip sinks at 0.45 m/s for 1 s, the hands on the rails, the trunk upright."""
    down = _pulse(t_s, 0.0, 0.35, 2.0) - _pulse(t_s, _SUNK_S, 0.35, 2.0)
    lean_rad_s = radians(12.0) / _SUNK_S
    return HipMotion(-down, lean_rad_s * min(_SUNK_S, t_s), lean_rad_s if t_s < _SUNK_S else 0.0)


LOOK = Act("look over the shoulder", keep_place, looking_round, lasts_s=1.6)
_BACK = Act("back from the console", a_little_short, lambda t_s: reaching(t_s + 1.0), lasts_s=1.0)
REACH = Act("reach to the console", a_little_long, reaching, lasts_s=1.0, then=_BACK)
HITCH = Act("hitch trousers", keep_place, hitching, lasts_s=0.5)
COUGH = Act("cough", keep_place, coughing, lasts_s=1.2)
RAILS = Act("take and leave the rails", keep_place, holding_rails, lasts_s=6.0)
SIDE = Act("step onto the side rails", feet_still, on_rails=True)
TURN = Act("turn round", uneven, turning_round, lasts_s=1.5)
BEND = Act("bend to the shoe", uneven, bending, lasts_s=2.4)
BUCKLE = Act("knee buckles", keep_place, buckling, lasts_s=0.6)
SINK = Act("knee gives way", feet_still, sinking)
HURRY = Act("drift, then hurry", a_little_short, lasts_s=2.0, then=Act("hurry", quick, lasts_s=0.55))
