"""Owns the drawing of a commissioned deck in plain characters. Must never compute a line or a speed itself."""

from typing import Any

_WIDE = 64


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
    lines = [
        "console" + " " * (_WIDE - 9) + "rear",
        "+" + "-" * _WIDE + "+",
        "|" + "".join(belt) + "|",
        "+" + "-" * _WIDE + "+",
        f"front line {front_mm:.0f} mm, rear line {rear_mm:.0f} mm of {length_mm:.0f} mm",
        f"walk within ===, best at X: {mark_mm:.0f} mm from the front edge",
        f"the belt slows {latency_ms:.0f} ms after the cut, at {figures['coast_down_m_s2']:.2f} m/s2",
        f"safe up to {safe * 3.6:.1f} km/h ({safe / 0.44704:.1f} mph): even a dead standstill is stopped in time",
    ]
    if ceiling > safe:
        lines.append(
            f"your {ceiling * 3.6:.1f} km/h is faster: a walker who stands still then is carried past the rear line."
        )
    return "\n".join(lines)
