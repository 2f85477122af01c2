"""Holds every setting of the deck room: the range sensor and its filter, the lines, the belt, and how people move.

Must never hold behaviour. [A] marks an assumption without a published source; the other figures say where they are
from, or were chosen on the rig (docs/drift.md). `front` and `rear` are those of position.py.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PositionParams:
    """Where the sensor sits, and how noisy it and people are."""

    mount: Literal["front", "rear"] = "front"
    zero_m: float = 0.0  # how far outside its edge of the deck the sensor sits
    half_body_m: float = 0.0  # from the surface that the sensor sees to the middle of the pelvis
    deck_length_m: float = 1.40
    direction: Literal["normal", "reverse"] = "normal"
    beyond_m: float = 0.25  # a reading this far past an end of the deck is the room, not the walker
    # The filter (kalman.py)
    noise_m: float = 0.015  # start value for one reading; VL53L1X datasheet repeatability, and cloth [A]
    noise_min_m: float = 0.006
    noise_max_m: float = 0.035
    # Speed changes of a steady walker: a wander of 8 cm has slips of 0.03 m/s over 1.5 s [A].
    calm_m2_s3: float = 0.004
    sudden_m2_s3: float = 0.30  # a foot that stays down: 0.9 m/s within 0.2 s
    sway_m: float = 0.012  # amplitude at step frequency, 1 to 2 cm [A]
    sway_max_m: float = 0.022  # the most at step frequency; at stride frequency it is half of this
    sway_tau_s: float = 5.0  # how fast the sway's amplitude and phase may change [A]
    # The gate (gate.py): how many standard deviations a reading may lie from the expected one
    far_sigma: float = 5.0  # farther from the sensor: only the walker's own motion makes such a reading
    near_sigma: float = 3.5  # nearer: hands and sleeves in the beam make it, too
    hand_sigma: float = 2.0  # nearer, just after a hand


@dataclass(frozen=True, slots=True)
class DriftParams:
    """Lines, belt, and how people move."""

    deck_length_m: float = 1.40
    rear_line_m: float = 0.98
    front_line_m: float = 0.15
    coast_down_m_s2: float = 1.0
    stop_latency_s: float = 0.15
    belt_ceiling_m_s: float = 0.9
    commissioned: bool = False  # only a measured coast-down gives a safe speed that is worth refusing for
    over_safe_speed: Literal["warn", "refuse"] = "warn"
    # Warnings
    warn_m: float = 0.10
    warn_s: float = 1.2
    soft_stop: bool = False  # ask the console for its own stop while a warning sounds
    # Standstill: a velocity above a share of the belt's speed
    standstill: bool = True
    still_share: float = 0.45  # short steps give less; a walker who stands has all of the belt's speed
    still_top: float = 0.80  # what is learned can raise the share to this and no further
    still_m_s: float = 0.17  # less is a standstill only on a belt that is hardly faster itself
    still_hold_s: float = 0.03
    # The same for a walker so near the rear line that a certain decision would come too late
    behind_share: float = 0.35
    behind_sigmas: float = 4.0  # in spreads of the usual velocity
    sway_s: float = 4.0  # seconds of walking until the filter separates sway from motion [A]
    # Leaving the usual place, where nobody measures the belt's speed
    leave_m_s: float = 0.18
    leave_m: float = 0.08
    leave_hold_s: float = 0.08
    learn_s: float = 8.0  # seconds of walking until the usual place is known
    # What is learned of this walker (habit.py)
    learn_tau_s: float = 30.0
    wander_m_s: float = 0.05  # spread of velocity until it is learned [A]
    wander_sigmas: float = 5.0  # wander stays below so many spreads of the walker's own velocity ...
    wander_peaks: float = 1.5  # ... or below its recent peak times this
    carried_m: float = 0.30  # carried further than this in one go, the walker is on a moving belt
    step_off_s: float = (
        0.14  # within the 300 ms of F22 (docs/safety.md), and just before the reading is too old
    )
