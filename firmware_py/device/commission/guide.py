"""Owns the commissioning of one treadmill, step by step with a person's help.

Must never let the belt run before the person agrees, and never return a figure that was not measured or typed. It
touches hardware only through the Bench that is handed in: a real deck and the rig are commissioned by the same lines.
"""

import math
from typing import Any

from firmware_py.config import Config, parse
from firmware_py.core.deck.stopping import mark_m, safe_speed_m_s, zone_m
from firmware_py.device.commission.bench import Bench, Person
from firmware_py.device.commission.box import drop, look
from firmware_py.device.commission.coast_down import Fit, fit
from firmware_py.locale import mark
from firmware_py.locale import translate as _
from sensors.advice import Failure

DROPS = 3
BOX_M = 0.5  # from the sensor's edge to the box's face
MARKS = (("front", 0.35), ("middle", 0.5), ("rear", 0.65))  # parts of the deck's length
MARKS_AGREE_M = 0.06
_KM_H = 3.6
BOX_FROM = {
    "front": mark(
        "Belt off. Put the box on the belt, its face toward the sensor, exactly {distance} mm from the console end."
    ),
    "rear": mark(
        "Belt off. Put the box on the belt, its face toward the sensor, exactly {distance} mm from the rear edge."
    ),
}
DROP = mark(
    "Stop {number} of {of}. The belt may run once you go on: start it at a slow walk, about 1.5 km/h. "
    "When it runs evenly, set the box down on it close to the console, let go, keep clear."
)
DROP_FROM_REAR = mark(
    "Stop {number} of {of}. The belt may run once you go on: start it at a slow walk, about 1.5 km/h. "
    "When it runs evenly, set the box down at the console end, facing the sensor, let go, keep clear."
)


def guide(bench: Bench, person: Person, before: Config) -> tuple[Config, dict[str, Any]]:
    """The whole commissioning. Returns the new config and the figures. Raises Failure or ConfigError."""
    person.show(
        _(
            "Nobody on the moving belt, the treadmill's own key and cord in place. You need a tape measure and a light "
            "box that stands on the belt and reaches above the distance sensor."
        )
    )
    length_m = (
        person.ask("length", _("Length of the running surface from end to end, in mm"), before.deck.length_mm)
        / 1000
    )
    ceiling_km_h = person.ask(
        "ceiling", _("Fastest belt speed you will ever walk at, in km/h"), before.belt.ceiling_km_h
    )
    front = before.range.mount == "front"
    zero_m = _zero_m(bench, person, before.range.mount)
    half_body_m = _half_body_m(bench, person, length_m, zero_m, front)
    coast = _coast(bench, person, ceiling_km_h, front)

    after = before.model_dump(mode="json")
    after["deck"]["length_mm"] = round(length_m * 1000)
    after["range"]["zero_mm"] = round(zero_m * 1000)
    after["range"]["half_body_mm"] = max(0, round(half_body_m * 1000))
    after["belt"] |= {
        "ceiling_km_h": ceiling_km_h,
        "coast_down_m_s2": math.floor(coast.cautious.deceleration_m_s2 * 100) / 100,
        "stop_latency_ms": math.ceil(coast.cautious.latency_s * 1000),
        "commissioned": True,
    }
    config = parse(after)
    return config, figures(config, coast)


def _zero_m(bench: Bench, person: Person, edge: str) -> float:
    """How far outside its edge of the deck the sensor sits."""
    person.confirm(
        "box",
        _(BOX_FROM[edge]).format(distance=f"{BOX_M * 1000:.0f}"),
    )
    return look(bench, "the box") - BOX_M


def _half_body_m(bench: Bench, person: Person, length_m: float, zero_m: float, front: bool) -> float:
    """From the surface that the sensor sees to the middle of the pelvis. Raises Failure when the marks disagree."""
    seen = {}
    for name, part in MARKS:
        person.confirm(
            f"mark_{name}",
            _("Stand as you walk, the middle of your pelvis {distance} mm from the console end.").format(
                distance=f"{length_m * part * 1000:.0f}"
            ),
        )
        at_m = length_m * part if front else length_m * (1.0 - part)
        seen[name] = at_m - (look(bench, f"a person at the {name} mark") - zero_m)
    if max(seen.values()) - min(seen.values()) > MARKS_AGREE_M:
        marks = ", ".join(f"{name} {value * 1000:.0f} mm" for name, value in seen.items())
        raise Failure(
            f"commission: the three marks do not agree ({marks})",
            "Usually the sensor looks past the body or sees the belt",
            "aim it level at the hips, then run this again",
        )
    return sorted(seen.values())[len(seen) // 2]


def _coast(bench: Bench, person: Person, ceiling_km_h: float, front: bool) -> Fit:
    """How the belt comes to rest, from DROPS drops of the relay while a box is carried."""
    drops = []
    for number in range(1, DROPS + 1):
        person.confirm(
            "drop",
            _(DROP if front else DROP_FROM_REAR).format(number=number, of=DROPS),
        )
        drops.append(drop(bench, sign=1.0 if front else -1.0))
    coast = fit(drops, ceiling_km_h / _KM_H)
    for speed_m_s, way_m in coast.drops:
        text = _("From {speed} km/h the belt comes to rest after {way} mm.")
        person.show(text.format(speed=f"{speed_m_s * _KM_H:.2f}", way=f"{way_m * 1000:.0f}"))
    return coast


def figures(config: Config, coast: Fit) -> dict[str, Any]:
    """What commissioning means for the walker."""
    drift = config.monitor_params().drift
    lines = (drift.rear_line_m, drift.front_line_m)
    safe_m_s = safe_speed_m_s(*lines, drift.stop_latency_s, drift.coast_down_m_s2)
    speed_m_s = min(safe_m_s, config.belt_ceiling_m_s)
    from_m, to_m = zone_m(*lines, speed_m_s, drift.stop_latency_s, drift.coast_down_m_s2)
    return {
        "deck_length_m": drift.deck_length_m,
        "zero_mm": config.range.zero_mm,
        "half_body_mm": config.range.half_body_mm,
        "stop_latency_s": drift.stop_latency_s,
        "coast_down_m_s2": drift.coast_down_m_s2,
        "front_line_m": drift.front_line_m,
        "rear_line_m": round(drift.rear_line_m, 3),
        "safe_speed_m_s": round(safe_m_s, 3),
        "ceiling_m_s": round(config.belt_ceiling_m_s, 3),
        "ceiling_is_safe": config.belt_ceiling_m_s <= safe_m_s,
        "walk_from_m": round(from_m, 3),
        "walk_to_m": round(to_m, 3),
        "mark_m": round(mark_m(drift), 3),
        "drops": [{"speed_m_s": round(v, 3), "way_m": round(way, 3)} for v, way in coast.drops],
        "best_fit": {
            "stop_latency_s": round(coast.best.latency_s, 3),
            "coast_down_m_s2": round(coast.best.deceleration_m_s2, 2),
        },
        "config_hash": config.hash,
    }
