"""Owns the picture of one run: place, velocity and belt over time, each warning and each stop, as an SVG file.

Must never run or judge anything: it draws the states and decisions that it is given.
"""

from itertools import pairwise
from typing import NamedTuple

from firmware_py.core.frame import Decision
from firmware_py.plot import Plot, drawing
from firmware_py.report.charts import stretches
from firmware_py.rig.world.scene import State

_NOTE = "amber: a warning sounds; dots: readings of the distance sensor; red dots at the console: no reading"
_WIDTH = 900
_SLOWEST_M_S, _FASTEST_M_S = -0.5, 1.2  # of the second chart
_GAP_S = 0.3  # a longer gap in an estimate stays a gap


class Run(NamedTuple):
    """One run to draw, with the lines that held."""

    title: str
    ticks: list[tuple[State, Decision]]
    deck_length_m: float
    front_line_m: float
    rear_line_m: float


def svg(run: Run) -> str:
    """The whole picture."""
    return drawing(run.title, _NOTE, [_place(run), _speed(run)])


def _place(run: Run) -> Plot:
    plot = Plot(
        _span(run), (0.0, run.deck_length_m), "Place on the deck over time",
        "", "m from the console", _WIDTH, 300, down=True, names=True,
    )  # fmt: skip
    plot.area("beyond", y=(0.0, run.front_line_m))
    plot.area("beyond", y=(run.rear_line_m, run.deck_length_m))
    for stretch in stretches((s.t_s, d.run and d.warning is not None) for s, d in run.ticks):
        plot.area("warned", x=stretch)
    plot.level(run.front_line_m, "limit", "front line")
    plot.level(run.rear_line_m, "limit", "rear line")
    fresh = [state for state, _ in run.ticks if state.range_fresh]
    plot.dots([(s.t_s, s.distance_m) for s in fresh if s.range_fault is None], "reading", 1.3)
    plot.dots([(s.t_s, 0.0) for s in fresh if s.range_fault is not None], "missed", 1.8)
    plot.line([(s.t_s, s.position_m) for s, _ in run.ticks], "ink", "pelvis, true")
    rests = [(s.t_s, d.rest_position_m if d.run else None) for s, d in run.ticks]
    plot.line(rests, "forecast", "rest if cut", _GAP_S)
    plot.line([(s.t_s, d.position_m) for s, d in run.ticks], "curve", "estimated", _GAP_S)
    _moments(plot, run, words=True)
    return plot


def _speed(run: Run) -> Plot:
    plot = Plot(
        _span(run), (_SLOWEST_M_S, _FASTEST_M_S), "Velocity and belt speed over time",
        "time (s)", "m/s", _WIDTH, 170, names=True,
    )  # fmt: skip
    plot.level(0.0, "zero")
    plot.line([(s.t_s, s.belt_speed_m_s) for s, _ in run.ticks], "ink", "belt, true")
    plot.line([(s.t_s, d.velocity_m_s) for s, d in run.ticks], "curve", "walker", _GAP_S)
    _moments(plot, run, words=False)
    return plot


def _span(run: Run) -> tuple[float, float]:
    return run.ticks[0][0].t_s, run.ticks[-1][0].t_s


def _moments(plot: Plot, run: Run, words: bool) -> None:
    """When the belt was armed, when the hazard began, and each stop with its rule."""
    for (before, last), (state, decision) in pairwise(run.ticks):
        if decision.run and not last.run:
            plot.upright(state.t_s, "armed", "armed" if words else "")
        if state.hazard and not before.hazard:
            plot.upright(state.t_s, "forecast", "hazard" if words else "")
        if last.run and not decision.run and decision.cause is not None:
            why = f"{decision.cause.value}: {decision.rule} {decision.value:.2f} / {decision.limit:.2f}"
            plot.upright(state.t_s, "cut", why if words else "")
