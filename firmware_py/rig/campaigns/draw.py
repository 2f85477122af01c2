"""Owns the picture of one run: place, velocity and belt over time, what was said and when, as an SVG.

Must never run or judge anything: it draws the states and decisions that it is given.
"""

from collections.abc import Callable
from typing import NamedTuple

from firmware_py.core.frame import Decision
from firmware_py.rig.world.scene import State

_WIDE, _LEFT, _RIGHT, _TOP = 900, 70, 20, 40
_HIGH = (260, 110)  # place; velocity and belt
_GAP = 40


class Run(NamedTuple):
    """One run to draw, with the lines that held."""

    title: str
    ticks: list[tuple[State, Decision]]
    deck_length_m: float
    front_line_m: float
    rear_line_m: float


def svg(run: Run) -> str:
    """The whole picture."""
    states = [state for state, _ in run.ticks]
    start_s, end_s = states[0].t_s, states[-1].t_s

    def x(t_s: float) -> float:
        return _LEFT + (t_s - start_s) / (end_s - start_s) * (_WIDE - _LEFT - _RIGHT)

    def place(m: float) -> float:
        return _TOP + max(0.0, min(1.0, m / run.deck_length_m)) * _HIGH[0]

    base = _TOP + _HIGH[0] + _GAP

    def speed(m_s: float) -> float:
        return base + (1.0 - (max(-0.5, min(1.2, m_s)) + 0.5) / 1.7) * _HIGH[1]

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDE}" height="{base + _HIGH[1] + 40}" '
        f'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="15">{run.title}</text>',
        _band(place(0.0), place(run.front_line_m), "#fde2e2"),
        _band(place(run.rear_line_m), place(run.deck_length_m), "#fde2e2"),
        *_bands(run, x),
        _level(place(run.front_line_m), "front line", "#c0392b"),
        _level(place(run.rear_line_m), "rear line", "#c0392b"),
        _label(place(0.0), "console"),
        _label(place(run.deck_length_m), "rear end"),
        _dots(run, x, place),
        _line([(x(s.t_s), place(s.position_m)) for s in states], "#2c3e50", 2.0),
        _line(
            [(x(s.t_s), place(d.position_m)) for s, d in run.ticks if d.position_m is not None],
            "#2980b9",
            1.2,
        ),
        _line(
            [
                (x(s.t_s), place(d.rest_position_m))
                for s, d in run.ticks
                if d.rest_position_m is not None and d.run
            ],
            "#e67e22",
            1.2,
        ),
        _label(speed(0.0), "0 m/s"),
        _label(speed(1.0), "1 m/s"),
        _level(speed(0.0), "", "#bbbbbb"),
        _line([(x(s.t_s), speed(s.belt_speed_m_s)) for s in states], "#7f8c8d", 2.0),
        _line(
            [(x(s.t_s), speed(d.velocity_m_s)) for s, d in run.ticks if d.velocity_m_s is not None],
            "#2980b9",
            1.2,
        ),
        *_marks(run, x, base),
        _legend(base + _HIGH[1] + 25),
        "</svg>",
    ]
    return "\n".join(parts)


def _bands(run: Run, x: Callable[[float], float]) -> list[str]:
    """Yellow while a warning sounds."""
    bands, since = [], None
    for state, decision in [*run.ticks, (run.ticks[-1][0], run.ticks[-1][1]._replace(warning=None))]:
        if decision.warning is not None and since is None:
            since = state.t_s
        elif decision.warning is None and since is not None:
            wide = max(1.0, x(state.t_s) - x(since))
            bands.append(
                f'<rect x="{x(since):.1f}" y="{_TOP}" width="{wide:.1f}" height="{_HIGH[0]}" '
                'fill="#fff3b0" opacity="0.8"/>'
            )
            since = None
    return bands


def _marks(run: Run, x: Callable[[float], float], base: float) -> list[str]:
    marks = []
    for (before, last), (state, decision) in zip(run.ticks, run.ticks[1:], strict=False):
        if state.hazard and not before.hazard:
            marks.append(_mark(x(state.t_s), base, "hazard", "#8e44ad", 14))
        if last.run and not decision.run and decision.cause is not None:
            words = f"{decision.cause.value}: {decision.rule} {decision.value:.2f} / {decision.limit:.2f}"
            marks.append(_mark(x(state.t_s), base, words, "#c0392b", 28))
        if decision.run and not last.run:
            marks.append(_mark(x(state.t_s), base, "armed", "#27ae60", 14))
    return marks


def _mark(at: float, base: float, words: str, colour: str, drop: float) -> str:
    side = "end" if at > _WIDE / 2 else "start"
    return (
        f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{base + _HIGH[1]}" stroke="{colour}" '
        'stroke-dasharray="4 3"/>'
        f'<text x="{at + (-4 if side == "end" else 4):.1f}" y="{_TOP + _HIGH[0] + drop}" fill="{colour}" '
        f'text-anchor="{side}">{words}</text>'
    )


def _dots(run: Run, x: Callable[[float], float], place: Callable[[float], float]) -> str:
    """Raw readings of a sensor at the front; failed ones as ticks at the console."""
    good, bad = [], []
    for state, _ in run.ticks:
        if not state.range_fresh:
            continue
        if state.range_fault is None:
            good.append(f'<circle cx="{x(state.t_s):.1f}" cy="{place(state.distance_m):.1f}" r="1.3"/>')
        else:
            bad.append(f'<rect x="{x(state.t_s):.1f}" y="{_TOP}" width="1.5" height="7"/>')
    return f'<g fill="#95a5a6" opacity="0.6">{"".join(good)}</g><g fill="#c0392b">{"".join(bad)}</g>'


def _line(points: list[tuple[float, float]], colour: str, wide: float) -> str:
    path = " ".join(f"{px:.1f},{py:.1f}" for px, py in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{wide}"/>'


def _band(top: float, bottom: float, colour: str) -> str:
    wide, high = _WIDE - _LEFT - _RIGHT, bottom - top
    return f'<rect x="{_LEFT}" y="{top:.1f}" width="{wide}" height="{high:.1f}" fill="{colour}"/>'


def _level(y: float, words: str, colour: str) -> str:
    return f'<line x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{colour}"/>' + _label(
        y, words
    )


def _label(y: float, words: str) -> str:
    return f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{words}</text>'


def _legend(y: float) -> str:
    entries = (
        ("#2c3e50", "pelvis, true"),
        ("#2980b9", "pelvis and velocity, estimated"),
        ("#e67e22", "would rest here, if cut now"),
        ("#7f8c8d", "belt speed"),
        ("#95a5a6", "readings"),
        ("#f1c40f", "warning"),
    )
    parts, at = [], _LEFT
    for colour, words in entries:
        parts.append(f'<rect x="{at}" y="{y - 9}" width="14" height="6" fill="{colour}"/>')
        parts.append(f'<text x="{at + 18}" y="{y}">{words}</text>')
        at += 40 + 6 * len(words)
    return "".join(parts)
