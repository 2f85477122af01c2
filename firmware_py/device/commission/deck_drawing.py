"""Owns the drawing of a commissioned deck in plain characters. Must never compute a line or a speed itself."""

from math import floor
from typing import Any

from firmware_py.locale import translate as _

KM_H, MPH = 1 / 3.6, 0.44704  # in m/s
_WIDE = 64


def at_most(speed_m_s: float, unit_m_s: float) -> str:
    """A speed that nobody may exceed, with one digit; never rounded up."""
    return f"{floor(round(speed_m_s / unit_m_s * 10, 6)) / 10:.1f}"


def draw(figures: dict[str, Any]) -> str:
    """`figures`: those of guide.figures."""

    def at(m: float) -> int:
        return max(0, min(_WIDE - 1, round(m / float(figures["deck_length_m"]) * (_WIDE - 1))))

    belt = [" "] * _WIDE
    for place in range(at(figures["walk_from_m"]), at(figures["walk_to_m"]) + 1):
        belt[place] = "="
    belt[at(figures["front_line_m"])] = belt[at(figures["rear_line_m"])] = "|"
    belt[at(figures["mark_m"])] = "X"
    front_mm, rear_mm, mark_mm, length_mm = (
        1000.0 * figures[key] for key in ("front_line_m", "rear_line_m", "mark_m", "deck_length_m")
    )
    latency_ms = 1000.0 * figures["stop_latency_s"]
    safe, ceiling = figures["safe_speed_m_s"], figures["ceiling_m_s"]
    console, rear = _("console"), _("rear edge")
    lines = [
        console + " " * (_WIDE + 2 - len(console) - len(rear)) + rear,
        "+" + "-" * _WIDE + "+",
        "|" + "".join(belt) + "|",
        "+" + "-" * _WIDE + "+",
        _("front line {front} mm, rear line {rear} mm of {length} mm").format(
            front=f"{front_mm:.0f}", rear=f"{rear_mm:.0f}", length=f"{length_mm:.0f}"
        ),
        _("walk within ===, best at X: {mark} mm from the console end").format(mark=f"{mark_mm:.0f}"),
        _("the belt slows {latency} ms after the cut, at {slowing} m/s2").format(
            latency=f"{latency_ms:.0f}", slowing=f"{figures['coast_down_m_s2']:.2f}"
        ),
        _("safe up to {speed} km/h ({mph} mph): even a walker who stands still is stopped in time").format(
            speed=at_most(safe, KM_H), mph=at_most(safe, MPH)
        ),
    ]
    if ceiling > safe:
        text = _("your {speed} km/h is faster: a walker who stands still then is carried past the rear line.")
        lines.append(text.format(speed=f"{ceiling * 3.6:.1f}"))
    return "\n".join(lines)
