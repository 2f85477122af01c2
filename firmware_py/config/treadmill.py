"""The settings of the treadmill and of the rules that stop it: deck, belt, balance, drift."""

from typing import Literal

from firmware_py.config.section import CORE, KM_H, Section, setting

DRIFT = CORE.drift
REAR_LINE_MAX_PERCENT = 70  # ISO 20957-6 6.5.3


class DeckConfig(Section):
    """The running surface, measured from its front (console) end."""

    length_mm: int = setting(
        round(DRIFT.deck_length_m * 1000),
        "length of the running surface; `rearguard commission` asks for it",
        "mm",
        800,
        2200,
    )
    rear_line_percent: float = setting(
        round(100 * DRIFT.rear_line_m / DRIFT.deck_length_m, 3),
        "the walker is at rest before this part of the deck; ISO 20957-6 6.5.3 allows at most 70",
        "%",
        40,
        REAR_LINE_MAX_PERCENT,
    )
    front_line_mm: int = setting(
        round(DRIFT.front_line_m * 1000),
        "heels and back are this far from the console hood at least",
        "mm",
        0,
        600,
    )


class BeltConfig(Section):
    """How fast the belt may be and how it comes to rest."""

    ceiling_km_h: float = setting(
        round(DRIFT.belt_ceiling_m_s * KM_H, 3),
        "fastest belt speed in use; stands in when none is measured",
        "km/h",
        0.3,
        8.0,
    )
    coast_down_m_s2: float = setting(
        DRIFT.coast_down_m_s2,
        "deceleration after the cut; measured by `rearguard commission`",
        "m/s2",
        0.2,
        5.0,
    )
    stop_latency_ms: int = setting(
        round(DRIFT.stop_latency_s * 1000),
        "from the cut to the belt slowing; measured by `rearguard commission`",
        "ms",
        10,
        600,
    )
    direction: Literal["normal", "reverse"] = setting(
        CORE.position.direction, "reverse: the belt runs toward the console and the walker faces it"
    )
    over_safe_speed: Literal["warn", "refuse"] = setting(
        DRIFT.over_safe_speed,
        "above the speed that the coast-down allows: only warn, or refuse to arm and stop",
    )
    commissioned: bool = setting(
        DRIFT.commissioned, "true once `rearguard commission` has measured this treadmill"
    )
    speed_sensor: Literal["none", "hall"] = setting("none", "hall: a magnet on the roller and a hall switch")
    hall_pin: int = setting(16, "GPIO of the hall switch", "BCM", 9, 27)
    hall_mm_per_pulse: float = setting(
        150.0, "belt travel from pulse to pulse: roller circumference / magnets", "mm", 5, 600
    )


class BalanceConfig(Section):
    """Loss of balance."""

    stumbles: Literal["stop", "warn"] = setting(
        CORE.balance.stumbles, "a stumble that the walker may yet recover from: stop, or warn"
    )


class DriftConfig(Section):
    """Drift toward an edge."""

    warn_mm: int = setting(
        round(DRIFT.warn_m * 1000),
        "warn by ear when the predicted resting point is this near to a line",
        "mm",
        0,
        500,
    )
    soft_stop: bool = setting(
        DRIFT.soft_stop, "pull the console's stop contact at the warning, the cut stays at its deadline"
    )
    standstill: bool = setting(DRIFT.standstill, "stop when the walker stands on a moving belt")
