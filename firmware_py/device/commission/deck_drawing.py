"""Owns the drawing of a commissioned deck in plain characters. Must never compute a line or a speed itself."""

from typing import Any

_WIDE = 64


def draw(told: dict[str, Any]) -> str:
    """`told`: the figures of commission.figures."""

    def at(m: float) -> int:
        return max(0, min(_WIDE - 1, round(m / float(told["deck_length_m"]) * (_WIDE - 1))))

    belt = [" "] * _WIDE
    for place in range(at(told["walk_from_m"]), at(told["walk_to_m"]) + 1):
        belt[place] = "="
    belt[at(told["front_line_m"])] = belt[at(told["rear_line_m"])] = "|"
    belt[at(told["mark_m"])] = "X"
    front_mm, rear_mm, mark_mm, length_mm = (
        1000.0 * told[key] for key in ("front_line_m", "rear_line_m", "mark_m", "deck_length_m")
    )
    safe, ceiling = told["safe_speed_m_s"], told["ceiling_m_s"]
    lines = [
        "console" + " " * (_WIDE - 9) + "rear",
        "+" + "-" * _WIDE + "+",
        "|" + "".join(belt) + "|",
        "+" + "-" * _WIDE + "+",
        f"front line {front_mm:.0f} mm, rear line {rear_mm:.0f} mm of {length_mm:.0f} mm",
        f"walk within ===, best at X: {mark_mm:.0f} mm from the front edge",
        f"the belt slows {told['stop_latency_s'] * 1000:.0f} ms after the cut, at {told['coast_down_m_s2']:.2f} m/s2",
        f"safe up to {safe * 3.6:.1f} km/h ({safe / 0.44704:.1f} mph): even a dead standstill is stopped in time",
    ]
    if ceiling > safe:
        lines.append(
            f"your {ceiling * 3.6:.1f} km/h is faster: whoever freezes there is carried past the rear line."
        )
    return "\n".join(lines)
